// What only one brain at a time may do, and which brains are there.
//
// A lease is a row: a name, who holds it, a fence, an end. It is taken by an update that wants it
// to have ended by the store's own clock, so no brain with a wrong clock can steal it, and each
// taking raises the fence. A holder's writes begin with Fence::guard(): a brain that was paused and
// wakes up late is refused by the store itself, whatever it believes.
//
// One commit every few seconds renews all leases of this brain, says that it is alive, and takes
// what others let go of. A brain whose store is away keeps what it has until it hears that somebody
// else took it. Where nobody else can come (a store that is not shared) leases are taken at once,
// whoever had them, and never renewed.
//
// Threads: thread-safe. start() runs one thread; tests may call work() instead.
#pragma once

#include <chrono>
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
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/store.hpp"

namespace z4j::core {

// The right to do something, as a number that the store can check.
struct Fence {
  std::string name;
  base::Uuid owner;
  std::int64_t number = 0;
  bool is_takeover = false;  // its last holder did not give it back

  // Must come before all other steps. The commit is a conflict when the lease is another's.
  void guard(Commit& commit) const;
};
// Told by the commit that failed, whose first steps are `guards` fences: which one was refused.
[[nodiscard]] std::optional<std::size_t> refused_fence(const base::Status& done,
                                                       const Commit& commit,
                                                       std::size_t guards = 1);

// Asks the store whether the lease is still that holder's.
[[nodiscard]] base::Result<bool> still_holds(Store& store, const Fence& fence);

// A brain on this store, as people see it.
struct BrainRow {
  base::Uuid id;
  std::string host_name, version;
  std::int64_t pid = 0;
  base::TimeUs started_at = 0;
  bool is_this = false;
  std::vector<std::string> leases;  // sorted
};

class Leases {
 public:
  struct Options {
    std::string host_name, version;
    std::chrono::milliseconds ttl{6'000}, renew_every{2'500}, look_around_every{10'000};
    std::optional<bool> is_shared;  // none: as the store says
    // A lease came or went. On the thread that found out; quick.
    std::function<void()> on_change;
    // A lease is free: other brains should look.
    std::function<void(Commit&)> tell_others;
  };

  Leases(Store& store, const base::Clock& clock, base::Log& log, Options options);
  ~Leases();  // stop()
  Leases(const Leases&) = delete;
  Leases& operator=(const Leases&) = delete;

  [[nodiscard]] const base::Uuid& brain() const noexcept { return brain_; }

  // From now on this brain takes it whenever it is free.
  void want(const std::string& name);
  // None when another brain has it, or nobody wanted it here. True of the past: see Fence.
  [[nodiscard]] std::optional<Fence> held(std::string_view name) const;
  // What this brain may believe of a lease it was given. Unsure: it slept for longer than a lease
  // lasts and has not asked since. A store that is away makes nothing unsure.
  enum class Belief { held, unsure, lost };
  [[nodiscard]] Belief belief(const Fence& fence) const;
  // Not wanted any more, and free for others at once.
  void give_back(const std::string& name);

  void start();
  // Ends the thread, gives everything back and is gone.
  void stop();
  // Renews and takes. The error is the store's; what is held stays so.
  [[nodiscard]] base::Status work();
  // Somebody let go of a lease, or came or went.
  void look_now();
  // Brains other than this were seen alive not long ago.
  [[nodiscard]] bool has_others() const;

  // This brain first, then by start.
  [[nodiscard]] base::Result<std::vector<BrainRow>> brains();

 private:
  [[nodiscard]] base::Status round();
  [[nodiscard]] base::Status read_mine(const std::set<std::string>& wanted);
  [[nodiscard]] base::Status look_around();
  void run();

  Store& store_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;
  const base::Uuid brain_;
  const bool is_shared_;
  std::mutex work_mutex_;   // one round at a time
  bool is_listed_ = false;  // guarded by work_mutex_, as are the two below
  std::set<std::string> has_row_;
  std::int64_t next_look_ms_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::set<std::string> wanted_;  // guarded by mutex_, as are those below
  std::map<std::string, Fence, std::less<>> held_;
  std::size_t others_ = 0;
  std::int64_t asked_ms_ = 0;  // end of the latest round
  bool is_asking_ = false, slept_ = false;
  bool is_poked_ = false, is_stopping_ = false;
  std::thread thread_;
};

}  // namespace z4j::core
