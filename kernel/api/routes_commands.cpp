// Commands: asking for them, and what came of them.
#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"
#include "core/refusal.hpp"

namespace z4j::api {
namespace {

using base::json::Object;

constexpr std::int64_t kFreshReadingS = 60;
constexpr std::string_view kStatuses[] = {"pending", "dispatched", "completed",
                                          "failed",  "timeout",    "cancelled"};

// What every command has; `agent_id` may be left out: then any agent that is online and can.
core::CommandRequest read_request(Input& in, const Call& call) {
  core::CommandRequest request;
  request.project_id = call.project->id;
  request.agent_id = in.uuid("agent_id");
  request.idempotency_key = in.text("idempotency_key", {1, 200});
  request.queue_if_offline = in.boolean("queue_if_offline", false);
  request.actor = call.actor();
  return request;
}

net::Response command_answer(const Call& call, const core::CommandRequest& asked,
                             const base::Result<core::Command>& command) {
  if (command) return json_answer(202, to_json(*command));
  const base::Error& error = command.error();
  net::Response refused = refuse(call, error);
  if (error.where != core::refuse::kAgentOffline) return refused;
  return error_answer(call.request, 503, "agent_offline", error.message,
                      Object{{"agent_id", id_or_null(asked.agent_id)}});
}

// Reads what is asked for with `read` and gives it as a command.
template <class Asked, class Read>
net::Response give(Site& site, Call& call,
                   base::Result<core::Command> (core::Commands::*command)(
                       const core::CommandRequest&, const Asked&),
                   const Read& read) {
  Input in = Input::of_body(call.request);
  const core::CommandRequest request = read_request(in, call);
  Asked asked;
  read(in, asked);
  if (!in.ok()) return in.refused(call.request);
  return command_answer(call, request, (site.parts.commands.*command)(request, asked));
}

template <class Asked>
void read_task(Input& in, Asked& asked) {
  asked.engine = in.text("engine", {1, 40}, Need::required).value_or("");
  asked.task_id = in.text("task_id", {1, 200}, Need::required).value_or("");
}

template <class Asked>
void read_worker(Input& in, Asked& asked) {
  asked.worker = in.text("worker_name", {1, 200}, Need::required).value_or("");
  asked.engine = in.text("engine", {1, 40});
}

void read_retry(Input& in, core::RetryTask& asked) {
  read_task(in, asked);
  asked.override_args = in.array("override_args");
  asked.override_kwargs = in.object("override_kwargs");
}

net::Response retry_task(Site& site, Call& call) {
  return give(site, call, &core::Commands::retry_task, [](Input& in, core::RetryTask& asked) {
    read_retry(in, asked);
    asked.eta_seconds = in.integer("eta_seconds", 0, core::kEtaMaxSeconds);
  });
}

net::Response preview_retry(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  core::RetryTask asked;
  read_retry(in, asked);
  if (!in.ok()) return in.refused(call.request);
  auto preview = site.parts.commands.preview_retry(call.project->id, asked);
  if (!preview) return refuse(call, preview.error());
  base::json::Array changes;
  for (const core::ArgumentChange& change : preview->changes) {
    using Kind = core::ArgumentChange::Kind;
    changes.push_back(Object{{"kind", change.kind == Kind::added     ? "added"
                                      : change.kind == Kind::removed ? "removed"
                                                                     : "changed"},
                             {"pointer", change.pointer},
                             {"before", change.before},
                             {"after", change.after}});
  }
  const core::StoredTask& task = preview->task;
  return json_answer(200,
                     Object{{"engine", asked.engine},
                            {"task_id", asked.task_id},
                            {"task_name", base::json::text_or_null(task.name)},
                            {"queue", base::json::text_or_null(task.queue)},
                            {"priority", base::json::text_or_null(task.priority)},
                            {"state", task.state},
                            {"retried_as", task.retried_as ? base::json::Value(*task.retried_as)
                                                           : base::json::Value(nullptr)},
                            {"args", task.args},
                            {"kwargs", task.kwargs},
                            {"is_known", preview->is_known},
                            {"is_edited", preview->is_edited},
                            {"changes", std::move(changes)}});
}

net::Response submit_task(Site& site, Call& call) {
  return give(site, call, &core::Commands::submit_task, [](Input& in, core::SubmitTask& asked) {
    asked.engine = in.text("engine", {1, 40}, Need::required).value_or("");
    asked.task_name = in.text("task_name", {1, 500}, Need::required).value_or("");
    asked.args = in.array("args").value_or(base::json::Array());
    asked.kwargs = in.object("kwargs").value_or(Object());
    asked.queue = in.text("queue", {1, 200});
    asked.priority = in.text("priority", {1, 20});
    asked.eta_seconds = in.integer("eta_seconds", 0, core::kEtaMaxSeconds);
  });
}

net::Response requeue_dead_letter(Site& site, Call& call) {
  return give(site, call, &core::Commands::requeue_dead_letter,
              [](Input& in, core::RequeueDeadLetter& asked) {
                read_task(in, asked);
                asked.queue = in.text("queue", {1, 200}, Need::required).value_or("");
                asked.to = in.text("to", {1, 200});
              });
}

net::Response delete_task(Site& site, Call& call) {
  return give(site, call, &core::Commands::delete_task, [](Input& in, core::DeleteTask& asked) {
    read_task(in, asked);
    asked.queue = in.text("queue", {1, 200});
  });
}

net::Response change_pause(Site& site, Call& call, bool pause) {
  return give(site, call, &core::Commands::pause_queue,
              [pause](Input& in, core::PauseQueue& asked) {
                asked.pause = pause;
                asked.queue = in.text("queue", {1, 200});
                asked.engine = in.text("engine", {1, 40});
                if (pause) asked.seconds = in.integer("seconds", 1, core::kMostPauseSeconds);
              });
}

net::Response pause_queue(Site& site, Call& call) { return change_pause(site, call, true); }

net::Response resume_queue(Site& site, Call& call) { return change_pause(site, call, false); }

net::Response shutdown_worker(Site& site, Call& call) {
  return give(site, call, &core::Commands::shutdown_worker,
              [](Input& in, core::RestartWorker& asked) { read_worker(in, asked); });
}

net::Response autoscale(Site& site, Call& call) {
  return give(site, call, &core::Commands::autoscale, [](Input& in, core::Autoscale& asked) {
    read_worker(in, asked);
    asked.min = in.integer("min", 0, core::kMostPoolProcesses, Need::required).value_or(0);
    asked.max = in.integer("max", 1, core::kMostPoolProcesses, Need::required).value_or(1);
  });
}

net::Response limit_time(Site& site, Call& call) {
  return give(site, call, &core::Commands::limit_time, [](Input& in, core::LimitTime& asked) {
    asked.task_name = in.text("task_name", {1, 500}, Need::required).value_or("");
    asked.soft = in.integer("soft", 1, core::kMostTimeLimitSeconds);
    asked.hard = in.integer("hard", 1, core::kMostTimeLimitSeconds);
    asked.worker = in.text("worker_name", {1, 200});
    asked.engine = in.text("engine", {1, 40});
  });
}

net::Response cancel_task(Site& site, Call& call) {
  return give(site, call, &core::Commands::cancel_task,
              [](Input& in, core::CancelTask& asked) { read_task(in, asked); });
}

net::Response bulk_retry(Site& site, Call& call) {
  return give(site, call, &core::Commands::bulk_retry, [](Input& in, core::BulkRetry& asked) {
    asked.filter = in.object("filter").value_or(Object());
    asked.max = in.integer("max", 1, core::kBulkMax).value_or(asked.max);
  });
}

net::Response purge_queue(Site& site, Call& call) {
  return give(site, call, &core::Commands::purge_queue, [](Input& in, core::PurgeQueue& asked) {
    asked.queue = in.text("queue", {1, 200}, Need::required).value_or("");
    asked.engine = in.text("engine", {1, 40});
    asked.confirm_token = in.text("confirm_token", {1, 128});
    asked.force = in.boolean("force", false);
    if (in.has("copy") && !in.is_null("copy")) asked.copy = in.boolean("copy", true);
  });
}

net::Response restart_worker(Site& site, Call& call) {
  return give(site, call, &core::Commands::restart_worker,
              [](Input& in, core::RestartWorker& asked) { read_worker(in, asked); });
}

net::Response resize_pool(Site& site, Call& call) {
  return give(site, call, &core::Commands::resize_pool, [](Input& in, core::ResizePool& asked) {
    read_worker(in, asked);
    asked.delta = in.integer("delta", -core::kMostPoolDelta, core::kMostPoolDelta, Need::required)
                      .value_or(0);
  });
}

net::Response change_consumer(Site& site, Call& call, core::ChangeConsumer::Change change) {
  return give(site, call, &core::Commands::change_consumer,
              [change](Input& in, core::ChangeConsumer& asked) {
                asked.change = change;
                read_worker(in, asked);
                asked.queue = in.text("queue", {1, 200}, Need::required).value_or("");
              });
}

net::Response add_consumer(Site& site, Call& call) {
  return change_consumer(site, call, core::ChangeConsumer::Change::add);
}

net::Response cancel_consumer(Site& site, Call& call) {
  return change_consumer(site, call, core::ChangeConsumer::Change::cancel);
}

net::Response limit_rate(Site& site, Call& call) {
  return give(site, call, &core::Commands::limit_rate, [](Input& in, core::LimitRate& asked) {
    asked.task_name = in.text("task_name", {1, 500}, Need::required).value_or("");
    asked.rate = in.text("rate", {1, 20}, Need::required).value_or("");
    asked.worker = in.text("worker_name", {1, 200});
    asked.engine = in.text("engine", {1, 40});
  });
}

// What an agent wants to see before it purges a long queue; the depth is what was last reported.
net::Response purge_token(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const core::CommandRequest request = read_request(in, call);
  const auto queue = in.text("queue", {1, 200}, Need::required);
  const auto engine = in.text("engine", {1, 40});
  if (!in.ok()) return in.refused(call.request);
  auto route = site.parts.commands.route_to_queue(request, *queue, engine);
  if (!route) {
    return command_answer(call, request, base::Result<core::Command>(std::move(route).error()));
  }
  auto known = site.fleet.queue(call.project->id, route->engine, *queue);
  if (!known) return refuse(call, known.error());
  auto agent = site.fleet.agent(call.project->id, route->agent_id);
  if (!agent) return refuse(call, agent.error());
  const std::int64_t depth = *known ? (*known)->pending_count.value_or(0) : 0;
  const auto read_at = *known ? (*known)->last_seen_at : std::nullopt;
  const bool is_fresh =
      read_at && site.parts.clock.now() - *read_at <= kFreshReadingS * base::kSecondUs;
  base::json::Value token(nullptr);
  if (!agent->is_local) {
    token = site.parts.accounts.purge_token(call.project->id, *queue, depth, agent->agent_version);
  }
  return json_answer(200, Object{{"queue", *queue},
                                 {"engine", route->engine},
                                 {"agent_id", route->agent_id.text()},
                                 {"depth", depth},
                                 {"read_at", time_or_null(read_at)},
                                 {"is_fresh", is_fresh},
                                 {"confirm_token", std::move(token)}});
}

net::Response list_commands(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const config::Settings& settings = site.parts.settings;
  const Paging paging = read_paging(query, List::commands, settings.rest_default_page_size,
                                    settings.rest_max_page_size);
  const auto asked = query.text("status", {0, 40});
  if (!query.ok()) return query.refused(call.request);
  std::optional<std::string_view> status;
  for (const std::string_view known : kStatuses) {
    if (asked && *asked == known) status = known;  // an unknown one is ignored
  }
  std::optional<core::Commands::Place> after;
  if (paging.after) after = core::Commands::Place{paging.after->at, paging.after->id};
  auto commands = site.parts.commands.list(call.project->id, status, after, paging.limit + 1);
  if (!commands) return refuse(call, commands.error());
  std::optional<core::Place> next;
  if (commands->size() > paging.limit) {
    commands->resize(paging.limit);
    next = core::Place{commands->back().issued_at, commands->back().id};
  }
  return json_answer(200, page_json(to_json_array(*commands), List::commands, next));
}

net::Response get_command(Site& site, Call& call) {
  const auto id = base::Uuid::parse(call.param("command_id"));
  if (!id) return error_answer(call.request, 404, "not_found", "command not found");
  auto command = site.parts.commands.find(call.project->id, *id);
  return command ? json_answer(200, to_json(*command)) : refuse(call, command.error());
}

// What each command takes besides its own fields.
#define Z4J_COMMAND_FIELDS \
  "agent_id?: uuid, idempotency_key?: text(1..200), queue_if_offline?: bool"

constexpr std::string_view kCommandShape =
    "{id: uuid, project_id: uuid, agent_id: uuid?, issued_by: uuid?, action: text, target_type: "
    "text, target_id: text?, payload: object, status: "
    "\"pending\"|\"dispatched\"|\"completed\"|\"failed\"|\"timeout\"|\"cancelled\", result: any, "
    "error: text?, issued_at: time, dispatched_at: time?, completed_at: time?, timeout_at: time}";

struct CommandRoute {
  std::string_view name;
  core::Action action;
  const core::RateBucket* bucket;
  Answer answer;
  std::string_view summary, body;
};
constexpr CommandRoute kCommandRoutes[] = {
    {"/api/v1/projects/{slug}/commands/retry-task", core::Action::retry_task, nullptr, retry_task,
     "Retry a task",
     "{" Z4J_COMMAND_FIELDS
     ", engine: text(1..40), task_id: text(1..200), override_args?: [any], override_kwargs?: "
     "object, eta_seconds?: int(0..86400)}"},
    {"/api/v1/projects/{slug}/commands/cancel-task", core::Action::cancel_task, nullptr,
     cancel_task, "Cancel a task",
     "{" Z4J_COMMAND_FIELDS ", engine: text(1..40), task_id: text(1..200)}"},
    {"/api/v1/projects/{slug}/commands/bulk-retry", core::Action::bulk_retry,
     &core::kBulkActionBucket, bulk_retry, "Retry the tasks that a filter finds",
     "{" Z4J_COMMAND_FIELDS ", filter?: object, max?: int(1..10000)}"},
    {"/api/v1/projects/{slug}/commands/purge-queue", core::Action::purge_queue,
     &core::kBulkActionBucket, purge_queue, "Drop all that waits in a queue",
     "{" Z4J_COMMAND_FIELDS
     ", queue: text(1..200), engine?: text(1..40), confirm_token?: text(1..128), force?: bool, "
     "copy?: bool}"},
    {"/api/v1/projects/{slug}/commands/restart-worker", core::Action::restart_worker, nullptr,
     restart_worker, "Restart a worker",
     "{" Z4J_COMMAND_FIELDS ", worker_name: text(1..200), engine?: text(1..40)}"},
    {"/api/v1/projects/{slug}/commands/pool-resize", core::Action::restart_worker, nullptr,
     resize_pool, "Grow or shrink a worker's pool",
     "{" Z4J_COMMAND_FIELDS
     ", worker_name: text(1..200), delta: int(-100..100), engine?: text(1..40)}"},
    {"/api/v1/projects/{slug}/commands/add-consumer", core::Action::restart_worker, nullptr,
     add_consumer, "Make a worker take from a queue",
     "{" Z4J_COMMAND_FIELDS
     ", worker_name: text(1..200), queue: text(1..200), engine?: text(1..40)}"},
    {"/api/v1/projects/{slug}/commands/cancel-consumer", core::Action::restart_worker, nullptr,
     cancel_consumer, "Make a worker leave a queue",
     "{" Z4J_COMMAND_FIELDS
     ", worker_name: text(1..200), queue: text(1..200), engine?: text(1..40)}"},
    {"/api/v1/projects/{slug}/commands/rate-limit", core::Action::restart_worker, nullptr,
     limit_rate, "Limit how often a task runs",
     "{" Z4J_COMMAND_FIELDS
     ", task_name: text(1..500), rate: text(1..20), worker_name?: text(1..200), engine?: "
     "text(1..40)}"},
    {"/api/v1/projects/{slug}/commands/time-limit", core::Action::restart_worker, nullptr,
     limit_time, "Limit how long runs of a task may take; neither soft nor hard: no limit",
     "{" Z4J_COMMAND_FIELDS
     ", task_name: text(1..500), soft?: int(1..604800), hard?: int(1..604800), worker_name?: "
     "text(1..200), engine?: text(1..40)}"},
    {"/api/v1/projects/{slug}/commands/autoscale", core::Action::restart_worker, nullptr, autoscale,
     "Set the bounds between which a worker's pool grows and shrinks by itself",
     "{" Z4J_COMMAND_FIELDS
     ", worker_name: text(1..200), min: int(0..10000), max: int(1..10000), engine?: text(1..40)}"},
    {"/api/v1/projects/{slug}/commands/shutdown-worker", core::Action::shutdown_worker, nullptr,
     shutdown_worker, "Make a worker finish what it does and end",
     "{" Z4J_COMMAND_FIELDS ", worker_name: text(1..200), engine?: text(1..40)}"},
    {"/api/v1/projects/{slug}/commands/pause-queue", core::Action::pause_queue, nullptr,
     pause_queue, "Take nothing from a queue, or from all of an engine's",
     "{" Z4J_COMMAND_FIELDS
     ", queue?: text(1..200), engine?: text(1..40), seconds?: int(1..2592000)}"},
    {"/api/v1/projects/{slug}/commands/resume-queue", core::Action::pause_queue, nullptr,
     resume_queue, "Go on taking from a queue, or from all of an engine's",
     "{" Z4J_COMMAND_FIELDS ", queue?: text(1..200), engine?: text(1..40)}"},
    {"/api/v1/projects/{slug}/commands/submit-task", core::Action::submit_task, nullptr,
     submit_task, "Send a new task",
     "{" Z4J_COMMAND_FIELDS
     ", engine: text(1..40), task_name: text(1..500), args?: [any], kwargs?: object, queue?: "
     "text(1..200), priority?: text(1..20), eta_seconds?: int(0..86400)}"},
    {"/api/v1/projects/{slug}/commands/requeue-dead-letter", core::Action::retry_task, nullptr,
     requeue_dead_letter, "Put a task that was thrown away back into its queue",
     "{" Z4J_COMMAND_FIELDS
     ", engine: text(1..40), task_id: text(1..200), queue: text(1..200), to?: text(1..200)}"},
    {"/api/v1/projects/{slug}/commands/delete-task", core::Action::delete_tasks, nullptr,
     delete_task, "Make the engine forget a task that waits or is over",
     "{" Z4J_COMMAND_FIELDS ", engine: text(1..40), task_id: text(1..200), queue?: text(1..200)}"}};

}  // namespace

void add_command_routes(Router& router) {
  using core::Action;
  router.shape("Command", kCommandShape);
  const Policy viewer{Gate::signed_in, Action::read_project, nullptr, "commands"};
  router.add("GET", "/api/v1/projects/{slug}/commands", viewer, list_commands)
      .does("List commands")
      .query("{status?: text(0..40), cursor?: text, limit?: int(1..5000)}")
      .gives(200, "page(Command)");
  for (const CommandRoute& route : kCommandRoutes) {
    router
        .add("POST", route.name, {Gate::signed_in, route.action, route.bucket, "commands"},
             route.answer)
        .does(route.summary)
        .body(route.body)
        .gives(202, "Command");
  }
  router
      .add("POST", "/api/v1/projects/{slug}/commands/purge-token",
           {Gate::signed_in, Action::purge_queue, nullptr, "commands"}, purge_token)
      .does("Get the token that an agent elsewhere wants before it purges a long queue")
      .body("{" Z4J_COMMAND_FIELDS ", queue: text(1..200), engine?: text(1..40)}")
      .gives(200,
             "{queue: text, engine: text, agent_id: uuid, depth: int, read_at: time?, is_fresh: "
             "bool, confirm_token: text?}");
  router
      .add("POST", "/api/v1/projects/{slug}/commands/retry-preview",
           {Gate::signed_in, Action::retry_task, nullptr, "commands"}, preview_retry)
      .does("Show what a retry would send and how that differs from what the task had")
      .body(
          "{engine: text(1..40), task_id: text(1..200), override_args?: [any], override_kwargs?: "
          "object}")
      .gives(
          200,
          "{engine: text, task_id: text, task_name: text?, queue: text?, priority: text?, state: "
          "text, retried_as: text?, args: any, kwargs: any, is_known: bool, is_edited: bool, "
          "changes: [{kind: \"added\"|\"removed\"|\"changed\", pointer: text, before: any, "
          "after: any}]}");
  router.add("GET", "/api/v1/projects/{slug}/commands/{command_id}", viewer, get_command)
      .does("Show a command")
      .gives(200, "Command");
}

}  // namespace z4j::api
