// What became of fires: how their tasks ended, who is told, and the breaker that switches a
// schedule off when its runs fail one after another. Deletes old fires too.
//
// One brain does it for all, under a lease. It reads fires in their order, a little after they were
// made, keeps those whose end is not known (bounded) and looks at their tasks in pages. What has
// ended is counted in one commit that holds the fence and wants the fire uncounted, so each run
// counts once. A run has failed when its engine refused it or its task ended as failure; that no
// engine was there is nobody's failure. Success sets the count back.
//
// Threads: thread-safe. start() runs one thread; tests may call work() instead. While no fire is
// open the thread rests, until look() says that something may have fired.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/audit.hpp"
#include "core/leases.hpp"
#include "core/occasion.hpp"
#include "core/schedule.hpp"
#include "core/store.hpp"

namespace z4j::core {

class ScheduleOutcomes {
 public:
  struct Options {
    int max_failures = 5;  // of a schedule that says no number; 0: the breaker is off
    int retention_days = 30;
    std::chrono::milliseconds every{2'000};
    // The right to do it; none: another brain has it. Empty: nobody else is there.
    std::function<std::optional<Fence>()> may_run = {};
    std::function<void(Occasion)> on_occasion = {};
    // A schedule was switched off: to whoever plans it here, and to other brains.
    std::function<void(const base::Uuid& schedule)> on_edited = {};
    std::function<void(Commit&, const base::Uuid& schedule)> tell_others = {};
    std::function<void()> every_round = {};                  // of the thread
    std::function<void(const base::Status&)> on_ended = {};  // of each round of the thread
  };

  ScheduleOutcomes(Store& store, Audit& audit, const base::Clock& clock, base::Log& log,
                   Options options);
  ~ScheduleOutcomes();  // stop()
  ScheduleOutcomes(const ScheduleOutcomes&) = delete;
  ScheduleOutcomes& operator=(const ScheduleOutcomes&) = delete;

  void start();
  void stop();
  // Something may have fired, on whichever brain. Does not block.
  void look();
  // One round on this thread.
  [[nodiscard]] base::Status work();

 private:
  struct Open {  // a fire whose end is not known
    base::Uuid id, schedule_id, project_id;
    std::string engine, task_id;
    base::TimeUs fired_at = 0;
    bool is_told = false;  // that its engine took it
  };
  struct End {
    Open fire;
    std::string state;        // of the task
    bool is_failure = false;  // counts
    bool is_refusal = false;  // its engine did not take it
    std::string why;
  };

  [[nodiscard]] base::Status read_new();
  [[nodiscard]] base::Status look(std::vector<Open> some);
  [[nodiscard]] base::Status settle(const std::vector<End>& ends);
  [[nodiscard]] base::Status trip(const std::set<base::Uuid>& failed);
  void tell(std::string_view trigger, const std::vector<const Open*>& fires,
            const std::map<base::Uuid, std::string>& why);
  [[nodiscard]] base::Status forget_old();
  [[nodiscard]] bool has_open();
  void run();

  Store& store_;
  Audit& audit_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;

  std::mutex work_mutex_;               // one round at a time
  std::optional<Fence> fence_;          // of this round; guarded by work_mutex_, as are those below
  std::optional<std::int64_t> number_;  // of the fence that what is known belongs to
  base::TimeUs place_us_ = 0;           // everything before it was read
  std::optional<base::Uuid> place_id_;
  std::deque<Open> open_;
  std::int64_t next_forget_ms_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool is_stopping_ = false, has_news_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace z4j::core
