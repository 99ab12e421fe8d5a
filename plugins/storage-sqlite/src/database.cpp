#include "database.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <set>
#include <vector>

#include "lib/json/json.hpp"
#include "lib/sql/sql_text.hpp"

namespace z4j::sqlite {
namespace {

namespace api = sqlite_api;

// Finalised at the end of its scope.
struct Prepared {
  api::sqlite3_stmt* statement = nullptr;
  ~Prepared() { api::sqlite3_finalize(statement); }
};

std::vector<std::string> first_column(Connection& c, const std::string& sql, int column) {
  Prepared p;
  if (const int rc = api::sqlite3_prepare_v2(c.handle(), sql.c_str(), -1, &p.statement, nullptr); rc != SQLITE_OK) fail(c.handle(), rc, "reading the schema", c.path());
  std::vector<std::string> out;
  int rc = SQLITE_OK;
  while ((rc = api::sqlite3_step(p.statement)) == SQLITE_ROW) {
    const auto* text = reinterpret_cast<const char*>(api::sqlite3_column_text(p.statement, column));
    out.emplace_back(text != nullptr ? text : "");
  }
  if (rc != SQLITE_DONE) fail(c.handle(), rc, "reading the schema", c.path());
  return out;
}

std::string soci_target(const std::string& path) { return "db=\"" + path + "\""; }

}  // namespace

void fail(Handle* db, int rc, std::string_view doing, const std::string& path) {
  const std::string what = "SQLite, " + std::string(doing) + " in " + path + ": " + (db != nullptr ? api::sqlite3_errmsg(db) : "no connection");
  switch (rc & 0xff) {
    case SQLITE_CORRUPT: case SQLITE_NOTADB:
      throw Error(Z4J_CORRUPT, path + " is damaged or is no SQLite database: restore it from a backup, or move it away to start empty");
    case SQLITE_FULL: throw Error(Z4J_IO, what + "; free some space on that disk, nothing half written is kept", {}, 2000);
    case SQLITE_IOERR: throw Error(Z4J_IO, what + "; check the disk", {}, 2000);
    case SQLITE_BUSY: case SQLITE_LOCKED: throw Error(Z4J_BUSY, what, {}, 100);
    case SQLITE_CONSTRAINT: throw Error(Z4J_CONFLICT, what);
    case SQLITE_CANTOPEN: case SQLITE_READONLY: case SQLITE_PERM: case SQLITE_AUTH:
      throw Error(Z4J_IO, "can't write " + path + ": check that its folder exists and belongs to the user who runs the brain");
    case SQLITE_INTERRUPT: throw Error(Z4J_TIMEOUT, what);
    case SQLITE_NOMEM: throw Error(Z4J_NO_MEMORY, what);
    case SQLITE_TOOBIG: throw Error(Z4J_TOO_LARGE, what);
    default: throw Error(Z4J_INTERNAL, what + " (code " + std::to_string(rc) + ")");
  }
}

Connection::Connection(const Options& options) : path_(options.path) {
  try {
    session_.open(soci::sqlite3, soci_target(options.path));
  } catch (const soci::soci_error&) {
    fail(nullptr, SQLITE_CANTOPEN, "opening", path_);
  }
  handle_ = static_cast<soci::sqlite3_session_backend*>(session_.get_backend())->conn_;
  api::sqlite3_busy_timeout(handle_, static_cast<int>(options.busy_timeout_ms));
  run("PRAGMA journal_mode=WAL");
  run(std::string("PRAGMA synchronous=") + (options.full_sync ? "FULL" : "NORMAL"));
  run("PRAGMA cache_size=-" + std::to_string(options.cache_bytes / 1024));
  run("PRAGMA temp_store=MEMORY");
  run("PRAGMA wal_autocheckpoint=20000");
}

void Connection::run(const std::string& sql) {
  const int rc = api::sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) fail(handle_, rc, "running " + sql.substr(0, 60), path_);
}

void Database::open() {
  const std::string lock_path = options_.path + ".lock";
  lock_file_ = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_file_ < 0) {
    throw Error(Z4J_IO, "can't write " + lock_path + ": " + std::strerror(errno) + "; check that the folder exists and belongs to the user who runs the brain");
  }
  if (::flock(lock_file_, LOCK_EX | LOCK_NB) != 0) {
    char owner[32] = {};
    [[maybe_unused]] const auto n = ::read(lock_file_, owner, sizeof owner - 1);
    ::close(lock_file_);
    lock_file_ = -1;
    throw Error(Z4J_BUSY, "another brain (process " + std::string(owner) + ") uses " + options_.path + "; stop it, or give this one its own database");
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(lock_file_, 0) != 0 || ::pwrite(lock_file_, pid.data(), pid.size(), 0) < 0) {
    throw Error(Z4J_IO, "can't write " + lock_path + ": " + std::strerror(errno));
  }
  Connection probe(options_);
  (void)first_column(probe, "SELECT count(*) FROM sqlite_master", 0);
  checkpointer_ = std::thread([this] { checkpoint_loop(); });
}

void Database::close() noexcept {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  if (checkpointer_.joinable()) checkpointer_.join();
  if (lock_file_ >= 0) ::close(lock_file_);
  lock_file_ = -1;
}

// Moves the log into the file from a connection of its own, so that writers seldom have to.
void Database::checkpoint_loop() {
  std::unique_ptr<Connection> connection;
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, std::chrono::milliseconds(500), [this] { return closing_; })) {
    lock.unlock();
    try {
      if (!connection) connection = std::make_unique<Connection>(options_);
      api::sqlite3_wal_checkpoint_v2(connection->handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    } catch (const std::exception& e) {
      host_.warn("checkpoint failed", json::write(json::Object{{"why", e.what()}}));
      connection.reset();
    }
    lock.lock();
  }
}

std::string Database::migrate(const z4j_schema& schema, bool dry_run) {
  Connection c(options_);
  c.run("CREATE TABLE IF NOT EXISTS z4j_schema (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL)");
  const auto versions = first_column(c, "SELECT version FROM z4j_schema", 0);
  const long long from = versions.empty() ? 0 : std::stoll(versions[0]);
  if (from > static_cast<long long>(schema.version)) {
    throw Error(Z4J_UNSUPPORTED, options_.path + " was written by a newer brain (schema " + std::to_string(from) + ", this one knows " +
                                     std::to_string(schema.version) + "): run that version, or restore the backup from before the upgrade");
  }
  std::vector<std::string> steps;
  for (std::uint32_t t = 0; t < schema.table_count; ++t) {
    const z4j_table& table = schema.tables[t];
    if ((table.flags & Z4J_TBL_RETIRED) != 0) continue;
    const std::string name(view(table.name));
    const auto columns = first_column(c, "PRAGMA table_info(" + sql::quoted(name) + ")", 1);
    if (columns.empty()) {
      steps.push_back(sql::create_table(table));
      if ((table.flags & Z4J_TBL_APPEND) != 0) {
        steps.push_back("CREATE TRIGGER IF NOT EXISTS " + sql::quoted(name + "_append_only") + " BEFORE UPDATE ON " + sql::quoted(name) +
                        " BEGIN SELECT RAISE(ABORT, 'this table is append-only'); END");
      }
    } else {
      const std::set<std::string> known(columns.begin(), columns.end());
      for (std::uint32_t i = 0; i < table.column_count; ++i) {
        if (known.count(std::string(view(table.columns[i].name))) == 0) steps.push_back(sql::add_column(table, table.columns[i]));
      }
    }
    const auto indexes = first_column(c, "PRAGMA index_list(" + sql::quoted(name) + ")", 1);
    const std::set<std::string> known(indexes.begin(), indexes.end());
    for (std::uint32_t k = 1; k < table.key_count; ++k) {
      const std::string index = sql::create_index(table, table.keys[k]);
      if (!index.empty() && known.count(std::string(view(table.keys[k].name))) == 0) steps.push_back(index);
    }
  }
  json::Array told;
  for (const std::string& step : steps) told.emplace_back(step.substr(0, step.find('\n')));
  if (!dry_run) {
    c.run("BEGIN IMMEDIATE");
    try {
      for (const std::string& step : steps) c.run(step);
      c.run("INSERT INTO z4j_schema(id, version) VALUES(1, " + std::to_string(schema.version) + ") ON CONFLICT(id) DO UPDATE SET version=excluded.version");
      c.run("COMMIT");
    } catch (...) {
      api::sqlite3_exec(c.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
      throw;
    }
    schema_ = &schema;
  }
  return json::write(json::Object{{"from", from}, {"to", schema.version}, {"steps", std::move(told)}});
}

}  // namespace z4j::sqlite
