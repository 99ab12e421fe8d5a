#include "api/task_export.hpp"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <vector>

#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "core/text.hpp"

namespace z4j::api {
namespace {

using base::json::Object;
using base::json::Value;

constexpr std::size_t kExportRows = 50'000;
constexpr std::uint32_t kExportPage = 500;

struct Column {
  std::string_view name;
  std::string_view member;  // of the task's JSON
  bool is_usual;
};
constexpr Column kColumns[] = {{"task_id", "task_id", true},
                               {"name", "name", true},
                               {"state", "state", true},
                               {"priority", "priority", true},
                               {"queue", "queue", true},
                               {"worker", "worker_name", true},
                               {"received_at", "received_at", true},
                               {"started_at", "started_at", true},
                               {"finished_at", "finished_at", true},
                               {"runtime_ms", "runtime_ms", true},
                               {"retry_count", "retry_count", true},
                               {"exception", "exception", true},
                               {"traceback", "traceback", false},
                               {"args", "args", false},
                               {"kwargs", "kwargs", false},
                               {"result", "result", false},
                               {"tags", "tags", false}};

std::vector<const Column*> chosen_columns(std::string_view fields) {
  std::vector<const Column*> out;
  std::string_view rest = fields;
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view word = core::trimmed(rest.substr(0, comma));
    for (const Column& c : kColumns) {
      if (c.name == word && std::find(out.begin(), out.end(), &c) == out.end()) out.push_back(&c);
    }
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  if (out.empty()) {
    for (const Column& c : kColumns) {
      if (c.is_usual) out.push_back(&c);
    }
  }
  return out;
}

// One CSV cell. A spreadsheet must not take data for a formula.
void append_cell(std::string& out, const Value& value) {
  std::string text;
  if (value.is_string())
    text.assign(value.get_string().data(), value.get_string().size());
  else if (!value.is_null())
    text = base::json::write(value);
  if (value.is_string() && !text.empty() &&
      std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos)
    text.insert(0, 1, '\'');
  if (text.find_first_of("\",\r\n") == std::string::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

struct Exporter {
  core::Tasks& tasks;
  base::Uuid project;
  core::TaskFilter filter;
  std::optional<core::Place> after;
  std::vector<const Column*> columns;
  bool is_csv;
  std::size_t rows = 0;
  bool is_done = false;

  void append(std::string& out, const core::TaskView& task) {
    const Object all = to_json(task);
    if (is_csv) {
      for (std::size_t i = 0; i < columns.size(); ++i) {
        if (i > 0) out += ',';
        append_cell(out, all.at(columns[i]->member));
      }
      out += "\r\n";
    } else {
      Object row;
      for (const Column* c : columns) row[c->name] = all.at(c->member);
      out += rows == 0 ? "\n  " : ",\n  ";
      out += base::json::write(row);
    }
    ++rows;
  }

  void head(std::string& out) const {
    if (!is_csv) {
      out += '[';
      return;
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i > 0) out += ',';
      out += columns[i]->name;
    }
    out += "\r\n";
  }

  bool next(std::string& out) {
    if (is_done) return false;
    const auto want =
        static_cast<std::uint32_t>(std::min<std::size_t>(kExportPage, kExportRows - rows));
    auto page = tasks.list(project, filter, after, want);
    // The head is out already: a cut connection is the only honest way to say so.
    if (!page) throw std::runtime_error("export broke off: " + page.error().text());
    for (const core::TaskView& task : page->items) append(out, task);
    after = page->next;
    is_done = !after || rows >= kExportRows;
    if (is_done && !is_csv) out += "\n]\n";
    return true;
  }
};

}  // namespace

net::Response export_tasks(Site& site, const core::Project& project, const core::TaskFilter& filter,
                           const std::optional<core::Place>& after, std::string_view format,
                           std::string_view fields) {
  auto exporter = std::make_shared<Exporter>(
      Exporter{site.tasks, project.id, filter, after, chosen_columns(fields), format == "csv"});
  net::Response r;
  r.content_type = exporter->is_csv ? "text/csv; charset=utf-8" : "application/json";
  r.headers.emplace_back("Content-Disposition", "attachment; filename=\"z4j-tasks-" + project.slug +
                                                    "." + std::string(format) + "\"");
  bool has_head = false;
  r.stream = [exporter, has_head](std::string& out) mutable {
    if (!has_head) {
      has_head = true;
      exporter->head(out);
    }
    return exporter->next(out);
  };
  return r;
}

}  // namespace z4j::api
