// The JSON Schema subset that plugins describe their settings with: type (object, string, integer,
// number, boolean, array), properties, required, additionalProperties, enum, minimum, maximum,
// minLength, maxLength, items, default, description, examples, format (uri, duration, bytes) and
// x-z4j-secret. Anything else in a schema is refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "config/config.hpp"

namespace z4j::config {

struct Checked {
  base::json::Object value;       // complete: defaults filled, durations in milliseconds, sizes in bytes
  std::vector<Problem> problems;  // where = JSON pointer
};

// Is `schema_json` itself within the subset?
[[nodiscard]] base::Status check_schema(std::string_view schema_json);

// Checks and completes `settings`. Values of secret settings never appear in a problem.
[[nodiscard]] Checked check_settings(std::string_view schema_json, const base::json::Object& settings);

// "5s", "250ms", "2h", "1d" or a number of seconds -> milliseconds; "64MiB", "10kB", "512" -> bytes.
[[nodiscard]] base::Result<std::int64_t> parse_duration_ms(std::string_view text);
[[nodiscard]] base::Result<std::int64_t> parse_byte_count(std::string_view text);

// The known word with the smallest edit distance, or "" when none is near.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& known);

// For people: each setting with type, default and meaning, one per line.
[[nodiscard]] std::string describe(std::string_view schema_json);

}  // namespace z4j::config
