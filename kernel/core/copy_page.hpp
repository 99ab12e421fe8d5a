// Some rows of a table, written down: how rows travel between stores and lie in backup files.
//
// A row is its cells in the order of the columns; a cell is one byte, 0 for null or 1, and then the
// value by the column's type: 8 bytes for BOOL, INT, TIME and REAL (little-endian), 16 for a UUID,
// else a 32-bit length and the bytes. JSON is kept as the store gave it. Free of any store's types.
#pragma once

#include <z4j/abi.h>

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.hpp"
#include "base/result.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct RowPage {
  Table table = Table::meta;
  std::uint32_t columns = 0;  // the first so many of the table; older programs knew fewer
  std::uint32_t rows = 0;
  std::string bytes;
};

// A cell of a page; borrows from it.
struct RowCell {
  bool is_null = true;
  std::string_view bytes;  // as they lie in the page, without a length

  [[nodiscard]] std::int64_t num() const noexcept;
  [[nodiscard]] double real() const noexcept;
};

// Walks over the rows of a page. The page may hold any bytes: what is not well formed ends the walk
// with the error `corrupt`.
class RowWalk {
 public:
  explicit RowWalk(const RowPage& page);
  // Fills `cells`, one a column; false after the last row.
  [[nodiscard]] base::Result<bool> next(std::vector<RowCell>& cells);

 private:
  const RowPage& page_;
  const z4j_table& table_;
  std::uint32_t row_ = 0;
  std::string_view rest_;
};

// Appends rows that a driver gave to a page of their table. The driver may give the columns in any
// order, but all of the page's.
[[nodiscard]] base::Status append_rows(RowPage& page, const z4j_rows& rows);

// The page's rows as they are inserted. Text that is not UTF-8 or holds NUL is `corrupt`.
[[nodiscard]] base::Result<Rows> insertable(const RowPage& page);

// The primary key of a page's last row, owned; none of an empty page.
class RowKey {
 public:
  [[nodiscard]] static base::Result<std::optional<RowKey>> last_of(const RowPage& page);
  // In the order of the table's primary key. Requires keys of one table.
  [[nodiscard]] std::strong_ordering compare(const RowKey& other) const;

 private:
  std::vector<std::int64_t> nums_;  // one a part, 0 when the part is text
  std::vector<std::string> texts_;
};

// The number and checksum of a table's rows in the order of their primary key: equal for two stores
// that hold the same values, however their drivers keep them (JSON by its meaning).
struct TableSum {
  std::uint64_t rows = 0;
  base::Digest digest{};
  friend bool operator==(const TableSum&, const TableSum&) = default;
};

class TableSummer {
 public:
  [[nodiscard]] base::Status add(const RowPage& page);
  [[nodiscard]] TableSum sum() const;
  [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }

 private:
  void close_block();
  std::uint64_t rows_ = 0;
  base::Digest digest_{};
  std::string block_;  // rows that the digest does not cover yet
  std::vector<RowCell> cells_;
};

}  // namespace z4j::core
