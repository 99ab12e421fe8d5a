#include "lib/calendar/posix_rule.hpp"

#include <chrono>

namespace z4j::calendar {
namespace {

constexpr Seconds kRuleDay = 86'400;

// Takes the text apart from the left; after the first thing that does not fit, nothing fits.
class RuleText {
 public:
  explicit RuleText(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void need(char c) {
    if (!take(c)) ok_ = false;
  }

  // "CET" or "<-03>"
  void name() {
    std::size_t n = 0;
    if (take('<')) {
      while (n < rest_.size() && rest_[n] != '>') ++n;
      if (n == 0 || n == rest_.size()) ok_ = false;
      rest_.remove_prefix(n == rest_.size() ? n : n + 1);
      return;
    }
    while (n < rest_.size() &&
           ((rest_[n] >= 'A' && rest_[n] <= 'Z') || (rest_[n] >= 'a' && rest_[n] <= 'z')))
      ++n;
    if (n < 3) ok_ = false;
    rest_.remove_prefix(n);
  }

  int number(int least, int most) {
    int value = 0;
    std::size_t n = 0;
    while (n < rest_.size() && n < 4 && rest_[n] >= '0' && rest_[n] <= '9')
      value = value * 10 + (rest_[n++] - '0');
    rest_.remove_prefix(n);
    if (n == 0 || value < least || value > most) ok_ = false;
    return value;
  }

  // [+-]hh[:mm[:ss]]
  std::int32_t clock(int most_hours) {
    const bool minus = take('-');
    if (!minus) take('+');
    std::int32_t seconds = number(0, most_hours) * 3600;
    if (take(':')) {
      seconds += number(0, 59) * 60;
      if (take(':')) seconds += number(0, 59);
    }
    return minus ? -seconds : seconds;
  }

  YearlyDay day() {
    YearlyDay out;
    if (take('M')) {
      out.form = YearlyDay::Form::kWeekday;
      out.month = number(1, 12);
      need('.');
      out.week = number(1, 5);
      need('.');
      out.day = number(0, 6);
    } else if (take('J')) {
      out.form = YearlyDay::Form::kJulian;
      out.day = number(1, 365);
    } else {
      out.day = number(0, 365);
    }
    if (take('/')) out.time = clock(167);
    return out;
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace

Seconds YearlyDay::in(int year) const {
  using namespace std::chrono;
  const auto days_of = [](year_month_day date) {
    return Seconds{sys_days(date).time_since_epoch().count()};
  };
  const std::chrono::year y(year);
  const Seconds new_year = days_of(y / January / 1);
  if (form == Form::kZeroBased) return (new_year + day) * kRuleDay + time;
  if (form == Form::kJulian)
    return (new_year + day - (y.is_leap() && day >= 60 ? 0 : 1)) * kRuleDay + time;
  const std::chrono::month m(static_cast<unsigned>(month));
  const std::chrono::weekday w(static_cast<unsigned>(day));
  const Seconds found =
      week == 5
          ? Seconds{sys_days(y / m / w[last]).time_since_epoch().count()}
          : Seconds{sys_days(y / m / w[static_cast<unsigned>(week)]).time_since_epoch().count()};
  return found * kRuleDay + time;
}

std::optional<PosixRule> read_posix_rule(std::string_view text) {
  RuleText in(text);
  PosixRule rule;
  in.name();
  rule.standard = -in.clock(24);
  if (in.ok() && in.at_end()) return rule;
  rule.has_summer = true;
  in.name();
  rule.summer = rule.standard + 3600;
  if (!in.take(',')) {
    rule.summer = -in.clock(24);
    in.need(',');
  }
  rule.begin = in.day();
  in.need(',');
  rule.end = in.day();
  if (!in.ok() || !in.at_end()) return std::nullopt;
  return rule;
}

}  // namespace z4j::calendar
