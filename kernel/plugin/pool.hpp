// Threads for calls that may block, and the strands that share them.
//
// A strand runs its tasks in order, at most `width` at a time, so one instance never holds more
// than `width` threads. A task that runs longer than it may is overdue: the pool starts a spare
// thread in its place (up to a bound) and tells the task's owner. Thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace z4j::plugin {

class Pool {
 public:
  struct Options {
    unsigned threads = 8;
    unsigned spares = 24;  // for overdue tasks
  };
  explicit Pool(Options options);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  // Drops what is queued and waits a second for what runs. A thread that hangs in a task is left
  // behind; it touches nothing of the pool's owner any more unless the task does.
  ~Pool();

  struct Counts {
    unsigned threads = 0, overdue = 0;
  };
  [[nodiscard]] Counts counts() const;

 private:
  friend class Strand;
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

class Strand {
 public:
  static constexpr std::size_t kMaxTasks = 10'000;

  struct Task {
    std::function<void()> run;
    std::function<void()> drop;  // instead of run, when the strand closes first; or empty
    std::int64_t allowed_ms = 30'000;
    // Called from the pool's watch thread at 1x and 2x allowed_ms; or empty.
    std::function<void(std::int64_t running_ms, int times)> overdue;
  };

  Strand(Pool& pool, unsigned width);
  Strand(const Strand&) = delete;
  Strand& operator=(const Strand&) = delete;
  ~Strand();  // close()

  enum class Post { taken, full, closed };
  Post post(Task task, std::int64_t delay_ms = 0);
  // Takes out what has a drop function, delayed or not, and runs those functions on this thread.
  void drop_pending();
  // Takes no more; drops what is queued. False when something still runs at the deadline.
  bool close(int deadline_ms);

 private:
  struct Line;
  friend struct Pool::Shared;
  std::shared_ptr<Pool::Shared> shared_;
  std::shared_ptr<Line> line_;
};

}  // namespace z4j::plugin
