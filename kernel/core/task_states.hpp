// States of tasks, as rows and the API name them.
#pragma once

#include <string_view>

namespace z4j::core {

// Nothing more is expected of a task in this state, unless it is delivered again.
[[nodiscard]] constexpr bool is_over(std::string_view state) noexcept {
  return state == "success" || state == "failure" || state == "revoked" || state == "rejected";
}

}  // namespace z4j::core
