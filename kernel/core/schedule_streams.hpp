// Schedules that agents elsewhere watch, as they tell them.
//
// An old agent sends its schedules by itself: single ones, and whole lists. A newer one is silent
// until each of its schedulers is activated with a stream (wire/external_schedule.hpp), and then
// sends whole lists in frames whose digests are checked before anything is redacted. The stream's
// row says which process has it and how far it was heard, so that a brain which starts anew, or
// another one, goes on from there.
//
// Only a whole list deletes. One of the old form that is empty counts when a second says the same.
//
// Threads: thread-safe. start() runs one thread; tests may call work() instead. take() copies and
// never blocks.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/schedule.hpp"
#include "core/snapshots_read.hpp"
#include "core/store.hpp"
#include "plugin/host.hpp"
#include "wire/action.hpp"
#include "wire/external_schedule.hpp"

namespace z4j::core {

// A scheduler that a process of an agent watches, as the process said of itself.
struct WatchedScheduler {
  base::Uuid agent_id, project_id, session;
  std::string agent_name, scheduler;
  std::string process;                    // the same for every session of one process
  std::vector<std::string> capabilities;  // as agents name them
  bool tells_on_demand = false;           // only once its stream is activated
};

struct ScheduleTeller {
  base::Uuid agent_id, project_id;
  std::string agent_name;
};

class ScheduleStreams {
 public:
  // The frame's events are stored, or of no use; false: the agent has to send them again.
  using Done = std::function<void(bool)>;

  struct Options {
    std::size_t queue_bytes = std::size_t{64} << 20;
    int deadline_ms = 30'000;  // of an activation
    std::string brain;         // who asks
    std::function<std::vector<WatchedScheduler>()> watched;
    std::function<bool(const base::Uuid& agent, const base::Uuid& session)> is_connected;
    std::function<void(const WatchedScheduler&, wire::Action, int deadline_ms, plugin::Answer)>
        order;
    std::function<void(const base::Uuid& project, std::string_view topic)> on_changed = {};
    Redact redact = {};
  };

  ScheduleStreams(Store& store, const base::Clock& clock, base::Log& log, Options options);
  ~ScheduleStreams();  // stop()
  ScheduleStreams(const ScheduleStreams&) = delete;
  ScheduleStreams& operator=(const ScheduleStreams&) = delete;

  void start();
  // What waits is not stored; its agents send it again.
  void stop();
  // Events of kind schedule.* of one frame, as they came.
  void take(ScheduleTeller from, base::json::Array events, Done done);
  // Asks the agents of the project for all they have; the schedulers asked.
  std::vector<std::string> resync(const base::Uuid& project);
  // One round. True when there was something to do.
  bool work();

 private:
  struct Told {
    ScheduleTeller from;
    base::json::Array events;
    std::size_t bytes = 0;
    Done done;
  };
  struct Stream {
    base::Uuid session;  // that it was activated for
    wire::ScheduleStream id;
    std::unique_ptr<wire::SnapshotAssembly> assembly;
  };
  struct Inbox;                                    // outlives this object while agents owe answers
  using Key = std::pair<base::Uuid, std::string>;  // agent, scheduler

  void activate();
  [[nodiscard]] base::Result<Stream> begin(const WatchedScheduler& watched);
  [[nodiscard]] base::Result<Stream*> stream_of(const ScheduleTeller& from,
                                                const std::string& scheduler);
  [[nodiscard]] base::Status take_event(const ScheduleTeller& from,
                                        const base::json::Object& event);
  [[nodiscard]] base::Status take_frame(const ScheduleTeller& from, const base::json::Object& data);
  [[nodiscard]] base::Status take_projection(const ScheduleTeller& from,
                                             const base::json::Object& data);
  [[nodiscard]] base::Status take_old_snapshot(const ScheduleTeller& from,
                                               const base::json::Object& event,
                                               const base::json::Object& data);
  enum class Whole { yes, no };  // what is not among the rows is gone
  [[nodiscard]] base::Status store_rows(const ScheduleTeller& from, const std::string& scheduler,
                                        const base::json::Array& rows, Whole whole,
                                        const Stream* stream = nullptr, std::int64_t sequence = 0);
  [[nodiscard]] base::json::Array capabilities_of(const base::Uuid& agent,
                                                  const std::string& scheduler) const;
  void run();

  Store& store_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;
  const std::shared_ptr<Inbox> inbox_;

  std::mutex work_mutex_;                  // one round at a time
  std::map<Key, Stream> streams_;          // guarded by work_mutex_, as are those below
  std::set<Key> empty_once_;               // sent an empty list of the old form
  std::vector<WatchedScheduler> watched_;  // as of this round
  std::int64_t next_look_ms_ = 0;
  std::thread thread_;
};

}  // namespace z4j::core
