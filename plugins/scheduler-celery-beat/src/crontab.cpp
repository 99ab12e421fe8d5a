#include "src/crontab.hpp"

#include "lib/schedule/schedule.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace z4j::celery_beat {
namespace {

constexpr const char* kAt = "/expression";
constexpr std::array<std::string_view, 7> kWeekdays = {"sun", "mon", "tue", "wed",
                                                       "thu", "fri", "sat"};
constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};

struct Field {
  const char* name;
  unsigned first, count;
  MonthNames months;
};

[[noreturn]] void bad(const Field& f, const std::string& why) {
  schedule::invalid(std::string(f.name) + ": " + why, kAt);
}

unsigned number_of(const Field& f, std::string_view text) {
  std::optional<unsigned> n;
  if (!text.empty() && text.size() <= 4 &&
      text.find_first_not_of("0123456789") == std::string_view::npos)
    n = static_cast<unsigned>(std::stoul(std::string(text)));
  if (!n && text.size() >= 3) {
    std::string lower(text.substr(0, 3));
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    for (unsigned i = 0; i < kWeekdays.size() && f.count == 7; ++i) {
      if (kWeekdays[i] == lower) n = i;
    }
    for (unsigned i = 0; i < kMonths.size() && f.count == 12; ++i) {
      if (kMonths[i] != lower) continue;
      if (f.months == MonthNames::refuse)
        bad(f, "write " + std::to_string(i + 1) + ": older beats know no names of months");
      n = i + 1;
    }
  }
  if (!n)
    bad(f, "'" + std::string(text) + "' is no number" + (f.count == 7 ? " and no weekday" : ""));
  if (*n < f.first || *n >= f.first + f.count)
    bad(f, std::to_string(*n) + " is not within " + std::to_string(f.first) + " to " +
               std::to_string(f.first + f.count - 1));
  return *n;
}

std::uint64_t part_of(const Field& f, std::string_view part) {
  if (part.empty()) bad(f, "an empty part");
  unsigned step = 1;
  if (const std::size_t slash = part.find('/'); slash != std::string_view::npos) {
    const std::string_view by = part.substr(slash + 1);
    if (by.empty() || by.size() > 4 ||
        by.find_first_not_of("0123456789") != std::string_view::npos ||
        std::stoul(std::string(by)) == 0)
      bad(f, "a step must be a number from 1");
    step = static_cast<unsigned>(std::stoul(std::string(by)));
    part = part.substr(0, slash);
    if (part != "*" && part.find('-') == std::string_view::npos)
      bad(f, "a step needs '*' or a range before it");
  }
  const unsigned end = f.first + f.count;
  std::vector<unsigned> named;
  if (part == "*") {
    for (unsigned n = f.first; n < end; ++n) named.push_back(n);
  } else if (const std::size_t dash = part.find('-'); dash != std::string_view::npos) {
    const unsigned from = number_of(f, part.substr(0, dash)),
                   to = number_of(f, part.substr(dash + 1));
    for (unsigned n = from; n < (to < from ? end : to + 1); ++n) named.push_back(n);
    for (unsigned n = f.first; to < from && n <= to; ++n) named.push_back(n);
  } else {
    named.push_back(number_of(f, part));
  }
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < named.size(); i += step) bits |= std::uint64_t{1} << named[i];
  return bits;
}

std::string without_spaces(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ' && c != '\t') out += c;
  }
  return out.empty() ? "*" : out;
}

std::uint64_t bits_of(const Field& f, const std::string& given) {
  const std::string text = without_spaces(given);
  std::uint64_t bits = 0;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t comma = std::min(text.find(',', from), text.size());
    bits |= part_of(f, std::string_view(text).substr(from, comma - from));
    from = comma + 1;
  }
  return bits;
}

}  // namespace

Crontab split_crontab(std::string_view expression) {
  std::vector<std::string> fields;
  for (std::size_t at = 0;
       (at = expression.find_first_not_of(" \t", at)) != std::string_view::npos;) {
    const std::size_t end = std::min(expression.find_first_of(" \t", at), expression.size());
    fields.emplace_back(expression.substr(at, end - at));
    at = end;
  }
  if (fields.size() != 5)
    schedule::invalid("celery beat takes five fields (minute hour day month weekday), not " +
                          std::to_string(fields.size()),
                      kAt);
  return {fields[0], fields[1], fields[2], fields[3], fields[4]};
}

std::string join_crontab(const Crontab& c) {
  std::string out;
  for (const std::string* field :
       {&c.minute, &c.hour, &c.day_of_month, &c.month_of_year, &c.day_of_week})
    out += (out.empty() ? "" : " ") + without_spaces(*field);
  return out;
}

calendar::CronFields fields_of(const Crontab& c, MonthNames months) {
  calendar::CronFields f;
  f.minutes = bits_of({"minute", 0, 60, months}, c.minute);
  f.hours = static_cast<std::uint32_t>(bits_of({"hour", 0, 24, months}, c.hour));
  f.days = static_cast<std::uint32_t>(bits_of({"day of the month", 1, 31, months}, c.day_of_month));
  f.months = static_cast<std::uint32_t>(bits_of({"month", 1, 12, months}, c.month_of_year));
  f.weekdays = static_cast<std::uint32_t>(bits_of({"weekday", 0, 7, months}, c.day_of_week));
  f.either_day = false;
  f.by_real_time = f.hours == 0xFFFFFFu || without_spaces(c.minute).front() == '*';
  return f;
}

}  // namespace z4j::celery_beat
