// From what happens to who is told: matches occasions with subscriptions and queues what they ask
// for.
//
// Ingest lanes hand over what they have stored, after their commit: so a transition is told once,
// by the brain that stored it, and not at all by one that dies right after. What nobody listens to
// costs one look into a map. A firing is a commit: the inbox row and the messages of the outbox,
// and with a cooldown the update that claims it, which only one of several brains can win. Whoever
// is told is a member of the project then (or an administrator of the installation).
//
// Bounds: 4,096 occasions wait (more are counted as lost), one subscription fires 60 times a minute
// (the rest is told as a number), occasions older than an hour are not told.
//
// Threads: thread-safe. start() runs one thread; tests may call work() instead. stored() and fire()
// do not block.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/alert_index.hpp"
#include "core/alert_watch.hpp"
#include "core/event_decode.hpp"
#include "core/inbox.hpp"
#include "core/leases.hpp"
#include "core/metrics.hpp"
#include "core/occasion.hpp"
#include "core/outbox.hpp"
#include "core/store.hpp"

namespace z4j::core {

class Alerts {
 public:
  static constexpr std::size_t kMostOccasions = 4'096;
  static constexpr std::uint64_t kMostPerMinute = 60;  // firings of one subscription

  struct Options {
    AlertWatch::Options watch = {};
    std::string public_url = {};
    // The right to look at what no event tells; empty: nobody else is there.
    std::function<std::optional<Fence>()> may_watch = {};
    std::int64_t watch_every_ms = 5'000;
    std::int64_t refresh_every_ms = 300'000;  // of the index, in case nothing was heard of a change
    // Somebody's bell rang.
    std::function<void(const base::Uuid& project)> on_rang = {};
  };
  struct Stats {
    std::uint64_t occasions = 0, fired = 0, lost = 0, cooled_down = 0, flooded = 0;
    std::size_t subscriptions = 0;
  };

  Alerts(Store& store, Outbox& outbox, const base::Clock& clock, base::Log& log, Options options);
  ~Alerts();  // stop()
  Alerts(const Alerts&) = delete;
  Alerts& operator=(const Alerts&) = delete;

  // For ingest: events that were new to the store.
  void stored(std::span<const Event* const> events);
  void fire(Occasion occasion);
  // Subscriptions changed, or are about to: what a commit under way brings is seen soon after.
  void look();

  void start();
  void stop();
  // One round on this thread: reads what changed, watches when it is time, tells what waits. The
  // error is the store's; what could not be told is tried again.
  [[nodiscard]] base::Status work();

  [[nodiscard]] Stats stats() const;
  void write(MetricText& out) const;

 private:
  struct Firing {
    std::shared_ptr<const AlertEntry> entry;
    const Occasion* occasion = nullptr;
    base::Uuid id;
  };
  struct Flood {
    base::TimeUs since = 0;
    std::uint64_t count = 0, more = 0;
    base::Uuid project_id;
    std::string_view trigger;
  };
  struct People;  // who may be told, and through which channels

  [[nodiscard]] std::shared_ptr<const AlertIndex> index() const;
  [[nodiscard]] base::Status refresh();
  [[nodiscard]] base::Status watch(const AlertIndex& index);
  [[nodiscard]] base::Status complete(std::vector<Occasion>& occasions, const AlertIndex& index);
  [[nodiscard]] std::vector<Firing> match(const std::vector<Occasion>& occasions,
                                          const AlertIndex& index);
  [[nodiscard]] base::Result<People> people_of(const std::vector<Firing>& firings);
  [[nodiscard]] base::Status tell(const std::vector<Firing>& firings, const AlertIndex& index);
  void add_steps(Commit& commit, const Firing& firing, const People& people,
                 const AlertIndex& index) const;
  [[nodiscard]] base::Status tell_together(const std::vector<const Firing*>& firings,
                                           const People& people, const AlertIndex& index);
  [[nodiscard]] base::Status claim_and_tell(const Firing& firing, const People& people,
                                            const AlertIndex& index);
  void cooled_down(const base::Uuid& project, std::string_view trigger);
  void told(const Firing& firing);
  void sum_up_floods(std::vector<Occasion>& occasions);
  void run();

  Store& store_;
  Outbox& outbox_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;
  CounterFamily cooldown_skipped_;

  std::mutex work_mutex_;  // one round at a time
  AlertWatch watch_;       // guarded by work_mutex_, as are those below
  bool watched_ = false;
  std::int64_t next_watch_ms_ = 0, next_refresh_ms_ = 0;
  std::map<base::Uuid, Flood> floods_;  // by subscription
  std::vector<Occasion> unfinished_;    // the store was away

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::shared_ptr<const AlertIndex> index_;  // guarded by mutex_, as are those below
  std::deque<Occasion> waiting_;
  Stats stats_;
  bool is_stale_ = true, is_stopping_ = false;
  std::int64_t again_ms_ = 0;  // when to read the index once more; 0: not
  std::thread thread_;
};

}  // namespace z4j::core
