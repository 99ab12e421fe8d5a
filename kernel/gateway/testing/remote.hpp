// For tests: sockets that only remember, and an agent that signs what it is told to.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "gateway/identity.hpp"
#include "net/socket_hub.hpp"
#include "wire/frame.hpp"
#include "wire/hello.hpp"
#include "wire/keys.hpp"

namespace z4j::gateway::testing {

inline constexpr const char* kMaster = "a master secret of more than thirty-two bytes";

class Sockets final : public net::SocketSender {
 public:
  struct Socket {
    std::vector<std::string> sent;
    std::uint16_t close_code = 0;
    std::string close_reason;
    bool is_paused = false;
    bool is_gone = false;
  };

  bool send(net::SocketId id, std::string_view text) override {
    Socket& socket = sockets_[id];
    if (socket.is_gone || socket.close_code != 0) return false;
    socket.sent.emplace_back(text);
    return true;
  }
  void close(net::SocketId id, std::uint16_t code, std::string_view reason) override {
    Socket& socket = sockets_[id];
    if (socket.close_code != 0) return;
    socket.close_code = code;
    socket.close_reason = reason;
  }
  void pause(net::SocketId id, net::Reading reading) override {
    sockets_[id].is_paused = reading == net::Reading::paused;
  }
  Socket& operator[](net::SocketId id) { return sockets_[id]; }

 private:
  std::map<net::SocketId, Socket> sockets_;
};

// One process of an agent.
class Remote {
 public:
  Remote(const base::Clock& clock, Identity who, std::string token)
      : clock_(clock), who_(std::move(who)), token_(std::move(token)) {
    hello.agent_version = "1.12.0";
    hello.framework = "bare";
    hello.engines = {"celery"};
    hello.capabilities = {{"celery", {"cancel_task", "retry_by_reference_v1", "retry_task"}}};
    hello.worker_id = "bare-1-1";
  }

  [[nodiscard]] net::Request request(std::string method = "GET",
                                     std::string path = "/ws/agent") const {
    net::Request request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.client_ip = "192.0.2.7";
    request.headers = {{"authorization", "Bearer " + token_}};
    return request;
  }
  [[nodiscard]] std::string hello_text() const { return wire::write_hello(hello, "hello_1"); }
  // Takes the ids of hello_ack and begins to sign.
  void greeted(std::string_view ack_text) {
    sign_with(wire::parse_hello_ack(ack_text).value().ids);
  }
  void sign_with(const wire::SessionIds& ids) {
    const std::string key = wire::project_secret(kMaster, who_.project_id);
    ids_ = ids;
    signer_.emplace(key, ids);
    verifier_.emplace(key, ids);
  }
  [[nodiscard]] std::string frame(wire::FrameType type, std::string_view id,
                                  const base::json::Object& payload,
                                  std::optional<base::TimeUs> at = {}) {
    return signer_->sign(type, id, payload, at.value_or(clock_.now()));
  }
  // One frame of `count` started events of tasks t0, t1, ...
  [[nodiscard]] std::string events(std::string_view id, int count = 1) {
    base::json::Array events;
    for (int i = 0; i < count; ++i) {
      events.push_back(base::json::Object{{"id", base::Uuid::random().text()},
                                          {"kind", "task.started"},
                                          {"engine", "celery"},
                                          {"task_id", "t" + std::to_string(i)},
                                          {"occurred_at", base::format_time(clock_.now())},
                                          {"data", base::json::Object{{"task_name", "app.add"}}}});
    }
    return frame(wire::FrameType::event_batch, id, {{"events", std::move(events)}});
  }
  // A frame of the brain, verified.
  [[nodiscard]] wire::Frame opened(std::string_view text) {
    return verifier_->open(text, clock_.now(), clock_.steady_ms()).value();
  }

  wire::Hello hello;

 private:
  const base::Clock& clock_;
  const Identity who_;
  const std::string token_;
  wire::SessionIds ids_;
  std::optional<wire::Signer> signer_;
  std::optional<wire::Verifier> verifier_;
};

}  // namespace z4j::gateway::testing
