#include "api/task_export.hpp"

#include <algorithm>
#include <vector>

#include "api/shapes.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::Value;

constexpr std::size_t kExportPage = 500;

struct Column {
  std::string_view name;
  bool is_usual;
};
constexpr Column kColumns[] = {
    {"task_id", true},     {"name", true},        {"state", true},       {"priority", true},
    {"queue", true},       {"worker", true},      {"received_at", true}, {"started_at", true},
    {"finished_at", true}, {"runtime_ms", true},  {"retry_count", true}, {"exception", true},
    {"traceback", false},  {"args", false},       {"kwargs", false},     {"result", false},
    {"tags", false},       {"fingerprint", false}};

std::vector<std::string> columns_of(std::string_view fields) {
  std::vector<std::string> all, usual;
  for (const Column& column : kColumns) {
    all.emplace_back(column.name);
    if (column.is_usual) usual.emplace_back(column.name);
  }
  std::vector<std::string> chosen = chosen_columns(fields, all);
  return chosen.empty() ? usual : chosen;
}

// The cell of a task's JSON that a column shows.
const Value& cell_of(const Object& task, std::string_view column) {
  return task.at(column == "worker" ? "worker_name" : column);
}

}  // namespace

net::Response export_tasks(Site& site, const Call& call, const core::TaskFilter& filter,
                           const std::optional<core::Place>& after, TableFormat format,
                           std::string_view fields, const Object& query) {
  TableFile table;
  table.record = core::AuditEntry::of(call.actor(), "tasks.exported", "project", call.project->slug,
                                      call.project->id);
  table.record.metadata = {{"query", query}};
  table.name = "z4j-tasks-" + call.project->slug;
  table.sheet = "Tasks";
  table.columns = columns_of(fields);
  const auto most = static_cast<std::size_t>(site.parts.settings.tasks_export_max_rows);
  table.next = [&tasks = site.tasks, project = call.project->id, filter,
                place = std::optional<core::Place>(after), columns = table.columns, left = most,
                is_over = false]() mutable -> base::Result<std::vector<Array>> {
    std::vector<Array> rows;
    // A search may give a page without a row and yet have more to look at.
    while (rows.empty() && !is_over) {
      auto page = tasks.list(project, filter, place,
                             static_cast<std::uint32_t>(std::min(kExportPage, left)));
      if (!page) return std::move(page).error();
      for (const core::TaskView& task : page->items) {
        const Object all = to_json(task);
        Array row;
        for (const std::string& column : columns) row.push_back(cell_of(all, column));
        rows.push_back(std::move(row));
      }
      left -= std::min(left, page->items.size());
      place = page->next;
      is_over = !place || left == 0;
    }
    return rows;
  };
  return send_table(site, call, format, std::move(table));
}

}  // namespace z4j::api
