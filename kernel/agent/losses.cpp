#include "agent/losses.hpp"

namespace z4j::agent {
namespace {

std::int64_t number(std::uint64_t n) { return static_cast<std::int64_t>(n); }

}  // namespace

wire::TelemetryLoss Losses::loss(const Buffer::Stats& buffer) const {
  const std::lock_guard lock(mutex_);
  wire::TelemetryLoss out;
  out.buffer_id = buffer_id_;
  out.runtime_id = runtime_id_;
  out.capacity_evicted_frames = number(buffer.evicted_frames);
  out.content_rejected_frames = number(rejected_frames_);
  out.event_records = number(buffer.evicted_events + buffer.failed_events + rejected_events_);
  out.command_results = number(results_);
  for (const auto& [engine, events] : by_engine_) out.adapter_events[engine] = number(events);
  return out;
}

std::uint64_t Losses::events(const Buffer::Stats& buffer) const {
  const std::lock_guard lock(mutex_);
  std::uint64_t sum = buffer.evicted_events + buffer.failed_events + rejected_events_;
  for (const auto& [engine, events] : by_engine_) sum += events;
  return sum;
}

}  // namespace z4j::agent
