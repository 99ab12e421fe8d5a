#include "src/actions.hpp"
#include "src/answers.hpp"
#include "src/lookup.hpp"
#include "src/scripts.hpp"

#include <array>
#include <cmath>

namespace z4j::engine_rq {
namespace {

constexpr double kMaxLimitSeconds = 366.0 * 86400;

}  // namespace

json::Object set_time_limit(Bench& bench, const std::string& target, const json::Object& args) {
  if (!json::boolean(args, "task_id"))
    return refused("RQ keeps time limits per job: only that of one waiting job can be changed");
  if (!usable_id(target)) throw Error(Z4J_INVALID, "the job's id is not usable");
  if (const json::Value* soft = args.if_contains("soft"); soft != nullptr && !soft->is_null())
    return refused("RQ has no soft time limits");
  const double hard = json::number(args, "hard");
  if (!std::isfinite(hard) || hard < 1 || hard > kMaxLimitSeconds)
    throw Error(Z4J_INVALID, "hard must be from 1 second to a year", "/hard");
  const std::string seconds = std::to_string(std::llround(std::ceil(hard)));
  return changing([&] {
    const redis::Reply r =
        bench.redis.eval(scripts::kTimeLimit, {bench.settings.keys.job(target)}, {seconds});
    if (word_of(r) == "done" && part_of(r, 1) == seconds) return outcome("done");
    const std::string now = part_of(r, 1);
    if (now.empty()) return refused("RQ has no such job");
    return refused("the job is " + now + "; only the limit of a waiting job can be changed");
  });
}

json::Object delete_job(Bench& bench, const std::string& id) {
  // The job may move while it is looked at.
  for (int tries = 0;; ++tries) {
    const rq::Job job = reading([&] { return read_job(bench.redis, bench.settings.keys, id).job; });
    if (!job.exists()) return refused("RQ has no such job");
    if (status_of(job.status) == Status::started)
      return refused("the job is running; stop it first");
    const rq::Keys& keys = bench.settings.keys;
    redis::Args names = {keys.job(id), keys.queue(job.origin)};
    for (const char* kind : {"scheduled", "deferred", "canceled", "finished", "failed", "wip"})
      names.push_back(keys.registry(kind, job.origin));
    for (const std::string& key : {keys.dependents(id), keys.dependencies(id), keys.results(id),
                                   keys.prefix + "executions:" + id})
      names.push_back(key);
    const redis::Reply awaited = reading([&] {
      return bench.redis.command({"SMEMBERS", keys.dependencies(id)});
    });
    for (const redis::Reply& other : awaited.items) {
      if (usable_id(other.text)) names.push_back(keys.dependents(other.text));
    }
    json::Object answer = changing([&] {
      const redis::Reply r =
          bench.redis.eval(scripts::kDelete, names, {id, job.origin, job.status});
      if (word_of(r) != "done" || r.items.size() != 2) return changed_meanwhile(r);
      json::Object o = outcome("done");
      o["was"] = job.status;
      if (r.items[1].integer > 0) {
        o["warnings"] = json::Array{std::to_string(r.items[1].integer) +
                                    " other jobs wait for it, and stay deferred"};
      }
      return o;
    });
    if (!is_refused(answer)) {
      if (!is_final(status_of(job.status)) && json::text(answer, "outcome") == "done") {
        bench.shared.purged.add({{id, job.origin, now_us(), "deleted"}});
        bench.shared.gate.wake();
      }
      return answer;
    }
    if (tries == 3) return answer;
  }
}

}  // namespace z4j::engine_rq
