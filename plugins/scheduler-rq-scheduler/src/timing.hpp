// When a job of rq-scheduler is due, and the cron dialect it reads: five fields, or seven with the
// second first and the year last; the day of the month and of the week must both fit. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::rq_scheduler {

// What rq-scheduler keeps, as the contract writes it (five fields, or six with seconds last);
// nothing when it has a year.
[[nodiscard]] std::optional<std::string> from_its_cron(std::string_view cron_string);
// The other way, in words that its reader takes for certain. Throws Z4J_INVALID at /expression.
[[nodiscard]] std::string to_its_cron(std::string_view expression);

// Unix seconds; nothing when it is never due again. Throws Z4J_INVALID with the member's place.
[[nodiscard]] std::optional<double> next_due(std::string_view kind, std::string_view expression,
                                             std::string_view timezone, double after);

// For the contract's preview(): as the kernel has the schedule, its last and next run included.
[[nodiscard]] std::vector<std::int64_t> preview(std::string_view schedule_json,
                                                std::int64_t from_us, std::uint32_t most);

}  // namespace z4j::rq_scheduler
