// Poco's HTTP server on the private Unix socket: turns the front's frames into Requests, runs the
// handler on its pool and writes the answers. Only the front connects to it.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "base/result.hpp"
#include "net/server.hpp"

namespace z4j::net {

class ApiServer {
 public:
  ApiServer(const ServerOptions& options, Handler handler, Server::Observe observe, base::Log& log);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  // Removes a stale socket file and makes a new one, mode 0600. Error: bad_config, with the path.
  [[nodiscard]] base::Status start();
  // Returns when the last handler has returned. Removes the socket file.
  void stop();
  [[nodiscard]] unsigned threads() const;

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace z4j::net
