// AMQP 0-9-1 for engine plugins: rabbitmq-c behind values, with deadlines.
//
// Blocking calls with a deadline each; one thread at a time per Connection and its Channels, except
// interrupt(), which any thread may call. Failures are thrown as z4j::Error:
//   Z4J_UNAVAILABLE  cannot connect, connection lost, or no answer to a question in time
//   Z4J_UNKNOWN      the same after a request that changes something: it may have happened
//   Z4J_DENIED       wrong password, no such vhost, no permission
//   Z4J_NOT_FOUND    no such queue or exchange
//   Z4J_CONFLICT     the queue is another connection's own
//   Z4J_INVALID      the broker refuses the request (406 and the like), or content is malformed
//   Z4J_TOO_LARGE    headers that do not fit into a frame
//   Z4J_CANCELLED    interrupt() was called
// The four in the middle close the channel they came up on, as the protocol wants it, and leave the
// connection as it is. No message holds a password.
//
// The thread needs 4 MB of stack: rabbitmq-c reads nested tables by recursion.
#pragma once

#include "lib/amqp/url.hpp"
#include "lib/json/json.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::amqp {

// What stands beside the body; a text that is not there is not sent.
struct Properties {
  json::Object headers;
  std::optional<std::string> content_type, content_encoding, correlation_id, reply_to, expiration,
      message_id, type, user_id, app_id, cluster_id;
  std::optional<std::uint8_t> delivery_mode, priority;
  std::optional<std::uint64_t> timestamp;
};

struct Delivery {
  Properties properties;
  std::string body;        // "" when it was too large
  std::string why_unread;  // not empty: body or headers could not be taken
  std::string exchange, routing_key;
  std::uint64_t tag = 0;
  bool redelivered = false;
  std::uint32_t behind = 0;  // of get(): how many more the queue held then
};

struct Outgoing {
  std::string exchange, routing_key;
  Properties properties;
  std::string body;
};
// What became of one message: as an error code, Z4J_OK when the broker has it.
struct Sent {
  int code = 0;
  std::string why;
};

struct QueueFacts {
  std::uint64_t messages = 0, consumers = 0;
};

class Connection {
 public:
  explicit Connection(Options options);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // Tries the servers one after another; nothing when connected.
  void connect();
  [[nodiscard]] bool connected() const noexcept;
  void close() noexcept;
  // Reads what came unasked and answers heartbeats. To be called every few seconds while nothing
  // else is, or the broker hangs up. A lost connection is found out by the next real call.
  void tend() noexcept;
  // Wakes a blocked call; it and all later ones throw Z4J_CANCELLED until the next connect().
  void interrupt() noexcept;
  [[nodiscard]] const Options& options() const noexcept;

 private:
  friend class Channel;
  struct Wire;
  std::unique_ptr<Wire> wire_;
};

// One conversation on a connection. Its end gives back to their queues what it got and did not
// acknowledge. Must not outlive its Connection object; a connection that was lost makes it useless.
class Channel {
 public:
  enum class Acks { wanted, none };
  struct QueueForm {
    bool durable = false, auto_delete = false, exclusive = false;
    json::Object arguments;
  };

  explicit Channel(Connection& connection);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel();

  [[nodiscard]] bool is_open() const noexcept;

  // Nothing when there is no such queue; the channel is closed then.
  [[nodiscard]] std::optional<QueueFacts> look_at_queue(const std::string& queue);
  [[nodiscard]] bool exchange_exists(const std::string& exchange);
  void declare_queue(const std::string& queue, const QueueForm& form);
  void declare_exchange(const std::string& exchange, const std::string& type, bool durable);
  void bind(const std::string& queue, const std::string& exchange, const std::string& key);
  std::uint64_t purge(const std::string& queue);
  void delete_queue(const std::string& queue);  // also when there is none

  void set_prefetch(std::uint16_t messages);
  // At most one consumer per channel.
  void consume(const std::string& queue, Acks acks);
  // After it nothing more comes but what was on its way, which next(0) gives.
  void stop_consuming();
  // Nothing when `timeout_ms` passed. Throws Z4J_NOT_FOUND when the queue was deleted.
  [[nodiscard]] std::optional<Delivery> next(int timeout_ms);
  [[nodiscard]] std::optional<Delivery> get(const std::string& queue, Acks acks);
  enum class Range { one, up_to };
  void ack(std::uint64_t tag, Range range);

  // Each is confirmed by the broker; one that no queue takes is an error (Z4J_NOT_FOUND). Throws
  // only while nothing was sent yet.
  [[nodiscard]] std::vector<Sent> publish(const std::vector<Outgoing>& messages);

 private:
  Connection::Wire& wire_;
  std::uint64_t line_ = 0;  // which of the connection's lines it belongs to
  std::uint16_t number_ = 0;
};

}  // namespace z4j::amqp
