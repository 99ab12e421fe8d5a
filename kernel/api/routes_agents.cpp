// Agents: which there are, what they report of themselves, and their tokens.
#include <algorithm>
#include <span>

#include "api/admit.hpp"
#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"
#include "base/crypto.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"
#include "wire/version.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::Value;

constexpr std::uint32_t kMostSlots = 500, kUsualSlots = 200;
constexpr std::string_view kSlotStates[] = {"online", "offline"};
constexpr std::string_view kSlotRoles[] = {"web", "task", "scheduler", "beat", "other"};

base::Result<core::FleetAgent> find_agent(Site& site, const Call& call) {
  const auto id = base::Uuid::parse(call.param("agent_id"));
  if (!id) return core::refuse::not_found("agent");
  return site.fleet.agent(call.project->id, *id);
}

// The version of an engine, or of the adapter that watches it.
Value engine_version(const core::FleetAgent& agent, const std::string& engine) {
  if (agent.is_local) return base::json::text_or_null(agent.agent_version);
  const Object* versions = base::json::object(agent.telemetry, "versions");
  if (versions == nullptr) return nullptr;
  std::string_view found = base::json::text(*versions, engine);
  if (found.empty()) found = base::json::text(*versions, "z4j-" + engine);
  return base::json::text_or_null(found);
}

// What the row says of its engines; one that can be asked now tells more.
Array engines_of(const core::FleetAgent& agent) {
  Array out;
  for (const auto& name : agent.engine_adapters) {
    if (!name.is_string()) continue;
    const Value* can = agent.capabilities.if_contains(name.get_string());
    out.push_back(
        Object{{"name", name},
               {"version", engine_version(agent, std::string(name.get_string()))},
               {"capabilities", can != nullptr && can->is_array() ? *can : Value(Array())},
               {"health", nullptr}});
  }
  return out;
}

// Where agents find this brain: what the operator said, else what the browser asked.
std::string brain_url(const Site& site, const net::Request& request) {
  std::string url = site.parts.settings.public_url;
  if (url.empty()) url = request.scheme + "://" + request.host;
  while (url.ends_with('/')) url.pop_back();
  return url;
}

std::string socket_url(std::string url) {
  if (url.starts_with("http")) url.replace(0, 4, "ws");
  return url + "/ws/agent";
}

// The only answer that ever shows the token.
net::Response credentials_answer(Site& site, const Call& call, int status,
                                 const base::Result<core::AgentCredentials>& made) {
  if (!made) {
    const base::Error& error = made.error();
    if (error.where != "conflict_duplicate_name") return refuse(call, error);
    Input in = Input::of_body(call.request);
    return error_answer(call.request, 409, "conflict", error.message,
                        Object{{"code", error.where},
                               {"reason", error.where},
                               {"name", core::trimmed(in.text("name", {0, 1000}).value_or(""))},
                               {"hint", error.hint}});
  }
  auto agent = site.fleet.agent(call.project->id, made->agent_id);
  if (!agent) return refuse(call, agent.error());
  const std::string url = brain_url(site, call.request);
  return json_answer(status,
                     Object{{"agent", to_json(*agent)},
                            {"token", made->token},
                            {"hmac_secret", made->hmac_secret},
                            {"brain_ws_url", socket_url(url)},
                            {"previous_token_until", time_or_null(made->previous_token_until)},
                            {"env", core::environment_of(*made, url, call.project->slug)}});
}

// --- reading ------------------------------------------------------------------------------------

net::Response list_agents(Site& site, Call& call) {
  auto agents = site.fleet.agents(call.project->id);
  return agents ? json_answer(200, to_json_array(*agents)) : refuse(call, agents.error());
}

net::Response get_agent(Site& site, Call& call) {
  auto agent = find_agent(site, call);
  if (!agent) return refuse(call, agent.error());
  Object out = to_json(*agent);
  out["events_persisted"] = agent->events_persisted;
  out["events_dropped"] = agent->events_dropped;
  out["runtime_features"] = agent->runtime_features;
  out["telemetry"] = agent->telemetry;
  out["engines"] = engines_of(*agent);
  out["registry_size"] = nullptr;
  if (!agent->is_local) {
    auto names = site.fleet.count_task_names(agent->id);
    if (!names) return refuse(call, names.error());
    out["registry_size"] = *names;
  }
  if (site.parts.agent_live) {
    for (auto& member : site.parts.agent_live(agent->id))
      out[member.key()] = std::move(member.value());
  }
  return json_answer(200, out);
}

// Which agents are behind the brain, for the banner.
net::Response list_versions(Site& site, Call& call) {
  auto agents = site.fleet.agents(call.project->id);
  if (!agents) return refuse(call, agents.error());
  Array items, behind;
  std::string names;
  for (const core::FleetAgent& agent : *agents) {
    if (agent.is_local || agent.agent_version.empty()) continue;
    Object item{{"id", agent.id.text()},
                {"name", agent.name},
                {"agent_version", agent.agent_version},
                {"version_status", version_status(agent)},
                {"state", agent.state}};
    items.push_back(item);
    if (!is_behind(agent)) continue;
    item["message"] = "agent " + agent.name + " has version " + agent.agent_version +
                      ", the brain's is " + std::string(wire::kUpstreamLevel) +
                      ": update the z4j packages where it runs and start it again";
    behind.push_back(std::move(item));
    names += (names.empty() ? "" : ", ") + agent.name + " (" + agent.agent_version + ")";
  }
  Value message(nullptr);
  if (!behind.empty()) {
    message = "The brain (" + std::string(wire::kUpstreamLevel) +
              ") is newer than these agents: " + names +
              ". Those one major behind go on working, maybe with fewer features.";
  }
  return json_answer(200, Object{{"brain_version", wire::kUpstreamLevel},
                                 {"program_version", site.parts.version},
                                 {"message", std::move(message)},
                                 {"behind", std::move(behind)},
                                 {"items", std::move(items)}});
}

// A place among task names, as text that clients hand back unread.
using TaskName = std::pair<std::string, std::string>;  // engine and name

std::string write_name_cursor(const TaskName& at) {
  return base::base64url("r" + at.first + "\n" + at.second);
}

std::optional<TaskName> read_name_cursor(std::string_view text) {
  const auto plain = base::unbase64url(text);
  const std::size_t line = plain ? plain->find('\n') : std::string::npos;
  if (!plain || plain->empty() || plain->front() != 'r' || line == std::string::npos ||
      !core::is_utf8(*plain))
    return std::nullopt;
  return TaskName(plain->substr(1, line - 1), plain->substr(line + 1));
}

// Engine instances are asked; what agents elsewhere told is stored.
base::Result<std::vector<core::FleetTaskName>> task_names(Site& site, const core::FleetAgent& agent,
                                                          const std::optional<TaskName>& after,
                                                          std::uint32_t limit) {
  if (!agent.is_local) return site.fleet.task_names(agent.id, after, limit);
  std::vector<core::FleetTaskName> out;
  if (!site.parts.agent_registry) return out;
  const bool has_engine = !agent.engine_adapters.empty() && agent.engine_adapters[0].is_string();
  const std::string engine(has_engine ? std::string_view(agent.engine_adapters[0].get_string())
                                      : std::string_view());
  const Array all = site.parts.agent_registry(agent.id);
  for (const Value& each : all) {
    if (!each.is_object()) continue;
    core::FleetTaskName name;
    name.engine = engine;
    name.name = base::json::text(each.get_object(), "name");
    if (const Array* workers = base::json::array(each.get_object(), "workers"))
      name.workers = *workers;
    if (!after || TaskName(name.engine, name.name) > *after) out.push_back(std::move(name));
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  if (out.size() > limit) out.resize(limit);
  return out;
}

net::Response get_agent_registry(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const config::Settings& settings = site.parts.settings;
  const auto limit = static_cast<std::uint32_t>(
      std::min<std::int64_t>(query.integer("limit", 1, 5000).value_or(settings.rest_max_page_size),
                             settings.rest_max_page_size));
  std::optional<TaskName> after;
  if (const auto cursor = query.text("cursor", {1, 8192})) {
    after = read_name_cursor(*cursor);
    if (!after) query.problem("cursor", "value_error", "is not a next_cursor of this list");
  }
  if (!query.ok()) return query.refused(call.request);
  auto agent = find_agent(site, call);
  if (!agent) return refuse(call, agent.error());
  auto names = task_names(site, *agent, after, limit + 1);
  if (!names) return refuse(call, names.error());
  Value next(nullptr);
  if (names->size() > limit) {
    names->resize(limit);
    next = write_name_cursor({names->back().engine, names->back().name});
  }
  return json_answer(200,
                     Object{{"items", to_json_array(*names)}, {"next_cursor", std::move(next)}});
}

net::Response list_connections(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const config::Settings& settings = site.parts.settings;
  const Paging paging = read_paging(query, List::connections, settings.rest_default_page_size,
                                    settings.rest_max_page_size);
  if (!query.ok()) return query.refused(call.request);
  auto agent = find_agent(site, call);
  if (!agent) return refuse(call, agent.error());
  auto page = site.fleet.connections(agent->id, paging.after, paging.limit);
  return page ? json_answer(200,
                            page_json(to_json_array(page->items), List::connections, page->next))
              : refuse(call, page.error());
}

std::optional<std::string_view> one_of(Input& query, std::string_view name,
                                       std::span<const std::string_view> known) {
  const auto asked = query.text(name, {1, 40});
  if (!asked) return std::nullopt;
  const auto found = std::find(known.begin(), known.end(), *asked);
  if (found != known.end()) return *found;
  query.problem(name, "literal_error", "is not one of the known words");
  return std::nullopt;
}

net::Response list_agent_workers(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const auto state = one_of(query, "state", kSlotStates);
  const auto role = one_of(query, "role", kSlotRoles);
  const auto limit =
      static_cast<std::uint32_t>(query.integer("limit", 1, kMostSlots).value_or(kUsualSlots));
  if (!query.ok()) return query.refused(call.request);
  auto slots = site.fleet.slots(call.project->id, state, role, limit);
  return slots ? json_answer(200, to_json_array(*slots)) : refuse(call, slots.error());
}

// --- tokens -------------------------------------------------------------------------------------

net::Response mint_agent(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const auto name = in.text("name", {1, 1000}, Need::required);
  if (!in.ok()) return in.refused(call.request);
  return credentials_answer(site, call, 201,
                            site.parts.accounts.mint(call.project->id, *name, call.actor()));
}

// The project stands in the body here, so who may do this is asked here.
net::Response mint_token(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const auto project = in.text("project_id", {1, 64}, Need::required);
  const auto name = in.text("name", {1, 1000}, Need::required);
  if (!in.ok()) return in.refused(call.request);
  auto all = site.parts.projects.list(*call.principal);
  if (!all) return refuse(call, all.error());
  const auto found = std::find_if(all->begin(), all->end(), [&](const core::Project& p) {
    return p.id.text() == *project || p.slug == *project;
  });
  if (found == all->end()) return refuse(call, core::refuse::not_found("project"));
  const auto decision = core::decide(*call.principal, core::Action::manage_agents, &found->id);
  if (!decision.allowed()) return refuse(call, decision);
  call.project = *found;
  const auto made = site.parts.accounts.mint(found->id, *name, call.actor(),
                                             core::AgentAccounts::TokenForm::prefixed);
  if (!made) return credentials_answer(site, call, 201, made);
  const std::string url = brain_url(site, call.request);
  return json_answer(201, Object{{"agent_id", made->agent_id.text()},
                                 {"name", made->name},
                                 {"token", made->token},
                                 {"hmac_secret", made->hmac_secret},
                                 {"brain_ws_url", socket_url(url)},
                                 {"env", core::environment_of(*made, url, found->slug)}});
}

net::Response rotate_token(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const std::int64_t overlap_s =
      in.integer("overlap_seconds", 0, core::AgentAccounts::kLongestOverlapS)
          .value_or(core::AgentAccounts::kUsualOverlapS);
  if (!in.ok()) return in.refused(call.request);
  auto agent = find_agent(site, call);
  if (!agent) return refuse(call, agent.error());
  return credentials_answer(
      site, call, 200,
      site.parts.accounts.rotate(call.project->id, agent->id, overlap_s, call.actor()));
}

net::Response revoke_agent(Site& site, Call& call) {
  auto agent = find_agent(site, call);
  if (!agent) return refuse(call, agent.error());
  auto done = site.parts.accounts.revoke(call.project->id, agent->id, call.actor());
  if (!done) return refuse(call, done.error());
  agent = site.fleet.agent(call.project->id, agent->id);
  return agent ? json_answer(200, to_json(*agent)) : refuse(call, agent.error());
}

net::Response delete_agent(Site& site, Call& call) {
  auto agent = find_agent(site, call);
  if (!agent) return refuse(call, agent.error());
  auto done = site.parts.accounts.remove(call.project->id, agent->id, call.actor());
  return done ? no_content() : refuse(call, done.error());
}

constexpr std::string_view kAgentShape =
    "{id: uuid, project_id: uuid, name: text, state: \"online\"|\"offline\"|\"unknown\", "
    "protocol_version: text, framework_adapter: text, engine_adapters: [text], "
    "scheduler_adapters: [text], capabilities: {*: [text]}, last_seen_at: time?, last_connect_at: "
    "time?, created_at: time, is_outdated: bool, host_name: text?, agent_version: text?, "
    "version_status: text?, is_local: bool, state_reason: text?, last_event_at: time?, is_behind: "
    "bool, is_revoked: bool, transport: text?, clock_skew_ms: int?, token_changed_at: time?, "
    "previous_token_until: time?}";

constexpr std::string_view kCredentialsShape =
    "{agent: Agent, token: text, hmac_secret: text, brain_ws_url: text, previous_token_until: "
    "time?, env: text}";

}  // namespace

void add_agent_routes(Router& router) {
  router.shape("Agent", kAgentShape);
  router.shape("AgentCredentials", kCredentialsShape);
  const Policy viewer{Gate::signed_in, core::Action::read_project, nullptr, "agents"};
  const Policy admin{Gate::signed_in, core::Action::manage_agents, nullptr, "agents", true};
  router
      .add("POST", "/api/v1/agents/mint-token",
           {Gate::signed_in, std::nullopt, nullptr, "agents", true}, mint_token)
      .does("Mint an agent in the project that the body names")
      .body("{project_id: text(1..64), name: text(1..1000)}")
      .gives(201,
             "{agent_id: uuid, name: text, token: text, hmac_secret: text, brain_ws_url: text, "
             "env: text}")
      .refuses(404);
  router.add("GET", "/api/v1/projects/{slug}/agents", viewer, list_agents)
      .does("List agents")
      .gives(200, "[Agent]");
  router.add("POST", "/api/v1/projects/{slug}/agents", admin, mint_agent)
      .does("Mint an agent's token and signing secret")
      .body("{name: text(1..1000)}")
      .gives(201, "AgentCredentials");
  router.add("GET", "/api/v1/projects/{slug}/agents/versions", viewer, list_versions)
      .does("Say which agents are behind the brain")
      .gives(200,
             "{brain_version: text, program_version: text, message: text?, behind: [{id: uuid, "
             "name: text, agent_version: text, version_status: text?, state: text, message: "
             "text}], items: [{id: uuid, name: text, agent_version: text, version_status: text?, "
             "state: text}]}");
  router.add("GET", "/api/v1/projects/{slug}/agents/{agent_id}", viewer, get_agent)
      .does("Show an agent")
      .gives(200,
             "{..Agent, events_persisted: int, events_dropped: int, runtime_features: [any], "
             "telemetry: object, engines: [object], registry_size: int?, *: any}");
  router.add("DELETE", "/api/v1/projects/{slug}/agents/{agent_id}", admin, delete_agent)
      .does("Delete an agent and end its connections")
      .gives_nothing();
  router.add("POST", "/api/v1/projects/{slug}/agents/{agent_id}/rotate-token", admin, rotate_token)
      .does("Give an agent a new token")
      .body("{overlap_seconds?: int(0..2592000)}")
      .gives(200, "AgentCredentials");
  router.add("POST", "/api/v1/projects/{slug}/agents/{agent_id}/revoke", admin, revoke_agent)
      .does("Make an agent's tokens void")
      .gives(200, "Agent");
  router
      .add("GET", "/api/v1/projects/{slug}/agents/{agent_id}/registry", viewer, get_agent_registry)
      .does("List the task names that an agent knows")
      .query("{cursor?: text, limit?: int(1..5000)}")
      .gives(200,
             "page({name: text, engine: text?, workers: [any], first_seen_at: time?, last_seen_at: "
             "time?})");
  router
      .add("GET", "/api/v1/projects/{slug}/agents/{agent_id}/connections", viewer, list_connections)
      .does("List the connections of an agent")
      .query("{cursor?: text, limit?: int(1..5000)}")
      .gives(200,
             "page({id: uuid, agent_id: uuid, worker_id: text?, transport: text, source_ip: text?, "
             "agent_version: text?, connected_at: time, disconnected_at: time?, close_code: int?, "
             "reason: text?})");
  router
      .add("GET", "/api/v1/projects/{slug}/agent-workers",
           {Gate::signed_in, core::Action::read_project}, list_agent_workers)
      .does("List the processes of agents elsewhere")
      .query(
          "{state?: \"online\"|\"offline\", role?: "
          "\"web\"|\"task\"|\"scheduler\"|\"beat\"|\"other\", limit?: int(1..500)}")
      .gives(200,
             "[{id: uuid, agent_id: uuid, project_id: uuid, worker_id: text?, role: text?, "
             "framework: text?, pid: int?, started_at: time?, state: text, last_seen_at: time?, "
             "last_connect_at: time?, created_at: time, updated_at: time}]");
}

}  // namespace z4j::api
