// One instance: a schema of a PostgreSQL database, shared with other brains.
#pragma once

#include <z4j/plugin.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <z4j/storage_check.hpp>
#include "caretaker.hpp"
#include "connection.hpp"
#include "cursor.hpp"
#include "days.hpp"
#include "listener.hpp"
#include "settings.hpp"

namespace z4j::postgresql {

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

 private:
  void ready();

  Driver& driver_;
  Connection connection_;
  std::uint64_t moment_ = 0;  // of a snapshot: the connection that sees it
};

// Thread-safe. Sessions die before it.
class Driver : public store::CheckedDriver {
 public:
  using Cursor = postgresql::Cursor;
  using Session = postgresql::Session;

  Driver(Host host, std::string_view config_json);
  static void validate(std::string_view config_json, const z4j_sink& problems);
  void start();
  void stop(std::uint32_t deadline_ms);

  void info(z4j_store_info& out) const;
  [[nodiscard]] std::string migrate(const z4j_schema& schema, bool dry_run);
  [[nodiscard]] std::unique_ptr<Session> open(std::uint32_t flags);
  void listen(const z4j_str* channels, std::uint32_t count);

 private:
  friend class postgresql::Session;
  void make_ahead(Connection& connection);
  void wrote(const z4j_commit& c);

  Host host_;
  Settings settings_;
  BackOff back_off_;
  Days days_;
  std::string origin_;  // marks notices of this instance
  std::atomic<bool> started_{false}, fast_text_{false};
  std::atomic<std::int64_t> connections_{0};
  std::mutex helpers_mutex_;
  std::unique_ptr<Listener> listener_;    // guarded by helpers_mutex_
  std::unique_ptr<Caretaker> caretaker_;  // guarded by helpers_mutex_
};

}  // namespace z4j::postgresql
