// How the tasks of a filter are spread: by state.
//
// Counting has a ceiling in rows and in time: beyond it the answer says that it is not all.
// Free functions; thread-safe. Errors: the store's, among them timeout.
#pragma once

#include <array>
#include <cstdint>

#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/store.hpp"
#include "core/task_counts.hpp"
#include "core/tasks.hpp"

namespace z4j::core {

// Of at most `most` tasks that fit, any of them.
[[nodiscard]] base::Result<TaskStates> count_states(Store& store, const base::Uuid& project,
                                                    const TaskFilter& filter, std::uint64_t most,
                                                    std::uint32_t timeout_ms);

}  // namespace z4j::core
