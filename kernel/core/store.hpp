// The kernel's way to its tables: builds commits and queries over the declared schema and runs them
// on a storage driver's sessions. Knows no SQL and no driver.
//
// Writes go through lanes (one session each, one commit at a time); reads lease a session from a
// pool with a deadline. Thread-safe unless said otherwise. Errors are the driver's, classes kept:
// conflict (nothing happened), busy/unavailable (retry), unknown (look before trying again).
#pragma once

#include <z4j/abi.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "model/tables.hpp"
#include "plugin/host.hpp"

namespace z4j::core {

using model::Table;

// One value on its way in. Text and bytes are owned.
class Cell {
 public:
  Cell() = default;                                          // null
  Cell(std::nullptr_t) {}                                    // NOLINT(google-explicit-constructor)
  Cell(bool b) : kind_(Z4J_V_NUM), num_(b ? 1 : 0) {}        // NOLINT
  Cell(int n) : kind_(Z4J_V_NUM), num_(n) {}                 // NOLINT
  Cell(std::int64_t n) : kind_(Z4J_V_NUM), num_(n) {}        // NOLINT
  Cell(double r) : kind_(Z4J_V_REAL), real_(r) {}            // NOLINT
  Cell(std::string_view s) : kind_(Z4J_V_TEXT), text_(s) {}  // NOLINT
  Cell(const char* s) : kind_(Z4J_V_TEXT), text_(s) {}       // NOLINT
  Cell(const std::string& s) : kind_(Z4J_V_TEXT), text_(s) {}                           // NOLINT
  Cell(const base::Uuid& id) : kind_(Z4J_V_BYTES), text_(id.view()) {}                  // NOLINT
  Cell(const base::json::Value& v) : kind_(Z4J_V_TEXT), text_(base::json::write(v)) {}  // NOLINT
  // The store's clock at commit, plus that many microseconds.
  [[nodiscard]] static Cell now(std::int64_t plus_us = 0);
  // Null when empty.
  [[nodiscard]] static Cell text_or_null(std::string_view s) {
    return s.empty() ? Cell() : Cell(s);
  }

  [[nodiscard]] z4j_value value() const;  // borrows
  [[nodiscard]] std::uint32_t kind() const noexcept { return kind_; }
  [[nodiscard]] std::int64_t num() const noexcept { return num_; }
  [[nodiscard]] double real() const noexcept { return real_; }
  [[nodiscard]] std::string_view text() const noexcept { return text_; }

 private:
  std::uint32_t kind_ = Z4J_V_NULL;
  std::int64_t num_ = 0;
  double real_ = 0;
  std::string text_;
};

// Columnar rows of one table for INSERT, MERGE and PATCH. Columns appear in the order of their
// first use; a column not set in a row is null there. Not thread-safe.
class Rows {
 public:
  explicit Rows(Table table);

  Rows& begin();  // next row
  Rows& num(std::uint16_t column, std::int64_t value);
  Rows& real(std::uint16_t column, double value);
  Rows& text(std::uint16_t column,
             std::string_view value);  // TEXT, JSON, BYTES; NUL is stripped from text
  Rows& uuid(std::uint16_t column, const base::Uuid& value);
  Rows& null(std::uint16_t column);  // makes the column part of the batch
  Rows& cell(std::uint16_t column, const Cell& value);
  Rows& text_or_null(std::uint16_t column, std::string_view value) {
    return value.empty() ? null(column) : text(column, value);
  }

  [[nodiscard]] Table table() const noexcept { return table_; }
  [[nodiscard]] std::uint32_t size() const noexcept { return rows_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  void clear();
  // Borrows; valid until the next change.
  [[nodiscard]] const z4j_rows* view();

 private:
  struct Column;
  Column& column(std::uint16_t number);
  void pad(Column& column);

  Table table_;
  std::uint32_t rows_ = 0;
  std::size_t bytes_ = 0;
  std::vector<std::unique_ptr<Column>> columns_;
  std::vector<Column*> by_number_;
  std::vector<z4j_col> cols_;
  z4j_rows view_{};

 public:
  ~Rows();
  Rows(Rows&&) noexcept;
  Rows& operator=(Rows&&) noexcept;
};

// Which rows. Predicates are joined by AND; those added inside any() by OR.
class Where {
 public:
  Where& eq(std::uint16_t column, Cell value) {
    return add(column, Z4J_CMP_EQ, {std::move(value)});
  }
  Where& ne(std::uint16_t column, Cell value) {
    return add(column, Z4J_CMP_NE, {std::move(value)});
  }
  Where& in(std::uint16_t column, std::vector<Cell> values) {
    return add(column, Z4J_CMP_EQ, std::move(values));
  }
  Where& lt(std::uint16_t column, Cell value) {
    return add(column, Z4J_CMP_LT, {std::move(value)});
  }
  Where& le(std::uint16_t column, Cell value) {
    return add(column, Z4J_CMP_LE, {std::move(value)});
  }
  Where& gt(std::uint16_t column, Cell value) {
    return add(column, Z4J_CMP_GT, {std::move(value)});
  }
  Where& ge(std::uint16_t column, Cell value) {
    return add(column, Z4J_CMP_GE, {std::move(value)});
  }
  Where& prefix(std::uint16_t column, std::string_view text) {
    return add(column, Z4J_CMP_PREFIX, {Cell(text)});
  }
  Where& contains(std::uint16_t column, std::string_view text) {
    return add(column, Z4J_CMP_CONTAINS, {Cell(text)});
  }
  Where& is_null(std::uint16_t column) { return add(column, Z4J_CMP_IS_NULL, {}); }
  Where& not_null(std::uint16_t column) { return add(column, Z4J_CMP_NOT_NULL, {}); }
  Where& path(std::uint16_t column, std::string_view pointer, std::uint16_t cmp, Cell value);
  // The predicates that `fill` adds stand in one OR group.
  Where& any(const std::function<void(Where&)>& fill);

  [[nodiscard]] bool empty() const noexcept { return preds_.empty(); }
  // Borrows; valid until the next change.
  [[nodiscard]] std::span<const z4j_pred> view() const;

 private:
  struct Pred {
    std::uint16_t column, cmp, any;
    std::vector<Cell> values;
    std::string path;
  };
  Where& add(std::uint16_t column, std::uint16_t cmp, std::vector<Cell> values);

  std::deque<Pred> preds_;
  std::uint16_t group_ = 0, last_group_ = 0;
  mutable std::vector<z4j_pred> view_;
  mutable std::deque<std::vector<z4j_value>> value_views_;
};

// One row that came back. Columns are asked for by number; a column that was not selected is a bug.
class Row {
 public:
  [[nodiscard]] bool is_null(std::uint16_t column) const;
  [[nodiscard]] std::int64_t num(std::uint16_t column, std::int64_t if_null = 0) const;
  [[nodiscard]] bool flag(std::uint16_t column) const { return num(column) != 0; }
  [[nodiscard]] double real(std::uint16_t column, double if_null = 0) const;
  [[nodiscard]] std::string_view text(std::uint16_t column) const;  // "" when null
  [[nodiscard]] base::Uuid uuid(std::uint16_t column) const;        // nil when null
  [[nodiscard]] std::optional<base::Uuid> uuid_or_none(std::uint16_t column) const;
  [[nodiscard]] std::optional<std::int64_t> num_or_none(std::uint16_t column) const;
  // A JSON column parsed; null when null or not JSON.
  [[nodiscard]] base::json::Value json(std::uint16_t column) const;

  struct Layout {
    std::vector<std::int16_t> place_of;  // column number -> place, -1: not selected
  };

 private:
  friend class Store;
  using Slot = std::variant<std::monostate, std::int64_t, double, std::string>;
  [[nodiscard]] const Slot& slot(std::uint16_t column) const;
  std::shared_ptr<const Layout> layout_;
  std::vector<Slot> slots_;
};

class Query {
 public:
  explicit Query(Table table) : table_(table) {}
  Where where;

  Query& all();  // every column, secrets included
  Query& columns(std::initializer_list<std::uint16_t> list);
  // Group by `column` (by buckets of that size when > 0); asked for later by its place: 0, 1, ...
  Query& group(std::uint16_t column, std::int64_t bucket = 0);
  Query& count();
  Query& fold(std::uint16_t agg, std::uint16_t column);  // Z4J_AGG_SUM, MIN, MAX
  Query& order(std::initializer_list<std::uint16_t> list, bool descending = false);
  Query& after(std::vector<Cell> values);
  Query& limit(std::uint32_t n) {
    limit_ = n;
    return *this;
  }
  Query& scan_limit(std::uint64_t n) {
    scan_limit_ = n;
    return *this;
  }
  // The range of the order leaves few rows: each is looked at, no index of words or paths is asked.
  Query& among_few() {
    flags_ |= Z4J_QUERY_AMONG_FEW;
    return *this;
  }
  Query& timeout_ms(std::uint32_t n) {
    timeout_ms_ = n;
    return *this;
  }

 private:
  friend class Store;
  friend struct RawQuery;
  Table table_;
  std::vector<z4j_out> outs_;
  bool folded_ = false;
  std::vector<std::uint16_t> order_;
  std::vector<Cell> after_;
  bool descending_ = false;
  std::uint32_t limit_ = 0, timeout_ms_ = 10'000, flags_ = 0;
  std::uint64_t scan_limit_ = 0;
};

struct Set {
  std::uint16_t column;
  Cell value;
  std::uint16_t merge = Z4J_M_SET;  // or ADD, MIN, MAX
};

// Steps in order, all or none. Owns what it points to. Not thread-safe.
class Commit {
 public:
  static constexpr std::uint64_t kAny = ~std::uint64_t{0};

  Commit();
  ~Commit();
  Commit(Commit&&) noexcept;
  Commit& operator=(Commit&&) noexcept;

  Commit& insert(Rows rows);
  Commit& insert_new(Rows rows, bool all_must_be_new = false);
  Commit& merge(Rows rows, Where guard = {}, bool want_outcome = false);
  Commit& patch(Rows rows, Where guard = {}, bool want_outcome = false);
  Commit& update(Table table, Where where, std::vector<Set> sets, std::uint64_t expect_min = 0,
                 std::uint64_t expect_max = kAny, std::uint32_t limit = 0);
  Commit& erase(Table table, Where where, std::uint32_t limit = 0);
  Commit& check(Table table, Where where, std::uint64_t expect_min, std::uint64_t expect_max);
  Commit& notice(std::string_view channel, std::string_view payload);
  Commit& serial(std::string_view text);
  Commit& relaxed();    // may be lost if the power fails
  Commit& retention();  // may delete from append-only tables
  // The steps of another commit, before this one's own. Its flags hold for the whole; what became
  // of its steps is told by itself, as if it had been committed alone.
  Commit& include(const Commit& part);

  [[nodiscard]] std::size_t steps() const noexcept;
  // After the commit: rows that a step affected, and Z4J_ROW_* per row where asked for.
  [[nodiscard]] std::uint64_t affected(std::size_t step) const;
  [[nodiscard]] std::span<const std::uint8_t> outcome(std::size_t step) const;
  // After a conflict or invalid: which step, row and key; ~0 when not known.
  [[nodiscard]] std::uint32_t bad_step() const noexcept;
  [[nodiscard]] std::uint32_t bad_row() const noexcept;
  [[nodiscard]] std::uint32_t bad_key() const noexcept;
  // The part that bad_step() belongs to, in the order of include(); none: one of its own steps.
  [[nodiscard]] std::optional<std::size_t> bad_part() const noexcept;

 private:
  friend class Store;
  struct Body;
  std::shared_ptr<Body> body_;
};

class Store {
 public:
  struct Options {
    unsigned readers = 4;
    int lease_timeout_ms = 3000;
    int commit_timeout_ms = 30'000;
  };

  // Migrates and opens sessions. The error names the store and the way out.
  [[nodiscard]] static base::Result<std::unique_ptr<Store>> open(
      std::shared_ptr<plugin::StorageClient> driver, Options options);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  [[nodiscard]] const z4j_store_info& info() const noexcept;
  [[nodiscard]] unsigned lanes() const noexcept;  // of ingest

  // On the lane for everything but ingest; waits its turn.
  [[nodiscard]] base::Status commit(Commit& commit);
  // On ingest lane `lane`.
  [[nodiscard]] base::Status commit_on(unsigned lane, Commit& commit);
  // On a session that is used for nothing else: for what must not wait behind other commits.
  [[nodiscard]] base::Status commit_apart(Commit& commit);

  // Replaces the set of channels whose notices this process hears (plugin::Callbacks).
  [[nodiscard]] base::Status listen(const std::vector<std::string>& channels);
  // Other processes may write to the same store.
  [[nodiscard]] bool is_shared() const noexcept;

  [[nodiscard]] base::Result<std::vector<Row>> read(const Query& query);
  // The first row, or nothing.
  [[nodiscard]] base::Result<std::optional<Row>> first(Query query);
  // Streams without holding more than one batch; `row` returns false to stop.
  [[nodiscard]] base::Status each(const Query& query, const std::function<bool(const Row&)>& row);
  // COUNT of the rows, at most `cap` (0 = exact).
  [[nodiscard]] base::Result<std::uint64_t> count(Table table, const Where& where,
                                                  std::uint64_t cap = 0);

  // Sessions for reading: how many there may be, and how many are at work.
  struct Pool {
    unsigned size = 0, in_use = 0;
  };
  [[nodiscard]] Pool pool() const;
  // A quick read that proves the store answers.
  [[nodiscard]] base::Status ping(int timeout_ms);
  [[nodiscard]] base::Result<std::string> stats();
  [[nodiscard]] base::Result<std::string> explain(const Query& query);
  [[nodiscard]] base::Status backup(const std::string& target);

 private:
  struct Inside;
  explicit Store(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace z4j::core
