// A schedule as far as its times go, and what its catch-up policy makes of those that were missed.
// Values; pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/calendar/timetable.hpp"

namespace z4j::native {

enum class CatchUp { kSkip, kFireOne, kFireAll };

class Schedule {
 public:
  // The contract's JSON (docs/abi/scheduler.md). Throws z4j::Error whose `where` names the member.
  static Schedule read(std::string_view schedule_json);

  // The first due time behind `after_us`, between the schedule's start and end. Jitter is part of
  // it: each time is put off by what its own value and the schedule's id give, always the same, and
  // never up to the time that follows.
  [[nodiscard]] std::optional<std::int64_t> next(std::int64_t after_us) const;

  CatchUp catch_up = CatchUp::kSkip;
  std::optional<std::uint32_t> catch_up_limit;
  std::optional<std::int64_t> deadline_us;  // a time missed by more is forgotten
  [[nodiscard]] bool is_once() const { return times_.is_once(); }

 private:
  explicit Schedule(calendar::Timetable times) : times_(std::move(times)) {}
  [[nodiscard]] std::int64_t put_off(std::int64_t due_us) const;

  calendar::Timetable times_;
  std::optional<std::int64_t> starts_us_, ends_us_;
  std::int64_t jitter_seconds_ = 0;
  std::uint64_t seed_ = 0;
};

// What is to be done about a schedule whose time `due` has come.
struct Turn {
  bool fires = false;
  bool was_missed = false;  // fires later than the grace allows
  std::int64_t due_us = 0;
  std::optional<std::int64_t> next_us;  // from then on; may lie in the past too
};
struct TurnRules {
  std::int64_t grace_us = 0;
  std::uint32_t catch_up_limit = 0;  // of schedules that say none
};
[[nodiscard]] Turn take_turn(const Schedule& schedule, std::int64_t due_us, std::int64_t now_us,
                             const TurnRules& rules);

}  // namespace z4j::native
