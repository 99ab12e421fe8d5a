// Time as a dependency, so that tests decide what time it is.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace z4j::base {

// Microseconds since 1970, UTC.
using TimeUs = std::int64_t;

inline constexpr TimeUs kSecondUs = 1'000'000;
inline constexpr TimeUs kDayUs = 86'400 * kSecondUs;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual TimeUs now() const = 0;              // wall clock, UTC; may step
  [[nodiscard]] virtual std::int64_t steady_ms() const = 0;  // never steps; for deadlines
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] TimeUs now() const override;
  [[nodiscard]] std::int64_t steady_ms() const override;
};

// Stands still until told otherwise.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(TimeUs start) : now_(start) {}
  [[nodiscard]] TimeUs now() const override { return now_; }
  [[nodiscard]] std::int64_t steady_ms() const override { return now_ / 1000; }
  void set(TimeUs t) { now_ = t; }
  void advance(TimeUs by) { now_ += by; }

 private:
  std::atomic<TimeUs> now_;
};

// How a time is written: `2026-05-13T10:42:18.123456Z`, the fraction only when not zero (HTTP API),
// or always six digits and `+00:00` (audit rows).
enum class TimeForm { api, audit };
[[nodiscard]] std::string format_time(TimeUs t, TimeForm form = TimeForm::api);

// ISO 8601 date and time, "T" or a blank between them, fraction of any length, offset "Z" or +hh:mm
// or +hhmm or none (then UTC); or a Unix number of seconds. Years 1 to 9999.
[[nodiscard]] Result<TimeUs> parse_time(std::string_view text);

}  // namespace z4j::base
