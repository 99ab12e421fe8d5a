// The rows of one answer, and what SQLite plans to do for it.
#pragma once

#include <z4j/abi.h>
#include <z4j/storage.hpp>

#include <string>

#include "connection.hpp"

namespace z4j::sqlite {

// Holds a read transaction until it is destroyed. The connection outlives it and does nothing else
// meanwhile.
class Cursor {
 public:
  Cursor(Connection& connection, const z4j_table& table, const z4j_query& query);
  ~Cursor();
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  // Null at the end. The rows are valid until the next call.
  [[nodiscard]] const z4j_rows* next(std::uint32_t max_rows);

 private:
  void take(int column);

  Connection& connection_;
  sqlite_api::sqlite3_stmt* stmt_;
  std::uint32_t timeout_ms_;
  store::RowsOut out_;
  bool ended_ = false;
};

// {"indexed":..,"plan":".."}: indexed when the cost does not grow with the table: rows are found or
// ordered by an index, or the scan is limited.
[[nodiscard]] std::string explained(Connection& connection, const z4j_table& table,
                                    const z4j_query& query);

}  // namespace z4j::sqlite
