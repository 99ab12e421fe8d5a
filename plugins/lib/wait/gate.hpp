// For threads of a plugin that sleep until there is work, time, or the end. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace z4j::wait {

// Waits that a stop or a wake-up ends.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    stopping_ = woken_ = false;
  }
  void stop() {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  void wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_all();
  }
  [[nodiscard]] bool stopping() const {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }
  // False when stopping.
  bool pause_ms(int ms) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return stopping_; });
    return !stopping_;
  }
  // As pause_ms(), but wake() ends it too.
  bool pause_or_wake_ms(int ms) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return stopping_ || woken_; });
    woken_ = false;
    return !stopping_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false, woken_ = false;
};

}  // namespace z4j::wait
