// What engines answer to snapshots (docs/abi/engine.md), read with suspicion: counts, sizes, types
// and times are bounded, what does not fit is left out or cut. Pure functions.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"

namespace z4j::core {

inline constexpr std::size_t kSnapshotPageItems = 500;  // asked for; more in one page is an error

struct WorkerReport {
  std::string name, hostname, state;  // state: online, offline, draining, unknown
  std::optional<std::int64_t> pid, concurrency, memory_bytes;
  base::json::Array queues;
  std::optional<base::TimeUs> last_heartbeat;  // never later than now
  base::json::Value load_average;              // three numbers or null
  std::int64_t active_tasks = 0;
  base::json::Value metadata;  // object, redacted, or null
};

struct QueueReport {
  std::string name, broker_type, broker_url_hint;
  std::optional<std::int64_t> pending, unacked, scheduled, consumers;
  std::optional<base::TimeUs> oldest_at;
  std::optional<bool> paused;
};

struct RegistryReport {
  std::string name;
  std::vector<std::string> workers;
};

struct TaskReport {
  std::string task_id, state;  // one of the contract's words
  std::optional<base::TimeUs> finished_at;
  base::json::Value result;  // null: none
  std::string exception, evidence;
  bool has_result = false;
};

template <class T>
struct SnapshotPage {
  std::vector<T> items;
  std::string next;     // cursor, "" after the last page
  std::size_t bad = 0;  // items left out: no name, wrong type
};

using Redact = std::function<base::json::Value(base::json::Value)>;

// Errors: invalid, with what is wrong, when the page as a whole can't be believed. `redact` makes
// metadata fit to store; without it metadata is left out.
[[nodiscard]] base::Result<SnapshotPage<WorkerReport>> read_workers(std::string_view answer,
                                                                    base::TimeUs now,
                                                                    const Redact& redact);
[[nodiscard]] base::Result<SnapshotPage<QueueReport>> read_queues(std::string_view answer,
                                                                  base::TimeUs now);
[[nodiscard]] base::Result<SnapshotPage<RegistryReport>> read_registry(std::string_view answer);
[[nodiscard]] base::Result<SnapshotPage<TaskReport>> read_task_states(std::string_view answer,
                                                                      base::TimeUs now);

}  // namespace z4j::core
