// A mail as it goes over the wire. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::smtp {

struct Mail {
  std::string from;  // a bare address, as are those of `to`
  std::vector<std::string> to;
  std::string subject, text;  // UTF-8; line ends of any kind
  std::string message_id;     // without angle brackets
  std::int64_t date_s = 0;    // UTC
};

// One "@", printable ASCII without blanks, brackets or quotes, at most 254 bytes: nothing that
// could end a header or a command.
[[nodiscard]] bool is_address(std::string_view text);

// RFC 5322 with CRLF line ends: headers, a blank line, the text as quoted-printable. Line ends and
// controls in the subject become blanks. Without the dots that DATA wants doubled.
[[nodiscard]] std::string write_mail(const Mail& mail);

// Doubles the dots that begin lines, and adds the line that ends the data.
[[nodiscard]] std::string as_data(std::string_view mail);

// "text" for a header: as it is when it is short ASCII, else RFC 2047 encoded words.
[[nodiscard]] std::string header_text(std::string_view text);

// "Thu, 26 Nov 2026 20:28:56 +0000"
[[nodiscard]] std::string mail_date(std::int64_t time_s);

}  // namespace z4j::smtp
