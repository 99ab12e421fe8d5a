#include "core/schedule_outcomes.hpp"

#include <algorithm>
#include <utility>

#include "core/fire_commands.hpp"
#include "core/refusal.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace col = model::schedules;
namespace fire_col = model::schedule_fires;
namespace task_col = model::tasks;
namespace cmd = model::commands;

constexpr std::string_view kFireFailed = "schedule.fire.failed",
                           kFireSucceeded = "schedule.fire.succeeded",
                           kScheduledTaskFailed = "schedule.task_failed",
                           kBreakerTripped = "schedule.circuit_breaker.tripped";

constexpr base::TimeUs kLookBackUs = 6 * 3'600 * base::kSecondUs;  // of a new leader
// Commits don't come in the order of their fires' times; after so long none is missed.
constexpr base::TimeUs kSettleUs = 3 * base::kSecondUs;
// A fire whose command's outcome is unknown, and whose task is not seen for so long.
constexpr base::TimeUs kUnseenTaskUs = 300 * base::kSecondUs;
constexpr base::TimeUs kGiveUpUs = base::kDayUs;
constexpr std::uint32_t kOutcomePage = 1'000;
constexpr int kOutcomePages = 10;
constexpr std::size_t kMostOpen = 200'000, kLooksAtOnce = 5'000, kOutcomeRows = 500;
constexpr std::uint32_t kForgetRows = 2'000;
constexpr std::int64_t kForgetEveryMs = 3'600'000;
// After news the rounds go on for so long: a fire is read a little after it was made.
constexpr std::int64_t kAwakeMs = 10'000, kOutcomeRestMs = 60'000;
constexpr std::uint32_t kForgetProjects = 10'000;

bool is_end_state(std::string_view state) {
  return state == "success" || state == "failure" || state == "revoked" || state == "rejected";
}

}  // namespace

ScheduleOutcomes::ScheduleOutcomes(Store& store, Audit& audit, const base::Clock& clock,
                                   base::Log& log, Options options)
    : store_(store), audit_(audit), clock_(clock), log_(log), options_(std::move(options)) {}

ScheduleOutcomes::~ScheduleOutcomes() { stop(); }

base::Status ScheduleOutcomes::read_new() {
  for (int page = 0; page < kOutcomePages; ++page) {
    Query query(Table::schedule_fires);
    query.where.lt(fire_col::fired_at, clock_.now() - kSettleUs)
        .is_null(fire_col::task_state)
        .not_null(fire_col::task_id);
    if (place_id_)
      query.after({Cell(place_us_), Cell(*place_id_)});
    else
      query.where.ge(fire_col::fired_at, place_us_);
    query.all().order({fire_col::fired_at, fire_col::id}).limit(kOutcomePage);
    std::uint32_t rows = 0;
    auto read = store_.each(query, [&](const Row& row) {
      ++rows;
      place_us_ = row.num(fire_col::fired_at);
      place_id_ = row.uuid(fire_col::id);
      open_.push_back({*place_id_, row.uuid(fire_col::schedule_id), row.uuid(fire_col::project_id),
                       std::string(row.text(fire_col::engine)),
                       std::string(row.text(fire_col::task_id)), place_us_, false});
      return true;
    });
    if (!read) return read;
    if (open_.size() > kMostOpen) {
      log_.warn("the ends of some fires are not looked for: too many are open",
                {{"fires", open_.size() - kMostOpen}});
      open_.erase(open_.begin(),
                  open_.begin() + static_cast<std::ptrdiff_t>(open_.size() - kMostOpen));
    }
    if (rows < kOutcomePage) return {};
  }
  return {};
}

base::Status ScheduleOutcomes::look(std::vector<Open> some) {
  std::map<base::Uuid, Open*> by_fire, by_task;
  std::vector<Cell> ids;
  for (Open& fire : some) {
    by_fire[fire.id] = &fire;
    ids.emplace_back(fire.id);
  }
  std::vector<End> ends;
  std::vector<const Open*> taken;
  std::set<base::Uuid> goes_on;
  Query fires(Table::schedule_fires);
  fires.where.in(fire_col::id, std::move(ids)).is_null(fire_col::task_state);
  fires.columns({fire_col::id, fire_col::status, fire_col::error_code});
  auto read = store_.each(fires, [&](const Row& row) {
    const auto found = by_fire.find(row.uuid(fire_col::id));
    if (found == by_fire.end()) return true;
    Open& fire = *found->second;
    const std::string_view status = row.text(fire_col::status);
    const std::string code(row.text(fire_col::error_code));
    const bool is_unknown = code == "unknown" || code == "timeout";  // it may have run
    if (status == "acked_failed" && !is_unknown) {
      const bool was_there = code != refuse::kAgentOffline && code != kNotTaken;
      ends.push_back({fire, "not_sent", was_there, true, code});
      return true;
    }
    if (status == "acked_failed" && fire.fired_at < clock_.now() - kUnseenTaskUs) {
      ends.push_back({fire, "unknown", false, true, code});
      return true;
    }
    goes_on.insert(fire.id);
    if (status != "acked_success" && !is_unknown) return true;
    if (!is_unknown && !std::exchange(fire.is_told, true)) taken.push_back(&fire);
    by_task[model::task_row_id(fire.project_id, fire.engine, fire.task_id)] = &fire;
    return true;
  });
  if (!read) return read;
  std::vector<Cell> rows;
  for (const auto& each : by_task) rows.emplace_back(each.first);
  if (!rows.empty()) {
    Query tasks(Table::tasks);
    tasks.where.in(task_col::id, std::move(rows));
    read = store_.each(tasks.columns({task_col::id, task_col::state}), [&](const Row& row) {
      const auto found = by_task.find(row.uuid(task_col::id));
      if (found == by_task.end() || !is_end_state(row.text(task_col::state))) return true;
      const bool is_failure = row.text(task_col::state) == "failure";
      goes_on.erase(found->second->id);
      ends.push_back(
          {*found->second, std::string(row.text(task_col::state)), is_failure, false, {}});
      return true;
    });
    if (!read) return read;
  }
  if (auto settled = settle(ends); !settled) return settled;
  tell(kFireSucceeded, taken, {});
  for (Open& fire : some) {
    if (goes_on.count(fire.id) > 0 && fire.fired_at > clock_.now() - kGiveUpUs)
      open_.push_back(std::move(fire));
  }
  return {};
}

base::Status ScheduleOutcomes::settle(const std::vector<End>& ends) {
  if (ends.empty()) return {};
  std::vector<const End*> by_time, by_id;
  for (const End& end : ends) by_time.push_back(&end);
  by_id = by_time;
  std::sort(by_time.begin(), by_time.end(),
            [](const End* a, const End* b) { return a->fire.fired_at < b->fire.fired_at; });
  std::sort(by_id.begin(), by_id.end(),
            [](const End* a, const End* b) { return a->fire.id < b->fire.id; });
  struct Count {
    bool is_reset = false;
    std::int64_t failures = 0;
  };
  std::map<base::Uuid, Count> counts;
  std::set<base::Uuid> failed;
  std::vector<const Open*> refused, failing;
  std::map<base::Uuid, std::string> why;
  for (const End* end : by_time) {
    Count& count = counts[end->fire.schedule_id];
    if (end->is_refusal)
      refused.push_back(&end->fire);
    else if (end->is_failure)
      failing.push_back(&end->fire);
    why[end->fire.id] = end->why;
    if (end->is_failure) {
      ++count.failures;
      failed.insert(end->fire.schedule_id);
    } else if (end->state == "success") {
      count = {true, 0};
    }
  }
  std::map<std::pair<bool, std::int64_t>, std::vector<Cell>> groups;
  for (const auto& [schedule, count] : counts) {
    if (count.is_reset || count.failures > 0)
      groups[{count.is_reset, count.failures}].emplace_back(schedule);
  }
  Commit commit;
  if (fence_) fence_->guard(commit);
  Rows rows(Table::schedule_fires);
  for (const End* end : by_id)
    rows.begin().uuid(fire_col::id, end->fire.id).text(fire_col::task_state, end->state);
  commit.patch(std::move(rows), Where().is_null(fire_col::task_state));
  for (auto& [group, schedules] : groups) {
    Where these;
    these.in(col::id, std::move(schedules));
    const auto& [is_reset, failures] = group;
    if (is_reset && failures == 0) these.gt(col::failures, 0);
    commit.update(Table::schedules, std::move(these),
                  {{col::failures, failures,
                    is_reset ? std::uint16_t{Z4J_M_SET} : std::uint16_t{Z4J_M_ADD}}});
  }
  if (auto done = store_.commit(commit); !done) return done;
  tell(kFireFailed, refused, why);
  tell(kScheduledTaskFailed, failing, why);
  return trip(failed);
}

// Switches those off whose runs have failed too often in a row.
base::Status ScheduleOutcomes::trip(const std::set<base::Uuid>& failed) {
  if (failed.empty()) return {};
  Query query(Table::schedules);
  query.where.in(col::id, std::vector<Cell>(failed.begin(), failed.end()))
      .eq(col::is_enabled, true)
      .eq(col::owner, "");
  std::vector<Schedule> tripped;
  auto read = store_.each(query.all(), [&](const Row& row) {
    Schedule schedule = schedule_of(row);
    const std::int64_t most = schedule.max_failures.value_or(options_.max_failures);
    if (most > 0 && schedule.failures >= most) tripped.push_back(std::move(schedule));
    return true;
  });
  if (!read) return read;
  for (const Schedule& schedule : tripped) {
    AuditEntry entry = AuditEntry::of(Actor(), kBreakerTripped, "schedule", schedule.id.text(),
                                      schedule.project_id);
    entry.metadata = {{"name", schedule.name}, {"failures", schedule.failures}};
    auto done = audit_.commit({std::move(entry)}, [&](Commit& commit) {
      if (fence_) fence_->guard(commit);
      Where unchanged;
      unchanged.eq(col::id, schedule.id)
          .eq(col::revision, schedule.revision)
          .eq(col::is_enabled, true);
      commit.update(Table::schedules, std::move(unchanged),
                    {{col::is_enabled, false},
                     {col::stopped_why, "failures"},
                     {col::revision, 1, Z4J_M_ADD},
                     {col::is_planned, false},
                     {col::updated_at, clock_.now()}},
                    1, 1);
      if (options_.tell_others) options_.tell_others(commit, schedule.id);
    });
    if (!done && done.error().code == base::Code::conflict) continue;  // edited meanwhile
    if (!done) return done;
    log_.warn("schedule switched off: its runs fail",
              {{"schedule", schedule.id.text()}, {"failures", schedule.failures}});
    if (options_.on_edited) options_.on_edited(schedule.id);
    if (!options_.on_occasion) continue;
    Occasion occasion;
    occasion.trigger = kBreakerTripped;
    occasion.project_id = schedule.project_id;
    occasion.at = clock_.now();
    occasion.subject = schedule.name;
    occasion.detail = std::to_string(schedule.failures) + " runs in a row have failed";
    occasion.task_name = schedule.task_name;
    occasion.engine = schedule.engine;
    occasion.priority = schedule.priority;
    options_.on_occasion(std::move(occasion));
  }
  return {};
}

void ScheduleOutcomes::tell(std::string_view trigger, const std::vector<const Open*>& fires,
                            const std::map<base::Uuid, std::string>& why) {
  if (!options_.on_occasion || fires.empty()) return;
  std::set<base::Uuid> ids;
  for (const Open* fire : fires) ids.insert(fire->schedule_id);
  std::map<base::Uuid, Schedule> schedules;
  Query query(Table::schedules);
  query.where.in(col::id, std::vector<Cell>(ids.begin(), ids.end()));
  auto read = store_.each(query.all(), [&schedules](const Row& row) {
    Schedule schedule = schedule_of(row);
    const base::Uuid id = schedule.id;
    schedules.emplace(id, std::move(schedule));
    return true;
  });
  if (!read) {
    log_.warn("nobody was told of fires", {{"why", read.error().text()}});
    return;
  }
  for (const Open* fire : fires) {
    const auto found = schedules.find(fire->schedule_id);
    if (found == schedules.end()) continue;  // deleted meanwhile
    const Schedule& schedule = found->second;
    const auto reason = why.find(fire->id);
    Occasion occasion;
    occasion.trigger = trigger;
    occasion.project_id = fire->project_id;
    occasion.at = fire->fired_at;
    occasion.subject = schedule.name;
    if (reason != why.end()) occasion.detail = reason->second;
    occasion.task_id = fire->task_id;
    occasion.task_name = schedule.task_name;
    occasion.engine = fire->engine;
    occasion.queue = schedule.queue.value_or("");
    occasion.priority = schedule.priority;
    if (trigger == kScheduledTaskFailed) {
      occasion.state = "failure";
      occasion.task_row = model::task_row_id(fire->project_id, fire->engine, fire->task_id);
    }
    options_.on_occasion(std::move(occasion));
  }
}

// A page of fires that have been kept long enough, and their commands; again soon while there are
// more.
base::Status ScheduleOutcomes::forget_old() {
  const std::int64_t now_ms = clock_.steady_ms();
  if (now_ms < next_forget_ms_) return {};
  const base::TimeUs before = clock_.now() - options_.retention_days * base::kDayUs;
  Query projects(Table::projects);
  projects.columns({model::projects::id}).limit(kForgetProjects);
  auto rows = store_.read(projects);
  if (!rows) return std::move(rows).error();
  Commit commit;
  if (fence_) fence_->guard(commit);
  const std::size_t first = commit.steps();
  commit.erase(Table::schedule_fires, Where().lt(fire_col::fired_at, before), kForgetRows);
  for (const Row& row : *rows) {
    commit.erase(Table::commands,
                 Where()
                     .eq(cmd::project_id, row.uuid(model::projects::id))
                     .lt(cmd::issued_at, before)
                     .eq(cmd::action, kScheduleFire),
                 kForgetRows);
  }
  if (auto done = store_.commit(commit); !done) return done;
  bool has_more = false;
  for (std::size_t step = first; step < commit.steps(); ++step)
    has_more = has_more || commit.affected(step) >= kForgetRows;
  if (!has_more) next_forget_ms_ = now_ms + kForgetEveryMs;
  return {};
}

base::Status ScheduleOutcomes::work() {
  const std::lock_guard one_at_a_time(work_mutex_);
  fence_ = options_.may_run ? options_.may_run() : std::nullopt;
  if (options_.may_run && !fence_) {
    number_.reset();
    open_.clear();
    return {};
  }
  const std::int64_t number = fence_ ? fence_->number : 0;
  if (number_ != number) {
    number_ = number;
    open_.clear();
    place_us_ = clock_.now() - kLookBackUs;
    place_id_.reset();
  }
  if (auto read = read_new(); !read) return read;
  const std::size_t looks = std::min(open_.size(), kLooksAtOnce);
  for (std::size_t looked = 0; looked < looks;) {
    const std::size_t n = std::min(kOutcomeRows, looks - looked);
    std::vector<Open> some(std::make_move_iterator(open_.begin()),
                           std::make_move_iterator(open_.begin() + static_cast<std::ptrdiff_t>(n)));
    open_.erase(open_.begin(), open_.begin() + static_cast<std::ptrdiff_t>(n));
    looked += n;
    if (auto done = look(some); !done) {
      // Looked at again: none of them was counted.
      open_.insert(open_.end(), some.begin(), some.end());
      return done;
    }
  }
  return forget_old();
}

void ScheduleOutcomes::start() {
  if (thread_.joinable()) return;
  thread_ = std::thread([this] { run(); });
}

void ScheduleOutcomes::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void ScheduleOutcomes::look() {
  const std::lock_guard lock(mutex_);
  has_news_ = true;
}

bool ScheduleOutcomes::has_open() {
  const std::lock_guard round(work_mutex_);
  return !open_.empty();
}

void ScheduleOutcomes::run() {
  std::int64_t awake_until_ms = 0, next_ms = 0;
  for (;;) {
    bool has_news = false;
    {
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, options_.every, [this] { return is_stopping_; })) return;
      has_news = std::exchange(has_news_, false);
    }
    if (options_.every_round) options_.every_round();
    const std::int64_t now_ms = clock_.steady_ms();
    if (has_news) awake_until_ms = now_ms + kAwakeMs;
    if (now_ms >= awake_until_ms && now_ms < next_ms && !has_open()) continue;
    next_ms = now_ms + kOutcomeRestMs;
    const auto done = work();
    if (!done) log_.warn("what became of fires not looked up", {{"why", done.error().text()}});
    if (options_.on_ended) options_.on_ended(done);
  }
}

}  // namespace z4j::core
