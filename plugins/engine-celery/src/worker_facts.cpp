#include "src/worker_facts.hpp"

#include "lib/celery/message.hpp"
#include "lib/text/text.hpp"

#include <algorithm>
#include <utility>

namespace z4j::engine_celery {
namespace {

constexpr std::size_t kMaxListed = 5000;

// "name [rate_limit=10/m]"
std::string_view task_in(std::string_view registered) {
  return registered.substr(0, registered.find(" ["));
}

WorkerSettings settings_in(const json::Object& conf) {
  WorkerSettings out;
  out.pool_restarts = json::boolean(conf, "worker_pool_restarts");
  if (const json::Array* accepts = json::array(conf, "accept_content");
      accepts != nullptr && !accepts->empty()) {
    out.accepts_json = false;
    for (const json::Value& v : *accepts) {
      const json::String* name = v.if_string();
      if (name == nullptr || out.accepts.size() > 200) continue;
      const std::string clean = text::clean({name->data(), name->size()}, 100);
      out.accepts_json = out.accepts_json || clean == "json" || clean == "application/json";
      out.accepts += (out.accepts.empty() ? "" : ", ") + clean;
    }
  }
  return out;
}

}  // namespace

std::string_view pool_name(PoolKind kind) {
  switch (kind) {
    case PoolKind::prefork:
      return "prefork";
    case PoolKind::solo:
      return "solo";
    case PoolKind::threads:
      return "threads";
    case PoolKind::eventlet:
      return "eventlet";
    case PoolKind::gevent:
      return "gevent";
    default:
      return "unknown";
  }
}

PoolKind pool_kind(const json::Object& stats) {
  const json::Object* pool = json::object(stats, "pool");
  if (pool == nullptr) return PoolKind::unknown;
  // Since 5.4 it names the class; what it tells of itself gave it away before.
  const std::string_view implementation = json::text(*pool, "implementation");
  constexpr std::pair<const char*, PoolKind> kModules[] = {{".prefork", PoolKind::prefork},
                                                           {".solo", PoolKind::solo},
                                                           {".thread", PoolKind::threads},
                                                           {".eventlet", PoolKind::eventlet},
                                                           {".gevent", PoolKind::gevent}};
  for (const auto& [part, kind] : kModules) {
    if (implementation.find(part) != std::string_view::npos) return kind;
  }
  if (pool->contains("writes")) return PoolKind::prefork;
  if (pool->contains("put-guarded-by-semaphore")) return PoolKind::solo;
  if (pool->contains("free-threads")) return PoolKind::eventlet;
  if (pool->contains("threads")) return PoolKind::threads;
  return PoolKind::unknown;
}

std::int64_t pool_size(const json::Object& stats) {
  const json::Object* pool = json::object(stats, "pool");
  if (pool == nullptr) return 0;
  // The maximum is what a prefork pool was started with, whatever became of it.
  if (const json::Array* processes = json::array(*pool, "processes"))
    return static_cast<std::int64_t>(processes->size());
  return json::integer(*pool, "max-concurrency");
}

std::string cannot_terminate(PoolKind kind) {
  if (kind != PoolKind::solo && kind != PoolKind::threads) return {};
  return "its pool is " + std::string(pool_name(kind)) +
         ": a running task cannot be stopped without stopping the worker";
}

std::string cannot_resize(const json::Object& stats) {
  if (autoscales(stats)) return "it was started with autoscale; change the range of that";
  const PoolKind kind = pool_kind(stats);
  if (kind == PoolKind::solo || kind == PoolKind::threads)
    return "its pool is " + std::string(pool_name(kind)) + ", which has a fixed size";
  return {};
}

bool autoscales(const json::Object& stats) { return json::object(stats, "autoscaler") != nullptr; }

std::vector<std::string> queue_names_in(const json::Array& active_queues) {
  std::vector<std::string> out;
  for (const json::Value& q : active_queues) {
    const json::Object* o = q.if_object();
    if (o != nullptr && out.size() < kMaxListed)
      out.push_back(text::clean(json::text(*o, "name"), celery::kMaxNameBytes));
  }
  return out;
}

std::vector<std::string> WorkerAnswer::queues() const { return queue_names_in(active_queues); }

std::vector<std::string> WorkerAnswer::tasks() const {
  std::vector<std::string> out;
  for (const json::Value& t : registered) {
    const json::String* name = t.if_string();
    if (name == nullptr || out.size() >= kMaxListed) continue;
    out.push_back(text::clean(task_in({name->data(), name->size()}), celery::kMaxNameBytes));
  }
  return out;
}

bool WorkerAnswer::can_run(std::string_view task) const {
  return std::any_of(registered.begin(), registered.end(), [&](const json::Value& t) {
    const json::String* name = t.if_string();
    return name != nullptr && task_in({name->data(), name->size()}) == task;
  });
}

const std::map<std::string, WorkerAnswer>& WorkerFacts::get(Lines& lines, Shared& shared,
                                                            int max_age_ms) {
  const std::int64_t now = now_us();
  if (asked_us_ != 0 && now - asked_us_ <= std::int64_t{max_age_ms} * 1000) return answers_;
  const std::vector<celery::Control::Call> calls = {
      {"stats", {}}, {"active", {{"safe", true}}}, {"active_queues", {}}, {"registered", {}}};
  const celery::Control::Asked asked = lines.control.ask(calls, {}, shared.fleet.live(), kAskMs,
                                                         [&] { return !shared.gate.stopping(); });
  std::map<std::string, WorkerAnswer> answers;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    for (const celery::Reply& reply : asked.replies[i]) {
      json::Value value = json::parse(reply.value, celery::kMaxMessageBytes);
      WorkerAnswer& a = answers[reply.worker];
      json::Object* o = value.if_object();
      json::Array* list = value.if_array();
      if (i == 0 && o != nullptr) a.stats = std::move(*o);
      if (i == 1 && list != nullptr) a.active = std::move(*list);
      if (i == 2 && list != nullptr) a.active_queues = std::move(*list);
      if (i == 3 && list != nullptr) a.registered = std::move(*list);
    }
  }
  for (const auto& [name, answer] : answers) {
    shared.fleet.answered(name);
    for (const std::string& queue : answer.queues()) shared.observed.add_queue(queue);
  }
  answers_ = std::move(answers);
  asked_us_ = now;
  return answers_;
}

const std::map<std::string, WorkerSettings>& WorkerFacts::settings(Lines& lines, Shared& shared,
                                                                   int max_age_ms) {
  const std::int64_t now = now_us();
  if (settings_us_ != 0 && now - settings_us_ <= std::int64_t{max_age_ms} * 1000) return settings_;
  const celery::Control::Asked asked =
      lines.control.ask({{"conf", {{"with_defaults", true}}}}, {}, shared.fleet.live(), kAskMs,
                        [&] { return !shared.gate.stopping(); });
  std::map<std::string, WorkerSettings> found;
  for (const celery::Reply& reply : asked.replies.front()) {
    try {
      const json::Value value = json::parse(reply.value, celery::kMaxMessageBytes);
      if (const json::Object* conf = value.if_object()) found[reply.worker] = settings_in(*conf);
    } catch (const Error&) {
      continue;  // as if it had not answered
    }
  }
  settings_ = std::move(found);
  settings_us_ = now;
  return settings_;
}

}  // namespace z4j::engine_celery
