// What live workers say they hold: running, prefetched and scheduled tasks.
#pragma once

#include "src/lines.hpp"
#include "src/shared.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace z4j::engine_celery {

struct LiveTask {
  enum class Where { active, reserved, scheduled };
  Where where = Where::active;
  std::string worker, id, task, queue;
  std::string args, kwargs;  // JSON texts, as the worker answers them: values, or reprs as strings
  std::optional<std::int64_t> started_us, eta_us;
  int priority = 0;
};

// Values: arguments as they are; a worker whose arguments JSON cannot hold does not answer at all.
// Reprs: always answered, as text for people.
enum class Arguments { values, reprs };

struct LiveTasks {
  std::vector<LiveTask> tasks;
  std::int64_t listeners = -1;                          // 0: no worker is there
  std::size_t answered = 0;                             // workers
  std::unordered_map<std::string, std::size_t> places;  // in `tasks`, by id
  [[nodiscard]] const LiveTask* find(const std::string& id) const;
};

[[nodiscard]] LiveTasks ask_live_tasks(Lines& lines, Shared& shared, Arguments arguments,
                                       int timeout_ms);

}  // namespace z4j::engine_celery
