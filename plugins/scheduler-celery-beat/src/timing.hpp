// When beat would run a schedule. Pure; any thread.
#pragma once

#include "lib/schedule/schedule.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::celery_beat {

using schedule::Schedule;

inline constexpr std::int64_t kSecond = 1'000'000;  // in microseconds

// "90", "0.25", "30s", "5m", "2h", "1d" in microseconds. Throws Z4J_INVALID at /expression.
[[nodiscard]] std::int64_t interval_us(std::string_view expression);
// The shortest way to write it: "30s", "5m", "0.25".
[[nodiscard]] std::string interval_text(std::int64_t us);

// Celery's names of what the sun does.
[[nodiscard]] bool is_solar_event(std::string_view event);

// Throws Z4J_INVALID with /kind, /expression or /timezone when beat could not make sense of it.
void check_timing(const std::string& kind, const std::string& expression,
                  const std::string& timezone);

// At most n due times behind `from_us`. Of an interval they are counted from the last run; without
// one from `from_us`, as a beat does that has just seen it. Throws as check_timing().
[[nodiscard]] std::vector<std::int64_t> next_times(const Schedule& schedule, std::int64_t from_us,
                                                   std::size_t n);

[[nodiscard]] std::int64_t now_us();

}  // namespace z4j::celery_beat
