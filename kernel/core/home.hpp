// Figures over several projects at once, for the first page that people see.
//
// Counts come from the roll-ups, to the minute. Answers are shared for a moment among those who may
// see the same projects. Thread-safe. Errors: the store's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/page.hpp"
#include "core/recent.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct HomeFigures {
  std::int64_t tasks = 0, failures = 0;  // of 24 hours
  std::int64_t workers_online = 0, workers_total = 0, agents_online = 0, agents_total = 0;
  std::int64_t stuck_commands = 0;               // sent, and past their time
  std::optional<base::TimeUs> last_activity_at;  // of the last 30 days

  [[nodiscard]] double failure_rate() const noexcept;      // at most 1; 0 when idle
  [[nodiscard]] std::string_view health() const noexcept;  // offline, degraded, idle, healthy
  HomeFigures& operator+=(const HomeFigures& more) noexcept;
};

struct RecentFailure {
  base::Uuid id, project_id;
  std::string engine, task_id, name, worker, exception, priority;
  base::TimeUs occurred_at = 0;  // the end, else the start
  base::TimeUs sort_at = 0;
};

class Home {
 public:
  static constexpr double kHighRate = 0.05, kCriticalRate = 0.2;
  static constexpr std::int64_t kFewTasks = 20;  // a rate over fewer says little

  Home(Store& store, const base::Clock& clock, std::int64_t keep_ms)
      : store_(store), clock_(clock), kept_(clock, keep_ms) {}

  // An entry for each project.
  using Figures = std::map<base::Uuid, HomeFigures>;
  [[nodiscard]] base::Result<Figures> figures(const std::vector<base::Uuid>& projects);
  // Tasks that failed, latest start first.
  [[nodiscard]] base::Result<Page<RecentFailure>> failures(const std::vector<base::Uuid>& projects,
                                                           const std::optional<Place>& after,
                                                           std::uint32_t limit);

 private:
  [[nodiscard]] base::Result<Figures> compute(const std::vector<base::Uuid>& projects);
  [[nodiscard]] base::Status count_tasks(const std::vector<Cell>& projects, Figures& out);
  [[nodiscard]] base::Status count_fleet(const std::vector<Cell>& projects, Figures& out);
  [[nodiscard]] base::Status count_stuck(const std::vector<Cell>& projects, Figures& out);

  Store& store_;
  const base::Clock& clock_;
  Recent<std::vector<base::Uuid>, Figures> kept_;
};

}  // namespace z4j::core
