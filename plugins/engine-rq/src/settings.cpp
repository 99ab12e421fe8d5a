#include "src/settings.hpp"

#include "lib/json/json.hpp"
#include "lib/rq/redis_setting.hpp"

#include <cmath>

namespace z4j::engine_rq {
namespace {

constexpr std::size_t kMaxExtraQueues = 200;

[[noreturn]] void bad_setting(const std::string& message, const char* at) {
  throw Error(Z4J_BAD_CONFIG, message, at);
}

}  // namespace

Settings read_settings(std::string_view config_json, const Host* host) {
  const json::Value root = json::parse(config_json, 1u << 20);
  const json::Object* config = root.if_object();
  if (config == nullptr) bad_setting("the config must be an object", "");
  Settings s;
  const rq::RedisSetting where = rq::read_redis_setting(*config, host);
  s.redis = where.redis;
  s.keys = where.keys;
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
