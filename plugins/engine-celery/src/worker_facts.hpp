// What workers tell of themselves when asked, kept for a few seconds: several snapshots and
// commands want the same answers.
#pragma once

#include "src/lines.hpp"
#include "src/shared.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace z4j::engine_celery {

struct WorkerAnswer {
  json::Object stats;
  json::Array active, active_queues, registered;

  [[nodiscard]] std::vector<std::string> queues() const;
  [[nodiscard]] std::vector<std::string> tasks() const;  // names it can run
};

// One thread.
class WorkerFacts {
 public:
  // By worker; only those that answered in time.
  const std::map<std::string, WorkerAnswer>& get(Lines& lines, Shared& shared, int max_age_ms);
  void forget() { asked_us_ = 0; }

 private:
  std::map<std::string, WorkerAnswer> answers_;
  std::int64_t asked_us_ = 0;
};

}  // namespace z4j::engine_celery
