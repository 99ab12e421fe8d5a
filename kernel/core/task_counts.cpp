#include "core/task_counts.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace z4j::core {
namespace {

namespace task_col = model::tasks;
namespace project_col = model::projects;

// Tasks that stand further back are counted seldom: a thousand times as long apart as it takes.
constexpr base::TimeUs kYoungTaskUs = 6 * 3600 * base::kSecondUs;
constexpr std::int64_t kOldTimesCost = 1000, kOldLeastMs = 1000, kOldMostMs = 600'000;
constexpr base::TimeUs kExactUs = 5 * base::kSecondUs;
constexpr std::uint32_t kCountTimeoutMs = 5000;
constexpr std::size_t kMaxKept = 256;
// What is counted before anybody asks.
constexpr std::uint32_t kFirstProjects = 64;
constexpr std::int64_t kFirstMs = 10'000;
constexpr std::chrono::seconds kPatience{10};

}  // namespace

TaskCounts::TaskCounts(Store& store, const base::Clock& clock, Options options)
    : store_(store), clock_(clock), options_(options) {
  if (options_.keep) thread_ = std::thread([this] { run(); });
}

TaskCounts::~TaskCounts() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

base::Result<TaskStates> TaskCounts::of(const base::Uuid& project) {
  auto old = options_.keep ? old_of(project) : count_old(project);
  if (!old) return std::move(old).error();
  Where which;
  which.eq(task_col::project_id, project).ge(task_col::sort_at, old->before);
  auto states = states_of(which);
  if (!states) return std::move(states).error();
  for (std::size_t i = 0; i < states->by_state.size(); ++i)
    states->by_state[i] += old->states.by_state[i];
  states->total += old->states.total;
  states->is_capped = states->is_capped || old->states.is_capped;
  states->is_approximate = states->is_capped || clock_.now() - old->counted_at > kExactUs;
  return states;
}

base::Result<TaskStates> TaskCounts::states_of(const Where& which) {
  Query query(Table::tasks);
  query.where = which;
  query.group(task_col::state).count().scan_limit(options_.most).timeout_ms(kCountTimeoutMs);
  TaskStates out;
  auto done = store_.each(query, [&](const Row& row) {
    const std::string_view state = row.text(0).empty() ? kTaskStateNames.front() : row.text(0);
    const auto known = std::find(kTaskStateNames.begin(), kTaskStateNames.end(), state);
    const std::size_t place = known == kTaskStateNames.end()
                                  ? kTaskStateNames.size() - 1
                                  : static_cast<std::size_t>(known - kTaskStateNames.begin());
    out.by_state[place] += row.num(1);
    out.total += row.num(1);
    return true;
  });
  if (!done) return std::move(done).error();
  out.is_capped = out.total >= static_cast<std::int64_t>(options_.most);
  return out;
}

base::Result<TaskCounts::Count> TaskCounts::count_old(const base::Uuid& project) {
  Count out;
  out.before = clock_.now() - kYoungTaskUs;
  Where which;
  which.eq(task_col::project_id, project).lt(task_col::sort_at, out.before);
  auto states = states_of(which);
  if (!states) return std::move(states).error();
  out.states = *states;
  out.counted_at = clock_.now();
  return out;
}

bool TaskCounts::claim(const base::Uuid& project) {
  const std::lock_guard lock(mutex_);
  if (kept_.size() >= kMaxKept && !kept_.contains(project))
    std::erase_if(kept_, [](const auto& one) { return !one.second.is_under_way; });
  Kept& kept = kept_[project];
  if (kept.is_under_way || (kept.count && clock_.steady_ms() < kept.until_ms)) return false;
  kept.is_under_way = true;
  return true;
}

base::Result<TaskCounts::Count> TaskCounts::renew(const base::Uuid& project) {
  const std::int64_t begun_ms = clock_.steady_ms();
  auto count = count_old(project);
  const std::int64_t now_ms = clock_.steady_ms();
  {
    const std::lock_guard lock(mutex_);
    Kept& kept = kept_[project];
    kept.is_under_way = false;
    if (count) kept.count = *count;
    kept.until_ms =
        now_ms + std::clamp((now_ms - begun_ms) * kOldTimesCost, kOldLeastMs, kOldMostMs);
  }
  changed_.notify_all();
  return count;
}

base::Result<TaskCounts::Count> TaskCounts::old_of(const base::Uuid& project) {
  {
    std::unique_lock lock(mutex_);
    const auto is_counted = [&] {
      const auto found = kept_.find(project);
      return found == kept_.end() || !found->second.is_under_way || found->second.count;
    };
    changed_.wait_for(lock, kPatience, is_counted);
    const auto found = kept_.find(project);
    if (found != kept_.end() && found->second.count) {
      if (clock_.steady_ms() >= found->second.until_ms && !found->second.is_under_way &&
          wanted_.insert(project).second)
        changed_.notify_all();
      return *found->second.count;
    }
  }
  return claim(project) ? renew(project) : count_old(project);
}

void TaskCounts::count_all() {
  Query query(Table::projects);
  query.columns({project_col::id}).limit(kFirstProjects);
  auto projects = store_.read(query);
  if (!projects) return;
  const std::int64_t until_ms = clock_.steady_ms() + kFirstMs;
  for (const Row& row : *projects) {
    {
      const std::lock_guard lock(mutex_);
      if (is_stopping_) return;
    }
    if (clock_.steady_ms() >= until_ms) return;
    const base::Uuid project = row.uuid(project_col::id);
    if (claim(project)) static_cast<void>(renew(project));  // who asks is told the error
  }
}

void TaskCounts::run() {
  count_all();
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return is_stopping_ || !wanted_.empty(); });
    if (is_stopping_) return;
    const base::Uuid project = wanted_.extract(wanted_.begin()).value();
    lock.unlock();
    if (claim(project)) static_cast<void>(renew(project));
    lock.lock();
  }
}

}  // namespace z4j::core
