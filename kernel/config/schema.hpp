// The JSON Schema subset that plugins describe their settings with: type (object, string, integer,
// number, boolean, array), title, description, properties, required, additionalProperties, enum,
// minimum, maximum, minLength, maxLength, pattern (RE2, found anywhere), items, default, examples,
// format and x-z4j-secret. Anything else in a schema is refused, so that a rule is never silently
// ignored.
//
// Formats: duration ("5s" or a number of seconds; becomes milliseconds), bytes ("64MiB" or a
// number), uri, cron (five fields, or @daily and its like), timezone (IANA). minimum and maximum of
// a duration or a size bound the milliseconds or bytes. Other than in JSON Schema,
// additionalProperties is false unless said otherwise, and texts are at most 65536 characters.
//
// A secret setting's text may be "secret:NAME": a reference that the plugin resolves through its
// host. All functions are reentrant and take hostile text.
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
  base::json::Object value;  // complete: defaults filled, durations in milliseconds, sizes in bytes
  std::vector<Problem> problems;  // where = JSON pointer into the settings
};

// Is `schema_json` itself within the subset, with defaults and examples that pass? At most 256 KiB,
// 8 levels. The error's `where` is a JSON pointer into the schema.
[[nodiscard]] base::Status check_schema(std::string_view schema_json);

// Checks and completes `settings`. Values of secret settings never appear in a problem. A schema
// that check_schema refuses is one problem.
[[nodiscard]] Checked check_settings(std::string_view schema_json,
                                     const base::json::Object& settings);

// `settings` for people: texts of secret settings as "********" unless they are references,
// passwords in URLs as "***". What the schema does not know is left out.
[[nodiscard]] base::json::Object masked_settings(std::string_view schema_json,
                                                 const base::json::Object& settings);

// "5s", "250ms", "2h", "1d" or a number of seconds -> milliseconds; "64MiB", "10kB", "512" ->
// bytes. A number may have a fraction; neither sign nor blanks.
[[nodiscard]] base::Result<std::int64_t> parse_duration_ms(std::string_view text);
[[nodiscard]] base::Result<std::int64_t> parse_byte_count(std::string_view text);

// The known word with the smallest edit distance, or "" when none is near.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& known);

// For people: each setting with type, default and meaning, one per line.
[[nodiscard]] std::string describe(std::string_view schema_json);

}  // namespace z4j::config
