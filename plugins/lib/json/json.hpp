// JSON for plugins: Boost.JSON behind two functions with limits. The only place in plugins/ that
// includes Boost.JSON; the rest uses these names.
#pragma once

#include <boost/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace z4j::json {

using Value = boost::json::value;
using Object = boost::json::object;
using Array = boost::json::array;
using String = boost::json::string;

// Throws z4j::Error: Z4J_INVALID with the byte offset when `text` is not one JSON value in UTF-8,
// Z4J_TOO_LARGE beyond max_bytes or max_depth.
[[nodiscard]] Value parse(std::string_view text, std::size_t max_bytes = 16u << 20,
                          std::size_t max_depth = 64);

[[nodiscard]] std::string write(const Value& value);

// The member as text, number or bool when it is there and of that type; the fallback otherwise.
[[nodiscard]] std::string_view text(const Object& o, std::string_view key,
                                    std::string_view fallback = {});
[[nodiscard]] double number(const Object& o, std::string_view key, double fallback = 0);
[[nodiscard]] std::int64_t integer(const Object& o, std::string_view key,
                                   std::int64_t fallback = 0);
[[nodiscard]] bool boolean(const Object& o, std::string_view key, bool fallback = false);
[[nodiscard]] const Object* object(const Object& o, std::string_view key);
[[nodiscard]] const Array* array(const Object& o, std::string_view key);

}  // namespace z4j::json
