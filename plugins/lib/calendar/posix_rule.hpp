// The rule that a TZif file ends with: how the years behind its table go on, as in the POSIX
// variable TZ ("CET-1CEST,M3.5.0,M10.5.0/3").
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/calendar/zone.hpp"

namespace z4j::calendar {

// A day of the year and a time on it, by the wall clock that is about to change.
struct YearlyDay {
  enum class Form { kJulian /* 1..365, 29 February is never counted */, kZeroBased, kWeekday };
  Form form = Form::kZeroBased;
  int day = 0;  // of the year, or of the week
  int month = 0, week = 0;
  std::int32_t time = 7200;  // seconds, -167 h to 167 h

  // When it is, by that wall clock.
  [[nodiscard]] Seconds in(int year) const;
};

struct PosixRule {
  std::int32_t standard = 0;  // offset
  bool has_summer = false;
  std::int32_t summer = 0;
  YearlyDay begin, end;  // of summer time
};

// Nothing when the text is no such rule.
[[nodiscard]] std::optional<PosixRule> read_posix_rule(std::string_view text);

}  // namespace z4j::calendar
