// What people read of engines themselves, whichever brain runs them. Each function waits for the
// answer, at most for its deadline. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/relay.hpp"

namespace z4j::core {

// {"engines":[...],"registry_size":N}; empty when nobody runs the agent, or nobody answers.
[[nodiscard]] base::json::Object engine_facts(Relay& relay, const base::Uuid& agent);

// The task names that the agent's workers know: [{"name","workers"}]. Empty as above.
[[nodiscard]] base::json::Array engine_registry(Relay& relay, const base::Uuid& agent);

// The tasks that wait in a queue ("waiting"), or those that were thrown away ("dead_letters", of
// all queues when `queue` is empty), page by page: {"items":[...],"next":...}. Error: unavailable
// (agent_offline) when no such engine of the project is online; else the engine's.
[[nodiscard]] base::Result<base::json::Object> queued_tasks(
    Relay& relay, const base::Uuid& project, std::string_view what, const std::string& engine,
    const std::string& queue, std::uint32_t limit, const std::string& cursor);

// What can be done, and what not and why, for each engine of the project and who carries it out:
// [{"engine","agent_id","is_online","abilities":[{"action","how","available","reason"?,"workers"?}]}],
// the abilities as docs/abi/engine.md has them. Those of an agent that can't be asked follow from
// what it offers.
[[nodiscard]] base::json::Array engine_abilities(Relay& relay, const base::Uuid& project);

}  // namespace z4j::core
