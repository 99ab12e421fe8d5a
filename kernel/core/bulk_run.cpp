#include "core/bulk_run.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <future>
#include <iterator>
#include <mutex>
#include <set>

#include "core/refusal.hpp"
#include "core/revocations.hpp"
#include "core/snapshots_read.hpp"
#include "core/text.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace cmd = model::commands;
namespace job_col = model::bulk_jobs;
namespace sel = model::selections;
namespace item_col = model::selection_items;
namespace task_col = model::tasks;
namespace json = base::json;
using std::chrono::steady_clock;

constexpr double kPiecesPerSecond = 4;
constexpr std::size_t kResultItemsBytes = std::size_t{2} << 20;  // of a command's result
constexpr std::size_t kResultReasonBytes = 200, kKeptReasonBytes = 900;
constexpr std::size_t kCallBytes = std::size_t{1} << 20;  // of arguments, but for one task's
constexpr std::size_t kManyAnswerBytes = std::size_t{16} << 20;
constexpr std::uint32_t kResultRows = 2000, kLookedUp = 250;
constexpr std::chrono::milliseconds kLateAnswer{5'000}, kStoreRest{500}, kShortWait{50};
constexpr int kStateDeadlineMs = 10'000, kLeastDeadlineMs = 1'000, kDeadlineMarginMs = 2'000;
constexpr std::chrono::milliseconds kEngineRest{500};
constexpr std::uint32_t kAwayMs = 1'000;
constexpr std::uint32_t kLeastBusyMs = 100, kMostBusyMs = 10'000;
constexpr base::TimeUs kCommandMarginUs = 3 * base::kSecondUs;  // before the sweeper comes
constexpr std::string_view kStarted = "started", kChanged = "changed";

bool ended(std::string_view state) {
  return state == "success" || state == "failure" || state == "revoked" || state == "rejected";
}

// Nothing was sent, and it may be tried again.
bool is_not_sent(const base::Error& error) {
  return error.code == base::Code::unavailable || error.code == base::Code::busy;
}

}  // namespace

// Answers of the calls of one piece.
struct BulkJobs::Run::Answers {
  std::mutex mutex;
  std::condition_variable arrived;
  std::vector<std::optional<base::Result<std::string>>> of;  // by call; guarded by mutex
  std::size_t missing = 0;                                   // guarded by mutex
};

BulkJobs::Run::Run(BulkJobs& of, BulkJob job)
    : of_(of), job_(std::move(job)), next_(steady_clock::now()) {}

// --- the whole ----------------------------------------------------------------------------------

bool BulkJobs::Run::go() {
  if (of_.options_.may_work && !(fence_ = of_.options_.may_work())) return false;
  auto found = selection();
  if (!found) {
    of_.log_.warn("selection of a job not read",
                  {{"job", job_.id.text()}, {"why", found.error().text()}});
    return false;
  }
  if (*found && (*found)->state == "building") return false;
  if (job_.state == "cancelled") {
    end("cancelled", "it was cancelled");
    return true;
  }
  if (!*found || (*found)->state == "failed") {
    end("failed", *found ? (*found)->error : std::string("its selection is gone"));
    return true;
  }
  if (!begin(**found)) return false;
  if (!look_up(kStarted, true)) return false;
  run_pieces();
  if (of_.options_.on_changed) of_.options_.on_changed(job_.project_id);
  return !is_lost_;
}

base::Result<std::optional<Selection>> BulkJobs::Run::selection() {
  Query query(Table::selections);
  query.where.eq(sel::id, job_.selection_id);
  auto row = of_.store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return std::optional<Selection>();
  return std::optional<Selection>(selection_of(**row));
}

bool BulkJobs::Run::begin(const Selection& selection) {
  is_of_command_ = json::boolean(selection.asked, "is_of_command");
  const json::Object* filter = json::object(selection.asked, "filter");
  is_named_ = filter != nullptr && filter->contains("task_ids");
  job_.total = selection.total;
  if (job_.command_id) {
    Query query(Table::commands);
    query.where.eq(cmd::id, *job_.command_id);
    auto row = of_.store_.first(query.columns({cmd::timeout_at}));
    if (!row) return false;
    if (row->has_value()) ends_at_ = (*row)->num(cmd::timeout_at) - kCommandMarginUs;
  }
  Commit commit;
  if (fence_) fence_->guard(commit);
  Where self;
  self.eq(job_col::id, job_.id).in(job_col::state, {Cell("waiting"), Cell("running")});
  const base::TimeUs now = of_.clock_.now();
  commit.update(Table::bulk_jobs, std::move(self),
                {{job_col::state, "running"},
                 {job_col::total, selection.total},
                 {job_col::started_at, job_.started_at.value_or(now)},
                 {job_col::updated_at, now, Z4J_M_MAX}},
                1, 1);
  if (selection.state == "ready") {
    Where used;
    used.eq(sel::id, selection.id);
    commit.update(Table::selections, std::move(used), {{sel::state, "used"}});
  }
  return of_.store_.commit(commit).ok();
}

// While one piece is with its engines, what became of the one before is stored and the next one is
// read and marked, unless a rate spreads them anyway.
void BulkJobs::Run::run_pieces() {
  std::optional<Sent> sent;
  const auto store_all = [&] {
    return take_back(sent) ? store(std::exchange(over_, {}), nullptr) : Stored::lost;
  };
  for (;;) {
    if (job_.rate_per_second && !take_back(sent)) return;
    if (!wait_turn()) {
      (void)take_back(sent);
      (void)store(std::exchange(over_, {}), nullptr);
      return;
    }
    if (ends_at_ && of_.clock_.now() >= *ends_at_) trouble_ = "time ran out";
    if (!trouble_.empty()) {
      if (store_all() == Stored::lost) return;
      return is_of_command_ ? end("failed", trouble_) : pause(trouble_);
    }
    auto piece = next_piece(kMostAtOnce);
    if (!piece) {
      of_.log_.warn("tasks of a bulk job not read",
                    {{"job", job_.id.text()}, {"why", piece.error().text()}});
      if (!rest(kStoreRest)) return;
      continue;
    }
    if (piece->empty() && sent) {
      if (!take_back(sent)) return;
      continue;
    }
    if (piece->empty()) {
      if (store(std::exchange(over_, {}), nullptr) == Stored::lost) return;
      if (!look_up("unknown", true)) return;
      return end("done", {});
    }
    prepare(*piece);
    if (!away_.empty()) {
      const std::string why = std::exchange(away_, {});
      if (is_worth_waiting()) {
        if (store_all() == Stored::lost || !rest(kEngineRest)) return;
        continue;
      }
      if (!is_of_command_) trouble_ = why;
      for (Turned& turned : *piece) {
        if (is_of_command_ && !turned.route && !turned.outcome)
          turned.outcome = refused_outcome(why);
      }
    }
    switch (store(over_, &*piece)) {
      case Stored::yes:
        break;
      case Stored::turned:
        (void)store_all();
        return;
      case Stored::command_over:
        (void)store_all();
        return end("cancelled", "its command was ended");
      case Stored::lost:
        return;
    }
    over_.clear();
    from_ = piece->back().item.number + 1;
    if (!take_back(sent)) {
      give_back(std::move(*piece));
      (void)store(std::exchange(over_, {}), nullptr);
      return;
    }
    if (busy_ms_ > 0 || !trouble_.empty()) {
      give_back(std::move(*piece));
      continue;
    }
    sent = send(std::move(*piece));
  }
}

void BulkJobs::Run::give_back(std::vector<Turned> piece) {
  from_ = std::min(from_, piece.front().item.number);
  std::move(piece.begin(), piece.end(), std::back_inserter(over_));
}

bool BulkJobs::Run::rest(std::chrono::milliseconds how_long) {
  std::unique_lock lock(of_.mutex_);
  return !of_.wake_.wait_for(lock, how_long, [this] { return of_.is_stopping_; });
}

bool BulkJobs::Run::is_worth_waiting() {
  const auto now = steady_clock::now();
  if (!away_since_) away_since_ = now;
  return now - *away_since_ < of_.options_.engine_grace;
}

bool BulkJobs::Run::wait_turn() {
  if (const std::uint32_t busy_ms = std::exchange(busy_ms_, 0); busy_ms > 0)
    next_ = std::max(next_, steady_clock::now() + std::chrono::milliseconds(busy_ms));
  if (next_ - steady_clock::now() > kShortWait) {
    if (store(over_, nullptr) == Stored::lost) return false;
    over_.clear();
  }
  std::unique_lock lock(of_.mutex_);
  return !of_.wake_.wait_until(lock, next_, [this] { return of_.is_stopping_; });
}

// --- a piece ------------------------------------------------------------------------------------

base::Result<std::vector<BulkJobs::Run::Turned>> BulkJobs::Run::next_piece(std::uint32_t most) {
  for (const EngineRoute& route : of_.routes_.routes(job_.project_id)) {
    if (route.is_online && (route.capabilities & verb_of(job_.action)) != 0 &&
        !takes_many(job_.action, route.capabilities))
      most = std::min(most, kOneByOne);
  }
  if (job_.rate_per_second) {
    const double wanted = std::ceil(*job_.rate_per_second / kPiecesPerSecond);
    most = static_cast<std::uint32_t>(std::clamp(wanted, 1.0, static_cast<double>(most)));
  }
  std::vector<Turned> piece;
  Query query(Table::selection_items);
  query.where.eq(item_col::selection_id, job_.selection_id)
      .ge(item_col::number, from_)
      .is_null(item_col::outcome)
      .is_null(item_col::exclusion);
  query.all().order({item_col::selection_id, item_col::number}).limit(most);
  auto done = of_.store_.each(query, [&piece](const Row& row) {
    piece.emplace_back().item = selection_item_of(row);
    return true;
  });
  if (!done) return std::move(done).error();
  std::vector<Cell> ids;
  std::map<base::Uuid, Turned*> places;
  for (Turned& one : piece) {
    const base::Uuid id = model::task_row_id(job_.project_id, one.item.engine, one.item.task_id);
    ids.emplace_back(id);
    places[id] = &one;
  }
  if (piece.empty()) return piece;
  Query tasks(Table::tasks);
  tasks.where.in(task_col::id, std::move(ids)).eq(task_col::project_id, job_.project_id);
  tasks.columns({task_col::id, task_col::name, task_col::queue, task_col::worker_name,
                 task_col::priority, task_col::state, task_col::args, task_col::kwargs,
                 task_col::args_flags, task_col::retried_as, task_col::agent_id});
  done = of_.store_.each(tasks, [&places](const Row& row) {
    places.at(row.uuid(task_col::id))->task = stored_task_of(row);
    return true;
  });
  if (!done) return std::move(done).error();
  if (job_.rate_per_second) {
    next_ = std::max(next_, steady_clock::now()) +
            std::chrono::duration_cast<steady_clock::duration>(std::chrono::duration<double>(
                static_cast<double>(piece.size()) / *job_.rate_per_second));
  }
  return piece;
}

void BulkJobs::Run::prepare(std::vector<Turned>& piece) {
  const std::vector<EngineRoute> routes = of_.routes_.routes(job_.project_id);
  for (Turned& turned : piece) prepare_one(turned, routes);
}

void BulkJobs::Run::prepare_one(Turned& turned, const std::vector<EngineRoute>& routes) {
  const auto leave = [&turned](std::string reason) {
    turned.is_changed = true;
    turned.outcome = refused_outcome(std::move(reason));
  };
  const SelectionItem& item = turned.item;
  if (job_.action != BulkAction::requeue) {
    if (!turned.task) return leave("the task is gone");
    if (turned.task->state != item.state)
      return leave("its state is " + turned.task->state + " by now");
    const auto& again = turned.task->retried_as;
    if (job_.action == BulkAction::retry && again && !is_named_ && !is_of_command_)
      return leave("it was retried as " + *again + " by now");
  }
  std::string why;
  const EngineRoute* route = best_route(routes, item.engine, verb_of(job_.action), job_.agent_id,
                                        turned.task ? turned.task->agent_id : std::nullopt, &why);
  if (route == nullptr) {
    const bool is_there = std::any_of(routes.begin(), routes.end(), [&](const EngineRoute& one) {
      return one.engine == item.engine && one.is_online &&
             (!job_.agent_id || one.agent_id == *job_.agent_id);
    });
    if (!is_there)
      away_ = why;
    else if (is_of_command_)
      turned.outcome = refused_outcome(why);
    else
      trouble_ = why;
    return;
  }
  turned.route = *route;
  turned.args = arguments_of(turned);
}

// The id that follows from job and place: after a crash it tells whether the repetition was sent.
std::string BulkJobs::Run::new_id_of(const SelectionItem& item) const {
  return model::derived_id(job_.id, "repetition", item.engine, item.task_id).text();
}

json::Object BulkJobs::Run::arguments_of(const Turned& turned) const {
  const SelectionItem& item = turned.item;
  json::Object args;
  switch (job_.action) {
    case BulkAction::retry: {
      RetryTask asked;
      asked.engine = item.engine;
      asked.task_id = item.task_id;
      if (job_.params.contains("eta_seconds"))
        asked.eta_seconds = json::integer(job_.params, "eta_seconds");
      args = retry_arguments(asked, turned.task);
      args["new_task_id"] = new_id_of(item);
      if (const auto priority = json::text(job_.params, "priority"); !priority.empty())
        args["priority"] = priority;
      break;
    }
    case BulkAction::cancel: {
      const bool can_terminate = (turned.route->capabilities & Z4J_ENGINE_TERMINATE) != 0;
      args["terminate"] = can_terminate && json::boolean(job_.params, "terminate", true);
      if (const auto signal = json::text(job_.params, "signal"); !signal.empty())
        args["signal"] = signal;
      if (!turned.task->queue.empty()) args["queue"] = turned.task->queue;
      if (!turned.task->worker.empty()) args["worker"] = turned.task->worker;
      break;
    }
    case BulkAction::remove:
      if (!item.queue.empty()) args["queue"] = item.queue;
      break;
    case BulkAction::requeue: {
      // Of dead letters, which need not be the one it waited in.
      if (const auto queue = json::text(job_.params, "queue"); !queue.empty())
        args["queue"] = queue;
      if (const auto to = json::text(job_.params, "to"); !to.empty()) args["to"] = to;
      break;
    }
  }
  return args;
}

BulkJobs::Run::Sent BulkJobs::Run::send(std::vector<Turned> piece) {
  std::vector<Call> calls;
  std::map<std::pair<base::Uuid, std::string>, std::size_t> many;  // agent, engine -> call
  for (std::size_t i = 0; i < piece.size(); ++i) {
    const auto& route = piece[i].route;
    if (!route || piece[i].outcome) continue;
    if (!takes_many(job_.action, route->capabilities)) {
      calls.push_back({*route, false, {i}});
      continue;
    }
    const std::size_t bytes = json::write(piece[i].args).size();
    auto [at, is_new] = many.emplace(std::pair(route->agent_id, route->engine), calls.size());
    if (!is_new && calls[at->second].bytes + bytes > kCallBytes) {
      at->second = calls.size();
      is_new = true;
    }
    if (is_new) calls.push_back({*route, true, {}});
    calls[at->second].places.push_back(i);
    calls[at->second].bytes += bytes;
  }
  const int deadline_ms =
      std::max(kLeastDeadlineMs, of_.options_.timeout_s * 1000 - kDeadlineMarginMs);
  const auto answers = std::make_shared<Answers>();
  answers->of.resize(calls.size());
  answers->missing = calls.size();
  for (std::size_t n = 0; n < calls.size(); ++n) {
    const Call& call = calls[n];
    std::string target;
    json::Object args;
    if (call.takes_many) {
      json::Array items;
      for (const std::size_t place : call.places) {
        Turned& turned = piece[place];
        turned.args["target"] = turned.item.task_id;
        items.push_back(std::move(turned.args));
      }
      args["items"] = std::move(items);
    } else {
      target = piece[call.places.front()].item.task_id;
      args = std::move(piece[call.places.front()].args);
    }
    of_.routes_.command(call.route.agent_id, call.route.engine, verb_of(job_.action),
                        std::move(target), json::write(args), deadline_ms,
                        [answers, n](base::Result<std::string> answer) {
                          const std::lock_guard lock(answers->mutex);
                          answers->of[n] = std::move(answer);
                          --answers->missing;
                          answers->arrived.notify_one();
                        });
  }
  return {std::move(piece), std::move(calls), answers,
          steady_clock::now() + std::chrono::milliseconds(deadline_ms) + kLateAnswer};
}

bool BulkJobs::Run::take_back(std::optional<Sent>& sent) {
  if (!sent) return true;
  auto& [piece, calls, answers, until] = *sent;
  {
    std::unique_lock lock(answers->mutex);
    while (answers->missing > 0 && steady_clock::now() < until) {
      if (of_.is_stopping()) return false;
      answers->arrived.wait_for(lock, kShortWait);
    }
    for (std::size_t n = 0; n < calls.size(); ++n) {
      take_answer(piece, calls[n],
                  answers->of[n] ? std::move(*answers->of[n])
                                 : base::Result<std::string>(base::Error{
                                       base::Code::unknown, "no answer in time", {}, {}, 0}));
    }
  }
  for (const Turned& turned : piece) {
    if (turned.is_changed || !turned.route || !turned.outcome) continue;
    const bool is_unknown = turned.outcome->kind == CommandOutcome::Kind::unknown;
    unknown_in_row_ = is_unknown ? unknown_in_row_ + 1 : 0;
    if (unknown_in_row_ >= kMostUnknown) {
      trouble_ = std::to_string(kMostUnknown) +
                 " outcomes in a row are not known, the last: " + turned.outcome->reason;
      break;
    }
  }
  std::move(piece.begin(), piece.end(), std::back_inserter(over_));
  sent.reset();
  if (away_.empty()) {
    away_since_.reset();
  } else if (is_worth_waiting()) {
    away_.clear();
    busy_ms_ = std::max(busy_ms_, kAwayMs);
  } else {
    trouble_ = std::exchange(away_, {});
  }
  if (of_.options_.on_changed) of_.options_.on_changed(job_.project_id);
  return true;
}

void BulkJobs::Run::take_answer(std::vector<Turned>& piece, const Call& call,
                                base::Result<std::string> answer) {
  if (!answer && is_not_sent(answer.error())) {
    const base::Error& e = answer.error();
    if (e.code == base::Code::busy) {
      busy_ms_ = std::max(busy_ms_, std::clamp(e.retry_after_ms, kLeastBusyMs, kMostBusyMs));
    }
    if (e.code == base::Code::unavailable && (!is_of_command_ || is_worth_waiting()))
      away_ = e.message;
    if (e.code == base::Code::busy || !away_.empty()) {
      from_ = std::min(from_, piece[call.places.front()].item.number);  // their turn comes again
      return;
    }
  }
  const auto give = [&](const CommandOutcome& outcome) {
    for (const std::size_t place : call.places) piece[place].outcome = outcome;
  };
  const auto remember = [&] {
    if (job_.action != BulkAction::cancel) return;
    for (const std::size_t place : call.places) {
      CommandOutcome& outcome = *piece[place].outcome;
      if (outcome.may_need_repetition()) outcome.remembered();
    }
  };
  if (!call.takes_many || !answer) {
    give(outcome_of(answer));
    return remember();
  }
  auto parsed = json::parse(*answer, {.max_bytes = kManyAnswerBytes, .max_depth = 32});
  json::Array* items = nullptr;
  if (parsed && parsed->is_object()) {
    if (json::Value* found = parsed->get_object().if_contains("items"); found != nullptr)
      items = found->if_array();
  }
  if (items == nullptr) {
    give(outcome_of(answer));
    return remember();
  }
  for (std::size_t i = 0; i < call.places.size(); ++i) {
    Turned& turned = piece[call.places[i]];
    json::Object* one = i < items->size() ? (*items)[i].if_object() : nullptr;
    turned.outcome = one != nullptr ? outcome_in(std::move(*one))
                                    : unknown_outcome("the engine's answer does not tell of it");
  }
  remember();
}

// --- storing ------------------------------------------------------------------------------------

void BulkJobs::Run::add_results(Commit& commit, const std::vector<Turned>& over) {
  std::int64_t done = 0, sent = 0, refused = 0, unknown = 0, changed = 0;
  const base::TimeUs now = of_.clock_.now();
  Rows rows(Table::selection_items);
  for (const Turned& turned : over) {
    rows.begin()
        .uuid(item_col::selection_id, job_.selection_id)
        .num(item_col::number, turned.item.number);
    if (!turned.outcome) {
      rows.null(item_col::outcome).null(item_col::reason).null(item_col::new_task_id);
      rows.null(item_col::finished_at);
      continue;
    }
    const CommandOutcome& outcome = *turned.outcome;
    rows.text(item_col::outcome, turned.is_changed ? kChanged : to_string(outcome.kind))
        .text_or_null(item_col::reason, clean_text(outcome.reason, kKeptReasonBytes))
        .text_or_null(item_col::new_task_id, outcome.new_task_id)
        .num(item_col::finished_at, now);
    if (turned.was_unknown) --unknown;
    if (turned.is_changed) {
      ++changed;
    } else {
      ++(outcome.kind == CommandOutcome::Kind::done      ? done
         : outcome.kind == CommandOutcome::Kind::sent    ? sent
         : outcome.kind == CommandOutcome::Kind::refused ? refused
                                                         : unknown);
    }
  }
  commit.patch(std::move(rows));
  Where self;
  self.eq(job_col::id, job_.id);
  commit.update(Table::bulk_jobs, std::move(self),
                {{job_col::done, done, Z4J_M_ADD},
                 {job_col::sent, sent, Z4J_M_ADD},
                 {job_col::refused, refused, Z4J_M_ADD},
                 {job_col::unknown, unknown, Z4J_M_ADD},
                 {job_col::changed, changed, Z4J_M_ADD},
                 {job_col::updated_at, now, Z4J_M_MAX}});
}

// As commands link a task and its repetition; and cancels that must hold for workers to come.
void BulkJobs::Run::add_links(Commit& commit, const std::vector<Turned>& over) {
  const base::TimeUs now = of_.clock_.now();
  std::map<base::Uuid, const Turned*> old_rows, new_rows;
  for (const Turned& turned : over) {
    if (!turned.outcome || turned.is_changed) continue;
    const SelectionItem& item = turned.item;
    const CommandOutcome& outcome = *turned.outcome;
    if (job_.action == BulkAction::cancel && json::boolean(outcome.result, "remembered")) {
      remember_cancel(commit, job_.project_id, item.engine, item.task_id, job_.id, now);
    }
    if (!outcome.worked() || outcome.new_task_id.empty() || outcome.new_task_id == item.task_id)
      continue;
    old_rows[model::task_row_id(job_.project_id, item.engine, item.task_id)] = &turned;
    new_rows[model::task_row_id(job_.project_id, item.engine, outcome.new_task_id)] = &turned;
  }
  if (old_rows.empty()) return;
  Rows was(Table::tasks), is(Table::tasks);
  for (const auto& [id, turned] : old_rows)
    was.begin().uuid(task_col::id, id).text(task_col::retried_as, turned->outcome->new_task_id);
  // Without stamps: the engine's events say more, whenever they come.
  for (const auto& [id, turned] : new_rows) {
    is.begin()
        .uuid(task_col::id, id)
        .uuid(task_col::project_id, job_.project_id)
        .text(task_col::engine, turned->item.engine)
        .text(task_col::task_id, turned->outcome->new_task_id)
        .text_or_null(task_col::name, turned->item.name)
        .text(task_col::retry_of, turned->item.task_id)
        .num(task_col::sort_at, now)
        .num(task_col::created_at, now)
        .num(task_col::updated_at, now);
  }
  commit.patch(std::move(was));
  commit.merge(std::move(is));
}

BulkJobs::Run::Stored BulkJobs::Run::store(const std::vector<Turned>& over,
                                           const std::vector<Turned>* next) {
  const Stored stored = try_store(over, next);
  if (stored == Stored::lost) is_lost_ = true;
  return stored;
}

BulkJobs::Run::Stored BulkJobs::Run::try_store(const std::vector<Turned>& over,
                                               const std::vector<Turned>* next) {
  constexpr std::size_t kNone = ~std::size_t{0};
  if (over.empty() && next == nullptr) return Stored::yes;
  for (;;) {
    Commit commit;
    if (fence_) fence_->guard(commit);
    const std::size_t guards = commit.steps();
    if (!over.empty()) {
      add_results(commit, over);
      add_links(commit, over);
    }
    std::size_t command_step = kNone;
    if (next != nullptr) {
      Where self;
      self.eq(job_col::id, job_.id).eq(job_col::state, "running");
      commit.update(Table::bulk_jobs, std::move(self),
                    {{job_col::next_number, next->back().item.number + 1, Z4J_M_MAX}}, 1, 1);
      if (job_.command_id) {
        command_step = commit.steps();
        json::Object progress = counts();
        progress["progress"] = true;
        Where open;
        open.eq(cmd::id, *job_.command_id).eq(cmd::status, "dispatched");
        commit.update(Table::commands, std::move(open),
                      {{cmd::result, Cell(json::write(progress))}}, 1, 1);
      }
      Rows marks(Table::selection_items);
      std::vector<std::pair<std::string, std::string>> wanted;
      for (const Turned& turned : *next) {
        if (!turned.route || turned.outcome) continue;
        marks.begin()
            .uuid(item_col::selection_id, job_.selection_id)
            .num(item_col::number, turned.item.number)
            .text(item_col::outcome, kStarted);
        if (job_.action == BulkAction::retry)
          wanted.emplace_back(turned.item.engine, turned.item.task_id);
      }
      if (marks.size() > 0) commit.patch(std::move(marks));
      if (!wanted.empty()) forget_cancels(commit, job_.project_id, wanted);
    }
    const auto done = of_.store_.commit(commit);
    bool is_done = done.ok();
    if (!done && done.error().code == base::Code::unknown) {
      auto stored = is_stored(over, next);
      if (!stored) {
        if (!rest(kStoreRest)) return Stored::lost;
        stored = is_stored(over, next);
        if (!stored) return Stored::lost;  // looked up when the job is taken again
      }
      is_done = *stored;
    }
    if (is_done) {
      for (const Turned& turned : over) {
        if (!turned.outcome) continue;
        const std::string_view word =
            turned.is_changed ? kChanged : to_string(turned.outcome->kind);
        of_.items_.add({to_string(job_.action), word});
        if (turned.was_unknown) --job_.unknown;
        ++(word == kChanged    ? job_.changed
           : word == "done"    ? job_.done
           : word == "sent"    ? job_.sent
           : word == "refused" ? job_.refused
                               : job_.unknown);
      }
      return Stored::yes;
    }
    if (done.error().code == base::Code::conflict) {
      if (commit.bad_step() < guards) return Stored::lost;
      if (commit.bad_step() == command_step) return Stored::command_over;
      return Stored::turned;
    }
    if (!done.error().is_world()) {
      of_.log_.error("bulk job not stored",
                     {{"job", job_.id.text()}, {"why", done.error().text()}});
      return Stored::lost;
    }
    if (!rest(kStoreRest)) return Stored::lost;
  }
}

base::Result<bool> BulkJobs::Run::is_stored(const std::vector<Turned>& over,
                                            const std::vector<Turned>* next) {
  const auto outcome_now = [this](std::int64_t number) -> base::Result<std::string> {
    Query query(Table::selection_items);
    query.where.eq(item_col::selection_id, job_.selection_id).eq(item_col::number, number);
    auto row = of_.store_.first(query.columns({item_col::outcome}));
    if (!row) return std::move(row).error();
    return row->has_value() ? std::string((*row)->text(item_col::outcome)) : std::string();
  };
  for (const Turned& turned : over) {
    auto now = outcome_now(turned.item.number);
    if (!now) return std::move(now).error();
    const std::string_view wanted = !turned.outcome     ? std::string_view()
                                    : turned.is_changed ? kChanged
                                                        : to_string(turned.outcome->kind);
    return *now == wanted;
  }
  for (const Turned& turned : *next) {
    if (!turned.route || turned.outcome) continue;
    auto now = outcome_now(turned.item.number);
    if (!now) return std::move(now).error();
    return *now == kStarted;
  }
  return false;
}

// --- looking up ---------------------------------------------------------------------------------

bool BulkJobs::Run::look_up(std::string_view outcome, bool asks_engine) {
  std::int64_t from = 0;
  for (;;) {
    std::vector<Turned> found;
    Query query(Table::selection_items);
    query.where.eq(item_col::selection_id, job_.selection_id)
        .eq(item_col::outcome, outcome)
        .ge(item_col::number, from);
    query.all().order({item_col::selection_id, item_col::number}).limit(kLookedUp);
    auto read = of_.store_.each(query, [&](const Row& row) {
      Turned& turned = found.emplace_back();
      turned.item = selection_item_of(row);
      turned.was_unknown = outcome == "unknown";
      return true;
    });
    if (read) read = prove_by_store(found);
    if (!read) {
      of_.log_.warn("tasks of a bulk job not looked up",
                    {{"job", job_.id.text()}, {"why", read.error().text()}});
      return false;
    }
    if (found.empty()) return true;
    from = found.back().item.number + 1;
    if (asks_engine) ask_engines(found);
    if (of_.is_stopping()) return false;
    for (Turned& turned : found) {
      if (!turned.outcome && !turned.was_unknown)
        turned.outcome = unknown_outcome(
            "it was being sent when the brain stopped; nobody knows whether it was");
    }
    std::erase_if(found, [](const Turned& turned) { return !turned.outcome.has_value(); });
    if (store(found, nullptr) == Stored::lost) return false;
  }
}

// A repetition that the store knows under the id we gave it.
base::Status BulkJobs::Run::prove_by_store(std::vector<Turned>& of) {
  if (job_.action != BulkAction::retry) return {};
  std::map<base::Uuid, Turned*> places;
  std::vector<Cell> ids;
  for (Turned& turned : of) {
    const base::Uuid id =
        model::task_row_id(job_.project_id, turned.item.engine, new_id_of(turned.item));
    places[id] = &turned;
    ids.emplace_back(id);
  }
  if (ids.empty()) return {};
  Query query(Table::tasks);
  query.where.in(task_col::id, std::move(ids)).eq(task_col::project_id, job_.project_id);
  return of_.store_.each(query.columns({task_col::id}), [&](const Row& row) {
    judge(*places.at(row.uuid(task_col::id)), "received", true);
    return true;
  });
}

// What the task's state, or its repetition's, says about whether it was sent.
void BulkJobs::Run::judge(Turned& turned, std::string_view state, bool is_repetition) {
  const auto say = [&turned](CommandOutcome::Kind kind, std::string reason) {
    CommandOutcome outcome;
    outcome.kind = kind;
    outcome.reason = std::move(reason);
    turned.outcome = std::move(outcome);
  };
  const std::string_view was = turned.item.state;
  switch (job_.action) {
    case BulkAction::retry:
      if (is_repetition && state != "unknown") {
        say(CommandOutcome::Kind::sent, "found after a restart");
        turned.outcome->new_task_id = new_id_of(turned.item);
      } else if (!is_repetition && ended(was) && state != "unknown" && state != was) {
        say(CommandOutcome::Kind::sent, "found " + std::string(state) + " after a restart");
        turned.outcome->new_task_id = turned.item.task_id;
      }
      return;
    case BulkAction::cancel:
      if (is_repetition) return;
      if (state == "revoked")
        say(CommandOutcome::Kind::done, "found revoked after a restart");
      else if (ended(state))
        say(CommandOutcome::Kind::refused, "it ended as " + std::string(state));
      return;
    case BulkAction::remove:
      if (!is_repetition && state == "unknown")
        say(CommandOutcome::Kind::done, "its engine has no trace of it any more");
      return;
    case BulkAction::requeue:
      return;
  }
}

void BulkJobs::Run::ask_engines(std::vector<Turned>& of) {
  if (!of_.options_.read || job_.action == BulkAction::requeue) return;
  std::vector<EngineRoute> routes = of_.routes_.routes(job_.project_id);
  std::map<std::string, std::map<std::string, std::pair<Turned*, bool>>> ids;  // engine -> id
  for (Turned& turned : of) {
    if (turned.outcome) continue;
    auto& of_engine = ids[turned.item.engine];
    of_engine[turned.item.task_id] = {&turned, false};
    if (job_.action == BulkAction::retry) of_engine[new_id_of(turned.item)] = {&turned, true};
  }
  for (const auto& [engine, asked] : ids) {
    const auto find = [&, &of_engine = engine] {
      return best_route(routes, of_engine, verb_of(job_.action), job_.agent_id, {}, nullptr);
    };
    const EngineRoute* route = find();
    while (route == nullptr && is_worth_waiting()) {
      if (!rest(kEngineRest)) return;
      routes = of_.routes_.routes(job_.project_id);
      route = find();
    }
    if (route == nullptr) continue;
    away_since_.reset();
    json::Array list;
    for (const auto& [id, about] : asked) list.emplace_back(id);
    auto answered = std::make_shared<std::promise<base::Result<std::string>>>();
    auto answer = answered->get_future();
    of_.options_.read(route->agent_id, "state",
                      json::write({{"limit", static_cast<std::int64_t>(list.size())},
                                   {"task_ids", std::move(list)}}),
                      kStateDeadlineMs, [answered](base::Result<std::string> text) {
                        answered->set_value(std::move(text));
                      });
    if (answer.wait_for(std::chrono::milliseconds(kStateDeadlineMs) + kLateAnswer) !=
        std::future_status::ready)
      continue;
    const auto text = answer.get();
    if (!text) continue;
    const auto page = read_task_states(*text, of_.clock_.now());
    if (!page) continue;
    for (const TaskReport& report : page->items) {
      const auto found = asked.find(report.task_id);
      if (found != asked.end() && !found->second.first->outcome)
        judge(*found->second.first, report.state, found->second.second);
    }
  }
}

// --- ends ---------------------------------------------------------------------------------------

json::Object BulkJobs::Run::counts() const {
  json::Object out{{"total", job_.total},     {"done", job_.done},       {"sent", job_.sent},
                   {"refused", job_.refused}, {"unknown", job_.unknown}, {"changed", job_.changed}};
  return out;
}

void BulkJobs::Run::pause(const std::string& why) {
  AuditEntry entry = AuditEntry::of({}, "bulk_job.paused", "bulk", job_.id.text(), job_.project_id);
  entry.result = "failed";
  entry.metadata = counts();
  entry.metadata["reason"] = clean_text(why, kKeptReasonBytes);
  auto done = of_.audit_.commit({std::move(entry)}, [&](Commit& commit) {
    if (fence_) fence_->guard(commit);
    Where self;
    self.eq(job_col::id, job_.id).eq(job_col::state, "running");
    commit.update(Table::bulk_jobs, std::move(self),
                  {{job_col::state, "paused"},
                   {job_col::error, Cell(clean_text(why, kKeptReasonBytes))},
                   {job_col::updated_at, of_.clock_.now(), Z4J_M_MAX}},
                  1, 1);
  });
  if (!done && done.error().code != base::Code::conflict)
    of_.log_.warn("bulk job not paused", {{"job", job_.id.text()}, {"why", done.error().text()}});
}

// What a command that a job stands for tells of it all.
base::Result<CommandOutcome> BulkJobs::Run::whole_outcome(std::string_view state,
                                                          const std::string& error) {
  using Kind = CommandOutcome::Kind;
  json::Array items;
  std::int64_t excluded = 0, cut = 0, from = 0;
  std::size_t bytes = 0;
  for (std::size_t rows = kResultRows; rows == kResultRows;) {
    Query query(Table::selection_items);
    query.where.eq(item_col::selection_id, job_.selection_id).ge(item_col::number, from);
    query.all().order({item_col::selection_id, item_col::number}).limit(kResultRows);
    rows = 0;
    auto done = of_.store_.each(query, [&](const Row& row) {
      ++rows;
      const SelectionItem item = selection_item_of(row);
      from = item.number + 1;
      if (!item.exclusion.empty()) ++excluded;
      if (item.outcome.empty() && item.exclusion.empty()) return true;
      const bool is_refused = !item.exclusion.empty() || item.outcome == kChanged;
      const std::string& reason = item.exclusion.empty() ? item.reason : item.exclusion;
      json::Object one{{"task_id", item.task_id},
                       {"engine", item.engine},
                       {"outcome", is_refused                 ? "refused"
                                   : item.outcome == kStarted ? "unknown"
                                                              : std::string_view(item.outcome)}};
      if (!item.new_task_id.empty()) one["new_task_id"] = item.new_task_id;
      if (!reason.empty()) one["reason"] = clean_text(reason, kResultReasonBytes);
      const std::size_t size = json::write(one).size();
      if (bytes + size > kResultItemsBytes) {
        ++cut;
        return true;
      }
      bytes += size;
      items.push_back(std::move(one));
      return true;
    });
    if (!done) return std::move(done).error();
  }
  const std::int64_t total = job_.total + excluded;
  const std::int64_t refused = job_.refused + job_.changed + excluded;
  const std::string of_total = std::to_string(total) + " tasks";
  CommandOutcome whole;
  if (state != "done") {
    const std::int64_t finished = job_.done + job_.sent + job_.unknown + refused;
    whole = refused_outcome(error + " after " + std::to_string(finished) + " of " + of_total);
  } else if (total > 0 && refused == total) {
    whole = refused_outcome("none of " + of_total + " could be retried; see items");
  } else if (total > 0 && job_.unknown == total) {
    whole = unknown_outcome("no task's outcome is known; see items");
  } else {
    whole.kind = job_.sent + job_.unknown > 0 ? Kind::sent : Kind::done;
    whole.result["outcome"] = to_string(whole.kind);
  }
  whole.result["total"] = total;
  whole.result["done"] = job_.done;
  whole.result["sent"] = job_.sent;
  whole.result["refused"] = refused;
  whole.result["unknown"] = job_.unknown;
  whole.result["items"] = std::move(items);
  if (cut > 0) whole.result["items_cut"] = cut;
  return whole;
}

void BulkJobs::Run::end(std::string_view state, const std::string& error) {
  std::optional<CommandOutcome> whole;
  if (job_.command_id) {
    auto made = whole_outcome(state, error);
    if (!made) {
      of_.log_.warn("result of a bulk command not made",
                    {{"job", job_.id.text()}, {"why", made.error().text()}});
      return;  // taken again
    }
    whole = std::move(*made);
  }
  const bool worked = whole ? whole->worked() : state == "done";
  const std::string shown = whole
                                ? (worked ? "command.completed" : "command.failed")
                                : "bulk_job." + std::string(state == "done" ? "completed" : state);
  Actor actor;
  actor.user_id = job_.created_by;
  actor.source_ip = job_.source_ip;
  AuditEntry entry = AuditEntry::of(actor, shown, "bulk", job_.id.text(), job_.project_id);
  if (!worked) entry.result = "failed";
  entry.metadata = counts();
  entry.metadata["action"] = command_name(job_.action);
  if (!error.empty()) entry.metadata["reason"] = clean_text(error, kKeptReasonBytes);
  if (job_.command_id) entry.metadata["command_id"] = job_.command_id->text();
  std::string result_text;
  if (whole) {
    json::Value result(whole->result);
    if (of_.options_.redact) result = of_.options_.redact(std::move(result));
    result_text = json::write(result);
  }
  const base::TimeUs now = of_.clock_.now();
  Commit commit;
  auto done = of_.audit_.commit(
      {std::move(entry)},
      [&](Commit& act) {
        if (fence_) fence_->guard(act);
        Where self, used;
        self.eq(job_col::id, job_.id)
            .is_null(job_col::finished_at)
            .in(job_col::state, {Cell("waiting"), Cell("running"), Cell("cancelled")});
        if (state != "cancelled") self.ne(job_col::state, "cancelled");
        act.update(Table::bulk_jobs, std::move(self),
                   {{job_col::state, Cell(state)},
                    {job_col::error, Cell::text_or_null(clean_text(error, kKeptReasonBytes))},
                    {job_col::finished_at, now},
                    {job_col::updated_at, now, Z4J_M_MAX}},
                   1, 1);
        used.eq(sel::id, job_.selection_id);
        act.update(Table::selections, std::move(used),
                   {{sel::expires_at, now + of_.options_.keep_days * base::kDayUs}});
        if (!whole) return;
        Where open;
        open.eq(cmd::id, *job_.command_id).in(cmd::status, {Cell("pending"), Cell("dispatched")});
        act.update(Table::commands, std::move(open),
                   {{cmd::status, worked ? "completed" : "failed"},
                    {cmd::result, Cell(result_text)},
                    {cmd::error, Cell::text_or_null(whole->error())},
                    {cmd::completed_at, now}});
      },
      commit);
  if (!done) {
    // A conflict: it was cancelled or paused meanwhile, or another brain has it.
    if (done.error().code != base::Code::conflict)
      of_.log_.warn("end of a bulk job not stored",
                    {{"job", job_.id.text()}, {"why", done.error().text()}});
    return;
  }
  if (whole && of_.options_.on_command_ended)
    of_.options_.on_command_ended(command_name(job_.action), worked ? "completed" : "failed");
  if (of_.options_.on_changed) of_.options_.on_changed(job_.project_id);
}

}  // namespace z4j::core
