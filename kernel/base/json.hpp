// JSON: Boost.JSON behind our names, with limits, and the canonical text that MACs are computed
// over.
#pragma once

#include <boost/json.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace z4j::base::json {

using Value = boost::json::value;
using Object = boost::json::object;
using Array = boost::json::array;
using String = boost::json::string;
using StoragePtr = boost::json::storage_ptr;

struct Limits {
  std::size_t max_bytes = std::size_t{16} << 20;
  std::size_t max_depth = 64;
};

// One JSON value in UTF-8 (RFC 8259), nothing after it. Errors: invalid with the byte offset,
// too_large. With `memory` (for example a boost::json::monotonic_resource) the value lives there.
[[nodiscard]] Result<Value> parse(std::string_view text, const Limits& limits = {},
                                  StoragePtr memory = {});

// Compact, members in their order, non-ASCII raw, floats as append_float(); null for NaN and
// infinities.
[[nodiscard]] std::string write(const Value& value);

// The canonical text of `text`: members sorted by key at every level (UTF-8 byte order), no white
// space, integers of any size as written, floats as Python's repr, the last of duplicate keys wins
// (wire protocol 6.2). NaN, overflow to infinity and lone surrogates are errors.
[[nodiscard]] Result<std::string> canonical(std::string_view text, const Limits& limits = {});
// The same of a value we made (its integers fit 64 bits).
[[nodiscard]] std::string write_canonical(const Value& value);
// A binary64 as Python prints it: 1.0, 1e-05, 1e+16. Requires a finite number.
void append_float(std::string& out, double number);

// Member of that type, or the fallback; never throws. text() borrows from `object`.
[[nodiscard]] std::string_view text(const Object& object, std::string_view key,
                                    std::string_view fallback = {});
[[nodiscard]] const Object* object(const Object& object, std::string_view key);
[[nodiscard]] const Array* array(const Object& object, std::string_view key);
[[nodiscard]] std::int64_t integer(const Object& object, std::string_view key,
                                   std::int64_t fallback = 0);
[[nodiscard]] double number(const Object& object, std::string_view key, double fallback = 0);
[[nodiscard]] bool boolean(const Object& object, std::string_view key, bool fallback = false);
// Text or null.
[[nodiscard]] Value text_or_null(std::string_view s);

}  // namespace z4j::base::json
