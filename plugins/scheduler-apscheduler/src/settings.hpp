// What the operator sets for one APScheduler, read and checked.
#pragma once

#include "lib/database/database.hpp"
#include "lib/redis/redis.hpp"

#include <z4j/plugin.hpp>

#include <string>
#include <string_view>

namespace z4j::apscheduler {

struct Settings {
  bool is_redis = true;
  redis::Options redis;
  std::string jobs_key, run_times_key;
  database::Options database;
  std::string table;  // letters, digits and underscores
};

// Throws Z4J_BAD_CONFIG with the place. A URL "secret:NAME" is resolved by the host; without a host
// it is taken as good.
[[nodiscard]] Settings read_settings(std::string_view config_json, const Host* host);

}  // namespace z4j::apscheduler
