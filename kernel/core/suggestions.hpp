// Values that a project has, for whoever types a filter: names of tasks, queues, workers, engines,
// types of exceptions.
//
// Names of tasks come from the index of the task list, one look each; the others from small tables.
// Reentrant. Errors: the store's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/store.hpp"

namespace z4j::core {

enum class SuggestedField { name, queue, worker, engine, exception };

// Those that begin with `prefix` in byte order, at most `limit`. Behind them names of tasks that
// hold it elsewhere, upper and lower case alike, as far as a moment's search finds some.
[[nodiscard]] base::Result<std::vector<std::string>> suggest_values(Store& store,
                                                                    const base::Uuid& project,
                                                                    SuggestedField field,
                                                                    std::string_view prefix,
                                                                    std::uint32_t limit);

}  // namespace z4j::core
