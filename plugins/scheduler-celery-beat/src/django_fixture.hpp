// The form in which Django itself moves rows between databases: what dumpdata writes and loaddata
// reads. Pure.
#pragma once

#include "lib/json/json.hpp"
#include "lib/schedule/schedule.hpp"

#include "src/django_row.hpp"

namespace z4j::celery_beat {

// [the row of its interval, crontab, solar or clocked schedule, the row of the periodic task].
[[nodiscard]] json::Value to_fixture(const DjangoRow& row);
// The first periodic task in it and the schedule that it names. Throws Z4J_INVALID at /own.
[[nodiscard]] schedule::Wanted from_fixture(const json::Value& own);

}  // namespace z4j::celery_beat
