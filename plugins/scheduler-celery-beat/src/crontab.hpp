// Celery's crontab: a dialect of its own. Ranges may run over the end (fri-mon, 22-2), 7 is no
// weekday, and a day must fit both day fields. Pure.
#pragma once

#include "lib/calendar/cron.hpp"

#include <string>
#include <string_view>

namespace z4j::celery_beat {

struct Crontab {
  std::string minute = "*", hour = "*", day_of_month = "*", month_of_year = "*", day_of_week = "*";

  bool operator==(const Crontab&) const = default;
};

// "minute hour day-of-month month day-of-week"; throws Z4J_INVALID at /expression when it is not
// five fields.
[[nodiscard]] Crontab split_crontab(std::string_view expression);
// The five fields, white space within them taken out.
[[nodiscard]] std::string join_crontab(const Crontab& crontab);
// Only newer beats know months by name.
enum class MonthNames { read, refuse };
// Throws Z4J_INVALID at /expression, saying which field beat could not read and why.
[[nodiscard]] calendar::CronFields fields_of(const Crontab& crontab, MonthNames months);

}  // namespace z4j::celery_beat
