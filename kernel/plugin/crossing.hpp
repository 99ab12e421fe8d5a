// Values on their way across the plugin boundary: texts, codes and errors.
#pragma once

#include <z4j/abi.h>

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace z4j::plugin {

inline std::string_view text_of(z4j_str s) noexcept {
  return s.ptr != nullptr ? std::string_view(s.ptr, s.len) : std::string_view();
}
inline z4j_str lend(std::string_view s) noexcept { return z4j_str{s.data(), s.size()}; }

// Whether `words`, which spaces separate, has that one.
[[nodiscard]] bool has_word(std::string_view words, std::string_view word) noexcept;

// At most `max` bytes of `text`, cut between two UTF-8 characters.
[[nodiscard]] std::string_view cut(std::string_view text, std::size_t max) noexcept;

[[nodiscard]] z4j_error blank_error() noexcept;

// A plugin's code and words as our error. A code this host does not know keeps its class.
[[nodiscard]] base::Error error_from(z4j_status status, const z4j_error* error);

// Writes what fits and gives the status to answer with. `to` may be null.
z4j_status write_error(z4j_error* to, const base::Error& from) noexcept;

[[nodiscard]] base::Error host_error(base::Code code, std::string message, std::string hint = {});

}  // namespace z4j::plugin
