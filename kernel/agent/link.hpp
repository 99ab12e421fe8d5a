// A way to the brain, from dialling to its end: a WebSocket, or long polls.
//
// One connection each: whoever wants another makes another. Callbacks come from the link's own
// threads, are quick, and end with exactly one `ended`. send() and close(): one thread; the link
// signs, so frames go out in the order of send().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/backoff.hpp"
#include "agent/settings.hpp"
#include "base/clock.hpp"
#include "wire/frame.hpp"
#include "wire/hello.hpp"

namespace z4j::agent {

struct Opened {
  wire::SessionIds ids;
  int heartbeat_seconds = 10;
  std::size_t max_frame_bytes = wire::kMaxFrameBytes;
  std::string brain_version;     // "" when the transport does not tell
  base::TimeUs brain_clock = 0;  // the time it told; 0: none
};

struct LinkEnd {
  FailureClass kind = FailureClass::connection;
  std::string cause;  // for people: what went wrong, and what to look at
  int close_code = 0, http_status = 0;
  net::DialStep step = net::DialStep::resolve;  // how far it came
};

class Link {
 public:
  struct Callbacks {
    std::function<void(Opened)> opened;
    std::function<void(wire::Frame)> frame;  // verified
    // Event frames that the brain has stored, told by the transport itself.
    std::function<void(std::vector<std::string> ids)> stored;
    std::function<void(LinkEnd)> ended;
  };
  struct Options {
    net::ClientTarget target;
    std::string token, key;
    wire::Hello hello;
    std::string agent_id, project;  // as configured; long poll only
    std::string user_agent;
  };

  virtual ~Link() = default;
  // Whether another frame should be sent now.
  [[nodiscard]] virtual bool has_room() const = 0;
  // False: the link is over, or the frame is larger than the brain takes.
  [[nodiscard]] virtual bool send(wire::FrameType type, const std::string& id,
                                  const base::json::Object& payload) = 0;
  // Sends what was taken, and ends. `code` of a WebSocket.
  virtual void close(std::uint16_t code, std::string_view reason) = 0;
};

[[nodiscard]] std::unique_ptr<Link> open_socket_link(Link::Options options,
                                                     Link::Callbacks callbacks,
                                                     const base::Clock& clock);
[[nodiscard]] std::unique_ptr<Link> open_poll_link(Link::Options options, Link::Callbacks callbacks,
                                                   const base::Clock& clock);

// What a failed connection means: class and cause, by status, close code and step.
[[nodiscard]] LinkEnd explain(const net::ClientFailure& failure, bool was_open);
// The class of a fatal error frame.
[[nodiscard]] FailureClass class_of_error_code(std::string_view code) noexcept;

}  // namespace z4j::agent
