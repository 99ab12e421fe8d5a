#include "api/table_file.hpp"

#include <algorithm>
#include <memory>
#include <semaphore>
#include <stdexcept>

#include "api/reply.hpp"
#include "api/xlsx.hpp"
#include "core/text.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::Value;

constexpr unsigned kWorkbookRetryS = 5;
// Of the process: a workbook costs processor time and room in the temporary folder.
std::counting_semaphore<> workbooks_at_once{2};

struct WorkbookPlace {
  WorkbookPlace() : taken(workbooks_at_once.try_acquire()) {}
  ~WorkbookPlace() {
    if (taken) workbooks_at_once.release();
  }
  WorkbookPlace(const WorkbookPlace&) = delete;
  WorkbookPlace& operator=(const WorkbookPlace&) = delete;
  const bool taken;
};

// A spreadsheet must not take data for a formula.
Value harmless(const Value& cell) {
  if (!cell.is_string() || cell.get_string().empty()) return cell;
  const std::string_view text = cell.get_string();
  if (std::string_view("=+-@\t\r").find(text.front()) == std::string_view::npos) return cell;
  return Value("'" + std::string(text));
}

void append_csv_cell(std::string& out, const Value& cell) {
  std::string text;
  if (cell.is_string())
    text = std::string(harmless(cell).get_string());
  else if (!cell.is_null())
    text = base::json::write(cell);
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

void append_csv_row(std::string& out, const Array& row) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i > 0) out += ',';
    append_csv_cell(out, row[i]);
  }
  out += "\r\n";
}

// Indented by two, a member a line, as people of old read it.
void append_json_row(std::string& out, const std::vector<std::string>& columns, const Array& row,
                     bool is_first) {
  out += is_first ? "\n  {" : ",\n  {";
  for (std::size_t i = 0; i < row.size(); ++i) {
    out += (i == 0 ? "\n    " : ",\n    ") + base::json::write(Value(columns[i])) + ": " +
           base::json::write(row[i]);
  }
  out += "\n  }";
}

struct Flow {
  TableFile table;
  bool is_csv;
  bool has_head = false, has_rows = false;

  bool next(std::string& out) {
    if (!has_head) head(out);
    auto rows = table.next();
    // The head is out already: a cut connection is the only honest way to say so.
    if (!rows) throw std::runtime_error("export broke off: " + rows.error().text());
    for (const Array& row : *rows) {
      if (is_csv)
        append_csv_row(out, row);
      else
        append_json_row(out, table.columns, row, !has_rows);
      has_rows = true;
    }
    if (rows->empty() && !is_csv) out += has_rows ? "\n]\n" : "]\n";
    return !rows->empty();
  }
  void head(std::string& out) {
    has_head = true;
    if (is_csv)
      append_csv_row(out, Array(table.columns.begin(), table.columns.end()));
    else
      out += '[';
  }
};

// `count` becomes the number of its rows.
net::Response send_workbook(const Call& call, TableFile& table, std::size_t& count) {
  const WorkbookPlace place;
  if (!place.taken) {
    net::Response r = error_answer(call.request, 503, "unavailable",
                                   "other workbooks are being made; try again in a moment");
    r.headers.emplace_back("Retry-After", std::to_string(kWorkbookRetryS));
    return r;
  }
  auto opened = Xlsx::open(table.sheet, table.columns);
  if (!opened) return refuse(call, opened.error());
  auto book = std::make_shared<Xlsx>(std::move(*opened));
  while (true) {
    auto rows = table.next();
    if (!rows) return refuse(call, rows.error());
    if (rows->empty()) break;
    count += rows->size();
    if (count > kMostXlsxRows) return too_many_rows(call, count, kMostXlsxRows);
    for (Array& row : *rows) {
      for (Value& cell : row) cell = harmless(cell);
      if (auto added = book->add(row); !added) return refuse(call, added.error());
    }
  }
  if (auto closed = book->close(); !closed) return refuse(call, closed.error());
  net::Response r;
  r.content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
  r.stream = [book](std::string& out) {
    auto piece = book->read();
    if (!piece) throw std::runtime_error("export broke off: " + piece.error().text());
    out += *piece;
    return !piece->empty();
  };
  return r;
}

}  // namespace

std::optional<TableFormat> read_format(Input& query) {
  const auto format = query.text("format", {0, 10});
  if (!format || format->empty()) return std::nullopt;
  if (*format == "csv") return TableFormat::csv;
  if (*format == "xlsx") return TableFormat::xlsx;
  if (*format == "json") return TableFormat::json;
  query.problem("format", "literal_error", "must be csv, xlsx or json");
  return std::nullopt;
}

std::vector<std::string> chosen_columns(std::string_view list,
                                        const std::vector<std::string>& known) {
  std::vector<std::string> out;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string word(core::trimmed(list.substr(0, comma)));
    if (std::find(known.begin(), known.end(), word) != known.end() &&
        std::find(out.begin(), out.end(), word) == out.end())
      out.push_back(std::move(word));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return out;
}

net::Response send_table(Site& site, const Call& call, TableFormat format, TableFile table) {
  const std::string_view ending = format == TableFormat::csv    ? "csv"
                                  : format == TableFormat::json ? "json"
                                                                : "xlsx";
  const std::string name = table.name + "." + std::string(ending);
  core::AuditEntry record = std::move(table.record);
  record.metadata["format"] = ending;
  record.metadata["columns"] = Array(table.columns.begin(), table.columns.end());
  net::Response r;
  if (format == TableFormat::xlsx) {
    std::size_t rows = 0;
    r = send_workbook(call, table, rows);
    if (!r.stream) return r;
    record.metadata["rows"] = rows;
  } else {
    r.content_type = format == TableFormat::csv ? "text/csv; charset=utf-8" : "application/json";
    auto flow = std::make_shared<Flow>(Flow{std::move(table), format == TableFormat::csv});
    r.stream = [flow](std::string& out) { return flow->next(out); };
  }
  if (auto written = site.parts.audit.record_first(std::move(record)); !written)
    return refuse(call, written.error());
  r.headers.emplace_back("Content-Disposition", "attachment; filename=\"" + name + "\"");
  return r;
}

net::Response too_many_rows(const Call& call, std::uint64_t rows, std::uint64_t cap) {
  return error_answer(call.request, 422, "validation_error",
                      "there are more rows than such a file takes; narrow the filter",
                      Object{{"row_count", rows}, {"cap", cap}});
}

}  // namespace z4j::api
