// One job of a copy as bytes: all of its hash and who waits for whom. Only this engine reads them.
#pragma once

#include "lib/redis/redis.hpp"

#include <string>
#include <string_view>

namespace z4j::engine_rq {

struct CopiedJob {
  std::string id;
  std::int64_t ttl_ms = -1;
  redis::Args fields;  // names and values
  redis::Args dependents, dependencies;
};

[[nodiscard]] std::string pack(const CopiedJob& job);
// Throws Z4J_INVALID when the bytes are no such job.
[[nodiscard]] CopiedJob unpack(std::string_view bytes);

}  // namespace z4j::engine_rq
