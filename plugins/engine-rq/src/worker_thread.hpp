// Runs commands and snapshots one after another on a connection of its own, so that neither a
// caller nor the poller waits for them. Bounded: beyond that it answers Z4J_BUSY.
//
// add() may be called from any thread. Each op is answered once: by its run, or when the thread
// ends.
#pragma once

#include "lib/redis/redis.hpp"
#include "src/settings.hpp"
#include "src/shared.hpp"

#include <z4j/plugin.hpp>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

namespace z4j::engine_rq {

struct Request {
  Op op;
  std::uint64_t verb = 0;  // 0: a snapshot
  std::string subject;     // target of a command, kind of a snapshot
  std::string json;
};

class WorkerThread {
 public:
  WorkerThread(const Settings& settings, Shared& shared)
      : settings_(settings), shared_(shared), redis_(settings.redis) {}

  void add(Request request);
  void run();
  // After the gate stopped: ends the wait and the call that runs.
  void interrupt() noexcept;

 private:
  void serve(Request& request);

  const Settings& settings_;
  Shared& shared_;
  redis::Connection redis_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Request> waiting_;  // guarded by mutex_
  bool ended_ = false;           // guarded by mutex_
};

}  // namespace z4j::engine_rq
