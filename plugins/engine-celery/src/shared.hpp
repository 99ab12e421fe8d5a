// What the threads of one instance share. Each class guards itself; any thread may call.
#pragma once

#include "lib/celery/event.hpp"
#include "lib/json/json.hpp"
#include "lib/wait/gate.hpp"

#include <z4j/plugin.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace z4j::engine_celery {

inline constexpr int kAskMs = 1000;                 // how long workers get to answer
inline constexpr std::size_t kMaxUnacked = 10'000;  // unacknowledged messages looked at in one go

[[nodiscard]] inline json::Array texts(const std::vector<std::string>& from) {
  json::Array out;
  for (const std::string& s : from) out.emplace_back(s);
  return out;
}
[[nodiscard]] inline std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}
[[nodiscard]] inline double seconds(std::int64_t us) { return static_cast<double>(us) / 1e6; }

using wait::Gate;

// A thread that ends by itself when told to, unless the broker hangs: then it must be interrupted.
class Ending {
 public:
  void begin() {
    const std::lock_guard lock(mutex_);
    ended_ = false;
  }
  void end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  bool wait_ms(int ms) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return ended_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = true;
};
inline constexpr int kPoliteMs = 1000;

// Health out of what the connections of the instance say of themselves: degraded while any has a
// complaint. Told to the host only when it changes.
class HealthBoard {
 public:
  explicit HealthBoard(Host host) : host_(host) {}
  void complain(const std::string& who, const std::string& why) {
    const std::lock_guard lock(mutex_);
    complaints_[who] = why;
    tell();
  }
  void fine(const std::string& who) {
    const std::lock_guard lock(mutex_);
    complaints_.erase(who);
    tell();
  }

 private:
  void tell() {
    const std::string why = complaints_.empty() ? std::string() : complaints_.begin()->second;
    if (told_ && *told_ == why) return;
    told_ = why;
    host_.health(why.empty() ? Z4J_HEALTH_OK : Z4J_HEALTH_DEGRADED, why);
  }
  std::mutex mutex_;
  Host host_;
  std::map<std::string, std::string> complaints_;
  std::optional<std::string> told_;
};

// The workers that were heard of, by their events and their answers. Bounded; those silent for a
// day are forgotten.
class Fleet {
 public:
  struct Worker {
    celery::Beat beat;
    std::int64_t heard_us = 0;  // by our clock, since clocks of workers drift
    std::int64_t said_us = 0;   // the worker's own time of its last heartbeat
    bool offline = false;       // it said goodbye
    bool events_on = false;     // it confirmed that it sends task events
    int asked = 0;              // how often that was asked for in vain
    std::int64_t ask_again_us = 0;
  };

  // True when this worker, or this process under its name, was not known before.
  bool hear(const celery::Event& event) {
    const celery::Beat& beat = *event.beat;
    const std::lock_guard lock(mutex_);
    if (workers_.count(beat.worker) == 0 && workers_.size() >= kMaxWorkers) forget_oldest();
    const bool known = workers_.count(beat.worker) != 0;
    Worker& w = workers_[beat.worker];
    const bool fresh =
        !known || w.offline || w.beat.pid != beat.pid || event.kind == Z4J_EV_WORKER_UP;
    if (fresh) w = Worker{};
    w.beat = beat;
    w.heard_us = now_us();
    w.said_us = event.time_us;
    w.offline = event.kind == Z4J_EV_WORKER_DOWN;
    return fresh && !w.offline;
  }
  // It answered a request; workers without heartbeats are known by that only.
  void answered(const std::string& name) {
    const std::lock_guard lock(mutex_);
    if (workers_.count(name) == 0 && workers_.size() >= kMaxWorkers) forget_oldest();
    Worker& w = workers_[name];
    w.beat.worker = name;
    w.heard_us = now_us();
    w.offline = false;
  }
  void events_on(const std::string& name) {
    const std::lock_guard lock(mutex_);
    if (const auto it = workers_.find(name); it != workers_.end()) it->second.events_on = true;
  }
  // After the broker was away nothing is sure any more.
  void doubt() {
    const std::lock_guard lock(mutex_);
    for (auto& [name, w] : workers_) {
      w.events_on = false;
      w.asked = 0;
      w.ask_again_us = 0;
    }
  }
  // Live workers that have not confirmed their events and are due to be asked (again).
  [[nodiscard]] std::vector<std::string> to_ask() {
    const std::int64_t now = now_us();
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    for (auto& [name, w] : workers_) {
      if (!alive(w, now) || w.events_on || w.ask_again_us > now) continue;
      // 0.5 s, 1 s, 2 s ... a minute: a worker listens a little after it says that it is online,
      // and one without remote control never does.
      w.ask_again_us = now + std::min<std::int64_t>(60'000'000, 500'000LL << std::min(w.asked, 7));
      ++w.asked;
      out.push_back(name);
    }
    return out;
  }
  [[nodiscard]] std::set<std::string> live() const {
    const std::int64_t now = now_us();
    const std::lock_guard lock(mutex_);
    std::set<std::string> out;
    for (const auto& [name, w] : workers_) {
      if (alive(w, now)) out.insert(name);
    }
    return out;
  }
  [[nodiscard]] std::map<std::string, Worker> all() const {
    const std::lock_guard lock(mutex_);
    return workers_;
  }
  [[nodiscard]] static bool alive(const Worker& w, std::int64_t now) {
    const double silence = seconds(now - w.heard_us);
    return !w.offline && silence < std::max(10.0, 4 * w.beat.freq);
  }

 private:
  static constexpr std::size_t kMaxWorkers = 2000;
  void forget_oldest() {
    auto oldest = workers_.begin();
    for (auto it = workers_.begin(); it != workers_.end(); ++it) {
      if (it->second.heard_us < oldest->second.heard_us) oldest = it;
    }
    workers_.erase(oldest);
  }
  mutable std::mutex mutex_;
  std::map<std::string, Worker> workers_;
};

// The last few thousand facts about tasks, by id: when they were sent, which were revoked. Bounded:
// the first in goes first.
class RecentTasks {
 public:
  void add(const std::string& id, std::int64_t time_us) {
    const std::lock_guard lock(mutex_);
    if (!times_.emplace(id, time_us).second) return;
    order_.push_back(id);
    if (order_.size() > kMax) {
      times_.erase(order_.front());
      order_.pop_front();
    }
  }
  [[nodiscard]] std::optional<std::int64_t> time(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    const auto it = times_.find(id);
    return it == times_.end() ? std::nullopt : std::optional(it->second);
  }

 private:
  static constexpr std::size_t kMax = 50'000;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::int64_t> times_;
  std::deque<std::string> order_;
};

// Queue names that events or workers mentioned, and what workers can run. Bounded.
class Observed {
 public:
  void add_queue(const std::string& name) {
    const std::lock_guard lock(mutex_);
    if (!name.empty() && queues_.size() < kMax) queues_.insert(name);
  }
  [[nodiscard]] std::set<std::string> queues() const {
    const std::lock_guard lock(mutex_);
    return queues_;
  }

 private:
  static constexpr std::size_t kMax = 2000;
  mutable std::mutex mutex_;
  std::set<std::string> queues_;
};

// Queues that workers were told not to read, and which workers. Bounded. Nothing else remembers it:
// a worker that starts again reads what it is set to read.
class Paused {
 public:
  void add(const std::string& queue, const std::string& worker) {
    const std::lock_guard lock(mutex_);
    if (queues_.size() < kMax || queues_.count(queue) != 0) queues_[queue].insert(worker);
  }
  void clear(const std::string& queue) {
    const std::lock_guard lock(mutex_);
    queues_.erase(queue);
  }
  [[nodiscard]] std::map<std::string, std::set<std::string>> all() const {
    const std::lock_guard lock(mutex_);
    return queues_;
  }

 private:
  static constexpr std::size_t kMax = 2000;
  mutable std::mutex mutex_;
  std::map<std::string, std::set<std::string>> queues_;
};

// Wishes for a look at everything the broker and the result store still know.
class RebuildWish {
 public:
  struct Gap {
    std::int64_t from_us = 0, to_us = 0;
    std::string why;
  };
  void add(std::optional<Gap> gap) {
    const std::lock_guard lock(mutex_);
    wanted_ = true;
    if (gap && gaps_.size() < 100) gaps_.push_back(std::move(*gap));
  }
  [[nodiscard]] bool take(std::vector<Gap>& gaps) {
    const std::lock_guard lock(mutex_);
    gaps = std::exchange(gaps_, {});
    return std::exchange(wanted_, false);
  }

 private:
  std::mutex mutex_;
  bool wanted_ = false;
  std::vector<Gap> gaps_;
};

struct Shared {
  explicit Shared(Host host) : health(host) {}
  Gate gate;    // of the instance
  Gate upkeep;  // wakes the upkeep
  HealthBoard health;
  Fleet fleet;
  RecentTasks sent, revoked;
  Observed observed;
  Observed listed;  // queues of whomever, as far as the broker lists them
  Paused paused;
  RebuildWish rebuild;
};

}  // namespace z4j::engine_celery
