// What `rq cron` tells of itself in Redis: a hash per scheduler with its jobs as JSON. Its truth is
// in its config file. From those hashes to schedules; pure.
#pragma once

#include "lib/schedule/schedule.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::rq_cron {

// One `rq cron` that lives.
struct CronScheduler {
  std::string name, config_file, cron_jobs;  // cron_jobs "": it does not tell them (before RQ 2.7)
};

// In the order of their names. Jobs that several schedulers have alike are one schedule; the first
// tells its times. Throws Z4J_CORRUPT when the jobs of one cannot be read: then nobody knows what
// is missing.
[[nodiscard]] std::vector<schedule::Schedule> schedules_of(
    const std::vector<CronScheduler>& newest_first, const std::string& timezone);

// Why its arguments can't be sent; "" when they can.
[[nodiscard]] std::string obstacle(const schedule::Schedule& schedule);

// For the contract's preview(). Throws Z4J_INVALID with the place.
[[nodiscard]] std::vector<std::int64_t> preview(std::string_view schedule_json,
                                                std::int64_t from_us, std::uint32_t most);

}  // namespace z4j::rq_cron
