// How many tasks of a project stand in which state.
//
// What stands far back hardly changes, is most of what there is, and takes a third of a second a
// million: it is counted seldom, and apart from those who ask. A thread of its own counts it before
// anybody does, when the process starts, and anew once it is old, while the last count is told.
// Only who asks before the first count is there waits for it. Thread-safe. Errors: the store's.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string_view>
#include <thread>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/store.hpp"

namespace z4j::core {

inline constexpr std::array<std::string_view, 9> kTaskStateNames = {
    "pending", "received", "started",  "success", "failure",
    "retry",   "revoked",  "rejected", "unknown"};

struct TaskStates {
  std::array<std::int64_t, kTaskStateNames.size()> by_state{};  // in the order of the names
  std::int64_t total = 0;
  bool is_capped = false;       // there are more than are counted
  bool is_approximate = false;  // capped, or some of it was counted a while ago
};

class TaskCounts {
 public:
  struct Options {
    bool keep = true;  // false: no thread, and all is counted each time
    std::uint64_t most = 2'000'000;
  };
  TaskCounts(Store& store, const base::Clock& clock, Options options);
  // Waits for a count that is under way, some seconds at most.
  ~TaskCounts();
  TaskCounts(const TaskCounts&) = delete;
  TaskCounts& operator=(const TaskCounts&) = delete;

  [[nodiscard]] base::Result<TaskStates> of(const base::Uuid& project);

 private:
  struct Count {
    TaskStates states;
    base::TimeUs counted_at = 0, before = 0;  // when; tasks that stand before that time
  };
  struct Kept {
    std::optional<Count> count;
    bool is_under_way = false;  // somebody counts
    std::int64_t until_ms = 0;  // then it is old
  };
  [[nodiscard]] base::Result<TaskStates> states_of(const Where& which);
  [[nodiscard]] base::Result<Count> count_old(const base::Uuid& project);
  // Counts and keeps. Requires that is_under_way was set by the caller.
  [[nodiscard]] base::Result<Count> renew(const base::Uuid& project);
  [[nodiscard]] base::Result<Count> old_of(const base::Uuid& project);
  void run();
  void count_all();
  // False when it is kept already, or somebody counts it.
  [[nodiscard]] bool claim(const base::Uuid& project);

  Store& store_;
  const base::Clock& clock_;
  const Options options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<base::Uuid, Kept> kept_;  // guarded by mutex_, as what follows
  std::set<base::Uuid> wanted_;      // old, for the thread
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace z4j::core
