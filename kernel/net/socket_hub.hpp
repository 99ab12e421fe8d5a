// WebSockets that the front keeps on its event loop: no thread per socket.
//
// The application registers an endpoint per path; the front accepts the upgrade, calls open() on
// its loop thread and later message()/closed() for that socket. Calls for one socket never overlap
// and arrive in order; they must be quick and must not block (hand work to a pool, answer with
// send()).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "net/http.hpp"

namespace z4j::net {

using SocketId = std::uint64_t;  // never reused while the process runs

// What the application's messages go out as; the front takes both kinds in, and checks UTF-8 of
// text only.
enum class Outgoing { text, binary };
enum class Reading { running, paused };

// What the front offers; every function is thread-safe and returns at once.
class SocketSender {
 public:
  virtual ~SocketSender() = default;
  // Queues one message. False when the socket is gone, or its unsent bytes are over the endpoint's
  // ceiling: then it is closed with 1008 ("too slow") by the front.
  virtual bool send(SocketId id, std::string_view text) = 0;
  // Sends what is queued, then the close frame; closed() follows after the peer's answer or a few
  // seconds.
  virtual void close(SocketId id, std::uint16_t code, std::string_view reason) = 0;
  // Back-pressure: a paused socket isn't read (TCP slows the peer down) and its idle clock stands
  // still. One message may still come after the call. The default does nothing.
  virtual void pause(SocketId id, Reading reading) {
    static_cast<void>(id);
    static_cast<void>(reading);
  }
};

struct SocketEndpoint {
  std::string path;  // "/ws/dashboard"
  std::size_t max_message_bytes = 1u << 20;
  std::size_t max_unsent_bytes = 256u << 10;
  // Of the TCP socket; 0: as the system does. A small one makes pause() felt soon.
  int receive_buffer_bytes = 0;
  int idle_timeout_s = 90;  // no message from the client: close 4408; 0 = never
  // The handshake's request (no body). The 101 has been decided; refusals follow as close codes.
  std::function<void(SocketId, const Request&)> open;
  std::function<void(SocketId, std::string_view text)> message;
  std::function<void(SocketId, std::uint16_t code)> closed;  // exactly once per open
  // Optional: answer before the upgrade. Return a status other than 101 to refuse with that
  // response (for example 401 for a bad agent token). Runs on the loop thread; quick, no blocking.
  // The headers of a 101 answer are added to the handshake's.
  std::function<Response(const Request&)> upgrade;
  // The same, where the answer takes a while; asked after `upgrade`. None within a few seconds:
  // 503.
  LateHandler check = {};
  Outgoing outgoing = Outgoing::text;
};

}  // namespace z4j::net
