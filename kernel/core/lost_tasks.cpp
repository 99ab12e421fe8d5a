#include "core/lost_tasks.hpp"

#include <map>

#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace task_col = model::tasks;
namespace worker_col = model::workers;
namespace json = base::json;

constexpr std::size_t kIdsTold = 100;

json::Array evidence_of(const LostTask& task, const std::map<std::string, std::string>& workers) {
  json::Array out;
  out.push_back(
      json::Object{{"source", "events"},
                   {"said", task.state.empty() ? "sent, and nothing after that"
                                               : task.state + ", and nothing after that"}});
  out.push_back(json::Object{{"source", "engine"},
                             {"said", "no trace in queues, workers and results"},
                             {"asked_at", json::Array{base::format_time(task.first_asked_at),
                                                      base::format_time(task.last_asked_at)}}});
  if (task.worker.empty()) return out;
  const auto worker = workers.find(task.worker);
  out.push_back(
      json::Object{{"source", "worker"},
                   {"worker", task.worker},
                   {"said", worker == workers.end() ? std::string("unknown") : worker->second}});
  return out;
}

base::Result<std::map<std::string, std::string>> worker_states(Store& store,
                                                               const base::Uuid& project,
                                                               std::string_view engine,
                                                               const std::vector<LostTask>& tasks) {
  std::map<std::string, std::string> out;
  std::vector<Cell> rows;
  for (const LostTask& task : tasks) {
    if (!task.worker.empty()) rows.emplace_back(model::worker_row_id(project, engine, task.worker));
  }
  if (rows.empty()) return out;
  Query query(Table::workers);
  query.where.in(worker_col::id, std::move(rows));
  auto read =
      store.each(query.columns({worker_col::name, worker_col::state}), [&out](const Row& row) {
        out.emplace(row.text(worker_col::name), row.text(worker_col::state));
        return true;
      });
  if (!read) return std::move(read).error();
  return out;
}

}  // namespace

base::Status note_lost_tasks(Store& store, Audit& audit, const base::Uuid& project,
                             std::string_view engine, const std::vector<LostTask>& tasks,
                             base::TimeUs now, const std::optional<Fence>& fence) {
  auto workers = worker_states(store, project, engine, tasks);
  if (!workers) return std::move(workers).error();
  json::Array ids;
  for (const LostTask& task : tasks) {
    if (ids.size() < kIdsTold) ids.emplace_back(task.task_id);
  }
  AuditEntry entry = AuditEntry::of({}, "task.reconciled_lost", "engine", engine, project);
  entry.metadata = {{"tasks", static_cast<std::int64_t>(tasks.size())},
                    {"task_ids", std::move(ids)}};
  return audit.commit({std::move(entry)}, [&](Commit& commit) {
    if (fence) fence->guard(commit);
    for (const LostTask& task : tasks) {
      Where same;
      same.eq(task_col::id, task.row_id).le(task_col::updated_at, task.last_asked_at);
      if (task.state.empty())
        same.is_null(task_col::state);
      else
        same.eq(task_col::state, task.state);
      commit.update(Table::tasks, std::move(same),
                    {{task_col::reconciled_as, Cell(kReconciledLost)},
                     {task_col::reconciled_at, now},
                     {task_col::evidence, Cell(json::write(evidence_of(task, *workers)))}});
    }
  });
}

}  // namespace z4j::core
