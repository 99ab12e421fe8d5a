#include "core/presence.hpp"

#include <algorithm>
#include <map>

#include "core/refusal.hpp"
#include "core/text.hpp"
#include "model/ids.hpp"
#include "wire/action.hpp"

namespace z4j::core {
namespace {

namespace agent_col = model::agents;
namespace route_col = model::routes;
namespace json = base::json;

constexpr std::size_t kReasonCharacters = 500;
constexpr std::uint32_t kStaleAtOnce = 500;

Cell capabilities_cell(std::string_view engine, std::uint64_t bits) {
  json::Array names;
  for (const std::string_view name : wire::capability_names(bits)) names.emplace_back(name);
  return Cell(json::Value{{engine, std::move(names)}});
}

json::Value engines_json(const std::vector<std::pair<std::string, std::uint64_t>>& engines) {
  json::Object out;
  for (const auto& [name, bits] : engines) out[name] = static_cast<std::int64_t>(bits);
  return out;
}

}  // namespace

base::Result<std::optional<KnownAgent>> find_local_agent(Store& store, const base::Uuid& project,
                                                         std::string_view instance) {
  const std::string name = std::string(kLocalAgentPrefix) + std::string(instance);
  Query query(Table::agents);
  query.where.eq(agent_col::project_id, project).eq(agent_col::name, name);
  auto row =
      store.first(query.columns({agent_col::id, agent_col::is_local, agent_col::last_seen_at}));
  if (!row) return std::move(row).error();
  if (!row->has_value()) return std::optional<KnownAgent>{};
  if (!(*row)->flag(agent_col::is_local)) {
    return refuse::conflict("agent_name", "a remote agent is called \"" + name +
                                              "\"; rename it or the plugin instance");
  }
  return std::optional<KnownAgent>(
      KnownAgent{(*row)->uuid(agent_col::id), (*row)->num_or_none(agent_col::last_seen_at)});
}

base::Status save_local_agent(Store& store, const LocalAgentRow& agent, std::string_view reason,
                              base::TimeUs now) {
  Rows rows(Table::agents);
  rows.begin()
      .uuid(agent_col::id, agent.id)
      .uuid(agent_col::project_id, agent.project_id)
      .text(agent_col::name, std::string(kLocalAgentPrefix) + agent.instance)
      .num(agent_col::is_local, 1)
      .text(agent_col::protocol_version, "2")
      .text(agent_col::framework_adapter, "local")
      .text(agent_col::engine_adapters, json::write(json::Array{json::String(agent.engine)}))
      .text(agent_col::scheduler_adapters, "[]")
      .text(agent_col::state, "offline")
      .text_or_null(agent_col::state_reason, reason)
      .text_or_null(agent_col::host_name, clean_text(agent.host_name, 255))
      .text_or_null(agent_col::agent_version, clean_text(agent.version, 64))
      .num(agent_col::events_persisted, 0)
      .num(agent_col::events_dropped, 0)
      .num(agent_col::created_at, now)
      .num(agent_col::updated_at, now);
  Commit commit;
  if (agent.fence) agent.fence->guard(commit);
  commit.merge(std::move(rows));
  return store.commit(commit);
}

void patch_presence(Commit& commit, std::vector<SeenAgent> agents, base::TimeUs now) {
  if (agents.empty()) return;
  std::sort(agents.begin(), agents.end(),
            [](const SeenAgent& a, const SeenAgent& b) { return a.id < b.id; });
  Rows rows(Table::agents);
  for (const SeenAgent& a : agents) {
    rows.begin()
        .uuid(agent_col::id, a.id)
        .text(agent_col::state, a.presence.is_online ? "online" : "offline")
        .text_or_null(agent_col::state_reason, clean_text(a.presence.reason, kReasonCharacters))
        .cell(agent_col::capabilities, capabilities_cell(a.engine, a.presence.capabilities))
        .cell(agent_col::last_seen_at, a.seen_at ? Cell(*a.seen_at) : Cell())
        .num(agent_col::updated_at, now);
  }
  commit.patch(std::move(rows));
}

void merge_routes(Commit& commit, const base::Uuid& brain, const std::vector<RoutedAgent>& agents) {
  if (agents.empty()) return;
  std::vector<const RoutedAgent*> sorted;
  for (const RoutedAgent& a : agents) sorted.push_back(&a);
  std::sort(sorted.begin(), sorted.end(),
            [](const RoutedAgent* a, const RoutedAgent* b) { return a->id < b->id; });
  Rows rows(Table::routes);
  for (const RoutedAgent* a : sorted) {
    rows.begin()
        .uuid(route_col::agent_id, a->id)
        .uuid(route_col::project_id, a->project_id)
        .text(route_col::engine, a->engine)
        .uuid(route_col::brain_id, brain)
        .num(route_col::capabilities, static_cast<std::int64_t>(a->presence.capabilities))
        .num(route_col::is_online, a->presence.is_online ? 1 : 0)
        .cell(route_col::engines, a->engines.empty() ? Cell() : Cell(engines_json(a->engines)));
  }
  commit.merge(std::move(rows));
}

void drop_routes(Commit& commit, const base::Uuid& brain, const std::vector<base::Uuid>& agents) {
  if (agents.empty()) return;
  Where ours;
  ours.in(route_col::agent_id, {agents.begin(), agents.end()}).eq(route_col::brain_id, brain);
  commit.erase(Table::routes, std::move(ours));
}

std::vector<EngineRoute> routes_of(const Row& row) {
  EngineRoute first{row.uuid(route_col::agent_id), std::string(row.text(route_col::engine)),
                    static_cast<std::uint64_t>(row.num(route_col::capabilities)),
                    row.flag(route_col::is_online), false};
  const json::Value engines = row.json(route_col::engines);
  if (!engines.is_object()) return {first};
  std::vector<EngineRoute> out;
  for (const auto& [name, bits] : engines.get_object()) {
    EngineRoute route = first;
    route.engine = std::string(name.data(), name.size());
    route.capabilities = bits.is_int64() ? static_cast<std::uint64_t>(bits.get_int64()) : 0;
    out.push_back(std::move(route));
  }
  return out;
}

base::Result<std::vector<base::Uuid>> sweep_stale_agents(Store& store,
                                                         const std::optional<Fence>& fence,
                                                         const std::vector<base::Uuid>& mine,
                                                         base::TimeUs silent_since,
                                                         base::TimeUs now) {
  // Looked for first: a write for nothing would hold up others. One that never came is not offline.
  Query query(Table::agents);
  query.where.ne(agent_col::state, "offline")
      .ne(agent_col::state, "unknown")
      .any([silent_since](Where& w) {
        w.lt(agent_col::last_seen_at, silent_since).is_null(agent_col::last_seen_at);
      });
  query.columns({agent_col::id, agent_col::project_id, agent_col::is_local}).limit(kStaleAtOnce);
  struct Silent {
    base::Uuid project;
    bool is_local;
  };
  std::map<base::Uuid, Silent> silent;  // by agent
  auto done = store.each(query, [&](const Row& row) {
    const base::Uuid id = row.uuid(agent_col::id);
    if (std::find(mine.begin(), mine.end(), id) == mine.end())
      silent.emplace(id, Silent{row.uuid(agent_col::project_id), row.flag(agent_col::is_local)});
    return true;
  });
  if (!done) return std::move(done).error();
  std::vector<base::Uuid> projects;
  if (silent.empty()) return projects;
  if (store.is_shared()) {
    Query held(Table::routes);
    held.where.eq(route_col::is_online, true);
    done = store.each(held.columns({route_col::agent_id}), [&silent](const Row& row) {
      silent.erase(row.uuid(route_col::agent_id));
      return true;
    });
    if (!done) return std::move(done).error();
    if (silent.empty()) return projects;
  }
  std::vector<Cell> local, remote;
  for (const auto& [agent, of] : silent) {
    (of.is_local ? local : remote).emplace_back(agent);
    projects.push_back(of.project);
  }
  Commit commit;
  if (fence) fence->guard(commit);
  const auto end = [&](std::vector<Cell> agents, std::string_view why) {
    if (agents.empty()) return;
    Where where;
    where.in(agent_col::id, std::move(agents)).any([silent_since](Where& w) {
      w.lt(agent_col::last_seen_at, silent_since).is_null(agent_col::last_seen_at);
    });
    commit.update(Table::agents, std::move(where),
                  {{agent_col::state, "offline"},
                   {agent_col::state_reason, why},
                   {agent_col::updated_at, now}});
  };
  if (!remote.empty()) {
    namespace slot_col = model::agent_workers;
    Where slots;
    slots.in(slot_col::agent_id, remote).eq(slot_col::state, "online");
    commit.update(Table::agent_workers, std::move(slots),
                  {{slot_col::state, "offline"}, {slot_col::updated_at, now}});
  }
  end(std::move(local), "its engine instance does not run");
  end(std::move(remote), "nothing was heard of it");
  commit.relaxed();
  if (auto written = store.commit(commit); !written) return std::move(written).error();
  std::sort(projects.begin(), projects.end());
  projects.erase(std::unique(projects.begin(), projects.end()), projects.end());
  return projects;
}

}  // namespace z4j::core
