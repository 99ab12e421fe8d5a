#include "core/retention.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "core/error_groups.hpp"
#include "core/rollups.hpp"

namespace z4j::core {
namespace {

constexpr std::uint32_t kRetentionRows = 2000, kMostProjects = 10'000;
constexpr std::int64_t kBetweenStepsMs = 20, kFirstAfterMs = 60'000, kRetentionEveryMs = 3'600'000;

// What a project has kept long enough, each by an index that begins with the project.
std::vector<std::pair<Table, Where>> aged_of(const base::Uuid& project, base::TimeUs counts_since,
                                             base::TimeUs minutes_since, base::TimeUs tasks_since) {
  namespace minute_col = model::task_minutes;
  namespace hour_col = model::task_hours;
  namespace worker_col = model::worker_hours;
  namespace span_col = model::project_spans;
  namespace error_hour_col = model::error_hours;
  namespace error_group_col = model::error_groups;
  namespace task_col = model::tasks;
  namespace deploy_col = model::deploys;
  namespace depth_col = model::queue_minutes;
  std::vector<std::pair<Table, Where>> out;
  const auto aged = [&](Table table, std::uint16_t project_column, std::uint16_t time,
                        base::TimeUs before) -> Where& {
    Where& where = out.emplace_back(table, Where()).second;
    return where.eq(project_column, project).lt(time, before);
  };
  aged(Table::task_minutes, minute_col::project_id, minute_col::minute, minutes_since);
  aged(Table::task_hours, hour_col::project_id, hour_col::hour, counts_since);
  aged(Table::worker_hours, worker_col::project_id, worker_col::hour, counts_since);
  aged(Table::error_hours, error_hour_col::project_id, error_hour_col::hour, counts_since);
  aged(Table::error_groups, error_group_col::project_id, error_group_col::last_seen_at,
       counts_since);
  aged(Table::project_spans, span_col::project_id, span_col::begins, minutes_since)
      .eq(span_col::seconds, kMinuteSpanS);
  aged(Table::project_spans, span_col::project_id, span_col::begins, counts_since)
      .eq(span_col::seconds, kHourSpanS);
  aged(Table::queue_minutes, depth_col::project_id, depth_col::minute, minutes_since);
  aged(Table::deploys, deploy_col::project_id, deploy_col::at, counts_since);
  // By the list's order, and without news since.
  aged(Table::tasks, task_col::project_id, task_col::sort_at, tasks_since)
      .lt(task_col::updated_at, tasks_since);
  return out;
}

}  // namespace

Retention::Retention(Store& store, const base::Clock& clock, base::Log& log, int event_days,
                     MayRun may_run, std::function<void(const base::Status&)> on_ended)
    : store_(store),
      clock_(clock),
      log_(log),
      event_days_(event_days),
      may_run_(std::move(may_run)),
      on_ended_(std::move(on_ended)) {}

Retention::~Retention() { stop(); }

bool Retention::pause(std::int64_t ms) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return is_stopping_; });
}

base::Result<std::uint64_t> Retention::erase(Table table, const Where& where, std::uint32_t limit) {
  Commit commit;
  if (may_run_) {
    const auto fence = may_run_();
    if (!fence) return std::uint64_t{0};
    fence->guard(commit);
  }
  const std::size_t erasing = commit.steps();
  commit.erase(table, where, limit);
  commit.retention().relaxed();
  if (auto done = store_.commit(commit); !done) return std::move(done).error();
  return commit.affected(erasing);
}

base::Result<std::uint64_t> Retention::erase_all(Table table, const Where& where) {
  std::uint64_t erased = 0;
  for (;;) {
    auto n = erase(table, where, kRetentionRows);
    if (!n) return n;
    erased += *n;
    if (*n < kRetentionRows || !pause(kBetweenStepsMs)) return erased;
  }
}

base::Result<std::uint64_t> Retention::erase_events(base::TimeUs before) {
  Where old;
  if ((store_.info().capabilities & Z4J_STORE_DROPS_TIME) == 0)
    return erase_all(Table::events, old.lt(model::events::occurred_at, before));
  // A store that keeps days drops them whole, if it is asked for nothing but their time.
  return erase(Table::events, old.lt(model::events::occurred_at, before - before % base::kDayUs),
               0);
}

// The groups of errors beyond those that a project keeps: seen before the last of them.
base::Result<std::optional<Where>> Retention::unseen_groups(const base::Uuid& project) {
  namespace group_col = model::error_groups;
  Query query(Table::error_groups);
  query.where.eq(group_col::project_id, project);
  query.group(group_col::fingerprint)
      .fold(Z4J_AGG_MAX, group_col::last_seen_at)
      .order({1, 0}, true)
      .limit(kMostErrorGroups);
  std::uint32_t rows = 0;
  base::TimeUs last = 0;
  auto read = store_.each(query, [&](const Row& row) {
    ++rows;
    last = row.num(1);
    return true;
  });
  if (!read) return std::move(read).error();
  std::optional<Where> unseen;
  if (rows == kMostErrorGroups)
    unseen.emplace().eq(group_col::project_id, project).lt(group_col::last_seen_at, last);
  return unseen;
}

base::Result<std::uint64_t> Retention::run_once() {
  const base::TimeUs now = clock_.now();
  const base::TimeUs events_since = now - event_days_ * base::kDayUs;
  auto erased = erase_events(events_since);
  if (!erased) return erased;
  const auto more = [&](Table table, const Where& where) -> base::Status {
    auto n = erase_all(table, where);
    if (!n) return std::move(n).error();
    *erased += *n;
    return {};
  };
  const auto older = [&](std::uint16_t time) {
    Where old;
    return std::move(old.lt(time, events_since));
  };
  if (auto done = more(Table::dead_letters, older(model::dead_letters::created_at)); !done)
    return std::move(done).error();
  if (auto done = more(Table::gaps, older(model::gaps::to_at)); !done)
    return std::move(done).error();

  namespace project_col = model::projects;
  Query query(Table::projects);
  query.columns({project_col::id, project_col::retention_days}).limit(kMostProjects);
  auto projects = store_.read(query);
  if (!projects) return std::move(projects).error();
  for (const Row& project : *projects) {
    if (!pause(0)) return erased;
    const base::Uuid id = project.uuid(project_col::id);
    for (auto& [table, old] :
         aged_of(id, events_since, std::max(events_since, now - kMinutesKeptUs),
                 now - project.num(project_col::retention_days) * base::kDayUs)) {
      if (auto done = more(table, old); !done) return std::move(done).error();
    }
    auto unseen = unseen_groups(id);
    if (!unseen) return std::move(unseen).error();
    if (*unseen) {
      if (auto done = more(Table::error_groups, **unseen); !done) return std::move(done).error();
    }
  }
  return erased;
}

void Retention::start() {
  if (thread_.joinable()) return;
  is_stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void Retention::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Retention::run() {
  std::int64_t wait_ms = kFirstAfterMs;
  while (pause(wait_ms)) {
    wait_ms = kRetentionEveryMs;
    if (may_run_ && !may_run_()) continue;
    const auto erased = run_once();
    if (on_ended_) on_ended_(erased ? base::Status() : base::Status(erased.error()));
    if (!erased)
      log_.warn("retention not done", {{"why", erased.error().text()}});
    else if (*erased > 0)
      log_.info("old rows deleted", {{"rows", *erased}});
  }
}

}  // namespace z4j::core
