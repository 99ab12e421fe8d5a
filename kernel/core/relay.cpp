#include "core/relay.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <future>

#include "core/presence.hpp"
#include "core/refusal.hpp"

namespace z4j::core {
namespace {

namespace req = model::engine_requests;
namespace route_col = model::routes;
namespace json = base::json;

constexpr std::int64_t kRequestsEveryMs = 30'000, kAnswersEveryMs = 1'000, kTidyEveryMs = 60'000;
constexpr std::int64_t kAfterRefusalMs = 1'000;
constexpr auto kRelayRound = std::chrono::milliseconds(1'000);
constexpr std::int64_t kWayMs = 2'000;  // there and back, beside the engine's own time
constexpr std::uint32_t kRequestsAtOnce = 100;
constexpr std::size_t kRelayedBytes = std::size_t{2} << 20;
constexpr int kAnswerTries = 20;
constexpr std::int64_t kMsUs = 1000;
constexpr std::string_view kCommand = "command";
constexpr std::string_view kQueued = "queued";  // what: a command that waits for an agent
constexpr std::uint32_t kWaitingAtOnce = 200;
constexpr std::size_t kAskedById = 500;  // agents; of more, all requests are read

// Adds the rows. Their end is by the store's clock, which all brains share.
struct NewRequest {
  std::string_view what;
  const HandedCommand* asked;
};
void add_requests(Commit& commit, const base::Uuid& brain, const std::vector<NewRequest>& requests,
                  int expires_in_ms) {
  Rows rows(Table::engine_requests);
  std::vector<Cell> ids;
  for (const auto& [what, asked] : requests) {
    rows.begin()
        .uuid(req::id, asked->id)
        .uuid(req::agent_id, asked->agent_id)
        .text(req::engine, asked->engine)
        .text(req::what, what)
        .num(req::verb, static_cast<std::int64_t>(asked->verb))
        .text(req::target, asked->target)
        .text(req::args, asked->args_json)
        .text(req::more, json::write(asked->more))
        .uuid(req::asked_by, brain)
        .num(req::expires_at, 0)
        .num(req::deadline_ms, asked->deadline_ms);
    ids.emplace_back(asked->id);
  }
  commit.insert(std::move(rows));
  Where these;
  these.in(req::id, std::move(ids));
  commit.update(Table::engine_requests, std::move(these),
                {{req::expires_at, Cell::now(expires_in_ms * kMsUs)}});
}

HandedCommand handed_of(const Row& row) {
  HandedCommand out;
  out.id = row.uuid(req::id);
  out.agent_id = row.uuid(req::agent_id);
  out.engine = row.text(req::engine);
  out.verb = static_cast<std::uint64_t>(row.num(req::verb));
  out.target = row.text(req::target);
  out.args_json = row.text(req::args);
  out.deadline_ms = static_cast<int>(row.num(req::deadline_ms));
  if (auto more = json::parse(row.text(req::more)); more && more->is_object())
    out.more = std::move(more->get_object());
  return out;
}

std::string answer_text(const base::Result<std::string>& answer) {
  if (answer && answer->size() <= kRelayedBytes) return json::write({{"ok", *answer}});
  const base::Error e = answer ? base::Error{.code = base::Code::too_large,
                                             .message =
                                                 "the engine's answer is too long to be "
                                                 "handed from brain to brain",
                                             .where = {},
                                             .hint = "ask for less at once"}
                               : answer.error();
  return json::write({{"code", static_cast<std::int64_t>(e.code)},
                      {"message", e.message},
                      {"where", e.where},
                      {"hint", e.hint},
                      {"retry_after_ms", static_cast<std::int64_t>(e.retry_after_ms)}});
}

base::Result<std::string> answer_of(std::string_view text) {
  const auto value = json::parse(text, {.max_bytes = 8u << 20, .max_depth = 4});
  if (!value || !value->is_object()) {
    return base::Error{.code = base::Code::unknown,
                       .message = "another brain's answer can't be read",
                       .where = {},
                       .hint = {}};
  }
  const json::Object& o = value->get_object();
  if (o.contains("ok")) return std::string(json::text(o, "ok"));
  const auto code = static_cast<std::int64_t>(json::number(o, "code"));
  const bool is_known = code >= 100 && code <= static_cast<std::int64_t>(base::Code::bug);
  return base::Error{
      .code = is_known ? static_cast<base::Code>(code) : base::Code::unknown,
      .message = std::string(json::text(o, "message")),
      .where = std::string(json::text(o, "where")),
      .hint = std::string(json::text(o, "hint")),
      .retry_after_ms = static_cast<std::uint32_t>(json::number(o, "retry_after_ms"))};
}

base::Error nobody_took_it() {
  return refuse::error(base::Code::unavailable, refuse::kAgentOffline,
                       "the brain that holds this agent did not take the request in time; nothing "
                       "was sent",
                       "try again in a moment");
}

}  // namespace

struct Relay::Request {
  HandedCommand command;  // of other requests too
  std::string what;
  base::Uuid asked_by;
};

struct Relay::Inbox {
  struct Item {
    base::Uuid id, asked_by;
    std::string answer;
    int tries = 0;
  };
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Item> answers;  // guarded by mutex, as are those below
  bool has_requests = false, has_answers = false, is_stopping = false;
};

Relay::Relay(HeldAgents& agents, Store& store, Notices& notices, const base::Clock& clock,
             base::Log& log, Options options)
    : agents_(agents),
      store_(store),
      notices_(notices),
      clock_(clock),
      log_(log),
      options_(std::move(options)),
      is_shared_(store.is_shared()),
      inbox_(std::make_shared<Inbox>()) {}

Relay::~Relay() { stop(); }

// --- asking -------------------------------------------------------------------------------------

std::vector<EngineRoute> Relay::routes(const base::Uuid& project) {
  std::vector<EngineRoute> out = agents_.routes(project);
  if (!is_shared_) return out;
  // One that was here once may be elsewhere now.
  std::vector<base::Uuid> mine = agents_.held();
  std::sort(mine.begin(), mine.end());
  const auto is_held = [&mine](const base::Uuid& id) {
    return std::binary_search(mine.begin(), mine.end(), id);
  };
  std::erase_if(out, [&](const EngineRoute& route) { return !is_held(route.agent_id); });
  Query query(Table::routes);
  query.where.eq(route_col::project_id, project).ne(route_col::brain_id, options_.brain);
  auto read = store_.each(query.all(), [&](const Row& row) {
    if (is_held(row.uuid(route_col::agent_id))) return true;
    for (EngineRoute& route : routes_of(row)) out.push_back(std::move(route));
    return true;
  });
  if (!read) log_.warn("routes to other brains not read", {{"why", read.error().text()}});
  return out;
}

void Relay::command(const base::Uuid& agent_id, const std::string& engine, std::uint64_t verb,
                    std::string target, std::string args_json, int deadline_ms,
                    plugin::Answer answer) {
  if (!is_shared_ || agents_.holds(agent_id)) {
    return agents_.command(agent_id, engine, verb, std::move(target), std::move(args_json),
                           deadline_ms, std::move(answer));
  }
  ask(agent_id, engine, "verb", verb, target, args_json, deadline_ms, std::move(answer));
}

void Relay::command_of(const base::Uuid& id, const base::Uuid& agent_id, const std::string& engine,
                       std::uint64_t verb, std::string target, std::string args_json,
                       int deadline_ms, plugin::Answer answer) {
  if (!is_shared_ || agents_.holds(agent_id)) {
    return agents_.command_of(id, agent_id, engine, verb, std::move(target), std::move(args_json),
                              deadline_ms, std::move(answer));
  }
  ask(agent_id, engine, "verb", verb, target, args_json, deadline_ms, std::move(answer));
}

void Relay::read(const base::Uuid& agent_id, std::string_view what, std::string page_json,
                 int deadline_ms, plugin::Answer answer) {
  if (!is_shared_ || agents_.holds(agent_id)) {
    return agents_.read(agent_id, what, std::move(page_json), deadline_ms, std::move(answer));
  }
  Query query(Table::routes);
  query.where.eq(route_col::agent_id, agent_id).eq(route_col::is_online, true);
  auto route = store_.first(query.columns({route_col::engine}));
  if (!route) return answer(std::move(route).error());
  if (!route->has_value()) {
    return answer(
        refuse::error(base::Code::unavailable, refuse::kAgentOffline, "no brain holds this agent"));
  }
  ask(agent_id, std::string((*route)->text(route_col::engine)), what, 0, {}, page_json, deadline_ms,
      std::move(answer));
}

void Relay::hand_over(Commit& commit, const HandedCommand& command, int expires_in_ms) {
  add_requests(commit, options_.brain, {{command.waits ? kQueued : kCommand, &command}},
               expires_in_ms);
  notices_.tell(commit, Notices::About::requests);
}

void Relay::hand_over_all(Commit& commit, const std::vector<HandedCommand>& commands,
                          int expires_in_ms) {
  if (commands.empty()) return;
  std::vector<NewRequest> requests;
  for (const HandedCommand& command : commands)
    requests.push_back({command.waits ? kQueued : kCommand, &command});
  add_requests(commit, options_.brain, requests, expires_in_ms);
  notices_.tell(commit, Notices::About::requests);
}

void Relay::claim(Commit& commit, const base::Uuid& agent_id, const base::Uuid& command) {
  if (const auto fence = agents_.fence(agent_id)) fence->guard(commit);
  Where free, self;
  free.eq(req::id, command).is_null(req::claimed_by);
  commit.check(Table::engine_requests, std::move(free), 1, 1);
  self.eq(req::id, command);
  commit.erase(Table::engine_requests, std::move(self));
}

base::Result<std::vector<HandedCommand>> Relay::waiting() {
  std::vector<HandedCommand> out;
  Query query(Table::engine_requests);
  query.where.eq(req::what, kQueued).is_null(req::claimed_by).gt(req::expires_at, Cell::now());
  auto read = store_.each(query.all().limit(kWaitingAtOnce), [&out](const Row& row) {
    out.push_back(handed_of(row));
    out.back().waits = true;
    return true;
  });
  if (!read) return std::move(read).error();
  return out;
}

void Relay::ask(const base::Uuid& agent_id, const std::string& engine, std::string_view what,
                std::uint64_t verb, std::string_view target, std::string_view args, int deadline_ms,
                plugin::Answer answer) {
  if (target.size() + args.size() > kRelayedBytes) {
    return answer(refuse::error(base::Code::too_large, "command",
                                "the request is too long to be handed from brain to brain"));
  }
  const base::Uuid id = base::Uuid::random();
  Commit commit;
  const HandedCommand asked{id, agent_id,   engine, verb, std::string(target), std::string(args),
                            {}, deadline_ms};
  add_requests(commit, options_.brain, {{what, &asked}}, deadline_ms);
  notices_.tell(commit, Notices::About::requests);
  commit.relaxed();
  {
    const std::lock_guard lock(waiting_mutex_);
    if (waiting_.size() >= options_.max_waiting) {
      return answer(base::Error{.code = base::Code::busy,
                                .message = "too many requests wait for other brains",
                                .where = {},
                                .hint = "try again in a moment",
                                .retry_after_ms = 1000});
    }
    waiting_[id] = Waiting{answer, clock_.steady_ms() + deadline_ms + kWayMs, verb == 0};
  }
  auto told = store_.commit(commit);
  if (told || told.error().code == base::Code::unknown) return;
  {
    const std::lock_guard lock(waiting_mutex_);
    if (waiting_.erase(id) == 0) return;  // answered
  }
  answer(std::move(told).error());
}

// --- answers to own requests --------------------------------------------------------------------

bool Relay::take_answers() {
  {
    const std::lock_guard lock(waiting_mutex_);
    if (waiting_.empty()) return false;
  }
  std::vector<std::pair<base::Uuid, std::string>> come;
  Query query(Table::engine_requests);
  query.where.eq(req::asked_by, options_.brain).not_null(req::answer);
  auto read = store_.each(query.columns({req::id, req::answer}).limit(kRequestsAtOnce),
                          [&come](const Row& row) {
                            come.emplace_back(row.uuid(req::id), row.text(req::answer));
                            return true;
                          });
  if (!read) {
    log_.warn("answers of other brains not read", {{"why", read.error().text()}});
    return false;
  }
  if (come.empty()) return false;
  std::vector<Cell> ids;
  for (const auto& [id, text] : come) {
    ids.emplace_back(id);
    std::optional<Waiting> waiting;
    {
      const std::lock_guard lock(waiting_mutex_);
      if (const auto found = waiting_.find(id); found != waiting_.end()) {
        waiting = std::move(found->second);
        waiting_.erase(found);
      }
    }
    if (waiting) waiting->answer(answer_of(text));
  }
  Where done;
  done.in(req::id, std::move(ids));
  Commit commit;
  commit.erase(Table::engine_requests, std::move(done));
  commit.relaxed();
  if (auto erased = store_.commit(commit); !erased)
    log_.debug("answered requests not removed", {{"why", erased.error().text()}});
  return true;
}

// Those whose time is over: what nobody claimed was not sent, and is not any more.
bool Relay::give_up_late() {
  std::vector<std::pair<base::Uuid, Waiting>> late;
  {
    const std::lock_guard lock(waiting_mutex_);
    const std::int64_t now_ms = clock_.steady_ms();
    for (auto at = waiting_.begin(); at != waiting_.end();) {
      if (now_ms < at->second.until_ms) {
        ++at;
        continue;
      }
      late.emplace_back(at->first, std::move(at->second));
      at = waiting_.erase(at);
    }
  }
  for (auto& [id, waiting] : late) {
    Where unclaimed;
    unclaimed.eq(req::id, id).is_null(req::claimed_by);
    Commit commit;
    commit.erase(Table::engine_requests, std::move(unclaimed));
    const auto done = store_.commit(commit);
    if (done && commit.affected(0) == 1) {
      waiting.answer(nobody_took_it());
      continue;
    }
    waiting.answer(base::Error{
        .code = waiting.is_harmless ? base::Code::timeout : base::Code::unknown,
        .message = "the brain that holds this agent took the request and did not answer in time",
        .where = {},
        .hint = {}});
  }
  return !late.empty();
}

// --- requests of others -------------------------------------------------------------------------

bool Relay::take_requests() {
  const std::vector<base::Uuid> held = agents_.held();
  if (held.empty()) return false;
  std::vector<Request> found;
  Query query(Table::engine_requests);
  query.where.is_null(req::claimed_by).ne(req::what, kQueued).gt(req::expires_at, Cell::now());
  const bool asks_by_id = held.size() <= kAskedById;
  if (asks_by_id) query.where.in(req::agent_id, {held.begin(), held.end()});
  query.all();
  if (asks_by_id) query.limit(kRequestsAtOnce);
  auto read = store_.each(query, [&](const Row& row) {
    if (!asks_by_id && !agents_.holds(row.uuid(req::agent_id))) return true;
    found.push_back({handed_of(row), std::string(row.text(req::what)), row.uuid(req::asked_by)});
    return found.size() < kRequestsAtOnce;
  });
  if (!read) {
    log_.warn("requests of other brains not read", {{"why", read.error().text()}});
    return false;
  }
  for (Request& request : found) {
    if (auto done = carry_out(request); !done) {
      // A conflict: another brain took it, or holds the agent by now.
      if (done.error().code == base::Code::conflict) continue;
      log_.warn("request of another brain not taken",
                {{"request", request.command.id.text()}, {"why", done.error().text()}});
      next_requests_ms_ = std::min(next_requests_ms_, clock_.steady_ms() + kAfterRefusalMs);
    }
  }
  return !found.empty();
}

base::Status Relay::carry_out(const Request& request) {
  const HandedCommand& c = request.command;
  Commit claimed;
  if (request.what == kCommand) {
    if (!take_command_) return {};
    claim(claimed, c.agent_id, c.id);
    return take_command_(c, std::move(claimed));
  }
  if (const auto fence = agents_.fence(c.agent_id)) fence->guard(claimed);
  Where free;
  free.eq(req::id, c.id).is_null(req::claimed_by);
  claimed.update(Table::engine_requests, std::move(free),
                 {{req::claimed_by, options_.brain}, {req::args, nullptr}}, 1, 1);
  if (auto done = store_.commit(claimed); !done) return done;
  auto answer = [inbox = inbox_, id = c.id,
                 asked_by = request.asked_by](base::Result<std::string> result) {
    const std::lock_guard lock(inbox->mutex);
    inbox->answers.push_back({id, asked_by, answer_text(result), 0});
    inbox->wake.notify_one();
  };
  if (request.what == "verb") {
    agents_.command(c.agent_id, c.engine, c.verb, c.target, c.args_json, c.deadline_ms,
                    std::move(answer));
  } else {
    agents_.read(c.agent_id, request.what, c.args_json, c.deadline_ms, std::move(answer));
  }
  return {};
}

bool Relay::store_answers() {
  std::deque<Inbox::Item> items;
  {
    const std::lock_guard lock(inbox_->mutex);
    items.swap(inbox_->answers);
  }
  for (Inbox::Item& item : items) {
    Where self;
    self.eq(req::id, item.id);
    Commit commit;
    commit.update(Table::engine_requests, std::move(self), {{req::answer, Cell(item.answer)}});
    notices_.tell(commit, Notices::About::answers, item.asked_by.text());
    commit.relaxed();
    auto done = store_.commit(commit);
    if (done || !done.error().is_world() || ++item.tries >= kAnswerTries) continue;
    const std::lock_guard lock(inbox_->mutex);
    inbox_->answers.push_back(std::move(item));
  }
  return !items.empty();
}

// --- thread -------------------------------------------------------------------------------------

bool Relay::work() {
  if (!is_shared_) return false;
  const std::lock_guard round(work_mutex_);
  const std::int64_t now_ms = clock_.steady_ms();
  bool has_requests = false, has_answers = false;
  {
    const std::lock_guard lock(inbox_->mutex);
    has_requests = std::exchange(inbox_->has_requests, false);
    has_answers = std::exchange(inbox_->has_answers, false);
  }
  bool any = store_answers();
  if (has_requests || now_ms >= next_requests_ms_) {
    next_requests_ms_ = now_ms + kRequestsEveryMs;
    any = take_requests() || any;
  }
  if (has_answers || now_ms >= next_answers_ms_) {
    next_answers_ms_ = now_ms + kAnswersEveryMs;
    any = take_answers() || any;
  }
  any = give_up_late() || any;
  if (now_ms >= next_tidy_ms_) {
    next_tidy_ms_ = now_ms + kTidyEveryMs;
    Where over;  // of brains that are gone
    over.lt(req::expires_at, Cell::now(-kTidyEveryMs * kMsUs));
    if (const auto left = store_.count(Table::engine_requests, over, 1); left && *left > 0) {
      Commit commit;
      commit.erase(Table::engine_requests, std::move(over));
      commit.relaxed();
      if (auto done = store_.commit(commit); !done)
        log_.debug("old requests not removed", {{"why", done.error().text()}});
    }
  }
  return any;
}

void Relay::look_for_requests() {
  const std::lock_guard lock(inbox_->mutex);
  inbox_->has_requests = true;
  inbox_->wake.notify_one();
}

void Relay::look_for_answers() {
  const std::lock_guard lock(inbox_->mutex);
  inbox_->has_answers = true;
  inbox_->wake.notify_one();
}

void Relay::start() {
  if (!is_shared_ || thread_.joinable()) return;
  thread_ = std::thread([this] { run(); });
}

void Relay::run() {
  for (;;) {
    {
      std::unique_lock lock(inbox_->mutex);
      inbox_->wake.wait_for(lock, kRelayRound, [this] {
        return inbox_->is_stopping || inbox_->has_requests || inbox_->has_answers ||
               !inbox_->answers.empty();
      });
      if (inbox_->is_stopping) return;
    }
    work();
  }
}

void Relay::stop() {
  {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->is_stopping = true;
  }
  inbox_->wake.notify_all();
  if (thread_.joinable()) thread_.join();
  store_answers();
  std::map<base::Uuid, Waiting> left;
  {
    const std::lock_guard lock(waiting_mutex_);
    left.swap(waiting_);
  }
  for (auto& [id, waiting] : left) {
    waiting.answer(base::Error{.code = base::Code::unknown,
                               .message = "the brain stopped before another one answered",
                               .where = {},
                               .hint = {}});
  }
}

}  // namespace z4j::core
