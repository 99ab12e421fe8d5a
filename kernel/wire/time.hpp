// Times in frames and events. Pure functions; any thread.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace z4j::wire {

struct ReadTime {
  base::TimeUs at = 0;
  bool has_offset = false;  // without one it was read as UTC
};

// The ISO 8601 forms that Python 3.11 reads: extended or basic, any one character between date and
// time, seconds and fraction optional, "Z" or an offset or none. Week dates are not taken.
[[nodiscard]] std::optional<ReadTime> read_time(std::string_view text);

}  // namespace z4j::wire
