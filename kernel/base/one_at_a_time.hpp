// A mutex that is waited for with a deadline. std::timed_mutex would do, but the thread sanitizer
// does not know its timed lock and reports what it guards.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace z4j::base {

class OneAtATime {
 public:
  // Holds the place while it lives. False: somebody else held it up to the deadline.
  class Turn {
   public:
    Turn(OneAtATime& place, std::chrono::milliseconds patience) : place_(place) {
      std::unique_lock lock(place_.mutex_);
      mine_ = place_.free_.wait_for(lock, patience, [this] { return !place_.taken_; });
      if (mine_) place_.taken_ = true;
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      if (!mine_) return;
      const std::lock_guard lock(place_.mutex_);
      place_.taken_ = false;
      place_.free_.notify_one();
    }
    explicit operator bool() const noexcept { return mine_; }

   private:
    OneAtATime& place_;
    bool mine_ = false;
  };

 private:
  std::mutex mutex_;
  std::condition_variable free_;
  bool taken_ = false;  // guarded by mutex_
};

}  // namespace z4j::base
