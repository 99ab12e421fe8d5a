// What an agent lost and can't bring back, as heartbeats tell it. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "agent/buffer.hpp"
#include "wire/health.hpp"

namespace z4j::agent {

class Losses {
 public:
  // `buffer_id` stays as long as the buffer's folder, `runtime_id` as long as the process.
  Losses(std::string buffer_id, std::string runtime_id)
      : buffer_id_(std::move(buffer_id)), runtime_id_(std::move(runtime_id)) {}

  // An engine had to drop events before it could tell them.
  void dropped(const std::string& engine, std::uint64_t events) {
    const std::lock_guard lock(mutex_);
    by_engine_[engine] += events;
  }
  // A frame that the brain would not take.
  void rejected(std::uint64_t events) {
    const std::lock_guard lock(mutex_);
    ++rejected_frames_;
    rejected_events_ += events;
  }
  void lost_result() {
    const std::lock_guard lock(mutex_);
    ++results_;
  }

  [[nodiscard]] wire::TelemetryLoss loss(const Buffer::Stats& buffer) const;
  // All events together.
  [[nodiscard]] std::uint64_t events(const Buffer::Stats& buffer) const;

 private:
  const std::string buffer_id_, runtime_id_;
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t> by_engine_;  // guarded by mutex_, as is all below
  std::uint64_t rejected_frames_ = 0, rejected_events_ = 0, results_ = 0;
};

}  // namespace z4j::agent
