#include "core/task_removal.hpp"

#include <utility>

namespace z4j::core {
namespace {

namespace task_col = model::tasks;

}  // namespace

base::Result<std::uint64_t> TaskRemoval::by_ids(const base::Uuid& project,
                                                const std::vector<base::Uuid>& ids,
                                                const Actor& actor) {
  if (ids.empty()) return std::uint64_t{0};
  Where where;
  where.eq(task_col::project_id, project)
      .in(task_col::id, std::vector<Cell>(ids.begin(), ids.end()));
  return erase(project, where, {{"ids", ids.size()}}, actor);
}

base::Result<std::uint64_t> TaskRemoval::by_filter(const base::Uuid& project,
                                                   const BulkFilter& filter,
                                                   base::json::Object said, const Actor& actor) {
  return erase(project, filter.where(project), {{"filter", std::move(said)}}, actor);
}

base::Result<std::uint64_t> TaskRemoval::erase(const base::Uuid& project, const Where& where,
                                               base::json::Object said, const Actor& actor) {
  auto matching = store_.count(Table::tasks, where, kMostByFilter);
  if (!matching) return std::move(matching).error();
  AuditEntry entry = AuditEntry::of(actor, "tasks.bulk_delete", "task", "", project);
  entry.metadata = std::move(said);
  entry.metadata["matching"] = *matching;
  Commit commit;
  auto done = audit_.commit(
      {std::move(entry)},
      [&where](Commit& step) { step.erase(Table::tasks, where, kMostByFilter); }, commit);
  if (!done) return std::move(done).error();
  return commit.affected(0);
}

}  // namespace z4j::core
