#include "lib/calendar/cron.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <string>
#include <vector>

namespace z4j::calendar {
namespace {

constexpr Seconds kCronDay = 86'400;
constexpr Seconds kFarthest = 5 * 366 * kCronDay;
constexpr std::size_t kLongest = 500;  // bytes

struct Field {
  const char* name;
  unsigned least, most;
  std::string_view names;  // three letters each, from `first_name` on
  unsigned first_name;
};
constexpr Field kMinute{"minute", 0, 59, "", 0};
constexpr Field kHour{"hour", 0, 23, "", 0};
constexpr Field kDayOfMonth{"day of the month", 1, 31, "", 0};
constexpr Field kMonth{"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec", 1};
constexpr Field kWeekday{"day of the week", 0, 7, "sunmontuewedthufrisat", 0};
constexpr Field kSecond{"second", 0, 59, "", 0};

[[noreturn]] void refuse(const Field& field, std::string_view text, std::string_view why) {
  throw Error(
      Z4J_INVALID,
      std::string(field.name) + " '" + std::string(text.substr(0, 40)) + "': " + std::string(why),
      "/expression");
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

unsigned read_value(const Field& field, std::string_view whole, std::string_view text) {
  if (text.empty()) refuse(field, whole, "a value is missing");
  if (text.size() == 3 && !field.names.empty()) {
    const std::size_t at = field.names.find(lower(text));
    if (at != std::string_view::npos && at % 3 == 0)
      return field.first_name + static_cast<unsigned>(at / 3);
  }
  unsigned value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9')
      refuse(field, whole, "L, W, #, ? and words that are no name are not understood");
    value = value * 10 + static_cast<unsigned>(c - '0');
    if (value > 9999) refuse(field, whole, "the number is too large");
  }
  if (value < field.least || value > field.most) {
    refuse(field, whole,
           "must be " + std::to_string(field.least) + " to " + std::to_string(field.most));
  }
  return value;
}

unsigned read_step(const Field& field, std::string_view whole, std::string_view text) {
  unsigned step = 0;
  if (text.empty() || text.size() > 4) refuse(field, whole, "the step is no number");
  for (const char c : text) {
    if (c < '0' || c > '9') refuse(field, whole, "the step is no number");
    step = step * 10 + static_cast<unsigned>(c - '0');
  }
  if (step == 0 || step > field.most)
    refuse(field, whole, "the step must be 1 to " + std::to_string(field.most));
  return step;
}

// One item of a list: *, a, a-b, each perhaps with /step.
std::uint64_t read_item(const Field& field, std::string_view whole, std::string_view item) {
  unsigned step = 1;
  bool has_step = false;
  if (const std::size_t slash = item.find('/'); slash != std::string_view::npos) {
    step = read_step(field, whole, item.substr(slash + 1));
    has_step = true;
    item = item.substr(0, slash);
  }
  const bool is_week = field.most == 7;
  unsigned from = field.least, to = is_week ? 6 : field.most;
  if (item != "*") {
    const std::size_t dash = item.find('-');
    from = read_value(field, whole, item.substr(0, dash));
    if (dash != std::string_view::npos) {
      to = read_value(field, whole, item.substr(dash + 1));
      if (is_week && to == 0 && from > 0) to = 7;  // fri-sun
      if (to < from) refuse(field, whole, "the range runs backwards");
    } else if (!has_step) {
      to = from;
    }
  }
  std::uint64_t bits = 0;
  for (unsigned value = from; value <= to; value += step)
    bits |= std::uint64_t{1} << (is_week ? value % 7 : value);
  return bits;
}

std::uint64_t read_field(const Field& field, std::string_view text) {
  std::uint64_t bits = 0;
  for (std::string_view rest = text;;) {
    const std::size_t comma = rest.find(',');
    bits |= read_item(field, text, rest.substr(0, comma));
    if (comma == std::string_view::npos) return bits;
    rest = rest.substr(comma + 1);
  }
}

std::string_view spelled_out(std::string_view nickname) {
  constexpr std::array<std::array<std::string_view, 2>, 7> kNicknames{{{"@yearly", "0 0 1 1 *"},
                                                                       {"@annually", "0 0 1 1 *"},
                                                                       {"@monthly", "0 0 1 * *"},
                                                                       {"@weekly", "0 0 * * 0"},
                                                                       {"@daily", "0 0 * * *"},
                                                                       {"@midnight", "0 0 * * *"},
                                                                       {"@hourly", "0 * * * *"}}};
  for (const auto& [name, fields] : kNicknames) {
    if (name == nickname) return fields;
  }
  throw Error(Z4J_INVALID, "'" + std::string(nickname.substr(0, 40)) + "' is no time of day",
              "/expression");
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t i = 0; i < text.size();) {
    const auto is_space = [&](std::size_t at) { return text[at] == ' ' || text[at] == '\t'; };
    std::size_t end = i;
    while (end < text.size() && !is_space(end)) ++end;
    if (end > i) words.push_back(text.substr(i, end - i));
    i = end + 1;
  }
  return words;
}

// The lowest named value that is at least `from`; -1 for none.
int first_from(std::uint64_t bits, unsigned from) {
  const std::uint64_t rest = from > 63 ? 0 : bits >> from << from;
  return rest == 0 ? -1 : std::countr_zero(rest);
}

// The highest wall clock there was before the segment: what lies below it has had its turn.
Seconds highest_wall_before(const Segment& segment, const Zone& zone) {
  Seconds highest = std::numeric_limits<Seconds>::min();
  Seconds begin = segment.from;
  // Two days are more than any two offsets differ by; files change at most a few times in that
  // time.
  for (int i = 0;
       i < 8 && begin != std::numeric_limits<Seconds>::min() && begin > segment.from - 2 * kCronDay;
       ++i) {
    const Segment before = zone.segment(begin - 1);
    highest = std::max(highest, before.until + before.offset);
    begin = before.from;
  }
  return highest;
}

}  // namespace

Cron::Cron(const CronFields& fields) : fields_(fields) {
  constexpr std::uint64_t kSixty = (std::uint64_t{1} << 60) - 1;
  fields_.seconds &= kSixty;
  fields_.minutes &= kSixty;
  fields_.hours &= (1u << 24) - 1;
  fields_.days &= ~1u;
  fields_.months &= 0x1FFEu;
  fields_.weekdays &= 0x7Fu;
}

Cron Cron::read(std::string_view expression, CronRules rules) {
  if (expression.size() > kLongest)
    throw Error(Z4J_INVALID, "a cron expression has at most 500 characters", "/expression");
  std::vector<std::string_view> fields = split(expression);
  if (fields.size() == 1 && fields.front().front() == '@')
    fields = split(spelled_out(fields.front()));
  if (fields.size() != 5 && fields.size() != 6) {
    throw Error(Z4J_INVALID,
                "a cron expression has five fields (minute, hour, day, month, weekday), or six "
                "with seconds last; this has " +
                    std::to_string(fields.size()),
                "/expression");
  }
  CronFields named;
  named.minutes = read_field(kMinute, fields[0]);
  named.hours = static_cast<std::uint32_t>(read_field(kHour, fields[1]));
  named.days = static_cast<std::uint32_t>(read_field(kDayOfMonth, fields[2]));
  named.months = static_cast<std::uint32_t>(read_field(kMonth, fields[3]));
  named.weekdays = static_cast<std::uint32_t>(read_field(kWeekday, fields[4]));
  if (fields.size() == 6) named.seconds = read_field(kSecond, fields[5]);
  named.either_day = rules.days == CronRules::Days::kEither && fields[2].front() != '*' &&
                     fields[4].front() != '*';
  named.by_real_time = rules.changes == CronRules::Changes::kEveryInstant ||
                       named.hours == (1u << 24) - 1 || fields[0].front() == '*' ||
                       (fields.size() == 6 && fields[5].front() == '*');
  return Cron(named);
}

bool Cron::names_day(unsigned day, unsigned weekday) const {
  const bool of_month = (fields_.days >> day & 1u) != 0,
             of_week = (fields_.weekdays >> weekday & 1u) != 0;
  return fields_.either_day ? of_month || of_week : of_month && of_week;
}

std::optional<Seconds> Cron::next_label(Seconds wall, Seconds limit) const {
  using namespace std::chrono;
  if (wall >= limit) return std::nullopt;
  sys_days date = floor<days>(sys_seconds(seconds(wall)));
  Seconds second_of_day = wall - Seconds{date.time_since_epoch().count()} * kCronDay;
  for (;;) {
    if (Seconds{date.time_since_epoch().count()} * kCronDay >= limit) return std::nullopt;
    const year_month_day ymd(date);
    if ((fields_.months >> static_cast<unsigned>(ymd.month()) & 1u) == 0) {
      date = sys_days((ymd.year() / ymd.month() + months(1)) / std::chrono::day(1));
      second_of_day = 0;
      continue;
    }
    if (names_day(static_cast<unsigned>(ymd.day()), weekday(date).c_encoding())) {
      auto h = static_cast<unsigned>(second_of_day / 3600);
      auto m = static_cast<unsigned>(second_of_day / 60 % 60);
      auto s = static_cast<unsigned>(second_of_day % 60);
      // Each unit that moves on lets the smaller ones start anew.
      for (int hour = first_from(fields_.hours, h); hour >= 0;
           hour = first_from(fields_.hours, h)) {
        if (static_cast<unsigned>(hour) != h) m = s = 0;
        h = static_cast<unsigned>(hour);
        for (int minute = first_from(fields_.minutes, m); minute >= 0;
             minute = first_from(fields_.minutes, m)) {
          if (static_cast<unsigned>(minute) != m) s = 0;
          m = static_cast<unsigned>(minute);
          if (const int second = first_from(fields_.seconds, s); second >= 0) {
            const Seconds label = Seconds{date.time_since_epoch().count()} * kCronDay +
                                  hour * 3600 + minute * 60 + second;
            return label < limit ? std::optional(label) : std::nullopt;
          }
          ++m, s = 0;
        }
        ++h, m = s = 0;
      }
    }
    date += days(1);
    second_of_day = 0;
  }
}

std::optional<Seconds> Cron::next(Seconds after, const Zone& zone) const {
  const Seconds from = after + 1, give_up = std::min(after + kFarthest, kLastSecond);
  Segment segment = zone.segment(from);
  Seconds had = fields_.by_real_time ? std::numeric_limits<Seconds>::min()
                                     : highest_wall_before(segment, zone);
  for (;;) {
    const Seconds start = std::max(from, segment.from);
    const Seconds limit = std::min(segment.until, give_up) + segment.offset;
    // At its very beginning a segment also makes up for the labels that its change has skipped.
    const Seconds wall = start == segment.from && had != std::numeric_limits<Seconds>::min()
                             ? had
                             : std::max(had, start + segment.offset);
    if (const std::optional<Seconds> label = next_label(wall, limit))
      return std::max(start, *label - segment.offset);
    if (segment.until >= give_up) return std::nullopt;
    if (!fields_.by_real_time) had = std::max(had, segment.until + segment.offset);
    segment = zone.segment(segment.until);
  }
}

}  // namespace z4j::calendar
