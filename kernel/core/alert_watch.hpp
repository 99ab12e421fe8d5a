// Looks at what is stored for what people want to hear of and no event tells: agents and workers
// that went, queues that grew, tasks that run for too long, commands nobody answered.
//
// One brain at a time looks. It remembers what it saw: a change since is an occasion, the first
// look is not. What changes between two lookers' looks is not told. One thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/alert_index.hpp"
#include "core/occasion.hpp"
#include "core/store.hpp"

namespace z4j::core {

class AlertWatch {
 public:
  struct Options {
    std::int64_t slow_task_ms = 300'000;  // where a subscription says nothing
    std::int64_t deep_queue = 1'000;
  };

  AlertWatch(Store& store, const base::Clock& clock, Options options)
      : store_(store), clock_(clock), options_(options) {}

  // What happened since the last look.
  [[nodiscard]] base::Result<std::vector<Occasion>> look(const AlertIndex& index);
  // Somebody else looked meanwhile.
  void forget();

 private:
  using States = std::map<base::Uuid, std::string>;  // of agents or workers
  [[nodiscard]] base::Status look_at_agents(const AlertIndex& index, std::vector<Occasion>& out);
  [[nodiscard]] base::Status look_at_workers(const AlertIndex& index, std::vector<Occasion>& out);
  [[nodiscard]] base::Status look_at_queues(const AlertIndex& index, std::vector<Occasion>& out);
  [[nodiscard]] base::Status look_at_tasks(const AlertIndex& index, std::vector<Occasion>& out);
  [[nodiscard]] base::Status look_at_commands(const AlertIndex& index, std::vector<Occasion>& out);

  Store& store_;
  const base::Clock& clock_;
  const Options options_;
  std::map<base::Uuid, States> agents_, workers_;     // by project
  std::set<std::pair<base::Uuid, base::Uuid>> deep_;  // subscription and queue
  std::map<std::string, base::TimeUs> slow_;          // told, and when
  base::TimeUs commands_since_ = 0;                   // 0: not looked yet
};

}  // namespace z4j::core
