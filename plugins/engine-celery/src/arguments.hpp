// Where the arguments of tasks that are to run again come from: for each the best source that is
// whole, or none.
#pragma once

#include "src/lines.hpp"
#include "src/live_tasks.hpp"
#include "src/search.hpp"
#include "src/settings.hpp"
#include "src/shared.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace z4j::engine_celery {

// What the operator and the kernel say about the task.
struct RetryWish {
  std::string task_id;
  std::string task, queue;                     // "" when not said
  std::string override_args, override_kwargs;  // JSON texts, "" when not said
  std::string args_repr, kwargs_repr;          // recorded, whole as far as the kernel knows
  std::string recorded_queue;
  std::string new_id;  // for the new run; "" when any will do
  std::optional<int> priority, recorded_priority;
  std::optional<std::int64_t> eta_us;
};

struct Source {
  std::string name;  // message, active, result_backend, repr, operator
  std::optional<FoundMessage> found;
  celery::Body body;  // of `found`
  std::string task, queue, root_id;
  std::string args, kwargs;  // JSON texts; "" when they stay inside the message
  std::optional<int> priority;
  bool takes_its_place = false;  // a dead letter that goes on in its chord, under its own id
  std::vector<std::string> warnings;
  std::string why;  // with an empty name: why there is no source
};

// One per wish, in their order; an empty `name` when no source is whole. Never empty arguments in
// place of unknown ones. `live` answers what workers hold now, and is asked at most once.
[[nodiscard]] std::vector<Source> find_arguments(Lines& lines, const Settings& settings,
                                                 Shared& shared,
                                                 const std::vector<RetryWish>& wishes,
                                                 const std::function<const LiveTasks&()>& live);

}  // namespace z4j::engine_celery
