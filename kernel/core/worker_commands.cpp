// The part of Commands that speaks to workers, and finds out who told of a worker or a queue.
#include <set>

#include "core/commands.hpp"
#include "core/commands_inside.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"
#include "core/worker_wishes.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;

constexpr std::uint32_t kOwnersRead = 100;

}  // namespace

base::Result<Commands::Owner> Commands::owner_of(const CommandRequest& request, Table table,
                                                 std::string_view name,
                                                 const std::optional<std::string>& engine,
                                                 std::uint64_t verb) {
  namespace q = model::queues;
  namespace w = model::workers;
  const bool is_queue = table == Table::queues;
  const std::uint16_t name_col = is_queue ? std::uint16_t{q::name} : std::uint16_t{w::name};
  const std::uint16_t engine_col = is_queue ? std::uint16_t{q::engine} : std::uint16_t{w::engine};
  const std::uint16_t agent_col =
      is_queue ? std::uint16_t{q::agent_id} : std::uint16_t{w::agent_id};
  Query query(table);
  query.where
      .eq(is_queue ? std::uint16_t{q::project_id} : std::uint16_t{w::project_id},
          request.project_id)
      .eq(name_col, name);
  if (engine) query.where.eq(engine_col, *engine);
  auto rows = store_.read(query.columns({engine_col, agent_col}).limit(kOwnersRead));
  if (!rows) return std::move(rows).error();
  std::set<std::string> engines, able;
  for (const EngineRoute& route : routes_.routes(request.project_id)) {
    if (request.agent_id && route.agent_id != *request.agent_id) continue;
    engines.insert(route.engine);
    if ((route.capabilities & verb) != 0) able.insert(route.engine);
  }
  std::set<std::string> having;
  Owner out;
  for (const Row& row : *rows) {
    std::string of(row.text(engine_col));
    if (request.agent_id && !engine && !engines.contains(of)) continue;
    out.agent_id = row.uuid_or_none(agent_col);
    having.insert(std::move(of));
  }
  if (engine) {
    out.engine = *engine;
    return out;
  }
  const std::set<std::string>& candidates = !having.empty() ? having
                                            : !able.empty() ? able
                                                            : engines;
  if (candidates.size() > 1) {
    const std::string what = name.empty() ? "be meant"
                                          : "mean " + std::string(is_queue ? "queue" : "worker") +
                                                " \"" + clean_text(name, 60) + "\"";
    return refuse::invalid("engine", "several engines could " + what + "; name the engine");
  }
  if (!candidates.empty()) out.engine = *candidates.begin();
  return out;
}

base::Result<EngineRoute> Commands::route_to_queue(const CommandRequest& request,
                                                   const std::string& queue,
                                                   const std::optional<std::string>& engine) {
  auto owner = owner_of(request, Table::queues, queue, engine, Z4J_ENGINE_PURGE);
  if (!owner) return std::move(owner).error();
  return choose(request, owner->engine, Z4J_ENGINE_PURGE, owner->agent_id);
}

base::Result<Command> Commands::order_worker(const CommandRequest& request, Plan plan,
                                             const std::string& worker,
                                             const std::optional<std::string>& engine) {
  auto owner = owner_of(request, Table::workers, worker, engine, plan.verb);
  if (!owner) return std::move(owner).error();
  plan.engine = std::move(owner->engine);
  plan.prefers = owner->agent_id;
  plan.target_type = "worker";
  plan.target_id = worker;
  plan.target = worker;
  json::Object asked(plan.payload.get_object());
  asked["engine"] = engine ? json::Value(*engine) : json::Value(nullptr);
  plan.asked = json::write_canonical(asked);
  plan.payload.get_object()["engine"] = json::text_or_null(plan.engine);
  return issue(request, std::move(plan));
}

base::Result<Command> Commands::restart_worker(const CommandRequest& request,
                                               const RestartWorker& asked) {
  if (auto good = check(asked); !good) return std::move(good).error();
  Plan plan;
  plan.action = "restart_worker";
  plan.verb = Z4J_ENGINE_RESTART;
  plan.args_json = "{}";
  plan.payload = {{"worker_name", asked.worker}};
  return order_worker(request, std::move(plan), asked.worker, asked.engine);
}

base::Result<Command> Commands::resize_pool(const CommandRequest& request,
                                            const ResizePool& asked) {
  if (auto good = check(asked); !good) return std::move(good).error();
  const bool grows = asked.delta > 0;
  Plan plan;
  plan.action = grows ? "pool_grow" : "pool_shrink";
  plan.verb = Z4J_ENGINE_POOL;
  plan.args_json = json::write({{"delta", asked.delta}});
  plan.payload = {{"worker_name", asked.worker}, {"delta", grows ? asked.delta : -asked.delta}};
  return order_worker(request, std::move(plan), asked.worker, asked.engine);
}

base::Result<Command> Commands::change_consumer(const CommandRequest& request,
                                                const ChangeConsumer& asked) {
  if (auto good = check(asked); !good) return std::move(good).error();
  Plan plan;
  plan.action = asked.change == ChangeConsumer::Change::add ? "add_consumer" : "cancel_consumer";
  plan.verb = Z4J_ENGINE_POOL;
  plan.args_json = json::write(json::Object{{plan.action, asked.queue}});
  plan.payload = {{"worker_name", asked.worker}, {"queue", asked.queue}};
  return order_worker(request, std::move(plan), asked.worker, asked.engine);
}

base::Result<Command> Commands::shutdown_worker(const CommandRequest& request,
                                                const RestartWorker& asked) {
  if (auto good = check(asked); !good) return std::move(good).error();
  Plan plan;
  plan.action = "shutdown_worker";
  plan.verb = Z4J_ENGINE_SHUTDOWN;
  plan.args_json = "{}";
  plan.payload = {{"worker_name", asked.worker}};
  return order_worker(request, std::move(plan), asked.worker, asked.engine);
}

base::Result<Command> Commands::autoscale(const CommandRequest& request, const Autoscale& asked) {
  if (auto good = check(asked); !good) return std::move(good).error();
  Plan plan;
  plan.action = "autoscale";
  plan.verb = Z4J_ENGINE_AUTOSCALE;
  plan.args_json = json::write({{"min", asked.min}, {"max", asked.max}});
  plan.payload = {{"worker_name", asked.worker}, {"min", asked.min}, {"max", asked.max}};
  return order_worker(request, std::move(plan), asked.worker, asked.engine);
}

// About all runs of a task, at one worker or at all. The plan's payload holds what is asked.
base::Result<Command> Commands::order_task_name(const CommandRequest& request, Plan plan,
                                                const std::string& task_name,
                                                const std::optional<std::string>& worker,
                                                const std::optional<std::string>& engine) {
  const auto or_null = [](const std::optional<std::string>& text) {
    return text ? json::Value(*text) : json::Value(nullptr);
  };
  plan.target_type = "task";
  plan.target_id = task_name;
  plan.target = task_name;
  json::Object args(plan.payload.get_object());
  if (worker) args["worker"] = *worker;
  plan.args_json = json::write(args);
  auto owner = owner_of(request, Table::workers, worker.value_or(""), engine, plan.verb);
  if (!owner) return std::move(owner).error();
  plan.engine = std::move(owner->engine);
  plan.prefers = owner->agent_id;
  json::Object& payload = plan.payload.get_object();
  payload["task_name"] = task_name;
  payload["worker_name"] = or_null(worker);
  json::Object asked(payload);
  asked["engine"] = or_null(engine);
  plan.asked = json::write_canonical(asked);
  payload["engine"] = json::text_or_null(plan.engine);
  return issue(request, std::move(plan));
}

base::Result<Command> Commands::limit_rate(const CommandRequest& request, const LimitRate& asked) {
  if (auto good = check(asked); !good) return std::move(good).error();
  Plan plan;
  plan.action = "rate_limit";
  plan.verb = Z4J_ENGINE_RATE;
  plan.payload = {{"rate", asked.rate}};
  return order_task_name(request, std::move(plan), asked.task_name, asked.worker, asked.engine);
}

base::Result<Command> Commands::limit_time(const CommandRequest& request, const LimitTime& asked) {
  if (auto good = check(asked); !good) return std::move(good).error();
  const auto or_null = [](const std::optional<std::int64_t>& seconds) {
    return seconds ? json::Value(*seconds) : json::Value(nullptr);
  };
  Plan plan;
  plan.action = "time_limit";
  plan.verb = Z4J_ENGINE_TIME_LIMIT;
  plan.payload = {{"soft", or_null(asked.soft)}, {"hard", or_null(asked.hard)}};
  return order_task_name(request, std::move(plan), asked.task_name, asked.worker, asked.engine);
}

base::Result<Command> Commands::pause_queue(const CommandRequest& request,
                                            const PauseQueue& asked) {
  if (auto good = check(asked); !good) return std::move(good).error();
  const std::string queue = asked.queue.value_or("");
  Plan plan;
  plan.action =
      std::string(asked.pause ? "pause" : "resume") + (asked.queue ? "_queue" : "_engine");
  plan.target_type = asked.queue ? "queue" : "engine";
  plan.verb = Z4J_ENGINE_PAUSE;
  plan.target = queue;
  auto owner = owner_of(request, Table::queues, queue, asked.engine, plan.verb);
  if (!owner) return std::move(owner).error();
  plan.engine = std::move(owner->engine);
  json::Object args{{"pause", asked.pause}};
  if (asked.seconds) args["seconds"] = *asked.seconds;
  if (asked.queue && !asked.pause) {
    auto workers = paused_workers(store_, request.project_id, plan.engine, queue);
    if (!workers) return std::move(workers).error();
    if (!workers->empty()) args["workers"] = std::move(*workers);
  }
  plan.args_json = json::write(args);
  plan.prefers = owner->agent_id;
  plan.target_id = asked.queue ? queue : plan.engine;
  const json::Value seconds = asked.seconds ? json::Value(*asked.seconds) : json::Value(nullptr);
  plan.payload = {{"queue", json::text_or_null(queue)},
                  {"engine", json::text_or_null(plan.engine)},
                  {"seconds", seconds}};
  plan.asked = json::write_canonical(
      {{"queue", json::text_or_null(queue)},
       {"engine", asked.engine ? json::Value(*asked.engine) : json::Value(nullptr)},
       {"seconds", seconds}});
  return issue(request, std::move(plan));
}

}  // namespace z4j::core
