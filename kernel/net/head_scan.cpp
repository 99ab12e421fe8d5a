#include "net/head_scan.hpp"

namespace z4j::net {

HeadScan scan_head(std::string_view bytes) noexcept {
  std::size_t line = 0;  // where the current line starts
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto c = static_cast<unsigned char>(bytes[i]);
    if (c >= ' ' && c != 0x7f) {
      if (c == ' ' && i == line) return {HeadState::folded, 0};
      continue;
    }
    if (c == '\t') {
      if (i == line) return {HeadState::folded, 0};
      continue;
    }
    if (c == '\n') return {HeadState::bare_line, 0};
    if (c != '\r') return {HeadState::control, 0};
    if (i + 1 == bytes.size()) return {};
    if (bytes[i + 1] != '\n') return {HeadState::bare_line, 0};
    if (i == line) return {HeadState::complete, i + 2};
    ++i;
    line = i + 1;
  }
  return {};
}

std::size_t skip_empty_lines(std::string_view bytes) noexcept {
  std::size_t at = 0;
  while (bytes.substr(at, 2) == "\r\n") at += 2;
  return at;
}

std::string_view to_string(HeadState state) noexcept {
  switch (state) {
    case HeadState::incomplete:
      return "the request head is incomplete";
    case HeadState::complete:
      return "the request head is complete";
    case HeadState::bare_line:
      return "a line of the request head does not end in CR LF";
    case HeadState::folded:
      return "a header line starts with white space";
    case HeadState::control:
      return "the request head holds a control character";
  }
  return "unknown";
}

bool is_request_id(std::string_view text) noexcept {
  if (text.empty() || text.size() > 64) return false;
  for (const char c : text) {
    if (c < 0x21 || c > 0x7e) return false;
  }
  return true;
}

}  // namespace z4j::net
