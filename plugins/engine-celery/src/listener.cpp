#include "src/listener.hpp"

#include "lib/celery/event.hpp"
#include "lib/redis/redis.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace z4j::engine_celery {

Listener::Listener(Host host, std::unique_ptr<celery::EventFeed> feed, Shared& shared,
                   Emitter& emitter)
    : host_(host), feed_(std::move(feed)), shared_(shared), emitter_(emitter) {}

void Listener::start() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = false;
  }
  reader_ = std::thread([this] { read(); });
  hander_ = std::thread([this] { hand_on(); });
}

void Listener::stop() {
  feed_->interrupt();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  filled_.notify_all();
  if (reader_.joinable()) reader_.join();
  if (hander_.joinable()) hander_.join();
}

void Listener::read() {
  redis::Backoff backoff;
  std::int64_t seen_us = 0;  // until when the stream is known to be whole; 0: never yet
  std::string why;
  while (!shared_.gate.stopping()) {
    try {
      feed_->open();
      backoff.reset();
      shared_.health.fine("events");
      std::optional<RebuildWish::Gap> gap;
      if (seen_us != 0) {
        gap = RebuildWish::Gap{seen_us, now_us(), why};
        shared_.fleet.doubt();
        host_.info("events of the broker are read again");
      }
      shared_.rebuild.add(std::move(gap));
      shared_.upkeep.wake();
      while (!shared_.gate.stopping()) {
        seen_us = now_us();
        if (std::optional<std::string> message = feed_->next(500)) put(std::move(*message));
      }
    } catch (const std::exception& e) {
      if (shared_.gate.stopping()) return;
      why = e.what();
      shared_.health.complain("events", why);
      shared_.gate.pause_ms(backoff.next_ms());
    }
  }
}

void Listener::put(std::string message) {
  {
    const std::lock_guard lock(mutex_);
    if (bytes_ + message.size() > kMaxBytes || inbox_.size() >= kMaxMessages) {
      if (dropped_++ == 0) dropped_since_us_ = now_us();
      return;
    }
    bytes_ += message.size();
    inbox_.push_back(std::move(message));
  }
  filled_.notify_one();
}

void Listener::hand_on() {
  std::vector<std::string> messages;
  std::vector<celery::Event> events;
  std::uint64_t missed = 0;  // dropped and not told as a gap yet
  std::int64_t missed_since_us = 0;
  for (;;) {
    std::uint64_t dropped = 0;
    bool is_caught_up = false;
    messages.clear();
    {
      std::unique_lock lock(mutex_);
      filled_.wait(lock, [this] { return stopping_ || !inbox_.empty(); });
      if (stopping_) return;
      while (!inbox_.empty() && messages.size() < kAtOnce) {
        bytes_ -= inbox_.front().size();
        messages.push_back(std::move(inbox_.front()));
        inbox_.pop_front();
      }
      dropped = std::exchange(dropped_, 0);
      if (missed == 0) missed_since_us = dropped_since_us_;
      is_caught_up = inbox_.empty();
    }
    emitter_.count_dropped("busy", dropped);
    missed += dropped;
    if (missed > 0 && is_caught_up) {
      shared_.rebuild.add(
          RebuildWish::Gap{missed_since_us, now_us(),
                           std::to_string(std::exchange(missed, 0)) +
                               " event messages came while the brain could take none"});
      shared_.upkeep.wake();
    }
    events.clear();
    std::size_t malformed = 0;
    for (const std::string& message : messages) {
      try {
        malformed += celery::read_events(message, now_us(), events);
      } catch (const std::exception& e) {
        ++malformed;
        host_.debug(std::string("an event message cannot be read: ") + e.what());
      }
    }
    emitter_.count_dropped("malformed", malformed);
    bool fresh_worker = false;
    for (const celery::Event& e : events) {
      if (e.beat) fresh_worker = shared_.fleet.hear(e) || fresh_worker;
      if (e.kind == Z4J_EV_SENT) shared_.sent.add(e.task_id, e.time_us);
      if (e.kind == Z4J_EV_REVOKED) shared_.revoked.add(e.task_id, e.time_us);
      shared_.observed.add_queue(e.queue);
    }
    if (fresh_worker) shared_.upkeep.wake();
    if (!emitter_.emit(events)) return;
  }
}

}  // namespace z4j::engine_celery
