// The HTTP server: Poco's HTTPServer behind plain data. The only user of Poco.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "base/result.hpp"
#include "net/http.hpp"

namespace z4j::net {

struct ServerOptions {
  std::string bind_host = "127.0.0.1";
  std::uint16_t bind_port = 7700;      // 0: any free port, see port()
  std::size_t max_body_bytes = 8192;   // over: 413
  unsigned threads = 32;               // requests handled at once; an idle keep-alive peer holds one for 2 s
  int request_timeout_s = 30;          // a peer that sends or reads slower than this is dropped
};

// Thread-safe. start() once, stop() any number of times.
class Server {
 public:
  // What `handler` throws is answered with 500 and logged with the request's id.
  Server(ServerOptions options, Handler handler, base::Log& log);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // The error says which address could not be had.
  [[nodiscard]] base::Status start();
  // Takes no new connections; waits at most `grace_ms` for the answers under way.
  void stop(int grace_ms = 5000);
  [[nodiscard]] std::uint16_t port() const noexcept;

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace z4j::net
