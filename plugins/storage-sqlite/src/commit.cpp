#include "commit.hpp"

#include <vector>

#include <z4j/plugin.hpp>
#include <z4j/storage.hpp>

#include <z4j/storage.hpp>
#include "lib/sql/sql_text.hpp"

namespace z4j::sqlite {
namespace {

using sqlite_api::sqlite3_stmt;

// A commit without a time-out of its own still ends.
constexpr std::uint32_t kLongestCommitMs = 60000;

// Resets a cached statement when done with it, so that it holds no locks and borrows no bytes.
class Use {
 public:
  explicit Use(sqlite3_stmt* stmt) : stmt_(stmt) {}
  ~Use() {
    sqlite_api::sqlite3_reset(stmt_);
    sqlite_api::sqlite3_clear_bindings(stmt_);
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  [[nodiscard]] sqlite3_stmt* get() const { return stmt_; }

 private:
  sqlite3_stmt* stmt_;
};

// One column of a batch, bound cell by cell.
struct BoundColumn {
  const z4j_col* col;
  std::uint16_t type;

  int bind(sqlite3_stmt* stmt, int place, std::uint32_t row) const {
    if (!store::has_value(*col, row)) return sqlite_api::sqlite3_bind_null(stmt, place);
    switch (type) {
      case Z4J_T_INT:
      case Z4J_T_TIME:
        return sqlite_api::sqlite3_bind_int64(stmt, place, store::num_at(*col, row));
      case Z4J_T_BOOL:
        return sqlite_api::sqlite3_bind_int64(stmt, place, store::num_at(*col, row) != 0 ? 1 : 0);
      case Z4J_T_REAL:
        return sqlite_api::sqlite3_bind_double(stmt, place, store::real_at(*col, row));
      default:
        break;
    }
    const std::string_view bytes = store::bytes_at(*col, row);
    const int size = static_cast<int>(bytes.size());
    if (type == Z4J_T_TEXT || type == Z4J_T_JSON)
      return sqlite_api::sqlite3_bind_text(stmt, place, bytes.data(), size, kBorrowed);
    return sqlite_api::sqlite3_bind_blob(stmt, place, bytes.data(), size, kBorrowed);
  }
};

class StepRunner {
 public:
  StepRunner(Connection& connection, const z4j_schema& schema, z4j_commit& c)
      : connection_(connection), schema_(schema), commit_(c), now_us_(store_clock_us()) {}

  void run() {
    for (std::uint32_t i = 0; i < commit_.step_count; ++i) {
      commit_.bad_step = i;
      step(*commit_.steps[i]);
    }
    commit_.bad_step = ~std::uint32_t{0};
  }

 private:
  void step(z4j_step& s) {
    if (s.verb == Z4J_STEP_NOTICE) return;
    const z4j_table& t = schema_.tables[s.table];
    const sql::Dialect& d = sql::sqlite();
    switch (s.verb) {
      case Z4J_STEP_UPDATE:
        s.affected = change(t, sql::update(d, t, s));
        break;
      case Z4J_STEP_DELETE:
        s.affected = change(t, sql::erase(d, t, s));
        break;
      case Z4J_STEP_CHECK:
        s.affected = counted(sql::count(d, t, s));
        break;
      default:
        rows(t, s);
    }
    if (s.affected < s.expect_min || s.affected > s.expect_max) {
      throw Error(Z4J_CONFLICT,
                  std::to_string(s.affected) + " rows, which is not what the commit expects",
                  where());
    }
  }

  std::string where() const { return "/steps/" + std::to_string(commit_.bad_step); }

  std::uint64_t change(const z4j_table& t, const sql::Statement& statement) {
    const Use use(connection_.prepared(statement.text));
    bind_values(connection_, use.get(), statement, now_us_, kBorrowed);
    const int rc = sqlite_api::sqlite3_step(use.get());
    if (rc != SQLITE_DONE) fail(t, rc);
    return static_cast<std::uint64_t>(sqlite_api::sqlite3_changes64(connection_.native()));
  }

  std::uint64_t counted(const sql::Statement& statement) {
    const Use use(connection_.prepared(statement.text));
    bind_values(connection_, use.get(), statement, now_us_, kBorrowed);
    const int rc = sqlite_api::sqlite3_step(use.get());
    if (rc != SQLITE_ROW) throw connection_.error_of(rc, where());
    return static_cast<std::uint64_t>(sqlite_api::sqlite3_column_int64(use.get(), 0));
  }

  void rows(const z4j_table& t, z4j_step& s) {
    if (s.rows->rows == 0) return;
    sql::Columns columns;
    std::vector<BoundColumn> bound;
    for (std::uint32_t i = 0; i < s.rows->col_count; ++i) {
      columns.push_back(s.rows->cols[i].column);
      bound.push_back(BoundColumn{&s.rows->cols[i], t.columns[columns.back()].type});
    }
    const sql::Dialect& d = sql::sqlite();
    const sql::Statement statement =
        s.verb == Z4J_STEP_INSERT       ? sql::insert(d, t, columns)
        : s.verb == Z4J_STEP_INSERT_NEW ? sql::insert_new(d, t, columns)
        : s.verb == Z4J_STEP_MERGE      ? sql::merge(d, t, columns, s.preds, s.pred_count)
                                        : sql::patch(d, t, columns, s.preds, s.pred_count);
    const Use use(connection_.prepared(statement.text));
    bind_values(connection_, use.get(), statement, now_us_, kBorrowed);
    // Whether a merge inserts or changes only the key can tell; asked only when the caller wants to
    // know.
    sqlite3_stmt* exists = nullptr;
    if (s.verb == Z4J_STEP_MERGE && s.outcome != nullptr)
      exists = connection_.prepared(sql::exists(d, t, key_columns(t)).text);
    const std::vector<BoundColumn> key =
        exists != nullptr ? key_cells(t, s) : std::vector<BoundColumn>();
    const sqlite_api::sqlite3_int64 before =
        sqlite_api::sqlite3_total_changes64(connection_.native());
    for (std::uint32_t r = 0; r < s.rows->rows; ++r) {
      commit_.bad_row = r;
      const bool was_there = exists != nullptr && found(exists, key, r);
      bind_row(use.get(), bound, r);
      const int rc = sqlite_api::sqlite3_step(use.get());
      if (rc != SQLITE_DONE) fail(t, rc);
      sqlite_api::sqlite3_reset(use.get());
      if (s.outcome != nullptr) s.outcome[r] = outcome(s.verb, was_there);
    }
    commit_.bad_row = ~std::uint32_t{0};
    s.affected = static_cast<std::uint64_t>(
        sqlite_api::sqlite3_total_changes64(connection_.native()) - before);
  }

  void bind_row(sqlite3_stmt* stmt, const std::vector<BoundColumn>& columns,
                std::uint32_t row) const {
    // A patch leaves out a column that came without its stamp; at the end it then has no place.
    const int places = sqlite_api::sqlite3_bind_parameter_count(stmt);
    for (std::size_t i = 0; i < columns.size() && static_cast<int>(i) < places; ++i) {
      const int rc = columns[i].bind(stmt, static_cast<int>(i) + 1, row);
      if (rc != SQLITE_OK) throw connection_.error_of(rc, where());
    }
  }

  static sql::Columns key_columns(const z4j_table& t) {
    return {t.keys[0].columns, t.keys[0].columns + t.keys[0].column_count};
  }

  static std::vector<BoundColumn> key_cells(const z4j_table& t, const z4j_step& s) {
    std::vector<BoundColumn> cells;
    for (const std::uint16_t c : key_columns(t)) {
      for (std::uint32_t i = 0; i < s.rows->col_count; ++i) {
        if (s.rows->cols[i].column == c)
          cells.push_back(BoundColumn{&s.rows->cols[i], t.columns[c].type});
      }
    }
    return cells;
  }

  bool found(sqlite3_stmt* exists, const std::vector<BoundColumn>& key, std::uint32_t row) const {
    const Use use(exists);
    bind_row(exists, key, row);
    const int rc = sqlite_api::sqlite3_step(exists);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) throw connection_.error_of(rc, where());
    return rc == SQLITE_ROW;
  }

  std::uint8_t outcome(std::uint16_t verb, bool was_there) const {
    if (sqlite_api::sqlite3_changes(connection_.native()) == 0) return Z4J_ROW_UNTOUCHED;
    return verb == Z4J_STEP_PATCH || was_there ? Z4J_ROW_CHANGED : Z4J_ROW_INSERTED;
  }

  [[noreturn]] void fail(const z4j_table& t, int rc) {
    if (rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_UNIQUE ||
        rc == SQLITE_CONSTRAINT_ROWID) {
      commit_.bad_key = taken_key(t);
    }
    throw connection_.error_of(rc, where());
  }

  // SQLite names the columns: "UNIQUE constraint failed: things.owner, things.name".
  std::uint32_t taken_key(const z4j_table& t) const {
    const std::string said = sqlite_api::sqlite3_errmsg(connection_.native());
    const std::size_t colon = said.find(": ");
    for (std::uint32_t k = 0; k < t.key_count && colon != std::string::npos; ++k) {
      if (t.keys[k].kind != Z4J_K_PRIMARY && t.keys[k].kind != Z4J_K_UNIQUE) continue;
      std::string names;
      for (std::uint32_t i = 0; i < t.keys[k].column_count; ++i) {
        names += (i == 0 ? "" : ", ") + std::string(view(t.name)) + "." +
                 std::string(view(t.columns[t.keys[k].columns[i]].name));
      }
      if (said.compare(colon + 2, std::string::npos, names) == 0) return k;
    }
    return ~std::uint32_t{0};
  }

  Connection& connection_;
  const z4j_schema& schema_;
  z4j_commit& commit_;
  std::int64_t now_us_;
};

// What is set for one commit only.
class CommitScope {
 public:
  CommitScope(Connection& connection, const z4j_commit& c, bool full_sync)
      : connection_(connection), relaxed_(full_sync && (c.flags & Z4J_COMMIT_RELAXED) != 0) {
    if (relaxed_) connection_.run("PRAGMA synchronous=NORMAL");
    connection_.allow_deletes((c.flags & Z4J_COMMIT_RETENTION) != 0);
    connection_.limit_time(c.timeout_ms == 0 ? kLongestCommitMs : c.timeout_ms);
  }
  ~CommitScope() {
    connection_.limit_time(0);
    connection_.allow_deletes(false);
    if (sqlite_api::sqlite3_get_autocommit(connection_.native()) == 0) {
      sqlite_api::sqlite3_exec(connection_.native(), "ROLLBACK", nullptr, nullptr, nullptr);
    }
    if (relaxed_)
      sqlite_api::sqlite3_exec(connection_.native(), "PRAGMA synchronous=FULL", nullptr, nullptr,
                               nullptr);
  }
  CommitScope(const CommitScope&) = delete;
  CommitScope& operator=(const CommitScope&) = delete;

 private:
  Connection& connection_;
  bool relaxed_;
};

}  // namespace

void run_commit(Connection& connection, const z4j_schema& schema, z4j_commit& c, bool full_sync) {
  const CommitScope scope(connection, c, full_sync);
  connection.run("BEGIN IMMEDIATE");
  StepRunner(connection, schema, c).run();
  connection.limit_time(0);
  const int rc = sqlite_api::sqlite3_exec(connection.native(), "COMMIT", nullptr, nullptr, nullptr);
  if (rc == SQLITE_OK) return;
  if (rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC) {
    throw Error(Z4J_UNKNOWN,
                "the disk failed while the commit was made durable: it may or may not be stored; "
                "check the disk");
  }
  throw connection.error_of(rc);
}

}  // namespace z4j::sqlite
