// Keeps plugin instances as the config and the stored overrides want them: starts them in order,
// again with growing pauses when they fault, and anew when somebody changes them, here or on
// another brain.
//
// Every brain may list an engine instance; the one with its lease runs it, the others stand by. An
// instance is stopped when its lease is lost.
//
// Thread-safe. One thread of its own; required instances are started by the caller of start().
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "core/agents.hpp"
#include "core/leases.hpp"
#include "core/plugin_overrides.hpp"
#include "plugin/host.hpp"

namespace z4j::app {

class PluginRunner {
 public:
  PluginRunner(plugin::Host& host, core::LocalAgents& agents, core::PluginOverrides& overrides,
               core::Leases& leases, std::vector<config::PluginEntry> entries, std::string console,
               base::Log& log, const base::Clock& clock);
  ~PluginRunner();  // stop()
  PluginRunner(const PluginRunner&) = delete;
  PluginRunner& operator=(const PluginRunner&) = delete;

  // Told when an instance was started or stopped. Call before start().
  void on_change(std::function<void()> told) { on_change_ = std::move(told); }
  // Starts the console, the required instances that no other brain runs, and the thread that starts
  // the others. The error is a required one's.
  [[nodiscard]] base::Status start();
  // Ends the thread, stops what it started, newest first, and gives the leases back.
  void stop();
  // Stops the instance and starts it as the overrides now want it. Blocks for its deadlines.
  [[nodiscard]] base::Status reload(const std::string& instance);
  // Leases came or went. Any thread, at once.
  void look_at_leases();
  // Overrides may have changed. Any thread, at once.
  void look_at_overrides();
  [[nodiscard]] const std::vector<config::PluginEntry>& entries() const noexcept {
    return entries_;
  }

 private:
  struct Pause {
    std::int64_t until_ms = 0;
    int tries = 0;
  };
  [[nodiscard]] base::Result<config::PluginEntry> effective(const config::PluginEntry& entry);
  [[nodiscard]] base::Status start_one(const config::PluginEntry& entry);
  [[nodiscard]] bool is_engine(const config::PluginEntry& entry) const;
  // Keeps its schedules itself.
  [[nodiscard]] bool is_scheduler_elsewhere(const config::PluginEntry& entry) const;
  void stop_one(const std::string& name);
  void run();
  void restart_faulted();
  void follow_leases();
  void follow_overrides();

  plugin::Host& host_;
  core::LocalAgents& agents_;
  core::PluginOverrides& overrides_;
  core::Leases& leases_;
  const std::vector<config::PluginEntry> entries_;
  const std::string console_;  // the instance that browsers ask for at once
  base::Log& log_;
  const base::Clock& clock_;
  std::function<void()> on_change_ = [] {};

  std::mutex work_;                              // one start or stop at a time
  std::map<std::string, Pause> pauses_;          // guarded by work_
  std::vector<std::string> started_;             // guarded by work_, as are those below
  std::map<std::string, std::int64_t> tried_;    // the fence of the latest start of an engine
  std::map<std::string, base::TimeUs> applied_;  // which override an instance follows; 0: none

  std::mutex mutex_;
  std::condition_variable wake_;
  bool is_stopping_ = false, is_poked_ = false, has_overrides_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace z4j::app
