#include "src/settings.hpp"

#include "lib/calendar/zone.hpp"
#include "lib/json/json.hpp"
#include "lib/schedule/secrets.hpp"

namespace z4j::celery_beat {
namespace {

[[noreturn]] void bad_setting(const std::string& message, const char* at) {
  throw Error(Z4J_BAD_CONFIG, message, at);
}

void check_zone(const std::string& name, const char* at) {
  try {
    static_cast<void>(calendar::zone_named(name));
  } catch (const Error& e) {
    bad_setting(e.what(), at);
  }
}

void read_django(Settings& s, const json::Object& config, const Host* host) {
  const std::string_view given = json::text(config, "database_url");
  if (given.empty())
    bad_setting("database_url is missing; give the database of the Django application",
                "/database_url");
  const std::string url = schedule::resolved_secret(given, host, "/database_url");
  if (!url.empty()) s.database.address = database::read_address(url);
  s.database.schema = json::text(config, "schema");
  s.naive_times_in = json::text(config, "naive_times_in");
  if (!s.naive_times_in.empty()) check_zone(s.naive_times_in, "/naive_times_in");
}

void read_redbeat(Settings& s, const json::Object& config, const Host* host) {
  const std::string_view given = json::text(config, "redis_url");
  if (given.empty())
    bad_setting("redis_url is missing; give the Redis of redbeat_redis_url, or the broker's",
                "/redis_url");
  const std::string url = schedule::resolved_secret(given, host, "/redis_url");
  try {
    s.redis = redis::parse_url(url.empty() ? "redis://localhost" : url);
  } catch (const Error& e) {
    bad_setting(e.what(), "/redis_url");
  }
  s.redis.sentinel_master = json::text(config, "sentinel_master");
  if (const std::string_view ca = json::text(config, "tls_ca_file"); !ca.empty())
    s.redis.tls_ca_file = ca;
  s.prefix = json::text(config, "prefix", "redbeat:");
  if (s.prefix.empty()) bad_setting("prefix must not be empty; RedBeat uses redbeat:", "/prefix");
  s.expects_lock = json::boolean(config, "expects_lock", true);
}

}  // namespace

Settings read_settings(std::string_view config_json, const Host* host) {
  const json::Value root = json::parse(config_json, 1u << 20);
  const json::Object* config = root.if_object();
  if (config == nullptr) bad_setting("the config must be an object", "");
  Settings s;
  s.timezone = json::text(*config, "timezone", "UTC");
  check_zone(s.timezone, "/timezone");
  const std::string_view store = json::text(*config, "store");
  if (store == "django") {
    read_django(s, *config, host);
  } else if (store == "redbeat") {
    s.store = StoreKind::redbeat;
    read_redbeat(s, *config, host);
  } else if (store == "persistent") {
    s.store = StoreKind::persistent;
    s.path = json::text(*config, "path");
    if (s.path.empty())
      bad_setting("path is missing; give the file of beat's --schedule option", "/path");
  } else {
    bad_setting("store must be django, redbeat or persistent", "/store");
  }
  return s;
}

}  // namespace z4j::celery_beat
