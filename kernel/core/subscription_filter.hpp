// Which occasions a subscription wants to hear of. All conditions that are set must hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace z4j::core {

// Does the text fit the pattern: * any run, ? one character, [abc], [a-z], [!a] sets of one byte?
// Bounded: text length times pattern length steps.
[[nodiscard]] bool fits_glob(std::string_view pattern, std::string_view text) noexcept;

struct SubscriptionFilter {
  std::vector<std::string> priorities;  // empty: all
  std::string task_name;                // a part of it, case-sensitive
  std::string task_name_pattern;        // the whole name
  std::string queue;                    // exactly
  // Of task.slow and queue.depth_high: what is slow and what is high; none: the installation's.
  std::optional<std::int64_t> slower_than_seconds, depth_over;

  // As given: what is unknown or null is left out, what is wrong is the error (invalid, `where` is
  // the member).
  [[nodiscard]] static base::Result<SubscriptionFilter> read(const base::json::Object& given);
  // As stored; never fails: a filter that can't be understood fits nothing.
  [[nodiscard]] static SubscriptionFilter of(const base::json::Value& stored);
  [[nodiscard]] base::json::Object to_json() const;

  struct Facts {
    std::string_view priority, task_name, queue;
  };
  [[nodiscard]] bool fits(const Facts& facts) const;
  [[nodiscard]] bool is_empty() const noexcept {
    return priorities.empty() && task_name.empty() && task_name_pattern.empty() && queue.empty();
  }

 private:
  bool fits_nothing_ = false;
};

}  // namespace z4j::core
