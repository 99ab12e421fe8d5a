// When schedules will run, or would have run: their due times in a window, which of them come
// together, what load that makes, and what of it really happened. Writes nothing.
//
// Due times come from the scheduler itself (preview), so that a simulation and the scheduler never
// disagree. The load is what past runs of the same tasks took, and what the workers that are online
// can do at once.
//
// Everything is bounded, and an answer says where it was cut. Thread-safe. Errors: invalid, `where`
// is the member; else the store's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/schedule.hpp"
#include "core/schedule_draft.hpp"
#include "core/schedules.hpp"
#include "core/store.hpp"

namespace z4j::core {

// A schedule as it might be: a stored one with other members, or a new one.
struct WhatIf {
  std::optional<base::Uuid> schedule = {};
  std::string name = {}, scheduler = {};  // of a new one
  SchedulePatch members = {};
};

// {"schedule_id"?, and the members that are to be others}, or all members of a new one. Error:
// invalid.
[[nodiscard]] base::Result<WhatIf> read_what_if(const base::json::Value& item);

struct SimulationQuery {
  base::TimeUs from = 0, until = 0;        // behind `from`, up to `until`
  std::vector<base::Uuid> schedules = {};  // empty: all
  bool with_disabled = false;              // asked for by id, they are in anyway
  std::vector<WhatIf> what_if = {};
  std::int64_t bucket_s = 3600;  // of the load
  std::uint32_t most = 500;      // fires that are listed
  bool against_fires = false;    // compare with what was fired
};

struct SimulatedSchedule {
  std::optional<base::Uuid> id;  // none: it is not stored
  std::string name, scheduler, engine, task_name;
  bool is_changed = false;                 // by a what-if
  std::int64_t fires = 0;                  // in the window
  bool is_cut = false;                     // there are more
  std::optional<std::int64_t> runtime_ms;  // of past runs, on average; none: it never ran
  std::string why_not;                     // its times are not known
};

struct SimulatedFire {
  base::TimeUs at = 0;
  std::size_t schedule = 0;  // index
};

// Schedules that are due in the same instant, or minute.
struct Collision {
  base::TimeUs at = 0;
  std::size_t fires = 0;
  std::vector<std::size_t> schedules;  // indices, each once, the first few
};

struct LoadBucket {
  base::TimeUs at = 0;
  std::int64_t fires = 0, busy_ms = 0, peak_running = 0;
};
struct EngineLoad {
  std::string engine;
  std::int64_t concurrency = 0;      // of its workers that are online
  std::int64_t without_runtime = 0;  // fires of tasks that never ran
  std::int64_t peak_running = 0;
  std::vector<LoadBucket> buckets;  // those that have something
};

// What was fired of a schedule's times that are past.
struct FireComparison {
  std::size_t schedule = 0;  // index
  std::int64_t expected = 0, fired = 0, skipped = 0, unexpected = 0;
  std::vector<base::TimeUs> missed;  // the first few
  std::int64_t missed_count = 0;
  bool was_edited = false;  // within the window: its times were others
};

struct Simulation {
  base::TimeUs from = 0, until = 0;
  std::vector<SimulatedSchedule> schedules;
  std::vector<SimulatedFire> fires;          // earliest first, as many as asked for
  std::int64_t fires_count = 0;              // all of them
  bool is_cut = false;                       // not all schedules, or not all of their times
  std::vector<Collision> instants, minutes;  // the largest first
  std::vector<EngineLoad> load;
  std::vector<FireComparison> comparisons;  // where asked for, of the kernel's own schedules
};

class Simulator {
 public:
  static constexpr base::TimeUs kLongestWindow = 400 * base::kDayUs;
  static constexpr std::size_t kMostSchedules = 2'000, kMostWhatIfs = 100, kMostBuckets = 1'000;
  static constexpr std::uint32_t kMostListed = 10'000;
  static constexpr std::size_t kMostTimes = 200'000;  // of all schedules together

  // Both must outlive it.
  Simulator(Store& store, const base::Clock& clock, Schedules::Preview preview)
      : store_(store), clock_(clock), preview_(std::move(preview)) {}

  // Of one schedule, behind `from`, at most `most`.
  [[nodiscard]] base::Result<std::vector<base::TimeUs>> next(const Schedule& schedule,
                                                             base::TimeUs from,
                                                             std::uint32_t most) const;
  [[nodiscard]] base::Result<Simulation> run(const base::Uuid& project,
                                             const SimulationQuery& query) const;

 private:
  using Runtimes = std::map<std::pair<std::string, std::string>, std::int64_t>;  // engine, task: us

  [[nodiscard]] base::Result<std::vector<Schedule>> chosen(const base::Uuid& project,
                                                           const SimulationQuery& query,
                                                           Simulation& out) const;
  void add_times(const Schedule& schedule, std::size_t index, std::size_t most,
                 Simulation& out) const;
  [[nodiscard]] base::Result<Runtimes> runtimes(const base::Uuid& project) const;
  [[nodiscard]] base::Status add_load(const base::Uuid& project, std::int64_t bucket_s,
                                      Simulation& out) const;
  [[nodiscard]] base::Status compare(const base::Uuid& project,
                                     const std::vector<Schedule>& schedules, Simulation& out) const;

  Store& store_;
  const base::Clock& clock_;
  const Schedules::Preview preview_;
};

}  // namespace z4j::core
