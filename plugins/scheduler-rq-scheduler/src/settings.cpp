#include "src/settings.hpp"

#include "lib/calendar/zone.hpp"
#include "lib/json/json.hpp"
#include "lib/rq/redis_setting.hpp"

namespace z4j::rq_scheduler {

Settings read_settings(std::string_view config_json, const Host* host) {
  const json::Value root = json::parse(config_json, 1u << 20);
  const json::Object* config = root.if_object();
  if (config == nullptr) throw Error(Z4J_BAD_CONFIG, "the config must be an object");
  const rq::RedisSetting where = rq::read_redis_setting(*config, host);
  Settings s;
  s.redis = where.redis;
  s.keys = where.keys;
  s.timezone = json::text(*config, "timezone", "UTC");
  try {
    static_cast<void>(calendar::zone_named(s.timezone));
  } catch (const Error& e) {
    throw Error(Z4J_BAD_CONFIG, e.what(), "/timezone");
  }
  const std::string_view serializer = json::text(*config, "serializer", "pickle");
  if (serializer == "json") {
    s.serializer = rq::Form::json;
  } else if (serializer != "pickle") {
    throw Error(Z4J_BAD_CONFIG, "serializer must be pickle or json", "/serializer");
  }
  return s;
}

}  // namespace z4j::rq_scheduler
