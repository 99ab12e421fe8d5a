// Asynchronous operations that plugins owe an answer for: ids of slot and generation, so that a
// second, late or foreign answer is recognised and refused instead of touching memory.
//
// Life of an op: open (waiting) -> begun (handed to the plugin) -> answered. When the deadline
// passes after begin(), the caller is answered but the plugin still owes: the op stays `owed`, and
// what it keeps alive stays alive, until the plugin answers or its instance is gone.
#pragma once

#include <z4j/abi.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace z4j::plugin {

// Thread-safe. Deadlines run on one thread of its own, by the given clock.
class OpTable {
 public:
  enum class How { answered, expired, abandoned };
  // Called exactly once, without a lock of ours, by whoever ends the op. What it throws is lost.
  using Done = std::function<void(base::Result<std::string>, How, z4j_op)>;
  static constexpr std::size_t kMaxOpenPerOwner = 1000;  // owed ones included
  static constexpr std::size_t kMaxResultBytes = 8u << 20;
  static constexpr int kMaxDeadlineMs = 24 * 3'600'000;

  explicit OpTable(const base::Clock& clock);
  OpTable(const OpTable&) = delete;
  OpTable& operator=(const OpTable&) = delete;
  ~OpTable();

  // `expired` is the answer when the deadline passes. Busy when the owner has too many open.
  [[nodiscard]] base::Result<z4j_op> open(const void* owner, int deadline_ms, base::Error expired,
                                          Done done, std::shared_ptr<void> keep = {});
  // The plugin gets it now; from here on `expired` is the answer. False when it is over already.
  [[nodiscard]] bool begin(z4j_op op, base::Error expired);

  // late: expired before; again: answered before; foreign: never given to this owner.
  enum class Verdict { answered, late, again, foreign };
  // The first answer runs `done` on this thread.
  Verdict complete(const void* owner, z4j_op op, base::Result<std::string> result);

  [[nodiscard]] std::int64_t remaining_ms(const void* owner, z4j_op op) const;
  [[nodiscard]] bool cancelled(const void* owner, z4j_op op) const;

  // Marks what the owner has begun; gives the ids not marked before. They still owe an answer.
  [[nodiscard]] std::vector<z4j_op> cancel(const void* owner);
  enum class Which { waiting, all };
  // Answers what is left of that owner with `error`; begun ones stay owed.
  void abandon(const void* owner, Which which, const base::Error& error);
  // The owner is gone in the middle of them: answers all that is left of it, what it never got with
  // `error`, what it had with the code that an expired deadline would have. Nothing is owed.
  void lose(const void* owner, const base::Error& error);
  // The owner is gone for good: nothing is owed any more.
  void forget(const void* owner);
  // Waits until the owner has nothing open or owed. False at the deadline.
  bool wait_idle(const void* owner, int deadline_ms) const;

  struct Counts {
    std::size_t open = 0, owed = 0, expired = 0;
  };
  [[nodiscard]] Counts counts(const void* owner) const;

 private:
  enum class Life { free, waiting, begun, owed };
  struct Slot {
    std::uint32_t generation = 1;
    Life life = Life::free;
    bool cancelled = false;
    const void* owner = nullptr;
    std::int64_t deadline = 0;  // steady ms
    base::Error expired;
    Done done;
    std::shared_ptr<void> keep;
  };
  struct Ending {
    Done done;
    base::Result<std::string> result;
    How how;
    z4j_op op;
    std::shared_ptr<void> keep;
  };
  void watch();
  const Slot* find(const void* owner, z4j_op op) const;
  std::shared_ptr<void> release(std::uint32_t index);
  static void run(Ending& ending) noexcept;

  const base::Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  mutable std::condition_variable idle_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::unordered_map<const void*, Counts> counts_;
  std::size_t running_ = 0;  // waiting or begun, over all owners
  bool stopping_ = false;
  std::thread watcher_;
};

}  // namespace z4j::plugin
