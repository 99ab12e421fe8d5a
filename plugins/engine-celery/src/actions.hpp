// The commands. Each answers the JSON of docs/abi/engine.md, or throws when it could not even be
// tried.
#pragma once

#include "src/emitter.hpp"
#include "src/lines.hpp"
#include "src/purges.hpp"
#include "src/revocations.hpp"
#include "src/settings.hpp"
#include "src/shared.hpp"
#include "src/submissions.hpp"
#include "src/worker_control.hpp"
#include "src/worker_facts.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::engine_celery {

// One thread. `remaining_ms` of an operation bounds the wait for a confirmation.
class Actions {
 public:
  Actions(const Settings& settings, Lines& lines, Shared& shared, Emitter& emitter,
          WorkerFacts& facts)
      : lines_(lines),
        submissions_(settings, lines, shared, facts),
        revocations_(settings, lines, shared, emitter, facts),
        purges_(settings, lines, shared, emitter),
        workers_(lines, shared, facts) {}

  [[nodiscard]] std::string run(std::uint64_t verb, std::string_view target, std::string_view args,
                                std::int64_t remaining_ms);

 private:
  std::vector<json::Object> run_all(std::uint64_t verb, const std::vector<OneOfMany>& tasks,
                                    std::int64_t remaining_ms);
  json::Object requeue_dead(const std::string& task_id, const json::Object& args);

  Lines& lines_;
  Submissions submissions_;
  Revocations revocations_;
  Purges purges_;
  WorkerControl workers_;
};

}  // namespace z4j::engine_celery
