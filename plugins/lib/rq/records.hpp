// Keys, job hashes, worker hashes and result entries of RQ 1.x and 2.x as plain values. Times are
// UTC microseconds; a missing one is an empty optional. Texts are cleaned to UTF-8 and cut.
#pragma once

#include "lib/json/json.hpp"
#include "lib/redis/redis.hpp"
#include "lib/rq/call.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::rq {

using Time = std::optional<std::int64_t>;

// Where RQ keeps things. The prefix is "rq:" unless its classes were changed.
struct Keys {
  std::string prefix = "rq:";

  [[nodiscard]] std::string queues() const { return prefix + "queues"; }
  [[nodiscard]] std::string queue(std::string_view name) const {
    return prefix + "queue:" + std::string(name);
  }
  [[nodiscard]] std::string job(std::string_view id) const {
    return prefix + "job:" + std::string(id);
  }
  [[nodiscard]] std::string dependents(std::string_view id) const {
    return job(id) + ":dependents";
  }
  [[nodiscard]] std::string dependencies(std::string_view id) const {
    return prefix + "job::" + std::string(id) + ":dependencies";
  }
  [[nodiscard]] std::string results(std::string_view id) const {
    return prefix + "results:" + std::string(id);
  }
  // "wip", "finished", "failed", "deferred", "scheduled", "canceled"
  [[nodiscard]] std::string registry(std::string_view kind, std::string_view queue) const {
    return prefix + std::string(kind) + ":" + std::string(queue);
  }
  [[nodiscard]] std::string workers() const { return prefix + "workers"; }
  [[nodiscard]] std::string workers_of(std::string_view queue) const {
    return prefix + "workers:" + std::string(queue);
  }
  [[nodiscard]] std::string worker(std::string_view name) const {
    return prefix + "worker:" + std::string(name);
  }
  [[nodiscard]] std::string suspended() const { return prefix + "suspended"; }
  [[nodiscard]] std::string scheduler_lock(std::string_view queue) const {
    return prefix + "scheduler-lock:" + std::string(queue);
  }
  [[nodiscard]] std::string commands_to(std::string_view worker) const {
    return prefix + "pubsub:" + std::string(worker);
  }
  // The queue's name in a member of queues(), or the worker's in one of workers(); "" when foreign.
  [[nodiscard]] std::string queue_in(std::string_view member) const;
  [[nodiscard]] std::string worker_in(std::string_view member) const;
};

struct Job {
  std::string id;
  std::string status;  // "" when there is no such job
  std::string origin;  // its queue
  std::string description;
  std::string worker_name;
  Time created_at, enqueued_at, started_at, ended_at, last_heartbeat;
  std::int64_t retries_left = -1;  // -1: never had any
  bool has_dependencies = false;
  std::string exc_info;  // text
  std::string data;      // as stored
  std::string result;    // as stored, older versions

  [[nodiscard]] bool exists() const noexcept { return !status.empty() || created_at.has_value(); }
};

// The fields of a job that are worth reading, in the order job_from_fields() wants their values.
[[nodiscard]] const std::vector<std::string>& job_fields();
// The small ones only: no data, no result, no error text.
[[nodiscard]] const std::vector<std::string>& job_light_fields();
// From the reply to HMGET with one of the two lists.
[[nodiscard]] Job job_from_fields(std::string id, const redis::Reply& values);

struct Worker {
  std::string name, state, hostname, ip_address, version, python_version, current_job;
  std::int64_t pid = 0, successful_jobs = 0, failed_jobs = 0;
  double working_seconds = 0;
  std::vector<std::string> queues;
  Time birth, death, last_heartbeat, shutdown_requested;

  // "online", "offline", "draining", "unknown"
  [[nodiscard]] std::string_view liveness(std::int64_t now_us) const;
  [[nodiscard]] bool exists() const noexcept {
    return birth.has_value() || !queues.empty() || !state.empty();
  }
};
// From the reply to HGETALL.
[[nodiscard]] Worker worker_from_hash(std::string name, const redis::Reply& pairs);

enum class ResultType {
  none = 0,
  success = 1,
  failed = 2,
  stopped = 3,
  retried = 4,
  retries_exceeded = 5
};
struct Result {
  ResultType type = ResultType::none;
  std::string return_value;  // serialized; decode_value() shows it
  std::string exc_string;    // text
  std::string worker_name;
  Time written_at, started_at, ended_at;
};
// From one entry of XRANGE or XREVRANGE: [id, [field, value, ...]].
[[nodiscard]] Result result_from_entry(const redis::Reply& entry);

// Members of the started registry: "id" in 1.x, "id:execution" in 2.x; ids of 1.x may hold colons
// too. The part before the last colon, or "" when there is none.
[[nodiscard]] std::string job_id_before_execution(std::string_view member);

}  // namespace z4j::rq
