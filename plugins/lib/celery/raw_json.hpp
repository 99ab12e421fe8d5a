// Pieces of a JSON text, byte for byte as they stand there.
//
// Arguments that are sent again must not change on the way, and reading them into values would
// round integers beyond 64 bits. So they are cut out and copied as text. The whole text must be
// known to be valid JSON (json::parse); other input gives wrong pieces or none, never a fault.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace z4j::celery {

// The elements of an array, the members of an object (keys as they are escaped there); empty for
// anything else.
[[nodiscard]] std::vector<std::string_view> raw_items(std::string_view array);
[[nodiscard]] std::vector<std::pair<std::string_view, std::string_view>> raw_members(
    std::string_view object);
// The last member of that name, as Python reads it. `key` holds nothing that JSON escapes.
[[nodiscard]] std::optional<std::string_view> raw_member(std::string_view object,
                                                         std::string_view key);

[[nodiscard]] bool is_array(std::string_view value);
[[nodiscard]] bool is_object(std::string_view value);

// A JSON string literal for `text`.
[[nodiscard]] std::string quoted(std::string_view text);

// The value as Python prints it: ('a', 1, None), {'b': True}. Cut with "..." beyond `max_bytes`,
// which nobody takes for a whole value.
enum class Outer { as_it_is, as_tuple };
[[nodiscard]] std::string python_repr(std::string_view value, Outer outer, std::size_t max_bytes);

}  // namespace z4j::celery
