// A table as a file to save: CSV, XLSX or JSON, read page by page.
//
// CSV and JSON flow while they are read; a workbook is made first, in a temporary file, two at a
// time. Texts that a spreadsheet would take for a formula get an apostrophe before them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/input.hpp"
#include "api/site.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "core/audit_entry.hpp"
#include "net/http.hpp"

namespace z4j::api {

enum class TableFormat { csv, xlsx, json };

inline constexpr std::size_t kMostXlsxRows = 25'000;

struct TableFile {
  std::string name;   // of the file, without its ending
  std::string sheet;  // of the workbook
  std::vector<std::string> columns;
  // The next rows, a value per column; none: that was the last. Lives as long as the answer.
  std::function<base::Result<std::vector<base::json::Array>>()> next;
  core::AuditEntry record;  // who takes what; how it is written is added
};

// `format`: nothing when none is asked for; an unknown one is a problem of `query`.
[[nodiscard]] std::optional<TableFormat> read_format(Input& query);
// Those of `known` that a comma list names, in its order, each once; unknown names are left out.
[[nodiscard]] std::vector<std::string> chosen_columns(std::string_view list,
                                                      const std::vector<std::string>& known);

// Nothing is sent that could not be written down first.
[[nodiscard]] net::Response send_table(Site& site, const Call& call, TableFormat format,
                                       TableFile table);
// 422 with details.row_count and details.cap.
[[nodiscard]] net::Response too_many_rows(const Call& call, std::uint64_t rows, std::uint64_t cap);

}  // namespace z4j::api
