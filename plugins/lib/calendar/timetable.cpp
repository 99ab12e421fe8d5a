#include "lib/calendar/timetable.hpp"

#include <z4j/plugin.hpp>

#include <string>

#include "lib/text/text.hpp"

namespace z4j::calendar {
namespace {

constexpr std::int64_t kMicros = 1'000'000;
constexpr Seconds kLongestInterval = 5 * 366 * Seconds{86'400};

Seconds floor_to_seconds(std::int64_t us) { return us / kMicros - (us % kMicros < 0 ? 1 : 0); }

}  // namespace

Seconds read_interval(std::string_view expression) {
  Seconds unit = 1;
  std::string_view digits = expression;
  if (!digits.empty()) {
    switch (digits.back()) {
      case 's':
        unit = 1;
        digits.remove_suffix(1);
        break;
      case 'm':
        unit = 60;
        digits.remove_suffix(1);
        break;
      case 'h':
        unit = 3600;
        digits.remove_suffix(1);
        break;
      case 'd':
        unit = 86'400;
        digits.remove_suffix(1);
        break;
      default:
        break;
    }
  }
  if (unit == 1 && digits.size() > 2 && digits.substr(digits.size() - 2) == ".0")
    digits.remove_suffix(2);
  Seconds value = 0;
  bool ok = !digits.empty() && digits.size() <= 10;
  for (const char c : digits) {
    if (c < '0' || c > '9') ok = false;
    value = value * 10 + (c - '0');
    if (value > kLongestInterval) ok = false;
    if (!ok) break;
  }
  if (!ok || value == 0 || value * unit > kLongestInterval) {
    throw Error(
        Z4J_INVALID,
        "an interval is a whole number of seconds, or 30s, 5m, 2h, 1d; one second to five years",
        "/expression");
  }
  return value * unit;
}

Seconds read_instant(std::string_view expression, const Zone& zone) {
  const std::optional<std::int64_t> time = text::parse_iso_time(expression.substr(0, 64));
  if (!time || expression.size() > 64) {
    throw Error(Z4J_INVALID, "a clocked schedule needs an instant like 2027-01-31T09:00:00+01:00",
                "/expression");
  }
  const Seconds seconds = floor_to_seconds(*time);
  if (seconds < 0 || seconds > kLastSecond)
    throw Error(Z4J_INVALID, "the instant must lie between 1970 and 2149", "/expression");
  const bool has_offset = expression.find_first_of("Z+-", 11) != std::string_view::npos;
  return has_offset ? seconds : zone.instant_of(seconds);
}

Timetable Timetable::read(std::string_view kind, std::string_view expression,
                          std::string_view timezone, CronRules rules) {
  Timetable out;
  out.zone_ = zone_named(timezone.empty() ? "UTC" : timezone);
  if (kind == "cron") {
    out.when_ = Cron::read(expression, rules);
  } else if (kind == "interval") {
    out.when_ = Interval{read_interval(expression)};
  } else if (kind == "clocked" || kind == "one_shot") {
    out.when_ = Once{read_instant(expression, *out.zone_)};
  } else if (kind == "solar") {
    out.when_ = Solar::read(expression);
  } else {
    throw Error(Z4J_INVALID, "the kind must be cron, interval, clocked or solar", "/kind");
  }
  return out;
}

std::optional<std::int64_t> Timetable::next(std::int64_t after_us) const {
  const Seconds after = floor_to_seconds(after_us);
  if (after >= kLastSecond || after < -kLastSecond) return std::nullopt;
  std::optional<Seconds> found;
  if (const auto* once = std::get_if<Once>(&when_)) {
    if (once->at > after) found = once->at;
  } else if (const auto* interval = std::get_if<Interval>(&when_)) {
    const Seconds past = after % interval->every;
    found = after - (past < 0 ? past + interval->every : past) + interval->every;
  } else if (const auto* cron = std::get_if<Cron>(&when_)) {
    found = cron->next(after, *zone_);
  } else if (const auto* solar = std::get_if<Solar>(&when_)) {
    found = solar->next(after);
  }
  if (!found) return std::nullopt;
  return *found * kMicros;
}

}  // namespace z4j::calendar
