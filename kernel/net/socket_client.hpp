// One WebSocket that we dial: plain or TLS, through a proxy if need be.
//
// start() returns at once; the connection lives on a thread of its own, calls the callbacks there
// (quick, no blocking) and ends with exactly one `ended`. Pings keep it alive; a peer that says
// nothing for three pings is gone. Not used again: who wants another connection makes another.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "net/client_target.hpp"

namespace z4j::net {

class SocketClient {
 public:
  struct Options {
    ClientTarget target;
    std::string path = "/";  // below the URL's
    HeaderList headers;      // of the upgrade; may hold secrets
    std::size_t max_message_bytes = std::size_t{1} << 20;
    std::size_t max_unsent_bytes = std::size_t{8} << 20;
    int upgrade_timeout_ms = 15'000;
    int first_message_timeout_ms = 0;  // once it is open; 0: none
    int ping_interval_ms = 20'000;
  };
  struct Callbacks {
    std::function<void()> opened;
    std::function<void(std::string_view message)> message;
    std::function<void(const ClientFailure&)> ended;
  };

  SocketClient(Options options, Callbacks callbacks);
  // Drops what is left, and waits for the thread. Never called from a callback.
  ~SocketClient();
  SocketClient(const SocketClient&) = delete;
  SocketClient& operator=(const SocketClient&) = delete;

  void start();
  // Queues one binary message. False when the connection is over or too much is unsent.
  [[nodiscard]] bool send(std::string message);
  [[nodiscard]] std::size_t unsent_bytes() const;
  // Sends what is queued, then the close frame; at most a few seconds.
  void close(std::uint16_t code, std::string_view reason);

 private:
  class Connection;
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace z4j::net
