// What people read of the fleet: agents, workers, queues, and the times when one was out of sight.
//
// Lists are capped, not paged: a project has hundreds of them, not millions. Thread-safe. Errors:
// see refusal.hpp; else the store's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/page.hpp"
#include "core/recent.hpp"
#include "core/store.hpp"

namespace z4j::core {

inline constexpr std::uint32_t kFleetCap = 500;

struct FleetAgent {
  base::Uuid id, project_id;
  std::string name, state, state_reason, protocol_version, framework_adapter, host_name,
      agent_version;
  bool is_local = false;
  base::json::Array engine_adapters, scheduler_adapters;
  base::json::Object capabilities;  // adapter -> names
  std::optional<base::TimeUs> last_seen_at, last_connect_at, last_event_at;
  std::int64_t events_persisted = 0, events_dropped = 0;
  base::TimeUs created_at = 0;
  // Of remote ones.
  bool has_token = false;  // false: revoked
  std::optional<base::TimeUs> token_changed_at, previous_token_until;
  std::optional<std::int64_t> clock_skew_ms;
  std::string transport;
  base::json::Array runtime_features;
  base::json::Object telemetry;
};

// One connection of a remote agent.
struct FleetConnection {
  base::Uuid id, agent_id;
  std::string worker_id, transport, source_ip, agent_version, reason;
  base::TimeUs connected_at = 0;
  std::optional<base::TimeUs> disconnected_at;
  std::optional<std::int64_t> close_code;
};

// A process that is a remote agent, or was.
struct FleetSlot {
  base::Uuid id, agent_id, project_id;
  std::string worker_id, role, framework, state;
  std::optional<std::int64_t> pid;
  std::optional<base::TimeUs> started_at, last_seen_at, last_connect_at;
  base::TimeUs created_at = 0, updated_at = 0;
};

// A task name that a remote agent's workers know.
struct FleetTaskName {
  std::string engine, name;
  base::json::Array workers;
  base::TimeUs first_seen_at = 0, last_seen_at = 0;
};

// Events of the last 24 hours that name this worker.
struct WorkerCounts {
  std::int64_t succeeded = 0, failed = 0, retried = 0;
};

struct FleetWorker {
  base::Uuid id, project_id;
  std::string engine, name, hostname, state;
  std::optional<std::int64_t> pid, concurrency, memory_bytes;
  base::json::Array queues;
  base::json::Value load_average;  // array of three numbers, or null
  base::json::Object metadata;
  std::optional<base::TimeUs> last_heartbeat;
  std::int64_t active_tasks = 0;
  WorkerCounts counts;
  base::TimeUs created_at = 0;
};

struct FleetQueue {
  base::Uuid id, project_id;
  std::string engine, name, broker_type, broker_url_hint;
  std::optional<base::TimeUs> last_seen_at, oldest_at;
  std::optional<std::int64_t> pending_count, unacked_count, scheduled_count, consumer_count;
  bool is_paused = false;
  base::TimeUs created_at = 0;
};

struct FleetGap {
  base::Uuid id, project_id, agent_id;
  std::string engine, why;
  base::TimeUs from_at = 0, to_at = 0, created_at = 0;
  std::optional<std::int64_t> rebuilt, lost;
};

class Fleet {
 public:
  // Workers' counts are shared for `keep_ms` and longer (see recent.hpp).
  Fleet(Store& store, const base::Clock& clock, std::int64_t keep_ms = 0)
      : store_(store), clock_(clock), counts_(clock, keep_ms) {}

  // Online ones first, then newest first: the first of the list is the one to ask.
  [[nodiscard]] base::Result<std::vector<FleetAgent>> agents(const base::Uuid& project);
  [[nodiscard]] base::Result<FleetAgent> agent(const base::Uuid& project, const base::Uuid& id);
  // Newest first.
  [[nodiscard]] base::Result<Page<FleetConnection>> connections(const base::Uuid& agent,
                                                                const std::optional<Place>& after,
                                                                std::uint32_t limit);
  // Online ones first, then by their latest sign of life.
  [[nodiscard]] base::Result<std::vector<FleetSlot>> slots(const base::Uuid& project,
                                                           std::optional<std::string_view> state,
                                                           std::optional<std::string_view> role,
                                                           std::uint32_t limit);
  // By engine and name, behind `after`; at most `limit`.
  [[nodiscard]] base::Result<std::vector<FleetTaskName>> task_names(
      const base::Uuid& agent, const std::optional<std::pair<std::string, std::string>>& after,
      std::uint32_t limit);
  [[nodiscard]] base::Result<std::uint64_t> count_task_names(const base::Uuid& agent);
  // Latest heartbeat first, then by name. `metadata` is left out of lists.
  [[nodiscard]] base::Result<std::vector<FleetWorker>> workers(const base::Uuid& project);
  [[nodiscard]] base::Result<FleetWorker> worker(const base::Uuid& project, const base::Uuid& id);
  // By name.
  [[nodiscard]] base::Result<std::vector<FleetQueue>> queues(const base::Uuid& project);
  // None when nobody told of it.
  [[nodiscard]] base::Result<std::optional<FleetQueue>> queue(const base::Uuid& project,
                                                              std::string_view engine,
                                                              std::string_view name);
  // Newest first.
  [[nodiscard]] base::Result<Page<FleetGap>> gaps(const base::Uuid& project,
                                                  const std::optional<Place>& after,
                                                  std::uint32_t limit);

  // Over all projects, for metrics; at most `cap`.
  [[nodiscard]] base::Result<std::vector<FleetAgent>> all_agents(std::uint32_t cap);
  [[nodiscard]] base::Result<std::vector<FleetQueue>> all_queues(std::uint32_t cap);
  [[nodiscard]] base::Result<std::vector<std::pair<base::Uuid, std::int64_t>>>
  online_workers();  // by project

 private:
  using Counts = std::map<std::pair<std::string, std::string>, WorkerCounts>;  // by engine and name
  // Of one worker, or of all.
  [[nodiscard]] base::Result<Counts> count_work(const base::Uuid& project, const FleetWorker* only);

  Store& store_;
  const base::Clock& clock_;
  Recent<base::Uuid, Counts> counts_;
};

}  // namespace z4j::core
