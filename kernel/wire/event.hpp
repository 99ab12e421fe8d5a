// Events as agents tell them, and as rows of the ABI's batch: both ways.
//
// What an agent sends is taken defensively: a member of the wrong type counts as absent, an unknown
// kind is kept as Z4J_EV_UNKNOWN with its name in `reported_kind` of the attributes, and nothing
// throws.
#pragma once

#include <z4j/abi.h>
#include <z4j/plugin.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/json.hpp"

namespace z4j::wire {

// "task.started"; "unknown" for a number that has no name.
[[nodiscard]] std::string_view event_kind_name(std::uint16_t kind) noexcept;
// Z4J_EV_UNKNOWN for a name that is no kind of the ABI (queue and schedule kinds, newer ones).
[[nodiscard]] std::uint16_t event_kind(std::string_view name) noexcept;

// Collects events of one agent into a batch. One thread at a time.
class EventRows {
 public:
  // False, and nothing added: it names no engine or no kind, or is not an object; such events are
  // not stored. `now` is the time of events that don't tell one.
  bool add(const base::json::Value& event, base::TimeUs now);

  [[nodiscard]] std::uint32_t size() const noexcept { return rows_.rows(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return rows_.bytes(); }
  // Borrows from this object until it is changed. Requires size() > 0.
  [[nodiscard]] z4j_event_batch batch() { return rows_.batch(); }
  void clear() { rows_.clear(); }

 private:
  BatchBuilder rows_;
};

// One row as an agent tells it. Give each event a new id once, and keep the object: re-sending must
// not change it. Requires a batch whose shape was checked, and attrs_json of one object or "".
[[nodiscard]] base::json::Object wire_event(const z4j_event_batch& batch, std::uint32_t row);

// Events of schedulers: `schedule.*`.
[[nodiscard]] bool is_schedule_event(const base::json::Object& event) noexcept;

}  // namespace z4j::wire
