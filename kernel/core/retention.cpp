#include "core/retention.hpp"

#include <chrono>
#include <vector>

namespace z4j::core {
namespace {

constexpr std::uint32_t kRetentionRows = 2000, kMostProjects = 10'000;
constexpr std::int64_t kBetweenStepsMs = 20, kFirstAfterMs = 60'000, kRetentionEveryMs = 3'600'000;

}  // namespace

Retention::Retention(Store& store, const base::Clock& clock, base::Log& log, int event_days)
    : store_(store), clock_(clock), log_(log), event_days_(event_days) {}

Retention::~Retention() { stop(); }

bool Retention::pause(std::int64_t ms) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return is_stopping_; });
}

base::Result<std::uint64_t> Retention::erase_all(Table table, const Where& where) {
  std::uint64_t erased = 0;
  for (;;) {
    Commit commit;
    commit.erase(table, where, kRetentionRows);
    commit.retention().relaxed();
    if (auto done = store_.commit(commit); !done) return std::move(done).error();
    erased += commit.affected(0);
    if (commit.affected(0) < kRetentionRows || !pause(kBetweenStepsMs)) return erased;
  }
}

base::Result<std::uint64_t> Retention::run_once() {
  const base::TimeUs now = clock_.now();
  const base::TimeUs events_since = now - event_days_ * base::kDayUs;
  struct Aged {
    Table table;
    std::uint16_t time;
  };
  std::uint64_t erased = 0;
  for (const Aged aged : {Aged{Table::events, model::events::occurred_at},
                          Aged{Table::task_minutes, model::task_minutes::minute},
                          Aged{Table::dead_letters, model::dead_letters::created_at},
                          Aged{Table::gaps, model::gaps::to_at}}) {
    Where old;
    old.lt(aged.time, events_since);
    auto n = erase_all(aged.table, old);
    if (!n) return n;
    erased += *n;
  }

  namespace project_col = model::projects;
  namespace task_col = model::tasks;
  Query query(Table::projects);
  query.columns({project_col::id, project_col::retention_days}).limit(kMostProjects);
  auto projects = store_.read(query);
  if (!projects) return std::move(projects).error();
  for (const Row& project : *projects) {
    if (!pause(0)) return erased;
    const base::TimeUs since = now - project.num(project_col::retention_days) * base::kDayUs;
    Where old;  // by the list's order, which is indexed; and without news since
    old.eq(task_col::project_id, project.uuid(project_col::id))
        .lt(task_col::sort_at, since)
        .lt(task_col::updated_at, since);
    auto n = erase_all(Table::tasks, old);
    if (!n) return n;
    erased += *n;
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
    const auto erased = run_once();
    if (!erased)
      log_.warn("retention not done", {{"why", erased.error().text()}});
    else if (*erased > 0)
      log_.info("old rows deleted", {{"rows", *erased}});
  }
}

}  // namespace z4j::core
