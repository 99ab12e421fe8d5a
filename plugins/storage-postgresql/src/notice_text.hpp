// How a notice travels: all channels of a store over one channel of the database, named after the
// schema, since channels are seen by every schema. The payload is "ORIGIN CHANNEL\nPAYLOAD".
#pragma once

#include <string>
#include <string_view>

namespace z4j::postgresql {

inline constexpr std::size_t kOriginLength = 16;

[[nodiscard]] inline std::string notice_channel(const std::string& schema) {
  return ("z4j_" + schema).substr(0, 63);
}

[[nodiscard]] inline std::string notice_text(std::string_view origin, std::string_view channel,
                                             std::string_view payload) {
  return std::string(origin).append(" ").append(channel).append("\n").append(payload);
}

struct NoticeParts {
  std::string_view origin, channel, payload;
};

// False for what is no notice of ours.
[[nodiscard]] inline bool take_apart(std::string_view text, NoticeParts& out) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos || end < kOriginLength + 2 || text[kOriginLength] != ' ')
    return false;
  out = NoticeParts{text.substr(0, kOriginLength),
                    text.substr(kOriginLength + 1, end - kOriginLength - 1), text.substr(end + 1)};
  return true;
}

}  // namespace z4j::postgresql
