// Fires of the kernel's schedules: each due time of a schedule at most once, whoever asks.
//
// One commit checks the fence, that each schedule is as it was planned, writes the fires' rows and
// their commands, and the next times; only then anything is sent. The id of a fire follows from
// schedule and due time, and is its command's id and the task's, so neither a second leader nor a
// second call makes another of it. Nobody there to take it: schedules that catch up leave a command
// that waits (`buffered`), the others a fire that failed.
//
// Threads: thread-safe; every call waits for the store. Errors: see refusal.hpp; else the store's.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/audit.hpp"
#include "core/command_waits.hpp"
#include "core/engine_routes.hpp"
#include "core/fire_commands.hpp"
#include "core/leases.hpp"
#include "core/metrics.hpp"
#include "core/occasion.hpp"
#include "core/schedule.hpp"
#include "core/store.hpp"

namespace z4j::core {

// Of a due time: the same from any leader.
[[nodiscard]] base::Uuid fire_id(const base::Uuid& schedule, base::TimeUs due);

class ScheduleFires {
 public:
  static constexpr std::size_t kMost = 1'000;  // in one call

  struct Options {
    int timeout_s = 60;       // of a command that was sent
    int retention_days = 30;  // older due times count as fired
    std::function<base::json::Value(base::json::Value)> redact = {};
    std::function<void(const base::Uuid& project, std::string_view topic)> on_changed = {};
    // A schedule was switched off: to whoever plans it here, and to other brains.
    std::function<void(const base::Uuid& schedule)> on_edited = {};
    std::function<void(Commit&, const base::Uuid& schedule)> tell_others = {};
    std::function<void(Occasion)> on_occasion = {};  // a fire that nobody could take
  };

  ScheduleFires(Store& store, Audit& audit, EngineRoutes& routes, FireCommands& commands,
                CommandWaits& waits, const base::Clock& clock, Options options);
  ScheduleFires(const ScheduleFires&) = delete;
  ScheduleFires& operator=(const ScheduleFires&) = delete;

  // As z4j_schedule_store.fire of abi.h, for schedules of that scheduler. conflict: the fence is
  // over. busy: engines have not kept up, nothing happened.
  [[nodiscard]] base::Status fire(const std::string& scheduler, const Fence& fence,
                                  std::span<const z4j_fire> fires,
                                  std::span<std::uint8_t> outcomes);

  // By hand, whether it is switched on or not, leaving its times as they are. The same key fires
  // once. Waits a few seconds for the engine. {"outcome","fire_id","command_id"?,"reason"?,...}
  [[nodiscard]] base::Result<base::json::Object> fire_now(const base::Uuid& project,
                                                          const base::Uuid& schedule,
                                                          const Actor& actor,
                                                          const std::optional<std::string>& key);

  void write_metrics(MetricText& out) const;

 private:
  struct Shot;
  struct Routing;
  using Shots = std::vector<Shot>;
  using Known = std::map<base::Uuid, Schedule>;

  [[nodiscard]] base::Result<Known> read(const std::vector<base::Uuid>& ids);
  [[nodiscard]] base::Status aim(Shots& shots);
  [[nodiscard]] base::Result<std::map<base::Uuid, bool>> runs_on(const Shots& shots);
  [[nodiscard]] base::Result<bool> has_enough_waiting(const Schedule& schedule);
  void add_rows(Commit& commit, const Shots& shots, base::TimeUs now) const;
  void add_checks(Commit& commit, const std::string& scheduler, const Shots& shots) const;
  void add_next_times(Commit& commit, const Shots& shots, base::TimeUs now) const;
  [[nodiscard]] std::vector<AuditEntry> entries_of(const Shots& shots) const;
  [[nodiscard]] base::json::Object payload_of(const Shot& shot, base::TimeUs now) const;
  void send(const Shots& shots, base::TimeUs now);
  void count(const Shots& shots, base::TimeUs now);

  Store& store_;
  Audit& audit_;
  EngineRoutes& routes_;
  FireCommands& commands_;
  CommandWaits& waits_;
  const base::Clock& clock_;
  const Options options_;

  static constexpr std::array<double, 11> kLatenessBounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                             0.5,   1,    5,     60,   600};
  CounterFamily fired_{
      "z4j_schedule_fires_total", "fires of schedules since the start", {"project", "status"}};
  mutable std::mutex mutex_;
  std::array<std::uint64_t, kLatenessBounds.size() + 1> lateness_{};  // guarded by mutex_, as is
                                                                      // the next; the last: longer
  double lateness_sum_ = 0;
};

}  // namespace z4j::core
