#include "src/worker_watch.hpp"

#include "lib/json/json.hpp"
#include "src/lookup.hpp"

#include <algorithm>
#include <utility>

namespace z4j::engine_rq {
namespace {

constexpr std::size_t kMaxWorkers = 5000;

Event worker_event(std::uint16_t kind, std::int64_t time_us, const std::string& name,
                   const std::string& hostname, std::int64_t pid) {
  Event e;
  e.kind = kind;
  e.time_us = time_us;
  e.worker = name;
  json::Object attrs;
  if (!hostname.empty()) attrs["hostname"] = hostname;
  if (pid > 0) attrs["pid"] = pid;
  if (!attrs.empty()) e.attrs_json = json::write(json::Value(std::move(attrs)));
  return e;
}

}  // namespace

std::vector<rq::Worker> read_workers(redis::Connection& redis, const rq::Keys& keys) {
  const redis::Reply members = redis.command({"SMEMBERS", keys.workers()});
  std::vector<std::string> names;
  for (const redis::Reply& member : members.items) {
    std::string name = keys.worker_in(member.text);
    if (usable_id(name) && names.size() < kMaxWorkers) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  std::vector<redis::Args> commands;
  commands.reserve(names.size());
  for (const std::string& name : names) commands.push_back({"HGETALL", keys.worker(name)});
  const std::vector<redis::Reply> replies = redis.pipeline(commands);
  std::vector<rq::Worker> workers;
  workers.reserve(names.size());
  for (std::size_t i = 0; i < replies.size(); ++i)
    workers.push_back(rq::worker_from_hash(std::move(names[i]), replies[i]));
  return workers;
}

void WorkerWatch::look(redis::Connection& redis, const rq::Keys& keys, std::int64_t now_us,
                       EventSink& sink) {
  std::map<std::string, Known> now;
  for (const rq::Worker& w : read_workers(redis, keys)) {
    if (!w.exists() || w.death) continue;
    Known k{w.birth.value_or(0), w.last_heartbeat.value_or(0), w.hostname, w.pid};
    const auto before = known_.find(w.name);
    if (before == known_.end() || before->second.birth != k.birth) {
      sink.add(worker_event(Z4J_EV_WORKER_UP, w.birth.value_or(now_us), w.name, w.hostname, w.pid));
    } else if (before->second.heartbeat != k.heartbeat) {
      sink.add(worker_event(Z4J_EV_WORKER_BEAT, w.last_heartbeat.value_or(now_us), w.name,
                            w.hostname, w.pid));
    }
    now.emplace(w.name, std::move(k));
  }
  for (const auto& [name, k] : known_) {
    if (now.count(name) == 0)
      sink.add(worker_event(Z4J_EV_WORKER_DOWN, now_us, name, k.hostname, k.pid));
  }
  known_ = std::move(now);
}

}  // namespace z4j::engine_rq
