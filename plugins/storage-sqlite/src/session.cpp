#include "session.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "lib/json/json.hpp"

namespace z4j::sqlite {
namespace {

namespace api = sqlite_api;
using sqlite_api::sqlite3_destructor_type;  // the SQLITE_TRANSIENT macros name it bare

constexpr std::size_t kMaxStatements = 400;

std::int64_t clock_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool valid_at(const z4j_col& c, std::uint32_t row) { return c.valid == nullptr || ((c.valid[row / 8] >> (row % 8)) & 1) != 0; }

std::string_view text_at(const z4j_col& c, std::uint32_t row) {
  const std::uint32_t i = c.form == Z4J_FORM_DICT ? static_cast<const std::uint32_t*>(c.data)[row] : row;
  return {c.text.data + c.text.offsets[i], c.text.offsets[i + 1] - c.text.offsets[i]};
}

std::vector<std::uint16_t> columns_of(const z4j_rows& rows) {
  std::vector<std::uint16_t> out;
  for (std::uint32_t i = 0; i < rows.col_count; ++i) out.push_back(rows.cols[i].column);
  return out;
}

// "UNIQUE constraint failed: t.a, t.b" -> the key with these columns, or ~0.
std::uint32_t key_in(const z4j_table& table, const std::string& message) {
  for (std::uint32_t k = 0; k < table.key_count; ++k) {
    std::string list;
    for (std::uint32_t i = 0; i < table.keys[k].column_count; ++i) {
      list += (i == 0 ? "" : ", ") + std::string(view(table.name)) + "." + std::string(view(table.columns[table.keys[k].columns[i]].name));
    }
    if (message.size() >= list.size() && message.compare(message.size() - list.size(), list.size(), list) == 0) return k;
  }
  return ~std::uint32_t{0};
}

void put(const z4j_sink& out, const json::Value& value) {
  const std::string text = json::write(value);
  out.put(out.ctx, str(text));
}

}  // namespace

Session::Session(Database& database) : database_(database), connection_(database.options()) {}

Session::~Session() {
  for (auto& [text, statement] : statements_) api::sqlite3_finalize(statement);
}

const z4j_table& Session::table(std::uint16_t number) const {
  const z4j_schema* schema = database_.schema();
  if (schema == nullptr || number >= schema->table_count) throw Error(Z4J_INVALID, "no table " + std::to_string(number));
  return schema->tables[number];
}

Session::Statement* Session::prepared(const std::string& text) {
  if (const auto known = statements_.find(text); known != statements_.end()) {
    api::sqlite3_reset(known->second);
    api::sqlite3_clear_bindings(known->second);
    return known->second;
  }
  if (statements_.size() >= kMaxStatements) {
    for (auto& [old, statement] : statements_) api::sqlite3_finalize(statement);
    statements_.clear();
  }
  Statement* statement = nullptr;
  const int rc = api::sqlite3_prepare_v3(connection_.handle(), text.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (rc != SQLITE_OK) fail(connection_.handle(), rc, "preparing a statement", connection_.path());
  statements_.emplace(text, statement);
  return statement;
}

void Session::bind_values(Statement* statement, const sql::Statement& made, int first) {
  int at = first;
  for (const sql::Bind& b : made.binds) {
    const int place = at++;
    if (b.is_made) {
      api::sqlite3_bind_text(statement, place, b.made.data(), static_cast<int>(b.made.size()), SQLITE_TRANSIENT);
      continue;
    }
    const std::string_view text = view(b.value.text);
    switch (b.value.kind) {
      case Z4J_V_NUM: api::sqlite3_bind_int64(statement, place, b.value.num); break;
      case Z4J_V_REAL: api::sqlite3_bind_double(statement, place, b.value.real); break;
      case Z4J_V_TEXT: api::sqlite3_bind_text(statement, place, text.data() != nullptr ? text.data() : "", static_cast<int>(text.size()), SQLITE_TRANSIENT); break;
      case Z4J_V_BYTES: api::sqlite3_bind_blob(statement, place, text.data() != nullptr ? text.data() : "", static_cast<int>(text.size()), SQLITE_TRANSIENT); break;
      case Z4J_V_NOW: api::sqlite3_bind_int64(statement, place, now_us_ + b.value.num); break;
      default: api::sqlite3_bind_null(statement, place);
    }
  }
}

void Session::bind_row(Statement* statement, const z4j_rows& rows, std::uint32_t row, const z4j_table& t) {
  for (std::uint32_t c = 0; c < rows.col_count; ++c) {
    const z4j_col& col = rows.cols[c];
    const int place = static_cast<int>(c) + 1;
    if (!valid_at(col, row)) {
      api::sqlite3_bind_null(statement, place);
      continue;
    }
    switch (col.form) {
      case Z4J_FORM_NUM: api::sqlite3_bind_int64(statement, place, static_cast<const std::int64_t*>(col.data)[row]); break;
      case Z4J_FORM_REAL: api::sqlite3_bind_double(statement, place, static_cast<const double*>(col.data)[row]); break;
      case Z4J_FORM_16: api::sqlite3_bind_blob(statement, place, static_cast<const char*>(col.data) + std::size_t{row} * 16, 16, SQLITE_STATIC); break;
      default: {
        const std::string_view text = text_at(col, row);
        const char* data = text.empty() ? "" : text.data();
        if (t.columns[col.column].type == Z4J_T_BYTES) api::sqlite3_bind_blob(statement, place, data, static_cast<int>(text.size()), SQLITE_STATIC);
        else api::sqlite3_bind_text(statement, place, data, static_cast<int>(text.size()), SQLITE_STATIC);
      }
    }
  }
}

void Session::step_done(Statement* statement, std::string_view doing) {
  const int rc = api::sqlite3_step(statement);
  api::sqlite3_reset(statement);
  if (rc != SQLITE_DONE && rc != SQLITE_ROW) fail(connection_.handle(), rc, doing, connection_.path());
}

bool Session::row_exists(const z4j_table& t, const z4j_rows& rows, std::uint32_t row) {
  Statement* statement = prepared(sql::exists(t).text);
  const z4j_key& key = t.keys[0];
  for (std::uint32_t i = 0; i < key.column_count; ++i) {
    for (std::uint32_t c = 0; c < rows.col_count; ++c) {
      if (rows.cols[c].column != key.columns[i]) continue;
      const z4j_col& col = rows.cols[c];
      const int place = static_cast<int>(i) + 1;
      if (col.form == Z4J_FORM_NUM) api::sqlite3_bind_int64(statement, place, static_cast<const std::int64_t*>(col.data)[row]);
      else if (col.form == Z4J_FORM_16) api::sqlite3_bind_blob(statement, place, static_cast<const char*>(col.data) + std::size_t{row} * 16, 16, SQLITE_STATIC);
      else api::sqlite3_bind_text(statement, place, text_at(col, row).data(), static_cast<int>(text_at(col, row).size()), SQLITE_STATIC);
    }
  }
  const bool there = api::sqlite3_step(statement) == SQLITE_ROW;
  api::sqlite3_reset(statement);
  return there;
}

std::uint64_t Session::run_rows(const z4j_table& t, z4j_step& step, std::uint32_t index, z4j_commit& commit) {
  const z4j_rows& rows = *step.rows;
  const auto columns = columns_of(rows);
  for (const std::uint16_t c : columns) {
    if (c >= t.column_count) throw Error(Z4J_INVALID, "no column " + std::to_string(c) + " in " + std::string(view(t.name)));
  }
  if ((t.flags & Z4J_TBL_APPEND) != 0 && (step.verb == Z4J_STEP_MERGE || step.verb == Z4J_STEP_PATCH)) {
    throw Error(Z4J_INVALID, std::string(view(t.name)) + " is append-only");
  }
  sql::Statement made;
  switch (step.verb) {
    case Z4J_STEP_INSERT: made = sql::insert(t, columns); break;
    case Z4J_STEP_INSERT_NEW: made = sql::insert_new(t, columns); break;
    case Z4J_STEP_MERGE: made = sql::merge(t, columns, step.preds, step.pred_count); break;
    default: made = sql::patch(t, columns, step.preds, step.pred_count);
  }
  const int first_guard = static_cast<int>(columns.size()) + 1;
  std::uint64_t affected = 0;
  for (std::uint32_t r = 0; r < rows.rows; ++r) {
    const bool was_there = step.outcome != nullptr && (step.verb == Z4J_STEP_PATCH || row_exists(t, rows, r));
    Statement* statement = prepared(made.text);
    bind_row(statement, rows, r, t);
    if (!made.binds.empty()) bind_values(statement, made, first_guard);
    const int rc = api::sqlite3_step(statement);
    if (rc != SQLITE_DONE) {
      const std::string message = api::sqlite3_errmsg(connection_.handle());
      api::sqlite3_reset(statement);
      commit.bad_step = index;
      commit.bad_row = r;
      if ((rc & 0xff) == SQLITE_CONSTRAINT) {
        commit.bad_key = key_in(t, message);
        throw Error(message.find("UNIQUE") != std::string::npos ? Z4J_CONFLICT : Z4J_INVALID, message + " at row " + std::to_string(r));
      }
      fail(connection_.handle(), rc, "writing " + std::string(view(t.name)), connection_.path());
    }
    const bool touched = api::sqlite3_changes(connection_.handle()) > 0;
    api::sqlite3_reset(statement);
    affected += touched ? 1 : 0;
    if (step.outcome != nullptr) step.outcome[r] = static_cast<std::uint8_t>(!touched ? Z4J_ROW_UNTOUCHED : was_there ? Z4J_ROW_CHANGED : Z4J_ROW_INSERTED);
    if (!touched && step.expect_min == rows.rows) {
      commit.bad_step = index;
      commit.bad_row = r;
      throw Error(Z4J_CONFLICT, "row " + std::to_string(r) + " of " + std::string(view(t.name)) + " is there already");
    }
  }
  return affected;
}

std::uint64_t Session::run_step(const z4j_table& t, z4j_step& step, std::uint32_t index, z4j_commit& commit) {
  switch (step.verb) {
    case Z4J_STEP_INSERT: case Z4J_STEP_INSERT_NEW: case Z4J_STEP_MERGE: case Z4J_STEP_PATCH: return run_rows(t, step, index, commit);
    case Z4J_STEP_UPDATE: case Z4J_STEP_DELETE: {
      const bool deletes = step.verb == Z4J_STEP_DELETE;
      if ((t.flags & Z4J_TBL_APPEND) != 0 && !(deletes && (commit.flags & Z4J_COMMIT_RETENTION) != 0)) throw Error(Z4J_INVALID, std::string(view(t.name)) + " is append-only");
      const sql::Statement made = deletes ? sql::erase(t, step) : sql::update(t, step);
      Statement* statement = prepared(made.text);
      bind_values(statement, made, 1);
      step_done(statement, deletes ? "deleting" : "updating");
      return static_cast<std::uint64_t>(api::sqlite3_changes(connection_.handle()));
    }
    case Z4J_STEP_CHECK: {
      const sql::Statement made = sql::count(t, step);
      Statement* statement = prepared(made.text);
      bind_values(statement, made, 1);
      const int rc = api::sqlite3_step(statement);
      const auto n = static_cast<std::uint64_t>(api::sqlite3_column_int64(statement, 0));
      api::sqlite3_reset(statement);
      if (rc != SQLITE_ROW) fail(connection_.handle(), rc, "checking", connection_.path());
      return n;
    }
    case Z4J_STEP_NOTICE: return 0;
    default: throw Error(Z4J_INVALID, "unknown step " + std::to_string(step.verb));
  }
}

void Session::commit(z4j_commit& commit) {
  commit.bad_step = commit.bad_row = commit.bad_key = ~std::uint32_t{0};
  now_us_ = clock_us();
  step_done(prepared("BEGIN IMMEDIATE"), "beginning a transaction");
  try {
    for (std::uint32_t i = 0; i < commit.step_count; ++i) {
      z4j_step& step = *commit.steps[i];
      step.affected = run_step(table(step.table), step, i, commit);
      if (step.verb == Z4J_STEP_NOTICE) continue;
      if (step.affected < step.expect_min || step.affected > step.expect_max) {
        commit.bad_step = i;
        throw Error(Z4J_CONFLICT, "step " + std::to_string(i) + " on " + std::string(view(table(step.table).name)) + " met " + std::to_string(step.affected) + " rows");
      }
    }
    step_done(prepared("COMMIT"), "committing");
  } catch (...) {
    if (api::sqlite3_get_autocommit(connection_.handle()) == 0) api::sqlite3_exec(connection_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    throw;
  }
  const auto* notices = static_cast<const z4j_notices*>(database_.host().service(Z4J_SERVICE_NOTICES));
  for (std::uint32_t i = 0; i < commit.step_count; ++i) {
    const z4j_step& step = *commit.steps[i];
    if (step.verb == Z4J_STEP_NOTICE && notices != nullptr) notices->notice(database_.host().raw()->ctx, step.channel, step.payload);
  }
}

void Session::stats(const z4j_sink& out) {
  Statement* statement = prepared("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()");
  const bool got = api::sqlite3_step(statement) == SQLITE_ROW;
  const std::int64_t bytes = got ? api::sqlite3_column_int64(statement, 0) : 0;
  api::sqlite3_reset(statement);
  put(out, json::Object{{"product", "SQLite"}, {"version", api::sqlite3_libversion()}, {"bytes", bytes}});
}

void Session::explain(const z4j_query& query, const z4j_sink& out) {
  const sql::Statement made = sql::select(table(query.table), query);
  Statement* statement = prepared("EXPLAIN QUERY PLAN " + made.text);
  bind_values(statement, made, 1);
  std::string plan;
  while (api::sqlite3_step(statement) == SQLITE_ROW) plan += std::string(reinterpret_cast<const char*>(api::sqlite3_column_text(statement, 3))) + "\n";
  api::sqlite3_reset(statement);
  const bool indexed = plan.find("SEARCH") != std::string::npos && plan.find("TEMP B-TREE") == std::string::npos;
  put(out, json::Object{{"indexed", indexed}, {"plan", plan}});
}

void Session::backup(const std::string& target) {
  Statement* statement = prepared("VACUUM INTO ?1");
  api::sqlite3_bind_text(statement, 1, target.data(), static_cast<int>(target.size()), SQLITE_STATIC);
  step_done(statement, "copying");
}

std::unique_ptr<Session::Cursor> Session::read(const z4j_query& query) { return std::make_unique<Cursor>(*this, query); }

Session::Cursor::Cursor(Session& session, const z4j_query& query) : session_(session) {
  const z4j_table& t = session.table(query.table);
  for (std::uint32_t i = 0; i < query.out_count; ++i) folded_ = folded_ || query.outs[i].agg != 0 || query.outs[i].bucket > 0;
  for (std::uint32_t i = 0; i < query.out_count; ++i) {
    Column column;
    column.out = query.outs[i];
    if (column.out.column >= t.column_count) throw Error(Z4J_INVALID, "no column " + std::to_string(column.out.column));
    column.type = column.out.agg == Z4J_AGG_COUNT ? static_cast<std::uint16_t>(Z4J_T_INT) : t.columns[column.out.column].type;
    switch (column.type) {
      case Z4J_T_BOOL: case Z4J_T_INT: case Z4J_T_TIME: column.form = Z4J_FORM_NUM; break;
      case Z4J_T_REAL: column.form = Z4J_FORM_REAL; break;
      case Z4J_T_UUID: column.form = Z4J_FORM_16; break;
      default: column.form = Z4J_FORM_VAR;
    }
    columns_.push_back(std::move(column));
  }
  session.now_us_ = clock_us();
  const sql::Statement made = sql::select(t, query);
  statement_ = session.prepared(made.text);
  session.bind_values(statement_, made, 1);
  if (query.timeout_ms > 0) {
    deadline_ms_ = steady_ms() + query.timeout_ms;
    api::sqlite3_progress_handler(session.connection_.handle(), 10'000, &Cursor::overdue, this);
  }
}

Session::Cursor::~Cursor() {
  api::sqlite3_reset(statement_);
  api::sqlite3_progress_handler(session_.connection_.handle(), 0, nullptr, nullptr);
}

int Session::Cursor::overdue(void* self) { return steady_ms() > static_cast<Cursor*>(self)->deadline_ms_ ? 1 : 0; }

const z4j_rows* Session::Cursor::next(std::uint32_t max_rows) {
  if (done_) return nullptr;
  for (Column& c : columns_) {
    c.valid.clear();
    c.nums.clear();
    c.reals.clear();
    c.bytes.clear();
    c.offsets.assign(1, 0);
  }
  std::uint32_t n = 0;
  for (; n < max_rows; ++n) {
    const int rc = api::sqlite3_step(statement_);
    if (rc == SQLITE_DONE) {
      done_ = true;
      break;
    }
    if (rc != SQLITE_ROW) fail(session_.connection_.handle(), rc, "reading", session_.connection_.path());
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      Column& c = columns_[i];
      const int place = static_cast<int>(i);
      if (n % 8 == 0) c.valid.push_back(0);
      const bool is_null = api::sqlite3_column_type(statement_, place) == SQLITE_NULL;
      if (!is_null) c.valid.back() = static_cast<std::uint8_t>(c.valid.back() | (1u << (n % 8)));
      switch (c.form) {
        case Z4J_FORM_NUM: c.nums.push_back(api::sqlite3_column_int64(statement_, place)); break;
        case Z4J_FORM_REAL: c.reals.push_back(api::sqlite3_column_double(statement_, place)); break;
        default: {
          const auto* data = static_cast<const char*>(api::sqlite3_column_blob(statement_, place));
          const auto size = static_cast<std::size_t>(api::sqlite3_column_bytes(statement_, place));
          if (data != nullptr) c.bytes.append(data, size);
          if (c.form == Z4J_FORM_16) c.bytes.resize((std::size_t{n} + 1) * 16, '\0');
          c.offsets.push_back(static_cast<std::uint32_t>(c.bytes.size()));
        }
      }
    }
  }
  if (n == 0) return nullptr;
  views_.clear();
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    Column& c = columns_[i];
    z4j_col v{};
    v.column = folded_ ? static_cast<std::uint16_t>(i) : c.out.column;
    v.form = c.form;
    v.valid = c.valid.data();
    switch (c.form) {
      case Z4J_FORM_NUM: v.data = c.nums.data(); break;
      case Z4J_FORM_REAL: v.data = c.reals.data(); break;
      case Z4J_FORM_16: v.data = c.bytes.data(); break;
      default: v.text = z4j_strcol{c.offsets.data(), c.bytes.data()};
    }
    views_.push_back(v);
  }
  rows_ = z4j_rows{sizeof(z4j_rows), n, views_.data(), static_cast<std::uint32_t>(views_.size()), 0, 0};
  return &rows_;
}

}  // namespace z4j::sqlite
