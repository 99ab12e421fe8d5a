// Text from outside, made fit to store.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/ascii.hpp"

namespace z4j::core {

// Without NUL, bytes that are not UTF-8 replaced by U+FFFD, cut to that many characters.
[[nodiscard]] std::string clean_text(std::string_view text, std::size_t max_characters);
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;
// Of valid UTF-8.
[[nodiscard]] std::size_t count_characters(std::string_view text) noexcept;
// Without ASCII blanks at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;
using base::ascii_lower;

}  // namespace z4j::core
