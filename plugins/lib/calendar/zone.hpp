// A time zone: which offset from UTC holds when. Immutable, so any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::calendar {

// Seconds since 1970: of UTC, or of a wall clock that shows UTC plus the offset.
using Seconds = std::int64_t;

// Times are known up to here (start of the year 2150); what is asked beyond is answered with
// "none".
inline constexpr Seconds kLastSecond = 5'680'281'600;

// A stretch of time with one offset; [from, until) in UTC.
struct Segment {
  Seconds from = std::numeric_limits<Seconds>::min();
  Seconds until = std::numeric_limits<Seconds>::max();
  std::int32_t offset = 0;
};

class Zone {
 public:
  // UTC, which needs no file.
  Zone() = default;

  // From the bytes of a TZif file (RFC 8536, any version). Throws z4j::Error, Z4J_CORRUPT, when
  // they are none, or count leap seconds.
  static Zone from_tzif(std::string_view bytes);

  // The stretch that holds the instant.
  [[nodiscard]] Segment segment(Seconds utc) const;
  [[nodiscard]] std::int32_t offset_at(Seconds utc) const { return segment(utc).offset; }

  // The instant at which a wall clock shows this: the first of two; for a skipped one the end of
  // the gap.
  [[nodiscard]] Seconds instant_of(Seconds wall) const;

  // Where the offset changes, in UTC.
  [[nodiscard]] const std::vector<Seconds>& changes() const { return at_; }

 private:
  std::int32_t first_ = 0;  // before all changes
  std::vector<Seconds> at_;
  std::vector<std::int32_t> offset_;  // from at_[i] on
};

// The zone of that IANA name, read from the system's files once and then shared. Throws
// z4j::Error at /timezone: Z4J_INVALID when there is none, Z4J_CORRUPT when its file is broken.
[[nodiscard]] std::shared_ptr<const Zone> zone_named(std::string_view name);

}  // namespace z4j::calendar
