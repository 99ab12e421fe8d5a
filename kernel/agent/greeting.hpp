// What an agent says of itself and its engines when it connects.
#pragma once

#include <string>

#include "agent/engines.hpp"
#include "base/clock.hpp"
#include "wire/hello.hpp"

namespace z4j::agent {

struct Speaker {
  std::string name;       // label of this host
  std::string role;       // "" = none
  std::string version;    // of this program
  std::string worker_id;  // of this process
  base::TimeUs started_at = 0;
};

// "PREFIX-PID-MILLISECONDS": no other process has it.
[[nodiscard]] std::string new_worker_id(const std::string& prefix, base::TimeUs now);

[[nodiscard]] wire::Hello greeting(const Speaker& speaker,
                                   const std::vector<Engines::Fact>& engines);

}  // namespace z4j::agent
