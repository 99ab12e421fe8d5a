// What the operator sets for one RQ instance, read and checked.
#pragma once

#include "lib/redis/redis.hpp"
#include "lib/rq/records.hpp"

#include <z4j/plugin.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace z4j::engine_rq {

struct Settings {
  redis::Options redis;
  rq::Keys keys;
  int poll_ms = 500;
  std::vector<std::string> extra_queues;
  rq::Form serializer = rq::Form::unknown;  // unknown: as the other jobs of the queue
};

// Throws Z4J_BAD_CONFIG with the place. A redis_url "secret:NAME" is resolved by the host; without
// a host it is taken as good.
[[nodiscard]] Settings read_settings(std::string_view config_json, const Host* host);

}  // namespace z4j::engine_rq
