// Tasks that no source knows any more, and what each source said.
//
// A task counts as lost when our events leave it open and the engine that should know of it (its
// queues, its workers, its results) had no trace of it, twice and five minutes apart. That is a
// note beside its state, never a state: it may have succeeded where nobody can see it. An event
// that comes later makes the note void.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/audit.hpp"
#include "core/leases.hpp"
#include "core/store.hpp"

namespace z4j::core {

inline constexpr std::string_view kReconciledLost = "lost";

struct LostTask {
  base::Uuid row_id;
  std::string task_id, state, worker;
  base::TimeUs first_asked_at = 0, last_asked_at = 0;
};

// At most 500 at once; those that ended or were heard of since are left alone. One audit entry.
// Errors are the store's.
[[nodiscard]] base::Status note_lost_tasks(Store& store, Audit& audit, const base::Uuid& project,
                                           std::string_view engine,
                                           const std::vector<LostTask>& tasks, base::TimeUs now,
                                           const std::optional<Fence>& fence);

}  // namespace z4j::core
