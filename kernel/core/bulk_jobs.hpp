// Jobs that do one thing to every task of a selection.
//
// A job goes through its selection in pieces of at most 500 tasks. Of each piece, those that are
// not as they were previewed are left alone and told as `changed`, with what they are now. The
// others are marked `started` in the store, in the commit that also wants the job to be running
// still; only then are they sent, in one call where the engine takes many. What came of them is
// stored with the marks of the next piece. So each task is sent once, whatever dies in between:
// a mark without an outcome is looked up in the store and in the engine when a brain takes the job
// over, and stays `unknown` when neither knows. A repetition gets an id that follows from job and
// place where the engine lets us choose it, so that its events prove it.
//
// Three unknown outcomes in a row pause a job, and so does an engine that stays away; a person
// resumes it. A job that stands for a command (bulk-retry) is not paused: what can't be sent is
// refused, and the command's result tells of each task at the end.
//
// One brain at a time (a lease) runs jobs, a few side by side; every commit checks its fence.
//
// Threads: thread-safe. start() runs a few threads; tests may call work() instead. Errors: see
// refusal.hpp; else the store's.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/audit.hpp"
#include "core/bulk_action.hpp"
#include "core/engine_routes.hpp"
#include "core/leases.hpp"
#include "core/metrics.hpp"
#include "core/page.hpp"
#include "core/selections.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct BulkJob {
  base::Uuid id, project_id, selection_id;
  std::optional<base::Uuid> command_id, created_by, agent_id;
  std::string source_ip;
  BulkAction action = BulkAction::retry;
  base::json::Object params;
  std::string state, error;  // state: waiting, running, paused, cancelled, done, failed
  std::optional<double> rate_per_second;
  std::int64_t total = 0, done = 0, sent = 0, refused = 0, unknown = 0, changed = 0;
  base::TimeUs created_at = 0, updated_at = 0;
  std::optional<base::TimeUs> started_at, finished_at;

  [[nodiscard]] std::int64_t worked_off() const noexcept {
    return done + sent + refused + unknown + changed;
  }
  [[nodiscard]] bool is_over() const noexcept {
    return state == "cancelled" || state == "done" || state == "failed";
  }
};
[[nodiscard]] BulkJob bulk_job_of(const Row& row);  // of a Query on bulk_jobs with all()

struct NewBulkJob {
  base::Uuid id = base::Uuid::random(), project_id, selection_id;
  std::optional<base::Uuid> command_id, agent_id;
  Actor actor;
  BulkAction action = BulkAction::retry;
  base::json::Object params;
  std::optional<double> rate_per_second;
  std::int64_t total = 0;
  base::TimeUs created_at = 0;
};
// Steps of a commit.
void add_bulk_job(Commit& commit, const NewBulkJob& made);

// What each task of a job gets, beside what is known of it.
[[nodiscard]] base::Status check_bulk_params(BulkAction action, const base::json::Object& params);

class BulkJobs {
 public:
  static constexpr std::uint32_t kMostAtOnce = 500;  // tasks in one piece
  static constexpr std::uint32_t kOneByOne = 25;     // in a piece for engines that take one each
  static constexpr unsigned kMostUnknown = 3;        // in a row
  static constexpr double kMostRate = 100'000;

  // Asks an engine about tasks, as HeldAgents::read().
  using Read = std::function<void(const base::Uuid& agent, std::string_view what,
                                  std::string page_json, int deadline_ms, plugin::Answer answer)>;

  struct Options {
    unsigned threads = 4;                            // jobs at work at the same time
    int timeout_s = 60;                              // of one call to an engine
    std::chrono::milliseconds engine_grace{60'000};  // so long an engine is waited for
    std::int64_t keep_days = 30;
    // The right to run jobs; none: another brain does. Empty: nobody else is there.
    std::function<std::optional<Fence>()> may_work = {};
    std::function<void(Commit&)> tell_others = {};  // that a job waits
    std::function<void(const base::Uuid& project)> on_changed = {};
    std::function<base::json::Value(base::json::Value)> redact = {};
    Read read = {};  // none: engines are not asked about tasks
    // A command that a job stood for has ended.
    std::function<void(std::string_view action, std::string_view status)> on_command_ended = {};
  };

  BulkJobs(Store& store, Audit& audit, EngineRoutes& routes, const base::Clock& clock,
           base::Log& log, Options options);
  ~BulkJobs();  // stop()
  BulkJobs(const BulkJobs&) = delete;
  BulkJobs& operator=(const BulkJobs&) = delete;

  struct Asked {
    base::Uuid project_id, selection_id;
    std::optional<base::Uuid> agent_id;  // none: whoever can
    std::optional<double> rate_per_second;
    base::json::Object params;
    std::optional<std::string> idempotency_key;  // 1 to 200 characters
    Actor actor;
  };
  // The same key with the same request gives back the first job. Conflicts: selection_not_ready,
  // selection_used, selection_expired, idempotency_key.
  [[nodiscard]] base::Result<BulkJob> create(const Asked& asked);
  [[nodiscard]] base::Result<BulkJob> find(const base::Uuid& project, const base::Uuid& id);
  // Newest first.
  [[nodiscard]] base::Result<Page<BulkJob>> list(const base::Uuid& project,
                                                 const std::optional<std::string>& state,
                                                 const std::optional<Place>& after,
                                                 std::uint32_t limit);
  enum class Turn { pause, resume, cancel };
  // Conflict (not_running, not_paused, over) when it stands elsewhere. What is under way is
  // finished.
  [[nodiscard]] base::Result<BulkJob> turn(const base::Uuid& project, const base::Uuid& id, Turn to,
                                           const Actor& actor);

  void look();
  void start();
  // Ends the threads; jobs at work stay `running` and go on at the next start, here or elsewhere.
  void stop();
  // Takes one job as far as it goes, on this thread. False when none can run.
  bool work();

  void write_metrics(MetricText& out) const;

 private:
  class Run;  // one job at work; bulk_run.cpp

  [[nodiscard]] bool is_stopping() const;
  void loop(bool looks);

  Store& store_;
  Audit& audit_;
  EngineRoutes& routes_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;
  CounterFamily items_{
      "z4j_bulk_items_total", "tasks that bulk jobs worked off", {"action", "outcome"}};

  std::atomic<bool> waits_ = false;  // some job is not over
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::set<base::Uuid> at_work_;  // guarded by mutex_, as are those below
  std::uint64_t looks_ = 1;       // counts calls of look()
  bool is_stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace z4j::core
