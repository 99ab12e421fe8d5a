#include "connection.hpp"

#include <cstring>

#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include "functions.hpp"

namespace z4j::sqlite {
namespace {

constexpr std::size_t kMaxStatements = 200;
constexpr int kOpsBetweenClockReads = 5000;

bool begins(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}

}  // namespace

struct Connection::Soci {
  explicit Soci(const std::string& path) : session(soci::sqlite3, "dbname=\"" + path + "\"") {}
  soci::session session;
};

Connection::Connection(const Config& config, Use use) {
  try {
    open(config, use);
  } catch (...) {
    for (Cached& c : statements_) sqlite_api::sqlite3_finalize(c.second);
    throw;
  }
}

void Connection::open(const Config& config, Use use) {
  try {
    soci_ = std::make_unique<Soci>(config.path);
  } catch (const soci::sqlite3_soci_error& e) {
    throw Error(
        e.result() == SQLITE_NOTADB || e.result() == SQLITE_CORRUPT ? Z4J_CORRUPT : Z4J_IO,
        "cannot open " + config.path + ": check that the file and its folder can be written",
        "/path");
  }
  db_ = static_cast<soci::sqlite3_session_backend*>(soci_->session.get_backend())->conn_;
  sqlite_api::sqlite3_extended_result_codes(db_, 1);
  sqlite_api::sqlite3_busy_timeout(db_, static_cast<int>(config.busy_timeout_ms));
  must(add_functions(db_, &may_delete_));
  sqlite_api::sqlite3_progress_handler(db_, kOpsBetweenClockReads, &Connection::on_progress, this);
  if (text("PRAGMA journal_mode=WAL") != "wal") {
    throw Error(
        Z4J_IO,
        "the file system under " + config.path + " cannot hold a write-ahead log: use a local disk",
        "/path");
  }
  sqlite_api::sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  const std::int64_t cache_kib =
      (use == Use::write ? config.cache_mib : (config.cache_mib + 7) / 8) * 1024;
  run(("PRAGMA cache_size=-" + std::to_string(cache_kib)).c_str());
  run("PRAGMA temp_store=MEMORY");
  run(config.full_sync ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
  if (use == Use::read) {
    run("PRAGMA query_only=1");
    return;
  }
  run(("PRAGMA wal_autocheckpoint=" + std::to_string(config.checkpoint_pages)).c_str());
  run("PRAGMA journal_size_limit=67108864");
}

Connection::~Connection() {
  for (Cached& c : statements_) sqlite_api::sqlite3_finalize(c.second);
}

void Connection::run(const char* statement) {
  const int rc = sqlite_api::sqlite3_exec(db_, statement, nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) throw error_of(rc);
}

std::int64_t Connection::number(const std::string& statement, std::int64_t fallback) {
  sqlite_api::sqlite3_stmt* stmt = prepared(statement);
  const int rc = sqlite_api::sqlite3_step(stmt);
  const std::int64_t value =
      rc == SQLITE_ROW ? sqlite_api::sqlite3_column_int64(stmt, 0) : fallback;
  sqlite_api::sqlite3_reset(stmt);
  must(rc);
  return value;
}

std::string Connection::text(const std::string& statement) {
  sqlite_api::sqlite3_stmt* stmt = prepared(statement);
  const int rc = sqlite_api::sqlite3_step(stmt);
  std::string value;
  if (rc == SQLITE_ROW) {
    if (const auto* found = reinterpret_cast<const char*>(sqlite_api::sqlite3_column_text(stmt, 0)))
      value = found;
  }
  sqlite_api::sqlite3_reset(stmt);
  must(rc);
  return value;
}

sqlite_api::sqlite3_stmt* Connection::prepared(const std::string& statement) {
  if (const auto found = by_text_.find(statement); found != by_text_.end()) {
    statements_.splice(statements_.begin(), statements_, found->second);
    return found->second->second;
  }
  sqlite_api::sqlite3_stmt* stmt = nullptr;
  must(sqlite_api::sqlite3_prepare_v3(db_, statement.data(), static_cast<int>(statement.size()),
                                      SQLITE_PREPARE_PERSISTENT, &stmt, nullptr));
  statements_.emplace_front(statement, stmt);
  by_text_.emplace(statements_.front().first, statements_.begin());
  if (statements_.size() > kMaxStatements) {
    by_text_.erase(statements_.back().first);
    sqlite_api::sqlite3_finalize(statements_.back().second);
    statements_.pop_back();
  }
  return stmt;
}

void Connection::limit_time(std::uint32_t timeout_ms) {
  limited_ = timeout_ms != 0;
  if (limited_) deadline_ = Clock::now() + std::chrono::milliseconds(timeout_ms);
}

int Connection::on_progress(void* self) {
  const auto* c = static_cast<const Connection*>(self);
  return c->limited_ && Clock::now() > c->deadline_ ? 1 : 0;
}

Error Connection::error_of(int rc, const std::string& where) const {
  const std::string said = sqlite_api::sqlite3_errmsg(db_);
  switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Error(Z4J_BUSY, "another program holds the database locked: close it, or wait", where,
                   200);
    case SQLITE_FULL:
      return Error(Z4J_IO, "the disk is full: nothing of this was stored; free some space", where,
                   5000);
    case SQLITE_IOERR: {
      const int os = sqlite_api::sqlite3_system_errno(db_);
      return Error(Z4J_IO,
                   "the database could not be read or written" +
                       (os != 0 ? " (" + std::string(std::strerror(os)) + ")" : std::string()) +
                       ": nothing of this was stored; check the disk",
                   where, 5000);
    }
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Error(Z4J_CORRUPT,
                   "the file is damaged or not an SQLite database: restore a backup, or move it "
                   "away to begin with an empty one",
                   where.empty() ? "/path" : where);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Error(
          Z4J_IO, "the database cannot be written: check owner and mode of the file and its folder",
          where.empty() ? "/path" : where);
    case SQLITE_INTERRUPT:
      return Error(Z4J_TIMEOUT, "the store did not finish in the given time", where);
    case SQLITE_NOMEM:
      return Error(Z4J_NO_MEMORY, "out of memory", where);
    case SQLITE_TOOBIG:
      return Error(Z4J_TOO_LARGE, "a value is larger than the database takes", where);
    case SQLITE_CONSTRAINT: {
      if (rc == SQLITE_CONSTRAINT_TRIGGER) return Error(Z4J_DENIED, said, where);
      const std::size_t colon = said.find(": ");
      const std::string what = colon == std::string::npos ? said : said.substr(colon + 2);
      if (begins(said, "NOT NULL"))
        return Error(Z4J_INVALID, "column " + what + " needs a value", where);
      if (begins(said, "UNIQUE"))
        return Error(Z4J_CONFLICT, "another row has the same " + what, where);
      return Error(Z4J_INVALID, "the store does not take a value: " + said, where);
    }
    default:
      if (said.find("integer overflow") != std::string::npos)
        return Error(Z4J_INVALID, "a sum leaves the range of 64 bits", where);
      return Error(Z4J_INTERNAL,
                   "unexpected answer of SQLite (" + std::to_string(rc) + "): " + said, where);
  }
}

void bind_values(const Connection& connection, sqlite_api::sqlite3_stmt* stmt,
                 const sql::Statement& statement, std::int64_t now_us,
                 sqlite_api::sqlite3_destructor_type lifetime) {
  int place = static_cast<int>(statement.cells);
  for (const sql::Bind& b : statement.binds) {
    ++place;
    int rc = SQLITE_OK;
    const z4j_value& v = b.value;
    const char* bytes = v.text.ptr != nullptr ? v.text.ptr : "";
    if (b.is_made) {
      rc = sqlite_api::sqlite3_bind_text64(stmt, place, b.made.data(), b.made.size(), lifetime,
                                           SQLITE_UTF8);
    } else {
      switch (v.kind) {
        case Z4J_V_NUM:
          rc = sqlite_api::sqlite3_bind_int64(stmt, place,
                                              b.column_type == Z4J_T_BOOL ? v.num != 0 : v.num);
          break;
        case Z4J_V_NOW:
          rc = sqlite_api::sqlite3_bind_int64(stmt, place, now_us + v.num);
          break;
        case Z4J_V_REAL:
          rc = sqlite_api::sqlite3_bind_double(stmt, place, v.real);
          break;
        case Z4J_V_TEXT:
          rc = sqlite_api::sqlite3_bind_text64(stmt, place, bytes, v.text.len, lifetime,
                                               SQLITE_UTF8);
          break;
        case Z4J_V_BYTES:
          rc = sqlite_api::sqlite3_bind_blob64(stmt, place, bytes, v.text.len, lifetime);
          break;
        default:
          rc = sqlite_api::sqlite3_bind_null(stmt, place);
      }
    }
    connection.must(rc);
  }
}

std::int64_t store_clock_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace z4j::sqlite
