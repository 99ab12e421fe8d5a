// Workers that vanished: what was known of each then, and what its tasks need now.
//
// A worker that ends with an announcement and nothing in hand leaves no trace here. One that falls
// silent, or ends with tasks in hand, leaves a row: its last sign of life, load, queues, the other
// workers on its host, the tasks it had taken, and what most likely happened. Written once, by the
// brain that sweeps; `returned_at` when the worker is seen again. Functions are reentrant; errors
// are the store's unless said.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/audit.hpp"
#include "core/leases.hpp"
#include "core/page.hpp"
#include "core/store.hpp"

namespace z4j::core {

// Where the sweep stands; of one thread.
struct WorkerLossSweep {
  base::TimeUs looked_until = 0;  // workers that changed before were looked at; 0: never looked
};

// Looks at the workers that went offline since the last look. The projects that have a new row or
// one that changed.
[[nodiscard]] base::Result<std::vector<base::Uuid>> sweep_worker_losses(
    Store& store, WorkerLossSweep& sweep, base::TimeUs now, const std::optional<Fence>& fence);
// Those noticed before are deleted.
[[nodiscard]] base::Status forget_worker_losses(Store& store, base::TimeUs before,
                                                const std::optional<Fence>& fence);

struct WorkerLoss {
  base::Uuid id, project_id;
  std::string engine, worker, hostname, verdict;
  std::optional<std::int64_t> pid;
  base::TimeUs last_heartbeat = 0, noticed_at = 0;
  base::json::Object facts;  // load_average, memory_bytes, queues, concurrency, neighbours
  base::json::Array tasks;   // {task_id, name, state, since, age_seconds, advice}, newest first
  std::int64_t task_count = 0;
  std::optional<base::TimeUs> returned_at, closed_at;
  std::optional<base::Uuid> closed_by;
};

// Newest first.
[[nodiscard]] base::Result<Page<WorkerLoss>> list_worker_losses(Store& store,
                                                                const base::Uuid& project,
                                                                bool only_open,
                                                                const std::optional<Place>& after,
                                                                std::uint32_t limit);
// not_found: no such row in the project.
[[nodiscard]] base::Result<WorkerLoss> find_worker_loss(Store& store, const base::Uuid& project,
                                                        const base::Uuid& id);
// Somebody has seen to it. Idempotent.
[[nodiscard]] base::Result<WorkerLoss> close_worker_loss(Store& store, Audit& audit,
                                                         const base::Clock& clock,
                                                         const base::Uuid& project,
                                                         const base::Uuid& id, const Actor& actor);

}  // namespace z4j::core
