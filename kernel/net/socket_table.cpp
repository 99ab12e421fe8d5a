#include "net/socket_table.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <deque>
#include <exception>

#include "net/refusal.hpp"

namespace z4j::net {
namespace {

namespace websocket = boost::beast::websocket;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::uint16_t kCloseAbnormal = 1006;  // RFC 6455 7.4.1: never on the wire
constexpr std::uint16_t kCloseNoCode = 1005;
constexpr std::uint16_t kCloseTooSlow = 1008;
constexpr std::uint16_t kCloseIdle = 4408;
constexpr std::chrono::seconds kCloseHandshake{3};
constexpr std::chrono::seconds kAcceptTime{10};
constexpr std::size_t kKeptReadBuffer = 16u << 10;
constexpr std::size_t kMaxReasonBytes = 123;  // RFC 6455 5.5
constexpr std::size_t kManySockets = 1000, kTicksOfMany = 4;

SteadyTime steady_now() { return std::chrono::steady_clock::now(); }

std::uint16_t code_of(const ErrorCode& error, std::uint16_t peer_code) {
  if (error == websocket::error::closed) return peer_code == 0 ? kCloseNoCode : peer_code;
  if (error == websocket::error::message_too_big) return 1009;
  if (error == websocket::error::bad_frame_payload) return 1007;
  if (error == websocket::condition::protocol_violation) return 1002;
  return kCloseAbnormal;
}

}  // namespace

class FrontSocket : public std::enable_shared_from_this<FrontSocket> {
 public:
  FrontSocket(SocketTable& table, const SocketEndpoint& endpoint, SocketId id, FrontStream stream)
      : table_(table), endpoint_(endpoint), id_(id), stream_(std::move(stream)) {
    if (endpoint.receive_buffer_bytes > 0) {
      ErrorCode ignored;
      stream_.next_layer().socket().set_option(
          boost::asio::socket_base::receive_buffer_size(endpoint.receive_buffer_bytes), ignored);
    }
    stream_.read_message_max(endpoint.max_message_bytes);
    stream_.binary(endpoint.outgoing == Outgoing::binary);
    stream_.auto_fragment(false);
    stream_.set_option(websocket::stream_base::timeout{websocket::stream_base::none(),
                                                       websocket::stream_base::none(), false});
  }

  void accept(boost::beast::http::request<boost::beast::http::string_body> handshake,
              Request request, std::vector<std::pair<std::string, std::string>> extra) {
    deadline_ = steady_now() + kAcceptTime;
    request_ = std::make_unique<Request>(std::move(request));
    stream_.set_option(websocket::stream_base::decorator(
        [extra = std::move(extra)](websocket::response_type& answer) {
          answer.erase(boost::beast::http::field::server);
          for (const auto& [name, value] : extra) {
            if (is_safe_header(name, value)) answer.insert(name, value);
          }
        }));
    auto kept = std::make_unique<boost::beast::http::request<boost::beast::http::string_body>>(
        std::move(handshake));
    const auto& upgrade = *kept;
    stream_.async_accept(upgrade,
                         [self = shared_from_this(), kept = std::move(kept)](ErrorCode error) {
                           if (error) return self->finish(kCloseAbnormal);
                           self->on_accepted();
                         });
  }

  bool send(std::string_view text) {
    const std::lock_guard lock(mutex_);
    if (sealed_) return false;
    if (unsent_ + text.size() > endpoint_.max_unsent_bytes) {
      sealed_ = true;
      boost::asio::post(table_.loop_, [self = shared_from_this()] { self->drop_slow(); });
      return false;
    }
    unsent_ += text.size();
    queue_.emplace_back(text);
    if (!flush_posted_) {
      flush_posted_ = true;
      boost::asio::post(table_.loop_, [self = shared_from_this()] { self->flush(); });
    }
    return true;
  }

  void post_close(std::uint16_t code, std::string_view reason) {
    {
      const std::lock_guard lock(mutex_);
      sealed_ = true;
    }
    boost::asio::post(table_.loop_,
                      [self = shared_from_this(), code, reason = std::string(reason)] {
                        self->begin_close(code, reason);
                      });
  }

  void post_pause(Reading reading) {
    boost::asio::post(table_.loop_, [self = shared_from_this(), reading] {
      self->paused_ = reading == Reading::paused;
      if (self->paused_ || !self->opened_) return;
      self->last_message_ = self->last_heard_ = steady_now();
      if (!self->reading_ && !self->finished_) self->read();
    });
  }

  void tick(SteadyTime now) {
    if (finished_) return;
    if (!opened_ || closing_) {
      if (now < deadline_) return;
      stream_.next_layer().close();  // pending operations end with an error and finish
      return finish(closing_ ? close_code_ : kCloseAbnormal);
    }
    if (paused_) return;
    if (endpoint_.idle_timeout_s > 0 &&
        now - last_message_ > std::chrono::seconds(endpoint_.idle_timeout_s)) {
      return begin_close(kCloseIdle, "idle");
    }
    if (now - last_heard_ > 3 * table_.ping_interval_) {
      stream_.next_layer().close();
      return finish(kCloseAbnormal);
    }
    if (!pinging_ && now - last_ping_ > table_.ping_interval_) {
      pinging_ = true;
      last_ping_ = now;
      stream_.async_ping({}, [self = shared_from_this()](ErrorCode) { self->pinging_ = false; });
    }
  }

  void begin_close(std::uint16_t code, std::string_view reason) {
    if (closing_ || finished_) return;
    closing_ = true;
    close_code_ = code;
    deadline_ = steady_now() + kCloseHandshake;
    close_reason_ = reason.substr(0, kMaxReasonBytes);
    {
      const std::lock_guard lock(mutex_);
      sealed_ = true;
    }
    if (opened_ && !writing_ && !has_queued()) send_close();
  }

  void drop_hard() {
    stream_.next_layer().close();
    finish(closing_ ? close_code_ : kCloseAbnormal);
  }

 private:
  void on_accepted() {
    if (finished_) return;
    opened_ = true;
    last_message_ = last_heard_ = last_ping_ = steady_now();
    stream_.control_callback([this](websocket::frame_type kind, boost::beast::string_view) {
      last_heard_ = steady_now();
      if (kind == websocket::frame_type::close) stream_.next_layer().expect_no_more();
    });
    told_open_ = true;
    if (!guard([&] {
          if (endpoint_.open) endpoint_.open(id_, *request_);
        })) {
      begin_close(1011, "internal error");
    }
    request_.reset();
    if (closing_ && !writing_ && !has_queued()) send_close();
    if (!finished_ && !paused_) read();
  }

  void read() {
    reading_ = true;
    stream_.async_read(buffer_, [self = shared_from_this()](ErrorCode error, std::size_t) {
      self->on_read(error);
    });
  }

  void on_read(const ErrorCode& error) {
    reading_ = false;
    if (finished_) return;
    if (error) {
      const auto code = closing_ ? close_code_ : code_of(error, stream_.reason().code);
      if (!closing_ || !close_sent_) stream_.next_layer().close();
      if (!closing_ || close_done_ || !close_sent_) return finish(code);
      return;  // async_close is under way and finishes, at the latest by its deadline
    }
    last_message_ = last_heard_ = steady_now();
    ++table_.received_;
    if (!closing_) {
      const auto data = buffer_.data();
      const std::string_view text(static_cast<const char*>(data.data()), data.size());
      const bool fine = guard([&] {
        if (endpoint_.message) endpoint_.message(id_, text);
      });
      if (!fine) begin_close(1011, "internal error");
    }
    buffer_.consume(buffer_.size());
    if (buffer_.capacity() > kKeptReadBuffer) buffer_.shrink_to_fit();
    if (!finished_ && !paused_) read();
  }

  void flush() {
    {
      const std::lock_guard lock(mutex_);
      flush_posted_ = false;
      if (writing_ || finished_ || !opened_) return;
      if (!queue_.empty()) {
        current_ = std::move(queue_.front());
        queue_.pop_front();
        writing_ = true;
      }
    }
    if (!writing_) {
      if (closing_) send_close();
      return;
    }
    stream_.async_write(boost::asio::buffer(current_),
                        [self = shared_from_this()](ErrorCode error, std::size_t) {
                          self->writing_ = false;
                          {
                            const std::lock_guard lock(self->mutex_);
                            self->unsent_ -= self->current_.size();
                          }
                          self->current_ = std::string();
                          if (error) return;  // the pending read ends too
                          ++self->table_.sent_;
                          self->flush();
                        });
  }

  bool has_queued() {
    const std::lock_guard lock(mutex_);
    return !queue_.empty();
  }

  void drop_slow() {
    if (finished_ || closing_) return;
    ++table_.dropped_slow_;
    {
      const std::lock_guard lock(mutex_);
      for (const std::string& text : queue_) unsent_ -= text.size();
      queue_.clear();
    }
    begin_close(kCloseTooSlow, "too slow");
    if (writing_)
      send_close();  // waits behind the frame that is stuck, for as long as the deadline allows
  }

  void send_close() {
    if (close_sent_ || finished_) return;
    close_sent_ = true;
    stream_.next_layer()
        .expect_no_more();  // reading goes on up to the peer's answer, and not beyond
    websocket::close_reason reason;
    reason.code = close_code_;
    reason.reason.assign(close_reason_.data(), close_reason_.size());
    stream_.async_close(reason, [self = shared_from_this()](ErrorCode) {
      self->close_done_ = true;
      self->stream_.next_layer().close();
      self->finish(self->close_code_);
    });
  }

  void finish(std::uint16_t code) {
    if (finished_) return;
    finished_ = true;
    {
      const std::lock_guard lock(mutex_);
      sealed_ = true;
    }
    const auto self = shared_from_this();
    table_.forget(id_);
    if (told_open_) {
      guard([&] {
        if (endpoint_.closed) endpoint_.closed(id_, code);
      });
    }
  }

  // Runs a callback of the application; false if it threw.
  template <class Callback>
  bool guard(Callback callback) {
    try {
      callback();
      return true;
    } catch (const std::exception& error) {
      table_.log_.error("socket callback failed",
                        {{"path", endpoint_.path}, {"error", error.what()}});
    } catch (...) {
      table_.log_.error("socket callback failed",
                        {{"path", endpoint_.path}, {"error", "not a std::exception"}});
    }
    return false;
  }

  SocketTable& table_;
  const SocketEndpoint& endpoint_;
  const SocketId id_;
  websocket::stream<FrontStream, false> stream_;
  boost::beast::flat_buffer buffer_;
  std::unique_ptr<Request> request_;
  std::string current_;
  SteadyTime deadline_, last_message_, last_heard_, last_ping_;
  bool opened_ = false, told_open_ = false, reading_ = false, writing_ = false, pinging_ = false,
       paused_ = false;
  bool closing_ = false, close_sent_ = false, close_done_ = false, finished_ = false;
  std::uint16_t close_code_ = 0;
  std::string close_reason_;

  std::mutex mutex_;
  std::deque<std::string> queue_;  // guarded by mutex_, and so are the three below
  std::size_t unsent_ = 0;
  bool flush_posted_ = false;
  bool sealed_ = false;  // no more sends
};

SocketTable::SocketTable(boost::asio::io_context& loop,
                         const std::vector<SocketEndpoint>& endpoints,
                         std::chrono::seconds ping_interval, base::Log& log)
    : loop_(loop), endpoints_(endpoints), ping_interval_(ping_interval), log_(log) {}

SocketTable::~SocketTable() = default;

bool SocketTable::send(SocketId id, std::string_view text) {
  const auto socket = find(id);
  return socket && socket->send(text);
}

void SocketTable::close(SocketId id, std::uint16_t code, std::string_view reason) {
  if (const auto socket = find(id)) socket->post_close(code, reason);
}

void SocketTable::pause(SocketId id, Reading reading) {
  if (const auto socket = find(id)) socket->post_pause(reading);
}

const SocketEndpoint* SocketTable::find(std::string_view path) const {
  for (const SocketEndpoint& endpoint : endpoints_) {
    if (endpoint.path == path) return &endpoint;
  }
  return nullptr;
}

void SocketTable::accept(const SocketEndpoint& endpoint, FrontStream stream,
                         boost::beast::http::request<boost::beast::http::string_body> handshake,
                         Request request, std::vector<std::pair<std::string, std::string>> extra) {
  auto socket = std::make_shared<FrontSocket>(*this, endpoint, ++last_id_, std::move(stream));
  {
    const std::lock_guard lock(mutex_);
    sockets_.emplace(last_id_, socket);
  }
  socket->accept(std::move(handshake), std::move(request), std::move(extra));
}

void SocketTable::tick(SteadyTime now) {
  // Many are looked at less often: it costs, and their deadlines are seconds.
  if (open() > kManySockets && ++ticks_ % kTicksOfMany != 0) return;
  for (const auto& socket : all()) socket->tick(now);
}

void SocketTable::close_all(std::uint16_t code, std::string_view reason) {
  for (const auto& socket : all()) socket->begin_close(code, reason);
}

void SocketTable::drop_all() {
  for (const auto& socket : all()) socket->drop_hard();
}

std::size_t SocketTable::open() const {
  const std::lock_guard lock(mutex_);
  return sockets_.size();
}

std::shared_ptr<FrontSocket> SocketTable::find(SocketId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = sockets_.find(id);
  return found == sockets_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<FrontSocket>> SocketTable::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<FrontSocket>> out;
  out.reserve(sockets_.size());
  for (const auto& [id, socket] : sockets_) out.push_back(socket);
  return out;
}

void SocketTable::forget(SocketId id) {
  const std::lock_guard lock(mutex_);
  sockets_.erase(id);
}

}  // namespace z4j::net
