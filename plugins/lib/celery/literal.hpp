// Python literals as JSON text, without ever evaluating anything.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace z4j::celery {

// The whole text as one JSON value: numbers, strings, True, False, None, lists, tuples (as lists)
// and dicts with string keys. Nothing when any part of it is something else, stands for more than
// it says
// ("..." anywhere, "***"), or has no exact JSON form (bytes, sets, complex numbers, nan). Numbers
// keep their digits.
[[nodiscard]] std::optional<std::string> json_from_literal(std::string_view python,
                                                           std::size_t max_bytes = 1u << 20);

}  // namespace z4j::celery
