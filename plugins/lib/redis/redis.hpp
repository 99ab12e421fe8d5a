// A small RESP2 client for engine plugins: TCP, TLS, AUTH, database number, Sentinel.
//
// Blocking sockets with a deadline on every call; one thread at a time per Connection, except
// interrupt(), which any thread may call. Failures are thrown as z4j::Error:
//   Z4J_UNAVAILABLE  cannot connect, connection lost, time-out before the request was written
//   Z4J_UNKNOWN      connection lost or timed out after a request was written: it may have run
//   Z4J_DENIED       wrong password, NOPERM
//   Z4J_BAD_CONFIG   the URL is malformed, or the peer is not Redis
//   Z4J_TOO_LARGE    a reply beyond Options::max_reply_bytes
// No message holds a user name's password or a URL with one.
#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::redis {

struct Endpoint {
  std::string host;
  std::uint16_t port = 6379;
};

struct Options {
  std::vector<Endpoint> endpoints;  // one server, or the sentinels
  std::string unix_path;            // instead of endpoints
  std::string sentinel_master;      // not empty: endpoints are sentinels
  std::string user, password;       // of the server
  std::string sentinel_password;
  int database = 0;
  bool tls = false;
  std::string tls_ca_file;  // empty: the system's store
  bool tls_verify = true;
  int connect_timeout_ms = 3000;
  int io_timeout_ms = 5000;
  std::size_t max_reply_bytes = 64u << 20;

  // "host:port/db" or "sentinel(master)/db", never a password: for logs and broker_url_hint.
  [[nodiscard]] std::string hint() const;
};

// redis://[user:password@]host[:port][/db], rediss:// for TLS,
// redis+socket:///path?virtual_host=db, unix:///path?db=n,
// sentinel://host:port[;sentinel://host:port]/db (the master's name comes from a setting). A
// missing database is 0. Throws Z4J_BAD_CONFIG that quotes no password.
[[nodiscard]] Options parse_url(std::string_view url);

struct Reply {
  enum class Type { nil, status, error, integer, bulk, array };
  Type type = Type::nil;
  std::int64_t integer = 0;
  std::string text;          // status, error, bulk
  std::vector<Reply> items;  // array

  [[nodiscard]] bool is_nil() const noexcept { return type == Type::nil; }
  [[nodiscard]] bool is_error() const noexcept { return type == Type::error; }
};

using Args = std::vector<std::string>;

class Connection {
 public:
  explicit Connection(Options options);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // Connects, authenticates, selects the database, checks that the peer is Redis (PING). Does
  // nothing when connected. Through Sentinel the master is asked for anew at every connect.
  void connect();
  [[nodiscard]] bool connected() const noexcept;
  void close() noexcept;

  // One command. Connects first when needed. Error replies are thrown (Z4J_INVALID, or Z4J_DENIED,
  // or Z4J_UNAVAILABLE for LOADING, READONLY, MASTERDOWN, CLUSTERDOWN).
  Reply command(const Args& args);
  // Many commands in one round trip; error replies come back as Reply::Type::error.
  std::vector<Reply> pipeline(const std::vector<Args>& commands);
  // EVALSHA, falling back to EVAL once when the server does not know the script.
  Reply eval(std::string_view script, const Args& keys, const Args& args);

  // Subscribe mode: after (p)subscribe only read_push() and further (p)subscribes are allowed.
  void subscribe(const Args& channels);
  void psubscribe(const Args& patterns);
  // The next pushed array (["pmessage", pattern, channel, payload], ...), or nothing when
  // timeout_ms passed quietly or interrupt() was called. Sends a PING when the line is quiet for
  // long, and throws Z4J_UNAVAILABLE when no answer comes.
  std::optional<Reply> read_push(int timeout_ms);

  // Wakes a blocked call from another thread; it and all later calls throw Z4J_CANCELLED (read_push
  // returns nothing) until the next connect().
  void interrupt() noexcept;

 private:
  struct Wire;
  void subscribe_with(const char* verb, const char* confirmation, const Args& names);
  std::unique_ptr<Wire> wire_;
};

// Waits that grow: 100 ms, doubling to 10 s, each shortened by up to 20 % at random.
class Backoff {
 public:
  int next_ms();
  void reset() noexcept { step_ = 0; }

 private:
  int step_ = 0;
};

}  // namespace z4j::redis
