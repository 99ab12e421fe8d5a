// The part of Commands that retries many tasks, one by one.
#include <algorithm>
#include <chrono>
#include <future>
#include <map>
#include <set>

#include "core/commands.hpp"
#include "core/commands_inside.hpp"
#include "core/refusal.hpp"
#include "core/revocations.hpp"
#include "core/text.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace cmd = model::commands;
namespace task_col = model::tasks;
namespace json = base::json;

constexpr std::uint32_t kBulkPageRows = 500;
constexpr std::size_t kBulkItemsBytes = std::size_t{2} << 20;  // of the stored result
constexpr std::size_t kBulkReasonBytes = 200, kBulkProgressEvery = 50;
constexpr auto kBulkStopCheck = std::chrono::milliseconds(200);
constexpr int kBulkLinkTries = 3;
constexpr std::int64_t kBulkMarginUs =
    3 * base::kSecondUs;  // to store the result before the sweeper comes

struct BulkTally {
  std::size_t total = 0, done = 0, sent = 0, refused = 0, unknown = 0, items_cut = 0,
              items_bytes = 0;
  json::Array items;

  void add(const std::string& engine, const std::string& task_id, const CommandOutcome& outcome) {
    switch (outcome.kind) {
      case CommandOutcome::Kind::done:
        ++done;
        break;
      case CommandOutcome::Kind::sent:
        ++sent;
        break;
      case CommandOutcome::Kind::refused:
        ++refused;
        break;
      case CommandOutcome::Kind::unknown:
        ++unknown;
        break;
    }
    json::Object item{
        {"task_id", task_id}, {"engine", engine}, {"outcome", to_string(outcome.kind)}};
    if (!outcome.new_task_id.empty()) item["new_task_id"] = outcome.new_task_id;
    if (!outcome.reason.empty()) item["reason"] = clean_text(outcome.reason, kBulkReasonBytes);
    const std::size_t bytes = json::write(item).size();
    if (items_bytes + bytes > kBulkItemsBytes) {
      ++items_cut;
      return;
    }
    items_bytes += bytes;
    items.push_back(std::move(item));
  }
  [[nodiscard]] std::size_t finished() const { return done + sent + refused + unknown; }
  [[nodiscard]] json::Object counts() const {
    const auto n = [](std::size_t v) { return static_cast<std::int64_t>(v); };
    return {{"total", n(total)},
            {"done", n(done)},
            {"sent", n(sent)},
            {"refused", n(refused)},
            {"unknown", n(unknown)}};
  }
};

}  // namespace

base::Result<Command> Commands::bulk_retry(const CommandRequest& request, const BulkRetry& asked) {
  if (asked.max < 1 || asked.max > kBulkMax)
    return refuse::invalid("max", "max must be 1 to 10000");
  const auto max = static_cast<std::size_t>(asked.max);
  auto filter = BulkFilter::parse(asked.filter, max);
  if (!filter) return std::move(filter).error();
  {
    const std::lock_guard lock(bulk_mutex_);
    if (bulk_jobs_.size() >= options_.max_bulk_jobs) {
      return base::Error{base::Code::busy,
                         "too many bulk retries are waiting",
                         {},
                         "try again when one has finished",
                         10'000};
    }
  }
  Plan plan;
  plan.is_bulk = true;
  plan.action = "bulk_retry";
  plan.target_type = "bulk";
  plan.verb = Z4J_ENGINE_RETRY;
  plan.engine = filter->engine.value_or("");
  json::Object kept = asked.filter;
  for (const std::string& key : filter->rejected_keys) kept.erase(key);
  json::Object payload{{"filter", std::move(kept)}, {"max", asked.max}};
  if (!filter->rejected_keys.empty()) {
    json::Array keys;
    for (const std::string& key : filter->rejected_keys) keys.emplace_back(key);
    payload["rejected_client_supplied_filter_keys"] = std::move(keys);
  }
  plan.payload = std::move(payload);
  plan.asked = json::write_canonical({{"filter", asked.filter}, {"max", asked.max}});
  plan.timeout_s = options_.timeout_s + static_cast<int>(max) + 60;

  bool is_new = false;
  auto row = issue(request, std::move(plan), &is_new);
  if (!row || !is_new) return row;
  auto job = std::make_unique<BulkJob>();
  job->sent = Sent{row->id,
                   row->project_id,
                   row->action,
                   row->target_type,
                   {},
                   {},
                   {},
                   std::nullopt,
                   request.actor,
                   0};
  job->filter = std::move(*filter);
  job->max = max;
  job->agent_id = request.agent_id;
  job->timeout_at = row->timeout_at;
  {
    const std::lock_guard lock(bulk_mutex_);
    bulk_jobs_.push_back(std::move(job));
  }
  bulk_wake_.notify_one();
  return row;
}

bool Commands::run_next_bulk() {
  std::unique_ptr<BulkJob> job;
  {
    const std::lock_guard lock(bulk_mutex_);
    if (bulk_jobs_.empty()) return false;
    job = std::move(bulk_jobs_.front());
    bulk_jobs_.pop_front();
  }
  run(*job);
  return true;
}

// Which tasks are meant, as of now: later failures are not swept along.
base::Result<std::vector<Commands::BulkItem>> Commands::freeze(const BulkJob& job) {
  std::vector<BulkItem> items;
  const base::Uuid& project = job.sent.project_id;
  const auto take = [&](const Row& row) {
    items.push_back({std::string(row.text(task_col::engine)),
                     std::string(row.text(task_col::task_id)),
                     {},
                     true});
    return items.size() < job.max;
  };
  if (job.filter.task_ids) {
    std::set<std::string> engines;
    if (job.filter.engine) {
      engines.insert(*job.filter.engine);
    } else {
      for (const EngineRoute& route : routes_.routes(project)) engines.insert(route.engine);
    }
    const std::vector<std::string>& ids = *job.filter.task_ids;
    for (std::size_t from = 0; from < ids.size(); from += kBulkPageRows / 2) {
      const std::size_t to = std::min(ids.size(), from + kBulkPageRows / 2);
      std::set<std::string> missing(ids.begin() + static_cast<std::ptrdiff_t>(from),
                                    ids.begin() + static_cast<std::ptrdiff_t>(to));
      std::vector<Cell> rows;
      for (const std::string& engine : engines) {
        for (const std::string& id : missing)
          rows.emplace_back(model::task_row_id(project, engine, id));
      }
      if (!rows.empty()) {
        Query query(Table::tasks);
        query.where = job.filter.where(project);
        query.where.in(task_col::id, std::move(rows));
        query.columns({task_col::engine, task_col::task_id});
        auto done = store_.each(query, [&](const Row& row) {
          missing.erase(std::string(row.text(task_col::task_id)));
          return take(row);
        });
        if (!done) return std::move(done).error();
      }
      for (const std::string& id : missing) {
        if (items.size() < job.max)
          items.push_back({job.filter.engine.value_or(""), id, {}, false});
      }
    }
    return items;
  }
  std::optional<std::pair<base::TimeUs, base::Uuid>> after;
  while (items.size() < job.max) {
    Query query(Table::tasks);
    query.where = job.filter.where(project);
    query.columns({task_col::engine, task_col::task_id, task_col::sort_at, task_col::id})
        .order({task_col::sort_at, task_col::id}, true)
        .limit(kBulkPageRows)
        .timeout_ms(60'000);
    if (after) query.after({Cell(after->first), Cell(after->second)});
    std::size_t rows = 0;
    auto done = store_.each(query, [&](const Row& row) {
      ++rows;
      after.emplace(row.num(task_col::sort_at), row.uuid(task_col::id));
      return take(row);
    });
    if (!done) return std::move(done).error();
    if (rows < kBulkPageRows) break;
  }
  return items;
}

CommandOutcome Commands::retry_item(const BulkJob& job, BulkItem& item) {
  if (!item.is_known) return refused_outcome("no such task, or it does not match the filter");
  auto task = stored_task(job.sent.project_id, item.engine, item.task_id);
  if (!task) return refused_outcome("could not be read: " + task.error().message);
  if (!task->has_value()) return refused_outcome("the task is gone");
  if (!job.filter.fits_state(**task))
    return refused_outcome("its state is " + (*task)->state + " by now");
  item.task_name = (*task)->name;
  CommandRequest request;
  request.project_id = job.sent.project_id;
  request.agent_id = job.agent_id;
  auto route = choose(request, item.engine, Z4J_ENGINE_RETRY, (*task)->agent_id);
  if (!route) return refused_outcome(route.error().message);

  if (auto done = forget_cancel(store_, job.sent.project_id, item.engine, item.task_id); !done)
    return refused_outcome("its cancel could not be forgotten: " + done.error().message);

  RetryTask asked;
  asked.engine = item.engine;
  asked.task_id = item.task_id;
  auto answered = std::make_shared<std::promise<CommandOutcome>>();
  auto answer = answered->get_future();
  const int deadline_ms = std::max(1000, options_.timeout_s * 1000 - 2000);
  routes_.command(
      route->agent_id, route->engine, Z4J_ENGINE_RETRY, item.task_id, retry_args(asked, *task),
      deadline_ms,
      [answered](base::Result<std::string> text) { answered->set_value(outcome_of(text)); });
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(deadline_ms + 5000);
  while (answer.wait_for(kBulkStopCheck) != std::future_status::ready) {
    const char* why = stopping_ ? "the brain was stopped before the answer came"
                      : std::chrono::steady_clock::now() > until ? "no answer in time"
                                                                 : nullptr;
    if (why != nullptr) return outcome_of(base::Error{base::Code::unknown, why, {}, {}, 0});
  }
  return answer.get();
}

void Commands::run(BulkJob& job) {
  auto frozen =
      stopping_ ? base::Result<std::vector<BulkItem>>(std::vector<BulkItem>{}) : freeze(job);
  if (!frozen) {
    if (auto done = finish(
            job.sent, refused_outcome("the tasks could not be read: " + frozen.error().message));
        !done) {
      log_.error("bulk retry result not stored",
                 {{"command", job.sent.id.text()}, {"why", done.error().text()}});
    }
    return;
  }
  BulkTally tally;
  tally.total = frozen->size();
  std::vector<std::pair<BulkItem, std::string>>
      links;  // repeated tasks and their new ids, not stored yet
  const auto store_links = [&] {
    if (links.empty()) return;
    // Keys are unique and sorted within a step; each link is its own step here.
    Commit commit;
    for (const auto& [item, new_id] : links)
      link(commit, job.sent.project_id, item.engine, item.task_id, new_id, item.task_name);
    base::Status done = store_.commit(commit);
    for (int i = 1; i < kBulkLinkTries && !done && done.error().code == base::Code::busy; ++i)
      done = store_.commit(commit);
    if (!done) log_.warn("retried tasks not linked", {{"why", done.error().text()}});
    links.clear();
  };
  const auto report_progress = [&]() -> bool {
    json::Object progress = tally.counts();
    progress["progress"] = true;
    Commit commit;
    Where open;
    open.eq(cmd::id, job.sent.id).eq(cmd::status, "dispatched");
    commit.update(Table::commands, std::move(open), {{cmd::result, Cell(json::write(progress))}}, 1,
                  1);
    auto done = store_.commit(commit);
    changed(job.sent.project_id);
    return done || done.error().code != base::Code::conflict;
  };

  std::string stopped = stopping_ ? "the brain was stopped" : "";
  auto next_start = std::chrono::steady_clock::now();
  const auto gap = options_.bulk_rate_per_s > 0
                       ? std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                             std::chrono::duration<double>(1 / options_.bulk_rate_per_s))
                       : std::chrono::steady_clock::duration::zero();
  for (BulkItem& item : *frozen) {
    if (gap > std::chrono::steady_clock::duration::zero()) {
      std::unique_lock lock(bulk_mutex_);
      bulk_wake_.wait_until(lock, next_start, [this] { return stopping_.load(); });
    }
    next_start = std::max(next_start + gap, std::chrono::steady_clock::now());
    if (stopping_) {
      stopped = "the brain was stopped";
    } else if (clock_.now() >= job.timeout_at - kBulkMarginUs) {
      stopped = "time ran out";
    } else if (tally.finished() > 0 && tally.finished() % kBulkProgressEvery == 0) {
      store_links();
      if (!report_progress()) return;  // someone ended it
    }
    if (!stopped.empty()) break;
    const CommandOutcome outcome = retry_item(job, item);
    tally.add(item.engine, item.task_id, outcome);
    if (outcome.worked() && !outcome.new_task_id.empty())
      links.emplace_back(item, outcome.new_task_id);
  }
  store_links();

  CommandOutcome whole;
  if (!stopped.empty()) {
    whole = refused_outcome(stopped + " after " + std::to_string(tally.finished()) + " of " +
                            std::to_string(tally.total) + " tasks");
  } else if (tally.total > 0 && tally.refused == tally.total) {
    whole = refused_outcome("none of " + std::to_string(tally.total) +
                            " tasks could be retried; see items");
  } else {
    whole.kind =
        tally.sent + tally.unknown > 0 ? CommandOutcome::Kind::sent : CommandOutcome::Kind::done;
    if (tally.total > 0 && tally.unknown == tally.total) {
      whole.kind = CommandOutcome::Kind::unknown;
      whole.reason = "no task's outcome is known; see items";
    }
    whole.result["outcome"] = to_string(whole.kind);
  }
  for (const auto& member : tally.counts()) whole.result[member.key()] = member.value();
  whole.result["items"] = std::move(tally.items);
  if (tally.items_cut > 0) whole.result["items_cut"] = static_cast<std::int64_t>(tally.items_cut);
  if (auto done = finish(job.sent, whole); !done) {
    log_.error("bulk retry result not stored",
               {{"command", job.sent.id.text()}, {"why", done.error().text()}});
  }
}

}  // namespace z4j::core
