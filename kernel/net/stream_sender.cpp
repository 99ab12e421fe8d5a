#include "net/stream_sender.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <atomic>
#include <chrono>

#include "net/client_dial.hpp"

namespace z4j::net {
namespace {

constexpr std::chrono::milliseconds kAckLook{2};

ClientFailure sending_failed(std::string why) {
  ClientFailure out;
  out.step = DialStep::open;
  out.why = std::move(why);
  return out;
}

}  // namespace

struct StreamSender::Inside {
  using Timer = boost::asio::basic_waitable_timer<
      std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;

  const ClientTarget target;
  const int timeout_ms;
  boost::asio::io_context loop{1};
  std::optional<FrontStream> stream;
  Timer deadline{loop.get_executor()}, look{loop.get_executor()};
  std::array<char, 256> unwanted{};  // what the peer says
  std::atomic<bool> is_cancelled{false};
  std::optional<ClientFailure> failure;

  Inside(ClientTarget t, int ms) : target(std::move(t)), timeout_ms(ms) {}

  void fail(std::string why) {
    if (!failure) failure = sending_failed(std::move(why));
    if (stream) stream->close();
    loop.stop();
  }

  bool connect() {
    Dial::Done done;
    done.connected = [this](FrontStream made) { stream.emplace(std::move(made)); };
    done.failed = [this](ClientFailure why) { failure = std::move(why); };
    Dial::start(loop, target, std::move(done));
    loop.restart();
    loop.run();
    return stream.has_value() && !failure;
  }

  // A peer that closes is heard before the next bytes go, and while they go.
  void listen() {
    stream->async_read_some(boost::asio::buffer(unwanted), [this](ErrorCode error, std::size_t) {
      if (error) return fail("the receiver closed the connection");
      listen();
    });
  }

  void await_ack() {
    int unsent = 0;
    if (::ioctl(stream->socket().native_handle(), SIOCOUTQ, &unsent) == 0 && unsent > 0) {
      look.expires_after(kAckLook);
      look.async_wait([this](ErrorCode error) {
        if (!error) await_ack();
      });
      return;
    }
    loop.stop();
  }

  void exchange(std::string_view bytes) {
    loop.restart();
    deadline.expires_after(std::chrono::milliseconds(timeout_ms));
    deadline.async_wait([this](ErrorCode error) {
      if (!error) fail("no acknowledgement within the time allowed");
    });
    boost::asio::async_write(*stream, boost::asio::buffer(bytes.data(), bytes.size()),
                             [this](ErrorCode error, std::size_t) {
                               if (error) return fail(error.message());
                               await_ack();
                             });
    loop.run();
    deadline.cancel();
    if (is_cancelled) fail("cancelled");
    // Handlers that a stop left over.
    loop.restart();
    loop.poll();
    if (failure) stream.reset();
  }
};

StreamSender::StreamSender(ClientTarget target, int timeout_ms)
    : inside_(std::make_unique<Inside>(std::move(target), timeout_ms)) {}

StreamSender::~StreamSender() {
  // The handlers hold what the loop must not outlive.
  if (inside_->stream) inside_->stream->close();
  inside_->loop.restart();
  inside_->loop.poll();
}

std::optional<ClientFailure> StreamSender::send(std::string_view bytes) {
  Inside& in = *inside_;
  in.failure.reset();
  if (in.is_cancelled) return sending_failed("cancelled");
  if (in.stream) {
    in.loop.restart();
    in.loop.poll();  // has it closed meanwhile?
    if (in.failure) {
      in.failure.reset();
      in.stream.reset();
    }
  }
  if (!in.stream) {
    if (!in.connect()) return in.is_cancelled ? sending_failed("cancelled") : *in.failure;
    in.listen();
  }
  in.exchange(bytes);
  return in.failure;
}

void StreamSender::cancel() {
  inside_->is_cancelled = true;
  boost::asio::post(inside_->loop, [in = inside_.get()] {
    if (in->stream) in->stream->close();
    in->loop.stop();
  });
}

std::optional<ClientFailure> send_datagram(const ClientUrl& to, std::string_view bytes) {
  using boost::asio::ip::udp;
  boost::asio::io_context loop{1};
  ErrorCode error;
  udp::resolver resolver(loop);
  const auto found = resolver.resolve(to.host, std::to_string(to.port), error);
  if (error || found.begin() == found.end()) return sending_failed("no address for the host");
  const udp::endpoint target = found.begin()->endpoint();
  udp::socket socket(loop);
  socket.open(target.protocol(), error);
  if (!error) socket.send_to(boost::asio::buffer(bytes.data(), bytes.size()), target, 0, error);
  if (error) return sending_failed(error.message());
  return std::nullopt;
}

}  // namespace z4j::net
