// Celery over Redis: kombu's keys and channels.
#pragma once

#include "lib/celery/transport.hpp"
#include "lib/redis/redis.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::celery {

// Names as kombu makes them; the global prefix stands before all of them.
struct RedisKeys {
  std::string prefix;
  int database = 0;
  Mailbox mailbox;
  std::vector<int> priority_steps = {0, 3, 6, 9};  // ascending, the first is served first

  [[nodiscard]] std::string queue(std::string_view name, int step) const;
  [[nodiscard]] std::vector<std::string> queue_lists(
      std::string_view name) const;  // in serving order
  // Priority n goes to the largest step that is not above it.
  [[nodiscard]] int step_of(int priority) const;
  [[nodiscard]] std::string events_pattern() const;  // with glob characters of the prefix escaped
  [[nodiscard]] std::string events_channel() const;  // for projects that switched patterns off
  [[nodiscard]] std::string control_channel() const;
  [[nodiscard]] std::string binding(std::string_view exchange) const;
};

// The queue of a binding's member "routing key, pattern, queue"; "" when it is no such text.
[[nodiscard]] std::string queue_of_binding(std::string_view member);
[[nodiscard]] std::string escape_glob(std::string_view text);

class RedisTransport : public Transport {
 public:
  RedisTransport(redis::Options options, RedisKeys keys)
      : connection_(options), hint_(options.hint()), keys_(std::move(keys)) {}

  void connect() override { connection_.connect(); }
  [[nodiscard]] bool connected() const noexcept override { return connection_.connected(); }
  void interrupt() noexcept override { connection_.interrupt(); }
  [[nodiscard]] std::string kind() const override { return "redis"; }
  [[nodiscard]] std::string hint() const override { return hint_; }
  [[nodiscard]] std::string cannot(Ability what) const override;

  std::int64_t broadcast(const Request& request) override;
  void open_replies(const std::string& oid) override;
  std::vector<std::string> take_replies(const std::string& oid) override;
  void close_replies(const std::string& oid) noexcept override;

  std::vector<std::string> bound_queues() override;
  std::vector<Depth> depths(const std::vector<std::string>& queues) override;
  std::vector<std::string> peek(const std::string& queue, std::size_t from,
                                std::size_t limit) override;
  std::vector<std::string> find(const std::string& queue, const std::string& text) override;
  bool remove(const std::string& queue, const std::string& message) override;
  std::vector<std::string> find_many(const std::string& queue,
                                     const std::vector<std::string>& task_ids) override;
  std::vector<bool> remove_many(const std::string& queue,
                                const std::vector<std::string>& messages) override;
  std::uint64_t purge(const std::string& queue, std::size_t tell_at_most,
                      const std::function<void(const std::string&)>& removed) override;
  void publish(const std::string& queue, int priority, const std::string& message) override;
  std::vector<Published> publish_many(const std::vector<Outgoing>& messages) override;
  std::uint64_t take_aside(const std::string& queue, const std::string& copy) override;
  std::vector<std::string> read_aside(const std::string& queue, const std::string& copy,
                                      std::size_t from, std::size_t limit) override;
  void drop_aside(const std::string& queue, const std::string& copy) override;
  bool put_back(const std::string& queue, const std::string& copy, std::uint64_t part,
                const std::vector<std::string>& messages) override;
  void undo_aside(const std::string& queue, const std::string& copy) override;
  std::vector<Unacked> unacked(std::size_t limit, bool& truncated) override;

 private:
  [[nodiscard]] std::string copy_note(const std::string& copy) const;
  [[nodiscard]] std::vector<std::string> copy_lists(const std::string& copy) const;
  // Out of these lists one behind the other, the next message first.
  std::vector<std::string> look_at(const std::vector<std::string>& lists, std::size_t from,
                                   std::size_t limit);
  std::vector<std::string> window(const std::string& key, std::size_t from, std::size_t n);

  redis::Connection connection_;
  std::string hint_;
  RedisKeys keys_;
  std::string scan_cursor_ = "0";  // of the search for bindings, which goes on where it ended
  std::set<std::string> bindings_;
};

class RedisEventFeed : public EventFeed {
 public:
  RedisEventFeed(redis::Options options, RedisKeys keys)
      : connection_(std::move(options)), keys_(std::move(keys)) {}

  void open() override;
  std::optional<std::string> next(int timeout_ms) override;
  void interrupt() noexcept override { connection_.interrupt(); }

 private:
  redis::Connection connection_;
  RedisKeys keys_;
};

class RedisResultStore : public ResultStore {
 public:
  RedisResultStore(redis::Options options, std::string prefix)
      : connection_(std::move(options)), prefix_(std::move(prefix)) {}

  void interrupt() noexcept override { connection_.interrupt(); }
  std::vector<std::string> get(const std::vector<std::string>& task_ids) override;
  std::vector<std::string> newest(std::size_t limit, std::size_t look_at, bool& truncated) override;
  bool chord_waits_for(const std::string& group, const std::string& task_id) override;

 private:
  redis::Connection connection_;
  std::string prefix_;
};

}  // namespace z4j::celery
