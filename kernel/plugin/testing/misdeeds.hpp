// What test-engine does that only a process of its own survives, or that its sandbox refuses.
#pragma once

#include <z4j/abi.h>

#include <string_view>

#include "lib/json/json.hpp"

namespace z4j::testing {

// The words stand in README.md. Gives what there is to tell, if it comes back.
json::Object misbehave(std::string_view what, const json::Object& args, const z4j_host* host);

}  // namespace z4j::testing
