#include "raw_sqlite.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string_view>
#include <tuple>
#include <vector>

#include "model/tables.hpp"

namespace z4j::bench {
namespace {

void must(sqlite3* db, int rc) {
  if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW)
    throw std::runtime_error(sqlite3_errmsg(db));
}

void run(sqlite3* db, const char* text) {
  must(db, sqlite3_exec(db, text, nullptr, nullptr, nullptr));
}

// As the driver sets them (plugins/storage-sqlite/src/connection.cpp).
sqlite3* open_database(const std::string& path) {
  sqlite3* db = nullptr;
  must(db, sqlite3_open(path.c_str(), &db));
  for (const char* pragma :
       {"PRAGMA journal_mode=WAL", "PRAGMA cache_size=-65536", "PRAGMA temp_store=MEMORY",
        "PRAGMA synchronous=FULL", "PRAGMA wal_autocheckpoint=4000",
        "PRAGMA journal_size_limit=67108864"}) {
    run(db, pragma);
  }
  return db;
}

std::string name_of(z4j_str s) { return std::string(s.ptr, s.len); }

// What MERGE and PATCH do to a stored value (sdk/include/z4j/abi.h), over `fresh`.
std::string merged(const z4j_table& t, std::uint16_t column, const std::string& stored,
                   const std::string& fresh, const std::string& stored_stamp,
                   const std::string& fresh_stamp) {
  switch (t.columns[column].merge) {
    case Z4J_M_KEEP:
      return "coalesce(" + stored + "," + fresh + ")";
    case Z4J_M_MIN:
      return "coalesce(min(" + stored + "," + fresh + ")," + stored + "," + fresh + ")";
    case Z4J_M_MAX:
      return "coalesce(max(" + stored + "," + fresh + ")," + stored + "," + fresh + ")";
    case Z4J_M_ADD:
      return "coalesce(" + stored + "+" + fresh + "," + stored + "," + fresh + ")";
    case Z4J_M_LAST:
      return "CASE WHEN " + fresh_stamp + ">=" + stored_stamp + " OR (" + fresh_stamp +
             " IS NOT NULL AND " + stored_stamp + " IS NULL) THEN " + fresh + " ELSE " + stored +
             " END";
    default:
      return fresh;
  }
}

std::string statement_of(const z4j_table& t, std::uint16_t verb,
                         const std::vector<std::uint16_t>& columns) {
  const std::string table = name_of(t.name);
  const z4j_key& key = t.keys[0];
  const auto in_key = [&](std::uint16_t c) {
    const std::uint16_t* end = key.columns + key.column_count;
    return std::find(key.columns, end, c) != end;
  };
  const auto place = [&](std::uint16_t c) {
    return "?" + std::to_string(std::find(columns.begin(), columns.end(), c) - columns.begin() + 1);
  };
  std::string names, places, keys, sets, where;
  for (const std::uint16_t c : columns) {
    const std::string name = name_of(t.columns[c].name);
    names += (names.empty() ? "" : ",") + name;
    places += (places.empty() ? "" : ",") + place(c);
    if (in_key(c)) continue;
    const std::string stamp = name_of(t.columns[t.columns[c].stamp].name);
    const std::string fresh = verb == Z4J_STEP_PATCH ? place(c) : "excluded." + name;
    const std::string fresh_stamp =
        verb == Z4J_STEP_PATCH ? place(t.columns[c].stamp) : "excluded." + stamp;
    sets += (sets.empty() ? "" : ",") + name + "=" +
            merged(t, c, table + "." + name, fresh, table + "." + stamp, fresh_stamp);
  }
  for (std::uint32_t i = 0; i < key.column_count; ++i) {
    const std::string name = name_of(t.columns[key.columns[i]].name);
    keys += (i == 0 ? "" : ",") + name;
    where += (i == 0 ? "" : " AND ") + name + "=" + place(key.columns[i]);
  }
  if (verb == Z4J_STEP_PATCH) return "UPDATE " + table + " SET " + sets + " WHERE " + where;
  const std::string insert = "INSERT INTO " + table + "(" + names + ") VALUES(" + places + ")";
  if (verb == Z4J_STEP_INSERT) return insert;
  return insert + " ON CONFLICT(" + keys + ") DO " +
         (verb == Z4J_STEP_MERGE ? "UPDATE SET " + sets : "NOTHING");
}

void bind(sqlite3_stmt* stmt, int place, const z4j_col& col, std::uint16_t type,
          std::uint32_t row) {
  if (col.valid != nullptr && (col.valid[row / 8] >> (row % 8) & 1) == 0) {
    sqlite3_bind_null(stmt, place);
    return;
  }
  switch (col.form) {
    case Z4J_FORM_NUM:
      sqlite3_bind_int64(stmt, place, static_cast<const std::int64_t*>(col.data)[row]);
      return;
    case Z4J_FORM_REAL:
      sqlite3_bind_double(stmt, place, static_cast<const double*>(col.data)[row]);
      return;
    case Z4J_FORM_16: {
      const char* sixteen = static_cast<const char*>(col.data) + std::size_t{row} * 16;
      sqlite3_bind_blob(stmt, place, sixteen, 16, SQLITE_STATIC);
      return;
    }
    default: {
      const char* text = col.text.data + col.text.offsets[row];
      const int size = static_cast<int>(col.text.offsets[row + 1] - col.text.offsets[row]);
      if (type == Z4J_T_BYTES) {
        sqlite3_bind_blob(stmt, place, text, size, SQLITE_STATIC);
      } else {
        sqlite3_bind_text(stmt, place, text, size, SQLITE_STATIC);
      }
    }
  }
}

}  // namespace

class RawSqlite::Writer final : public CeilingSession {
 public:
  explicit Writer(RawSqlite& of) : of_(of), db_(open_database(of.path_)) {}
  ~Writer() override {
    for (auto& [shape, stmt] : statements_) sqlite3_finalize(stmt);
    sqlite3_close(db_);
  }

  base::Status commit(z4j_commit& c, int, std::shared_ptr<void>) override {
    std::vector<sqlite3_stmt*> prepared(c.step_count, nullptr);
    for (std::uint32_t i = 0; i < c.step_count; ++i) {
      if (c.steps[i]->verb != Z4J_STEP_NOTICE) prepared[i] = statement(*c.steps[i]);
    }
    const auto from = std::chrono::steady_clock::now();
    run(db_, "BEGIN IMMEDIATE");
    for (std::uint32_t i = 0; i < c.step_count; ++i) {
      if (prepared[i] != nullptr) step(*c.steps[i], prepared[i]);
    }
    run(db_, "COMMIT");
    of_.spent_ns_ += std::chrono::nanoseconds(std::chrono::steady_clock::now() - from).count();
    return {};
  }

 private:
  using Shape = std::tuple<std::uint16_t, std::uint16_t, std::vector<std::uint16_t>>;

  sqlite3_stmt* statement(const z4j_step& s) {
    std::vector<std::uint16_t> columns;
    for (std::uint32_t i = 0; i < s.rows->col_count; ++i) columns.push_back(s.rows->cols[i].column);
    sqlite3_stmt*& stmt = statements_[Shape(s.table, s.verb, columns)];
    if (stmt == nullptr) {
      const std::string text =
          statement_of(model::table(static_cast<model::Table>(s.table)), s.verb, columns);
      must(db_,
           sqlite3_prepare_v3(db_, text.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &stmt, nullptr));
    }
    return stmt;
  }

  void step(const z4j_step& s, sqlite3_stmt* stmt) {
    const z4j_table& t = model::table(static_cast<model::Table>(s.table));
    for (std::uint32_t r = 0; r < s.rows->rows; ++r) {
      for (std::uint32_t i = 0; i < s.rows->col_count; ++i) {
        bind(stmt, static_cast<int>(i) + 1, s.rows->cols[i], t.columns[s.rows->cols[i].column].type,
             r);
      }
      must(db_, sqlite3_step(stmt));
      sqlite3_reset(stmt);
    }
  }

  RawSqlite& of_;
  sqlite3* db_;
  std::map<Shape, sqlite3_stmt*> statements_;
};

RawSqlite::RawSqlite(std::string path, std::string like)
    : path_(std::move(path)), like_(std::move(like)) {}
RawSqlite::~RawSqlite() = default;

z4j_store_info RawSqlite::info() {
  z4j_store_info info{};
  info.struct_size = sizeof info;
  info.best_rows = 2000;
  info.writers = info.readers = 1;
  return info;
}

base::Result<std::string> RawSqlite::migrate(const z4j_schema&, bool, int) {
  sqlite3* from = open_database(like_);
  sqlite3* to = open_database(path_);
  sqlite3_stmt* stmt = nullptr;
  must(from,
       sqlite3_prepare_v2(
           from,
           "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND type IN ('table','index') "
           "AND name NOT LIKE 'sqlite_%' ORDER BY type DESC, name",
           -1, &stmt, nullptr));
  while (sqlite3_step(stmt) == SQLITE_ROW)
    run(to, reinterpret_cast<const char*>(sqlite3_column_text(stmt, 0)));
  sqlite3_finalize(stmt);
  sqlite3_close(from);
  sqlite3_close(to);
  return std::string("{}");
}

base::Result<std::unique_ptr<plugin::StorageClient::Session>> RawSqlite::open(std::uint32_t) {
  return std::unique_ptr<Session>(std::make_unique<Writer>(*this));
}

}  // namespace z4j::bench
