// The loop that looks at RQ and tells the kernel what changed, with what it does when Redis is
// away: degraded health with the reason, growing waits, and a gap event once it is back.
//
// run() is the body of one thread. interrupt() may be called from any thread, after the gate
// stopped.
#pragma once

#include "lib/redis/redis.hpp"
#include "src/emitter.hpp"
#include "src/seen.hpp"
#include "src/settings.hpp"
#include "src/shared.hpp"
#include "src/survey.hpp"
#include "src/worker_watch.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace z4j::engine_rq {

class Poller {
 public:
  Poller(const Settings& settings, Host host, Shared& shared);

  void run();
  void interrupt() noexcept { redis_.interrupt(); }

 private:
  enum class Activity { quiet, active, more };
  // One look at everything. Throws what Connection throws.
  Activity look();
  void tell_purged();
  void lost(const std::string& why);
  void found_again();
  void tell_gap_when_rebuilt(bool complete);

  const Settings& settings_;
  Host host_;
  Shared& shared_;
  redis::Connection redis_;
  Emitter emitter_;
  SeenJobs seen_;
  Survey survey_;
  WorkerWatch workers_;
  std::chrono::steady_clock::time_point workers_looked_at_{};

  bool is_up_ = false;
  bool told_queues_left_out_ = false;
  std::string health_;  // as last told
  std::int64_t last_good_us_;
  std::int64_t watched_since_us_;
  bool gap_open_ = false;
  std::int64_t gap_from_us_ = 0, gap_to_us_ = 0;
  std::uint64_t gap_rebuilt_ = 0;
  std::string gap_why_;
};

}  // namespace z4j::engine_rq
