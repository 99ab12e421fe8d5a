#include "core/tasks.hpp"

#include <algorithm>
#include <limits>

#include "core/refusal.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace task_col = model::tasks;
namespace event_col = model::events;

constexpr std::size_t kTreeNodes = 500;

constexpr std::initializer_list<std::uint16_t> kTaskViewColumns = {
    task_col::id,          task_col::project_id,     task_col::engine,       task_col::task_id,
    task_col::name,        task_col::state,          task_col::finished_at,  task_col::runtime_ms,
    task_col::result,      task_col::exception,      task_col::traceback,    task_col::received_at,
    task_col::args,        task_col::kwargs,         task_col::eta,          task_col::started_at,
    task_col::worker_name, task_col::queue,          task_col::priority,     task_col::sort_at,
    task_col::retry_count, task_col::parent_task_id, task_col::root_task_id, task_col::tags,
    task_col::retry_of,    task_col::retried_as,     task_col::created_at,   task_col::updated_at};

constexpr std::initializer_list<std::uint16_t> kTaskNodeColumns = {
    task_col::task_id,      task_col::name,        task_col::state,      task_col::parent_task_id,
    task_col::root_task_id, task_col::received_at, task_col::finished_at};

// A column that is null until something is known of it.
std::string task_text_or(const Row& row, std::uint16_t column, std::string_view if_null) {
  const std::string_view text = row.text(column);
  return std::string(text.empty() ? if_null : text);
}

TaskView task_view_of(const Row& row) {
  TaskView t;
  t.id = row.uuid(task_col::id);
  t.project_id = row.uuid(task_col::project_id);
  t.engine = row.text(task_col::engine);
  t.task_id = row.text(task_col::task_id);
  t.name = row.text(task_col::name);
  t.queue = row.text(task_col::queue);
  t.state = task_text_or(row, task_col::state, "pending");
  t.priority = task_text_or(row, task_col::priority, "normal");
  t.exception = row.text(task_col::exception);
  t.traceback = row.text(task_col::traceback);
  t.worker_name = row.text(task_col::worker_name);
  t.parent_task_id = row.text(task_col::parent_task_id);
  t.root_task_id = row.text(task_col::root_task_id);
  t.retry_of = row.text(task_col::retry_of);
  t.retried_as = row.text(task_col::retried_as);
  t.args = row.json(task_col::args);
  t.kwargs = row.json(task_col::kwargs);
  t.result = row.json(task_col::result);
  if (base::json::Value tags = row.json(task_col::tags); tags.is_array())
    t.tags = std::move(tags.get_array());
  t.retry_count = row.num(task_col::retry_count);
  t.eta = row.num_or_none(task_col::eta);
  t.received_at = row.num_or_none(task_col::received_at);
  t.started_at = row.num_or_none(task_col::started_at);
  t.finished_at = row.num_or_none(task_col::finished_at);
  t.runtime_ms = row.num_or_none(task_col::runtime_ms);
  t.sort_at = row.num(task_col::sort_at);
  t.created_at = row.num(task_col::created_at);
  t.updated_at = row.num(task_col::updated_at);
  for (const std::uint16_t column : {task_col::args, task_col::kwargs, task_col::result,
                                     task_col::exception, task_col::traceback}) {
    t.bytes += row.text(column).size();
  }
  return t;
}

TaskNode task_node_of(const Row& row) {
  return TaskNode{std::string(row.text(task_col::task_id)),
                  std::string(row.text(task_col::name)),
                  task_text_or(row, task_col::state, "pending"),
                  std::string(row.text(task_col::parent_task_id)),
                  std::string(row.text(task_col::root_task_id)),
                  row.num_or_none(task_col::received_at),
                  row.num_or_none(task_col::finished_at)};
}

}  // namespace

base::Result<Page<TaskView>> Tasks::list(const base::Uuid& project, const TaskFilter& filter,
                                         const std::optional<Place>& after, std::uint32_t limit) {
  Query query(Table::tasks);
  query.where = filter.where(project);
  query.columns(kTaskViewColumns).order({task_col::sort_at, task_col::id}, true);
  if (after) query.after({Cell(after->at), Cell(after->id)});
  return read_page<TaskView>(
      store_, std::move(query), limit, task_view_of,
      [](const TaskView& t) {
        return Place{t.sort_at, t.id};
      },
      [](const TaskView& t) { return t.bytes; });
}

base::Result<TaskView> Tasks::find(const base::Uuid& project, std::string_view engine,
                                   std::string_view task_id) {
  Query query(Table::tasks);
  query.where.eq(task_col::id, model::task_row_id(project, engine, task_id))
      .eq(task_col::project_id, project);
  auto row = store_.first(query.columns(kTaskViewColumns));
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("task");
  return task_view_of(**row);
}

base::Result<Page<TaskEventView>> Tasks::events(const base::Uuid& project, std::string_view engine,
                                                std::string_view task_id,
                                                const std::optional<Place>& after,
                                                std::uint32_t limit) {
  Query query(Table::events);
  query.where.eq(event_col::project_id, project)
      .eq(event_col::task_id, task_id)
      .eq(event_col::engine, engine);
  query
      .columns({event_col::id, event_col::project_id, event_col::agent_id, event_col::engine,
                event_col::task_id, event_col::kind, event_col::occurred_at, event_col::payload})
      .order({event_col::occurred_at, event_col::id}, true);
  if (after) query.after({Cell(after->at), Cell(after->id)});
  const auto make = [](const Row& row) {
    TaskEventView e;
    e.id = row.uuid(event_col::id);
    e.project_id = row.uuid(event_col::project_id);
    e.agent_id = row.uuid(event_col::agent_id);
    e.engine = row.text(event_col::engine);
    e.task_id = row.text(event_col::task_id);
    e.kind = row.text(event_col::kind);
    e.occurred_at = row.num(event_col::occurred_at);
    if (base::json::Value payload = row.json(event_col::payload); payload.is_object())
      e.payload = std::move(payload.get_object());
    e.bytes = row.text(event_col::payload).size();
    return e;
  };
  return read_page<TaskEventView>(
      store_, std::move(query), limit, make,
      [](const TaskEventView& e) {
        return Place{e.occurred_at, e.id};
      },
      [](const TaskEventView& e) { return e.bytes; });
}

base::Result<TaskTree> Tasks::tree(const base::Uuid& project, std::string_view engine,
                                   std::string_view task_id) {
  auto anchor = find(project, engine, task_id);
  if (!anchor) return std::move(anchor).error();
  TaskTree tree;
  tree.root_task_id = anchor->root_task_id.empty() ? anchor->task_id : anchor->root_task_id;

  Query root(Table::tasks);
  root.where.eq(task_col::id, model::task_row_id(project, engine, tree.root_task_id))
      .eq(task_col::project_id, project);
  auto root_row = store_.first(root.columns(kTaskNodeColumns));
  if (!root_row) return std::move(root_row).error();
  if (root_row->has_value()) tree.nodes.push_back(task_node_of(**root_row));

  Query others(Table::tasks);
  others.where.eq(task_col::project_id, project)
      .eq(task_col::root_task_id, tree.root_task_id)
      .eq(task_col::engine, engine)
      .ne(task_col::task_id, tree.root_task_id);
  auto rows = store_.read(others.columns(kTaskNodeColumns).limit(kTreeNodes + 1));
  if (!rows) return std::move(rows).error();
  for (const Row& row : *rows) {
    if (tree.nodes.size() < kTreeNodes)
      tree.nodes.push_back(task_node_of(row));
    else
      tree.truncated = true;
  }
  const auto when = [](const TaskNode& n) {
    return n.received_at.value_or(std::numeric_limits<base::TimeUs>::max());
  };
  std::stable_sort(tree.nodes.begin(), tree.nodes.end(),
                   [&](const TaskNode& a, const TaskNode& b) { return when(a) < when(b); });
  return tree;
}

}  // namespace z4j::core
