// Keeps the rows of schedules elsewhere as their backends have them, and carries out what people
// wish of them.
//
// Each instance of a scheduler plugin that runs here is listed every few seconds; a whole listing
// becomes rows: new ones, changed ones, and those that are gone. What did not change costs no
// write. A listing that failed, or during which a wish was carried out, changes nothing.
//
// A wish (core/schedule_wishes.hpp) is claimed in one commit under the instance's lease, sent once,
// and its outcome written. What was asked is compared with every later listing: the first that
// agrees makes it applied, one that differs after that is drift.
//
// Threads: thread-safe. start() runs one thread, which never waits for a backend; tests may call
// work() instead.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/audit.hpp"
#include "core/schedule.hpp"
#include "core/schedule_backends.hpp"
#include "core/snapshots_read.hpp"
#include "core/store.hpp"

namespace z4j::core {

class ScheduleSync {
 public:
  static constexpr std::size_t kPageItems = 500, kMostItems = 200'000;

  struct Options {
    int deadline_ms = 10'000;       // for one call of a backend
    int pause_ms = 30'000;          // after a call that failed
    int wishes_every_ms = 120'000;  // between looks for wishes whose notice was lost
    std::function<void(const base::Uuid& project, std::string_view topic)> on_changed = {};
    Redact redact = {};
    std::function<void(const base::Status&)> on_listed = {};
  };

  ScheduleSync(Store& store, Audit& audit, ScheduleBackends& backends, const base::Clock& clock,
               base::Log& log, Options options);
  ~ScheduleSync();  // stop()
  ScheduleSync(const ScheduleSync&) = delete;
  ScheduleSync& operator=(const ScheduleSync&) = delete;

  void start();
  void stop();
  // A schedule was edited; nil: any may be. Quick.
  void look(const base::Uuid& schedule);
  // Lists the instances of the project that run here as soon as can be; their schedulers.
  std::vector<std::string> list_now(const base::Uuid& project);
  // One round. True when there was something to do.
  bool work();

 private:
  using Answered = base::Result<std::string>;
  struct Known {
    base::Uuid row;
    std::string digest;  // of the item; "": look again
  };
  // What is known of one backend; the thread's alone.
  struct Place {
    ScheduleBackend backend;
    std::map<std::string, Known> known;  // by the backend's id
    bool is_cold = true;                 // known is not all of them
    bool is_listing = false, is_spoilt = false;
    std::uint64_t round = 0;  // of listings; late answers belong to an older one
    std::map<std::string, base::json::Object> items;  // of the listing under way
    std::int64_t next_list_ms = 0;
  };
  struct Call {  // a wish that was sent
    Schedule schedule;
    std::string place;
  };
  struct Inbox;  // answers; outlives this object while backends owe some

  [[nodiscard]] static std::string key_of(const ScheduleBackend& backend);
  void follow_backends();
  bool take_answers();
  bool list_due();
  void ask_page(Place& place, const std::string& cursor);
  void take_page(Place& place, const Answered& answer);
  void end_listing(Place& place, const base::Status& status);
  [[nodiscard]] base::Status apply(Place& place);
  [[nodiscard]] base::Status learn(Place& place);
  bool look_for_wishes();
  [[nodiscard]] base::Status carry_out(Schedule schedule);
  void send(const Place& place, const Schedule& schedule);
  void finish(const base::Uuid& edit, const Answered& answer);
  void run();

  Store& store_;
  Audit& audit_;
  ScheduleBackends& backends_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;
  const std::shared_ptr<Inbox> inbox_;

  std::mutex work_mutex_;                // one round at a time
  std::map<std::string, Place> places_;  // guarded by work_mutex_, as are those below
  std::map<base::Uuid, Call> calls_;     // by edit
  std::int64_t next_wishes_ms_ = 0;
  std::thread thread_;
};

}  // namespace z4j::core
