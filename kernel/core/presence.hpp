// What the tables say of agents: whether they are there, since when, what they can do, which brain
// holds them. All functions are reentrant; errors are the store's.
#pragma once

#include <z4j/abi.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "core/engine_routes.hpp"
#include "core/leases.hpp"
#include "core/store.hpp"

namespace z4j::core {

inline constexpr std::string_view kLocalAgentPrefix = "local:";

// What people see of an agent that is an engine instance.
struct Presence {
  bool is_online = false;
  std::string reason;              // why it is not well, "" when it is
  std::uint64_t capabilities = 0;  // Z4J_ENGINE_* bits

  friend bool operator==(const Presence&, const Presence&) = default;
};

struct LocalAgentRow {
  base::Uuid id, project_id;
  std::string instance, engine, version, host_name;
  std::optional<Fence> fence = {};  // of the one who runs it
};
// What was known of it before.
struct KnownAgent {
  base::Uuid id;
  std::optional<base::TimeUs> last_seen_at;
};

// The agent of that name; conflict when a remote agent has it.
[[nodiscard]] base::Result<std::optional<KnownAgent>> find_local_agent(Store& store,
                                                                       const base::Uuid& project,
                                                                       std::string_view instance);
// Makes the agent, offline for now, or fits it to what is given. Counters and times stay.
[[nodiscard]] base::Status save_local_agent(Store& store, const LocalAgentRow& agent,
                                            std::string_view reason, base::TimeUs now);

struct SeenAgent {
  base::Uuid id;
  std::string engine;
  Presence presence;
  std::optional<base::TimeUs> seen_at;
};
// Adds a PATCH of these agents to the commit. Times never go back.
void patch_presence(Commit& commit, std::vector<SeenAgent> agents, base::TimeUs now);

// Adds rows that tell other brains which agents `brain` holds, and what they can do.
struct RoutedAgent {
  base::Uuid id, project_id;
  std::string engine;  // with several: the first
  Presence presence;   // its capabilities: of that engine
  // Of an agent that isn't one instance of one engine: all of its engines and what each can do.
  std::vector<std::pair<std::string, std::uint64_t>> engines = {};
};
void merge_routes(Commit& commit, const base::Uuid& brain, const std::vector<RoutedAgent>& agents);
// Takes those back that still name `brain`: an agent may be connected to another one by now.
void drop_routes(Commit& commit, const base::Uuid& brain, const std::vector<base::Uuid>& agents);
// What a row of routes says, one per engine. Of a Query on routes with all().
[[nodiscard]] std::vector<EngineRoute> routes_of(const Row& row);

// Agents that are called online and gave no sign of life since `silent_since` become offline: those
// of instances that nobody runs any more, and those whose brain is gone. `mine` are left alone, and
// those that a brain has a route to. The projects where that happened.
[[nodiscard]] base::Result<std::vector<base::Uuid>> sweep_stale_agents(
    Store& store, const std::optional<Fence>& fence, const std::vector<base::Uuid>& mine,
    base::TimeUs silent_since, base::TimeUs now);

}  // namespace z4j::core
