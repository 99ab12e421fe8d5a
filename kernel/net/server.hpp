// The brain's one public port: an Asio/Beast front that owns it (TLS included, WebSockets kept on
// its loop) and relays plain requests to Poco's HTTPServer on a private Unix socket (mode 0600).
//
// Why two servers: in Poco an idle keep-alive connection holds a thread and TLS can't be
// non-blocking; on the front an idle connection holds some kilobytes and no thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "net/http.hpp"
#include "net/socket_hub.hpp"

namespace z4j::net {

struct ServerOptions {
  std::string bind_host = "127.0.0.1";
  std::uint16_t bind_port = 7700;    // 0: any free port, see port()
  std::string private_socket;        // path of the Unix socket; its folder must exist, 0700
  std::string tls_certificate_file;  // PEM chain; empty: plain text
  std::string tls_key_file;
  std::vector<std::string> trusted_proxies;  // CIDRs whose X-Forwarded-For/-Proto count
  std::size_t max_body_bytes = 8192;         // over: 413 envelope
  // Bodies of requests whose path starts with one of these prefixes may be larger; the longest
  // prefix counts. "*" stands for one step of the path.
  std::vector<std::pair<std::string, std::size_t>> body_limits;
  std::vector<LateRoute> late_routes;  // served by the front; see http.hpp
  std::size_t max_head_bytes = 32u << 10;
  std::size_t max_connections = 10'000;  // beyond: accepted and closed at once, counted
  int keep_alive_timeout_s = 75;         // idle connection on the front
  int request_head_timeout_s = 10;       // slow-loris
  int request_body_timeout_s = 30;       // whole body after its head: 408 beyond
  int request_timeout_s = 60;            // from relayed head to answered head: 504 beyond
  int write_timeout_s = 30;        // a peer that takes no byte of an answer for so long is cut off
  unsigned api_threads = 32;       // Poco's pool: requests handled at once
  std::size_t max_waiting = 1024;  // requests in line for an API thread: 503 beyond
  int wait_timeout_s = 10;         // the longest wait in that line: 503 beyond
  std::size_t max_body_bytes_total = 64u << 20;  // bodies of all requests under way: 503 beyond
  int socket_ping_interval_s = 30;  // WebSocket pings; three without any sign of life: cut off
};

// Live figures for /metrics and health.
struct ServerStats {
  std::uint64_t connections_open = 0, connections_total = 0, connections_refused = 0;
  std::uint64_t sockets_open = 0, sockets_dropped_slow = 0;
  std::uint64_t socket_messages_in = 0, socket_messages_out = 0;
  std::uint64_t requests_total = 0;    // answered, refusals included
  std::uint64_t requests_refused = 0;  // answered by the front itself (4xx, 5xx); never observed
  unsigned threads = 0;                // of the front and the pool together
};

class Server {
 public:
  // `handler` runs on the API pool, many at once; it must not throw (what it throws is answered
  // 500). `observe(method, route, status, seconds)` is called after each answer, on a pool thread;
  // may be empty.
  using Observe = std::function<void(std::string_view method, std::string_view route, int status,
                                     double seconds)>;
  Server(ServerOptions options, Handler handler, std::vector<SocketEndpoint> sockets,
         Observe observe, base::Log& log);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();  // stop()

  // Binds and starts; the error says which address is taken or which certificate can't be read.
  [[nodiscard]] base::Status start();
  // No new connections; answers what is under way for at most `grace_ms`, closes WebSockets with
  // 1001.
  void stop(int grace_ms = 5000);

  [[nodiscard]] std::uint16_t port() const noexcept;
  [[nodiscard]] SocketSender& sockets() noexcept;
  [[nodiscard]] ServerStats stats() const;
  // Reads the certificate files again; new handshakes use them, open connections go on. The error
  // leaves the old certificate in use.
  [[nodiscard]] base::Status reload_certificate();

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace z4j::net
