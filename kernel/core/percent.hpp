// Text within URLs.
#pragma once

#include <string>
#include <string_view>

namespace z4j::core {

// Everything but letters, digits and "-._~" as %XX; blanks as `blank`: "%20", or "+" in forms.
[[nodiscard]] inline std::string percent_encoded(std::string_view text,
                                                 std::string_view blank = "%20") {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                          (c >= 'a' && c <= 'z') ||
                          std::string_view("-._~").find(c) != std::string_view::npos;
    const auto byte = static_cast<unsigned char>(c);
    if (is_plain)
      out += c;
    else if (c == ' ')
      out += blank;
    else
      out.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
  }
  return out;
}

}  // namespace z4j::core
