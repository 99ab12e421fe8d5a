// Who a connection belongs to, as its token told.
#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/uuid.hpp"

namespace z4j::gateway {

struct Identity {
  base::Uuid agent_id, project_id;
  std::string name;
  // The token is one that was replaced, and good only until then.
  std::optional<base::TimeUs> until = {};
};

}  // namespace z4j::gateway
