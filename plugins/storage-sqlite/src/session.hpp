// One lane: a connection with its prepared statements. One call at a time.
#pragma once

#include <z4j/plugin.hpp>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "database.hpp"
#include "lib/sql/sql_text.hpp"

namespace z4j::sqlite {

class Session {
 public:
  explicit Session(Database& database);  // throws z4j::Error
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Z4J_OK: durable. Throws z4j::Error otherwise, with the commit's bad_* fields filled on a conflict.
  void commit(z4j_commit& commit);
  void stats(const z4j_sink& out);
  void explain(const z4j_query& query, const z4j_sink& out);
  void backup(const std::string& target);

  class Cursor;
  std::unique_ptr<Cursor> read(const z4j_query& query);

 private:
  using Statement = sqlite_api::sqlite3_stmt;
  Statement* prepared(const std::string& text);
  void bind_values(Statement* statement, const sql::Statement& made, int first);
  void bind_row(Statement* statement, const z4j_rows& rows, std::uint32_t row, const z4j_table& table);
  bool row_exists(const z4j_table& table, const z4j_rows& rows, std::uint32_t row);
  std::uint64_t run_rows(const z4j_table& table, z4j_step& step, std::uint32_t index, z4j_commit& commit);
  std::uint64_t run_step(const z4j_table& table, z4j_step& step, std::uint32_t index, z4j_commit& commit);
  const z4j_table& table(std::uint16_t number) const;
  void step_done(Statement* statement, std::string_view doing);

  Database& database_;
  Connection connection_;
  std::unordered_map<std::string, Statement*> statements_;
  std::int64_t now_us_ = 0;  // the store's clock, one reading per call
};

// Rows of one query. The session must outlive it and does nothing else meanwhile.
class Session::Cursor {
 public:
  Cursor(Session& session, const z4j_query& query);
  ~Cursor();
  // Null after the last row. Valid until the next call.
  const z4j_rows* next(std::uint32_t max_rows);

 private:
  struct Column {
    z4j_out out{};
    std::uint16_t type = 0, form = 0;
    std::vector<std::uint8_t> valid;
    std::vector<std::int64_t> nums;
    std::vector<double> reals;
    std::string bytes;
    std::vector<std::uint32_t> offsets;
  };
  static int overdue(void* self);

  Session& session_;
  Statement* statement_ = nullptr;
  std::vector<Column> columns_;
  std::vector<z4j_col> views_;
  z4j_rows rows_{};
  std::int64_t deadline_ms_ = 0;
  bool folded_ = false, done_ = false;
};

}  // namespace z4j::sqlite
