// One WebSocket of a client over TCP or TLS: the upgrade, masked frames out, frames in.
//
// Everything happens on the thread that runs the io_context; after close() no callback is called.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace z4j::load {

namespace asio = boost::asio;

class Link : public std::enable_shared_from_this<Link> {
 public:
  struct Callbacks {
    std::function<void()> open;
    std::function<void(std::string_view)> message;
    std::function<void(std::string)> gone;  // once; why: "refused", "401", "4400", "reset", ...
  };

  Link(asio::io_context& io, asio::ssl::context* tls, Callbacks callbacks);

  // From that address of this machine, so that no one address has too many connections.
  void connect(const asio::ip::address& from, const asio::ip::tcp::endpoint& to,
               const std::string& request);
  void send(std::string_view message);
  // Says goodbye and lets go.
  void close();

 private:
  using Plain = asio::ip::tcp::socket;
  using Tls = asio::ssl::stream<Plain>;

  Plain& socket();
  template <class F>
  void on_stream(F&& f);
  void begin_upgrade(std::string request);
  void read_more();
  void take_upgrade();
  void take_frames();
  void frame(unsigned opcode, std::string_view payload);
  void write_frame(unsigned opcode, std::string_view payload);
  void write_more();
  void end(std::string why);

  std::variant<Plain, Tls> stream_;
  Callbacks callbacks_;
  std::string in_, out_, writing_;
  std::string partial_;  // of a message in several frames
  std::array<char, 2048> block_;
  bool is_open_ = false, is_over_ = false;
};

}  // namespace z4j::load
