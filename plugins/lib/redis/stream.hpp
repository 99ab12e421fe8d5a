// Bytes to and from a server over TCP, a Unix socket or TLS. Non-blocking; every wait is a
// poll() on the socket and on a wake-up descriptor, with a deadline. One thread at a time.
#pragma once

#include "lib/redis/redis.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

struct ssl_ctx_st;
struct ssl_st;

namespace z4j::redis {

using Deadline = std::chrono::steady_clock::time_point;

[[nodiscard]] inline Deadline deadline_in(int ms) {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
}

class Stream {
 public:
  enum class Wake { ready, timed_out, interrupted };

  // `wake_fd` becomes readable when a wait must end at once; it stays the caller's. `peer` is what
  // messages call the server.
  explicit Stream(int wake_fd, std::string peer = "Redis")
      : wake_fd_(wake_fd), peer_(std::move(peer)) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { close(); }

  // Throws Z4J_UNAVAILABLE, or Z4J_CANCELLED when woken. Names are looked up by the system.
  void open(const Endpoint& to, const Options& options, Deadline deadline);
  void open_unix(const std::string& path, Deadline deadline);
  void close() noexcept;
  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }

  // Moves what can be moved without waiting; 0 means: wait(). Throw Z4J_UNAVAILABLE when the line
  // is gone.
  std::size_t read(std::string& into);
  std::size_t write(std::string_view bytes);

  // Until there may be something to read (or room to write, when wanted).
  [[nodiscard]] Wake wait(bool to_write, Deadline deadline);

  // While nothing is expected: the peer has closed, or says something nobody asked for.
  [[nodiscard]] bool stale();

 private:
  void connect_to(const void* address, unsigned length, int family, Deadline deadline);
  void start_tls(const std::string& host, const Options& options, Deadline deadline);

  int wake_fd_;
  std::string peer_;
  int fd_ = -1;
  ssl_ctx_st* context_ = nullptr;
  ssl_st* tls_ = nullptr;
  bool read_wants_write_ = false;
  bool write_wants_read_ = false;
};

}  // namespace z4j::redis
