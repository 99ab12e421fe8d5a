// What heartbeats say of an agent's engines, and the snapshots of docs/abi/engine.md: both ways.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"

namespace z4j::wire {

struct EngineHealth {
  std::string engine;
  std::string broker_type;
  std::optional<bool> is_connected;  // none: not said
  std::string trouble;               // "" = none; from broker_error or error
  // Items of the snapshots "queues" and "workers". A queue has only name, pending, broker_type.
  base::json::Array queues, workers;
  bool tells_queues = false, tells_workers = false;  // an empty list may be meant
};

// Engines in the order of their first key. Texts that are not JSON are skipped; at most 256 keys,
// 1024 queues and 1024 workers of an engine are read.
[[nodiscard]] std::vector<EngineHealth> read_adapter_health(
    const base::json::Object& adapter_health);
[[nodiscard]] base::json::Object write_adapter_health(const std::vector<EngineHealth>& engines);

// Counters of events that an agent lost; they only grow for one (buffer_id, runtime_id).
struct TelemetryLoss {
  std::string buffer_id, runtime_id;
  std::int64_t capacity_evicted_frames = 0, content_rejected_frames = 0, event_records = 0,
               command_results = 0, other_frames = 0, unclassified_frames = 0;
  base::json::Object adapter_events;  // adapter -> number
};

struct Heartbeat {
  std::int64_t buffer_size = 0, dropped_events = 0;
  std::optional<base::TimeUs> last_flush_at;
  std::vector<EngineHealth> engines;
  std::optional<TelemetryLoss> telemetry_loss;
};
[[nodiscard]] Heartbeat read_heartbeat(const base::json::Object& payload);
[[nodiscard]] base::json::Object write_heartbeat(const Heartbeat& heartbeat);

struct AgentStatus {
  std::int64_t auth_failure_streak = 0, protocol_failure_streak = 0, connection_failure_streak = 0;
  std::optional<base::TimeUs> last_successful_connect_at;
  std::optional<std::int64_t> current_session_age_seconds;
  std::int64_t buffer_depth = 0;
  std::optional<double> buffer_oldest_age_seconds;
  std::string agent_version, protocol_version;
  std::vector<std::string> engines, schedulers;
  std::optional<TelemetryLoss> telemetry_loss;
};
[[nodiscard]] AgentStatus read_agent_status(const base::json::Object& payload);
[[nodiscard]] base::json::Object write_agent_status(const AgentStatus& status);

// None when the member is absent or null; false also for a malformed one, which the protocol
// refuses.
[[nodiscard]] bool is_good_telemetry_loss(const base::json::Object& payload);

}  // namespace z4j::wire
