// Celery over RabbitMQ: exchanges and queues as kombu declares them.
//
// Objects that are there already are never declared anew, since other properties than theirs would
// close the channel: each is looked for first, on a channel of its own.
#pragma once

#include "lib/amqp/amqp.hpp"
#include "lib/celery/management.hpp"
#include "lib/celery/transport.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace z4j::celery {

struct AmqpForm {
  std::string event_exchange = "celeryev";
  Mailbox mailbox;
  // How many messages may be taken from the head of a queue and put back to look at them; 0: none.
  // It is no mere look: a message that was put back is marked as redelivered, a worker does not get
  // it meanwhile, and a quorum queue counts it among the deliveries after which it drops a message.
  std::size_t look_at_most = 0;
  std::vector<std::string> dead_letter_queues;
  std::optional<ManagementOptions> management;
};

class AmqpTransport : public Transport {
 public:
  AmqpTransport(const amqp::Options& options, AmqpForm form)
      : connection_(options), hint_(options.hint()), form_(std::move(form)) {
    if (form_.management) management_ = std::make_unique<Management>(*form_.management);
  }

  void connect() override;
  [[nodiscard]] bool connected() const noexcept override { return connection_.connected(); }
  void tend() noexcept override { connection_.tend(); }
  void interrupt() noexcept override {
    connection_.interrupt();
    if (management_) management_->interrupt();
  }
  [[nodiscard]] std::string kind() const override { return "rabbitmq"; }
  [[nodiscard]] std::string hint() const override { return hint_; }
  [[nodiscard]] std::string cannot(Ability what) const override;
  [[nodiscard]] bool looks_for_free() const override { return false; }
  [[nodiscard]] bool serves_highest_first() const override { return true; }

  std::int64_t broadcast(const Request& request) override;
  void open_replies(const std::string& oid) override;
  std::vector<std::string> take_replies(const std::string& oid) override;
  void close_replies(const std::string& oid) noexcept override;

  // Nothing: only the workers say which queues there are, or the management API.
  std::vector<std::string> bound_queues() override { return {}; }
  std::vector<std::string> listed_queues() override;
  std::vector<Depth> depths(const std::vector<std::string>& queues) override;
  std::vector<std::string> peek(const std::string& queue, std::size_t from,
                                std::size_t limit) override;
  std::vector<std::string> find(const std::string& queue, const std::string& text) override;
  std::vector<std::string> find_many(const std::string& queue,
                                     const std::vector<std::string>& task_ids) override;
  bool remove(const std::string& queue, const std::string& message) override;
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

  std::vector<DeadLetter> dead_letters(const std::string& queue, std::size_t from,
                                       std::size_t limit) override;
  std::optional<std::string> requeue_dead(const std::string& queue, const std::string& task_id,
                                          const std::string& to) override;
  std::vector<DeadLetter> find_dead(const std::vector<std::string>& task_ids) override;
  std::optional<Published> replace_dead(const std::string& queue, const std::string& task_id,
                                        const Outgoing& instead) override;

  std::vector<Unacked> unacked(std::size_t limit, bool& truncated) override;

 private:
  // Reading a copy page by page: what was read stays with the channel until the copy is dropped.
  struct CopyReader {
    std::string copy;
    std::size_t next = 0;
    amqp::Channel channel;
    CopyReader(amqp::Connection& connection, std::string of)
        : copy(std::move(of)), channel(connection) {}
  };

  amqp::Channel& publisher();
  std::optional<amqp::QueueFacts> facts_of(const std::string& queue);
  // The messages at the head, until `see` has seen enough; they go back when it ends.
  enum class Enough { no, yes };
  void look(const std::string& queue, std::size_t limit,
            const std::function<Enough(amqp::Delivery&)>& see);
  std::size_t move_aside(const std::string& queue, const std::string& place, std::size_t messages);
  // A queue that only says, by being there, that something was done.
  bool is_noted(const std::string& name) { return facts_of(name).has_value(); }
  void note(const std::string& name);
  // Those that are set, and those that are found.
  std::vector<std::string> dead_letter_queues();
  std::optional<std::string> requeue_from(const std::string& queue, const std::string& task_id,
                                          const std::string& to);

  amqp::Connection connection_;
  std::string hint_;
  AmqpForm form_;
  std::unique_ptr<amqp::Channel> publisher_, replies_;
  std::unique_ptr<CopyReader> copy_reader_;
  std::unique_ptr<Management> management_;  // null: it is not asked
};

class AmqpEventFeed : public EventFeed {
 public:
  AmqpEventFeed(amqp::Options options, AmqpForm form)
      : connection_(std::move(options)), form_(std::move(form)) {}

  void open() override;
  std::optional<std::string> next(int timeout_ms) override;
  void interrupt() noexcept override { connection_.interrupt(); }

 private:
  amqp::Connection connection_;
  AmqpForm form_;
  std::unique_ptr<amqp::Channel> channel_;
};

}  // namespace z4j::celery
