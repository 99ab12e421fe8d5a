// What fires schedules in this program, and what scheduler plugins are offered: the kernel's
// schedules (z4j.schedule-store/1) and a way to send tasks (z4j.submit/1).
//
// Threads: thread-safe. start() runs the threads of its parts, and one that sends submissions.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "core/command_waits.hpp"
#include "core/commands.hpp"
#include "core/fire_commands.hpp"
#include "core/leases.hpp"
#include "core/metrics.hpp"
#include "core/occasion.hpp"
#include "core/projects.hpp"
#include "core/schedule_fires.hpp"
#include "core/schedule_outcomes.hpp"
#include "core/schedule_store.hpp"
#include "plugin/scheduling.hpp"

namespace z4j::app {

class ScheduleDesk {
 public:
  // All outlive it.
  struct Around {
    core::Store& store;
    core::Audit& audit;
    core::EngineRoutes& routes;
    core::Commands& commands;
    core::Leases& leases;
    core::Projects& projects;
    const std::vector<config::PluginEntry>& entries;
    const base::Clock& clock;
    base::Log& log;
  };
  struct Hooks {
    std::function<base::json::Value(base::json::Value)> redact;
    std::function<void(const base::Uuid& project, std::string_view topic)> on_changed;
    // The kernel itself edited a schedule: to who watches here, and to other brains.
    std::function<void(const base::Uuid& schedule)> on_edited;
    std::function<void(core::Commit&, const base::Uuid& schedule)> tell_others;
    std::function<void(core::Occasion)> on_occasion;
    std::function<std::optional<core::Fence>()> may_count;  // the ends of fires, for all brains
    std::function<void(const base::Status&)> on_counted;
  };

  ScheduleDesk(const config::Settings& settings, Around around, Hooks hooks);
  ~ScheduleDesk();  // stop()
  ScheduleDesk(const ScheduleDesk&) = delete;
  ScheduleDesk& operator=(const ScheduleDesk&) = delete;

  // For plugin::Callbacks.
  [[nodiscard]] base::Status submit(const std::string& instance, plugin::Submission submission,
                                    std::function<void(base::Result<std::string>)> done);
  [[nodiscard]] plugin::ScheduleStore& schedules() { return store_; }
  [[nodiscard]] core::ScheduleFires& fires() { return fires_; }
  // Commands have changed.
  void look() {
    waits_.look();
    outcomes_.look();
  }

  void start();
  void stop();
  void write_metrics(core::MetricText& out) const;

 private:
  struct Asked {
    base::Uuid project_id;
    std::string instance;
    plugin::Submission submission;
    std::function<void(base::Result<std::string>)> done;
  };
  void carry_out(Asked asked);
  void run();

  const Around around_;
  core::CommandWaits waits_;
  core::FireCommands commands_;
  core::ScheduleFires fires_;
  core::ScheduleStore store_;
  core::ScheduleOutcomes outcomes_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Asked> asked_;  // guarded by mutex_, as is the next
  bool is_stopping_ = false;
  std::thread thread_;
};

// An instance of scheduler-native ("schedules") where `offered` has the file and `entries` no
// instance of it, nor that name.
void add_own_scheduler(const std::vector<std::pair<std::string, std::string>>& offered,
                       std::vector<config::PluginEntry>& entries);

}  // namespace z4j::app
