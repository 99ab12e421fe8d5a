// What purges took out of queues, kept for a while so that it can be put back.
//
// A purge with a copy goes in steps: the engine moves everything that waits aside in one step of
// the broker (take), we read it page by page into sealed parts of the store, and only when all of
// it lies there the engine destroys what it put aside (drop). Every step says where it stands in
// the store and may be repeated, so whoever dies in between loses nothing: the next brain goes on.
// When it can't be kept (too much, not readable) the engine puts everything back. What a copy may
// hold is bounded; a queue that is longer is refused before anything is taken.
//
// restore() puts the messages back behind what waits, part by part, each once. A copy that was
// restored or has expired keeps its row for a while, but no messages.
//
// One brain at a time (a lease) works them off.
//
// Threads: thread-safe. start() runs one thread; tests may call work() instead. Errors: see
// refusal.hpp; else the store's.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/audit.hpp"
#include "core/bulk_jobs.hpp"
#include "core/command_plan.hpp"
#include "core/engine_routes.hpp"
#include "core/leases.hpp"
#include "core/page.hpp"
#include "core/sealed.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct QueueCopy {
  base::Uuid id, project_id, agent_id;
  std::optional<base::Uuid> command_id, created_by;
  std::string engine, queue, state, error;  // copying, kept, restoring, restored, expired, failed
  std::int64_t messages = 0, bytes = 0, restored = 0;
  base::json::Value untouched;  // what the purge did not reach: {"unacked","reserved",...}
  base::json::Object at;        // where copying or restoring stands
  base::TimeUs created_at = 0, expires_at = 0, updated_at = 0;
  std::optional<base::TimeUs> restored_at;
};
[[nodiscard]] QueueCopy queue_copy_of(const Row& row);  // of a Query on queue_copies with all()

struct NewQueueCopy {
  base::Uuid id, project_id, agent_id;
  std::optional<base::Uuid> command_id, created_by;
  std::string engine, queue;
  bool force = false;
  base::TimeUs created_at = 0, expires_at = 0;
  base::TimeUs gives_up_at = 0;  // not taken by then: it is not taken any more
};
// Steps of the commit that asks for the purge.
void add_queue_copy(Commit& commit, const NewQueueCopy& made);

class QueueCopies {
 public:
  struct Limits {
    std::int64_t keep_s = 7 * 86'400;
    std::int64_t max_messages = 200'000, max_bytes = std::int64_t{256} << 20;
  };
  struct Options {
    Limits limits = {};
    int timeout_s = 60;  // of one call to an engine
    // The right to work; none: another brain does. Empty: nobody else is there.
    std::function<std::optional<Fence>()> may_work = {};
    std::function<void(Commit&)> tell_others = {};  // that something waits
    std::function<void(const base::Uuid& project)> on_changed = {};
    BulkJobs::Read read = {};  // the snapshot "copy"
    std::function<void(std::string_view action, std::string_view status)> on_command_ended = {};
  };

  QueueCopies(Store& store, Audit& audit, EngineRoutes& routes, const Sealer& sealer,
              const base::Clock& clock, base::Log& log, Options options);
  ~QueueCopies();  // stop()
  QueueCopies(const QueueCopies&) = delete;
  QueueCopies& operator=(const QueueCopies&) = delete;

  [[nodiscard]] base::Result<QueueCopy> find(const base::Uuid& project, const base::Uuid& id);
  // Newest first.
  [[nodiscard]] base::Result<Page<QueueCopy>> list(const base::Uuid& project,
                                                   const std::optional<Place>& after,
                                                   std::uint32_t limit);
  // Conflict (not_kept) for one that holds no messages or is at work.
  [[nodiscard]] base::Result<QueueCopy> restore(const base::Uuid& project, const base::Uuid& id,
                                                const Actor& actor);
  // Messages and row. Conflict (at_work) while it is copied or restored.
  [[nodiscard]] base::Status remove(const base::Uuid& project, const base::Uuid& id,
                                    const Actor& actor);

  void look();
  void start();
  void stop();
  // Takes one copy as far as it goes, on this thread. False when none can go on now.
  bool work();
  // Destroys what has expired.
  [[nodiscard]] base::Status sweep(const std::optional<Fence>& fence);

 private:
  enum class Next { again, later, over };          // later: somebody is away
  [[nodiscard]] bool guard(Commit& commit) const;  // false: another brain's
  [[nodiscard]] Next step(QueueCopy& copy);
  [[nodiscard]] Next take(QueueCopy& copy);
  [[nodiscard]] Next read(QueueCopy& copy);
  [[nodiscard]] Next drop(QueueCopy& copy);
  [[nodiscard]] Next undo(QueueCopy& copy);
  [[nodiscard]] Next undo_page(QueueCopy& copy);
  [[nodiscard]] Next put_back(QueueCopy& copy);
  [[nodiscard]] CommandOutcome tell(const QueueCopy& copy, base::json::Object args);
  // A page of what the engine put aside.
  struct Aside {
    base::json::Array bodies;
    std::int64_t bytes = 0;
    std::string next;
  };
  [[nodiscard]] base::Result<Aside> page(const QueueCopy& copy, std::int64_t limit,
                                         std::string_view cursor);
  template <class Ask>
  [[nodiscard]] base::Result<std::string> wait_for(Ask ask);
  // Stores where it stands; `more` adds columns.
  [[nodiscard]] Next go_to(QueueCopy& copy, base::json::Object at, std::vector<Set> more = {});
  [[nodiscard]] Next not_now(const QueueCopy& copy, const std::string& why);
  [[nodiscard]] Next end(const QueueCopy& copy, std::string_view state, CommandOutcome outcome);
  [[nodiscard]] Next end_restore(const QueueCopy& copy, std::string_view state,
                                 const std::string& error);
  [[nodiscard]] Next stored(const QueueCopy& copy, const base::Status& done);
  void run();

  Store& store_;
  Audit& audit_;
  EngineRoutes& routes_;
  const Sealer& sealer_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;

  std::mutex work_mutex_;  // one at a time
  struct Rest {
    std::int64_t until_ms = 0, pause_ms = 0;
  };
  std::map<base::Uuid, Rest> resting_;  // guarded by work_mutex_
  std::mutex mutex_;
  std::condition_variable wake_;
  bool is_poked_ = true, is_stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace z4j::core
