#include "src/timing.hpp"

#include "lib/calendar/solar.hpp"
#include "lib/calendar/timetable.hpp"
#include "lib/calendar/zone.hpp"
#include "src/crontab.hpp"

#include <z4j/plugin.hpp>
#include <z4j/scheduler.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <functional>

namespace z4j::celery_beat {
namespace {

constexpr std::int64_t kLongest = 100LL * 366 * 86'400 * kSecond;
constexpr std::array<std::string_view, 9> kSolarEvents = {
    "dawn_astronomical", "dawn_nautical", "dawn_civil",       "sunrise", "solar_noon", "sunset",
    "dusk_civil",        "dusk_nautical", "dusk_astronomical"};

std::optional<std::int64_t> to_us(const std::optional<double>& seconds) {
  if (!seconds || !std::isfinite(*seconds)) return std::nullopt;
  return static_cast<std::int64_t>(std::llround(
      std::clamp(*seconds * 1e6, static_cast<double>(kFirstUs), static_cast<double>(kLastUs))));
}

using Next = std::function<std::optional<std::int64_t>(std::int64_t after_us)>;

Next steps(std::int64_t first_us, std::int64_t every_us) {
  return [first_us, every_us](std::int64_t after) -> std::optional<std::int64_t> {
    if (after < first_us) return first_us;
    const std::int64_t next = first_us + ((after - first_us) / every_us + 1) * every_us;
    if (next > kLastUs) return std::nullopt;
    return next;
  };
}

std::shared_ptr<const calendar::Zone> zone_of(const std::string& name) {
  try {
    return calendar::zone_named(name);
  } catch (const Error& e) {
    throw Error(Z4J_INVALID, e.what(), "/timezone");
  }
}

void check_solar(const std::string& expression) {
  const std::string event = expression.substr(0, expression.find(':'));
  if (!is_solar_event(event)) {
    std::string known;
    for (const std::string_view e : kSolarEvents)
      known += (known.empty() ? "" : ", ") + std::string(e);
    schedule::invalid("celery beat knows no solar event '" + event + "'; it knows " + known,
                      "/expression");
  }
}

// The rule of dateutil that RedBeat can store: only plain steps are foreseen.
Next rrule_steps(const json::Object& rule, std::int64_t every_us) {
  const auto second_of = [&rule](const char* name, std::int64_t fallback) {
    return std::clamp(json::integer(rule, name, fallback), kFirstUs / kSecond, kLastUs / kSecond);
  };
  const std::int64_t first = second_of("dtstart", 0) * kSecond;
  const Next plain = steps(first, every_us);
  const std::int64_t count = json::integer(rule, "count", -1), until = second_of("until", -1);
  return [=](std::int64_t after) -> std::optional<std::int64_t> {
    const auto t = plain(after);
    if (!t || (until >= 0 && *t > until * kSecond) ||
        (count >= 0 && (*t - first) / every_us >= count))
      return std::nullopt;
    return t;
  };
}

Next timing_of(const Schedule& s, std::int64_t from_us) {
  if (s.kind == "interval") {
    const std::int64_t every = interval_us(s.expression);
    if (const json::Object* rule = json::object(s.options, "rrule"))
      return rrule_steps(*rule, every);
    return steps(to_us(s.last_run_at).value_or(from_us) + every, every);
  }
  if (s.kind == "cron") {
    const auto zone = zone_of(s.timezone);
    const calendar::Cron cron(fields_of(split_crontab(s.expression), MonthNames::read));
    return [zone, cron](std::int64_t after) -> std::optional<std::int64_t> {
      const std::int64_t seconds = after >= 0 ? after / kSecond : (after - kSecond + 1) / kSecond;
      const auto t = cron.next(seconds, *zone);
      return t ? std::optional<std::int64_t>(*t * kSecond) : std::nullopt;
    };
  }
  if (json::object(s.options, "rrule") != nullptr)
    return [](std::int64_t) { return std::optional<std::int64_t>(); };
  if (s.kind == "solar") check_solar(s.expression);
  if (s.kind != "solar" && s.kind != "clocked")
    schedule::invalid("celery beat has no schedule of kind '" + s.kind + "'", "/kind");
  const auto table =
      calendar::Timetable::read(s.kind, s.expression, s.kind == "solar" ? "UTC" : s.timezone);
  return [table](std::int64_t after) { return table.next(after); };
}

}  // namespace

std::int64_t interval_us(std::string_view text) {
  std::int64_t unit = kSecond;
  if (!text.empty()) {
    const char last = text.back();
    const std::int64_t found = last == 's'   ? 1
                               : last == 'm' ? 60
                               : last == 'h' ? 3600
                               : last == 'd' ? 86'400
                                             : 0;
    if (found != 0) {
      unit = found * kSecond;
      text.remove_suffix(1);
    }
  }
  const std::size_t dot = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, dot),
                         part = dot < text.size() ? text.substr(dot + 1) : std::string_view();
  const bool is_number = !whole.empty() && whole.size() <= 12 && part.size() <= 6 &&
                         (dot == text.size() || !part.empty()) &&
                         whole.find_first_not_of("0123456789") == std::string_view::npos &&
                         part.find_first_not_of("0123456789") == std::string_view::npos;
  if (!is_number)
    schedule::invalid("an interval is a number of seconds, or like 30s, 5m, 2h, 1d", "/expression");
  const double value =
      std::stod(std::string(whole) + "." + std::string(part.empty() ? "0" : part)) *
      static_cast<double>(unit);
  if (value < 1 || value > static_cast<double>(kLongest))
    schedule::invalid("an interval must be longer than nothing and at most 100 years",
                      "/expression");
  return static_cast<std::int64_t>(std::llround(value));
}

std::string interval_text(std::int64_t us) {
  if (us % kSecond != 0) {
    std::string part = std::to_string(us % kSecond);
    part.insert(0, 6 - part.size(), '0');
    while (part.back() == '0') part.pop_back();
    return std::to_string(us / kSecond) + "." + part;
  }
  const std::int64_t s = us / kSecond;
  if (s % 86'400 == 0 && s != 0) return std::to_string(s / 86'400) + "d";
  if (s % 3600 == 0 && s != 0) return std::to_string(s / 3600) + "h";
  if (s % 60 == 0 && s != 0) return std::to_string(s / 60) + "m";
  return std::to_string(s) + "s";
}

bool is_solar_event(std::string_view event) {
  return std::find(kSolarEvents.begin(), kSolarEvents.end(), event) != kSolarEvents.end();
}

void check_timing(const std::string& kind, const std::string& expression,
                  const std::string& timezone) {
  Schedule s;
  s.kind = kind;
  s.expression = expression;
  s.timezone = timezone;
  if (kind == "cron") static_cast<void>(fields_of(split_crontab(expression), MonthNames::refuse));
  static_cast<void>(timing_of(s, 0));
}

std::vector<std::int64_t> next_times(const Schedule& s, std::int64_t from_us, std::size_t n) {
  const Next next = timing_of(s, from_us);
  const auto starts = to_us(s.starts_at), ends = to_us(s.ends_at);
  if (starts) from_us = std::max(from_us, *starts - 1);
  if (s.kind == "clocked" || json::boolean(s.options, "one_off")) n = std::min<std::size_t>(n, 1);
  std::vector<std::int64_t> out;
  while (out.size() < n) {
    const auto t = next(from_us);
    if (!t || (ends && *t >= *ends)) break;
    out.push_back(*t);
    from_us = *t;
  }
  return out;
}

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace z4j::celery_beat
