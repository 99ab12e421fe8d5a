// Answers that the front gives by itself, without the API: bad heads, full queues, passed
// deadlines.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http.hpp"

namespace z4j::net {

struct Refusal {
  int status = 400;
  std::string code;  // "payload_too_large"
  std::string message;
  std::string request_id;      // empty: null
  std::string details = "{}";  // a JSON object
  std::vector<std::pair<std::string, std::string>> headers;
};

// The error envelope with the security headers every answer carries.
[[nodiscard]] Response to_response(const Refusal& refusal);

enum class After { keep_alive, close };

// A whole answer as it goes on the wire. Headers whose name or value can't stand on one line are
// left out. `with_body` is false for HEAD: the length is told, the body is not sent.
[[nodiscard]] std::string write_response(const Response& response, After after, bool with_body);

[[nodiscard]] std::string_view reason_phrase(int status) noexcept;
// True if both can stand in a head: a token (RFC 9110 5.6.2), and text without control characters.
[[nodiscard]] bool is_safe_header(std::string_view name, std::string_view value) noexcept;
// Now, as RFC 9110 5.6.7 wants it.
[[nodiscard]] std::string http_date();

}  // namespace z4j::net
