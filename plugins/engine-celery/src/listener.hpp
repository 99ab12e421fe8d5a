// Live events: one thread reads the broker's stream as fast as it comes, since a broker cuts off a
// reader that is slow; a second one decodes and hands on. Between them a bounded inbox: when the
// kernel stays busy for so long that it fills, the newest messages are dropped and counted.
#pragma once

#include "src/emitter.hpp"
#include "src/shared.hpp"

#include "lib/celery/transport.hpp"

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace z4j::engine_celery {

class Listener {
 public:
  Listener(Host host, std::unique_ptr<celery::EventFeed> feed, Shared& shared, Emitter& emitter);
  ~Listener() { stop(); }

  void start();
  void stop();

 private:
  void read();
  void hand_on();
  void put(std::string message);

  static constexpr std::size_t kMaxBytes = 64u << 20, kMaxMessages = 200'000, kAtOnce = 500;

  Host host_;
  std::unique_ptr<celery::EventFeed> feed_;
  Shared& shared_;
  Emitter& emitter_;
  std::thread reader_, hander_;

  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<std::string> inbox_;
  std::size_t bytes_ = 0;
  std::uint64_t dropped_ = 0;
  std::int64_t dropped_since_us_ = 0;
  bool stopping_ = false;
};

}  // namespace z4j::engine_celery
