#include "net/client_dial.hpp"

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <chrono>
#include <vector>

namespace z4j::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Resolver = asio::ip::basic_resolver<tcp, LoopExecutor>;
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock,
                               asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;

constexpr std::chrono::milliseconds kOneAddress{5'000};  // a dead one must not use up all the time
constexpr std::size_t kMaxAddresses = 16;
constexpr std::size_t kMaxProxyHead = 16u << 10;

class Dialling : public std::enable_shared_from_this<Dialling> {
 public:
  Dialling(asio::io_context& loop, const ClientTarget& target, Dial::Done done)
      : target_(target),
        done_(std::move(done)),
        executor_(loop.get_executor()),
        resolver_(executor_),
        deadline_(executor_),
        one_address_(executor_),
        socket_(executor_) {}

  void resolve() {
    deadline_.expires_after(std::chrono::milliseconds(target_.connect_timeout_ms));
    deadline_.async_wait([self = shared_from_this()](ErrorCode error) {
      if (!error) self->fail("no answer within the time allowed");
    });
    const std::string& host = target_.proxy ? target_.proxy->host : target_.url.host;
    const std::uint16_t port = target_.proxy ? target_.proxy->port : target_.url.port;
    resolver_.async_resolve(
        host, std::to_string(port), tcp::resolver::numeric_service,
        [self = shared_from_this()](ErrorCode error, const Resolver::results_type& found) {
          if (self->is_over_) return;
          if (error) return self->fail("no address for the host: " + error.message());
          for (const auto& each : found) {
            if (self->addresses_.size() < kMaxAddresses)
              self->addresses_.push_back(each.endpoint());
          }
          self->step_ = DialStep::connect;
          self->connect(0);
        });
  }

 private:
  void connect(std::size_t which) {
    if (which == addresses_.size()) return fail(trouble_.empty() ? "no address" : trouble_);
    ErrorCode ignored;
    socket_.close(ignored);
    one_address_.expires_after(kOneAddress);
    one_address_.async_wait([self = shared_from_this(), which](ErrorCode error) {
      ErrorCode dropped;
      if (!error && self->trying_ == which && self->step_ == DialStep::connect)
        self->socket_.close(dropped);
    });
    trying_ = which;
    socket_.async_connect(addresses_[which], [self = shared_from_this(), which](ErrorCode error) {
      if (self->is_over_) return;
      if (!error) return self->on_connected();
      self->trouble_ = error == asio::error::operation_aborted ? "no answer" : error.message();
      self->connect(which + 1);
    });
  }

  void on_connected() {
    one_address_.cancel();
    ErrorCode ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    socket_.set_option(asio::socket_base::keep_alive(true), ignored);
    if (!target_.proxy) return shake_hands();
    step_ = DialStep::proxy;
    const std::string authority = target_.url.authority();
    text_ = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n";
    if (!target_.proxy->authorization.empty())
      text_ += "Proxy-Authorization: " + target_.proxy->authorization + "\r\n";
    text_ += "\r\n";
    asio::async_write(socket_, asio::buffer(text_),
                      [self = shared_from_this()](ErrorCode error, std::size_t) {
                        if (self->is_over_) return;
                        if (error) return self->fail(error.message());
                        self->read_proxy();
                      });
  }

  void read_proxy() {
    text_.clear();
    asio::async_read_until(
        socket_, asio::dynamic_buffer(text_, kMaxProxyHead), "\r\n\r\n",
        [self = shared_from_this()](ErrorCode error, std::size_t size) {
          if (self->is_over_) return;
          if (error) return self->fail("the proxy gave no answer: " + error.message());
          const std::string& head = self->text_;
          const bool is_http = head.starts_with("HTTP/1.") && head.size() > 12;
          if (!is_http || size != head.size()) return self->fail("the proxy's answer is no HTTP");
          if (head[9] == '2') return self->shake_hands();
          int status = 0;
          for (std::size_t i = 9; i < 12; ++i) {
            if (head[i] >= '0' && head[i] <= '9') status = status * 10 + (head[i] - '0');
          }
          self->fail("the proxy refuses to connect, with status " + std::to_string(status));
        });
  }

  void shake_hands() {
    stream_ =
        std::make_unique<FrontStream>(std::move(socket_), target_.tls, nullptr, target_.url.host);
    if (!target_.url.is_tls) return finish();
    step_ = DialStep::tls;
    if (!target_.tls || !stream_->usable()) return fail("no TLS connection could be made");
    stream_->async_handshake([self = shared_from_this()](ErrorCode error) {
      if (self->is_over_) return;
      if (error) return self->fail(self->stream_->tls_trouble());
      self->finish();
    });
  }

  void finish() {
    end();
    done_.connected(std::move(*stream_));
  }
  void fail(std::string why) {
    if (is_over_) return;
    end();
    ErrorCode ignored;
    socket_.close(ignored);
    if (stream_) stream_->close();
    ClientFailure failure;
    failure.step = step_;
    failure.why = std::move(why);
    done_.failed(std::move(failure));
  }
  void end() {
    is_over_ = true;
    resolver_.cancel();
    deadline_.cancel();
    one_address_.cancel();
  }

  const ClientTarget& target_;
  Dial::Done done_;
  const LoopExecutor executor_;
  Resolver resolver_;
  Timer deadline_, one_address_;
  TcpSocket socket_;
  std::vector<tcp::endpoint> addresses_;
  std::size_t trying_ = 0;
  std::unique_ptr<FrontStream> stream_;
  DialStep step_ = DialStep::resolve;
  std::string text_, trouble_;
  bool is_over_ = false;
};

}  // namespace

std::string_view to_string(DialStep step) noexcept {
  switch (step) {
    case DialStep::resolve:
      return "name";
    case DialStep::connect:
      return "connect";
    case DialStep::proxy:
      return "proxy";
    case DialStep::tls:
      return "tls";
    case DialStep::upgrade:
      return "upgrade";
    case DialStep::open:
      break;
  }
  return "open";
}

void Dial::start(boost::asio::io_context& loop, const ClientTarget& target, Done done) {
  auto dialling = std::make_shared<Dialling>(loop, target, std::move(done));
  asio::post(loop, [dialling] { dialling->resolve(); });
}

}  // namespace z4j::net
