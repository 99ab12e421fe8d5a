// Figures of a project, from the roll-ups and from counts that an index answers.
//
// An answer says whether the tasks by state are exact: see task_counts.hpp. Dashboards ask again on
// every change, so an answer is kept for a moment and shared. Thread-safe. Errors: the store's.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/fleet.hpp"
#include "core/recent.hpp"
#include "core/store.hpp"
#include "core/task_counts.hpp"

namespace z4j::core {

inline constexpr double kHighFailureRate = 0.10;

struct ProjectStats {
  std::array<std::int64_t, kTaskStateNames.size()>
      tasks_by_state{};  // all time, in the order of the names
  std::int64_t tasks_total = 0;
  bool tasks_capped = false;       // more tasks than are counted
  bool tasks_approximate = false;  // capped, or the count of old tasks is some seconds old
  std::int64_t tasks_failed = 0, tasks_succeeded = 0;  // in the window
  std::int64_t agents_online = 0, agents_offline = 0, workers_online = 0, workers_offline = 0;
  std::int64_t commands_pending = 0, commands_completed = 0, commands_failed = 0,
               commands_timeout = 0;
  std::vector<FleetQueue> queues;

  [[nodiscard]] double failure_rate() const noexcept;  // 0 when idle
  [[nodiscard]] bool are_agents_online() const noexcept {
    return agents_offline == 0 && agents_online > 0;
  }
  [[nodiscard]] bool are_queues_short() const noexcept;
  [[nodiscard]] std::string_view health() const noexcept;  // healthy, degraded, critical
};

struct TrendPoint {
  base::TimeUs at = 0;  // start of the bucket
  std::int64_t success = 0, failure = 0, retry = 0, revoked = 0;
  // None without runs; the shares come from a histogram and are as fine as its buckets.
  std::optional<std::int64_t> avg_runtime_ms, p50_runtime_ms, p95_runtime_ms, p99_runtime_ms;
};

struct TrendQuery {
  std::int64_t window_s = 0, bucket_s = 0;
  std::string task_name, queue;  // empty: all
  friend auto operator<=>(const TrendQuery&, const TrendQuery&) = default;
};

class Stats {
 public:
  struct Options {
    std::int64_t keep_ms = 1000;  // see recent.hpp
  };
  Stats(Store& store, const base::Clock& clock, Options options);

  [[nodiscard]] base::Result<ProjectStats> project(const base::Uuid& project, int hours);
  // Buckets that have something, oldest first.
  [[nodiscard]] base::Result<std::vector<TrendPoint>> trends(const base::Uuid& project,
                                                             const TrendQuery& asked);

  // Over all projects, for metrics.
  [[nodiscard]] base::Result<std::map<std::string, std::int64_t>> commands_by_status();

 private:
  [[nodiscard]] base::Result<ProjectStats> compute(const base::Uuid& project, int hours);
  [[nodiscard]] base::Status count_tasks(const base::Uuid& project, ProjectStats& out);
  [[nodiscard]] base::Result<std::vector<TrendPoint>> compute_trends(const base::Uuid& project,
                                                                     const TrendQuery& asked);
  [[nodiscard]] base::Status count_finished(const base::Uuid& project, base::TimeUs since,
                                            ProjectStats& out);
  [[nodiscard]] base::Status count_states(Table table, const base::Uuid& project,
                                          std::int64_t& online, std::int64_t& offline);
  [[nodiscard]] base::Status count_commands(const base::Uuid& project, base::TimeUs since,
                                            ProjectStats& out);

  Store& store_;
  const base::Clock& clock_;
  Fleet fleet_;
  Recent<std::pair<base::Uuid, int>, ProjectStats> kept_;
  Recent<std::pair<base::Uuid, TrendQuery>, std::vector<TrendPoint>> kept_trends_;
  TaskCounts task_counts_;
};

}  // namespace z4j::core
