// One running plugin instance: its host table, its strand and what is known of it.
//
// The strand is one thread that runs [serial] calls one after another. Instances are never freed while
// the host lives, so late calls of a stuck plugin find a table that refuses them.
#pragma once

#include <z4j/abi.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "plugin/host.hpp"
#include "plugin/loader.hpp"
#include "plugin/op_table.hpp"

namespace z4j::plugin {

class Instance {
 public:
  Instance(config::PluginEntry entry, const LoadedFile& file, std::string host_version, OpTable& ops, const Callbacks& callbacks,
           base::Log& log, const base::Clock& clock);
  ~Instance();  // a strand that hangs inside the plugin is left behind, its thread detached

  // Runs `f` inside the plugin with a note for the crash handler; what the plugin throws marks the
  // instance faulted and gives `broken`.
  template <class F, class R>
  R call(const char* function, R broken, F&& f);

  // Queues `task` on the strand. False when it no longer takes any, or when its queue is full.
  bool post(std::function<void()> task, std::function<void()> drop = {}, int delay_ms = 0);
  // Ends the strand after what runs now; queued tasks are dropped. False when it did not end in time.
  bool end_strand(int deadline_ms);

  void set_state(State state, std::string why = {}, std::string step = {}, std::string what_to_do = {});
  [[nodiscard]] State state() const;
  [[nodiscard]] Report report() const;
  void fault(const std::string& what);
  void error_counted() { ++errors_; }
  void call_counted() { ++calls_; }

  const config::PluginEntry entry;
  const LoadedFile& file;
  z4j_instance* raw = nullptr;                // set and cleared by the host
  const z4j_engine* engine = nullptr;
  const z4j_storage* storage = nullptr;
  std::vector<config::Problem> problems;      // set before the instance is shared
  OpTable& ops;
  [[nodiscard]] const z4j_host* table() const { return &table_; }
  [[nodiscard]] bool alive() const { return alive_; }
  void kill() { alive_ = false; }

 private:
  struct Task {
    std::function<void()> run, drop;
    std::chrono::steady_clock::time_point due;
  };
  void run_strand();
  void log_from_plugin(int32_t level, z4j_str message, z4j_str fields);
  static Instance& of(void* ctx) { return *static_cast<Instance*>(ctx); }

  const Callbacks& callbacks_;
  base::Log& log_;
  const base::Clock& clock_;
  const std::string host_version_;
  z4j_host table_{};
  z4j_notices notices_{};
  std::atomic<bool> alive_{true};

  mutable std::mutex facts_mutex_;
  State state_ = State::checked;
  Health health_ = Health::ok;
  std::string why_, step_, what_to_do_;
  std::int64_t started_at_ = 0;

  std::atomic<std::uint64_t> calls_{0}, errors_{0}, faults_{0}, late_{0}, slow_{0}, suppressed_{0};
  std::mutex log_mutex_;
  std::int64_t log_second_ = 0;
  unsigned lines_this_second_ = 0;
  std::uint64_t suppressed_this_second_ = 0;

  struct Strand {
    std::mutex mutex;
    std::condition_variable wake, idle;
    std::deque<Task> tasks;
    bool ending = false, ended = false;
  };
  std::shared_ptr<Strand> strand_ = std::make_shared<Strand>();  // shared with a thread that may be left behind
  std::thread thread_;
};

// Which plugin call this thread is in; the crash handler prints it.
struct CallNote {
  const char* plugin = nullptr;
  const char* function = nullptr;
};
extern thread_local CallNote call_note;
// On SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT: one line "died in PLUGIN / FUNCTION", then the default action.
void install_crash_handler();

template <class F, class R>
R Instance::call(const char* function, R broken, F&& f) {
  const CallNote before = call_note;
  call_note = CallNote{entry.name.c_str(), function};
  call_counted();
  try {
    R result = f();
    call_note = before;
    return result;
  } catch (const std::exception& e) {
    call_note = before;
    fault(std::string(function) + " let an exception cross the boundary: " + e.what());
  } catch (...) {
    call_note = before;
    fault(std::string(function) + " let an exception cross the boundary");
  }
  return broken;
}

}  // namespace z4j::plugin
