// Who waits for what becomes of stored commands, whichever brain carries them out: looks at their
// rows, soon after commands here have changed and else a few times a second while somebody waits.
//
// Threads: thread-safe. start() runs one thread, on which `done` is called; tests may call work()
// instead.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/commands.hpp"
#include "core/store.hpp"

namespace z4j::core {

class CommandWaits {
 public:
  static constexpr std::size_t kMost = 2'000;

  // timeout: it has not ended in time; unavailable: nobody waits any more, the brain stops.
  using Done = std::function<void(base::Result<Command>)>;

  CommandWaits(Store& store, const base::Clock& clock, base::Log& log)
      : store_(store), clock_(clock), log_(log) {}
  ~CommandWaits();  // stop()
  CommandWaits(const CommandWaits&) = delete;
  CommandWaits& operator=(const CommandWaits&) = delete;

  // `done` is called exactly once, unless this fails (busy: too many wait).
  [[nodiscard]] base::Status wait(const base::Uuid& command, int deadline_ms, Done done);
  // Blocks until it has ended.
  [[nodiscard]] base::Result<Command> wait(const base::Uuid& command, int deadline_ms);
  // Commands have changed.
  void look();

  void start();
  void stop();
  // Tells those whose command has ended, or whose time is over.
  void work();

 private:
  struct Waiting {
    std::int64_t until_ms = 0;
    Done done;
  };
  void run();

  Store& store_;
  const base::Clock& clock_;
  base::Log& log_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::multimap<base::Uuid, Waiting> waiting_;  // guarded by mutex_, as is the next
  bool is_poked_ = false, is_stopping_ = false;
  std::thread thread_;
};

// {"outcome","command_id","reason"?,"new_task_id"?} of a command that has ended, or of one that has
// not: then unknown.
[[nodiscard]] base::json::Object outcome_json(const base::Result<Command>& command,
                                              const base::Uuid& id);

}  // namespace z4j::core
