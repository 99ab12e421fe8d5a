#include "wire/time.hpp"

#include <chrono>

namespace z4j::wire {
namespace {

// Reads digits and marks off the front of a text.
class Scan {
 public:
  explicit Scan(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
  [[nodiscard]] char next() const noexcept { return rest_.empty() ? '\0' : rest_.front(); }
  bool take(char c) {
    if (next() != c || rest_.empty()) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // The first character of any width.
  bool take_character() {
    if (rest_.empty()) return false;
    rest_.remove_prefix(1);
    while (!rest_.empty() && (static_cast<unsigned char>(rest_.front()) & 0xC0) == 0x80)
      rest_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] bool is_digit() const noexcept { return next() >= '0' && next() <= '9'; }
  // Exactly that many digits.
  std::optional<int> number(int digits) {
    int n = 0;
    for (int i = 0; i < digits; ++i) {
      if (!is_digit()) return std::nullopt;
      n = n * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    return n;
  }
  // Digits after the mark of a fraction, as microseconds; more than six are cut.
  std::optional<int> fraction() {
    int n = 0, digits = 0;
    for (; is_digit(); rest_.remove_prefix(1), ++digits) {
      if (digits < 6) n = n * 10 + (rest_.front() - '0');
    }
    if (digits == 0) return std::nullopt;
    for (; digits < 6; ++digits) n *= 10;
    return n;
  }

 private:
  std::string_view rest_;
};

std::optional<base::TimeUs> read_date(Scan& scan) {
  const auto year = scan.number(4);
  const bool has_marks = scan.take('-');
  const auto month = scan.number(2);
  if (has_marks && !scan.take('-')) return std::nullopt;
  const auto day = scan.number(2);
  if (!year || *year < 1 || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count() * base::kDayUs;
}

// Time of day, or an offset: hours, and as much more as there is.
std::optional<base::TimeUs> read_clock(Scan& scan) {
  const auto hour = scan.number(2);
  if (!hour || *hour > 23) return std::nullopt;
  base::TimeUs us = *hour * 3600 * base::kSecondUs;
  const bool has_marks = scan.take(':');
  if (!has_marks && !scan.is_digit()) return us;
  const auto minute = scan.number(2);
  if (!minute || *minute > 59) return std::nullopt;
  us += *minute * 60 * base::kSecondUs;
  if (has_marks ? !scan.take(':') : !scan.is_digit()) return us;
  const auto second = scan.number(2);
  if (!second || *second > 59) return std::nullopt;
  us += *second * base::kSecondUs;
  if (!scan.take('.') && !scan.take(',')) return us;
  const auto fraction = scan.fraction();
  if (!fraction) return std::nullopt;
  return us + *fraction;
}

}  // namespace

std::optional<ReadTime> read_time(std::string_view text) {
  constexpr std::size_t kLongest = 64;
  if (text.size() > kLongest) return std::nullopt;
  Scan scan(text);
  const auto day = read_date(scan);
  if (!day) return std::nullopt;
  ReadTime time{.at = *day, .has_offset = false};
  if (scan.at_end()) return time;
  if (!scan.take_character()) return std::nullopt;
  const auto clock = read_clock(scan);
  if (!clock) return std::nullopt;
  time.at += *clock;
  if (scan.at_end()) return time;
  time.has_offset = true;
  if (scan.take('Z')) return scan.at_end() ? std::optional(time) : std::nullopt;
  const bool is_west = scan.next() == '-';
  if (!scan.take('-') && !scan.take('+')) return std::nullopt;
  const auto offset = read_clock(scan);
  if (!offset || !scan.at_end()) return std::nullopt;
  time.at += is_west ? *offset : -*offset;
  return time;
}

}  // namespace z4j::wire
