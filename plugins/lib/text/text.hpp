// Small codings that engine plugins need. Any thread; all but new_uuid() are pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace z4j::text {

// Nothing when a character is foreign; white space and missing padding are tolerated.
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);
[[nodiscard]] std::string base64_encode(std::string_view bytes);

// Parts of a URL (RFC 3986, section 2.1). Nothing when a '%' is not followed by two hexadecimal
// digits.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text);

// zlib or gzip. Nothing when it is neither, is cut, or would be larger than `max_bytes`.
[[nodiscard]] std::optional<std::string> inflate(std::string_view compressed,
                                                 std::size_t max_bytes);

// "2026-11-23T20:50:48.758706", with 'Z' or an offset like "+02:00" or without (then UTC), in UTC
// microseconds since 1970; nothing for what is no such time.
[[nodiscard]] std::optional<std::int64_t> parse_iso_time(std::string_view text);
// "2026-11-23T20:50:48.758706+00:00"
[[nodiscard]] std::string format_iso_time(std::int64_t time_us);

// UTF-8 without zero bytes, whatever came in: foreign bytes become U+FFFD; at most `max_bytes`, cut
// between characters.
[[nodiscard]] std::string clean(std::string_view text, std::size_t max_bytes);

// A random UUID, version 4.
[[nodiscard]] std::string new_uuid();

}  // namespace z4j::text
