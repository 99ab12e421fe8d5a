// The rows of one answer, and what PostgreSQL plans to do for it.
#pragma once

#include <z4j/abi.h>
#include <z4j/storage.hpp>

#include <string>

#include "connection.hpp"

namespace z4j::postgresql {

// A page of known size comes at once; anything longer through a cursor of the server, in pieces,
// within a transaction that lasts as long as this object. The connection outlives it and does
// nothing else meanwhile.
class Cursor {
 public:
  // `inside`: the connection is in a transaction already, which stays as it is.
  enum class Transaction : std::uint8_t { own, inside };
  Cursor(Connection& connection, const z4j_table& table, const z4j_query& query,
         Transaction transaction);
  ~Cursor();
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  // Null at the end. The rows are valid until the next call.
  [[nodiscard]] const z4j_rows* next(std::uint32_t max_rows);

 private:
  void fetch(std::uint32_t rows);
  void take(int row, int column);

  Connection& connection_;
  Transaction transaction_;
  std::uint32_t timeout_ms_;
  bool server_side_ = false, ended_ = false;
  std::uint64_t generation_ = 0;
  Result page_;
  int taken_ = 0;
  store::RowsOut out_;
};

// {"indexed":..,"plan":".."}: indexed when the cost does not grow with the table. A small table is
// scanned whatever indexes there are, so then the plan without that choice decides.
[[nodiscard]] std::string explained(Connection& connection, const z4j_table& table,
                                    const z4j_query& query);

}  // namespace z4j::postgresql
