#include "src/timing.hpp"

#include "lib/calendar/timetable.hpp"
#include "lib/json/json.hpp"
#include "lib/schedule/interval.hpp"
#include "lib/schedule/schedule.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <cmath>

namespace z4j::rq_scheduler {
namespace {

constexpr calendar::CronRules kRules{calendar::CronRules::Days::kBoth,
                                     calendar::CronRules::Changes::kByExpression};
constexpr std::int64_t kMicros = 1'000'000;

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (c == ' ' || c == '\t') {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
    } else {
      word += c;
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

// "*", "*/n" with more than one value, or the list of the values named.
std::string field_text(std::string_view given, std::uint64_t bits, int first, int last) {
  std::vector<int> values;
  for (int i = first; i <= last; ++i) {
    if ((bits >> i & 1) != 0) values.push_back(i);
  }
  if (static_cast<int>(values.size()) == last - first + 1) return "*";
  if (given.substr(0, 2) == "*/" && values.size() > 1) {
    const int step = values[1] - values[0];
    if (given == "*/" + std::to_string(step)) return std::string(given);
  }
  std::string out;
  for (const int value : values) out += (out.empty() ? "" : ",") + std::to_string(value);
  return out;
}

}  // namespace

std::optional<std::string> from_its_cron(std::string_view cron_string) {
  std::vector<std::string> words = words_of(cron_string);
  if (words.size() == 6) {
    if (words[5] != "*") return std::nullopt;
    words.pop_back();
  } else if (words.size() == 7) {
    if (words[6] != "*") return std::nullopt;
    words.pop_back();
    std::rotate(words.begin(), words.begin() + 1, words.end());
    if (words.back() == "0") words.pop_back();
  }
  return joined(words);
}

std::string to_its_cron(std::string_view expression) {
  const calendar::CronFields f = calendar::Cron::read(expression, kRules).fields();
  const std::vector<std::string> given = words_of(expression);
  const auto word = [&](std::size_t at) {
    return at < given.size() ? std::string_view(given[at]) : std::string_view();
  };
  std::vector<std::string> out = {
      field_text(word(0), f.minutes, 0, 59), field_text(word(1), f.hours, 0, 23),
      field_text(word(2), f.days, 1, 31), field_text(word(3), f.months, 1, 12),
      field_text(word(4), f.weekdays, 0, 6)};
  if (given.size() == 6) {
    out.insert(out.begin(), field_text(word(5), f.seconds, 0, 59));
    out.emplace_back("*");
  }
  return joined(out);
}

std::optional<double> next_due(std::string_view kind, std::string_view expression,
                               std::string_view timezone, double after) {
  if (kind == "interval")
    return std::floor(after) + static_cast<double>(calendar::read_interval(expression));
  if (kind == "solar") schedule::invalid("rq-scheduler knows no sun", "/kind");
  const calendar::Timetable table = calendar::Timetable::read(kind, expression, timezone, kRules);
  const std::optional<std::int64_t> next =
      table.next(static_cast<std::int64_t>(after * static_cast<double>(kMicros)));
  if (!next) return std::nullopt;
  return static_cast<double>(*next / kMicros);
}

std::vector<std::int64_t> preview(std::string_view schedule_json, std::int64_t from_us,
                                  std::uint32_t most) {
  const schedule::Wanted w = schedule::read_wanted(schedule_json);
  const std::string kind = w.kind.value_or(std::string());
  const std::string expression = w.expression.value_or(std::string());
  const std::string timezone = w.timezone.value_or("UTC");
  if (kind == "cron") static_cast<void>(to_its_cron(expression));
  std::vector<std::int64_t> out;
  double at = static_cast<double>(from_us) / static_cast<double>(kMicros);
  if (kind == "interval") {
    const json::Value root = json::parse(schedule_json, 1u << 20);
    return schedule::interval_times(calendar::read_interval(expression),
                                    json::number(root.get_object(), "next_run_at", -1), from_us,
                                    most);
  }
  while (out.size() < most) {
    const std::optional<double> next = next_due(kind, expression, timezone, at);
    if (!next) break;
    out.push_back(static_cast<std::int64_t>(*next) * kMicros);
    at = *next;
  }
  if (most == 0) static_cast<void>(next_due(kind, expression, timezone, at));
  return out;
}

}  // namespace z4j::rq_scheduler
