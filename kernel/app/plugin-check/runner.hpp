// Runs cases, each in a process of its own with a deadline, so that a crash or a hang is a result.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "case.hpp"
#include "subject.hpp"

namespace z4j::check {

enum class Isolation { child, in_process };

// What the file says of itself once it is mapped; found out in a child too.
struct Facts {
  std::string id, name, version, kinds, build_info;
  unsigned abi_major = 0, abi_minor = 0;
  std::string trouble;  // why it could not be found out
};

// Runs `act` as a case does; its text comes back as the message.
[[nodiscard]] Result run_case(const Options& options, const Case& each, Isolation isolation);

[[nodiscard]] Facts find_facts(const Options& options, Isolation isolation, int deadline_ms);

}  // namespace z4j::check
