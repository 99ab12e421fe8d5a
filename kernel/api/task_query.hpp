// What the list of tasks takes as its filter, for all that reads the same query.
#pragma once

#include "api/input.hpp"
#include "core/tasks.hpp"

namespace z4j::api {

// Problems go to `query`. Unknown states and priorities are ignored, as clients of old expect.
[[nodiscard]] core::TaskFilter read_task_filter(Input& query);

}  // namespace z4j::api
