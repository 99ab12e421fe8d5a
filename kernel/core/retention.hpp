// Deletes what has been kept long enough: events, what is counted from them and deploys after the
// installation's days (minutes sooner, see rollups.hpp), tasks after their project's, groups of
// errors beyond those that a project keeps (error_groups.hpp).
//
// In small steps with a pause between them, so that others get the store in between; events of a
// store that keeps them in days (Z4J_STORE_DROPS_TIME) go by whole days at once. run_once() is
// one sweep on the caller's thread; start() runs one every hour. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/leases.hpp"
#include "core/store.hpp"

namespace z4j::core {

class Retention {
 public:
  // Gives the right to delete; none: another brain has it.
  using MayRun = std::function<std::optional<Fence>()>;

  // Without `may_run` nobody else is there to do it.
  // `on_ended` hears of every run that start() began.
  Retention(Store& store, const base::Clock& clock, base::Log& log, int event_days,
            MayRun may_run = {}, std::function<void(const base::Status&)> on_ended = {});
  ~Retention();  // stop()
  Retention(const Retention&) = delete;
  Retention& operator=(const Retention&) = delete;

  void start();
  void stop();
  // How many rows went. Stops early, without an error, when stop() is called.
  [[nodiscard]] base::Result<std::uint64_t> run_once();

 private:
  // In one commit, at most `limit` rows (0: all).
  [[nodiscard]] base::Result<std::uint64_t> erase(Table table, const Where& where,
                                                  std::uint32_t limit);
  [[nodiscard]] base::Result<std::uint64_t> erase_events(base::TimeUs before);
  [[nodiscard]] base::Result<std::uint64_t> erase_all(Table table, const Where& where);
  [[nodiscard]] base::Result<std::optional<Where>> unseen_groups(const base::Uuid& project);
  [[nodiscard]] bool pause(std::int64_t ms);  // false: stopping
  void run();

  Store& store_;
  const base::Clock& clock_;
  base::Log& log_;
  const int event_days_;
  const MayRun may_run_;
  const std::function<void(const base::Status&)> on_ended_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool is_stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace z4j::core
