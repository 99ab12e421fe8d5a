// The ways to the engines of a project, whatever carries them: a plugin in this process, one that
// another brain runs, or an agent elsewhere.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/uuid.hpp"
#include "core/store.hpp"
#include "plugin/host.hpp"

namespace z4j::core {

struct EngineRoute {
  base::Uuid agent_id;
  std::string engine;              // "celery"
  std::uint64_t capabilities = 0;  // Z4J_ENGINE_* bits
  bool is_online = false;
  bool is_here = true;  // this brain holds it
};

// A stored command on its way to the brain that holds its agent.
struct HandedCommand {
  base::Uuid id, agent_id;
  std::string engine;
  std::uint64_t verb = 0;
  std::string target, args_json;
  base::json::Object more;  // what the one who stores the outcome must know
  int deadline_ms = 0;
  // Nobody is there to take it yet: it waits for an agent that can, any when agent_id is nil.
  bool waits = false;
};

// Thread-safe.
class EngineRoutes {
 public:
  virtual ~EngineRoutes() = default;

  // One per agent and engine of the project; bounded by the number of agents.
  [[nodiscard]] virtual std::vector<EngineRoute> routes(const base::Uuid& project) = 0;

  // Carries out one verb of docs/abi/engine.md. `answer` is called exactly once, on any thread,
  // possibly before this returns; at the latest a little after the deadline.
  virtual void command(const base::Uuid& agent_id, const std::string& engine, std::uint64_t verb,
                       std::string target, std::string args_json, int deadline_ms,
                       plugin::Answer answer) = 0;
  // The same of a stored command, whose id an agent elsewhere hears too.
  virtual void command_of(const base::Uuid& /*id*/, const base::Uuid& agent_id,
                          const std::string& engine, std::uint64_t verb, std::string target,
                          std::string args_json, int deadline_ms, plugin::Answer answer) {
    command(agent_id, engine, verb, std::move(target), std::move(args_json), deadline_ms,
            std::move(answer));
  }

  // Adds to the commit of a pending command what makes the brain that holds the agent take it, not
  // later than that. For routes that are not here, and for commands that wait.
  virtual void hand_over(Commit&, const HandedCommand&, int /*expires_in_ms*/) {}
  // The same of many that end together.
  virtual void hand_over_all(Commit& commit, const std::vector<HandedCommand>& commands,
                             int expires_in_ms) {
    for (const HandedCommand& command : commands) hand_over(commit, command, expires_in_ms);
  }
  // Adds what gives this brain the right to take such a command: its commit is a conflict when
  // another brain took it, or holds the agent by now. Stands before all other steps.
  virtual void claim(Commit&, const base::Uuid& /*agent_id*/, const base::Uuid& /*command*/) {}
  // Commands that wait for an agent; some of them when they are many.
  [[nodiscard]] virtual base::Result<std::vector<HandedCommand>> waiting() {
    return std::vector<HandedCommand>{};
  }
};

}  // namespace z4j::core
