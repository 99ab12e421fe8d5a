// Asynchronous operations that plugins owe an answer for: ids of slot and generation, so that a second,
// late or foreign answer is recognised and refused instead of touching memory.
#pragma once

#include <z4j/abi.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace z4j::plugin {

// Thread-safe. Deadlines run on one thread of its own.
class OpTable {
 public:
  using Done = std::function<void(base::Result<std::string>)>;
  static constexpr std::size_t kMaxOpenPerOwner = 1000;
  static constexpr std::size_t kMaxResultBytes = 8u << 20;

  explicit OpTable(const base::Clock& clock);
  ~OpTable();

  // `expired` is the answer when the deadline passes. Busy when the owner has too many open.
  [[nodiscard]] base::Result<z4j_op> open(const void* owner, int deadline_ms, base::Error expired, Done done);

  enum class Verdict { answered, late, foreign };
  // The first answer runs `done` on this thread. `late`: already answered, expired or never given out.
  Verdict complete(const void* owner, z4j_op op, base::Result<std::string> result);

  [[nodiscard]] std::int64_t remaining_ms(z4j_op op) const;
  [[nodiscard]] bool cancelled(z4j_op op) const;
  void cancel_all(const void* owner);  // marks them; they still owe an answer
  // Answers what is left of that owner with `error`.
  void abandon(const void* owner, const base::Error& error);

  struct Counts {
    std::size_t open = 0, expired = 0;
  };
  [[nodiscard]] Counts counts(const void* owner) const;

 private:
  struct Slot {
    std::uint32_t generation = 1;
    bool open = false, cancelled = false;
    const void* owner = nullptr;
    std::int64_t deadline = 0;  // steady ms
    base::Error expired;
    Done done;
  };
  void watch();
  Done close_slot(std::uint32_t index);
  [[nodiscard]] const Slot* find(z4j_op op) const;

  const base::Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::vector<std::pair<const void*, std::size_t>> expired_;  // per owner
  bool stopping_ = false;
  std::thread watcher_;
};

}  // namespace z4j::plugin
