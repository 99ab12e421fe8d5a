// The two unsigned frames of the handshake, each member with the limits of the protocol.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "wire/frame.hpp"

namespace z4j::wire {

inline constexpr std::string_view kProtocolVersion = "2";

struct Hello {
  std::string protocol_version{kProtocolVersion};
  std::string agent_version;  // of the agent's core package; "" or "0.0.0" when it does not know
  std::string framework;
  std::vector<std::string> engines, schedulers;
  std::map<std::string, std::vector<std::string>> capabilities;  // by engine or scheduler
  base::json::Object host;
  std::optional<std::string> worker_id;
  std::optional<std::string> worker_role;
  std::optional<std::int64_t> worker_pid;
  std::optional<base::TimeUs> worker_started_at;
  std::vector<std::string> runtime_features;

  [[nodiscard]] std::string_view host_name() const { return base::json::text(host, "name"); }
  [[nodiscard]] bool has_feature(std::string_view feature) const;
};

// Errors: kTooLarge, kMalformed (also for a first frame that is no hello), kContent (a member's
// type or limit), kVersion (an envelope `v` other than 2): each closes with 4400. A
// protocol_version other than "2" is no error here: the caller closes with 4426 and can tell whom
// it refused.
[[nodiscard]] base::Result<Hello> parse_hello(std::string_view text,
                                              std::size_t max_bytes = kMaxFrameBytes);
[[nodiscard]] std::string write_hello(const Hello& hello, std::string_view frame_id);

struct HelloAck {
  std::string protocol_version{kProtocolVersion};
  std::string brain_version;
  SessionIds ids;
  int heartbeat_interval_seconds = 10;
  std::int64_t max_frame_size_bytes = static_cast<std::int64_t>(kMaxFrameBytes);
};

[[nodiscard]] base::Result<HelloAck> parse_hello_ack(std::string_view text,
                                                     std::size_t max_bytes = kMaxFrameBytes);
// Requires a session id that is a UUID's text: the frame's id is made of it.
[[nodiscard]] std::string write_hello_ack(const HelloAck& ack, base::TimeUs now);

}  // namespace z4j::wire
