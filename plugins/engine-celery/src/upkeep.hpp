// What goes on by itself: switching events on in workers as they appear, finding queues, and
// looking at everything anew after a start or an outage. One thread with connections of its own.
#pragma once

#include "src/emitter.hpp"
#include "src/lines.hpp"
#include "src/settings.hpp"
#include "src/shared.hpp"

#include <cstdint>
#include <thread>
#include <vector>

namespace z4j::engine_celery {

class Upkeep {
 public:
  Upkeep(Host host, const Settings& settings, Shared& shared, Emitter& emitter)
      : host_(host), settings_(settings), shared_(shared), emitter_(emitter), lines_(settings) {}
  ~Upkeep() { stop(); }

  void start();
  void stop();

 private:
  void run();
  void round();
  void switch_events_on(const std::vector<std::string>& workers);
  void find_queues();
  void look_again(const std::vector<RebuildWish::Gap>& gaps);

  Host host_;
  const Settings& settings_;
  Shared& shared_;
  Emitter& emitter_;
  Lines lines_;
  std::thread thread_;
  Ending ending_;
  std::int64_t everyone_asked_us_ = 0, queues_found_us_ = 0;
  std::int64_t looked_us_ = 0;      // when the last look at everything began
  std::int64_t look_again_us_ = 0;  // a worker had its events off until now; 0: none
};

}  // namespace z4j::engine_celery
