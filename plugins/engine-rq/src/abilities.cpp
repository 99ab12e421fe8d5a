// What can be done with this RQ now, and why not. The words of the table are for people.
#include "src/snapshots.hpp"
#include "src/worker_watch.hpp"

#include <charconv>
#include <utility>

namespace z4j::engine_rq {
namespace {

// What an action needs besides Redis.
enum class Needs { nothing, worker_that_listens, worker_that_stops_jobs };

struct Ability {
  const char* action;
  const char* how;
  const char* reason;
  Needs needs = Needs::nothing;
};

constexpr Ability kAbilities[] = {
    {"submit_task", "native", ""},
    {"retry_task", "native",
     "as long as RQ keeps the job: failed ones for a year, finished ones "
     "for minutes, unless they say otherwise"},
    {"retry_edited", "conditional", "only jobs whose arguments are plain data"},
    {"bulk_retry", "emulated", ""},
    {"cancel_waiting", "emulated", "jobs that wait for it stay deferred"},
    {"terminate_running", "conditional", "the worker must listen to commands (RQ 1.7 and newer)",
     Needs::worker_that_stops_jobs},
    {"purge_queue", "emulated", ""},
    {"purge_with_copy", "emulated", ""},
    {"requeue_dead_letter", "native", ""},
    {"rate_limit", "impossible", "RQ has no rate limits"},
    {"time_limit", "conditional", "only that of one waiting job; RQ has no soft limits"},
    {"pool_resize", "impossible", "an RQ worker runs one job at a time; start or end workers"},
    {"autoscale", "impossible", "an RQ worker runs one job at a time; start or end workers"},
    {"add_consumer", "impossible", "an RQ worker serves the queues it was started with"},
    {"cancel_consumer", "impossible", "an RQ worker serves the queues it was started with"},
    {"restart_worker", "impossible",
     "RQ can only end a worker; what supervises it may start it again"},
    {"shutdown_worker", "conditional", "the worker must listen to commands (RQ 1.6 and newer)",
     Needs::worker_that_listens},
    {"pause_queue", "impossible", "RQ can only pause all queues of a database together"},
    {"pause_engine", "native", "all workers on this Redis database, whatever queue they serve"},
    {"list_queues", "native", ""},
    {"list_waiting", "native", ""},
    {"list_workers", "native", ""},
    {"task_registry", "emulated", "RQ keeps none: the functions of the jobs seen so far"},
    {"reconcile_task", "native", ""},
    {"result_value", "conditional", "until the result expires, 500 seconds by default"},
    {"delete_task", "emulated", "not while it runs"},
};

bool at_least(const std::string& version, int major, int minor) {
  int a = 0, b = 0;
  const char* end = version.data() + version.size();
  const auto first = std::from_chars(version.data(), end, a);
  if (first.ec != std::errc()) return true;  // unknown: what it answers will tell
  if (first.ptr != end && *first.ptr == '.')
    static_cast<void>(std::from_chars(first.ptr + 1, end, b));
  return a > major || (a == major && b >= minor);
}

// Why this worker can't; "" when it can.
std::string obstacle(const rq::Worker& worker, Needs needs, std::int64_t now) {
  if (worker.liveness(now) == "offline") return "offline";
  if (needs == Needs::worker_that_stops_jobs && !at_least(worker.version, 1, 7))
    return "older than RQ 1.7: " + worker.version;
  if (needs == Needs::worker_that_listens && !at_least(worker.version, 1, 6))
    return "older than RQ 1.6: " + worker.version;
  return {};
}

}  // namespace

json::Object abilities(Bench& bench) {
  const std::vector<rq::Worker> workers = read_workers(bench.redis, bench.settings.keys);
  const std::int64_t now = now_us();
  json::Array items;
  for (const Ability& ability : kAbilities) {
    json::Object o{{"action", ability.action}, {"how", ability.how}};
    bool available = std::string_view(ability.how) != "impossible";
    std::string reason = ability.reason;
    if (ability.needs != Needs::nothing) {
      json::Object differing;
      bool anybody = false;
      for (const rq::Worker& worker : workers) {
        const std::string why = obstacle(worker, ability.needs, now);
        anybody = anybody || why.empty();
        if (!why.empty() && why != "offline") differing[worker.name] = why;
      }
      if (!anybody) {
        available = false;
        reason = "no worker listens to commands now";
      }
      if (!differing.empty()) o["workers"] = std::move(differing);
    }
    o["available"] = available;
    if (!reason.empty()) o["reason"] = reason;
    items.emplace_back(std::move(o));
  }
  return answer_of(std::move(items), {});
}

}  // namespace z4j::engine_rq
