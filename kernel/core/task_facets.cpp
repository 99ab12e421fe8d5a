#include "core/task_facets.hpp"

#include <algorithm>

namespace z4j::core {
namespace {

namespace task_col = model::tasks;

}  // namespace

base::Result<TaskStates> count_states(Store& store, const base::Uuid& project,
                                      const TaskFilter& filter, std::uint64_t most,
                                      std::uint32_t timeout_ms) {
  Query query(Table::tasks);
  query.where = filter.where(project);
  query.group(task_col::state).count().scan_limit(most).timeout_ms(timeout_ms);
  TaskStates out;
  auto done = store.each(query, [&out](const Row& row) {
    const std::string_view state = row.is_null(0) ? "pending" : row.text(0);
    const auto known = std::find(kTaskStateNames.begin(), kTaskStateNames.end(), state);
    if (known != kTaskStateNames.end())
      out.by_state[static_cast<std::size_t>(known - kTaskStateNames.begin())] += row.num(1);
    out.total += row.num(1);
    return true;
  });
  if (!done) return std::move(done).error();
  out.is_capped = out.is_approximate = static_cast<std::uint64_t>(out.total) >= most;
  return out;
}

}  // namespace z4j::core
