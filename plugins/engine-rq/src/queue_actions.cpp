#include "src/actions.hpp"
#include "src/answers.hpp"
#include "src/lookup.hpp"
#include "src/scripts.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace z4j::engine_rq {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kLongestPause = 366.0 * 86400;
constexpr std::int64_t kPurgeChunk = 1000;
constexpr auto kEndConfirmation = std::chrono::seconds(5);
constexpr int kLookAtWorkerMs = 100;

rq::Worker read_worker(Bench& bench, const std::string& name) {
  return rq::worker_from_hash(name,
                              bench.redis.command({"HGETALL", bench.settings.keys.worker(name)}));
}

}  // namespace

json::Object purge_queue(Bench& bench, const std::string& queue) {
  if (!usable_id(queue)) throw Error(Z4J_INVALID, "the name of the queue is not usable");
  const rq::Keys& keys = bench.settings.keys;
  const redis::Args names = {keys.queue(queue), keys.registry("wip", queue),
                             keys.registry("scheduled", queue), keys.registry("deferred", queue)};
  const redis::Reply length = reading([&] {
    return bench.redis.command({"LLEN", keys.queue(queue)});
  });
  std::int64_t removed = 0, kept = 0, awaited = 0, left = length.integer;
  redis::Reply last;
  json::Object o = outcome("done");
  try {
    do {
      last = bench.redis.eval(scripts::kPurge, names,
                              {keys.prefix, queue, std::to_string(kept),
                               std::to_string(std::clamp<std::int64_t>(left, 0, kPurgeChunk))});
      if (last.items.size() != 7)
        throw Error(Z4J_CORRUPT, "Redis answered a script in an unexpected form");
      std::vector<PurgedJobs::Purged> gone;
      for (const redis::Reply& id : last.items[0].items) {
        if (usable_id(id.text))
          gone.push_back({id.text, queue, now_us(), "removed with its queue's content"});
      }
      bench.shared.purged.add(std::move(gone));
      const auto in_this =
          static_cast<std::int64_t>(last.items[0].items.size()) + last.items[1].integer;
      removed += in_this;
      kept += last.items[2].integer;
      awaited += last.items[3].integer;
      left -= std::max<std::int64_t>(in_this + last.items[2].integer, kPurgeChunk);
      if (left > 0 && (Clock::now() >= bench.deadline || bench.shared.gate.stopping())) {
        o["reason"] = "time ran out before all jobs were looked at";
        break;
      }
    } while (left > 0);
  } catch (const Error& e) {
    if (removed == 0 && !may_have_run(e)) throw;
    o = outcome("unknown", std::string("interrupted while removing: ") + e.what());
  }
  bench.shared.gate.wake();
  o["removed"] = removed;
  json::Object not_removed;
  if (last.items.size() == 7) {
    not_removed["unacked"] = last.items[4].integer;
    not_removed["scheduled"] = last.items[5].integer;
    not_removed["deferred"] = last.items[6].integer;
  }
  not_removed["other_state"] = kept;
  o["not_removed"] = std::move(not_removed);
  if (awaited > 0)
    o["warnings"] =
        json::Array{std::to_string(awaited) +
                    " of the removed jobs had others waiting for them, which stay deferred"};
  return o;
}

json::Object pause_workers(Bench& bench, const std::string& queue, const json::Object& args) {
  if (!queue.empty())
    return refused("RQ can only pause all queues of a database together; leave the queue out");
  const json::Value* pause = args.if_contains("pause");
  if (pause == nullptr || !pause->is_bool())
    throw Error(Z4J_INVALID, "pause must be true or false", "/pause");
  const std::string& key = bench.settings.keys.suspended();
  const double seconds = json::number(args, "seconds");
  if (!std::isfinite(seconds) || seconds < 0 || seconds > kLongestPause)
    throw Error(Z4J_INVALID, "seconds must be from 0 to a year", "/seconds");
  return changing([&] {
    if (!pause->get_bool()) {
      bench.redis.command({"DEL", key});
    } else if (seconds > 0) {
      bench.redis.command(
          {"SET", key, "1", "EX", std::to_string(std::llround(std::ceil(seconds)))});
    } else {
      bench.redis.command({"SET", key, "1"});
    }
    const bool paused = bench.redis.command({"EXISTS", key}).integer > 0;
    if (paused != pause->get_bool())
      return outcome("unknown",
                     "Redis took it, but shows otherwise; somebody else may have "
                     "changed it at the same time");
    json::Object o = outcome("done", paused ? "all workers on this Redis database take no further "
                                              "job; what runs goes on to its end"
                                            : "all workers on this Redis database take jobs");
    o["paused"] = paused;
    return o;
  });
}

json::Object shut_worker_down(Bench& bench, const std::string& worker) {
  if (!usable_id(worker)) throw Error(Z4J_INVALID, "the worker's name is not usable");
  const rq::Worker before = reading([&] { return read_worker(bench, worker); });
  if (!before.exists()) return refused("RQ knows no such worker now");
  if (before.death) return refused("the worker has ended already");
  return changing([&] {
    const redis::Reply heard =
        bench.redis.command({"PUBLISH", bench.settings.keys.commands_to(worker),
                             json::write(json::Object{{"command", "shutdown"}})});
    if (heard.integer == 0) {
      json::Object o =
          refused("the worker does not listen to commands; it may be dead or older than RQ 1.6");
      o["nobody_listens"] = true;
      return o;
    }
    const auto until = std::min(bench.deadline, Clock::now() + kEndConfirmation);
    try {
      for (;;) {
        const rq::Worker now = read_worker(bench, worker);
        if (!now.exists() || now.death) return outcome("done");
        if (now.birth != before.birth)
          return outcome("done", "another worker of that name has started since");
        if (Clock::now() >= until || !bench.shared.gate.pause_ms(kLookAtWorkerMs)) {
          return outcome("sent", now.current_job.empty()
                                     ? std::string("the worker got the command and is still there")
                                     : "the worker ends after its job " + now.current_job);
        }
      }
    } catch (const Error& e) {
      return outcome(
          "sent",
          std::string("the command was sent; what came of it could not be seen: ") + e.what());
    }
  });
}

}  // namespace z4j::engine_rq
