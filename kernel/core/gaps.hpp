// Times when an engine was out of our sight: what happened then may be missing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/uuid.hpp"
#include "core/leases.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct Gap {
  base::Uuid id, project_id, agent_id;
  std::string engine, why;
  base::TimeUs from_at = 0, to_at = 0;  // last known good, sight regained
};

// Inserts it; what was rebuilt or lost is not known yet. `why` is cut to 500 characters.
void add_gap(Commit& commit, const Gap& gap, base::TimeUs now);
// How many tasks' states could be read back.
[[nodiscard]] base::Status note_rebuilt(Store& store, const std::optional<Fence>& fence,
                                        const base::Uuid& gap, std::int64_t rebuilt);

}  // namespace z4j::core
