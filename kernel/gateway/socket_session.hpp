// An agent on a WebSocket: hello, then frames until it is closed. Rules of closing:
// wire/refusal.hpp.
//
// Threads: as Session; arrived(), closed() and the ones marked thread-safe are for others.
#pragma once

#include <mutex>
#include <string>

#include "gateway/repeat_brake.hpp"
#include "gateway/session.hpp"
#include "net/socket_hub.hpp"

namespace z4j::gateway {

class SocketSession final : public Session {
 public:
  SocketSession(Desk& desk, Surroundings& around, Identity who, std::string client_ip,
                net::SocketSender& sender, net::SocketId socket);
  ~SocketSession() override;

  // Thread-safe.
  void arrived(Message message);
  void closed(std::uint16_t code);
  void end(std::uint16_t code, std::string reason) override;
  [[nodiscard]] bool is_paused() const noexcept override { return is_paused_; }
  [[nodiscard]] std::string_view transport() const noexcept override { return "ws"; }
  // Nothing but an opened socket so far; closed when it takes too long.
  [[nodiscard]] bool is_greeted() const noexcept { return is_greeted_; }
  [[nodiscard]] std::int64_t opened_ms() const noexcept { return opened_ms_; }

 private:
  Took take(Message& message) override;
  void taken(std::size_t left) override;
  void settled(const std::string& frame_id, std::size_t received,
               const std::optional<core::Ingest::Stored>& stored) override;
  void settled_before(const std::string& frame_id, std::size_t received) override;
  void deliver(const Errand& errand) override;

  void greet(const Message& message);
  void end_now(std::uint16_t code, std::string_view reason);
  void refuse(const base::Error& why, std::uint16_t code);
  void weigh_reading();

  net::SocketSender& sender_;
  const net::SocketId socket_;
  const std::int64_t opened_ms_;
  std::atomic<bool> is_greeted_{false}, is_paused_{false}, is_waiting_{false};
  std::mutex reading_mutex_;
  base::TimeUs paused_at_ = 0;  // guarded by reading_mutex_
  std::size_t counted_ = 0;     // of what waits, in the figures; guarded by reading_mutex_
  RepeatBrake brake_;
  std::int64_t may_ack_again_ms_ = 0;
  bool is_seated_ = false;
  bool knows_acked_id_ = true;  // see settled()
  std::uint16_t close_code_ = 0;
  std::string close_reason_;
};

}  // namespace z4j::gateway
