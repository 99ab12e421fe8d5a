// Asks an agent, task by task, what its engine knows of some tasks: the snapshot "state" of
// docs/abi/engine.md over `reconcile_task` of the agent protocol, which takes one task at a time.
//
// A few are under way at once. Tasks that were not answered for are left out of the answer.
// Thread-safe; the answer is called once, on the thread that brings the last of it.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/uuid.hpp"
#include "gateway/errands.hpp"
#include "gateway/roster.hpp"
#include "plugin/host.hpp"

namespace z4j::gateway {

inline constexpr std::size_t kMostStatesAsked = 500;

struct StateQuestion {
  base::Uuid agent_id;
  std::string engine;
  std::vector<std::string> task_ids;  // at most kMostStatesAsked
  int deadline_ms = 0;
};

// The errands and the roster outlive the answer.
void ask_states(Errands& errands, Roster& roster, const base::Clock& clock, StateQuestion question,
                plugin::Answer answer);

}  // namespace z4j::gateway
