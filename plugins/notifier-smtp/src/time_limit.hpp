// Shuts a connection down when its time is over, however slowly the other side drips. One thread
// for all connections; thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

namespace z4j::smtp {

class TimeLimits {
 public:
  using Time = std::chrono::steady_clock::time_point;

  TimeLimits();
  ~TimeLimits();  // stop(); after every Limit is gone
  TimeLimits(const TimeLimits&) = delete;
  TimeLimits& operator=(const TimeLimits&) = delete;

  // Holds a descriptor of its own, so that it never meets one that was given to somebody else.
  class Limit {
   public:
    Limit(TimeLimits& limits, int fd, Time until);
    Limit(const Limit&) = delete;
    Limit& operator=(const Limit&) = delete;
    ~Limit();

   private:
    TimeLimits& limits_;
    const int fd_;
    std::multimap<Time, int>::iterator at_;
  };

  // Everything is over now, and what comes later at once.
  void stop();

 private:
  void watch();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::multimap<Time, int> limits_;  // guarded by mutex_
  bool is_stopping_ = false;         // guarded by mutex_
  std::thread thread_;
};

}  // namespace z4j::smtp
