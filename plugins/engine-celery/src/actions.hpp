// The commands. Each answers the JSON of docs/abi/engine.md, or throws when it could not even be
// tried.
#pragma once

#include "src/arguments.hpp"
#include "src/emitter.hpp"
#include "src/lines.hpp"
#include "src/settings.hpp"
#include "src/shared.hpp"
#include "src/worker_facts.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace z4j::engine_celery {

// One thread. `remaining_ms` of an operation bounds the wait for a confirmation.
class Actions {
 public:
  Actions(const Settings& settings, Lines& lines, Shared& shared, Emitter& emitter,
          WorkerFacts& facts)
      : settings_(settings), lines_(lines), shared_(shared), emitter_(emitter), facts_(facts) {}

  [[nodiscard]] std::string run(std::uint64_t verb, std::string_view target, std::string_view args,
                                std::int64_t remaining_ms);

 private:
  json::Object retry(const std::string& task_id, std::string_view args);
  json::Object enqueue(const std::string& task, std::string_view args);
  json::Object revoke(const std::string& task_id, const json::Object& args,
                      std::int64_t remaining_ms);
  json::Object revoke_at_workers(const std::string& task_id, const json::Object& args,
                                 std::int64_t remaining_ms);
  json::Object purge(const std::string& queue, const json::Object& args);

  json::Object publish(const std::string& queue, int priority, const std::string& message,
                       json::Object answer);
  // False: workers answered, and none of them can run it.
  bool can_run(const std::string& task, json::Array& warnings);
  bool saw_revoked(const std::string& task_id, std::int64_t wait_ms);
  void tell_removed(const std::string& message, const std::string& queue, const char* reason);

  const Settings& settings_;
  Lines& lines_;
  Shared& shared_;
  Emitter& emitter_;
  WorkerFacts& facts_;
};

}  // namespace z4j::engine_celery
