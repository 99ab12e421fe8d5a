// Small things that several readers and writers here need.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace z4j::wire {

// Of a JSON string; "" for any other value. Borrows from `value`.
[[nodiscard]] inline std::string_view text_of(const base::json::Value& value) noexcept {
  const base::json::String* text = value.if_string();
  return text != nullptr ? std::string_view(text->data(), text->size()) : std::string_view();
}

[[nodiscard]] inline base::json::Array array_of(const std::vector<std::string>& texts) {
  base::json::Array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

template <class T>
[[nodiscard]] base::json::Value value_or_null(const std::optional<T>& value) {
  return value ? base::json::Value(*value) : base::json::Value(nullptr);
}

// Of valid UTF-8.
[[nodiscard]] std::size_t count_characters(std::string_view text) noexcept;
// At most that many bytes, no broken character at the end.
[[nodiscard]] std::string_view cut_utf8(std::string_view text, std::size_t max_bytes) noexcept;
// Without ASCII blanks at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;

}  // namespace z4j::wire
