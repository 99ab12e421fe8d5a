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
  if (error.where == core::refuse::kAgentOffline) {
    return error_answer(call.request, 503, "agent_offline", error.message,
                        Object{{"agent_id", id_or_null(asked.agent_id)}});
  }
  return refuse(call, error);
}

net::Response retry_task(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const core::CommandRequest request = read_request(in, call);
  core::RetryTask asked;
  asked.engine = in.text("engine", {1, 40}, Need::required).value_or("");
  asked.task_id = in.text("task_id", {1, 200}, Need::required).value_or("");
  asked.override_args = in.array("override_args");
  asked.override_kwargs = in.object("override_kwargs");
  asked.eta_seconds = in.integer("eta_seconds", 0, core::kEtaMaxSeconds);
  if (!in.ok()) return in.refused(call.request);
  return command_answer(call, request, site.parts.commands.retry_task(request, asked));
}

net::Response cancel_task(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const core::CommandRequest request = read_request(in, call);
  core::CancelTask asked;
  asked.engine = in.text("engine", {1, 40}, Need::required).value_or("");
  asked.task_id = in.text("task_id", {1, 200}, Need::required).value_or("");
  if (!in.ok()) return in.refused(call.request);
  return command_answer(call, request, site.parts.commands.cancel_task(request, asked));
}

net::Response bulk_retry(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const core::CommandRequest request = read_request(in, call);
  core::BulkRetry asked;
  asked.filter = in.object("filter").value_or(Object());
  asked.max = in.integer("max", 1, core::kBulkMax).value_or(asked.max);
  if (!in.ok()) return in.refused(call.request);
  return command_answer(call, request, site.parts.commands.bulk_retry(request, asked));
}

net::Response purge_queue(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const core::CommandRequest request = read_request(in, call);
  core::PurgeQueue asked;
  asked.queue = in.text("queue", {1, 200}, Need::required).value_or("");
  asked.engine = in.text("engine", {1, 40});
  asked.confirm_token = in.text("confirm_token", {1, 128});
  asked.force = in.boolean("force", false);
  if (!in.ok()) return in.refused(call.request);
  return command_answer(call, request, site.parts.commands.purge_queue(request, asked));
}

net::Response restart_worker(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const core::CommandRequest request = read_request(in, call);
  core::RestartWorker asked;
  asked.worker = in.text("worker_name", {1, 200}, Need::required).value_or("");
  asked.engine = in.text("engine", {1, 40});
  if (!in.ok()) return in.refused(call.request);
  return command_answer(call, request, site.parts.commands.restart_worker(request, asked));
}

net::Response resize_pool(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const core::CommandRequest request = read_request(in, call);
  core::ResizePool asked;
  asked.worker = in.text("worker_name", {1, 200}, Need::required).value_or("");
  asked.engine = in.text("engine", {1, 40});
  asked.delta =
      in.integer("delta", -core::kMostPoolDelta, core::kMostPoolDelta, Need::required).value_or(0);
  if (!in.ok()) return in.refused(call.request);
  return command_answer(call, request, site.parts.commands.resize_pool(request, asked));
}

net::Response change_consumer(Site& site, Call& call, core::ChangeConsumer::Change change) {
  Input in = Input::of_body(call.request);
  const core::CommandRequest request = read_request(in, call);
  core::ChangeConsumer asked;
  asked.change = change;
  asked.worker = in.text("worker_name", {1, 200}, Need::required).value_or("");
  asked.engine = in.text("engine", {1, 40});
  asked.queue = in.text("queue", {1, 200}, Need::required).value_or("");
  if (!in.ok()) return in.refused(call.request);
  return command_answer(call, request, site.parts.commands.change_consumer(request, asked));
}

net::Response add_consumer(Site& site, Call& call) {
  return change_consumer(site, call, core::ChangeConsumer::Change::add);
}

net::Response cancel_consumer(Site& site, Call& call) {
  return change_consumer(site, call, core::ChangeConsumer::Change::cancel);
}

net::Response limit_rate(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const core::CommandRequest request = read_request(in, call);
  core::LimitRate asked;
  asked.task_name = in.text("task_name", {1, 500}, Need::required).value_or("");
  asked.rate = in.text("rate", {1, 20}, Need::required).value_or("");
  asked.worker = in.text("worker_name", {1, 200});
  asked.engine = in.text("engine", {1, 40});
  if (!in.ok()) return in.refused(call.request);
  return command_answer(call, request, site.parts.commands.limit_rate(request, asked));
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

}  // namespace

void add_command_routes(Router& router) {
  using core::Action;
  router.add("GET", "/api/v1/projects/{slug}/commands", {Gate::signed_in, Action::read_project},
             list_commands);
  router.add("POST", "/api/v1/projects/{slug}/commands/retry-task",
             {Gate::signed_in, Action::retry_task}, retry_task);
  router.add("POST", "/api/v1/projects/{slug}/commands/cancel-task",
             {Gate::signed_in, Action::cancel_task}, cancel_task);
  router.add("POST", "/api/v1/projects/{slug}/commands/bulk-retry",
             {Gate::signed_in, Action::bulk_retry, &core::kBulkActionBucket}, bulk_retry);
  router.add("POST", "/api/v1/projects/{slug}/commands/purge-queue",
             {Gate::signed_in, Action::purge_queue, &core::kBulkActionBucket}, purge_queue);
  router.add("POST", "/api/v1/projects/{slug}/commands/purge-token",
             {Gate::signed_in, Action::purge_queue}, purge_token);
  const Policy worker{Gate::signed_in, Action::restart_worker};
  router.add("POST", "/api/v1/projects/{slug}/commands/restart-worker", worker, restart_worker);
  router.add("POST", "/api/v1/projects/{slug}/commands/pool-resize", worker, resize_pool);
  router.add("POST", "/api/v1/projects/{slug}/commands/add-consumer", worker, add_consumer);
  router.add("POST", "/api/v1/projects/{slug}/commands/cancel-consumer", worker, cancel_consumer);
  router.add("POST", "/api/v1/projects/{slug}/commands/rate-limit", worker, limit_rate);
  router.add("GET", "/api/v1/projects/{slug}/commands/{command_id}",
             {Gate::signed_in, Action::read_project}, get_command);
}

}  // namespace z4j::api
