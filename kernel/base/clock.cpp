#include "base/clock.hpp"

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace z4j::base {
namespace {

bool two_digits(std::string_view s, std::size_t at, int& out) {
  if (at + 2 > s.size() || s[at] < '0' || s[at] > '9' || s[at + 1] < '0' || s[at + 1] > '9')
    return false;
  out = (s[at] - '0') * 10 + (s[at + 1] - '0');
  return true;
}

Error not_a_time(std::string_view text) {
  return Error{.code = Code::invalid,
               .message = "\"" + std::string(text.substr(0, 64)) + "\" is not a time",
               .where = {},
               .hint = "use ISO 8601, for example 2026-05-13T10:42:18Z, or Unix seconds"};
}

std::optional<TimeUs> unix_seconds(std::string_view text) {
  double seconds = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (ec != std::errc() || end != text.data() + text.size() || !std::isfinite(seconds))
    return std::nullopt;
  if (std::abs(seconds) > 2.5e11) return std::nullopt;
  return static_cast<TimeUs>(std::llround(seconds * 1e6));
}

}  // namespace

TimeUs SystemClock::now() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::int64_t SystemClock::steady_ms() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string format_time(TimeUs t, TimeForm form) {
  using namespace std::chrono;
  const sys_time<microseconds> at{microseconds(t)};
  const auto day = floor<days>(at);
  const year_month_day date(day);
  const hh_mm_ss<microseconds> clock(at - day);
  char text[80];
  int n = std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d",
                        static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                        static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                        static_cast<int>(clock.minutes().count()),
                        static_cast<int>(clock.seconds().count()));
  const long long micros = clock.subseconds().count();
  const auto used = static_cast<std::size_t>(n);
  if (form == TimeForm::audit) {
    n += std::snprintf(text + used, sizeof text - used, ".%06lld+00:00", micros);
  } else if (micros != 0) {
    n += std::snprintf(text + used, sizeof text - used, ".%06lldZ", micros);
  } else {
    n += std::snprintf(text + used, sizeof text - used, "Z");
  }
  return std::string(text, static_cast<std::size_t>(n));
}

Result<TimeUs> parse_time(std::string_view s) {
  if (s.size() > 64) return not_a_time(s);
  int century = 0, yy = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  const bool has_date = two_digits(s, 0, century) && two_digits(s, 2, yy) && s.size() >= 10 &&
                        s[4] == '-' && two_digits(s, 5, month) && s[7] == '-' &&
                        two_digits(s, 8, day);
  if (!has_date) {
    if (const auto t = unix_seconds(s)) return *t;
    return not_a_time(s);
  }
  const std::chrono::year_month_day date{std::chrono::year(century * 100 + yy),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || century * 100 + yy < 1) return not_a_time(s);
  std::int64_t micros = 0;
  std::int64_t offset_s = 0;
  std::size_t at = 10;
  if (at < s.size()) {
    if ((s[at] != 'T' && s[at] != 't' && s[at] != ' ') || !two_digits(s, 11, hour) ||
        s.size() < 16 || s[13] != ':' || !two_digits(s, 14, minute)) {
      return not_a_time(s);
    }
    at = 16;
    if (at < s.size() && s[at] == ':') {
      if (!two_digits(s, 17, second)) return not_a_time(s);
      at = 19;
      if (at < s.size() && (s[at] == '.' || s[at] == ',')) {
        ++at;
        std::int64_t scale = 100'000;
        const std::size_t digits_from = at;
        for (; at < s.size() && s[at] >= '0' && s[at] <= '9'; ++at) {
          micros += (s[at] - '0') * scale;
          scale /= 10;
        }
        if (at == digits_from) return not_a_time(s);
      }
    }
    if (at < s.size() && (s[at] == 'Z' || s[at] == 'z')) {
      ++at;
    } else if (at < s.size() && (s[at] == '+' || s[at] == '-')) {
      int oh = 0, om = 0;
      if (!two_digits(s, at + 1, oh)) return not_a_time(s);
      std::size_t next = at + 3;
      if (next < s.size()) {
        if (s[next] == ':') ++next;
        if (!two_digits(s, next, om)) return not_a_time(s);
        next += 2;
      }
      offset_s = (s[at] == '-' ? -1 : 1) * (oh * 3600 + om * 60);
      if (oh > 23 || om > 59) return not_a_time(s);
      at = next;
    }
    if (at != s.size() || hour > 23 || minute > 59 || second > 60) return not_a_time(s);
  }
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return (days * 86'400LL + hour * 3600LL + minute * 60LL + second - offset_s) * kSecondUs + micros;
}

}  // namespace z4j::base
