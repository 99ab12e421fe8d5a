#include "core/fire_commands.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <set>
#include <utility>

#include "base/crypto.hpp"
#include "core/live.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace cmd = model::commands;
namespace fire_col = model::schedule_fires;
namespace json = base::json;

constexpr std::size_t kStoredAtOnce = 500, kNamedFires = 50;
constexpr int kFireStoreTries = 20;
constexpr std::size_t kFireCodeChars = 64, kFireMessageChars = 2000;
constexpr std::int64_t kBeforeTimeOutMs = 2'000, kShortestMs = 1'000;
// So long answers gather while few have come.
constexpr auto kGather = std::chrono::milliseconds(15);
constexpr auto kFireRound = std::chrono::seconds(1);

std::vector<Cell> words(std::initializer_list<std::string_view> list) {
  return std::vector<Cell>(list.begin(), list.end());
}

// Rows of a PATCH have one set of columns and stand in the order of their key.
template <class T>
void sort_by_id(std::vector<T>& items) {
  std::sort(items.begin(), items.end(), [](const T& a, const T& b) { return a.id < b.id; });
  items.erase(
      std::unique(items.begin(), items.end(), [](const T& a, const T& b) { return a.id == b.id; }),
      items.end());
}

}  // namespace

FireEnd fire_end(const base::Uuid& id, base::TimeUs at, base::TimeUs due,
                 const CommandOutcome& outcome) {
  FireEnd out;
  out.id = id;
  out.at = at;
  out.due = due;
  out.worked = outcome.worked();
  if (out.worked) return out;
  out.code = outcome.reason.empty() ? to_string(outcome.kind) : std::string_view(outcome.reason);
  out.message = outcome.error();
  return out;
}

void end_fires(Commit& commit, std::vector<FireEnd> ends) {
  if (ends.empty()) return;
  sort_by_id(ends);
  for (const bool is_timed : {true, false}) {
    Rows rows(Table::schedule_fires);
    for (const FireEnd& end : ends) {
      if ((end.due > 0) != is_timed) continue;
      rows.begin()
          .uuid(fire_col::id, end.id)
          .text(fire_col::status, end.worked ? "acked_success" : "acked_failed")
          .num(fire_col::acked_at, end.at)
          .text_or_null(fire_col::error_code, clean_text(end.code, kFireCodeChars))
          .text_or_null(fire_col::error_message, clean_text(end.message, kFireMessageChars));
      if (is_timed)
        rows.num(fire_col::latency_ms, std::max<std::int64_t>(0, (end.at - end.due) / 1000));
    }
    if (rows.size() == 0) continue;
    Where open;
    open.in(fire_col::status, words({"pending", "delivered", "buffered"}));
    commit.patch(std::move(rows), std::move(open));
  }
}

json::Object fires_metadata(std::vector<base::Uuid> ids) {
  std::sort(ids.begin(), ids.end());
  std::string all;
  json::Array named;
  for (const base::Uuid& id : ids) {
    all += id.view();
    if (named.size() < kNamedFires) named.emplace_back(id.text());
  }
  return {{"fires", static_cast<std::int64_t>(ids.size())},
          {"fire_ids", std::move(named)},
          {"sha256_of_ids", base::hex(base::sha256(all))}};
}

struct FireCommands::Inbox {
  mutable std::mutex mutex;
  std::condition_variable wake;
  std::map<base::Uuid, Line> lines;  // by agent; guarded by mutex, as are those below
  std::deque<Answer> answers;
  std::size_t waiting = 0;
  bool has_news = false, is_stopping = false;
};

FireCommands::FireCommands(Audit& audit, EngineRoutes& routes, const base::Clock& clock,
                           base::Log& log, Options options)
    : audit_(audit),
      routes_(routes),
      clock_(clock),
      log_(log),
      options_(std::move(options)),
      inbox_(std::make_shared<Inbox>()) {}

FireCommands::~FireCommands() { stop(); }

bool FireCommands::has_room(std::size_t fires) const {
  const std::lock_guard lock(inbox_->mutex);
  return inbox_->waiting + inbox_->answers.size() + fires <= options_.max_waiting;
}

void FireCommands::send(std::vector<FireCommand> fires) {
  if (fires.empty()) return;
  {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->waiting += fires.size();
    for (FireCommand& fire : fires) {
      std::deque<FireCommand>& line = inbox_->lines[fire.agent_id].waiting;
      line.push_back(std::move(fire));
    }
  }
  send_waiting();
}

void FireCommands::send_waiting() {
  for (;;) {
    FireCommand fire;
    {
      const std::lock_guard lock(inbox_->mutex);
      const auto line =
          std::find_if(inbox_->lines.begin(), inbox_->lines.end(), [this](const auto& each) {
            return !each.second.waiting.empty() && each.second.under_way < options_.window;
          });
      if (line == inbox_->lines.end() || inbox_->is_stopping) return;
      fire = std::move(line->second.waiting.front());
      line->second.waiting.pop_front();
      ++line->second.under_way;
      --inbox_->waiting;
    }
    const std::int64_t left_ms = (fire.timeout_at - clock_.now()) / 1000 - kBeforeTimeOutMs;
    const int deadline_ms =
        static_cast<int>(std::clamp<std::int64_t>(left_ms, kShortestMs, 60'000));
    const base::Uuid agent = fire.agent_id, id = fire.id;
    const std::string engine = fire.engine, task = fire.task_name, args = fire.args_json;
    fire.args_json.clear();
    routes_.command_of(
        id, agent, engine, Z4J_ENGINE_ENQUEUE, task, args, deadline_ms,
        [inbox = inbox_, fire = std::move(fire)](const base::Result<std::string>& answer) {
          CommandOutcome outcome = outcome_of(answer);
          const std::lock_guard lock(inbox->mutex);
          --inbox->lines[fire.agent_id].under_way;
          inbox->answers.push_back({fire, std::move(outcome), 0});
          inbox->has_news = true;
          inbox->wake.notify_one();
        });
  }
}

base::Status FireCommands::store_answers(const std::vector<Answer>& answers) {
  const base::TimeUs now = clock_.now();
  std::vector<FireEnd> ends;
  std::map<base::Uuid, std::pair<std::vector<base::Uuid>, std::vector<base::Uuid>>> projects;
  std::map<base::Uuid, std::string> why;  // of the first that failed, by project
  struct Result {
    base::Uuid id;
    bool worked;
    std::string json, error;
  };
  std::vector<Result> results;
  for (const Answer& answer : answers) {
    ends.push_back(fire_end(answer.fire.id, now, answer.fire.due, answer.outcome));
    const bool worked = answer.outcome.worked();
    auto& [good, bad] = projects[answer.fire.project_id];
    (worked ? good : bad).push_back(answer.fire.id);
    if (!worked) why.try_emplace(answer.fire.project_id, ends.back().code);
    json::Value result(answer.outcome.result);
    if (options_.redact) result = options_.redact(std::move(result));
    results.push_back({answer.fire.id, worked, json::write(result), answer.outcome.error()});
  }
  sort_by_id(results);
  std::vector<AuditEntry> entries;
  for (auto& [project, fires] : projects) {
    for (const bool worked : {true, false}) {
      std::vector<base::Uuid>& ids = worked ? fires.first : fires.second;
      if (ids.empty()) continue;
      AuditEntry entry = AuditEntry::of(
          Actor(), worked ? "schedule.ack.success" : "schedule.ack.failed", "schedule_fire",
          ids.size() == 1 ? ids.front().text() : std::string(), project);
      entry.metadata = fires_metadata(std::move(ids));
      if (!worked) {
        entry.result = "failed";
        entry.metadata["reason"] = why[project];
      }
      entries.push_back(std::move(entry));
    }
  }
  auto done = audit_.commit(std::move(entries), [&](Commit& commit) {
    Rows rows(Table::commands);
    for (const Result& result : results) {
      rows.begin()
          .uuid(cmd::id, result.id)
          .text(cmd::status, result.worked ? "completed" : "failed")
          .text(cmd::result, result.json)
          .text_or_null(cmd::error, result.error)
          .num(cmd::completed_at, now);
    }
    Where open;
    open.in(cmd::status, words({"pending", "dispatched"}));
    commit.patch(std::move(rows), std::move(open));
    end_fires(commit, ends);
  });
  if (!done || !options_.on_changed) return done;
  for (const auto& each : projects) {
    options_.on_changed(each.first, kCommandChanged);
    options_.on_changed(each.first, kScheduleFired);
  }
  return done;
}

bool FireCommands::work() {
  const std::lock_guard one_at_a_time(work_mutex_);
  std::vector<Answer> batch;
  {
    const std::lock_guard lock(inbox_->mutex);
    const auto end = inbox_->answers.begin() +
                     static_cast<std::ptrdiff_t>(std::min(inbox_->answers.size(), kStoredAtOnce));
    std::move(inbox_->answers.begin(), end, std::back_inserter(batch));
    inbox_->answers.erase(inbox_->answers.begin(), end);
  }
  send_waiting();
  if (batch.empty()) return false;
  auto done = store_answers(batch);
  if (done) return true;
  if (!done.error().is_world() && batch.size() > 1) {  // one of them: the others are stored alone
    for (const Answer& answer : batch) {
      if (auto alone = store_answers({answer}); !alone)
        log_.error("what came of a fire is not stored",
                   {{"fire", answer.fire.id.text()}, {"why", alone.error().text()}});
    }
    return true;
  }
  log_.warn("what came of fires is not stored",
            {{"fires", batch.size()}, {"why", done.error().text()}});
  const std::lock_guard lock(inbox_->mutex);
  for (Answer& answer : batch) {
    if (done.error().is_world() && ++answer.tries < kFireStoreTries)
      inbox_->answers.push_back(std::move(answer));
  }
  return false;
}

void FireCommands::start() {
  if (thread_.joinable()) return;
  thread_ = std::thread([this] { run(); });
}

void FireCommands::stop() {
  {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->is_stopping = true;
    inbox_->wake.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void FireCommands::run() {
  for (;;) {
    {
      std::unique_lock lock(inbox_->mutex);
      inbox_->wake.wait_for(lock, kFireRound,
                            [this] { return inbox_->is_stopping || inbox_->has_news; });
      inbox_->has_news = false;
      if (!inbox_->is_stopping && inbox_->answers.size() < kStoredAtOnce) {
        inbox_->wake.wait_for(lock, kGather, [this] {
          return inbox_->is_stopping || inbox_->answers.size() >= kStoredAtOnce;
        });
      }
      if (inbox_->is_stopping) break;
    }
    while (work()) {
    }
  }
  while (work()) {
  }
}

}  // namespace z4j::core
