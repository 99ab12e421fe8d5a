#include "core/engine_reads.hpp"

#include <future>
#include <memory>

#include "core/refusal.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;

constexpr int kFactsDeadlineMs = 2'000, kWaitingDeadlineMs = 5'000;
constexpr std::size_t kMostAbilities = 100;

struct ActionBit {
  std::string_view action;
  std::uint64_t bit;
};
constexpr ActionBit kActionBits[] = {{"submit_task", Z4J_ENGINE_ENQUEUE},
                                     {"retry_task", Z4J_ENGINE_RETRY},
                                     {"retry_edited", Z4J_ENGINE_RETRY},
                                     {"bulk_retry", Z4J_ENGINE_RETRY},
                                     {"cancel_waiting", Z4J_ENGINE_REVOKE},
                                     {"terminate_running", Z4J_ENGINE_TERMINATE},
                                     {"purge_queue", Z4J_ENGINE_PURGE},
                                     {"purge_with_copy", Z4J_ENGINE_COPY},
                                     {"requeue_dead_letter", Z4J_ENGINE_DEAD_LETTERS},
                                     {"rate_limit", Z4J_ENGINE_RATE},
                                     {"time_limit", Z4J_ENGINE_TIME_LIMIT},
                                     {"pool_resize", Z4J_ENGINE_POOL},
                                     {"add_consumer", Z4J_ENGINE_POOL},
                                     {"cancel_consumer", Z4J_ENGINE_POOL},
                                     {"autoscale", Z4J_ENGINE_AUTOSCALE},
                                     {"restart_worker", Z4J_ENGINE_RESTART},
                                     {"shutdown_worker", Z4J_ENGINE_SHUTDOWN},
                                     {"pause_queue", Z4J_ENGINE_PAUSE},
                                     {"delete_task", Z4J_ENGINE_DELETE}};

json::Array abilities_of(const EngineRoute& route) {
  json::Array out;
  for (const auto& [action, bit] : kActionBits) {
    const bool is_offered = (route.capabilities & bit) != 0;
    json::Value reason(nullptr);
    if (!is_offered) {
      reason = "the agent does not offer it";
    } else if (!route.is_online) {
      reason = "the agent is offline";
    }
    out.push_back(json::Object{{"action", action},
                               {"how", is_offered ? "native" : "impossible"},
                               {"available", is_offered && route.is_online},
                               {"reason", std::move(reason)}});
  }
  return out;
}

base::Result<json::Value> ask(Relay& relay, const base::Uuid& agent, std::string_view what,
                              std::string page_json, int deadline_ms) {
  const auto answered = std::make_shared<std::promise<base::Result<std::string>>>();
  auto answer = answered->get_future();
  relay.read(agent, what, std::move(page_json), deadline_ms,
             [answered](base::Result<std::string> text) { answered->set_value(std::move(text)); });
  base::Result<std::string> text = answer.get();  // comes a little after the deadline at the latest
  if (!text) return std::move(text).error();
  auto value = json::parse(*text);
  if (!value) {
    return base::Error{.code = base::Code::corrupt,
                       .message = "the engine's answer can't be read",
                       .where = {},
                       .hint = {}};
  }
  return value;
}

}  // namespace

json::Object engine_facts(Relay& relay, const base::Uuid& agent) {
  auto facts = ask(relay, agent, "facts", "{}", kFactsDeadlineMs);
  return facts && facts->is_object() ? std::move(facts->get_object()) : json::Object();
}

json::Array engine_registry(Relay& relay, const base::Uuid& agent) {
  auto tasks = ask(relay, agent, "registry", "{}", kFactsDeadlineMs);
  return tasks && tasks->is_array() ? std::move(tasks->get_array()) : json::Array();
}

base::Result<json::Object> queued_tasks(Relay& relay, const base::Uuid& project,
                                        std::string_view what, const std::string& engine,
                                        const std::string& queue, std::uint32_t limit,
                                        const std::string& cursor) {
  const EngineRoute* online = nullptr;
  const std::vector<EngineRoute> routes = relay.routes(project);
  for (const EngineRoute& route : routes) {
    if (route.engine == engine && route.is_online) online = &route;
  }
  if (online == nullptr) {
    return refuse::error(base::Code::unavailable, refuse::kAgentOffline,
                         "no engine \"" + engine + "\" of this project is online");
  }
  json::Object page{{"limit", limit}};
  if (!queue.empty()) page["queue"] = queue;
  if (!cursor.empty()) page["cursor"] = cursor;
  auto tasks = ask(relay, online->agent_id, what, json::write(page), kWaitingDeadlineMs);
  if (!tasks) return std::move(tasks).error();
  if (!tasks->is_object()) {
    return base::Error{.code = base::Code::corrupt,
                       .message = "the engine's answer can't be read",
                       .where = {},
                       .hint = {}};
  }
  return std::move(tasks->get_object());
}

json::Array engine_abilities(Relay& relay, const base::Uuid& project) {
  json::Array out;
  for (const EngineRoute& route : relay.routes(project)) {
    json::Array abilities;
    if (route.is_online) {
      auto said = ask(relay, route.agent_id, "abilities", "{}", kFactsDeadlineMs);
      const json::Array* items =
          said && said->is_object() ? json::array(said->get_object(), "items") : nullptr;
      if (items != nullptr && items->size() <= kMostAbilities) abilities = *items;
    }
    if (abilities.empty()) abilities = abilities_of(route);
    out.push_back(json::Object{{"engine", route.engine},
                               {"agent_id", route.agent_id.text()},
                               {"is_online", route.is_online},
                               {"abilities", std::move(abilities)}});
  }
  return out;
}

}  // namespace z4j::core
