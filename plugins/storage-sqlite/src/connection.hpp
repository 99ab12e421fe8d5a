// One connection to the database file.
//
// Opened and owned through SOCI; the hot paths use the native handle beneath it. Not thread-safe:
// it belongs to one session. Failures are z4j::Error with one sentence and a way out (error_of).
#pragma once

#include <z4j/plugin.hpp>

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "lib/sql/sql_text.hpp"
#include "native.hpp"

namespace z4j::sqlite {

struct Config {
  std::string path;
  std::int64_t cache_mib = 64;
  std::int64_t busy_timeout_ms = 5000;
  bool full_sync = true;
  std::int64_t checkpoint_pages = 4000;
  bool read_only = false;
};

using Clock = std::chrono::steady_clock;

class Connection {
 public:
  enum class Use : std::uint8_t { write, read };

  Connection(const Config& config, Use use);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] sqlite_api::sqlite3* native() const noexcept { return db_; }
  // Text of our own only.
  void run(const char* text);
  // The first column of the first row; `fallback` when there is none.
  [[nodiscard]] std::int64_t number(const std::string& text, std::int64_t fallback);
  [[nodiscard]] std::string text(const std::string& text);

  // Prepared, reset and kept for the next time; valid until some 200 others were asked for.
  [[nodiscard]] sqlite_api::sqlite3_stmt* prepared(const std::string& text);

  // Statements that run longer are interrupted, which is Z4J_TIMEOUT. Zero: no limit.
  void limit_time(std::uint32_t timeout_ms);
  void allow_deletes(bool allow) noexcept { may_delete_ = allow; }

  // What the last failed call means.
  [[nodiscard]] Error error_of(int rc, const std::string& where = {}) const;
  void must(int rc) const {
    if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW) throw error_of(rc);
  }

 private:
  struct Soci;
  static int on_progress(void* self);
  void open(const Config& config, Use use);

  std::unique_ptr<Soci> soci_;
  sqlite_api::sqlite3* db_ = nullptr;
  bool may_delete_ = false;
  bool limited_ = false;
  Clock::time_point deadline_;
  using Cached = std::pair<std::string, sqlite_api::sqlite3_stmt*>;
  std::list<Cached> statements_;  // latest first
  std::unordered_map<std::string_view, std::list<Cached>::iterator> by_text_;
};

// Binds values[i] as number first + i. `lifetime`: kBorrowed when the request outlives the
// statement's run.
void bind_values(const Connection& connection, sqlite_api::sqlite3_stmt* stmt,
                 const sql::Statement& statement, std::int64_t now_us,
                 sqlite_api::sqlite3_destructor_type lifetime);

[[nodiscard]] std::int64_t store_clock_us();

}  // namespace z4j::sqlite
