#include "lib/calendar/solar.hpp"

#include <z4j/plugin.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <numbers>
#include <string>

namespace z4j::calendar {
namespace {

constexpr double kSolarDay = 86'400;
constexpr double kRadians = std::numbers::pi / 180;
// The upper limb on the horizon: the sun's radius and the refraction there.
constexpr double kHorizon = -0.8333;

double around(double degrees) { return degrees - 360 * std::floor(degrees / 360); }
double signed_around(double degrees) { return around(degrees + 180) - 180; }

struct SunAt {
  double declination = 0;       // radians
  double equation_of_time = 0;  // degrees: true sun before mean sun
};

// Series in Julian centuries since 2000 (Meeus, chapter 25, as NOAA's calculator has it).
SunAt sun_at(double unix_time) {
  const double t = (unix_time / kSolarDay + 2'440'587.5 - 2'451'545.0) / 36'525;
  const double mean_longitude = around(280.46646 + t * (36'000.76983 + t * 0.0003032));
  const double anomaly = (357.52911 + t * (35'999.05029 - t * 0.0001537)) * kRadians;
  const double centre = std::sin(anomaly) * (1.914602 - t * (0.004817 + t * 0.000014)) +
                        std::sin(2 * anomaly) * (0.019993 - t * 0.000101) +
                        std::sin(3 * anomaly) * 0.000289;
  const double node = (125.04 - 1934.136 * t) * kRadians;
  const double longitude =
      (mean_longitude + centre - 0.00569 - 0.00478 * std::sin(node)) * kRadians;
  const double mean_tilt =
      23 + (26 + (21.448 - t * (46.815 + t * (0.00059 - t * 0.001813))) / 60) / 60;
  const double tilt = (mean_tilt + 0.00256 * std::cos(node)) * kRadians;
  const double ascension =
      std::atan2(std::cos(tilt) * std::sin(longitude), std::cos(longitude)) / kRadians;
  SunAt out;
  out.declination = std::asin(std::sin(tilt) * std::sin(longitude));
  out.equation_of_time = signed_around(mean_longitude - 0.0057183 - ascension);
  return out;
}

// Degrees behind the sun's highest stand, -180 to 180.
double hour_angle(double unix_time, double longitude, const SunAt& sun) {
  return signed_around(unix_time / kSolarDay * 360 - 180 + longitude + sun.equation_of_time);
}

double altitude(double unix_time, double latitude, double longitude) {
  const SunAt sun = sun_at(unix_time);
  const double h = hour_angle(unix_time, longitude, sun) * kRadians, phi = latitude * kRadians;
  return std::asin(std::sin(phi) * std::sin(sun.declination) +
                   std::cos(phi) * std::cos(sun.declination) * std::cos(h)) /
         kRadians;
}

// The noon (0) or midnight (180) nearest to the guess.
double transit_near(double guess, double longitude, double angle) {
  double time = guess;
  for (int i = 0; i < 4; ++i)
    time -= signed_around(hour_angle(time, longitude, sun_at(time)) - angle) / 360 * kSolarDay;
  return time;
}

struct Event {
  std::string_view name;
  int way;  // 1 rising, -1 setting, 2 noon, -2 midnight
  double altitude;
};
constexpr std::array<Event, 14> kEvents{{{"dawn", 1, -6},
                                         {"dawn_civil", 1, -6},
                                         {"dawn_nautical", 1, -12},
                                         {"dawn_astronomical", 1, -18},
                                         {"sunrise", 1, kHorizon},
                                         {"noon", 2, 0},
                                         {"solar_noon", 2, 0},
                                         {"sunset", -1, kHorizon},
                                         {"dusk", -1, -6},
                                         {"dusk_civil", -1, -6},
                                         {"dusk_nautical", -1, -12},
                                         {"dusk_astronomical", -1, -18},
                                         {"midnight", -2, 0},
                                         {"solar_midnight", -2, 0}}};

double read_degrees(std::string_view text, double most, const char* what) {
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() ||
      !(std::abs(value) <= most)) {
    throw Error(Z4J_INVALID,
                std::string(what) + " must be a number of degrees from -" +
                    std::to_string(static_cast<int>(most)) + " to " +
                    std::to_string(static_cast<int>(most)),
                "/expression");
  }
  return value;
}

}  // namespace

Solar Solar::read(std::string_view expression) {
  const std::size_t first = expression.find(':');
  const std::size_t second =
      first == std::string_view::npos ? first : expression.find(':', first + 1);
  if (second == std::string_view::npos || expression.size() > 200) {
    throw Error(Z4J_INVALID,
                "a solar expression is EVENT:LATITUDE:LONGITUDE, like sunset:52.5:13.4",
                "/expression");
  }
  Solar out;
  out.latitude_ =
      read_degrees(expression.substr(first + 1, second - first - 1), 90, "the latitude");
  out.longitude_ = read_degrees(expression.substr(second + 1), 180, "the longitude");
  for (const Event& event : kEvents) {
    if (event.name != expression.substr(0, first)) continue;
    out.way_ = event.way == 1    ? Way::kRising
               : event.way == -1 ? Way::kSetting
               : event.way == 2  ? Way::kHighest
                                 : Way::kLowest;
    out.altitude_ = event.altitude;
    return out;
  }
  throw Error(Z4J_INVALID,
              "no such event of the sun; there are dawn, sunrise, noon, sunset, dusk and midnight",
              "/expression");
}

std::optional<Seconds> Solar::next(Seconds after) const {
  const auto begin = static_cast<double>(after);
  // The day before may hold it still: each day here runs from one midnight of the sun to the next.
  double noon = transit_near(begin - kSolarDay, longitude_, 0);
  for (int day = 0; day < 367; ++day, noon = transit_near(noon + kSolarDay, longitude_, 0)) {
    double found = noon;
    if (way_ == Way::kLowest) {
      found = transit_near(noon + kSolarDay / 2, longitude_, 180);
    } else if (way_ != Way::kHighest) {
      // Between its lowest and its highest stand the sun passes each altitude at most once.
      double low = transit_near(way_ == Way::kRising ? noon - kSolarDay / 2 : noon + kSolarDay / 2,
                                longitude_, 180),
             high = noon;
      if (altitude(low, latitude_, longitude_) >= altitude_ ||
          altitude(high, latitude_, longitude_) < altitude_)
        continue;
      while (std::abs(high - low) > 0.01) {
        const double middle = (low + high) / 2;
        (altitude(middle, latitude_, longitude_) < altitude_ ? low : high) = middle;
      }
      found = high;
    }
    const auto second = static_cast<Seconds>(std::llround(found));
    if (second > kLastSecond || second > after + 366 * 86'400) return std::nullopt;
    if (second > after) return second;
  }
  return std::nullopt;
}

}  // namespace z4j::calendar
