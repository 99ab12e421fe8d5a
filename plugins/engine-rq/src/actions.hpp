// The commands: each looks at the job, runs one script that checks again and changes, and says what
// came of it. docs/abi/engine.md has their arguments and answers.
//
// The answer is an object with at least `outcome`. Thrown: Z4J_INVALID for arguments that make no
// sense, and what Connection throws while nothing has been changed yet; after that it is "unknown".
#pragma once

#include "lib/json/json.hpp"
#include "lib/redis/redis.hpp"
#include "src/settings.hpp"
#include "src/shared.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace z4j::engine_rq {

struct Bench {
  redis::Connection& redis;
  const Settings& settings;
  Shared& shared;
  std::chrono::steady_clock::time_point deadline;  // for what has to be waited for
};

// One job of a command, with the arguments of that one.
struct Asked {
  std::string id;
  json::Object args;
};

// retry.cpp
[[nodiscard]] json::Object retry_job(Bench& bench, const Asked& asked);
// One answer for each, in order; what makes no sense is refused.
[[nodiscard]] std::vector<json::Object> retry_jobs(Bench& bench, const std::vector<Asked>& asked);
[[nodiscard]] json::Object enqueue_job(Bench& bench, const std::string& function,
                                       const json::Object& args);
// Back from the failed registry into a queue, as RQ's own requeue does.
[[nodiscard]] json::Object requeue_dead_letter(Bench& bench, const std::string& id,
                                               const json::Object& args);

// revoke.cpp
[[nodiscard]] json::Object revoke_job(Bench& bench, const Asked& asked);
[[nodiscard]] std::vector<json::Object> revoke_jobs(Bench& bench, const std::vector<Asked>& asked);

// job_actions.cpp
[[nodiscard]] json::Object set_time_limit(Bench& bench, const std::string& target,
                                          const json::Object& args);
[[nodiscard]] json::Object delete_job(Bench& bench, const std::string& id);

// queue_actions.cpp
[[nodiscard]] json::Object purge_queue(Bench& bench, const std::string& queue);
[[nodiscard]] json::Object pause_workers(Bench& bench, const std::string& queue,
                                         const json::Object& args);
[[nodiscard]] json::Object shut_worker_down(Bench& bench, const std::string& worker);

// copies.cpp
[[nodiscard]] json::Object copy_queue(Bench& bench, const std::string& queue,
                                      const json::Object& args);

}  // namespace z4j::engine_rq
