// When the sun rises, sets and stands highest at a place, after the low-precision series of the
// Astronomical Almanac and NOAA: good to some ten seconds between the polar circles' edges.
#pragma once

#include <optional>
#include <string_view>

#include "lib/calendar/zone.hpp"

namespace z4j::calendar {

class Solar {
 public:
  // EVENT:LAT:LON in degrees, north and east positive. Events: dawn, sunrise, noon, sunset, dusk,
  // midnight, also solar_noon and solar_midnight, and dawn and dusk with _civil (what they mean
  // alone), _nautical, _astronomical. Throws z4j::Error (Z4J_INVALID).
  static Solar read(std::string_view expression);

  // The first one behind `after`, to the second; none within 365 days (near the poles), or behind
  // kLastSecond.
  [[nodiscard]] std::optional<Seconds> next(Seconds after) const;

 private:
  enum class Way { kRising, kSetting, kHighest, kLowest };
  Way way_ = Way::kHighest;
  double altitude_ = 0;  // degrees that the sun's centre crosses
  double latitude_ = 0, longitude_ = 0;
};

}  // namespace z4j::calendar
