#include "src/settings.hpp"

#include "lib/json/json.hpp"

#include <cmath>

namespace z4j::engine_rq {
namespace {

constexpr std::size_t kMaxExtraQueues = 200;

[[noreturn]] void bad_setting(const std::string& message, const char* at) {
  throw Error(Z4J_BAD_CONFIG, message, at);
}

std::string resolved_secret(std::string_view value, const Host* host, const char* at) {
  constexpr std::string_view kReference = "secret:";
  if (value.substr(0, kReference.size()) != kReference) return std::string(value);
  if (host == nullptr) return {};
  try {
    return host->secret(value.substr(kReference.size()));
  } catch (const Error& e) {
    bad_setting(e.what(), at);
  }
}

}  // namespace

Settings read_settings(std::string_view config_json, const Host* host) {
  const json::Value root = json::parse(config_json, 1u << 20);
  const json::Object* config = root.if_object();
  if (config == nullptr) bad_setting("the config must be an object", "");
  Settings s;
  const std::string_view given = json::text(*config, "redis_url");
  if (given.empty())
    bad_setting("redis_url is missing; give the Redis that RQ uses, like redis://localhost:6379/0",
                "/redis_url");
  const std::string url = resolved_secret(given, host, "/redis_url");
  const bool unresolved = url.empty();
  try {
    s.redis = redis::parse_url(unresolved ? "redis://localhost" : url);
  } catch (const Error& e) {
    bad_setting(e.what(), "/redis_url");
  }
  s.redis.sentinel_master = json::text(*config, "sentinel_master");
  const bool through_sentinel = url.compare(0, 9, "sentinel:") == 0;
  if (through_sentinel && s.redis.sentinel_master.empty()) {
    bad_setting(
        "a sentinel:// URL needs sentinel_master, the name the sentinels know the master by",
        "/sentinel_master");
  }
  if (!through_sentinel && !unresolved && !s.redis.sentinel_master.empty()) {
    bad_setting("sentinel_master needs a redis_url that starts with sentinel://",
                "/sentinel_master");
  }
  s.redis.sentinel_password =
      resolved_secret(json::text(*config, "sentinel_password"), host, "/sentinel_password");
  if (const std::string_view ca = json::text(*config, "tls_ca_file"); !ca.empty())
    s.redis.tls_ca_file = ca;
  s.keys.prefix = json::text(*config, "prefix", "rq:");
  if (s.keys.prefix.empty()) bad_setting("prefix must not be empty; RQ uses rq:", "/prefix");
  const double seconds = json::number(*config, "poll_seconds", 0.5);
  if (!(seconds >= 0.1 && seconds <= 60))
    bad_setting("poll_seconds must be from 0.1 to 60", "/poll_seconds");
  s.poll_ms = static_cast<int>(std::lround(seconds * 1000));
  if (const json::Array* queues = json::array(*config, "queues")) {
    if (queues->size() > kMaxExtraQueues) bad_setting("at most 200 queues can be named", "/queues");
    for (const json::Value& q : *queues) {
      const json::String* name = q.if_string();
      if (name == nullptr || name->empty()) bad_setting("queues must hold names", "/queues");
      s.extra_queues.emplace_back(name->data(), name->size());
    }
  }
  const std::string_view serializer = json::text(*config, "serializer", "auto");
  if (serializer == "pickle") {
    s.serializer = rq::Form::pickle;
  } else if (serializer == "json") {
    s.serializer = rq::Form::json;
  } else if (serializer != "auto") {
    bad_setting("serializer must be auto, pickle or json", "/serializer");
  }
  return s;
}

}  // namespace z4j::engine_rq
