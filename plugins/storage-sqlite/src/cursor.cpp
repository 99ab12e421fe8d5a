#include "cursor.hpp"

#include <z4j/plugin.hpp>

#include <z4j/storage_check.hpp>
#include "lib/json/json.hpp"
#include "lib/sql/sql_text.hpp"

namespace z4j::sqlite {
namespace {

// A page of an answer ends at so many bytes, however many rows were asked for.
constexpr std::uint64_t kBytesPerPage = 8u << 20;

}  // namespace

Cursor::Cursor(Connection& connection, const z4j_table& table, const z4j_query& query)
    : connection_(connection), stmt_(nullptr), timeout_ms_(query.timeout_ms) {
  const bool fold = store::folds(query);
  for (std::uint32_t i = 0; i < query.out_count; ++i) {
    out_.add_column(fold ? static_cast<std::uint16_t>(i) : query.outs[i].column,
                    store::out_form(table, query.outs[i]));
  }
  const sql::Statement statement = sql::select(sql::sqlite(), table, query);
  stmt_ = connection_.prepared(statement.text);
  // The query is the caller's again when this returns.
  bind_values(connection_, stmt_, statement, store_clock_us(), kCopied);
}

Cursor::~Cursor() {
  sqlite_api::sqlite3_reset(stmt_);
  sqlite_api::sqlite3_clear_bindings(stmt_);
}

const z4j_rows* Cursor::next(std::uint32_t max_rows) {
  if (ended_) return nullptr;
  out_.clear();
  connection_.limit_time(timeout_ms_);
  int rc = SQLITE_ROW;
  while (out_.rows() < max_rows && out_.bytes() < kBytesPerPage &&
         (rc = sqlite_api::sqlite3_step(stmt_)) == SQLITE_ROW) {
    for (int i = 0; i < static_cast<int>(out_.columns()); ++i) take(i);
    out_.end_row();
  }
  connection_.limit_time(0);
  connection_.must(rc);
  ended_ = rc == SQLITE_DONE;
  return out_.rows() > 0 ? out_.view() : nullptr;
}

void Cursor::take(int column) {
  const auto i = static_cast<std::size_t>(column);
  if (sqlite_api::sqlite3_column_type(stmt_, column) == SQLITE_NULL) {
    out_.null(i);
    return;
  }
  switch (out_.form(i)) {
    case Z4J_FORM_NUM:
      out_.num(i, sqlite_api::sqlite3_column_int64(stmt_, column));
      return;
    case Z4J_FORM_REAL:
      out_.real(i, sqlite_api::sqlite3_column_double(stmt_, column));
      return;
    default:
      break;
  }
  const auto* bytes = static_cast<const char*>(sqlite_api::sqlite3_column_blob(stmt_, column));
  const auto size = static_cast<std::size_t>(sqlite_api::sqlite3_column_bytes(stmt_, column));
  if (out_.form(i) == Z4J_FORM_16 && size != 16) {
    throw Error(
        Z4J_CORRUPT,
        "an id in the file is not 16 bytes long: the file was changed by hand; restore a backup",
        "/path");
  }
  out_.bytes(i, bytes != nullptr ? std::string_view(bytes, size) : std::string_view());
}

std::string explained(Connection& connection, const z4j_table& table, const z4j_query& query) {
  sqlite_api::sqlite3_stmt* stmt =
      connection.prepared("EXPLAIN QUERY PLAN " + sql::select(sql::sqlite(), table, query).text);
  std::string plan;
  const bool fold = store::folds(query);
  const bool paged = !fold && query.order_count > 0 && query.limit > 0;
  bool indexed = true;
  int rc = SQLITE_ROW;
  while ((rc = sqlite_api::sqlite3_step(stmt)) == SQLITE_ROW) {
    const auto* text = reinterpret_cast<const char*>(sqlite_api::sqlite3_column_text(stmt, 3));
    const std::string line = text != nullptr ? text : "";
    plan += (plan.empty() ? "" : "; ") + line;
    const bool scan_of_table = line.rfind("SCAN ", 0) == 0 && line.rfind("SCAN (", 0) != 0 &&
                               line != "SCAN CONSTANT ROW" &&
                               line != "SCAN z4j_group";  // values at hand, no table
    if (scan_of_table && !paged && query.scan_limit == 0) indexed = false;
    if (!fold && line.find("TEMP B-TREE FOR ORDER BY") != std::string::npos) indexed = false;
  }
  sqlite_api::sqlite3_reset(stmt);
  connection.must(rc);
  return json::write(json::Object{{"indexed", indexed}, {"plan", plan}});
}

}  // namespace z4j::sqlite
