// One agent of the load: connects, says hello, beats, sends events, counts acks, comes back.
//
// Like a real one: at most 256 frames wait for their ack, frames that were not acked are sent again
// after a reconnect, and the waits between attempts grow.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "figures.hpp"
#include "link.hpp"
#include "options.hpp"
#include "wire/frame.hpp"

namespace z4j::load {

struct Shared {
  const Options& options;
  Figures& figures;
  const base::Clock& clock;
  asio::io_context& io;
  asio::ssl::context* tls;
  asio::ip::tcp::endpoint brain;
};

class Agent {
 public:
  Agent(Shared& shared, std::size_t number);

  // Once every few milliseconds: connects when it is time, sends what is due.
  void tick(std::int64_t now_ms, bool may_connect);
  // From now on events are due.
  void start_events(std::int64_t now_ms);
  void stop_events();
  void close();

  [[nodiscard]] bool is_connected() const noexcept { return signer_.has_value(); }
  [[nodiscard]] bool wants_to_connect(std::int64_t now_ms) const noexcept {
    return link_ == nullptr && now_ms >= connect_at_ms_;
  }
  [[nodiscard]] std::size_t unacked() const noexcept { return unacked_.size(); }

 private:
  struct Sent {
    base::json::Object payload;
    std::int64_t first_us = 0;
  };

  void connect(std::int64_t now_ms);
  void message(std::string_view text);
  void gone(const std::string& why);
  void greet();
  void begin_session(std::string_view hello_ack);
  void beat();
  void send_event(std::int64_t now_us);
  void send_frame(wire::FrameType type, const std::string& id, const base::json::Object& payload);
  void acked(const std::string& id);
  [[nodiscard]] base::json::Object next_event();

  Shared& shared_;
  const std::size_t number_;
  const Credential& credential_;
  const bool floods_;
  std::string worker_id_;
  std::shared_ptr<Link> link_;
  std::optional<wire::Signer> signer_;
  std::optional<wire::Verifier> verifier_;
  std::map<std::string, Sent> unacked_;
  std::int64_t connect_at_ms_ = 0, backoff_ms_ = 0, hello_by_ms_ = 0;
  std::int64_t beat_every_ms_ = 10'000, beat_at_ms_ = 0;
  std::int64_t events_since_ms_ = -1;
  std::uint64_t events_due_from_ = 0;  // sent since then
  std::string task_id_;
  unsigned step_ = 0;
};

}  // namespace z4j::load
