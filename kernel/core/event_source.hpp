// Who reports events to the kernel.
#pragma once

#include <string>

#include "base/uuid.hpp"

namespace z4j::core {

struct EventSource {
  base::Uuid project_id, agent_id;
  std::string instance;    // the plugin instance, or the agent's name
  bool is_stream = false;  // goes on while it is told to wait: what is not taken is lost
};

}  // namespace z4j::core
