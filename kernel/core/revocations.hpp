// Cancels and wishes that must hold for workers which come later.
//
// A worker that was told to drop a task forgets it when it ends, and one that was not there never
// heard of it. So a cancel that took no message out of a queue is remembered, and said again
// (REVOKE) when a worker of that engine comes, or an agent that can tell workers; until the task is
// over, somebody wants it to run again, or it is too old. The brain that holds the engine says it;
// workers hear the same cancel twice without harm.
//
// What else was wished of workers (worker_wishes.hpp) is said again at the same moments.
//
// A worker has come when it says so (an event), or when its row is new, has another process, or was
// offline. After a start all of them count as new. Workers say that they came before they listen,
// so it is said a few times. What a broker hands to a worker in its first moments may still run.
//
// Threads: thread-safe. start() runs one thread; tests may call work() instead. look() and
// changed() do not block.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/audit.hpp"
#include "core/engine_routes.hpp"
#include "core/leases.hpp"
#include "core/page.hpp"
#include "core/store.hpp"

namespace z4j::core {

// Steps of the commit that stores what came of a cancel, or asks for another run.
void remember_cancel(Commit& commit, const base::Uuid& project, std::string_view engine,
                     std::string_view task_id, const base::Uuid& command, base::TimeUs now);
void forget_cancel(Commit& commit, const base::Uuid& project, std::string_view engine,
                   std::string_view task_id);
// Of many: pairs of engine and task id.
void forget_cancels(Commit& commit, const base::Uuid& project,
                    const std::vector<std::pair<std::string, std::string>>& tasks);
// In a commit of its own, if there is something to forget.
[[nodiscard]] base::Status forget_cancel(Store& store, const base::Uuid& project,
                                         std::string_view engine, std::string_view task_id);

struct RememberedCancel {
  base::Uuid id;
  std::string engine, task_id;
  std::optional<base::Uuid> command_id;
  base::TimeUs created_at = 0, expires_at = 0;
  std::optional<base::TimeUs> asserted_at;  // latest repetition
  std::int64_t asserted = 0;
};
// Newest first; of one engine when it is named.
[[nodiscard]] base::Result<Page<RememberedCancel>> list_remembered_cancels(
    Store& store, const base::Uuid& project, const std::string& engine,
    const std::optional<Place>& after, std::uint32_t limit);
// It is not said again. not_found: there is no such in the project.
[[nodiscard]] base::Status forget_remembered_cancel(Store& store, Audit& audit,
                                                    const base::Uuid& project, const base::Uuid& id,
                                                    const Actor& actor);

class Revocations {
 public:
  static constexpr std::size_t kMostPerProject = 1'000;  // the newest
  static constexpr base::TimeUs kKeptFor = 7 * base::kDayUs;

  struct Options {
    int deadline_ms = 10'000;          // of one repetition
    std::int64_t refresh_ms = 60'000;  // other brains remember too
  };

  Revocations(Store& store, EngineRoutes& routes, const base::Clock& clock, base::Log& log,
              Options options);
  ~Revocations();  // stop()
  Revocations(const Revocations&) = delete;
  Revocations& operator=(const Revocations&) = delete;

  // Something of the project changed: a topic of live.hpp.
  void changed(const base::Uuid& project, std::string_view topic);
  // Agents came to this brain.
  void look();

  void start();
  void stop();
  // One round. True when something was said.
  bool work();
  // Removes what is too old; under the right to sweep.
  [[nodiscard]] base::Status sweep(const std::optional<Fence>& fence);

  [[nodiscard]] std::uint64_t asserted() const noexcept { return asserted_; }

 private:
  struct Seen;  // of a project: which workers and agents were there
  struct Item;
  using Engines = std::set<std::string>;
  enum class Told { yes, nobody, failed };

  enum class Hears { already, again };
  [[nodiscard]] base::Status refresh(Hears who_is_there);
  [[nodiscard]] base::Result<Engines> newcomers(const base::Uuid& project, Seen& seen);
  [[nodiscard]] base::Status set_over_apart(const base::Uuid& project, const std::string& engine,
                                            std::vector<Item>& items, std::vector<Cell>& over);
  [[nodiscard]] Told say_again(const base::Uuid& project, const std::string& engine);
  [[nodiscard]] Told say_cancels(const base::Uuid& project, const std::string& engine);
  [[nodiscard]] Told say_wishes(const base::Uuid& project, const std::string& engine);
  [[nodiscard]] std::vector<EngineRoute> routes_here(const base::Uuid& project,
                                                     const std::string& engine, std::uint64_t verb);
  [[nodiscard]] Told tell(const EngineRoute& route, std::uint64_t verb, std::string target,
                          std::string args_json);
  void run();

  Store& store_;
  EngineRoutes& routes_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;
  const bool is_shared_;
  std::atomic<std::uint64_t> asserted_{0};
  std::atomic<bool> is_stopping_{false};

  std::mutex work_mutex_;                // one round at a time
  std::map<base::Uuid, Seen> projects_;  // that have something remembered; guarded by work_mutex_
  std::int64_t next_refresh_ms_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool is_dirty_ = true, looks_at_all_ = true;  // guarded by mutex_, as are those below
  std::set<base::Uuid> changed_, came_;
  std::int64_t next_due_ms_ = 0;  // of what is to be said; none: far away
  std::thread thread_;
};

}  // namespace z4j::core
