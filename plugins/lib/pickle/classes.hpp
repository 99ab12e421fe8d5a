// The closed list of standard classes whose pickled form is known: how Python would print them.
#pragma once

#include "lib/pickle/pickle.hpp"

#include <functional>
#include <optional>
#include <string>

namespace z4j::pickle {

// Prints one node inside the value being printed; keeps the budget of the caller.
using PrintNode = std::function<void(NodeId)>;

// Appends the text of an object of a known class and says so; leaves `out` alone when the class is
// not known or its arguments are not what that class writes.
[[nodiscard]] bool print_known_class(const Document& doc, const Node& object, std::string& out,
                                     const PrintNode& print);

void append_quoted(std::string& out, std::string_view text, bool as_bytes);

}  // namespace z4j::pickle
