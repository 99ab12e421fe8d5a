// A pickled job of APScheduler 3 as a schedule. Pure.
#pragma once

#include "lib/schedule/schedule.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::apscheduler {

// `next_run_at`: as the store has it beside the pickle; none: paused. What can't be read is told by
// options.problem; what has no form of its own among the kinds by options.trigger.
[[nodiscard]] schedule::Schedule read_job(const std::string& id, std::string_view state,
                                          std::optional<double> next_run_at);

// At most n due times behind `from_us`. Throws Z4J_INVALID with the place.
[[nodiscard]] std::vector<std::int64_t> next_times(const schedule::Schedule& schedule,
                                                   std::int64_t from_us, std::size_t n);

}  // namespace z4j::apscheduler
