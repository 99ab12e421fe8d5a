// Tells when workers come, beat and go. RQ keeps a hash per worker that outlives a killed one for
// minutes at most; a worker whose hash is gone or has a death is down. One thread.
#pragma once

#include "lib/redis/redis.hpp"
#include "lib/rq/records.hpp"
#include "src/emitter.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace z4j::engine_rq {

// All workers RQ lists, by name, the gone ones with !exists(). Bounded. Throws what Connection
// throws.
[[nodiscard]] std::vector<rq::Worker> read_workers(redis::Connection& redis, const rq::Keys& keys);

class WorkerWatch {
 public:
  void look(redis::Connection& redis, const rq::Keys& keys, std::int64_t now_us, EventSink& sink);

 private:
  struct Known {
    std::int64_t birth = 0, heartbeat = 0;
    std::string hostname;
    std::int64_t pid = 0;
  };
  std::map<std::string, Known> known_;
};

}  // namespace z4j::engine_rq
