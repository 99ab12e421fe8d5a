// The WebSockets of the front: accepts the handshake, reads and writes on the loop, keeps the
// limits of their endpoint (message size, unsent bytes, idle time) and answers SocketSender's
// calls.
//
// send(), close() and pause() come from any thread; all else is the loop thread's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "net/front_stream.hpp"
#include "net/socket_hub.hpp"

namespace z4j::net {

class FrontSocket;

class SocketTable final : public SocketSender {
 public:
  // `endpoints` outlive the table.
  SocketTable(boost::asio::io_context& loop, const std::vector<SocketEndpoint>& endpoints,
              std::chrono::seconds ping_interval, base::Log& log);
  ~SocketTable() override;

  bool send(SocketId id, std::string_view text) override;
  void close(SocketId id, std::uint16_t code, std::string_view reason) override;
  void pause(SocketId id, Reading reading) override;

  [[nodiscard]] const SocketEndpoint* find(std::string_view path) const;
  // Takes the connection over; `extra` go into the 101's head.
  void accept(const SocketEndpoint& endpoint, FrontStream stream,
              boost::beast::http::request<boost::beast::http::string_body> handshake,
              Request request, std::vector<std::pair<std::string, std::string>> extra);
  void tick(std::chrono::steady_clock::time_point now);
  void close_all(std::uint16_t code, std::string_view reason);
  // After the loop has ended: each socket left hears closed().
  void drop_all();

  [[nodiscard]] std::size_t open() const;
  [[nodiscard]] std::uint64_t dropped_slow() const noexcept { return dropped_slow_; }
  // Messages, whole ones; no control frames.
  [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
  [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }

 private:
  friend class FrontSocket;
  [[nodiscard]] std::shared_ptr<FrontSocket> find(SocketId id) const;
  [[nodiscard]] std::vector<std::shared_ptr<FrontSocket>> all() const;
  void forget(SocketId id);

  boost::asio::io_context& loop_;
  const std::vector<SocketEndpoint>& endpoints_;
  const std::chrono::seconds ping_interval_;
  base::Log& log_;
  std::atomic<std::uint64_t> dropped_slow_{0}, received_{0}, sent_{0};
  SocketId last_id_ = 0;
  std::size_t ticks_ = 0;
  mutable std::mutex mutex_;
  std::unordered_map<SocketId, std::shared_ptr<FrontSocket>> sockets_;  // guarded by mutex_
};

}  // namespace z4j::net
