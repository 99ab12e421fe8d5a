// What the operator sets for one beat, read and checked.
#pragma once

#include "lib/database/database.hpp"
#include "lib/redis/redis.hpp"

#include <z4j/plugin.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace z4j::celery_beat {

enum class StoreKind : std::uint8_t { django, redbeat, persistent };

struct Settings {
  StoreKind store = StoreKind::django;
  database::Options database;       // django
  std::string naive_times_in;       // django with USE_TZ off: its TIME_ZONE
  redis::Options redis;             // redbeat
  std::string prefix = "redbeat:";  // redbeat
  bool expects_lock = true;         // redbeat
  std::string timezone = "UTC";     // redbeat, persistent: the zone of crontabs
  std::string path;                 // persistent
};

// Throws Z4J_BAD_CONFIG with the place. A URL "secret:NAME" is resolved by the host; without a host
// it is taken as good.
[[nodiscard]] Settings read_settings(std::string_view config_json, const Host* host);

}  // namespace z4j::celery_beat
