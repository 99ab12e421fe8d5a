// Cron expressions: which labels of a wall clock they name, and at which instants those come.
//
// Five fields (minute, hour, day of the month, month, day of the week) or six with the second last;
// names, lists, ranges, steps, 7 = Sunday, and @hourly and its like. What other dialects add (L, W,
// #, ?) is refused.
//
// When clocks change, an expression that runs all through the hour goes by real time: what names
// every hour, or whose minute or second begins with '*'. A skipped hour is then no time, a doubled
// one comes twice. Every other names times of the day, each of which comes once a day: a skipped
// one comes at the end of the gap (several as one), a doubled one the first time only.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/calendar/zone.hpp"

namespace z4j::calendar {

struct CronRules {
  // When both day of the month and day of the week are named: one of them is enough, as in
  // Vixie's cron (a field that begins with '*' names nothing), or both must fit, as in Celery.
  enum class Days { kEither, kBoth };
  Days days = Days::kEither;
  // kByExpression is the rule above; kEveryInstant lets each go by real time.
  enum class Changes { kByExpression, kEveryInstant };
  Changes changes = Changes::kByExpression;
};

// Bit n: the value n is named.
struct CronFields {
  std::uint64_t seconds = 1, minutes = 0;
  std::uint32_t hours = 0, days = 0, months = 0, weekdays = 0;  // Sunday is 0
  bool either_day = false;    // the day of the month or of the week is enough
  bool by_real_time = false;  // goes by real time when clocks change
};

class Cron {
 public:
  // For dialects with a reader of their own. Bits without a meaning are never looked at.
  explicit Cron(const CronFields& fields);

  // Throws z4j::Error (Z4J_INVALID) that says which field is wrong and why.
  static Cron read(std::string_view expression, CronRules rules = {});

  // The first instant behind `after`; none within five years, or behind kLastSecond.
  [[nodiscard]] std::optional<Seconds> next(Seconds after, const Zone& zone) const;

  // The first label at or behind `wall`, before `limit`.
  [[nodiscard]] std::optional<Seconds> next_label(Seconds wall, Seconds limit) const;

  [[nodiscard]] const CronFields& fields() const { return fields_; }

 private:
  [[nodiscard]] bool names_day(unsigned day, unsigned weekday) const;

  CronFields fields_;
};

}  // namespace z4j::calendar
