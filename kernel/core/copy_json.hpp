// What a JSON text says, whichever way it is written.
#pragma once

#include <string>
#include <string_view>

namespace z4j::core {

// Appends bytes that are equal for two texts exactly when they hold the same value: members in any
// order (the last of duplicate names wins), any blanks and escapes, numbers by their exact decimal
// value (1, 1.0, 10e-1). Stores may write JSON anew, so checksums are made over this. A text that
// is no JSON, or nests deeper than 200, is appended as it is, marked as such.
void append_json_meaning(std::string& out, std::string_view json);

}  // namespace z4j::core
