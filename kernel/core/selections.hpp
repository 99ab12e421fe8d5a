// Sets of tasks, frozen: what people are shown before they act on many is what is acted on.
//
// A set is asked for by a filter of the task list, or by ids. It is built in the background from
// one reading of the store, so that tasks which come or change meanwhile neither join nor leave it:
// the whole set, or none and the reason with the count. Each task stands in it with its state then;
// those that nothing can be done to are marked with the reason and left out of the total. A set is
// used by one job (bulk_jobs.hpp), and forgotten some time after.
//
// One brain at a time (a lease) builds; a set that its brain left half-built is built anew.
//
// Threads: thread-safe. start() runs one thread; tests may call work() instead. Errors: see
// refusal.hpp; else the store's.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
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
#include "core/command_plan.hpp"
#include "core/engine_routes.hpp"
#include "core/leases.hpp"
#include "core/page.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct Selection {
  base::Uuid id, project_id;
  std::optional<base::Uuid> created_by;
  BulkAction action = BulkAction::retry;
  std::string state, error;  // state: building, ready, used, failed
  base::json::Object asked;  // "filter", "max", and what the kernel added
  base::json::Value summary;
  std::int64_t total = 0;  // tasks that something will be done to
  base::TimeUs created_at = 0, expires_at = 0;
  std::optional<base::TimeUs> built_at;
};
[[nodiscard]] Selection selection_of(const Row& row);  // of a Query on selections with all()

struct SelectionItem {
  std::int64_t number = 0;
  std::string engine, task_id, name, queue, state;  // as they were; state never empty
  std::string exclusion, outcome, reason, new_task_id;
  std::optional<base::TimeUs> finished_at;
};
[[nodiscard]] SelectionItem selection_item_of(
    const Row& row);  // of a Query on selection_items with all()

struct NewSelection {
  base::Uuid id = base::Uuid::random(), project_id;
  std::optional<base::Uuid> created_by;
  BulkAction action = BulkAction::retry;
  base::json::Object filter;  // as BulkFilter::parse() takes it
  std::int64_t max = 0;
  // Of more than `max` the newest, and tasks that were retried before once more: what the command
  // bulk-retry has always meant.
  bool is_of_command = false;
  base::TimeUs created_at = 0, expires_at = 0;
};
// Steps of a commit. look() after it builds the set at once.
void add_selection(Commit& commit, const NewSelection& made);

class Selections {
 public:
  static constexpr std::uint64_t kMostOpen = 50;  // per project: neither used nor forgotten

  struct Options {
    std::int64_t max_items = 100'000;
    std::int64_t ttl_s = 3600;  // of a set that nobody uses
    double rate_per_s = 50;     // for estimates
    // The right to build; none: another brain does. Empty: nobody else is there.
    std::function<std::optional<Fence>()> may_work = {};
    std::function<void(Commit&)> tell_others = {};  // that there is something to build
    std::function<void(const base::Uuid& project)> on_changed = {};
    std::function<void()> on_built = {};  // also of those that could not be
  };

  Selections(Store& store, Audit& audit, EngineRoutes& routes, const base::Clock& clock,
             base::Log& log, Options options);
  ~Selections();  // stop()
  Selections(const Selections&) = delete;
  Selections& operator=(const Selections&) = delete;

  // `max` none: as many as there may be. Keys that only the server may set are an error.
  [[nodiscard]] base::Result<Selection> create(const base::Uuid& project, BulkAction action,
                                               const base::json::Object& filter,
                                               std::optional<std::int64_t> max, const Actor& actor);
  [[nodiscard]] base::Result<Selection> find(const base::Uuid& project, const base::Uuid& id);
  // Newest first.
  [[nodiscard]] base::Result<Page<Selection>> list(const base::Uuid& project,
                                                   const std::optional<Place>& after,
                                                   std::uint32_t limit);
  // In their order, from `from` on. `outcome` "excluded": those that nothing is done to; "waiting":
  // those whose turn has not come.
  [[nodiscard]] base::Result<std::vector<SelectionItem>> items(
      const base::Uuid& selection, const std::optional<std::string>& outcome, std::int64_t from,
      std::uint32_t limit);
  // Not one that is used.
  [[nodiscard]] base::Status remove(const base::Uuid& project, const base::Uuid& id,
                                    const Actor& actor);

  [[nodiscard]] const Options& options() const noexcept { return options_; }

  void look();
  void start();
  void stop();
  // Builds one set on this thread. False when none waits.
  bool work();
  // Forgets what has expired, a piece at a time. How many rows went.
  [[nodiscard]] base::Result<std::uint64_t> sweep(const std::optional<Fence>& fence);

 private:
  struct Building;
  [[nodiscard]] base::Status build(const Selection& selection);
  [[nodiscard]] base::Status find_all(Building& b);
  [[nodiscard]] base::Status find_named(Building& b);
  [[nodiscard]] base::Status fail(const Selection& selection, const std::string& why,
                                  base::json::Value summary);
  [[nodiscard]] base::Status erase_items(const base::Uuid& selection);
  [[nodiscard]] bool guard(Commit& commit) const;  // false: another brain's
  [[nodiscard]] base::Status push(Building& b);
  void take(Building& b, SelectionItem item, const Row* task);
  void run();

  Store& store_;
  Audit& audit_;
  EngineRoutes& routes_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;

  std::mutex work_mutex_;            // one set at a time
  std::atomic<bool> waits_ = false;  // a set could not be built yet
  std::mutex mutex_;
  std::condition_variable wake_;
  bool is_poked_ = true, is_stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace z4j::core
