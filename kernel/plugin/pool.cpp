#include "plugin/pool.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace z4j::plugin {
namespace {

using PoolTime = std::chrono::steady_clock::time_point;

PoolTime pool_now() { return std::chrono::steady_clock::now(); }

}  // namespace

struct Strand::Line {
  explicit Line(unsigned most) : width(most) {}
  const unsigned width;
  std::deque<Task> tasks;
  unsigned running = 0, offered = 0;  // offered: how often it stands in `ready`
  std::size_t delayed = 0;
  bool closed = false;
};

// What the threads share. It outlives the pool as long as one of them is left behind.
struct Pool::Shared {
  struct Run {
    Strand::Task* task;
    PoolTime started;
    int told = 0;
  };
  struct Worker {
    std::thread thread;
    bool done = false;
  };
  struct Delayed {
    std::shared_ptr<Strand::Line> line;
    Strand::Task task;
  };

  explicit Shared(Options given) : options(given) {}

  const Options options;
  mutable std::mutex mutex;
  std::condition_variable wake, watch_wake, changed;
  std::deque<std::shared_ptr<Strand::Line>> ready;
  std::multimap<PoolTime, Delayed> delayed;
  std::list<Run> runs;
  std::list<Worker> workers;
  unsigned threads = 0, idle = 0, overdue = 0;
  bool stopping = false;

  static void spawn(const std::shared_ptr<Shared>& self) {
    ++self->threads;
    Worker& worker = self->workers.emplace_back();
    worker.thread = std::thread([self, &worker] { work(self, worker); });
  }

  // Puts the line into `ready` as often as it may run now.
  static void offer(const std::shared_ptr<Shared>& self,
                    const std::shared_ptr<Strand::Line>& line) {
    while (!self->stopping && line->running + line->offered < line->width &&
           line->offered < line->tasks.size()) {
      ++line->offered;
      self->ready.push_back(line);
      if (self->idle < self->ready.size() && self->threads < self->limit()) spawn(self);
      self->wake.notify_one();
    }
  }

  [[nodiscard]] unsigned limit() const {
    return options.threads + std::min(overdue, options.spares);
  }

  static void work(const std::shared_ptr<Shared>& self, Worker& worker) {
    std::unique_lock lock(self->mutex);
    while (!self->stopping) {
      if (self->ready.empty()) {
        if (self->threads > self->limit()) break;
        ++self->idle;
        self->wake.wait(lock);
        --self->idle;
        continue;
      }
      const std::shared_ptr<Strand::Line> line = std::move(self->ready.front());
      self->ready.pop_front();
      --line->offered;
      if (line->tasks.empty()) continue;
      Strand::Task task = std::move(line->tasks.front());
      line->tasks.pop_front();
      ++line->running;
      const auto run = self->runs.insert(self->runs.end(), Run{&task, pool_now(), 0});
      self->watch_wake.notify_one();
      lock.unlock();
      task.run();
      lock.lock();
      if (run->told > 0) --self->overdue;
      self->runs.erase(run);
      lock.unlock();
      task = Strand::Task{};  // what the task held goes without the lock
      lock.lock();
      --line->running;
      offer(self, line);
      self->changed.notify_all();
    }
    --self->threads;
    worker.done = true;
    self->changed.notify_all();
    self->watch_wake.notify_one();
  }

  static void watch(const std::shared_ptr<Shared>& self) {
    std::unique_lock lock(self->mutex);
    while (!self->stopping) {
      const PoolTime now = pool_now();
      PoolTime next = now + std::chrono::hours(1);
      while (!self->delayed.empty() && self->delayed.begin()->first <= now) {
        Delayed due = std::move(self->delayed.begin()->second);
        self->delayed.erase(self->delayed.begin());
        --due.line->delayed;
        due.line->tasks.push_back(std::move(due.task));
        offer(self, due.line);
      }
      if (!self->delayed.empty()) next = std::min(next, self->delayed.begin()->first);

      std::vector<std::pair<std::function<void(std::int64_t, int)>, std::pair<std::int64_t, int>>>
          calls;
      for (Run& run : self->runs) {
        while (run.told < 2) {
          const PoolTime limit =
              run.started + std::chrono::milliseconds(run.task->allowed_ms * (run.told + 1));
          if (limit > now) {
            next = std::min(next, limit);
            break;
          }
          if (++run.told == 1) {
            ++self->overdue;
            if (!self->ready.empty() && self->threads < self->limit()) spawn(self);
          }
          const auto ms =
              std::chrono::duration_cast<std::chrono::milliseconds>(now - run.started).count();
          if (run.task->overdue) {
            calls.emplace_back(run.task->overdue, std::make_pair(std::int64_t{ms}, run.told));
          }
        }
      }
      for (auto at = self->workers.begin(); at != self->workers.end();) {
        if (!at->done) {
          ++at;
          continue;
        }
        at->thread.join();  // it has let go of the mutex, or is about to: no wait on a task
        at = self->workers.erase(at);
      }
      if (!calls.empty()) {
        lock.unlock();
        for (auto& [call, args] : calls) call(args.first, args.second);
        calls.clear();
        lock.lock();
        continue;
      }
      self->watch_wake.wait_until(lock, next);
    }
  }

  std::thread watcher;
};

Pool::Pool(Options options) : shared_(std::make_shared<Shared>(options)) {
  shared_->watcher = std::thread([shared = shared_] { Shared::watch(shared); });
}

Pool::~Pool() {
  std::deque<Strand::Task> dropped;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
    for (auto& [due, late] : shared_->delayed) dropped.push_back(std::move(late.task));
    shared_->delayed.clear();
    for (const auto& line : shared_->ready) {
      for (Strand::Task& task : line->tasks) dropped.push_back(std::move(task));
      line->tasks.clear();
    }
    shared_->wake.notify_all();
    shared_->watch_wake.notify_all();
  }
  shared_->watcher.join();
  for (Strand::Task& task : dropped) {
    if (task.drop) task.drop();
  }
  std::unique_lock lock(shared_->mutex);
  shared_->changed.wait_for(lock, std::chrono::seconds(1),
                            [this] { return shared_->threads == 0; });
  for (Shared::Worker& worker : shared_->workers) {
    if (!worker.done) {
      worker.thread.detach();
      continue;
    }
    lock.unlock();
    worker.thread.join();
    lock.lock();
  }
}

Pool::Counts Pool::counts() const {
  const std::lock_guard lock(shared_->mutex);
  return Counts{shared_->threads, shared_->overdue};
}

Strand::Strand(Pool& pool, unsigned width)
    : shared_(pool.shared_), line_(std::make_shared<Line>(width)) {}

Strand::~Strand() { close(0); }

Strand::Post Strand::post(Task task, std::int64_t delay_ms) {
  const std::lock_guard lock(shared_->mutex);
  if (line_->closed || shared_->stopping) return Post::closed;
  if (line_->tasks.size() + line_->delayed >= kMaxTasks) return Post::full;
  if (delay_ms <= 0) {
    line_->tasks.push_back(std::move(task));
    Pool::Shared::offer(shared_, line_);
    return Post::taken;
  }
  ++line_->delayed;
  shared_->delayed.emplace(pool_now() + std::chrono::milliseconds(delay_ms),
                           Pool::Shared::Delayed{line_, std::move(task)});
  shared_->watch_wake.notify_one();
  return Post::taken;
}

void Strand::drop_pending() {
  std::vector<Task> dropped;
  {
    const std::lock_guard lock(shared_->mutex);
    std::deque<Task> kept;
    for (Task& task : line_->tasks) {
      if (task.drop)
        dropped.push_back(std::move(task));
      else
        kept.push_back(std::move(task));
    }
    line_->tasks = std::move(kept);
    for (auto at = shared_->delayed.begin(); at != shared_->delayed.end();) {
      if (at->second.line != line_ || !at->second.task.drop) {
        ++at;
        continue;
      }
      dropped.push_back(std::move(at->second.task));
      --line_->delayed;
      at = shared_->delayed.erase(at);
    }
  }
  for (Task& task : dropped) task.drop();
}

bool Strand::close(int deadline_ms) {
  {
    const std::lock_guard lock(shared_->mutex);
    line_->closed = true;
  }
  drop_pending();
  std::deque<Task> rest;  // destroyed without the lock
  std::unique_lock lock(shared_->mutex);
  rest.swap(line_->tasks);
  const bool idle = shared_->changed.wait_for(lock, std::chrono::milliseconds(deadline_ms),
                                              [this] { return line_->running == 0; });
  lock.unlock();
  return idle;
}

}  // namespace z4j::plugin
