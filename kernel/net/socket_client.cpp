#include "net/socket_client.hpp"

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "net/client_dial.hpp"

namespace z4j::net {
namespace {

namespace ws = boost::beast::websocket;
using LoopTimer = boost::asio::basic_waitable_timer<
    std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;
using Moment = std::chrono::steady_clock::time_point;

constexpr std::chrono::milliseconds kTick{250};
constexpr std::chrono::milliseconds kCloseTime{5'000};
constexpr std::size_t kMaxCloseReason = 123;  // RFC 6455 5.5
constexpr int kSilentPings = 3;

Moment moment() { return std::chrono::steady_clock::now(); }

std::uint16_t found_wrong(const ErrorCode& error) {
  if (error == ws::error::message_too_big) return 1009;
  if (error == ws::error::bad_frame_payload) return 1007;
  return error == ws::condition::protocol_violation ? 1002 : 1006;
}

}  // namespace

class SocketClient::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(boost::asio::io_context& loop, Options options, Callbacks callbacks)
      : options_(std::move(options)),
        callbacks_(std::move(callbacks)),
        loop_(loop),
        ticker_(loop.get_executor()) {}

  void start() {
    Dial::Done done;
    done.connected = [self = shared_from_this()](FrontStream stream) {
      self->upgrade(std::move(stream));
    };
    done.failed = [self = shared_from_this()](ClientFailure failure) { self->finish(failure); };
    Dial::start(loop_, options_.target, std::move(done));
  }

  void drop() {
    boost::asio::post(loop_, [self = shared_from_this()] { self->fail("dropped"); });
  }

  bool send(std::string message) {
    const std::lock_guard lock(mutex_);
    if (is_sealed_ || unsent_ + message.size() > options_.max_unsent_bytes) return false;
    unsent_ += message.size();
    queue_.push_back(std::move(message));
    if (!std::exchange(is_flush_posted_, true))
      boost::asio::post(loop_, [self = shared_from_this()] { self->flush(); });
    return true;
  }

  std::size_t unsent() const {
    const std::lock_guard lock(mutex_);
    return unsent_;
  }

  void close(std::uint16_t code, std::string_view reason) {
    {
      const std::lock_guard lock(mutex_);
      is_sealed_ = true;
    }
    boost::asio::post(loop_, [self = shared_from_this(), code, reason = std::string(reason)] {
      self->begin_close(code, reason);
    });
  }

 private:
  void upgrade(FrontStream stream) {
    if (is_over_) return;
    step_ = DialStep::upgrade;
    deadline_ = moment() + std::chrono::milliseconds(options_.upgrade_timeout_ms);
    tick();
    stream_.emplace(std::move(stream));
    stream_->read_message_max(options_.max_message_bytes);
    stream_->binary(true);
    stream_->auto_fragment(false);
    stream_->set_option(
        ws::stream_base::timeout{ws::stream_base::none(), ws::stream_base::none(), false});
    stream_->set_option(ws::stream_base::decorator([this](ws::request_type& request) {
      for (const auto& [name, value] : options_.headers) request.set(name, value);
    }));
    stream_->async_handshake(
        answer_, options_.target.url.authority(), options_.target.url.path + options_.path,
        [self = shared_from_this()](ErrorCode error) { self->on_upgraded(error); });
  }

  void on_upgraded(const ErrorCode& error) {
    if (is_over_) return;
    if (error) {
      ClientFailure failure;
      failure.step = step_;
      failure.why = error.message();
      if (error == ws::error::upgrade_declined) {
        failure.http_status = static_cast<int>(answer_.result_int());
        failure.why = "the answer is HTTP " + std::to_string(failure.http_status) + ", no upgrade";
      }
      return finish(failure);
    }
    step_ = DialStep::open;
    last_heard_ = last_ping_ = moment();
    deadline_ = last_heard_ + std::chrono::milliseconds(options_.first_message_timeout_ms);
    stream_->control_callback(
        [this](ws::frame_type, boost::beast::string_view) { last_heard_ = moment(); });
    callbacks_.opened();
    if (is_closing_) return send_close();
    flush();
    read();
  }

  void read() {
    stream_->async_read(buffer_, [self = shared_from_this()](ErrorCode error, std::size_t) {
      self->on_read(error);
    });
  }

  void on_read(const ErrorCode& error) {
    if (is_over_) return;
    if (error == ws::error::closed) {
      ClientFailure failure;
      failure.step = step_;
      failure.close_code = stream_->reason().code;
      const auto& reason = stream_->reason().reason;
      failure.close_reason.assign(reason.data(), reason.size());
      failure.why = "closed with " + std::to_string(failure.close_code) +
                    (failure.close_reason.empty() ? "" : ", " + failure.close_reason);
      return finish(failure);
    }
    if (error && is_close_sent_) return;  // the close ends reading too, and tells what came of it
    if (error) return fail(error.message(), found_wrong(error));
    last_heard_ = moment();
    has_message_ = true;
    const auto data = buffer_.data();
    if (!is_closing_)
      callbacks_.message(std::string_view(static_cast<const char*>(data.data()), data.size()));
    buffer_.consume(buffer_.size());
    read();
  }

  void flush() {
    {
      const std::lock_guard lock(mutex_);
      is_flush_posted_ = false;
      if (is_writing_ || is_over_ || step_ != DialStep::open) return;
      if (!queue_.empty()) {
        current_ = std::move(queue_.front());
        queue_.pop_front();
        is_writing_ = true;
      }
    }
    if (!is_writing_) {
      if (is_closing_) send_close();
      return;
    }
    stream_->async_write(boost::asio::buffer(current_),
                         [self = shared_from_this()](ErrorCode error, std::size_t) {
                           self->is_writing_ = false;
                           {
                             const std::lock_guard lock(self->mutex_);
                             self->unsent_ -= self->current_.size();
                           }
                           if (error) return self->fail(error.message());
                           self->flush();
                         });
  }

  void begin_close(std::uint16_t code, const std::string& reason) {
    if (is_over_ || std::exchange(is_closing_, true)) return;
    close_.code = code;
    close_.reason.assign(reason.data(), std::min(reason.size(), kMaxCloseReason));
    deadline_ = moment() + kCloseTime;
    if (step_ == DialStep::open)
      flush();
    else
      fail("closed before it was open");
  }

  void send_close() {
    if (is_over_ || std::exchange(is_close_sent_, true)) return;
    stream_->async_close(close_, [self = shared_from_this()](ErrorCode) {
      ClientFailure failure;
      failure.step = self->step_;
      failure.close_code = self->close_.code;
      failure.why = "closed by us";
      self->finish(failure);
    });
  }

  void tick() {
    ticker_.expires_after(kTick);
    ticker_.async_wait([self = shared_from_this()](ErrorCode error) {
      if (error || self->is_over_) return;
      self->look(moment());
      if (!self->is_over_) self->tick();
    });
  }

  void look(Moment now) {
    if (is_closing_ || step_ != DialStep::open) {
      if (now < deadline_) return;
      // A peer that does not answer our close changes nothing about who closed.
      if (is_closing_) return fail("closed by us", close_.code);
      return fail("no answer within the time allowed");
    }
    if (options_.first_message_timeout_ms > 0 && !has_message_ && now >= deadline_)
      return fail("the peer says nothing");
    const std::chrono::milliseconds interval(options_.ping_interval_ms);
    if (now - last_heard_ > kSilentPings * interval) return fail("the peer has gone silent");
    if (is_pinging_ || now - last_ping_ < interval) return;
    is_pinging_ = true;
    last_ping_ = now;
    stream_->async_ping({}, [self = shared_from_this()](ErrorCode) { self->is_pinging_ = false; });
  }

  void fail(std::string why, std::uint16_t code = 0) {
    ClientFailure failure;
    failure.step = step_;
    failure.why = std::move(why);
    failure.close_code = code;
    finish(failure);
  }

  void finish(const ClientFailure& failure) {
    if (is_over_) return;
    is_over_ = true;
    {
      const std::lock_guard lock(mutex_);
      is_sealed_ = true;
      queue_.clear();
    }
    ticker_.cancel();
    if (stream_) stream_->next_layer().close();
    callbacks_.ended(failure);
    loop_.stop();
  }

  const Options options_;
  const Callbacks callbacks_;
  boost::asio::io_context& loop_;

  // Loop thread only.
  LoopTimer ticker_;
  std::optional<ws::stream<FrontStream, false>> stream_;
  ws::response_type answer_;
  boost::beast::flat_buffer buffer_;
  DialStep step_ = DialStep::resolve;
  std::string current_;
  ws::close_reason close_;
  Moment deadline_, last_heard_, last_ping_;
  bool has_message_ = false, is_writing_ = false, is_pinging_ = false, is_closing_ = false,
       is_close_sent_ = false, is_over_ = false;

  mutable std::mutex mutex_;
  std::deque<std::string> queue_;  // guarded by mutex_, as are the three below
  std::size_t unsent_ = 0;
  bool is_flush_posted_ = false, is_sealed_ = false;
};

struct SocketClient::Inside {
  boost::asio::io_context loop{1};
  std::shared_ptr<Connection> connection;  // also held by what waits in the loop
  std::thread thread;
};

SocketClient::SocketClient(Options options, Callbacks callbacks)
    : inside_(std::make_unique<Inside>()) {
  inside_->connection =
      std::make_shared<Connection>(inside_->loop, std::move(options), std::move(callbacks));
}

SocketClient::~SocketClient() {
  inside_->connection->drop();
  if (inside_->thread.joinable()) inside_->thread.join();
}

void SocketClient::start() {
  inside_->connection->start();
  inside_->thread = std::thread([in = inside_.get()] { in->loop.run(); });
}

bool SocketClient::send(std::string message) {
  return inside_->connection->send(std::move(message));
}

std::size_t SocketClient::unsent_bytes() const { return inside_->connection->unsent(); }

void SocketClient::close(std::uint16_t code, std::string_view reason) {
  inside_->connection->close(code, reason);
}

}  // namespace z4j::net
