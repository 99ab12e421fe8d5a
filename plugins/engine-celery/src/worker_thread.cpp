#include "src/worker_thread.hpp"

#include <utility>

namespace z4j::engine_celery {

void WorkerThread::start() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = false;
  }
  ending_.begin();
  thread_ = std::thread([this] {
    run();
    lines_.close();
    ending_.end();
  });
}

void WorkerThread::stop() {
  std::deque<Job> left;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    left.swap(jobs_);
  }
  changed_.notify_all();
  for (Job& job : left) job.op.fail(Z4J_CANCELLED, "the instance stops");
  if (!ending_.wait_ms(kPoliteMs)) lines_.interrupt();
  if (thread_.joinable()) thread_.join();
}

void WorkerThread::add(Op op, std::uint64_t verb, std::string_view target, std::string_view text) {
  bool stopped = false;
  {
    const std::lock_guard lock(mutex_);
    stopped = stopping_;
    if (!stopped && jobs_.size() < kMaxJobs) {
      jobs_.push_back({std::move(op), verb, std::string(target), std::string(text)});
      changed_.notify_one();
      return;
    }
  }
  // Outside the lock: whoever hears the answer may ask again at once.
  if (stopped) {
    op.fail(Z4J_CANCELLED, "the instance stops");
  } else {
    op.fail(Z4J_BUSY, "500 commands and snapshots wait already", 1000);
  }
}

void WorkerThread::run() {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (stopping_) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    work(job);
  }
}

void WorkerThread::work(Job& job) {
  if (job.op.cancelled()) return job.op.fail(Z4J_CANCELLED, "cancelled before it was begun");
  if (job.op.remaining_ms() <= 0)
    return job.op.fail(Z4J_TIMEOUT, "the time was up before it was begun");
  try {
    if (!lines_.broker->connected()) {
      lines_.control.lost();
      facts_.forget();
      lines_.broker->connect();
    }
    job.op.ok(job.verb == 0 ? snapshots_.take(job.target, job.text)
                            : actions_.run(job.verb, job.target, job.text, job.op.remaining_ms()));
  } catch (const Error& e) {
    job.op.fail(e.code, e.what(), e.retry_after_ms);
  } catch (const std::exception& e) {
    job.op.fail(Z4J_INTERNAL, e.what());
  }
}

}  // namespace z4j::engine_celery
