#include "lib/rq/redis_setting.hpp"

#include <string>
#include <string_view>

namespace z4j::rq {
namespace {

[[noreturn]] void bad_redis_setting(const std::string& message, const char* at) {
  throw Error(Z4J_BAD_CONFIG, message, at);
}

std::string resolved(std::string_view value, const Host* host, const char* at) {
  constexpr std::string_view kReference = "secret:";
  if (value.substr(0, kReference.size()) != kReference) return std::string(value);
  if (host == nullptr) return {};
  try {
    return host->secret(value.substr(kReference.size()));
  } catch (const Error& e) {
    bad_redis_setting(e.what(), at);
  }
}

}  // namespace

RedisSetting read_redis_setting(const json::Object& config, const Host* host) {
  RedisSetting s;
  const std::string_view given = json::text(config, "redis_url");
  if (given.empty())
    bad_redis_setting(
        "redis_url is missing; give the Redis that RQ uses, like redis://localhost:6379/0",
        "/redis_url");
  const std::string url = resolved(given, host, "/redis_url");
  const bool unresolved = url.empty();
  try {
    s.redis = redis::parse_url(unresolved ? "redis://localhost" : url);
  } catch (const Error& e) {
    bad_redis_setting(e.what(), "/redis_url");
  }
  s.redis.sentinel_master = json::text(config, "sentinel_master");
  const bool through_sentinel = url.compare(0, 9, "sentinel:") == 0;
  if (through_sentinel && s.redis.sentinel_master.empty()) {
    bad_redis_setting(
        "a sentinel:// URL needs sentinel_master, the name the sentinels know the master by",
        "/sentinel_master");
  }
  if (!through_sentinel && !unresolved && !s.redis.sentinel_master.empty()) {
    bad_redis_setting("sentinel_master needs a redis_url that starts with sentinel://",
                      "/sentinel_master");
  }
  s.redis.sentinel_password =
      resolved(json::text(config, "sentinel_password"), host, "/sentinel_password");
  if (const std::string_view ca = json::text(config, "tls_ca_file"); !ca.empty())
    s.redis.tls_ca_file = ca;
  s.keys.prefix = json::text(config, "prefix", "rq:");
  if (s.keys.prefix.empty()) bad_redis_setting("prefix must not be empty; RQ uses rq:", "/prefix");
  return s;
}

}  // namespace z4j::rq
