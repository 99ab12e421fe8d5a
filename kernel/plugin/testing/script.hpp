// What test-engine does when it is called: the words of its settings.
#pragma once

#include <z4j/plugin.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/json/json.hpp"

namespace z4j::testing {

// What one call comes to.
struct Reply {
  std::string answer;  // the JSON result of an operation, "" for the call's default
  z4j_status status = Z4J_OK;
  std::string message;
  std::uint32_t retry_after_ms = 0;
  std::int64_t after_ms = -1;    // >= 0: answered later, from a thread of its own
  std::int64_t times = 1;        // how often the operation is answered
  std::int64_t blocks_ms = 0;    // the call does not return before
  bool never = false;            // the operation is owed for ever
  bool until_cancelled = false;  // answered with Z4J_CANCELLED by cancel(), or else by stop()
  bool throws = false;           // an exception crosses the boundary
  bool crashes = false;          // the process dies
  std::int64_t leaks_mib = 0;    // so much more is held for ever
};

// The member of `calls` that names the call best: "command/RETRY/t-1", "command/RETRY", "command".
[[nodiscard]] Reply reply_for(const json::Object& calls, std::string_view function,
                              std::string_view verb = {}, std::string_view target = {});

[[nodiscard]] std::string_view verb_name(std::uint64_t verb) noexcept;

// Adds one row from
// {"kind","time_us","task_id","task","queue","worker","parent_id","root_id","attempt",
// "runtime_us","event_id","attrs"}; all may be missing. Kinds by name or number.
void add_event(BatchBuilder& batch, const json::Object& event);

}  // namespace z4j::testing
