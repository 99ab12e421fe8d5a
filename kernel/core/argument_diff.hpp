// How the arguments that an operator gives differ from those that a task had. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"

namespace z4j::core {

// One place that differs. `pointer` is a JSON pointer into {"args":[...],"kwargs":{...}}.
struct ArgumentChange {
  enum class Kind { added, removed, changed } kind = Kind::changed;
  std::string pointer;
  base::json::Value before, after;  // null where there is none
};

inline constexpr std::size_t kMostArgumentChanges = 500;

// In the order of `after`, then what is gone; at most kMostArgumentChanges. Objects and arrays are
// looked into, arrays place by place.
[[nodiscard]] std::vector<ArgumentChange> argument_changes(const base::json::Object& before,
                                                           const base::json::Object& after);

}  // namespace z4j::core
