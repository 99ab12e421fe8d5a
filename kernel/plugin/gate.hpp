// Lets callers in until it is closed; closing waits for those who are inside.
//
// Stands before anything that may be taken away while others use it: an instance of a plugin, the
// host behind a host table. Thread-safe. A thread inside may enter again.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace z4j::plugin {

class Gate {
 public:
  // Leaves when it goes out of scope. False: the gate is closed.
  class Pass {
   public:
    explicit Pass(Gate* gate) noexcept : gate_(gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (gate_ != nullptr) gate_->leave();
    }
    explicit operator bool() const noexcept { return gate_ != nullptr; }

   private:
    Gate* gate_;
  };

  [[nodiscard]] Pass enter() {
    const std::lock_guard lock(mutex_);
    if (closed_) return Pass(nullptr);
    ++inside_;
    return Pass(this);
  }

  // Nobody enters from now on. False when somebody is still inside at the deadline.
  bool close(int deadline_ms) {
    std::unique_lock lock(mutex_);
    closed_ = true;
    return empty_.wait_for(lock, std::chrono::milliseconds(deadline_ms),
                           [this] { return inside_ == 0; });
  }

 private:
  void leave() {
    const std::lock_guard lock(mutex_);
    if (--inside_ == 0) empty_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable empty_;
  unsigned inside_ = 0;
  bool closed_ = false;
};

}  // namespace z4j::plugin
