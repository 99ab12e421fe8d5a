// A connection's byte stream, plain or TLS, as Asio and Beast want one (AsyncStream): the public
// ones that the front accepted, and those that we dialled.
//
// One type for both, so that the HTTP and WebSocket code is instantiated once. OpenSSL works
// straight on the non-blocking socket: no second pair of buffers per connection. Loop thread only.
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/websocket/teardown.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "net/tls_context.hpp"

namespace z4j::net {

using LoopExecutor = boost::asio::io_context::executor_type;
using TcpSocket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, LoopExecutor>;
using ErrorCode = boost::system::error_code;

class FrontStream {
 public:
  using executor_type = LoopExecutor;
  using next_layer_type = TcpSocket;

  // `context` null: plain text. `ticket` lives as long as the connection (it counts it). A dialled
  // one says by `server_name` whom it wants to talk to.
  FrontStream(TcpSocket socket, const TlsContext& context, std::shared_ptr<void> ticket,
              const std::string& server_name = {})
      : inside_(std::make_unique<Inside>(std::move(socket), std::move(ticket))) {
    if (!context) return;
    ErrorCode ignored;
    inside_->socket.native_non_blocking(true, ignored);
    inside_->tls.emplace(context, inside_->socket.native_handle(), server_name);
  }

  [[nodiscard]] executor_type get_executor() noexcept { return inside_->socket.get_executor(); }
  [[nodiscard]] TcpSocket& next_layer() noexcept { return inside_->socket; }
  [[nodiscard]] const TcpSocket& next_layer() const noexcept { return inside_->socket; }
  [[nodiscard]] TcpSocket& socket() noexcept { return inside_->socket; }
  [[nodiscard]] bool is_tls() const noexcept { return inside_->tls.has_value(); }
  [[nodiscard]] bool usable() const noexcept { return !inside_->tls || inside_->tls->usable(); }

  // Why the TLS handshake failed.
  [[nodiscard]] std::string tls_trouble() const {
    return inside_->tls ? inside_->tls->why() : std::string();
  }

  // Bytes that were read too far; the next reads return them first.
  void put_back(std::string bytes) {
    inside_->read_ahead = std::move(bytes);
    inside_->read_ahead_at = 0;
  }

  // The peer has said its last word: the teardown need not wait for its end of the stream.
  void expect_no_more() noexcept { inside_->no_more = true; }
  [[nodiscard]] bool expects_no_more() const noexcept { return inside_->no_more; }

  // Ends our direction, politely under TLS.
  void shutdown_send() {
    ErrorCode ignored;
    if (inside_->tls) inside_->tls->say_goodbye();
    inside_->socket.shutdown(TcpSocket::shutdown_send, ignored);
  }
  void close() {
    ErrorCode ignored;
    if (!inside_->socket.is_open()) return;
    if (inside_->tls) inside_->tls->say_goodbye();
    inside_->socket.close(ignored);
  }

  template <class Handler>
  void async_handshake(Handler handler) {
    step(
        Deed::handshake, nullptr, 0, {},
        [handler = std::move(handler)](ErrorCode error, std::size_t) mutable { handler(error); },
        First::yes);
  }

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (!inside_->read_ahead.empty())
      return read_from_ahead(buffers, std::forward<Handler>(handler));
    if (!inside_->tls) {
      inside_->socket.async_read_some(buffers, std::forward<Handler>(handler));
      return;
    }
    boost::asio::mutable_buffer target;
    for (auto at = boost::asio::buffer_sequence_begin(buffers);
         at != boost::asio::buffer_sequence_end(buffers); ++at) {
      target = *at;
      if (target.size() > 0) break;
    }
    step(Deed::read, target.data(), target.size(), {},
         std::decay_t<Handler>(std::forward<Handler>(handler)), First::yes);
  }

  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (!inside_->tls) {
      inside_->socket.async_write_some(buffers, std::forward<Handler>(handler));
      return;
    }
    boost::asio::const_buffer first;
    std::size_t pieces = 0;
    for (auto at = boost::asio::buffer_sequence_begin(buffers);
         at != boost::asio::buffer_sequence_end(buffers); ++at) {
      const boost::asio::const_buffer piece = *at;
      if (piece.size() == 0) continue;
      if (pieces++ == 0) first = piece;
    }
    std::string flat;
    if (pieces > 1 && first.size() < kRecordBytes) {  // one record for a frame's head and payload
      flat.resize(std::min(kRecordBytes, boost::asio::buffer_size(buffers)));
      boost::asio::buffer_copy(boost::asio::buffer(flat), buffers);
    }
    const std::size_t size = flat.empty() ? first.size() : flat.size();
    step(Deed::write, const_cast<void*>(first.data()), size, std::move(flat),
         std::decay_t<Handler>(std::forward<Handler>(handler)), First::yes);
  }

 private:
  static constexpr std::size_t kRecordBytes = 16u << 10;
  enum class Deed { handshake, read, write };
  enum class First { no, yes };

  struct Inside {
    Inside(TcpSocket s, std::shared_ptr<void> t) : ticket(std::move(t)), socket(std::move(s)) {}
    std::shared_ptr<void> ticket;
    TcpSocket socket;
    std::optional<TlsState> tls;
    std::string read_ahead;
    std::size_t read_ahead_at = 0;
    bool no_more = false;
  };

  template <class Buffers, class Handler>
  void read_from_ahead(const Buffers& buffers, Handler&& handler) {
    Inside& in = *inside_;
    const std::size_t moved = boost::asio::buffer_copy(
        buffers, boost::asio::buffer(in.read_ahead.data() + in.read_ahead_at,
                                     in.read_ahead.size() - in.read_ahead_at));
    in.read_ahead_at += moved;
    if (in.read_ahead_at == in.read_ahead.size()) {
      in.read_ahead = std::string();
      in.read_ahead_at = 0;
    }
    boost::asio::post(get_executor(), boost::beast::bind_front_handler(
                                          std::forward<Handler>(handler), ErrorCode(), moved));
  }

  // Tries the deed; when OpenSSL wants the socket first, waits for it and tries again. The handler
  // is never called from inside the starting call.
  template <class Handler>
  void step(Deed deed, void* data, std::size_t size, std::string flat, Handler handler,
            First first) {
    Inside& in = *inside_;
    std::size_t moved = 0;
    TlsState::Step outcome = TlsState::Step::failed;
    if (in.socket.is_open()) {
      void* at = flat.empty() ? data : flat.data();
      switch (deed) {
        case Deed::handshake:
          outcome = in.tls->handshake();
          break;
        case Deed::read:
          outcome = size == 0 ? TlsState::Step::done : in.tls->read(at, size, moved);
          break;
        case Deed::write:
          outcome = size == 0 ? TlsState::Step::done : in.tls->write(at, size, moved);
          break;
      }
    }
    if (outcome == TlsState::Step::wants_read || outcome == TlsState::Step::wants_write) {
      const auto what =
          outcome == TlsState::Step::wants_read ? TcpSocket::wait_read : TcpSocket::wait_write;
      in.socket.async_wait(what, [this, deed, data, size, flat = std::move(flat),
                                  handler = std::move(handler)](ErrorCode error) mutable {
        if (error) return handler(error, std::size_t{0});
        step(deed, data, size, std::move(flat), std::move(handler), First::no);
      });
      return;
    }
    ErrorCode error;
    if (outcome == TlsState::Step::closed) error = boost::asio::error::eof;
    if (outcome == TlsState::Step::failed) error = boost::asio::error::connection_reset;
    if (first == First::no) return handler(error, moved);
    boost::asio::post(get_executor(),
                      boost::beast::bind_front_handler(std::move(handler), error, moved));
  }

  std::unique_ptr<Inside> inside_;
};

// What Beast calls when a WebSocket is over. Waiting for the peer's end keeps a reset from taking
// our close frame away when there are unread bytes.
template <class Handler>
void async_teardown(boost::beast::role_type role, FrontStream& stream, Handler&& handler) {
  if (!stream.is_tls() && !stream.expects_no_more()) {
    boost::beast::websocket::async_teardown(role, stream.socket(), std::forward<Handler>(handler));
    return;
  }
  stream.shutdown_send();
  boost::asio::post(stream.get_executor(),
                    boost::beast::bind_front_handler(std::forward<Handler>(handler), ErrorCode()));
}

}  // namespace z4j::net
