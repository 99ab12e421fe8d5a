#include "lib/amqp/amqp.hpp"

#include "lib/amqp/table.hpp"
#include "lib/text/text.hpp"

#include <z4j/plugin.hpp>

#include <amqp.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <initializer_list>
#include <map>
#include <mutex>
#include <utility>

namespace z4j::amqp {
namespace {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

constexpr int kFrameMax = 131'072, kMaxChannels = 64;
constexpr std::size_t kMaxInboxBytes = 64u << 20, kMaxInbox = 20'000;
constexpr std::size_t kUnconfirmedAtOnce = 500;
constexpr int kCloseMs = 500;
constexpr std::size_t kFrameOverhead = 1024;  // of a header frame: everything but tables and texts

Deadline in_ms(int ms) { return Clock::now() + std::chrono::milliseconds(ms); }

timeval until(Deadline deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::microseconds>(deadline - Clock::now()).count();
  timeval out{};
  if (left > 0) {
    out.tv_sec = static_cast<time_t>(left / 1'000'000);
    out.tv_usec = static_cast<suseconds_t>(left % 1'000'000);
  }
  return out;
}

std::string said(const amqp_bytes_t& text) { return text::clean(view_of(text), 500); }

// The reply codes of the protocol that close a channel.
Error channel_error(int code, const std::string& text) {
  z4j_status status = Z4J_INVALID;
  if (code == AMQP_NOT_FOUND) status = Z4J_NOT_FOUND;
  if (code == AMQP_ACCESS_REFUSED) status = Z4J_DENIED;
  if (code == AMQP_RESOURCE_LOCKED) status = Z4J_CONFLICT;
  return Error(status, "the broker: " + text);
}

Error connection_error(int code, const std::string& text) {
  const bool denied = code == AMQP_ACCESS_REFUSED || code == AMQP_NOT_ALLOWED;
  return Error(denied ? Z4J_DENIED : Z4J_UNAVAILABLE, "the broker hung up: " + text);
}

void take(std::optional<std::string>& to, const amqp_basic_properties_t& from, amqp_flags_t flag,
          const amqp_bytes_t& bytes) {
  if ((from._flags & flag) != 0) to = std::string(view_of(bytes));
}

Properties read_properties(const amqp_basic_properties_t& p) {
  Properties out;
  take(out.content_type, p, AMQP_BASIC_CONTENT_TYPE_FLAG, p.content_type);
  take(out.content_encoding, p, AMQP_BASIC_CONTENT_ENCODING_FLAG, p.content_encoding);
  take(out.correlation_id, p, AMQP_BASIC_CORRELATION_ID_FLAG, p.correlation_id);
  take(out.reply_to, p, AMQP_BASIC_REPLY_TO_FLAG, p.reply_to);
  take(out.expiration, p, AMQP_BASIC_EXPIRATION_FLAG, p.expiration);
  take(out.message_id, p, AMQP_BASIC_MESSAGE_ID_FLAG, p.message_id);
  take(out.type, p, AMQP_BASIC_TYPE_FLAG, p.type);
  take(out.user_id, p, AMQP_BASIC_USER_ID_FLAG, p.user_id);
  take(out.app_id, p, AMQP_BASIC_APP_ID_FLAG, p.app_id);
  take(out.cluster_id, p, AMQP_BASIC_CLUSTER_ID_FLAG, p.cluster_id);
  if ((p._flags & AMQP_BASIC_DELIVERY_MODE_FLAG) != 0) out.delivery_mode = p.delivery_mode;
  if ((p._flags & AMQP_BASIC_PRIORITY_FLAG) != 0) out.priority = p.priority;
  if ((p._flags & AMQP_BASIC_TIMESTAMP_FLAG) != 0) out.timestamp = p.timestamp;
  if ((p._flags & AMQP_BASIC_HEADERS_FLAG) != 0) out.headers = read_table(p.headers);
  return out;
}

// Views into the properties and the table they are given with.
class WireProperties {
 public:
  explicit WireProperties(const Properties& from) : headers_(from.headers) {
    put(from.content_type, AMQP_BASIC_CONTENT_TYPE_FLAG, out_.content_type);
    put(from.content_encoding, AMQP_BASIC_CONTENT_ENCODING_FLAG, out_.content_encoding);
    put(from.correlation_id, AMQP_BASIC_CORRELATION_ID_FLAG, out_.correlation_id);
    put(from.reply_to, AMQP_BASIC_REPLY_TO_FLAG, out_.reply_to);
    put(from.expiration, AMQP_BASIC_EXPIRATION_FLAG, out_.expiration);
    put(from.message_id, AMQP_BASIC_MESSAGE_ID_FLAG, out_.message_id);
    put(from.type, AMQP_BASIC_TYPE_FLAG, out_.type);
    put(from.user_id, AMQP_BASIC_USER_ID_FLAG, out_.user_id);
    put(from.app_id, AMQP_BASIC_APP_ID_FLAG, out_.app_id);
    put(from.cluster_id, AMQP_BASIC_CLUSTER_ID_FLAG, out_.cluster_id);
    if (from.delivery_mode) {
      out_._flags |= AMQP_BASIC_DELIVERY_MODE_FLAG;
      out_.delivery_mode = *from.delivery_mode;
    }
    if (from.priority) {
      out_._flags |= AMQP_BASIC_PRIORITY_FLAG;
      out_.priority = *from.priority;
    }
    if (from.timestamp) {
      out_._flags |= AMQP_BASIC_TIMESTAMP_FLAG;
      out_.timestamp = *from.timestamp;
    }
    if (!from.headers.empty()) {
      out_._flags |= AMQP_BASIC_HEADERS_FLAG;
      out_.headers = headers_.get();
    }
    bytes_ += headers_.wire_bytes();
  }
  [[nodiscard]] const amqp_basic_properties_t& get() const { return out_; }
  [[nodiscard]] std::size_t wire_bytes() const { return bytes_; }

 private:
  void put(const std::optional<std::string>& from, amqp_flags_t flag, amqp_bytes_t& to) {
    if (!from) return;
    if (from->size() > 255)
      throw Error(Z4J_INVALID, "a property of the message is longer than 255 bytes");
    out_._flags |= flag;
    to = bytes_of(*from);
    bytes_ += 1 + from->size();
  }
  Table headers_;
  amqp_basic_properties_t out_{};
  std::size_t bytes_ = kFrameOverhead;
};

void check_name(const std::string& name, const char* what) {
  if (name.size() > 255) throw Error(Z4J_INVALID, std::string(what) + " is longer than 255 bytes");
}

}  // namespace

struct Connection::Wire {
  // Whether a request that was not answered may have changed something.
  enum class Effect { none, changes };

  struct Pending {
    std::uint64_t sequence = 0;
    std::string routing_key, correlation_id;
    Sent* sent = nullptr;
    bool returned = false;
  };
  struct ChannelState {
    std::optional<Error> closed;
    std::optional<amqp_method_t> reply;
    bool deleted = false;  // the consumer's queue is gone
    bool is_confirming = false;
    std::uint64_t published = 0;
    std::deque<Pending> pending;
    std::deque<Delivery> inbox;
    std::size_t inbox_bytes = 0;
    // The message that is being read.
    enum class Reading { nothing, message, returned } reading = Reading::nothing;
    Delivery message;
    std::uint64_t left = 0;  // of its body
  };

  explicit Wire(Options given) : options(std::move(given)) {}

  void open() {
    interrupted.store(false);
    if (connection != nullptr) return;
    std::optional<Error> why;
    for (const Endpoint& to : options.endpoints) {
      try {
        open_to(to);
        return;
      } catch (const Error& e) {
        close();
        if (e.code == Z4J_CANCELLED) throw;
        why = e;
      }
    }
    throw why.value_or(Error(Z4J_BAD_CONFIG, "no broker is named"));
  }

  void close() noexcept {
    {
      const std::lock_guard lock(fd_mutex);
      fd = -1;
    }
    if (connection != nullptr) amqp_destroy_connection(connection);
    connection = nullptr;
    channels.clear();
  }

  // Says goodbye, so that the broker does not log an unexpected end.
  void leave() noexcept {
    if (connection == nullptr) return;
    amqp_connection_close_t bye{};
    bye.reply_code = AMQP_REPLY_SUCCESS;
    bye.reply_text = amqp_empty_bytes;
    try {
      if (!interrupted.load() &&
          amqp_send_method(connection, 0, AMQP_CONNECTION_CLOSE_METHOD, &bye) == AMQP_STATUS_OK) {
        leaving = true;
        const Deadline deadline = in_ms(kCloseMs);
        while (leaving && pump(deadline, Effect::none)) {
        }
      }
    } catch (const std::exception&) {
      // It is gone already.
    }
    leaving = false;
    close();
  }

  void interrupt() noexcept {
    const std::lock_guard lock(fd_mutex);
    interrupted.store(true);
    if (fd >= 0) ::shutdown(fd, SHUT_RDWR);
  }

  [[noreturn]] void lost(const std::string& why, Effect effect) {
    close();
    if (interrupted.load()) throw Error(Z4J_CANCELLED, "the call was interrupted");
    throw Error(effect == Effect::changes ? Z4J_UNKNOWN : Z4J_UNAVAILABLE, why);
  }
  void check_line() const {
    if (interrupted.load()) throw Error(Z4J_CANCELLED, "the call was interrupted");
    if (connection == nullptr) throw Error(Z4J_UNAVAILABLE, "not connected to the broker");
  }

  ChannelState& state_of(std::uint16_t number) {
    const auto it = channels.find(number);
    if (it == channels.end()) throw Error(Z4J_UNAVAILABLE, "the connection to the broker was lost");
    if (it->second.closed) throw *it->second.closed;
    return it->second;
  }

  std::uint16_t free_number() const {
    for (std::uint16_t n = 1; n < kMaxChannels; ++n) {
      if (channels.count(n) == 0) return n;
    }
    throw Error(Z4J_INTERNAL, "too many channels");
  }

  void send(std::uint16_t number, amqp_method_number_t id, void* fields, Effect effect) {
    const int status = amqp_send_method(connection, number, id, fields);
    if (status != AMQP_STATUS_OK) lost(broken(status), effect);
  }

  // The answer is good until the next call on the connection.
  amqp_method_t call(std::uint16_t number, amqp_method_number_t id, void* fields,
                     std::initializer_list<amqp_method_number_t> replies, Effect effect) {
    check_line();
    state_of(number).reply.reset();
    send(number, id, fields, effect);
    const Deadline deadline = in_ms(options.io_timeout_ms);
    for (;;) {
      ChannelState& channel = state_of(number);
      if (channel.reply) {
        const amqp_method_t reply = *std::exchange(channel.reply, std::nullopt);
        if (std::find(replies.begin(), replies.end(), reply.id) != replies.end()) return reply;
        lost("the broker gave an answer to something else", effect);
      }
      // What comes later could not be told from the answer to the next question.
      if (!pump(deadline, effect)) lost("the broker did not answer in time", effect);
    }
  }

  // One frame. False when the deadline passed.
  bool pump(Deadline deadline, Effect effect) {
    check_line();
    amqp_maybe_release_buffers(connection);
    amqp_frame_t frame;
    const timeval left = until(deadline);
    const int status = amqp_simple_wait_frame_noblock(connection, &frame, &left);
    if (status == AMQP_STATUS_TIMEOUT) return false;
    if (status != AMQP_STATUS_OK) lost(broken(status), effect);
    if (frame.channel == 0) {
      if (frame.frame_type == AMQP_FRAME_METHOD) take_connection_method(frame.payload.method);
      return true;
    }
    const auto it = channels.find(frame.channel);
    if (it == channels.end()) return true;  // of a channel that was closed meanwhile
    ChannelState& channel = it->second;
    if (frame.frame_type == AMQP_FRAME_METHOD) {
      take_method(frame.channel, channel, frame.payload.method);
    } else if (frame.frame_type == AMQP_FRAME_HEADER) {
      take_header(channel, frame);
    } else if (frame.frame_type == AMQP_FRAME_BODY) {
      take_body(channel, view_of(frame.payload.body_fragment));
    }
    return true;
  }

  Options options;
  amqp_connection_state_t connection = nullptr;
  std::uint64_t line = 0;
  std::map<std::uint16_t, ChannelState> channels;
  std::atomic<bool> interrupted{false};

 private:
  static std::string broken(int status) {
    return std::string("the connection to the broker was lost: ") + amqp_error_string2(status);
  }

  void open_to(const Endpoint& to) {
    connection = amqp_new_connection();
    if (connection == nullptr) throw Error(Z4J_NO_MEMORY, "no memory for a connection");
    ++line;
    amqp_socket_t* socket = options.tls ? secure_socket(to) : amqp_tcp_socket_new(connection);
    if (socket == nullptr) throw Error(Z4J_NO_MEMORY, "no memory for a connection");
    const std::string where = to.host + ":" + std::to_string(to.port);
    const timeval connect_time = until(in_ms(options.connect_timeout_ms));
    if (const int status =
            amqp_socket_open_noblock(socket, to.host.c_str(), to.port, &connect_time);
        status != AMQP_STATUS_OK) {
      throw Error(Z4J_UNAVAILABLE,
                  "cannot connect to " + where + ": " +
                      (is_about_certificate(status)
                           ? "the server's certificate is not trusted, or is not for that name"
                           : amqp_error_string2(status)));
    }
    tune(amqp_socket_get_sockfd(socket));
    const timeval hello_time = until(in_ms(options.io_timeout_ms));
    amqp_set_handshake_timeout(connection, &hello_time);
    amqp_set_rpc_timeout(connection, &hello_time);
    log_in(where);
  }

  amqp_socket_t* secure_socket(const Endpoint& to) {
    amqp_socket_t* socket = amqp_ssl_socket_new(connection);
    if (socket == nullptr) return nullptr;
    // The name is checked by OpenSSL, which knows addresses too.
    amqp_ssl_socket_set_verify_hostname(socket, 0);
    amqp_ssl_socket_set_verify_peer(socket, options.tls_verify ? 1 : 0);
    auto* context = static_cast<SSL_CTX*>(amqp_ssl_socket_get_context(socket));
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    if (!options.tls_verify) return socket;
    const bool trusts =
        options.tls_ca_file.empty()
            ? SSL_CTX_set_default_verify_paths(context) == 1
            : SSL_CTX_load_verify_locations(context, options.tls_ca_file.c_str(), nullptr) == 1;
    if (!trusts)
      throw Error(Z4J_BAD_CONFIG, "the authorities in " + options.tls_ca_file + " cannot be read");
    X509_VERIFY_PARAM* param = SSL_CTX_get0_param(context);
    in6_addr address{};
    const bool is_address = ::inet_pton(AF_INET, to.host.c_str(), &address) == 1 ||
                            ::inet_pton(AF_INET6, to.host.c_str(), &address) == 1;
    if (is_address) {
      X509_VERIFY_PARAM_set1_ip_asc(param, to.host.c_str());
    } else {
      X509_VERIFY_PARAM_set1_host(param, to.host.c_str(), to.host.size());
    }
    return socket;
  }

  static bool is_about_certificate(int status) {
    return status == AMQP_STATUS_SSL_PEER_VERIFY_FAILED ||
           status == AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED ||
           status == AMQP_STATUS_SSL_CONNECTION_FAILED;
  }

  // rabbitmq-c writes without a deadline: a peer that takes nothing is given up by the kernel.
  void tune(int socket) {
    const int on = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    const unsigned patience = static_cast<unsigned>(options.io_timeout_ms);
    ::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof patience);
    const std::lock_guard lock(fd_mutex);
    if (interrupted.load()) throw Error(Z4J_CANCELLED, "the call was interrupted");
    fd = socket;
  }

  void log_in(const std::string& where) {
    const json::Object who = {
        {"product", "z4j"},
        {"connection_name", "z4j"},
        {"capabilities",
         {{"publisher_confirms", true}, {"basic.nack", true}, {"consumer_cancel_notify", true}}}};
    const Table client(who);
    const amqp_rpc_reply_t reply = amqp_login_with_properties(
        connection, options.vhost.c_str(), kMaxChannels, kFrameMax, options.heartbeat_s,
        &client.get(), AMQP_SASL_METHOD_PLAIN, options.user.c_str(), options.password.c_str());
    if (reply.reply_type == AMQP_RESPONSE_NORMAL) return;
    if (interrupted.load()) throw Error(Z4J_CANCELLED, "the call was interrupted");
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
        reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
      const auto* close = static_cast<amqp_connection_close_t*>(reply.reply.decoded);
      throw connection_error(close->reply_code, said(close->reply_text));
    }
    throw Error(Z4J_UNAVAILABLE, "cannot log in at " + where + ": " +
                                     (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION
                                          ? amqp_error_string2(reply.library_error)
                                          : "the broker said something unexpected"));
  }

  void take_connection_method(const amqp_method_t& method) {
    if (method.id == AMQP_CONNECTION_CLOSE_OK_METHOD) leaving = false;
    if (method.id != AMQP_CONNECTION_CLOSE_METHOD) return;
    const auto* close_method = static_cast<amqp_connection_close_t*>(method.decoded);
    const Error error = connection_error(close_method->reply_code, said(close_method->reply_text));
    amqp_connection_close_ok_t ok{};
    static_cast<void>(amqp_send_method(connection, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok));
    close();
    throw error;
  }

  void take_method(std::uint16_t number, ChannelState& channel, const amqp_method_t& method) {
    using Reading = ChannelState::Reading;
    switch (method.id) {
      case AMQP_BASIC_DELIVER_METHOD: {
        const auto* m = static_cast<amqp_basic_deliver_t*>(method.decoded);
        channel.message = Delivery{};
        channel.message.exchange = said(m->exchange);
        channel.message.routing_key = said(m->routing_key);
        channel.message.tag = m->delivery_tag;
        channel.message.redelivered = m->redelivered != 0;
        channel.reading = Reading::message;
        return;
      }
      case AMQP_BASIC_GET_OK_METHOD: {
        const auto* m = static_cast<amqp_basic_get_ok_t*>(method.decoded);
        channel.message = Delivery{};
        channel.message.exchange = said(m->exchange);
        channel.message.routing_key = said(m->routing_key);
        channel.message.tag = m->delivery_tag;
        channel.message.redelivered = m->redelivered != 0;
        channel.message.behind = m->message_count;
        channel.reading = Reading::message;
        channel.reply = method;
        return;
      }
      case AMQP_BASIC_RETURN_METHOD: {
        const auto* m = static_cast<amqp_basic_return_t*>(method.decoded);
        channel.message = Delivery{};
        channel.message.routing_key = std::string(view_of(m->routing_key));
        channel.reading = Reading::returned;
        return;
      }
      case AMQP_BASIC_ACK_METHOD: {
        const auto* m = static_cast<amqp_basic_ack_t*>(method.decoded);
        settle(channel, m->delivery_tag, m->multiple != 0, false);
        return;
      }
      case AMQP_BASIC_NACK_METHOD: {
        const auto* m = static_cast<amqp_basic_nack_t*>(method.decoded);
        settle(channel, m->delivery_tag, m->multiple != 0, true);
        return;
      }
      case AMQP_BASIC_CANCEL_METHOD:
        channel.deleted = true;
        return;
      case AMQP_CHANNEL_CLOSE_METHOD: {
        const auto* m = static_cast<amqp_channel_close_t*>(method.decoded);
        channel.closed = channel_error(m->reply_code, said(m->reply_text));
        amqp_channel_close_ok_t ok{};
        send(number, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok, Effect::none);
        return;
      }
      default:
        channel.reply = method;
    }
  }

  static void settle(ChannelState& channel, std::uint64_t tag, bool multiple, bool refused) {
    for (auto it = channel.pending.begin(); it != channel.pending.end();) {
      const bool meant = it->sequence == tag || (multiple && it->sequence <= tag);
      if (!meant) {
        ++it;
        continue;
      }
      if (it->returned) {
        *it->sent = {Z4J_NOT_FOUND, "the broker has no queue " + text::clean(it->routing_key, 300)};
      } else if (refused) {
        *it->sent = {Z4J_BUSY, "the broker did not take the message"};
      } else {
        *it->sent = {Z4J_OK, ""};
      }
      it = channel.pending.erase(it);
    }
  }

  void take_header(ChannelState& channel, const amqp_frame_t& frame) {
    if (channel.reading == ChannelState::Reading::nothing) return;
    channel.left = frame.payload.properties.body_size;
    try {
      if (frame.payload.properties.class_id == AMQP_BASIC_CLASS)
        channel.message.properties = read_properties(
            *static_cast<amqp_basic_properties_t*>(frame.payload.properties.decoded));
    } catch (const Error& e) {
      channel.message.why_unread = e.what();
    }
    if (channel.left > options.max_body_bytes)
      channel.message.why_unread = "the message is larger than is looked at";
    if (channel.left == 0) finish(channel);
  }

  void take_body(ChannelState& channel, std::string_view part) {
    if (channel.reading == ChannelState::Reading::nothing) return;
    if (channel.message.why_unread.empty()) channel.message.body += part;
    channel.left -= std::min<std::uint64_t>(channel.left, part.size());
    if (channel.left == 0) finish(channel);
  }

  static void finish(ChannelState& channel) {
    using Reading = ChannelState::Reading;
    const Reading was = std::exchange(channel.reading, Reading::nothing);
    Delivery message = std::exchange(channel.message, Delivery{});
    if (was == Reading::returned) {
      const std::string id = message.properties.correlation_id.value_or("");
      for (Pending& p : channel.pending) {
        if (p.returned || p.routing_key != message.routing_key || p.correlation_id != id) continue;
        p.returned = true;
        break;
      }
      return;
    }
    // Only deliveries that need no acknowledgement can pile up like that.
    if (channel.inbox.size() >= kMaxInbox || channel.inbox_bytes > kMaxInboxBytes) return;
    channel.inbox_bytes += message.body.size();
    channel.inbox.push_back(std::move(message));
  }

  bool leaving = false;
  std::mutex fd_mutex;
  int fd = -1;  // guarded by fd_mutex
};

Connection::Connection(Options options) : wire_(std::make_unique<Wire>(std::move(options))) {}
Connection::~Connection() { close(); }
void Connection::connect() { wire_->open(); }
bool Connection::connected() const noexcept { return wire_->connection != nullptr; }
void Connection::close() noexcept { wire_->leave(); }
void Connection::interrupt() noexcept { wire_->interrupt(); }
const Options& Connection::options() const noexcept { return wire_->options; }

void Connection::tend() noexcept {
  if (!connected()) return;
  try {
    while (wire_->pump(Clock::now(), Wire::Effect::none)) {
    }
  } catch (const std::exception&) {
    // Told by the next call.
  }
}

Channel::Channel(Connection& connection) : wire_(*connection.wire_) {
  wire_.check_line();
  line_ = wire_.line;
  number_ = wire_.free_number();
  wire_.channels.emplace(number_, Connection::Wire::ChannelState{});
  amqp_channel_open_t open{};
  open.out_of_band = amqp_empty_bytes;
  try {
    wire_.call(number_, AMQP_CHANNEL_OPEN_METHOD, &open, {AMQP_CHANNEL_OPEN_OK_METHOD},
               Connection::Wire::Effect::none);
  } catch (...) {
    if (line_ == wire_.line) wire_.channels.erase(number_);
    throw;
  }
}

Channel::~Channel() {
  if (wire_.line != line_ || wire_.connection == nullptr) return;
  try {
    if (is_open()) {
      amqp_channel_close_t bye{};
      bye.reply_code = AMQP_REPLY_SUCCESS;
      bye.reply_text = amqp_empty_bytes;
      wire_.call(number_, AMQP_CHANNEL_CLOSE_METHOD, &bye, {AMQP_CHANNEL_CLOSE_OK_METHOD},
                 Connection::Wire::Effect::none);
    }
  } catch (const std::exception&) {
    // Closed by the broker, or the line is lost.
  }
  if (wire_.line == line_) wire_.channels.erase(number_);
}

bool Channel::is_open() const noexcept {
  if (wire_.connection == nullptr || wire_.line != line_) return false;
  const auto it = wire_.channels.find(number_);
  return it != wire_.channels.end() && !it->second.closed;
}

std::optional<QueueFacts> Channel::look_at_queue(const std::string& queue) {
  check_name(queue, "the queue's name");
  amqp_queue_declare_t ask{};
  ask.queue = bytes_of(queue);
  ask.passive = 1;
  try {
    const amqp_method_t reply =
        wire_.call(number_, AMQP_QUEUE_DECLARE_METHOD, &ask, {AMQP_QUEUE_DECLARE_OK_METHOD},
                   Connection::Wire::Effect::none);
    const auto* ok = static_cast<amqp_queue_declare_ok_t*>(reply.decoded);
    return QueueFacts{ok->message_count, ok->consumer_count};
  } catch (const Error& e) {
    if (e.code == Z4J_NOT_FOUND) return std::nullopt;
    throw;
  }
}

bool Channel::exchange_exists(const std::string& exchange) {
  check_name(exchange, "the exchange's name");
  amqp_exchange_declare_t ask{};
  ask.exchange = bytes_of(exchange);
  ask.type = bytes_of("direct");
  ask.passive = 1;
  try {
    wire_.call(number_, AMQP_EXCHANGE_DECLARE_METHOD, &ask, {AMQP_EXCHANGE_DECLARE_OK_METHOD},
               Connection::Wire::Effect::none);
    return true;
  } catch (const Error& e) {
    if (e.code == Z4J_NOT_FOUND) return false;
    throw;
  }
}

void Channel::declare_queue(const std::string& queue, const QueueForm& form) {
  check_name(queue, "the queue's name");
  const Table arguments(form.arguments);
  amqp_queue_declare_t ask{};
  ask.queue = bytes_of(queue);
  ask.durable = form.durable ? 1 : 0;
  ask.auto_delete = form.auto_delete ? 1 : 0;
  ask.exclusive = form.exclusive ? 1 : 0;
  ask.arguments = arguments.get();
  wire_.call(number_, AMQP_QUEUE_DECLARE_METHOD, &ask, {AMQP_QUEUE_DECLARE_OK_METHOD},
             Connection::Wire::Effect::none);
}

void Channel::declare_exchange(const std::string& exchange, const std::string& type, bool durable) {
  check_name(exchange, "the exchange's name");
  amqp_exchange_declare_t ask{};
  ask.exchange = bytes_of(exchange);
  ask.type = bytes_of(type);
  ask.durable = durable ? 1 : 0;
  wire_.call(number_, AMQP_EXCHANGE_DECLARE_METHOD, &ask, {AMQP_EXCHANGE_DECLARE_OK_METHOD},
             Connection::Wire::Effect::none);
}

void Channel::bind(const std::string& queue, const std::string& exchange, const std::string& key) {
  for (const std::string* name : {&queue, &exchange, &key}) check_name(*name, "a name");
  amqp_queue_bind_t ask{};
  ask.queue = bytes_of(queue);
  ask.exchange = bytes_of(exchange);
  ask.routing_key = bytes_of(key);
  wire_.call(number_, AMQP_QUEUE_BIND_METHOD, &ask, {AMQP_QUEUE_BIND_OK_METHOD},
             Connection::Wire::Effect::none);
}

std::uint64_t Channel::purge(const std::string& queue) {
  check_name(queue, "the queue's name");
  amqp_queue_purge_t ask{};
  ask.queue = bytes_of(queue);
  const amqp_method_t reply =
      wire_.call(number_, AMQP_QUEUE_PURGE_METHOD, &ask, {AMQP_QUEUE_PURGE_OK_METHOD},
                 Connection::Wire::Effect::changes);
  return static_cast<amqp_queue_purge_ok_t*>(reply.decoded)->message_count;
}

void Channel::delete_queue(const std::string& queue) {
  check_name(queue, "the queue's name");
  amqp_queue_delete_t ask{};
  ask.queue = bytes_of(queue);
  wire_.call(number_, AMQP_QUEUE_DELETE_METHOD, &ask, {AMQP_QUEUE_DELETE_OK_METHOD},
             Connection::Wire::Effect::changes);
}

void Channel::set_prefetch(std::uint16_t messages) {
  amqp_basic_qos_t ask{};
  ask.prefetch_count = messages;
  wire_.call(number_, AMQP_BASIC_QOS_METHOD, &ask, {AMQP_BASIC_QOS_OK_METHOD},
             Connection::Wire::Effect::none);
}

void Channel::consume(const std::string& queue, Acks acks) {
  check_name(queue, "the queue's name");
  const Table no_arguments{json::Object()};
  amqp_basic_consume_t ask{};
  ask.queue = bytes_of(queue);
  ask.consumer_tag = bytes_of("z4j");
  ask.no_ack = acks == Acks::none ? 1 : 0;
  ask.arguments = no_arguments.get();
  wire_.call(
      number_, AMQP_BASIC_CONSUME_METHOD, &ask, {AMQP_BASIC_CONSUME_OK_METHOD},
      acks == Acks::none ? Connection::Wire::Effect::changes : Connection::Wire::Effect::none);
}

void Channel::stop_consuming() {
  amqp_basic_cancel_t ask{};
  ask.consumer_tag = bytes_of("z4j");
  wire_.call(number_, AMQP_BASIC_CANCEL_METHOD, &ask, {AMQP_BASIC_CANCEL_OK_METHOD},
             Connection::Wire::Effect::none);
}

std::optional<Delivery> Channel::next(int timeout_ms) {
  const Deadline deadline = in_ms(timeout_ms);
  for (;;) {
    wire_.check_line();
    Connection::Wire::ChannelState& channel = wire_.state_of(number_);
    if (!channel.inbox.empty()) {
      Delivery out = std::move(channel.inbox.front());
      channel.inbox.pop_front();
      channel.inbox_bytes -= std::min(channel.inbox_bytes, out.body.size());
      return out;
    }
    if (channel.deleted) throw Error(Z4J_NOT_FOUND, "the queue was deleted");
    if (!wire_.pump(deadline, Connection::Wire::Effect::none)) return std::nullopt;
  }
}

std::optional<Delivery> Channel::get(const std::string& queue, Acks acks) {
  check_name(queue, "the queue's name");
  amqp_basic_get_t ask{};
  ask.queue = bytes_of(queue);
  ask.no_ack = acks == Acks::none ? 1 : 0;
  const auto effect =
      acks == Acks::none ? Connection::Wire::Effect::changes : Connection::Wire::Effect::none;
  const amqp_method_t reply =
      wire_.call(number_, AMQP_BASIC_GET_METHOD, &ask,
                 {AMQP_BASIC_GET_OK_METHOD, AMQP_BASIC_GET_EMPTY_METHOD}, effect);
  if (reply.id == AMQP_BASIC_GET_EMPTY_METHOD) return std::nullopt;
  std::optional<Delivery> out = next(wire_.options.io_timeout_ms);
  if (!out) wire_.lost("the broker did not send the whole message in time", effect);
  return out;
}

void Channel::ack(std::uint64_t tag, Range range) {
  wire_.check_line();
  static_cast<void>(wire_.state_of(number_));
  amqp_basic_ack_t ack{};
  ack.delivery_tag = tag;
  ack.multiple = range == Range::up_to ? 1 : 0;
  wire_.send(number_, AMQP_BASIC_ACK_METHOD, &ack, Connection::Wire::Effect::changes);
}

std::vector<Sent> Channel::publish(const std::vector<Outgoing>& messages) {
  using Wire = Connection::Wire;
  wire_.check_line();
  if (!wire_.state_of(number_).is_confirming) {
    amqp_confirm_select_t ask{};
    wire_.call(number_, AMQP_CONFIRM_SELECT_METHOD, &ask, {AMQP_CONFIRM_SELECT_OK_METHOD},
               Wire::Effect::none);
    wire_.state_of(number_).is_confirming = true;
  }
  std::vector<Sent> out(messages.size(), Sent{Z4J_UNAVAILABLE, "not sent"});
  std::size_t next = 0;
  try {
    while (next < messages.size()) {
      const std::size_t end = std::min(messages.size(), next + kUnconfirmedAtOnce);
      for (; next < end; ++next) {
        const Outgoing& m = messages[next];
        try {
          check_name(m.exchange, "the exchange's name");
          check_name(m.routing_key, "the queue's name");
          const WireProperties properties(m.properties);
          if (properties.wire_bytes() > kFrameMax)
            throw Error(Z4J_TOO_LARGE, "the headers of the message do not fit into a frame");
          Wire::ChannelState& channel = wire_.state_of(number_);
          channel.pending.push_back({++channel.published, m.routing_key,
                                     m.properties.correlation_id.value_or(""), &out[next], false});
          out[next] = {Z4J_UNKNOWN, "the broker did not confirm it"};
          const int status = amqp_basic_publish(wire_.connection, number_, bytes_of(m.exchange),
                                                bytes_of(m.routing_key), 1, 0, &properties.get(),
                                                bytes_of(m.body));
          if (status != AMQP_STATUS_OK)
            wire_.lost(
                std::string("the connection to the broker was lost: ") + amqp_error_string2(status),
                Wire::Effect::changes);
        } catch (const Error& e) {
          if (e.code != Z4J_INVALID && e.code != Z4J_TOO_LARGE) throw;
          out[next] = {e.code, e.what()};
        }
      }
      const Deadline deadline = in_ms(wire_.options.io_timeout_ms);
      while (!wire_.state_of(number_).pending.empty()) {
        if (!wire_.pump(deadline, Wire::Effect::changes))
          wire_.lost("the broker did not confirm in time", Wire::Effect::changes);
      }
    }
  } catch (const Error& e) {
    // The channel may outlive this call, and what it points to does not.
    if (wire_.line == line_) {
      const auto it = wire_.channels.find(number_);
      if (it != wire_.channels.end()) it->second.pending.clear();
    }
    // The first of them closed the channel, and the broker passes over the others.
    const bool refused =
        (e.code == Z4J_NOT_FOUND || e.code == Z4J_DENIED) &&
        std::all_of(out.begin(), out.end(), [&](const Sent& s) { return s.code != Z4J_OK; }) &&
        std::all_of(messages.begin(), messages.end(),
                    [&](const Outgoing& m) { return m.exchange == messages.front().exchange; });
    for (Sent& s : out) {
      if (s.code != Z4J_UNKNOWN && s.code != Z4J_UNAVAILABLE) continue;
      if (refused) s.code = e.code;
      s.why = e.what();
    }
  }
  return out;
}

}  // namespace z4j::amqp
