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

namespace z4j::engine_rq {

struct Bench {
  redis::Connection& redis;
  const Settings& settings;
  Shared& shared;
  std::chrono::steady_clock::time_point deadline;  // for what has to be waited for
};

[[nodiscard]] json::Object retry_job(Bench& bench, const std::string& id, const json::Object& args);
[[nodiscard]] json::Object revoke_job(Bench& bench, const std::string& id,
                                      const json::Object& args);
[[nodiscard]] json::Object purge_queue(Bench& bench, const std::string& queue);
[[nodiscard]] json::Object pause_workers(Bench& bench, const std::string& queue,
                                         const json::Object& args);
[[nodiscard]] json::Object enqueue_job(Bench& bench, const std::string& function,
                                       const json::Object& args);

}  // namespace z4j::engine_rq
