#include "core/commands.hpp"

#include <algorithm>
#include <chrono>
#include <set>

#include "base/crypto.hpp"
#include "core/commands_inside.hpp"
#include "core/fire_commands.hpp"
#include "core/refusal.hpp"
#include "core/revocations.hpp"
#include "core/text.hpp"
#include "core/worker_wishes.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace cmd = model::commands;
namespace task_col = model::tasks;
namespace json = base::json;

constexpr std::uint32_t kCommandSweepRows = 500;
constexpr int kCommandFinishTries = 20;
constexpr auto kCommandSweepEvery = std::chrono::seconds(12);
constexpr auto kCommandLookEvery = std::chrono::seconds(2);  // while commands wait for agents
constexpr std::string_view kCommandTimeoutText = "no answer in time; it may still happen";
constexpr std::string_view kCommandNotTakenText =
    "the brain that holds the agent did not take it in time; nothing was sent";

std::vector<Cell> open_states() { return {Cell("pending"), Cell("dispatched")}; }

// Of a command about a task.
std::optional<std::pair<std::string, std::string>> engine_and_task(const Command& command) {
  if (!command.payload.is_object()) return std::nullopt;
  std::string engine(json::text(command.payload.get_object(), "engine"));
  std::string task(json::text(command.payload.get_object(), "task_id"));
  if (engine.empty() || task.empty()) return std::nullopt;
  return std::pair(std::move(engine), std::move(task));
}

// What depends on who carries it out.
std::string args_for(const EngineRoute& route, std::uint64_t verb, std::string args_json) {
  if (verb != Z4J_ENGINE_REVOKE || (route.capabilities & Z4J_ENGINE_TERMINATE) == 0)
    return args_json;
  json::Value args = json::parse(args_json).value();
  args.get_object()["terminate"] = true;
  return json::write(args);
}

json::Value text_or_null_value(const std::optional<std::string>& text) {
  return text ? json::Value(*text) : json::Value(nullptr);
}

}  // namespace

Command command_of(const Row& row) {
  Command c;
  c.id = row.uuid(cmd::id);
  c.project_id = row.uuid(cmd::project_id);
  c.agent_id = row.uuid_or_none(cmd::agent_id);
  c.issued_by = row.uuid_or_none(cmd::issued_by);
  c.action = row.text(cmd::action);
  c.target_type = row.text(cmd::target_type);
  if (!row.is_null(cmd::target_id)) c.target_id = std::string(row.text(cmd::target_id));
  c.payload = row.json(cmd::payload);
  c.status = row.text(cmd::status);
  c.result = row.json(cmd::result);
  c.error = row.text(cmd::error);
  c.issued_at = row.num(cmd::issued_at);
  c.dispatched_at = row.num_or_none(cmd::dispatched_at);
  c.completed_at = row.num_or_none(cmd::completed_at);
  c.timeout_at = row.num(cmd::timeout_at);
  return c;
}

Commands::Commands(Store& store, Audit& audit, EngineRoutes& routes, const base::Clock& clock,
                   base::Log& log, Options options)
    : store_(store),
      audit_(audit),
      routes_(routes),
      clock_(clock),
      log_(log),
      options_(std::move(options)),
      inbox_(std::make_shared<Inbox>()) {}

Commands::~Commands() { stop(); }

// --- asking -------------------------------------------------------------------------------------

base::Result<Command> Commands::retry_task(const CommandRequest& request, const RetryTask& asked) {
  if (auto good = check(asked); !good) return std::move(good).error();
  auto task = stored_task(request.project_id, asked.engine, asked.task_id);
  if (!task) return std::move(task).error();

  Plan plan;
  plan.action = "retry_task";
  plan.target_type = "task";
  plan.target_id = asked.engine + ":" + asked.task_id;
  plan.engine = asked.engine;
  plan.verb = Z4J_ENGINE_RETRY;
  plan.target = asked.task_id;
  plan.args_json = retry_args(asked, *task);
  plan.task_name = *task ? (*task)->name : std::string();
  if (*task) plan.prefers = (*task)->agent_id;
  const json::Value args =
      asked.override_args ? json::Value(*asked.override_args) : json::Value(nullptr);
  const json::Value kwargs =
      asked.override_kwargs ? json::Value(*asked.override_kwargs) : json::Value(nullptr);
  const json::Value eta =
      asked.eta_seconds ? json::Value(*asked.eta_seconds) : json::Value(nullptr);
  plan.payload = {
      {"engine", asked.engine},
      {"task_id", asked.task_id},
      {"task_name", json::text_or_null(plan.task_name)},
      {"args", *task && !asked.override_args ? (*task)->args : json::Value(nullptr)},
      {"kwargs", *task && !asked.override_kwargs ? (*task)->kwargs : json::Value(nullptr)},
      {"override_args", override_of(args)},
      {"override_kwargs", override_of(kwargs)},
      {"eta_seconds", eta},
      {"priority", *task ? json::text_or_null((*task)->priority) : json::Value(nullptr)}};
  plan.asked = json::write_canonical({{"engine", asked.engine},
                                      {"task_id", asked.task_id},
                                      {"override_args", args},
                                      {"override_kwargs", kwargs},
                                      {"eta_seconds", eta}});
  return issue(request, std::move(plan));
}

base::Result<Commands::RetryPreview> Commands::preview_retry(const base::Uuid& project,
                                                             const RetryTask& asked) {
  if (auto good = check(asked); !good) return std::move(good).error();
  auto task = stored_task(project, asked.engine, asked.task_id);
  if (!task) return std::move(task).error();
  if (!*task) return refuse::not_found("task");
  RetryPreview out;
  out.task = std::move(**task);
  out.is_edited = asked.override_args || asked.override_kwargs;
  out.is_known = has_argument_values(out.task);
  if (!out.is_known || !out.is_edited) return out;
  json::Object before, after;
  if (asked.override_args) {
    before["args"] = out.task.args;
    after["args"] = override_of(*asked.override_args);
  }
  if (asked.override_kwargs) {
    before["kwargs"] = out.task.kwargs;
    after["kwargs"] = override_of(*asked.override_kwargs);
  }
  out.changes = argument_changes(before, after);
  return out;
}

base::Result<Command> Commands::cancel_task(const CommandRequest& request,
                                            const CancelTask& asked) {
  if (auto good = check_task_name(asked.engine, asked.task_id); !good)
    return std::move(good).error();
  auto task = stored_task(request.project_id, asked.engine, asked.task_id);
  if (!task) return std::move(task).error();
  Plan plan;
  plan.action = "cancel_task";
  plan.target_type = "task";
  plan.target_id = asked.engine + ":" + asked.task_id;
  plan.engine = asked.engine;
  plan.verb = Z4J_ENGINE_REVOKE;
  plan.target = asked.task_id;
  plan.payload = {{"engine", asked.engine}, {"task_id", asked.task_id}};
  plan.asked = json::write_canonical(plan.payload);
  if (*task) plan.prefers = (*task)->agent_id;
  json::Object args{{"terminate", false}};  // true once the route is known to be able to
  if (*task && !(*task)->queue.empty()) args["queue"] = (*task)->queue;
  if (*task && !(*task)->worker.empty()) args["worker"] = (*task)->worker;
  plan.args_json = json::write(args);
  return issue(request, std::move(plan));
}

base::Result<Command> Commands::purge_queue(const CommandRequest& request,
                                            const PurgeQueue& asked) {
  if (asked.queue.empty() || count_characters(asked.queue) > 200)
    return refuse::invalid("queue", "queue must have 1 to 200 characters");
  if (asked.confirm_token && (asked.confirm_token->empty() || asked.confirm_token->size() > 128)) {
    return refuse::invalid("confirm_token", "confirm_token must have 1 to 128 characters");
  }
  Plan plan;
  plan.action = "purge_queue";
  plan.target_type = "queue";
  plan.target_id = asked.queue;
  plan.verb = Z4J_ENGINE_PURGE;
  plan.target = asked.queue;
  json::Object args{{"force", asked.force}};
  if (asked.confirm_token) args["confirm_token"] = *asked.confirm_token;
  plan.args_json = json::write(args);
  plan.asked = json::write_canonical({{"queue", asked.queue},
                                      {"engine", text_or_null_value(asked.engine)},
                                      {"force", asked.force},
                                      {"copy", asked.copy ? json::Value(*asked.copy) : nullptr},
                                      {"confirm_token", text_or_null_value(asked.confirm_token)}});
  auto owner = owner_of(request, Table::queues, asked.queue, asked.engine, plan.verb);
  if (!owner) return std::move(owner).error();
  plan.engine = std::move(owner->engine);
  plan.prefers = owner->agent_id;
  plan.payload = {{"queue", asked.queue},
                  {"engine", json::text_or_null(plan.engine)},
                  {"confirm_token", text_or_null_value(asked.confirm_token)},
                  {"force", asked.force}};
  auto copies = plan_copy(request, asked, plan);
  if (!copies) return std::move(copies).error();
  bool is_new = false;
  auto row = issue(request, std::move(plan), &is_new);
  if (row && is_new && *copies && options_.on_bulk) options_.on_bulk();
  return row;
}

base::Result<Command> Commands::submit_task(const CommandRequest& request,
                                            const SubmitTask& asked) {
  if (auto good = check(asked); !good) return std::move(good).error();
  json::Object args{{"args", asked.args}, {"kwargs", asked.kwargs}};
  if (asked.queue) args["queue"] = *asked.queue;
  if (asked.priority) args["priority"] = *asked.priority;
  if (asked.eta_seconds) args["eta_seconds"] = *asked.eta_seconds;
  if (asked.task_id) args["task_id"] = *asked.task_id;
  if (!asked.headers.empty()) args["headers"] = asked.headers;
  if (!asked.periodic_task_name.empty()) args["periodic_task_name"] = asked.periodic_task_name;
  Plan plan;
  plan.action = "submit_task";
  plan.target_type = "task";
  plan.target_id = asked.engine + ":" + asked.task_name;
  plan.engine = asked.engine;
  plan.verb = Z4J_ENGINE_ENQUEUE;
  plan.target = asked.task_name;
  plan.args_json = json::write(args);
  plan.task_name = asked.task_name;
  plan.payload = {
      {"engine", asked.engine},
      {"task_name", asked.task_name},
      {"args", override_of(asked.args)},
      {"kwargs", override_of(asked.kwargs)},
      {"queue", text_or_null_value(asked.queue)},
      {"priority", text_or_null_value(asked.priority)},
      {"eta_seconds", asked.eta_seconds ? json::Value(*asked.eta_seconds) : json::Value(nullptr)},
      {"task_id", text_or_null_value(asked.task_id)}};
  json::Object whole(args);
  whole["engine"] = asked.engine;
  whole["task_name"] = asked.task_name;
  plan.asked = json::write_canonical(whole);
  return issue(request, std::move(plan));
}

base::Result<Command> Commands::order_task(const CommandRequest& request, Plan plan,
                                           const std::string& engine, const std::string& task_id) {
  auto task = stored_task(request.project_id, engine, task_id);
  if (!task) return std::move(task).error();
  plan.target_type = "task";
  plan.target_id = engine + ":" + task_id;
  plan.engine = engine;
  plan.target = task_id;
  plan.args_json = json::write(plan.payload);
  json::Object& payload = plan.payload.get_object();
  payload["engine"] = engine;
  payload["task_id"] = task_id;
  plan.asked = json::write_canonical(plan.payload);
  if (*task) {
    plan.task_name = (*task)->name;
    plan.prefers = (*task)->agent_id;
  }
  return issue(request, std::move(plan));
}

base::Result<Command> Commands::requeue_dead_letter(const CommandRequest& request,
                                                    const RequeueDeadLetter& asked) {
  if (auto good = check(asked); !good) return std::move(good).error();
  Plan plan;
  plan.action = "requeue_dead_letter";
  const std::vector<EngineRoute> routes = routes_.routes(request.project_id);
  const auto offers = [&](std::uint64_t verb) {
    return std::any_of(routes.begin(), routes.end(), [&](const EngineRoute& route) {
      return route.is_online && route.engine == asked.engine && (route.capabilities & verb) != 0;
    });
  };
  // Where a broker keeps no dead letters, the tasks that failed are the list.
  if (!offers(Z4J_ENGINE_DEAD_LETTERS) && offers(Z4J_ENGINE_RETRY) && !asked.to) {
    auto task = stored_task(request.project_id, asked.engine, asked.task_id);
    if (!task) return std::move(task).error();
    plan.verb = Z4J_ENGINE_RETRY;
    RetryTask again;
    again.engine = asked.engine;
    again.task_id = asked.task_id;
    plan.payload = retry_arguments(again, *task);
    return order_task(request, std::move(plan), asked.engine, asked.task_id);
  }
  plan.verb = Z4J_ENGINE_DEAD_LETTERS;
  plan.payload = {{"queue", asked.queue}, {"to", text_or_null_value(asked.to)}};
  return order_task(request, std::move(plan), asked.engine, asked.task_id);
}

base::Result<Command> Commands::delete_task(const CommandRequest& request,
                                            const DeleteTask& asked) {
  if (auto good = check(asked); !good) return std::move(good).error();
  Plan plan;
  plan.action = "delete_task";
  plan.verb = Z4J_ENGINE_DELETE;
  plan.payload = {{"queue", text_or_null_value(asked.queue)}};
  return order_task(request, std::move(plan), asked.engine, asked.task_id);
}

base::json::Value Commands::override_of(const json::Value& value) const {
  if (value.is_null()) return value;
  return options_.redact ? options_.redact(value) : json::Value("[given]");
}

base::Result<std::optional<StoredTask>> Commands::stored_task(const base::Uuid& project,
                                                              std::string_view engine,
                                                              std::string_view task_id) {
  Query query(Table::tasks);
  query.where.eq(task_col::id, model::task_row_id(project, engine, task_id))
      .eq(task_col::project_id, project);
  auto row = store_.first(query.columns(kStoredTaskColumns));
  if (!row) return std::move(row).error();
  if (!row->has_value()) return std::optional<StoredTask>{};
  return std::optional<StoredTask>(stored_task_of(**row));
}

base::Result<EngineRoute> Commands::choose(const CommandRequest& request, std::string_view engine,
                                           std::uint64_t verb,
                                           const std::optional<base::Uuid>& prefers) const {
  const std::vector<EngineRoute> routes = routes_.routes(request.project_id);
  const auto rank = [&prefers](const EngineRoute& route) {
    return (prefers == route.agent_id ? 2 : 0) + (route.is_here ? 1 : 0);
  };
  const EngineRoute* able = nullptr;
  bool has_agent = false, has_unable = false;
  for (const EngineRoute& route : routes) {
    if (request.agent_id && route.agent_id != *request.agent_id) continue;
    has_agent = true;
    if ((!engine.empty() && route.engine != engine) || !route.is_online) continue;
    if ((route.capabilities & verb) == 0) {
      has_unable = true;
    } else if (able == nullptr || rank(route) > rank(*able)) {
      able = &route;
    }
  }
  if (able != nullptr) return *able;
  if (request.agent_id && !has_agent && !is_agent(request.project_id, *request.agent_id))
    return refuse::not_found("agent");
  const std::string name =
      engine.empty() ? "this project" : "engine \"" + clean_text(engine, 40) + "\"";
  if (has_unable) {
    return refuse::error(base::Code::unsupported, "capability_missing",
                         "no agent of " + name + " can do this; none that is online offers it");
  }
  return refuse::error(base::Code::unavailable, refuse::kAgentOffline,
                       "no agent of " + name + " is online; nothing was sent",
                       "try again when the agent is back, or ask another one of this engine");
}

// One that is not connected has no route.
bool Commands::is_agent(const base::Uuid& project, const base::Uuid& agent) const {
  Where self;
  self.eq(model::agents::id, agent).eq(model::agents::project_id, project);
  const auto found = store_.count(Table::agents, self, 1);
  return found && *found > 0;
}

base::Result<std::optional<Command>> Commands::earlier(const CommandRequest& request,
                                                       const std::string& hash) {
  if (!request.idempotency_key) return std::optional<Command>{};
  Query query(Table::commands);
  query.where.eq(cmd::project_id, request.project_id)
      .eq(cmd::idempotency_key, *request.idempotency_key);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return std::optional<Command>{};
  if ((*row)->text(cmd::payload_hash) != hash) {
    return refuse::conflict("idempotency_key",
                            "this idempotency_key was used for another command; take a new one");
  }
  return std::optional<Command>(command_of(**row));
}

base::Result<Command> Commands::insert(const CommandRequest& request, const Plan& plan,
                                       const std::string& hash, std::string_view status,
                                       const std::optional<base::Uuid>& agent,
                                       const HandedCommand* handed) {
  Command c;
  c.id = base::Uuid::random();
  c.project_id = request.project_id;
  c.agent_id = agent;
  c.issued_by = request.actor.user_id;
  c.action = plan.action;
  c.target_type = plan.target_type;
  c.target_id = plan.target_id;
  c.payload = plan.payload;
  c.status = status;
  c.issued_at = clock_.now();
  c.timeout_at = c.issued_at + plan.timeout_s * base::kSecondUs;
  const bool is_cancelled = status == "cancelled";
  if (is_cancelled) {
    c.completed_at = c.issued_at;
    c.error = "agent offline: nothing was sent";
  } else if (handed == nullptr) {
    c.dispatched_at = c.issued_at;
  }
  AuditEntry entry = AuditEntry::of(request.actor, "command.issue." + plan.action, plan.target_type,
                                    plan.target_id.value_or(""), request.project_id);
  entry.metadata = {{"command_id", c.id.text()}, {"engine", json::text_or_null(plan.engine)}};
  if (agent) entry.metadata["agent_id"] = agent->text();
  if (plan.is_bulk) entry.metadata["payload"] = plan.payload;
  if (is_cancelled) {
    entry.result = "failed";
    entry.metadata["reason"] = refuse::kAgentOffline;
  }
  auto done = audit_.commit({std::move(entry)}, [&](Commit& commit) {
    Rows rows(Table::commands);
    rows.begin()
        .uuid(cmd::id, c.id)
        .uuid(cmd::project_id, c.project_id)
        .cell(cmd::agent_id, agent ? Cell(*agent) : Cell())
        .cell(cmd::issued_by, c.issued_by ? Cell(*c.issued_by) : Cell())
        .text(cmd::action, c.action)
        .text(cmd::target_type, c.target_type)
        .cell(cmd::target_id, c.target_id ? Cell(*c.target_id) : Cell())
        .text(cmd::payload, json::write(c.payload))
        .text(cmd::status, c.status)
        .text_or_null(cmd::error, c.error)
        .num(cmd::issued_at, c.issued_at)
        .num(cmd::timeout_at, c.timeout_at)
        .cell(cmd::dispatched_at, c.dispatched_at ? Cell(*c.dispatched_at) : Cell())
        .cell(cmd::completed_at, c.completed_at ? Cell(*c.completed_at) : Cell())
        .text_or_null(cmd::source_ip, clean_text(request.actor.source_ip, 64));
    if (request.idempotency_key && !is_cancelled) {
      rows.text(cmd::idempotency_key, *request.idempotency_key).text(cmd::payload_hash, hash);
    }
    commit.insert(std::move(rows));
    // Who wants it to run again does not want it cancelled any more.
    if (plan.verb == Z4J_ENGINE_RETRY && !plan.is_bulk)
      forget_cancel(commit, request.project_id, plan.engine, plan.target);
    if (handed != nullptr) {
      HandedCommand named = *handed;
      named.id = c.id;
      routes_.hand_over(commit, named, named.deadline_ms);
    }
    if (plan.more) plan.more(commit, c);
  });
  if (!done) return std::move(done).error();
  issued_.add({c.project_id.text(), c.action, c.status});
  return c;
}

void Commands::refuse_and_record(const CommandRequest& request, const Plan& plan,
                                 const base::Error& why) {
  AuditEntry entry = AuditEntry::of(request.actor, "command.issue." + plan.action, plan.target_type,
                                    plan.target_id.value_or(""), request.project_id);
  entry.result = "denied";
  entry.metadata = {{"engine", json::text_or_null(plan.engine)},
                    {"reason", why.where.empty() ? why.message : why.where}};
  audit_.record(std::move(entry));
}

base::Result<Command> Commands::issue(const CommandRequest& request, Plan plan, bool* is_new) {
  if (is_new != nullptr) *is_new = false;
  if (request.idempotency_key &&
      (request.idempotency_key->empty() || count_characters(*request.idempotency_key) > 200)) {
    return refuse::invalid("idempotency_key", "idempotency_key must have 1 to 200 characters");
  }
  if (!plan.is_bulk) plan.timeout_s = options_.timeout_s;
  const std::string hash = base::hex(base::sha256(
      json::write_canonical({{"action", plan.action},
                             {"target", text_or_null_value(plan.target_id)},
                             {"asked", plan.asked},
                             {"agent_id", request.agent_id ? json::Value(request.agent_id->text())
                                                           : json::Value(nullptr)}})));
  auto first = earlier(request, hash);
  if (!first) return std::move(first).error();
  if (first->has_value()) return std::move(**first);

  auto route = choose(request, plan.engine, plan.verb, plan.prefers);
  if (!route) return without_route(request, plan, hash, route.error());
  plan.args_json = args_for(*route, plan.verb, std::move(plan.args_json));
  const bool sends = !plan.is_bulk && route->is_here;
  if (sends && !open_one()) {
    return base::Error{base::Code::busy,
                       "too many commands are waiting for an answer",
                       {},
                       "try again in a moment",
                       1000};
  }
  const int deadline_ms =
      std::max(1000, plan.timeout_s * 1000 - 2000);  // before the sweeper gives up
  HandedCommand handed{{}, route->agent_id, route->engine, plan.verb, plan.target, plan.args_json,
                       {}, deadline_ms,     false};
  handed.more = {{"task_name", plan.task_name}, {"user_agent", request.actor.user_agent}};
  const bool is_handed = !plan.is_bulk && !sends;
  auto row = insert(request, plan, hash, is_handed ? "pending" : "dispatched",
                    !plan.is_bulk ? route->agent_id
                    : plan.agent  ? plan.agent
                                  : request.agent_id,
                    is_handed ? &handed : nullptr);
  if (!row) {
    if (sends) {
      const std::lock_guard lock(inbox_->mutex);
      --inbox_->open;
    }
    if (row.error().code != base::Code::conflict) return row;
    auto other = earlier(request, hash);  // the same key at the same time
    if (!other) return std::move(other).error();
    if (other->has_value()) return std::move(**other);
    return row;
  }
  if (sends) {
    send(route->agent_id, route->engine, plan.verb, plan.target, plan.args_json, deadline_ms,
         Sent{row->id, row->project_id, plan.action, plan.target_type, plan.engine, plan.target,
              plan.task_name, plan.target_id, request.actor, 0, plan.args_json});
  }
  changed(request.project_id);
  if (is_new != nullptr) *is_new = true;
  return row;
}

base::Result<Command> Commands::without_route(const CommandRequest& request, const Plan& plan,
                                              const std::string& hash, const base::Error& why) {
  if (why.code == base::Code::unsupported) refuse_and_record(request, plan, why);
  if (why.code != base::Code::unavailable) return why;
  if (!request.queue_if_offline || plan.is_bulk) {
    auto row = insert(request, plan, hash, "cancelled", request.agent_id);
    if (!row) return std::move(row).error();
    changed(request.project_id);
    return why;
  }
  const int wait_ms = plan.timeout_s * 1000;
  HandedCommand handed{{},          request.agent_id.value_or(base::Uuid()),
                       plan.engine, plan.verb,
                       plan.target, plan.args_json,
                       {},          wait_ms,
                       true};
  handed.more = {{"task_name", plan.task_name}, {"user_agent", request.actor.user_agent}};
  auto row = insert(request, plan, hash, "pending", request.agent_id, &handed);
  if (row) {
    changed(request.project_id);
    look_for_waiting();  // an agent may have come in between
    return row;
  }
  if (row.error().code != base::Code::conflict) return row;
  auto other = earlier(request, hash);
  if (!other) return std::move(other).error();
  return other->has_value() ? base::Result<Command>(std::move(**other)) : row;
}

bool Commands::open_one() {
  const std::lock_guard lock(inbox_->mutex);
  if (inbox_->open >= options_.max_open) return false;
  ++inbox_->open;
  return true;
}

void Commands::send(const base::Uuid& agent, const std::string& engine, std::uint64_t verb,
                    const std::string& target, const std::string& args_json, int deadline_ms,
                    Sent sent) {
  const base::Uuid id = sent.id;
  sent.sent_ms = clock_.steady_ms();
  routes_.command_of(id, agent, engine, verb, target, args_json, deadline_ms,
                     [inbox = inbox_, sent = std::move(sent)](base::Result<std::string> answer) {
                       CommandOutcome outcome = outcome_of(answer);
                       const std::lock_guard lock(inbox->mutex);
                       inbox->answers.emplace_back(sent, std::move(outcome));
                       inbox->arrived.notify_one();
                     });
}

base::Status Commands::take(const HandedCommand& command, Commit claim) {
  Query query(Table::commands);
  query.where.eq(cmd::id, command.id);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value() || (*row)->text(cmd::status) != "pending") return store_.commit(claim);
  const Command c = command_of(**row);
  if (!open_one()) {
    return base::Error{.code = base::Code::busy,
                       .message = "too many commands are waiting for an answer",
                       .where = {},
                       .hint = {},
                       .retry_after_ms = 1000};
  }
  Where pending;
  pending.eq(cmd::id, c.id).eq(cmd::status, "pending");
  claim.update(Table::commands, std::move(pending),
               {{cmd::status, "dispatched"},
                {cmd::agent_id, command.agent_id},
                {cmd::dispatched_at, clock_.now()}},
               1, 1);
  if (auto claimed = store_.commit(claim); !claimed) {
    const std::lock_guard lock(inbox_->mutex);
    --inbox_->open;
    return claimed;
  }
  Actor actor;
  actor.user_id = c.issued_by;
  actor.source_ip = (*row)->text(cmd::source_ip);
  actor.user_agent = json::text(command.more, "user_agent");
  const std::int64_t left_ms = (c.timeout_at - clock_.now()) / 1000 - 2000;
  const int deadline_ms =
      static_cast<int>(std::clamp<std::int64_t>(left_ms, 1000, command.deadline_ms));
  send(command.agent_id, command.engine, command.verb, command.target, command.args_json,
       deadline_ms,
       Sent{c.id, c.project_id, c.action, c.target_type, command.engine, command.target,
            std::string(json::text(command.more, "task_name")), c.target_id, std::move(actor), 0,
            command.args_json, json::integer(command.more, "due")});
  changed(c.project_id);
  return {};
}

void Commands::look_for_waiting() {
  may_have_waiting_ = true;
  const std::lock_guard lock(inbox_->mutex);
  inbox_->has_news = true;
  inbox_->arrived.notify_one();
}

bool Commands::deliver_waiting() {
  if (!may_have_waiting_.exchange(false)) return false;
  auto waiting = routes_.waiting();
  if (!waiting) {
    may_have_waiting_ = true;
    log_.warn("commands that wait for agents not read", {{"why", waiting.error().text()}});
    return false;
  }
  if (!waiting->empty()) may_have_waiting_ = true;
  bool any = false;
  for (HandedCommand& command : *waiting) {
    Query query(Table::commands);
    query.where.eq(cmd::id, command.id);
    auto row = store_.first(query.columns({cmd::project_id}));
    if (!row || !row->has_value()) continue;
    CommandRequest request;
    request.project_id = (*row)->uuid(cmd::project_id);
    if (!command.agent_id.is_nil()) request.agent_id = command.agent_id;
    const auto route = choose(request, command.engine, command.verb);
    if (!route || !route->is_here) continue;  // another brain's
    command.agent_id = route->agent_id;
    command.engine = route->engine;
    command.args_json = args_for(*route, command.verb, std::move(command.args_json));
    Commit claim;
    routes_.claim(claim, command.agent_id, command.id);
    const auto taken = take(command, std::move(claim));
    any = any || taken.ok();
    if (!taken && taken.error().code != base::Code::conflict) {
      log_.warn("a command that waited was not sent",
                {{"command", command.id.text()}, {"why", taken.error().text()}});
    }
  }
  return any;
}

void Commands::changed(const base::Uuid& project) const {
  if (options_.on_changed) options_.on_changed(project, "command.changed");
}

// --- what came of it ----------------------------------------------------------------------------

void Commands::link(Commit& commit, const base::Uuid& project, std::string_view engine,
                    std::string_view old_id, const std::string& new_id,
                    const std::string& name) const {
  if (new_id.empty() || new_id == old_id) return;
  const base::TimeUs now = clock_.now();
  Where old;
  old.eq(task_col::id, model::task_row_id(project, engine, old_id));
  commit.update(Table::tasks, std::move(old), {{task_col::retried_as, Cell(new_id)}});
  // Without stamps: the engine's events say more, whenever they come.
  Rows rows(Table::tasks);
  rows.begin()
      .uuid(task_col::id, model::task_row_id(project, engine, new_id))
      .uuid(task_col::project_id, project)
      .text(task_col::engine, engine)
      .text(task_col::task_id, new_id)
      .text_or_null(task_col::name, name)
      .text(task_col::retry_of, old_id)
      .num(task_col::sort_at, now)
      .num(task_col::created_at, now)
      .num(task_col::updated_at, now);
  commit.merge(std::move(rows));
}

base::Status Commands::finish(const Sent& sent, CommandOutcome outcome) {
  const bool is_remembered = sent.action == "cancel_task" && outcome.may_need_repetition();
  if (is_remembered) outcome.remembered();
  const bool worked = outcome.worked();
  AuditEntry entry = AuditEntry::of(sent.actor, worked ? "command.completed" : "command.failed",
                                    sent.target_type, sent.target_id.value_or(""), sent.project_id);
  if (!worked) entry.result = "failed";
  entry.metadata = {{"command_id", sent.id.text()},
                    {"action", sent.action},
                    {"outcome", to_string(outcome.kind)}};
  if (!outcome.reason.empty()) entry.metadata["reason"] = outcome.reason;
  json::Value result(outcome.result);
  if (options_.redact) result = options_.redact(std::move(result));
  const std::string result_text = json::write(result);
  auto done = audit_.commit({std::move(entry)}, [&](Commit& commit) {
    Where open;
    open.eq(cmd::id, sent.id).in(cmd::status, open_states());
    commit.update(Table::commands, std::move(open),
                  {{cmd::status, worked ? "completed" : "failed"},
                   {cmd::result, Cell(result_text)},
                   {cmd::error, Cell::text_or_null(outcome.error())},
                   {cmd::completed_at, clock_.now()}},
                  1, 1);
    if (worked && (sent.action == "retry_task" || sent.action == "requeue_dead_letter")) {
      link(commit, sent.project_id, sent.engine, sent.task_id, outcome.new_task_id, sent.task_name);
    }
    if (worked) {
      note_wish(commit, sent.project_id, sent.engine, sent.action, sent.task_id, sent.args_json,
                outcome.result, sent.id, clock_.now());
    }
    if (is_remembered)
      remember_cancel(commit, sent.project_id, sent.engine, sent.task_id, sent.id, clock_.now());
    if (sent.action == kScheduleFire)
      end_fires(commit, {fire_end(sent.id, clock_.now(), sent.fire_due, outcome)});
  });
  if (!done && done.error().code == base::Code::conflict) {
    ++late_results_;
    log_.debug("late command result dropped", {{"command", sent.id.text()}});
    return {};
  }
  if (done) {
    ended_.add({sent.action, sent.engine, worked ? "completed" : "failed"});
    took_.observe(sent.action, static_cast<double>(clock_.steady_ms() - sent.sent_ms) / 1000);
    changed(sent.project_id);
  }
  return done;
}

void Commands::count_ended(std::string_view action, std::string_view status) {
  ended_.add({action, {}, status});
}

void Commands::write_metrics(MetricText& out) const {
  issued_.write(out);
  ended_.write(out);
  took_.write(out);
  out.family("z4j_command_late_results_total", "counter", "answers to commands that were over")
      .sample({}, static_cast<std::int64_t>(late_results_));
}

bool Commands::work() {
  bool any = false;
  std::size_t waiting = 0;
  {
    const std::lock_guard lock(inbox_->mutex);
    waiting = inbox_->answers.size();
  }
  for (; waiting > 0; --waiting) {
    std::pair<Sent, CommandOutcome> next;
    {
      const std::lock_guard lock(inbox_->mutex);
      if (inbox_->answers.empty()) break;
      next = std::move(inbox_->answers.front());
      inbox_->answers.pop_front();
    }
    any = true;
    auto done = finish(next.first, next.second);
    const std::lock_guard lock(inbox_->mutex);
    if (!done && done.error().is_world() && ++next.first.tries < kCommandFinishTries) {
      inbox_->answers.push_back(std::move(next));
      continue;
    }
    if (!done)
      log_.error("command result not stored",
                 {{"command", next.first.id.text()}, {"why", done.error().text()}});
    --inbox_->open;
  }
  return any;
}

base::Result<std::size_t> Commands::sweep() {
  std::optional<Fence> fence;
  if (options_.may_sweep && !(fence = options_.may_sweep())) return std::size_t{0};
  const base::TimeUs now = clock_.now();
  std::vector<Command> due;
  Query query(Table::commands);
  query.where.in(cmd::status, open_states()).lt(cmd::timeout_at, now);
  query.all().limit(kCommandSweepRows);
  auto read = store_.each(query, [&due](const Row& row) {
    due.push_back(command_of(row));
    return true;
  });
  if (!read) return std::move(read).error();
  std::size_t swept = 0;
  std::set<base::Uuid> projects;
  for (const Command& c : due) {
    Actor actor;
    actor.user_id = c.issued_by;
    AuditEntry entry = AuditEntry::of(actor, "command.failed", c.target_type,
                                      c.target_id.value_or(""), c.project_id);
    entry.result = "failed";
    const bool was_sent = c.status == "dispatched";
    entry.metadata = {{"command_id", c.id.text()},
                      {"action", c.action},
                      {"outcome", was_sent ? "unknown" : "refused"},
                      {"reason", was_sent ? "timeout" : "not_taken"}};
    auto done = audit_.commit({std::move(entry)}, [&](Commit& commit) {
      if (fence) fence->guard(commit);
      Where open;
      open.eq(cmd::id, c.id).eq(cmd::status, c.status);
      commit.update(Table::commands, std::move(open),
                    {{cmd::status, "timeout"},
                     {cmd::error, Cell(was_sent ? kCommandTimeoutText : kCommandNotTakenText)},
                     {cmd::completed_at, now}},
                    1, 1);
      if (c.action == kScheduleFire) {
        end_fires(commit, {{c.id, now, 0, false, was_sent ? "timeout" : std::string(kNotTaken),
                            std::string(was_sent ? kCommandTimeoutText : kCommandNotTakenText)}});
      }
      if (was_sent) {
        const auto named = engine_and_task(c);
        if (c.action == "cancel_task" && named)
          remember_cancel(commit, c.project_id, named->first, named->second, c.id, now);
        return;
      }
      Where request;
      request.eq(model::engine_requests::id, c.id);
      commit.erase(Table::engine_requests, std::move(request));
    });
    if (done) {
      const auto named = engine_and_task(c);
      ended_.add({c.action, named ? named->first : std::string_view(), "timeout"});
      ++swept;
      projects.insert(c.project_id);
    } else if (done.error().code != base::Code::conflict) {
      return std::move(done).error();
    }
  }
  for (const base::Uuid& project : projects) changed(project);
  return swept;
}

// --- reading ------------------------------------------------------------------------------------

base::Result<Command> Commands::find(const base::Uuid& project, const base::Uuid& id) {
  Query query(Table::commands);
  query.where.eq(cmd::id, id).eq(cmd::project_id, project);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("command");
  return command_of(**row);
}

base::Result<std::vector<Command>> Commands::list(const base::Uuid& project,
                                                  std::optional<std::string_view> status,
                                                  std::optional<Place> after, std::uint32_t limit) {
  Query query(Table::commands);
  query.where.eq(cmd::project_id, project);
  if (status) query.where.eq(cmd::status, *status);
  query.all().order({cmd::issued_at, cmd::id}, true).limit(limit);
  if (after) query.after({Cell(after->issued_at), Cell(after->id)});
  std::vector<Command> out;
  auto done = store_.each(query, [&out](const Row& row) {
    out.push_back(command_of(row));
    return true;
  });
  if (!done) return std::move(done).error();
  return out;
}

// --- threads ------------------------------------------------------------------------------------

void Commands::start() {
  if (answers_thread_.joinable()) return;
  stopping_ = false;
  answers_thread_ = std::thread([this] { answer_loop(); });
}

void Commands::stop() {
  {
    const std::lock_guard lock(inbox_->mutex);
    stopping_ = true;
  }
  inbox_->arrived.notify_all();
  if (answers_thread_.joinable()) answers_thread_.join();
}

void Commands::answer_loop() {
  using Clock = std::chrono::steady_clock;
  auto next_sweep = Clock::now() + kCommandSweepEvery, next_look = Clock::now();
  bool is_stuck = false;  // the store refuses: don't spin on it
  while (!stopping_) {
    bool has_news = false;
    {
      std::unique_lock lock(inbox_->mutex);
      auto until = is_stuck ? Clock::now() + std::chrono::seconds(1) : next_sweep;
      if (may_have_waiting_) until = std::min(until, next_look);
      inbox_->arrived.wait_until(lock, until, [&] {
        return stopping_ || inbox_->has_news || (!is_stuck && !inbox_->answers.empty());
      });
      has_news = std::exchange(inbox_->has_news, false);
    }
    work();
    if (has_news || (may_have_waiting_ && Clock::now() >= next_look)) {
      deliver_waiting();
      next_look = Clock::now() + kCommandLookEvery;
    }
    {
      const std::lock_guard lock(inbox_->mutex);
      is_stuck = std::any_of(inbox_->answers.begin(), inbox_->answers.end(),
                             [](const auto& a) { return a.first.tries > 0; });
    }
    if (std::chrono::steady_clock::now() < next_sweep) continue;
    next_sweep = std::chrono::steady_clock::now() + kCommandSweepEvery;
    const auto swept = sweep();
    if (options_.on_swept) options_.on_swept(swept ? base::Status() : base::Status(swept.error()));
    if (!swept) log_.warn("command time-outs not swept", {{"why", swept.error().text()}});
  }
  work();
}

}  // namespace z4j::core
