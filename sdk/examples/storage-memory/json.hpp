// The little JSON that a storage driver needs: what stands at a path of a JSON column. Text that is
// not JSON holds nothing. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace z4j::memory {

struct Json;
using JsonList = std::vector<Json>;
using JsonMembers = std::vector<std::pair<std::string, Json>>;  // of two with one name the last one

struct Json {
  // null, true and false, a whole number of 64 bits, any other number, text, list, object
  std::variant<std::monostate, bool, std::int64_t, double, std::string, JsonList, JsonMembers>
      value;
};

// False when `text` is not one JSON value (RFC 8259), or nests deeper than 64.
[[nodiscard]] bool read_json(std::string_view text, Json& out);

// By JSON pointer (RFC 6901); null when nothing is there.
[[nodiscard]] const Json* json_at(const Json& root, std::string_view pointer);

}  // namespace z4j::memory
