// What an instance can be asked for, by name: the capabilities that it declares, and what came of
// the calls that asked for them. Plain data and pure functions.
//
// A capability is a bit of its kind's interface, or something that every plugin of the kind has
// (send, preview, each route).
#pragma once

#include <z4j/abi.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace z4j::plugin {

enum class CapabilityKind { engine, scheduler, notifier, http };
[[nodiscard]] std::string_view to_string(CapabilityKind kind) noexcept;

struct Capability {
  CapabilityKind kind;
  std::string name;           // "retry", "read", "send", "GET items/{id}"
  bool is_declared = false;   // now
  bool is_asked_for = false;  // false: no call is about it, so nothing is ever seen of it
};
// Of all bits that a kind knows; in the order of the interface.
void add_engine_capabilities(std::vector<Capability>& out, std::uint64_t declared);
void add_scheduler_capabilities(std::vector<Capability>& out, std::uint64_t declared,
                                bool has_preview);
void add_notifier_capabilities(std::vector<Capability>& out);

// refused: nothing was done, and the plugin says so. unsupported: it says that it can't.
enum class CallOutcome { done, sent, refused, unsupported, unknown, failed };
inline constexpr std::size_t kOutcomes = 6;
[[nodiscard]] std::string_view to_string(CallOutcome outcome) noexcept;

// What came of asking for one capability, once or for many targets in one call.
struct Sighting {
  CapabilityKind kind;
  std::string name;
  std::array<std::uint64_t, kOutcomes> times{};  // by CallOutcome
  bool is_undeclared = false;                    // it was served, and not declared then
  CallOutcome last = CallOutcome::done;
  std::string code, text;  // of `last`, from the plugin; a name of base::Code, or ""
};
// Of one instance. What is told to nobody is not gathered.
struct Seen {
  std::string instance, plugin_id, version;
  Sighting what;
};

// A call, as it is counted.
struct Asked {
  CapabilityKind kind;
  std::uint64_t declared = 0;  // its kind's bits when the call was made
  std::uint64_t bit = 0;       // what it asks for
  // In which form: a bit too, or 0. `unsupported` is said of the form then, not of what is asked.
  std::uint64_t form = 0;
  std::string name = {};        // instead of `bit`
  bool tells_outcome = false;   // the answer's member "outcome" says what was done
  bool may_be_partial = false;  // `unsupported` is said of these arguments, not of the capability
};
[[nodiscard]] Asked asked_by_command(std::uint64_t declared, std::uint64_t verb,
                                     std::string_view target, std::string_view args_json);
[[nodiscard]] Asked asked_by_snapshot(std::uint64_t declared, std::string_view what);
// Of put and preview: the bit that the schedule's kind needs; 0 when it names none.
[[nodiscard]] std::uint64_t form_of_schedule(std::string_view schedule_json);
[[nodiscard]] Asked asked_by_put(std::uint64_t declared, std::string_view schedule_json);
[[nodiscard]] Asked asked_by_preview(std::uint64_t declared, std::string_view schedule_json);

// What came of it, for each capability that it asked for.
[[nodiscard]] std::vector<Sighting> sightings(const Asked& asked,
                                              const base::Result<std::string>& answer);
// The same with an outcome that is known otherwise.
[[nodiscard]] Sighting sighting(CapabilityKind kind, std::string name, CallOutcome outcome,
                                std::string code = {}, std::string text = {});

}  // namespace z4j::plugin
