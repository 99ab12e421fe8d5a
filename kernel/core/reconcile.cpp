#include "core/reconcile.hpp"

#include <algorithm>
#include <array>

namespace z4j::core {
namespace {

namespace task_col = model::tasks;
namespace json = base::json;

// What is not over, likeliest to have ended first; "" is pending, stored as null.
constexpr std::array<std::string_view, 4> kOpenStates{"started", "received", "retry", ""};
constexpr std::size_t kLostAtOnce = 500, kAllAtMost = 10'000;
constexpr std::size_t kUnknownKept = 10'000, kTaskIdBytes = 1024;
constexpr base::TimeUs kLostApart = 300 * base::kSecondUs;
constexpr std::int64_t kPassEveryMs = 60'000, kAllEveryMs = 30'000, kRetryMs = 5'000;
constexpr int kAskDeadlineMs = 30'000, kAskTries = 5;

// The event that takes a task to where the engine says it is; none when there is no news in it.
std::optional<std::uint16_t> proving_kind(std::string_view stored, std::string_view now) {
  if (now == "success") return Z4J_EV_SUCCEEDED;
  if (now == "failure") return Z4J_EV_FAILED;
  if (now == "revoked") return Z4J_EV_REVOKED;
  if (now == "started" && stored != "started") return Z4J_EV_STARTED;
  if (now == "received" && stored.empty()) return Z4J_EV_RECEIVED;
  return std::nullopt;
}

}  // namespace

Reconcile::Reconcile(Store& store, const base::Clock& clock, base::Log& log, std::string instance,
                     SnapshotRows::Owner owner)
    : Reconcile(store, clock, log, std::move(instance), std::move(owner), Pace()) {}

Reconcile::Reconcile(Store& store, const base::Clock& clock, base::Log& log, std::string instance,
                     SnapshotRows::Owner owner, Pace pace)
    : store_(store),
      clock_(clock),
      log_(log),
      instance_(std::move(instance)),
      owner_(std::move(owner)),
      pace_(pace),
      next_pass_ms_(clock.steady_ms() + kPassEveryMs) {}

void Reconcile::look_at_all() { wants_all_ = true; }

// Puts the next tasks of the walk into asked_; nothing there when the walk is over.
base::Status Reconcile::fetch(Walk& walk, std::optional<base::TimeUs> silent_since) {
  while (asked_.empty() && walk.left > 0 && walk.state < pace_.states) {
    const std::string_view state = kOpenStates[walk.state];
    Query query(Table::tasks);
    query.where.eq(task_col::project_id, owner_.project_id).eq(task_col::engine, owner_.engine);
    if (state.empty())
      query.where.is_null(task_col::state);
    else
      query.where.eq(task_col::state, state);
    query.where.any([this](Where& w) {
      w.eq(task_col::agent_id, owner_.agent_id).is_null(task_col::agent_id);
    });
    if (silent_since) query.where.lt(task_col::updated_at, *silent_since);
    // Behind `after` all are old enough; said twice, SQLite would walk the finished ones too.
    if (silent_since && !walk.after) query.where.lt(task_col::sort_at, *silent_since);
    const std::size_t limit = std::min(pace_.at_once, walk.left);
    query
        .columns({task_col::id, task_col::task_id, task_col::name, task_col::queue,
                  task_col::worker_name, task_col::sort_at})
        .order({task_col::sort_at, task_col::id}, true)
        .limit(static_cast<std::uint32_t>(limit));
    if (walk.after) query.after({Cell(walk.after->first), Cell(walk.after->second)});
    std::size_t fetched = 0;
    auto done = store_.each(query, [&](const Row& row) {
      ++fetched;
      walk.after = {row.num(task_col::sort_at), row.uuid(task_col::id)};
      const std::string_view task_id = row.text(task_col::task_id);
      if (task_id.empty() || task_id.size() > kTaskIdBytes) return true;
      asked_[std::string(task_id)] = OpenTask{
          row.uuid(task_col::id), std::string(state), std::string(row.text(task_col::name)),
          std::string(row.text(task_col::queue)), std::string(row.text(task_col::worker_name))};
      return true;
    });
    if (!done) {
      asked_.clear();
      return done;
    }
    walk.left -= fetched;
    if (fetched < limit) {
      ++walk.state;
      walk.after.reset();
    }
  }
  return {};
}

std::optional<SnapshotQuestion> Reconcile::ask() {
  const std::int64_t now_ms = clock_.steady_ms();
  if (is_unable_ || is_out_ || batch_.rows() > 0 || now_ms < next_ms_) return std::nullopt;
  if (asked_.empty() && wants_all_ && now_ms >= next_all_ms_) {
    wants_all_ = false;
    next_all_ms_ = now_ms + kAllEveryMs;
    all_ = Walk{.state = 0, .after = {}, .left = kAllAtMost};
    read_back_ = 0;
  }
  if (asked_.empty() && all_) {
    if (auto done = fetch(*all_, std::nullopt); !done) {
      next_ms_ = now_ms + kRetryMs;
      log_.warn("open tasks not read", {{"instance", instance_}, {"why", done.error().text()}});
      return std::nullopt;
    }
    if (asked_.empty()) {
      all_.reset();
      told_ = read_back_;
    }
  }
  if (asked_.empty()) {
    if (now_ms >= next_pass_ms_) {
      next_pass_ms_ = now_ms + kPassEveryMs;
      turns_.left = pace_.per_pass;
      if (turns_.state >= pace_.states) {  // once around
        turns_.state = 0;
        turns_.after.reset();
        forget_unasked();
      }
    }
    if (turns_.left == 0) return std::nullopt;
    if (auto done = fetch(turns_, clock_.now() - pace_.silence); !done) {
      next_ms_ = now_ms + kRetryMs;
      log_.warn("open tasks not read", {{"instance", instance_}, {"why", done.error().text()}});
      return std::nullopt;
    }
    if (asked_.empty()) {
      turns_.left = 0;
      return std::nullopt;
    }
  }
  json::Array ids;
  for (const auto& [task_id, task] : asked_) ids.emplace_back(task_id);
  is_out_ = true;
  return SnapshotQuestion{SnapshotKind::states,
                          json::write({{"limit", pace_.at_once}, {"task_ids", std::move(ids)}}),
                          kAskDeadlineMs};
}

void Reconcile::drop_question() {
  asked_.clear();
  tries_ = 0;
}

void Reconcile::take(const base::Result<std::string>& answer) {
  is_out_ = false;
  auto page = answer ? read_task_states(*answer, clock_.now())
                     : base::Result<SnapshotPage<TaskReport>>(answer.error());
  if (!page) {
    const base::Error& why = page.error();
    if (why.code == base::Code::unsupported) {
      is_unable_ = true;
      return drop_question();
    }
    next_ms_ = clock_.steady_ms() + kRetryMs;
    if (why.is_world() && ++tries_ < kAskTries) return;  // the same question again
    log_.warn("engine did not tell of open tasks",
              {{"instance", instance_}, {"tasks", asked_.size()}, {"why", why.text()}});
    return drop_question();
  }
  tries_ = 0;
  for (const TaskReport& report : page->items) {
    const auto asked = asked_.find(report.task_id);
    if (asked == asked_.end()) continue;  // nobody asked, or told twice
    prove(asked->second, asked->first, report);
    asked_.erase(asked);
  }
  asked_.clear();
  count_lost();
}

void Reconcile::count_lost() {
  lost_ = static_cast<std::size_t>(
      std::count_if(unknown_.begin(), unknown_.end(), [](const auto& entry) {
        return entry.second.last_at - entry.second.first_at >= kLostApart;
      }));
}

void Reconcile::prove(const OpenTask& task, const std::string& task_id, const TaskReport& report) {
  if (report.state == "unknown") return count_unknown(task, task_id);
  unknown_.erase(task.row_id);
  const auto kind = proving_kind(task.state, report.state);
  if (!kind) return;
  json::Object attrs{{"rebuilt", true}, {"reconciled", true}, {"evidence", report.evidence}};
  if (report.has_result) attrs["result"] = report.result;
  if (!report.exception.empty()) attrs["exception"] = report.exception;
  const bool is_over = *kind != Z4J_EV_STARTED && *kind != Z4J_EV_RECEIVED;
  batch_.begin_row(is_over && report.finished_at ? *report.finished_at : clock_.now(), *kind);
  batch_.engine(owner_.engine);
  batch_.task(task.name);
  batch_.queue(task.queue);
  // An event of now would bring the worker of then back to life.
  if (is_over && report.finished_at) batch_.worker(task.worker);
  batch_.task_id(task_id);
  batch_.attrs_json(json::write(attrs));
  if (all_) ++read_back_;
}

void Reconcile::count_unknown(const OpenTask& task, const std::string& task_id) {
  const base::TimeUs now = clock_.now();
  auto at = unknown_.find(task.row_id);
  if (at == unknown_.end()) {
    if (unknown_.size() >= kUnknownKept) return;
    Trace trace;
    trace.first_at = now;
    trace.task_id = task_id;
    at = unknown_.emplace(task.row_id, std::move(trace)).first;
  }
  at->second.task = task;
  at->second.last_at = now;
  at->second.round = round_;
}

std::vector<LostTask> Reconcile::newly_lost() {
  std::vector<LostTask> out;
  if (lost_ == 0) return out;
  for (auto& [row_id, trace] : unknown_) {
    if (trace.is_told || trace.last_at - trace.first_at < kLostApart) continue;
    if (out.size() == kLostAtOnce) break;
    trace.is_told = true;
    out.push_back({row_id, trace.task_id, trace.task.state, trace.task.worker, trace.first_at,
                   trace.last_at});
  }
  return out;
}

void Reconcile::again(const std::vector<LostTask>& tasks) {
  for (const LostTask& task : tasks) {
    if (const auto at = unknown_.find(task.row_id); at != unknown_.end())
      at->second.is_told = false;
  }
}

// What a whole walk did not ask about is over, or gone.
void Reconcile::forget_unasked() {
  std::erase_if(unknown_, [this](const auto& entry) { return entry.second.round < round_; });
  ++round_;
  count_lost();
}

const z4j_event_batch* Reconcile::events() {
  if (batch_.rows() == 0) return nullptr;
  view_ = batch_.batch();
  return &view_;
}

void Reconcile::events_gone() { batch_.clear(); }

std::optional<std::int64_t> Reconcile::looked_at_all() {
  return std::exchange(told_, std::nullopt);
}

}  // namespace z4j::core
