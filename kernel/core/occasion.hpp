// Something happened that people may want to hear of, and how it is told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/uuid.hpp"
#include "core/courier.hpp"

namespace z4j::core {

// Texts are as stored: redacted and bounded.
struct Occasion {
  std::string_view trigger;  // one of kTriggers
  base::Uuid project_id;     // nil: all projects
  base::TimeUs at = 0;
  std::string subject;  // what it is about: a task's name, an agent's, a queue's
  std::string detail;   // a line more, "" none
  std::string task_id, task_name, engine, queue, priority, state, exception, traceback, worker;
  std::optional<base::Uuid> task_row;      // has more to say
  std::optional<std::int64_t> runtime_ms;  // of task.slow
  // For this subscription alone.
  std::optional<base::Uuid> subscription_id;
  // Two occasions of the same text are one, for one subscription: it is told once. "": always told.
  std::string once;
};

// Of task.slow: the run of a task, whoever tells of it.
[[nodiscard]] std::string slow_task_name(const base::Uuid& task_row, base::TimeUs started_at);
// "Task failed: shop.charge".
[[nodiscard]] std::string occasion_title(const Occasion& occasion);
// What an inbox shows below: the exception, else what state it is in; "" when there is nothing.
[[nodiscard]] std::string occasion_body(const Occasion& occasion);
// {"task_id", "task_name", "engine", "queue", "priority"}.
[[nodiscard]] base::json::Object occasion_data(const Occasion& occasion);

struct OccasionProject {
  std::string slug, name;
};
// `public_url`: of the console; "" when it is not known.
[[nodiscard]] CourierMessage occasion_message(const Occasion& occasion,
                                              const OccasionProject& project,
                                              std::string_view public_url);

}  // namespace z4j::core
