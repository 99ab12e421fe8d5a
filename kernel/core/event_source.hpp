// Who reports events to the kernel.
#pragma once

#include <memory>
#include <string>

#include "base/uuid.hpp"

namespace z4j::core {

struct Fence;

struct EventSource {
  base::Uuid project_id, agent_id;
  std::string instance;    // the plugin instance, or the agent's name
  bool is_stream = false;  // goes on while it is told to wait: what is not taken is lost
  std::shared_ptr<const Fence> fence = nullptr;  // heard while it held; none: nobody else can hear
  bool is_remote = false;  // an agent elsewhere, which may see one transition from two places
};

}  // namespace z4j::core
