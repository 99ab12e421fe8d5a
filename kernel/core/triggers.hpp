// What people can be told of.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace z4j::core {

inline constexpr std::string_view kTaskFailed = "task.failed", kTaskSucceeded = "task.succeeded",
                                  kTaskRetried = "task.retried", kTaskSlow = "task.slow",
                                  kAgentOffline = "agent.offline", kAgentOnline = "agent.online",
                                  kWorkerOffline = "worker.offline",
                                  kQueueDepthHigh = "queue.depth_high",
                                  kCommandTimeout = "command.timeout",
                                  kAuditChainBroken = "audit.chain_broken";

struct Trigger {
  std::string_view name;
  std::string_view words;     // begins a title
  std::string_view severity;  // info, warning, error, critical
};

inline constexpr std::array<Trigger, 14> kTriggers{{
    {kTaskFailed, "Task failed", "error"},
    {kTaskSucceeded, "Task succeeded", "info"},
    {kTaskRetried, "Task retried", "warning"},
    {kTaskSlow, "Task slow", "warning"},
    {kAgentOffline, "Agent offline", "critical"},
    {kAgentOnline, "Agent online", "info"},
    {"schedule.fire.failed", "Schedule fire failed", "error"},
    {"schedule.fire.succeeded", "Schedule fire succeeded", "info"},
    {"schedule.task_failed", "Scheduled task failed", "error"},
    {"schedule.circuit_breaker.tripped", "Schedule circuit breaker tripped", "critical"},
    {kWorkerOffline, "Worker offline", "error"},
    {kQueueDepthHigh, "Queue depth high", "warning"},
    {kCommandTimeout, "Command timed out", "warning"},
    {kAuditChainBroken, "Audit chain broken", "critical"},
}};

// None: nobody can subscribe to it.
[[nodiscard]] constexpr const Trigger* find_trigger(std::string_view name) noexcept {
  for (const Trigger& each : kTriggers) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

}  // namespace z4j::core
