// One SQLite file: its lock, connections, schema and error texts.
#pragma once

#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <z4j/plugin.hpp>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace z4j::sqlite {

using Handle = sqlite_api::sqlite3;

struct Options {
  std::string path;
  std::int64_t cache_bytes = 64 << 20;
  std::int64_t busy_timeout_ms = 5000;
  bool full_sync = true;
};

// Throws z4j::Error with the class of SQLite's code and one clear sentence.
[[noreturn]] void fail(Handle* db, int rc, std::string_view doing, const std::string& path);

// A connection; one thread at a time.
class Connection {
 public:
  explicit Connection(const Options& options);  // throws z4j::Error
  [[nodiscard]] Handle* handle() const noexcept { return handle_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  void run(const std::string& sql);             // throws z4j::Error

 private:
  std::string path_;
  soci::session session_;
  Handle* handle_ = nullptr;
};

// Thread-safe after open().
class Database {
 public:
  Database(Host host, Options options) : host_(host), options_(std::move(options)) {}
  ~Database() { close(); }

  // Takes the lock, makes the file when missing, checks that it is a database. Throws z4j::Error.
  void open();
  void close() noexcept;
  // Makes the file fit the declaration; returns the JSON report. Throws z4j::Error.
  std::string migrate(const z4j_schema& schema, bool dry_run);

  [[nodiscard]] const Options& options() const noexcept { return options_; }
  [[nodiscard]] const z4j_schema* schema() const noexcept { return schema_; }
  [[nodiscard]] Host host() const noexcept { return host_; }

 private:
  void checkpoint_loop();

  Host host_;
  Options options_;
  int lock_file_ = -1;
  const z4j_schema* schema_ = nullptr;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool closing_ = false;
  std::thread checkpointer_;
};

}  // namespace z4j::sqlite
