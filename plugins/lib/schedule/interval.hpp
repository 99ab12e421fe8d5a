// Due times of what repeats after so many seconds, counted from the run that is planned.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace z4j::schedule {

// The next `most` behind `from_us`, in microseconds; `planned` in Unix seconds, less than 0 when it
// is not known: then the first comes one step behind `from_us`.
[[nodiscard]] inline std::vector<std::int64_t> interval_times(std::int64_t step_s, double planned,
                                                              std::int64_t from_us,
                                                              std::uint32_t most) {
  const double step = static_cast<double>(step_s), from = static_cast<double>(from_us) / 1e6;
  double due = planned < 0 || planned > 1e12 ? from + step : planned;
  if (due <= from) due += std::floor((from - due) / step + 1) * step;
  std::vector<std::int64_t> out;
  for (; out.size() < most; due += step) out.push_back(std::llround(due * 1e6));
  return out;
}

}  // namespace z4j::schedule
