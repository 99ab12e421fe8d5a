#include "src/settings.hpp"

#include "lib/json/json.hpp"
#include "lib/schedule/secrets.hpp"

namespace z4j::apscheduler {
namespace {

[[noreturn]] void bad_setting(const std::string& message, const char* at) {
  throw Error(Z4J_BAD_CONFIG, message, at);
}

}  // namespace

Settings read_settings(std::string_view config_json, const Host* host) {
  const json::Value root = json::parse(config_json, 1u << 20);
  const json::Object* config = root.if_object();
  if (config == nullptr) bad_setting("the config must be an object", "");
  Settings s;
  const std::string_view redis_url = json::text(*config, "redis_url");
  const std::string_view database_url = json::text(*config, "database_url");
  if (redis_url.empty() == database_url.empty())
    bad_setting("give either redis_url or database_url: where the scheduler's job store is",
                redis_url.empty() ? "/redis_url" : "/database_url");
  s.is_redis = !redis_url.empty();
  if (s.is_redis) {
    const std::string url = schedule::resolved_secret(redis_url, host, "/redis_url");
    try {
      s.redis = redis::parse_url(url.empty() ? "redis://localhost" : url);
    } catch (const Error& e) {
      bad_setting(e.what(), "/redis_url");
    }
    s.redis.sentinel_master = json::text(*config, "sentinel_master");
    if (const std::string_view ca = json::text(*config, "tls_ca_file"); !ca.empty())
      s.redis.tls_ca_file = ca;
    s.jobs_key = json::text(*config, "jobs_key", "apscheduler.jobs");
    s.run_times_key = json::text(*config, "run_times_key", "apscheduler.run_times");
    return s;
  }
  const std::string url = schedule::resolved_secret(database_url, host, "/database_url");
  if (!url.empty()) s.database.address = database::read_address(url);
  s.database.schema = json::text(*config, "schema");
  s.table = json::text(*config, "table", "apscheduler_jobs");
  constexpr std::string_view kNames =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  if (s.table.find_first_not_of(kNames) != std::string::npos)
    bad_setting("table must be letters, digits and underscores", "/table");
  return s;
}

}  // namespace z4j::apscheduler
