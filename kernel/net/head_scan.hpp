// Finds the end of an HTTP/1.1 request head in raw bytes, and refuses the spellings on which two
// parsers may disagree (RFC 9112 2.2, 5.1, 5.2) before any parser sees them.
#pragma once

#include <cstddef>
#include <string_view>

namespace z4j::net {

enum class HeadState {
  incomplete,  // no empty line yet
  complete,    // `size` bytes are the head, its empty line included
  bare_line,   // a CR or LF without its partner
  folded,      // a header line that starts with white space
  control,     // a NUL or another control character
};

struct HeadScan {
  HeadState state = HeadState::incomplete;
  std::size_t size = 0;
};

// `bytes` start at the request line; empty lines before it have been skipped (see
// skip_empty_lines).
[[nodiscard]] HeadScan scan_head(std::string_view bytes) noexcept;

// How many bytes of CR LF pairs stand before the request line.
[[nodiscard]] std::size_t skip_empty_lines(std::string_view bytes) noexcept;

[[nodiscard]] std::string_view to_string(HeadState state) noexcept;

// 1 to 64 printable ASCII characters without blanks: a request id worth honouring.
[[nodiscard]] bool is_request_id(std::string_view text) noexcept;

}  // namespace z4j::net
