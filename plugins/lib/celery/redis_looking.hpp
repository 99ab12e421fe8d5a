// What every call to Redis needs that only looks.
#pragma once

#include "lib/redis/redis.hpp"

#include <z4j/plugin.hpp>

#include <cstdint>

namespace z4j::celery {

// What only looks may be tried again: whether it ran does not matter.
template <class F>
auto looking(F&& f) {
  try {
    return f();
  } catch (const Error& e) {
    if (e.code == Z4J_UNKNOWN) throw Error(Z4J_UNAVAILABLE, "the connection to Redis was lost");
    throw;
  }
}

[[nodiscard]] inline std::uint64_t count_in(const redis::Reply& r) {
  return r.type == redis::Reply::Type::integer && r.integer > 0
             ? static_cast<std::uint64_t>(r.integer)
             : 0;
}

}  // namespace z4j::celery
