#include "core/subscription_filter.hpp"

#include <algorithm>
#include <array>

#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;

constexpr std::array<std::string_view, 4> kFilterPriorities{"critical", "high", "normal", "low"};
constexpr std::size_t kMostPriorities = 8, kMostWildcards = 5, kMostSets = 3;
constexpr std::size_t kFilterNameCharacters = 500, kFilterWordCharacters = 200;
constexpr std::int64_t kLongestS = 30 * 86'400, kDeepest = 1'000'000'000;

bool is_cheap_glob(std::string_view pattern) noexcept {
  const auto wildcards =
      std::count_if(pattern.begin(), pattern.end(), [](char c) { return c == '*' || c == '?'; });
  const auto sets = std::count(pattern.begin(), pattern.end(), '[');
  return static_cast<std::size_t>(wildcards) <= kMostWildcards &&
         static_cast<std::size_t>(sets) <= kMostSets;
}

// One element of the pattern at `at` against a byte; `next` is where the element ends.
bool fits_one(std::string_view pattern, std::size_t at, char c, std::size_t& next) noexcept {
  next = at + 1;
  if (pattern[at] == '?') return true;
  if (pattern[at] != '[') return pattern[at] == c;
  std::size_t i = at + 1;
  const bool is_inverse = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (is_inverse) ++i;
  const std::size_t first = i;
  bool is_in = false;
  for (; i < pattern.size() && (pattern[i] != ']' || i == first); ++i) {
    const auto low = static_cast<unsigned char>(pattern[i]);
    auto high = low;
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      high = static_cast<unsigned char>(pattern[i + 2]);
      i += 2;
    }
    const auto byte = static_cast<unsigned char>(c);
    is_in = is_in || (low <= byte && byte <= high);
  }
  if (i >= pattern.size()) return c == '[';  // no end: a bracket like any other character
  next = i + 1;
  return is_in != is_inverse;
}

base::Error wrong(std::string_view member, std::string_view what) {
  return refuse::invalid(member, "filters." + std::string(member) + " " + std::string(what));
}

base::Result<std::string> text_of(const json::Object& given, std::string_view name,
                                  std::size_t most) {
  const json::Value* value = given.if_contains(name);
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_string()) return wrong(name, "must be text");
  const std::string text(value->get_string());
  if (count_characters(text) > most) return wrong(name, "is too long");
  return text;
}

base::Result<std::optional<std::int64_t>> number_of(const json::Object& given,
                                                    std::string_view name, std::int64_t most) {
  const json::Value* value = given.if_contains(name);
  if (value == nullptr || value->is_null()) return std::optional<std::int64_t>{};
  const std::int64_t number = json::integer(given, name, -1);
  if (number < 1 || number > most) return wrong(name, "must be a number from 1 on");
  return std::optional(number);
}

}  // namespace

bool fits_glob(std::string_view pattern, std::string_view text) noexcept {
  // The latest star takes one byte more whenever the rest does not fit.
  std::size_t p = 0, t = 0, star = std::string_view::npos, star_text = 0;
  while (t < text.size()) {
    std::size_t next = 0;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && fits_one(pattern, p, text[t], next)) {
      p = next;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

base::Result<SubscriptionFilter> SubscriptionFilter::read(const json::Object& given) {
  SubscriptionFilter out;
  if (const json::Value* value = given.if_contains("priority");
      value != nullptr && !value->is_null()) {
    if (!value->is_array() || value->get_array().size() > kMostPriorities)
      return wrong("priority", "must be a list of up to 8 priorities");
    for (const json::Value& each : value->get_array()) {
      if (!each.is_string() ||
          std::find(kFilterPriorities.begin(), kFilterPriorities.end(),
                    std::string_view(each.get_string())) == kFilterPriorities.end())
        return wrong("priority", "takes critical, high, normal and low");
      out.priorities.emplace_back(each.get_string());
    }
  }
  auto name = text_of(given, "task_name", kFilterNameCharacters);
  if (!name) return std::move(name).error();
  auto pattern = text_of(given, "task_name_pattern", kFilterWordCharacters);
  if (!pattern) return std::move(pattern).error();
  if (!is_cheap_glob(*pattern))
    return wrong("task_name_pattern", "has more than 5 of * and ?, or more than 3 of [");
  auto queue = text_of(given, "queue", kFilterWordCharacters);
  if (!queue) return std::move(queue).error();
  auto slow = number_of(given, "slower_than_seconds", kLongestS);
  if (!slow) return std::move(slow).error();
  auto depth = number_of(given, "depth_over", kDeepest);
  if (!depth) return std::move(depth).error();
  out.task_name = std::move(*name);
  out.task_name_pattern = std::move(*pattern);
  out.queue = std::move(*queue);
  out.slower_than_seconds = *slow;
  out.depth_over = *depth;
  return out;
}

SubscriptionFilter SubscriptionFilter::of(const json::Value& stored) {
  if (!stored.is_object()) return {};
  if (auto filter = read(stored.get_object())) return std::move(*filter);
  SubscriptionFilter none;
  none.fits_nothing_ = true;
  return none;
}

json::Object SubscriptionFilter::to_json() const {
  json::Object out;
  if (!priorities.empty()) {
    json::Array list;
    for (const std::string& each : priorities) list.emplace_back(each);
    out["priority"] = std::move(list);
  }
  if (!task_name.empty()) out["task_name"] = task_name;
  if (!task_name_pattern.empty()) out["task_name_pattern"] = task_name_pattern;
  if (!queue.empty()) out["queue"] = queue;
  if (slower_than_seconds) out["slower_than_seconds"] = *slower_than_seconds;
  if (depth_over) out["depth_over"] = *depth_over;
  return out;
}

bool SubscriptionFilter::fits(const Facts& facts) const {
  if (fits_nothing_) return false;
  if (!priorities.empty() &&
      std::find(priorities.begin(), priorities.end(), facts.priority) == priorities.end())
    return false;
  if (!queue.empty() && queue != facts.queue) return false;
  if (!task_name.empty() && facts.task_name.find(task_name) == std::string_view::npos) return false;
  return task_name_pattern.empty() || fits_glob(task_name_pattern, facts.task_name);
}

}  // namespace z4j::core
