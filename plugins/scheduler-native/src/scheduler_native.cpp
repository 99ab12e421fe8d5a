// The plugin: one thread that asks to lead and, while it does, fires. preview() needs none of it.
#include <z4j/scheduler.hpp>

#include <chrono>
#include <memory>
#include <string_view>
#include <thread>

#include "lib/wait/gate.hpp"
#include "src/leader.hpp"
#include "src/schedule.hpp"
#include "src/schema.hpp"
#include "src/settings.hpp"

namespace z4j::native {
namespace {

std::int64_t steady_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

class SchedulerNative {
 public:
  SchedulerNative(Host host, std::string_view settings_json)
      : host_(host), settings_(read_settings(settings_json)) {}

  std::uint64_t capabilities() const {
    return Z4J_SCHED_STORE | Z4J_SCHED_READ | Z4J_SCHED_WRITE | Z4J_SCHED_TRIGGER |
           Z4J_SCHED_PAUSE | Z4J_SCHED_CRON | Z4J_SCHED_INTERVAL | Z4J_SCHED_ONCE |
           Z4J_SCHED_TIMEZONE | Z4J_SCHED_SOLAR;
  }

  void start() {
    if (run_) throw z4j::Error(Z4J_BAD_STATE, "the scheduler runs already");
    run_ = std::make_unique<Run>(host_, settings_);
    run_->store.watch(
        [](void* arg, const std::uint8_t* id) {
          auto& run = *static_cast<Run*>(arg);
          run.leader.edited(id);
          run.gate.wake();
        },
        run_.get());
    run_->thread = std::thread([run = run_.get()] {
      while (!run->gate.stopping()) {
        const int wait = run->leader.round();
        if (wait > 0) run->gate.pause_or_wake_ms(wait);
      }
      run->leader.resign();
    });
  }

  // A round ends with the store's own deadline.
  void stop(std::uint32_t) {
    if (run_ == nullptr) return;
    run_->store.watch(nullptr, nullptr);
    run_->gate.stop();
    if (run_->thread.joinable()) run_->thread.join();
    run_.reset();
  }

  std::uint32_t preview(std::string_view schedule_json, std::int64_t from_us, std::int64_t* out,
                        std::uint32_t most) const {
    const Schedule schedule = Schedule::read(schedule_json);
    std::uint32_t n = 0;
    for (auto due = schedule.next(from_us); due && n < most; due = schedule.next(*due))
      out[n++] = *due;
    return n;
  }

 private:
  struct Run {
    Run(Host host, const Settings& settings)
        : store(host),
          leader(host, store, {{settings.grace_us, settings.catch_up_limit}, &steady_us}) {}
    ScheduleStore store;
    Leader leader;
    wait::Gate gate;
    std::thread thread;
  };

  Host host_;
  Settings settings_;
  std::unique_ptr<Run> run_;
};

}  // namespace z4j::native

Z4J_SCHEDULER_PLUGIN(z4j::native::SchedulerNative, "org.z4j.scheduler-native", "0.1.0", "Schedules",
                     "Fires the schedules that the brain itself keeps, for every engine.",
                     "z4j-scheduler", Z4J_NATIVE_SETTINGS, Z4J_SERVICE_SCHEDULE_STORE)
