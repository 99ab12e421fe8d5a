#include "src/time_limit.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace z4j::smtp {

TimeLimits::TimeLimits() : thread_([this] { watch(); }) {}

TimeLimits::~TimeLimits() {
  stop();
  thread_.join();
}

void TimeLimits::stop() {
  const std::lock_guard lock(mutex_);
  is_stopping_ = true;
  for (const auto& [until, fd] : limits_) ::shutdown(fd, SHUT_RDWR);
  wake_.notify_all();
}

void TimeLimits::watch() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    const Time now = std::chrono::steady_clock::now();
    Time next = now + std::chrono::hours(1);
    for (const auto& [until, fd] : limits_) {
      if (until > now) {
        next = until;
        break;
      }
      // Again and again until its thread is through with it: it may not have been connected yet.
      ::shutdown(fd, SHUT_RDWR);
      next = now + std::chrono::milliseconds(100);
    }
    wake_.wait_until(lock, next);
  }
}

TimeLimits::Limit::Limit(TimeLimits& limits, int fd, Time until) : limits_(limits), fd_(::dup(fd)) {
  const std::lock_guard lock(limits_.mutex_);
  at_ = limits_.limits_.emplace(until, fd_);
  if (limits_.is_stopping_) ::shutdown(fd_, SHUT_RDWR);
  limits_.wake_.notify_one();
}

TimeLimits::Limit::~Limit() {
  const std::lock_guard lock(limits_.mutex_);
  limits_.limits_.erase(at_);
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace z4j::smtp
