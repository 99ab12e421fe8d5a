// Bytes to one peer that never answers: a TCP or TLS connection, made when it is needed.
//
// send() returns when the peer's machine has acknowledged every byte, which is all that such a peer
// can be asked for. One send at a time, on the caller's thread; cancel() may come from any.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "net/client_target.hpp"

namespace z4j::net {

class StreamSender {
 public:
  // `timeout_ms`: of one send, once there is a connection.
  StreamSender(ClientTarget target, int timeout_ms);
  ~StreamSender();
  StreamSender(const StreamSender&) = delete;
  StreamSender& operator=(const StreamSender&) = delete;

  // After a failure some of the bytes may be there; the next send makes a new connection.
  [[nodiscard]] std::optional<ClientFailure> send(std::string_view bytes);
  // The send under way, and every later one, fails at once.
  void cancel();

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

// One datagram to a loopback address; nothing says whether it arrived. Why it could not be sent.
[[nodiscard]] std::optional<ClientFailure> send_datagram(const ClientUrl& to,
                                                         std::string_view bytes);

}  // namespace z4j::net
