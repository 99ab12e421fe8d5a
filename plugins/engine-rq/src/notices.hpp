// Wakes the poller when Redis says that a job changed, where the server already sends keyspace
// notices; it is never asked to. Without them, or without the right to subscribe, polling is
// enough.
//
// run() is the body of one thread. interrupt() may be called from any thread, after the gate
// stopped.
#pragma once

#include "lib/redis/redis.hpp"
#include "src/settings.hpp"
#include "src/shared.hpp"

namespace z4j::engine_rq {

class Notices {
 public:
  Notices(const Settings& settings, Shared& shared)
      : settings_(settings), shared_(shared), redis_(settings.redis) {}

  void run();
  void interrupt() noexcept { redis_.interrupt(); }

 private:
  const Settings& settings_;
  Shared& shared_;
  redis::Connection redis_;
};

}  // namespace z4j::engine_rq
