#include "link.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/write.hpp>

#include <utility>

namespace z4j::load {
namespace {

constexpr std::size_t kMostIn = std::size_t{2} << 20;
constexpr unsigned kContinued = 0, kBinary = 2, kClose = 8, kPing = 9, kPong = 10;

void put_big_endian(std::string& out, std::uint64_t n, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>((n >> (8 * i)) & 0xFF);
}

std::variant<asio::ip::tcp::socket, asio::ssl::stream<asio::ip::tcp::socket>> make_stream(
    asio::io_context& io, asio::ssl::context* tls) {
  if (tls == nullptr) return asio::ip::tcp::socket(io);
  return asio::ssl::stream<asio::ip::tcp::socket>(asio::ip::tcp::socket(io), *tls);
}

}  // namespace

Link::Link(asio::io_context& io, asio::ssl::context* tls, Callbacks callbacks)
    : stream_(make_stream(io, tls)), callbacks_(std::move(callbacks)) {}

Link::Plain& Link::socket() {
  if (auto* plain = std::get_if<Plain>(&stream_)) return *plain;
  return std::get<Tls>(stream_).next_layer();
}

template <class F>
void Link::on_stream(F&& f) {
  std::visit(std::forward<F>(f), stream_);
}

void Link::connect(const asio::ip::address& from, const asio::ip::tcp::endpoint& to,
                   const std::string& request) {
  boost::system::error_code ec;
  socket().open(to.protocol(), ec);
  const int yes = 1;
  // The port is chosen with the connection, so that one port may serve several addresses.
  ::setsockopt(socket().native_handle(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
  if (!ec) socket().bind({from, 0}, ec);
  if (ec) return end(ec.message());
  socket().set_option(asio::ip::tcp::no_delay(true), ec);
  socket().async_connect(to, [self = shared_from_this(), request](boost::system::error_code bad) {
    if (self->is_over_) return;
    if (bad) return self->end(bad == asio::error::connection_refused ? "refused" : bad.message());
    auto* tls = std::get_if<Tls>(&self->stream_);
    if (tls == nullptr) return self->begin_upgrade(request);
    tls->async_handshake(asio::ssl::stream_base::client,
                         [self, request](boost::system::error_code failed) {
                           if (self->is_over_) return;
                           if (failed) return self->end("tls: " + failed.message());
                           self->begin_upgrade(request);
                         });
  });
}

void Link::begin_upgrade(std::string request) {
  out_ += request;
  write_more();
  read_more();
}

void Link::read_more() {
  on_stream([this](auto& stream) {
    stream.async_read_some(asio::buffer(block_), [self = shared_from_this()](
                                                     boost::system::error_code ec, std::size_t n) {
      if (self->is_over_) return;
      if (ec) return self->end(ec == asio::error::eof ? "eof" : "reset");
      self->in_.append(self->block_.data(), n);
      if (self->in_.size() > kMostIn) return self->end("a message is too large");
      if (!self->is_open_) self->take_upgrade();
      if (self->is_open_ && !self->is_over_) self->take_frames();
      if (!self->is_over_) self->read_more();
    });
  });
}

void Link::take_upgrade() {
  const std::size_t head = in_.find("\r\n\r\n");
  if (head == std::string::npos) return;
  // HTTP/1.1 101 Switching Protocols
  const std::string status = in_.substr(in_.find(' ') + 1, 3);
  if (status != "101") return end("http " + status);
  in_.erase(0, head + 4);
  is_open_ = true;
  callbacks_.open();
}

void Link::take_frames() {
  std::size_t at = 0;
  while (!is_over_ && in_.size() - at >= 2) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(in_[at + i]); };
    const unsigned opcode = byte(0) & 0x0Fu;
    const bool is_last = (byte(0) & 0x80u) != 0;
    std::uint64_t size = byte(1) & 0x7Fu;
    std::size_t head = 2;
    const std::size_t more = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (in_.size() - at < head + more) break;
    if (more > 0) size = 0;
    for (std::size_t i = 0; i < more; ++i) size = size << 8 | byte(head + i);
    head += more;
    if (size > kMostIn) return end("a message is too large");
    if (in_.size() - at < head + size) break;
    const std::string_view payload = std::string_view(in_).substr(at + head, size);
    at += head + static_cast<std::size_t>(size);
    if (opcode >= kClose) {
      frame(opcode, payload);
    } else if (is_last && partial_.empty() && opcode != kContinued) {
      callbacks_.message(payload);
    } else {
      partial_ += payload;
      if (partial_.size() > kMostIn) return end("a message is too large");
      if (is_last) callbacks_.message(std::exchange(partial_, {}));
    }
  }
  in_.erase(0, at);
}

void Link::frame(unsigned opcode, std::string_view payload) {
  if (opcode == kPing) return write_frame(kPong, payload);
  if (opcode != kClose) return;
  std::string why = "closed";
  if (payload.size() >= 2) {
    const unsigned code = static_cast<unsigned>(static_cast<unsigned char>(payload[0])) << 8 |
                          static_cast<unsigned char>(payload[1]);
    why = "close " + std::to_string(code);
  }
  end(std::move(why));
}

void Link::send(std::string_view message) { write_frame(kBinary, message); }

void Link::write_frame(unsigned opcode, std::string_view payload) {
  if (is_over_) return;
  out_ += static_cast<char>(0x80u | opcode);
  if (payload.size() < 126) {
    out_ += static_cast<char>(0x80u | payload.size());
  } else if (payload.size() < 65536) {
    out_ += static_cast<char>(0x80u | 126u);
    put_big_endian(out_, payload.size(), 2);
  } else {
    out_ += static_cast<char>(0x80u | 127u);
    put_big_endian(out_, payload.size(), 8);
  }
  // A mask of zeros leaves the bytes as they are; no proxy stands between us and the brain.
  out_.append(4, '\0');
  out_ += payload;
  write_more();
}

void Link::write_more() {
  if (!writing_.empty() || out_.empty()) return;
  writing_.swap(out_);
  on_stream([this](auto& stream) {
    asio::async_write(stream, asio::buffer(writing_),
                      [self = shared_from_this()](boost::system::error_code ec, std::size_t) {
                        if (self->is_over_) return;
                        if (ec) return self->end("reset");
                        self->writing_.clear();
                        if (self->writing_.capacity() > 65536) self->writing_.shrink_to_fit();
                        self->write_more();
                      });
  });
}

void Link::close() {
  if (is_over_) return;
  is_over_ = true;
  boost::system::error_code ignored;
  socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  socket().close(ignored);
}

void Link::end(std::string why) {
  if (is_over_) return;
  const auto self = shared_from_this();  // whoever hears of it lets go
  close();
  callbacks_.gone(std::move(why));
}

}  // namespace z4j::load
