// Verbs of docs/abi/engine.md and actions of the agent protocol: both ways, answers too.
//
// The brain turns a verb into an action for an agent and the agent's result into an engine's
// answer; our own agent does the reverse. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"

namespace z4j::wire {

inline constexpr int kMaxCommandSeconds = 3600;

inline constexpr std::string_view kRetryByReference = "retry_by_reference_v1";

// Capability names of the protocol for Z4J_ENGINE_* bits, sorted.
[[nodiscard]] std::vector<std::string_view> capability_names(std::uint64_t bits);
// What our own agent tells in its hello: also names that only a brain like ours knows, for
// TERMINATE and PAUSE, and that it retries by reference.
[[nodiscard]] std::vector<std::string_view> own_capability_names(std::uint64_t bits);
// Names we don't know give no bit. Whoever takes new tasks can be asked to retry, with arguments
// that the operator gives.
[[nodiscard]] std::uint64_t capability_bits(const std::vector<std::string>& names) noexcept;

// Payload of a `command` frame.
struct Action {
  std::string action;
  base::json::Object target, parameters;
  int timeout_seconds = 60;
  std::string issued_by;       // "" = not said
  std::string delivery_token;  // "" = none
};

// One call of an engine's command().
struct EngineCall {
  std::string engine;  // "" = the agent's only one
  std::uint64_t verb = 0;
  std::string target;
  base::json::Object args;
};

// What must be known of the agent that an action is for.
struct Peer {
  std::string agent_version;
  std::vector<std::string> capabilities;    // of the engine
  std::string secret;                       // the project's
  std::optional<std::int64_t> queue_depth;  // of the queue to purge, as last reported
};

// Refusals (nothing was sent): unsupported for a verb that the agent's engine lacks and for a retry
// that needs the operator's arguments, invalid for an argument; `where` is the argument. `now`
// makes the absolute time of a delayed retry. A confirm_token of PURGE's arguments wins over the
// one made from the queue's depth.
[[nodiscard]] base::Result<Action> to_action(const EngineCall& call, const Peer& peer,
                                             base::TimeUs now);
// What the agent's engine has to do; confirm_token stays among PURGE's arguments for the agent to
// check. Recorded arguments that a brain sends along are dropped: redaction may have touched them.
// Errors: unsupported for an action that is no engine's verb, invalid for its parameters.
[[nodiscard]] base::Result<EngineCall> to_call(const Action& action, base::TimeUs now);

// "0", "10", "10/s", "10/m", "10/h".
[[nodiscard]] bool is_rate(std::string_view text) noexcept;

// The payload of a `command` frame, with no member that an agent of that version does not know.
[[nodiscard]] base::json::Object command_payload(const Action& action,
                                                 std::string_view agent_version);
[[nodiscard]] Action read_command(const base::json::Object& payload);

// Payload of a `command_result` frame.
struct ActionResult {
  bool success = false;
  std::optional<base::json::Object> result;
  std::string error;           // "" = none
  std::string delivery_token;  // "" = none
};
[[nodiscard]] ActionResult read_result(const base::json::Object& payload);
[[nodiscard]] base::json::Object result_payload(const ActionResult& result);

// The agent's result as an engine's answer: JSON with `outcome`. A failure of which nobody can say
// whether it happened is "unknown".
[[nodiscard]] std::string engine_answer(std::string_view action, const ActionResult& result);
// And the reverse: an upstream brain finds what it expects, ours the whole answer.
[[nodiscard]] ActionResult action_result(const EngineCall& call,
                                         const base::Result<std::string>& answer);

// What an engine itself can prove of one task: the action, and its result as an item of the
// snapshot "state"; none when the agent could not tell.
[[nodiscard]] Action reconcile_action(std::string_view engine, std::string_view task_id);
[[nodiscard]] std::optional<base::json::Object> state_item(std::string_view task_id,
                                                           const ActionResult& result);
[[nodiscard]] ActionResult reconcile_result(const base::json::Object& state_item);

}  // namespace z4j::wire
