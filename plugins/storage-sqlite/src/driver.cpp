#include "driver.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "commit.hpp"
#include "lib/json/json.hpp"
#include "migration.hpp"

namespace z4j::sqlite {
namespace {

constexpr std::uint32_t kLongestWaitMs = 30000;
constexpr int kPagesPerPiece = 512;

// Makes the new file itself, so that nothing is overwritten and nobody else may read it.
void create_new(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    const int error = errno;
    throw Error(error == EEXIST ? Z4J_CONFLICT : Z4J_IO,
                "cannot create " + path + " (" + std::strerror(error) +
                    "): give the path of a file that does not exist, in a folder that does");
  }
  ::close(fd);
}

void sync_path(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool ok = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  if (!ok) throw Error(Z4J_IO, "cannot make " + path + " durable: check the disk");
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Driver::Driver(Host host, std::string_view config_json) : host_(host) {
  const json::Value parsed = json::parse(config_json);
  const json::Object* o = parsed.if_object();
  if (o == nullptr) throw Error(Z4J_BAD_CONFIG, "the config must be a JSON object");
  config_.path = json::text(*o, "path");
  if (config_.path.empty())
    throw Error(Z4J_BAD_CONFIG, "path is missing: give the path of the database file", "/path");
  if (config_.path.find_first_of(std::string_view("\"\0", 2)) != std::string::npos) {
    throw Error(Z4J_BAD_CONFIG, "path must not hold a double quote", "/path");
  }
  config_.cache_mib = json::integer(*o, "cache_mib", config_.cache_mib);
  config_.busy_timeout_ms = json::integer(*o, "busy_timeout_ms", config_.busy_timeout_ms);
  config_.full_sync = json::text(*o, "synchronous", "full") != "normal";
  config_.checkpoint_pages = json::integer(*o, "checkpoint_pages", config_.checkpoint_pages);
  config_.read_only = json::boolean(*o, "read_only");
}

void Driver::start() {
  if (control_) return;
  if (config_.read_only) {
    if (::access(config_.path.c_str(), R_OK | W_OK) != 0) {
      throw Error(Z4J_IO,
                  "cannot open " + config_.path + " (" + std::strerror(errno) +
                      "): give the path of a database that this user may read and write",
                  "/path");
    }
    control_ = std::make_unique<Connection>(config_, Connection::Use::read);
    return;
  }
  auto lock = std::make_unique<FileLock>(config_.path);
  prepare_file(config_.path);
  auto control = std::make_unique<Connection>(config_, Connection::Use::write);
  if (control->number("SELECT count(*) FROM sqlite_schema", 0) < 0) return;
  lock_ = std::move(lock);
  control_ = std::move(control);
}

void Driver::stop(std::uint32_t) {
  control_.reset();
  if (sessions_ == 0) lock_.reset();
}

void Driver::need_started() const {
  if (!control_) throw Error(Z4J_BAD_STATE, "the store is not started");
}

void Driver::info(z4j_store_info& out) const {
  out.best_rows = 2000;
  out.max_rows = store::kMaxRows;
  out.writers = 1;
  out.readers = 4;
  out.capabilities = Z4J_STORE_NOTICES | Z4J_STORE_SNAPSHOT;
  out.max_bytes = store::kMaxBytes;
}

std::string Driver::migrate(const z4j_schema& wanted, bool dry_run) {
  need_started();
  const OneAtATime::Turn writer(writer_, std::chrono::milliseconds(kLongestWaitMs));
  if (!writer) throw Error(Z4J_BUSY, "another commit holds the store", {}, 200);
  const Migration done = sqlite::migrate(*control_, wanted, dry_run || config_.read_only);
  if (!dry_run && config_.read_only && !done.steps.empty()) {
    throw Error(Z4J_UNSUPPORTED,
                "the database is opened for reading and lacks what this program adds: migrate it "
                "first");
  }
  json::Array steps;
  for (const std::string& step : done.steps) steps.emplace_back(step);
  return json::write(
      json::Object{{"from", done.from}, {"to", done.to}, {"steps", std::move(steps)}});
}

std::unique_ptr<Session> Driver::open(std::uint32_t flags) {
  need_started();
  need_schema();
  if (config_.read_only && (flags & Z4J_SESSION_WRITE) != 0)
    throw Error(Z4J_DENIED, "the database is opened for reading");
  return std::make_unique<Session>(*this, flags);
}

Session::Session(Driver& driver, std::uint32_t flags)
    : driver_(driver),
      connection_(driver.config_, (flags & Z4J_SESSION_WRITE) != 0 ? Connection::Use::write
                                                                   : Connection::Use::read) {
  if ((flags & Z4J_SESSION_SNAPSHOT) != 0) {
    connection_.run("BEGIN");
    // The moment is taken by the first read, not by BEGIN.
    (void)connection_.number("SELECT count(*) FROM sqlite_schema", 0);
  }
  ++driver_.sessions_;
}

Session::~Session() { --driver_.sessions_; }

void Session::commit(z4j_commit& c) {
  const std::uint32_t wait_ms = c.timeout_ms == 0 ? kLongestWaitMs : c.timeout_ms;
  const OneAtATime::Turn writer(driver_.writer_, std::chrono::milliseconds(wait_ms));
  if (!writer) throw Error(Z4J_BUSY, "another commit holds the store: nothing happened", {}, 50);
  run_commit(connection_, driver_.need_schema(), c, driver_.config_.full_sync);
}

std::unique_ptr<Cursor> Session::read(const z4j_query& query) {
  return std::make_unique<Cursor>(connection_, driver_.need_schema().tables[query.table], query);
}

std::string Session::stats() {
  const std::int64_t bytes =
      connection_.number("PRAGMA page_count", 0) * connection_.number("PRAGMA page_size", 0);
  return json::write(json::Object{{"product", "SQLite"},
                                  {"version", sqlite_api::sqlite3_libversion()},
                                  {"bytes", bytes},
                                  {"connections", driver_.sessions_.load()}});
}

std::string Session::explain(const z4j_query& query) {
  const z4j_schema& schema = driver_.need_schema();
  store::check_query(schema, query);
  return explained(connection_, schema.tables[query.table], query);
}

void Session::copy_to(const std::string& target, z4j_status (*stop)(void*), void* arg) {
  if (target.empty() || target.find('\0') != std::string::npos)
    throw Error(Z4J_INVALID, "a backup needs the path of a new file");
  if (::access(target.c_str(), F_OK) == 0)
    throw Error(Z4J_CONFLICT, target + " exists already: give the path of a new file");
  const std::string part = target + ".part";
  create_new(part);
  struct Cleanup {
    const std::string& path;
    ~Cleanup() {
      for (const char* tail : {"", "-wal", "-shm", "-journal"}) ::unlink((path + tail).c_str());
    }
  } const cleanup{part};
  // A read transaction of its own keeps the copy at one moment while others commit.
  Connection source(driver_.config_, Connection::Use::read);
  source.run("BEGIN");
  (void)source.number("SELECT count(*) FROM sqlite_schema", 0);
  sqlite_api::sqlite3* to = nullptr;
  int rc = sqlite_api::sqlite3_open_v2(part.c_str(), &to, SQLITE_OPEN_READWRITE, nullptr);
  sqlite_api::sqlite3_backup* copy =
      rc == SQLITE_OK ? sqlite_api::sqlite3_backup_init(to, "main", source.native(), "main")
                      : nullptr;
  z4j_status stopped = Z4J_OK;
  if (copy != nullptr) {
    do {
      rc = sqlite_api::sqlite3_backup_step(copy, kPagesPerPiece);
      stopped = stop(arg);
    } while (rc == SQLITE_OK && stopped == Z4J_OK);
    const int end = sqlite_api::sqlite3_backup_finish(copy);
    if (rc == SQLITE_DONE) rc = end;
  }
  sqlite_api::sqlite3_close(to);
  if (stopped != Z4J_OK && rc == SQLITE_OK)
    throw Error(stopped, "the backup was stopped before its end; nothing is left of it");
  if (copy == nullptr || rc != SQLITE_OK) {
    throw Error(Z4J_IO, "the backup to " + target + " failed (" + sqlite_api::sqlite3_errstr(rc) +
                            "): check the disk and its free space");
  }
  sync_path(part);
  if (::link(part.c_str(), target.c_str()) != 0) {
    throw Error(errno == EEXIST ? Z4J_CONFLICT : Z4J_IO,
                "cannot name the backup " + target + " (" + std::strerror(errno) + ")");
  }
  sync_path(folder_of(target));
}

}  // namespace z4j::sqlite
