// One connection to the server.
//
// Opened and owned through SOCI; all statements use the native handle beneath it, in binary. Not
// thread-safe: it belongs to one session. A connection that is lost is opened again at the next
// call, with back-off; what was under way fails with Z4J_UNAVAILABLE. Failures are z4j::Error with
// one sentence and a way out.
#pragma once

#include <z4j/plugin.hpp>

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "lib/sql/pg_text.hpp"
#include "native.hpp"
#include "settings.hpp"

namespace z4j::postgresql {

using Clock = std::chrono::steady_clock;

// When may the next attempt to connect be made? One for all connections of an instance;
// thread-safe.
class BackOff {
 public:
  // Throws Z4J_UNAVAILABLE while it is too early.
  void wait_over(const Settings& settings);
  void succeeded();
  void failed(const std::string& why);

 private:
  std::mutex mutex_;
  unsigned failures_ = 0;
  Clock::time_point next_;
  std::string why_;
};

class Connection {
 public:
  enum class Use : std::uint8_t { write, read };

  // Does not connect yet. Settings and back-off outlive it.
  Connection(const Settings& settings, BackOff& back_off, Use use);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Connects unless connected.
  void open();
  [[nodiscard]] bool is_open() const noexcept { return soci_ != nullptr && !broken_; }
  // After a failure: was it the connection?
  [[nodiscard]] bool is_broken() const noexcept { return broken_; }
  // Counts connections made; another number than before means a new server session.
  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }

  // Text of our own, one or more statements; answers in text.
  Result run(const std::string& text);
  // The first column of the first row; "" when there is none.
  [[nodiscard]] std::string value(const std::string& text);
  // Prepared once and kept, up to some 200 texts. Answers in binary.
  Result run(const sql::pg::Statement& statement, const std::string& where = {});
  // Not kept.
  Result run_once(const sql::pg::Statement& statement);

  // Statements that run longer are ended by the server (Z4J_TIMEOUT). 0: the configured time.
  void limit_time(std::uint32_t timeout_ms);
  // Gives up a transaction that failed. Never throws.
  void roll_back() noexcept;

  // For waiting on notices.
  [[nodiscard]] PGconn* native() const noexcept { return native_; }
  [[nodiscard]] const Settings& settings() const noexcept { return settings_; }

 private:
  struct Soci;
  void greet();
  void forget() noexcept;
  Result finish(const std::string& where);
  void wait_for(short events, Clock::time_point deadline);
  [[noreturn]] void lose();
  const std::string& prepared(const sql::pg::Statement& statement);

  const Settings& settings_;
  BackOff& back_off_;
  Use use_;
  std::unique_ptr<Soci> soci_;
  PGconn* native_ = nullptr;
  bool broken_ = false;
  std::uint64_t generation_ = 0;
  std::int64_t timeout_ms_ = 0;  // as the server knows it
  std::uint64_t next_name_ = 0;
  using Cached = std::pair<std::string, std::string>;  // text, name
  std::list<Cached> statements_;                       // latest first
  std::unordered_map<std::string_view, std::list<Cached>::iterator> by_text_;
};

}  // namespace z4j::postgresql
