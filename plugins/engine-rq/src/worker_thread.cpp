#include "src/worker_thread.hpp"

#include "lib/json/json.hpp"
#include "src/actions.hpp"
#include "src/snapshots.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>
#include <vector>

namespace z4j::engine_rq {
namespace {

constexpr std::size_t kMaxWaiting = 256;
constexpr std::size_t kMaxArguments = 1u << 20;
constexpr std::size_t kMaxCopiedArguments = 64u << 20;  // they hold jobs
constexpr std::size_t kMaxAtOnce = 500;
constexpr std::int64_t kLongestRunMs = 25'000;
constexpr std::int64_t kToAnswerMs = 500;

json::Object arguments_of(const std::string& text, std::uint64_t verb) {
  json::Value v = json::parse(text.empty() ? std::string_view("{}") : std::string_view(text),
                              verb == Z4J_ENGINE_COPY ? kMaxCopiedArguments : kMaxArguments);
  if (!v.is_object()) throw Error(Z4J_INVALID, "the arguments must be an object");
  return std::move(v.get_object());
}

std::vector<Asked> items_of(const json::Object& args) {
  const json::Array* items = json::array(args, "items");
  if (items == nullptr || items->size() > kMaxAtOnce)
    throw Error(Z4J_INVALID, "without a target there must be items, at most 500", "/items");
  std::vector<Asked> asked;
  for (const json::Value& v : *items) {
    const json::Object* item = v.if_object();
    if (item == nullptr) throw Error(Z4J_INVALID, "items must hold objects", "/items");
    asked.push_back({std::string(json::text(*item, "target")), *item});
  }
  return asked;
}

template <class F>
json::Object answer_many(F&& f) {
  json::Array items;
  for (json::Object& answer : f()) items.emplace_back(std::move(answer));
  json::Object o{{"outcome", "done"}};
  o["items"] = std::move(items);
  return o;
}

json::Object run_command(Bench& bench, const Request& r, const json::Object& args) {
  const bool many = r.subject.empty();
  switch (r.verb) {
    case Z4J_ENGINE_RETRY:
      return many ? answer_many([&] { return retry_jobs(bench, items_of(args)); })
                  : retry_job(bench, {r.subject, args});
    case Z4J_ENGINE_REVOKE:
      return many ? answer_many([&] { return revoke_jobs(bench, items_of(args)); })
                  : revoke_job(bench, {r.subject, args});
    case Z4J_ENGINE_PURGE:
      return purge_queue(bench, r.subject);
    case Z4J_ENGINE_PAUSE:
      return pause_workers(bench, r.subject, args);
    case Z4J_ENGINE_ENQUEUE:
      return enqueue_job(bench, r.subject, args);
    case Z4J_ENGINE_SHUTDOWN:
      return shut_worker_down(bench, r.subject);
    case Z4J_ENGINE_TIME_LIMIT:
      return set_time_limit(bench, r.subject, args);
    case Z4J_ENGINE_DEAD_LETTERS:
      return requeue_dead_letter(bench, r.subject, args);
    case Z4J_ENGINE_DELETE:
      return delete_job(bench, r.subject);
    case Z4J_ENGINE_COPY:
      return copy_queue(bench, r.subject, args);
    default:
      throw Error(Z4J_UNSUPPORTED, "RQ has no such command");
  }
}

}  // namespace

void WorkerThread::add(Request request) {
  bool ended = false;
  {
    const std::lock_guard lock(mutex_);
    ended = ended_;
    if (!ended && waiting_.size() < kMaxWaiting) {
      waiting_.push_back(std::move(request));
      arrived_.notify_one();
      return;
    }
  }
  // Answered here: an operation that is dropped with its request counts as a fault of ours. Outside
  // the lock: whoever hears the answer may ask again at once.
  if (ended) return request.op.fail(Z4J_BAD_STATE, "the instance is stopping");
  request.op.fail(Z4J_BUSY, "too many commands wait already", 1000);
}

void WorkerThread::interrupt() noexcept {
  redis_.interrupt();
  const std::lock_guard lock(mutex_);
  arrived_.notify_all();
}

void WorkerThread::run() {
  std::unique_lock lock(mutex_);
  while (!shared_.gate.stopping()) {
    if (waiting_.empty()) {
      arrived_.wait(lock, [this] { return !waiting_.empty() || shared_.gate.stopping(); });
      continue;
    }
    Request request = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    serve(request);
    lock.lock();
  }
  ended_ = true;
  std::deque<Request> left = std::exchange(waiting_, {});
  lock.unlock();
  for (Request& request : left) request.op.fail(Z4J_CANCELLED, "the instance is stopping");
}

void WorkerThread::serve(Request& r) {
  const std::int64_t left_ms = r.op.remaining_ms();
  if (r.op.cancelled()) return r.op.fail(Z4J_CANCELLED, "nobody waits for it any more");
  if (left_ms <= 0) return r.op.fail(Z4J_TIMEOUT, "its time ran out before it was begun");
  try {
    const auto run_ms = std::clamp<std::int64_t>(left_ms - kToAnswerMs, 0, kLongestRunMs);
    Bench bench{redis_, settings_, shared_,
                std::chrono::steady_clock::now() + std::chrono::milliseconds(run_ms)};
    const json::Object args = arguments_of(r.json, r.verb);
    json::Object answer =
        r.verb != 0 ? run_command(bench, r, args) : take_snapshot(bench, r.subject, args);
    r.op.ok(json::write(json::Value(std::move(answer))));
  } catch (const Error& e) {
    // A look that broke off changed nothing.
    const bool broken_look = r.verb == 0 && e.code == Z4J_UNKNOWN;
    r.op.fail(broken_look ? Z4J_UNAVAILABLE : e.code, e.what(), e.retry_after_ms);
  } catch (const std::exception& e) {
    r.op.fail(Z4J_INTERNAL, e.what());
  }
}

}  // namespace z4j::engine_rq
