// A TOML text as a JSON object that remembers its lines. The only user of toml++.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "config/config.hpp"

namespace z4j::config {

struct TomlSource {
  base::json::Object root;                   // dates and times as text
  std::map<std::string, std::size_t> lines;  // JSON pointer -> line, from 1
  std::vector<Problem> problems;             // at most one: TOML is read whole or not at all

  // "name:line" of a pointer, or of the nearest ancestor that has a line.
  [[nodiscard]] std::string where(std::string pointer) const;
  std::string name;
};

// At most 1 MiB of UTF-8, nested at most 32 deep. What stands on a line that looks like it holds a
// secret is never quoted.
[[nodiscard]] TomlSource read_toml(std::string_view text, const std::string& name);

// A member's step in a JSON pointer: "/key" with "~" and "/" escaped (RFC 6901).
[[nodiscard]] std::string pointer_step(std::string_view key);

}  // namespace z4j::config
