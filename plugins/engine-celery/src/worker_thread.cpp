#include "src/worker_thread.hpp"

#include <chrono>
#include <utility>

namespace z4j::engine_celery {
namespace {

constexpr auto kTendEvery = std::chrono::seconds(5);

}  // namespace

std::uint64_t WorkerThread::capabilities_with(const celery::Transport& broker) {
  std::uint64_t out = Z4J_ENGINE_EVENTS | Z4J_ENGINE_SNAPSHOT | Z4J_ENGINE_ENQUEUE |
                      Z4J_ENGINE_RETRY | Z4J_ENGINE_REVOKE | Z4J_ENGINE_TERMINATE |
                      Z4J_ENGINE_PURGE | Z4J_ENGINE_POOL | Z4J_ENGINE_RATE | Z4J_ENGINE_PAUSE |
                      Z4J_ENGINE_STREAM | Z4J_ENGINE_RESTART | Z4J_ENGINE_SHUTDOWN |
                      Z4J_ENGINE_TIME_LIMIT | Z4J_ENGINE_AUTOSCALE | Z4J_ENGINE_MANY;
  if (broker.cannot(celery::Ability::set_aside).empty()) out |= Z4J_ENGINE_COPY;
  if (broker.cannot(celery::Ability::dead_letters).empty()) out |= Z4J_ENGINE_DEAD_LETTERS;
  return out;
}

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
    const bool is_woken =
        changed_.wait_for(lock, kTendEvery, [this] { return stopping_ || !jobs_.empty(); });
    if (stopping_) return;
    if (!is_woken) {
      lock.unlock();
      lines_.broker->tend();
      continue;
    }
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
    lines_.broker->tend();  // a line that broke while nothing was asked is not to cost this job
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
