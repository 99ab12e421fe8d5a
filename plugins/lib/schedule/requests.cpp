#include "lib/schedule/requests.hpp"

#include <exception>
#include <utility>

namespace z4j::schedule {

void refuse(Op& op, const Host& host, const Error& e) noexcept {
  if (!op.armed()) return;
  z4j_error told = empty_error();
  fill(&told, e.code, e.what(), e.where, e.retry_after_ms);
  const z4j_op id = op.id();
  op.disarm();
  host.raw()->op_complete(host.raw()->ctx, id, e.code, &told, {});
}

void RequestThread::start(std::function<void()> at_first) {
  stop({});
  {
    const std::lock_guard lock(mutex_);
    runs_ = true;
  }
  thread_ = std::thread([this, first = std::move(at_first)] {
    if (first) first();
    loop();
  });
}

void RequestThread::stop(const std::function<void()>& interrupt) {
  {
    const std::lock_guard lock(mutex_);
    runs_ = false;
    arrived_.notify_all();
  }
  if (interrupt) interrupt();
  if (thread_.joinable()) thread_.join();
}

void RequestThread::add(Op& op, Run run) {
  const std::lock_guard lock(mutex_);
  if (!runs_) throw Error(Z4J_BAD_STATE, "the instance is not started");
  if (waiting_.size() >= kMaxWaiting)
    throw Error(Z4J_BUSY, "too many requests wait already", {}, 1000);
  waiting_.push_back({std::move(op), std::move(run)});
  arrived_.notify_one();
}

void RequestThread::loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    arrived_.wait(lock, [this] { return !waiting_.empty() || !runs_; });
    if (!runs_) break;
    Request request = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    serve(request);
    lock.lock();
  }
  std::deque<Request> left = std::exchange(waiting_, {});
  lock.unlock();
  for (Request& r : left) r.op.fail(Z4J_CANCELLED, "the instance is stopping");
}

void RequestThread::serve(Request& r) {
  if (r.op.cancelled()) return r.op.fail(Z4J_CANCELLED, "nobody waits for it any more");
  if (r.op.remaining_ms() <= 0)
    return r.op.fail(Z4J_TIMEOUT, "its time ran out before it was begun");
  try {
    r.run(r.op);
  } catch (const Error& e) {
    refuse(r.op, host_, e);
  } catch (const std::exception& e) {
    if (r.op.armed()) r.op.fail(Z4J_INTERNAL, e.what());
  }
}

}  // namespace z4j::schedule
