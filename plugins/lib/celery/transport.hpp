// The broker as the rest of the Celery engine sees it; one implementation per kind of broker.
//
// Calls block with a deadline of their own and fail as lib/redis/redis.hpp lists: Z4J_UNAVAILABLE,
// Z4J_UNKNOWN (it may have happened), Z4J_DENIED, Z4J_BAD_CONFIG, Z4J_TOO_LARGE. No message holds a
// password. One thread at a time per object, except interrupt().
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::celery {

// Delivered to a worker that has not acknowledged it yet.
struct Unacked {
  std::string message, routing_key;
  double taken_at = 0;  // Unix seconds, 0 when unknown
};

struct Depth {
  std::string queue;
  std::uint64_t waiting = 0;
  std::vector<std::string> heads;  // the oldest message of each priority, where it can be looked at
};

class Transport {
 public:
  virtual ~Transport() = default;

  virtual void connect() = 0;  // nothing when connected
  [[nodiscard]] virtual bool connected() const noexcept = 0;
  // Wakes a blocked call from another thread; it and all later ones throw Z4J_CANCELLED until the
  // next connect().
  virtual void interrupt() noexcept = 0;
  [[nodiscard]] virtual std::string kind() const = 0;
  [[nodiscard]] virtual std::string hint()
      const = 0;  // an address for people, without user and password

  // Control. broadcast() answers how many listened, -1 when nobody can tell. Replies to `oid` are
  // kept by the broker between open and close.
  virtual std::int64_t broadcast(const std::string& request) = 0;
  virtual void open_replies(const std::string& oid) = 0;
  virtual std::vector<std::string> take_replies(
      const std::string& oid) = 0;  // what is there; no wait
  virtual void close_replies(const std::string& oid) noexcept = 0;

  // Queues. Nothing here changes one but remove(), purge() and publish().
  // Names that the broker itself knows; may be incomplete, and cheap enough to ask every minute.
  virtual std::vector<std::string> bound_queues() = 0;
  virtual std::vector<Depth> depths(const std::vector<std::string>& queues) = 0;
  // In the order in which workers will get them, `from` counted from the next one. A message too
  // large to be looked at comes as "".
  virtual std::vector<std::string> peek(const std::string& queue, std::size_t from,
                                        std::size_t limit) = 0;
  // Messages among the first `kFindLimit` of each priority that hold this text somewhere.
  static constexpr std::size_t kFindLimit = 10'000;
  virtual std::vector<std::string> find(const std::string& queue, const std::string& text) = 0;
  // Takes exactly this message out. False when it is not there any more.
  virtual bool remove(const std::string& queue, const std::string& message) = 0;
  // Empties the queue in one step; answers how many there were. The first `tell_at_most` of them
  // are told to `removed`.
  virtual std::uint64_t purge(const std::string& queue, std::size_t tell_at_most,
                              const std::function<void(const std::string&)>& removed) = 0;
  virtual void publish(const std::string& queue, int priority, const std::string& message) = 0;

  // At most `limit`; `truncated` says that there were more.
  virtual std::vector<Unacked> unacked(std::size_t limit, bool& truncated) = 0;
};

// The broker's stream of event messages, on a connection of its own.
class EventFeed {
 public:
  virtual ~EventFeed() = default;
  // Connects and subscribes.
  virtual void open() = 0;
  // The next message, or nothing when `timeout_ms` passed quietly. Throws Z4J_UNAVAILABLE when the
  // line is lost: what was sent meanwhile is gone.
  virtual std::optional<std::string> next(int timeout_ms) = 0;
  virtual void interrupt() noexcept = 0;
};

// Where results are kept. One thread at a time, except interrupt().
class ResultStore {
 public:
  virtual ~ResultStore() = default;
  virtual void interrupt() noexcept = 0;
  // In the order of the ids; "" when there is none or it is too large to look at.
  virtual std::vector<std::string> get(const std::vector<std::string>& task_ids) = 0;
  // Ids with a result, those written last first as far as the store can tell; at most `limit` out
  // of at most `look_at` keys. `truncated` says that there were more.
  virtual std::vector<std::string> newest(std::size_t limit, std::size_t look_at,
                                          bool& truncated) = 0;
};

}  // namespace z4j::celery
