#include "core/engine_reads.hpp"

#include <future>
#include <memory>

#include "core/refusal.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;

constexpr int kFactsDeadlineMs = 2'000, kWaitingDeadlineMs = 5'000;

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

base::Result<json::Object> waiting_tasks(Relay& relay, const base::Uuid& project,
                                         const std::string& engine, const std::string& queue,
                                         std::uint32_t limit, const std::string& cursor) {
  const EngineRoute* online = nullptr;
  const std::vector<EngineRoute> routes = relay.routes(project);
  for (const EngineRoute& route : routes) {
    if (route.engine == engine && route.is_online) online = &route;
  }
  if (online == nullptr) {
    return refuse::error(base::Code::unavailable, refuse::kAgentOffline,
                         "no engine \"" + engine + "\" of this project is online");
  }
  json::Object page{{"queue", queue}, {"limit", limit}};
  if (!cursor.empty()) page["cursor"] = cursor;
  auto waiting = ask(relay, online->agent_id, "waiting", json::write(page), kWaitingDeadlineMs);
  if (!waiting) return std::move(waiting).error();
  if (!waiting->is_object()) {
    return base::Error{.code = base::Code::corrupt,
                       .message = "the engine's answer can't be read",
                       .where = {},
                       .hint = {}};
  }
  return std::move(waiting->get_object());
}

}  // namespace z4j::core
