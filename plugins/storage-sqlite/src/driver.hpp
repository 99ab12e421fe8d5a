// One instance: a database file, its lock, one writer at a time and any number of readers.
#pragma once

#include <z4j/plugin.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <z4j/storage_check.hpp>
#include "connection.hpp"
#include "cursor.hpp"
#include "file_lock.hpp"
#include "one_at_a_time.hpp"

namespace z4j::sqlite {

class Driver;

// One lane, with a connection of its own. Calls never overlap.
class Session {
 public:
  Session(Driver& driver, std::uint32_t flags);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void commit(z4j_commit& c);
  [[nodiscard]] std::unique_ptr<Cursor> read(const z4j_query& query);
  [[nodiscard]] std::string stats();
  [[nodiscard]] std::string explain(const z4j_query& query);
  // Copies the database as it is now to a new file. `stop` is asked between pieces.
  template <class Stop>
  void backup(const std::string& target, Stop stop);

 private:
  void copy_to(const std::string& target, z4j_status (*stop)(void*), void* arg);
  Driver& driver_;
  Connection connection_;
};

// Thread-safe. Sessions die before it.
class Driver : public store::CheckedDriver {
 public:
  using Cursor = sqlite::Cursor;
  using Session = sqlite::Session;

  Driver(Host host, std::string_view config_json);
  void start();
  void stop(std::uint32_t deadline_ms);

  void info(z4j_store_info& out) const;
  [[nodiscard]] std::string migrate(const z4j_schema& schema, bool dry_run);
  [[nodiscard]] std::unique_ptr<Session> open(std::uint32_t flags);

 private:
  friend class sqlite::Session;
  void need_started() const;

  Host host_;
  Config config_;
  std::unique_ptr<FileLock> lock_;
  // Held while a transaction writes; SQLite has one writer.
  OneAtATime writer_;
  std::unique_ptr<Connection> control_;  // of migrate; used under writer_
  std::atomic<int> sessions_{0};
};

template <class Stop>
void Session::backup(const std::string& target, Stop stop) {
  copy_to(
      target, [](void* arg) -> z4j_status { return (*static_cast<Stop*>(arg))(); }, &stop);
}

}  // namespace z4j::sqlite
