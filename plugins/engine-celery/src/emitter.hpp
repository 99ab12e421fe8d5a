// Hands events to the kernel in batches. Any thread may call; one batch at a time.
#pragma once

#include "src/shared.hpp"

#include "lib/celery/event.hpp"

#include <z4j/plugin.hpp>

#include <mutex>
#include <vector>

namespace z4j::engine_celery {

class Emitter {
 public:
  Emitter(Host host, Gate& gate) : host_(host), gate_(gate) {}

  // Returns when the kernel has taken all, waiting while it is busy; false when the instance stops
  // before. What the kernel refuses is counted as dropped.
  bool emit(const std::vector<celery::Event>& events);

  void count_dropped(const char* why, std::uint64_t n) const;

 private:
  bool flush();

  Host host_;
  Gate& gate_;
  std::mutex mutex_;
  BatchBuilder builder_;
};

}  // namespace z4j::engine_celery
