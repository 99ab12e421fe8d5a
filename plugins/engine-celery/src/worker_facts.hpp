// What workers tell of themselves when asked, kept for a few seconds: several snapshots and
// commands want the same answers.
#pragma once

#include "src/lines.hpp"
#include "src/shared.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::engine_celery {

// How a worker runs its tasks: it decides what can be done to them from outside.
enum class PoolKind { unknown, prefork, solo, threads, eventlet, gevent };
[[nodiscard]] std::string_view pool_name(PoolKind kind);
[[nodiscard]] PoolKind pool_kind(const json::Object& stats);
// Processes or threads there are to run tasks; 0 when it does not tell.
[[nodiscard]] std::int64_t pool_size(const json::Object& stats);
// "" when it can be done; otherwise why not.
[[nodiscard]] std::string cannot_terminate(PoolKind kind);
[[nodiscard]] std::string cannot_resize(const json::Object& stats);
[[nodiscard]] bool autoscales(const json::Object& stats);

struct WorkerAnswer {
  json::Object stats;
  json::Array active, active_queues, registered;

  [[nodiscard]] std::vector<std::string> queues() const;
  [[nodiscard]] std::vector<std::string> tasks() const;  // names it can run, the first 5000
  [[nodiscard]] bool can_run(std::string_view task) const;
};

// Of a worker's settings only what is of use here: the rest may be secret, and is forgotten at
// once.
struct WorkerSettings {
  bool pool_restarts = false;
  bool accepts_json = true;
  std::string accepts;  // for people
};

// Names in an answer to active_queues.
[[nodiscard]] std::vector<std::string> queue_names_in(const json::Array& active_queues);

// One thread.
class WorkerFacts {
 public:
  // By worker; only those that answered in time.
  const std::map<std::string, WorkerAnswer>& get(Lines& lines, Shared& shared, int max_age_ms);
  const std::map<std::string, WorkerSettings>& settings(Lines& lines, Shared& shared,
                                                        int max_age_ms);
  // As they were when last asked.
  [[nodiscard]] const std::map<std::string, WorkerAnswer>& known() const { return answers_; }
  void forget() { asked_us_ = settings_us_ = 0; }

 private:
  std::map<std::string, WorkerAnswer> answers_;
  std::map<std::string, WorkerSettings> settings_;
  std::int64_t asked_us_ = 0, settings_us_ = 0;
};

}  // namespace z4j::engine_celery
