// What the operator sets for one rq-scheduler, read and checked.
#pragma once

#include "lib/redis/redis.hpp"
#include "lib/rq/records.hpp"

#include <z4j/plugin.hpp>

#include <string>
#include <string_view>

namespace z4j::rq_scheduler {

struct Settings {
  redis::Options redis;
  rq::Keys keys;
  std::string timezone = "UTC";  // of the machine that rqscheduler runs on
  rq::Form serializer = rq::Form::pickle;
};

// Throws Z4J_BAD_CONFIG with the place.
[[nodiscard]] Settings read_settings(std::string_view config_json, const Host* host);

}  // namespace z4j::rq_scheduler
