// The broker as the rest of the Celery engine sees it; one implementation per kind of broker.
//
// Calls block with a deadline of their own and fail as lib/redis/redis.hpp lists: Z4J_UNAVAILABLE,
// Z4J_UNKNOWN (it may have happened), Z4J_DENIED, Z4J_BAD_CONFIG, Z4J_TOO_LARGE. No message holds a
// password. One thread at a time per object, except interrupt().
#pragma once

#include "lib/celery/pidbox.hpp"

#include <z4j/plugin.hpp>

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
  bool exists = true;              // false only where the broker keeps a register of queues
  std::optional<std::uint64_t> unacked, consumers;  // where the broker counts them
};

// A message and where it goes.
struct Outgoing {
  std::string queue;
  int priority = 0;
  std::string message;
};
struct Published {
  z4j_status code = Z4J_OK;  // as publish() would have thrown it
  std::string why;
};

// A message that its queue has given up, in a queue for such.
struct DeadLetter {
  std::string message;
  std::string queue;   // where it lies
  std::string origin;  // the queue it came from, and where it would go back to; "" when unknown
  std::string why;
  double dead_at = 0;  // Unix seconds, 0 when unknown
};

// What not every broker can do.
enum class Ability {
  list_queues,      // listed_queues()
  look_at_waiting,  // peek(), find() and the heads of depths()
  remove_one,       // remove()
  see_unacked,      // unacked()
  set_aside,        // take_aside() and what goes with it
  dead_letters
};

class Transport {
 public:
  virtual ~Transport() = default;

  virtual void connect() = 0;  // nothing when connected
  [[nodiscard]] virtual bool connected() const noexcept = 0;
  // To be called every few seconds while nothing else is, or the broker may hang up.
  virtual void tend() noexcept {}
  // Wakes a blocked call from another thread; it and all later ones throw Z4J_CANCELLED until the
  // next connect().
  virtual void interrupt() noexcept = 0;
  [[nodiscard]] virtual std::string kind() const = 0;
  [[nodiscard]] virtual std::string hint()
      const = 0;  // an address for people, without user and password
  // "" when it can; otherwise the reason, for people. What cannot be done answers as if there were
  // nothing (look_at_waiting, remove_one, see_unacked) or throws Z4J_UNSUPPORTED.
  [[nodiscard]] virtual std::string cannot(Ability what) const = 0;
  // Whether peek() and find() leave no trace; otherwise they are for what a person asks for, never
  // for a timer.
  [[nodiscard]] virtual bool looks_for_free() const { return true; }
  // Whether a larger priority goes first.
  [[nodiscard]] virtual bool serves_highest_first() const { return false; }

  // Control. broadcast() answers how many listened, -1 when nobody can tell. Replies to `oid` are
  // kept by the broker between open and close.
  virtual std::int64_t broadcast(const Request& request) = 0;
  virtual void open_replies(const std::string& oid) = 0;
  virtual std::vector<std::string> take_replies(
      const std::string& oid) = 0;  // what is there; no wait
  virtual void close_replies(const std::string& oid) noexcept = 0;

  // Queues. Nothing here changes one but remove(), purge() and publish().
  // Names that the broker itself knows; may be incomplete, and cheap enough to ask every minute.
  virtual std::vector<std::string> bound_queues() = 0;
  // All names, where something beside the broker's own protocol lists them. A failure says nothing
  // about the broker. Z4J_UNAVAILABLE, Z4J_DENIED, Z4J_INVALID or Z4J_TOO_LARGE.
  virtual std::vector<std::string> listed_queues() { return {}; }
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
  // The same for many, in one pass over the queue: each message once that may be one of these
  // tasks; and which of these messages were taken out.
  virtual std::vector<std::string> find_many(const std::string& queue,
                                             const std::vector<std::string>& task_ids);
  virtual std::vector<bool> remove_many(const std::string& queue,
                                        const std::vector<std::string>& messages);
  // Empties the queue in one step; answers how many there were. The first `tell_at_most` of them
  // are told to `removed`.
  virtual std::uint64_t purge(const std::string& queue, std::size_t tell_at_most,
                              const std::function<void(const std::string&)>& removed) = 0;
  // Throws Z4J_NOT_FOUND when the broker says that there is no such queue.
  virtual void publish(const std::string& queue, int priority, const std::string& message) = 0;
  // Each as publish() does it, in one go where the broker allows. Z4J_UNAVAILABLE is thrown only
  // before the first was sent.
  virtual std::vector<Published> publish_many(const std::vector<Outgoing>& messages);

  // Purging with a way back. All throw Z4J_UNSUPPORTED unless set_aside can be done.
  // Moves what waits to a place of the broker that has the name `copy`, and answers how many are
  // there; said again with the same copy it moves nothing more and answers the same.
  virtual std::uint64_t take_aside(const std::string& queue, const std::string& copy);
  // `from` counted from the message that would have been next. Fewer than `limit`: the end.
  virtual std::vector<std::string> read_aside(const std::string& queue, const std::string& copy,
                                              std::size_t from, std::size_t limit);
  virtual void drop_aside(const std::string& queue, const std::string& copy);
  // Behind what waits, in this order. The same part of the same copy only once: false when it was
  // put back before. Throws Z4J_UNKNOWN when that cannot be told any more.
  virtual bool put_back(const std::string& queue, const std::string& copy, std::uint64_t part,
                        const std::vector<std::string>& messages);
  // All that is still aside, as if it had never been taken as far as the broker allows; then the
  // copy is gone.
  virtual void undo_aside(const std::string& queue, const std::string& copy);

  // Dead letters. All throw Z4J_UNSUPPORTED unless dead_letters can be done. `queue` is the one
  // they lie in; "" is all that are known. Newest first.
  virtual std::vector<DeadLetter> dead_letters(const std::string& queue, std::size_t from,
                                               std::size_t limit);
  // Back to `to`, or to where it came from when that is "": the message as it was. Taken out of its
  // queue once the broker has it. Answers the queue it went to; nothing when it is not there.
  virtual std::optional<std::string> requeue_dead(const std::string& queue,
                                                  const std::string& task_id,
                                                  const std::string& to);
  // The dead letters of these tasks, as far as dead_letters() shows them, without what the broker
  // wrote into them. They stay where they are. Empty where no queue of dead letters is known.
  virtual std::vector<DeadLetter> find_dead(const std::vector<std::string>& task_ids);
  // Sends this instead of the task's dead letter, which is taken out of `queue` once the broker has
  // the other. Nothing when it is not there.
  virtual std::optional<Published> replace_dead(const std::string& queue,
                                                const std::string& task_id,
                                                const Outgoing& instead);

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
  // Whether the chord of this group is open and no end of this member of it is stored. False when
  // the store cannot tell.
  virtual bool chord_waits_for(const std::string& group, const std::string& task_id) = 0;
};

}  // namespace z4j::celery
