// A database that belongs to somebody's application: an SQLite file or PostgreSQL.
//
// A Session blocks, for a bounded time, and belongs to one thread. Failures are z4j::Error:
//   Z4J_BAD_CONFIG   the address, the password, or a table that is not there
//   Z4J_UNAVAILABLE  no connection; tried again at the next statement, with back-off
//   Z4J_BUSY         a lock was not to be had in time
//   Z4J_TIMEOUT      the statement took too long
//   Z4J_CONFLICT     a unique key is taken
//   Z4J_UNKNOWN      the connection was lost during a commit
#pragma once

#include <z4j/plugin.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::database {

enum class Kind : std::uint8_t { sqlite, postgresql };

struct Address {
  Kind kind = Kind::sqlite;
  std::string connect;  // what libpq or SQLite is given; may hold a password
  std::string shown;    // for people, without a password
  std::string password;
};

// sqlite:///path (four slashes: from the root) or postgresql://[user[:password]@]host[:port]/name
// [?parameters of libpq]. Throws Z4J_BAD_CONFIG that quotes no password.
[[nodiscard]] Address read_address(std::string_view url);

struct Options {
  Address address;
  std::string schema;  // PostgreSQL: where the tables are; "": as the server's search_path says
  int timeout_ms = 5000;
};

using Text = std::optional<std::string>;  // null without a value
using Row = std::vector<Text>;

class Session {
 public:
  explicit Session(Options options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] Kind kind() const noexcept { return options_.address.kind; }
  [[nodiscard]] bool is_sqlite() const noexcept { return kind() == Kind::sqlite; }
  [[nodiscard]] const std::string& shown() const noexcept { return options_.address.shown; }
  // Counts connections made: another number than before means that what was learnt may be old.
  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }

  // Connects unless connected; to an SQLite file anew when another one stands in its place.
  void open();
  // Rows of so many columns, each of them a text by the statement (CAST(x AS TEXT)); more rows than
  // `most` are Z4J_TOO_LARGE. Values are bound by place: :p1, :p2, ...
  [[nodiscard]] std::vector<Row> read(const std::string& statement, const std::vector<Text>& values,
                                      std::size_t columns, std::size_t most = 100'000);
  // The number of rows changed.
  std::int64_t change(const std::string& statement, const std::vector<Text>& values = {});

 private:
  friend class Transaction;
  struct Soci;
  [[noreturn]] void fail(bool commits);
  void forget() noexcept;
  [[nodiscard]] std::uint64_t file_id() const noexcept;

  Options options_;
  std::unique_ptr<Soci> soci_;
  std::uint64_t generation_ = 0;
  std::uint64_t file_id_ = 0;
  bool in_transaction_ = false;
  unsigned failures_ = 0;
  std::chrono::steady_clock::time_point next_try_;
  std::string why_;
};

// Writes that are made together; given up unless commit() was called.
class Transaction {
 public:
  explicit Transaction(Session& session);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Session& session_;
  std::uint64_t generation_;
  bool over_ = false;
};

}  // namespace z4j::database
