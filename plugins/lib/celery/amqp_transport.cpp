#include "lib/celery/amqp_transport.hpp"

#include "lib/celery/amqp_envelope.hpp"
#include "lib/celery/message.hpp"
#include "lib/text/text.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace z4j::celery {
namespace {

using amqp::Channel;
using amqp::Delivery;

constexpr std::int64_t kUnusedMs = 60'000;
constexpr std::int64_t kEventLifeMs = 5'000;
constexpr std::uint16_t kAtOnce = 200;
// How long a broker gets to hand over what it says it has.
constexpr int kQuietMs = 500;

// What every message waits for that was returned to a queue so often is thrown away there.
constexpr char kDeliveryCount[] = "x-delivery-count";

bool counts_deliveries(const Delivery& d) { return d.properties.headers.contains(kDeliveryCount); }

std::string task_id_of(const Delivery& d) {
  const std::string_view header = json::text(d.properties.headers, "id");
  return header.empty() ? d.properties.correlation_id.value_or("") : std::string(header);
}

void declare_exchange_if_missing(amqp::Connection& connection, const std::string& name,
                                 const char* type, bool durable) {
  if (Channel(connection).exchange_exists(name)) return;
  Channel(connection).declare_exchange(name, type, durable);
}

}  // namespace

void AmqpTransport::connect() {
  if (management_) management_->resume();
  if (connection_.connected()) {
    connection_.connect();
    return;
  }
  publisher_.reset();
  replies_.reset();
  copy_reader_.reset();
  connection_.connect();
}

std::string AmqpTransport::cannot(Ability what) const {
  switch (what) {
    case Ability::list_queues:
      if (management_) return {};
      return "queues that workers, events or settings name; the management API names all, and the "
             "setting management_url says where it is";
    case Ability::look_at_waiting:
      if (form_.look_at_most > 0) return {};
      return "RabbitMQ has no way to look at waiting messages without taking them out and putting "
             "them back; the setting look_at_most allows that";
    case Ability::remove_one:
      return "RabbitMQ cannot take a single message out of a queue";
    case Ability::see_unacked:
      return "RabbitMQ does not show what was delivered and not acknowledged";
    case Ability::dead_letters:
      if (!form_.dead_letter_queues.empty() || management_) return {};
      return "no queue of dead letters is known; the setting dead_letter_queues names them, or "
             "management_url finds them";
    case Ability::set_aside:
      return {};
  }
  return {};
}

amqp::Channel& AmqpTransport::publisher() {
  if (publisher_ == nullptr || !publisher_->is_open()) {
    publisher_.reset();
    publisher_ = std::make_unique<Channel>(connection_);
  }
  return *publisher_;
}

std::int64_t AmqpTransport::broadcast(const Request& request) {
  amqp::Outgoing message = outgoing_of(write_request(request, form_.mailbox), "");
  message.exchange = form_.mailbox.requests();
  const amqp::Sent sent = publisher().publish({std::move(message)}).front();
  if (sent.code == Z4J_OK) return -1;
  // No worker has bound its mailbox, or none ever made the exchange.
  if (sent.code == Z4J_NOT_FOUND) return 0;
  throw Error(sent.code, sent.why);
}

void AmqpTransport::open_replies(const std::string& oid) {
  const std::string queue = form_.mailbox.queue(oid), exchange = form_.mailbox.replies();
  declare_exchange_if_missing(connection_, exchange, "direct", false);
  replies_.reset();
  replies_ = std::make_unique<Channel>(connection_);
  Channel::QueueForm form;
  form.auto_delete = form.exclusive = true;
  form.arguments = {{"x-expires", kUnusedMs}};
  replies_->declare_queue(queue, form);
  replies_->bind(queue, exchange, oid);
  replies_->consume(queue, Channel::Acks::none);
}

std::vector<std::string> AmqpTransport::take_replies(const std::string&) {
  std::vector<std::string> out;
  try {
    if (replies_ == nullptr) throw Error(Z4J_UNAVAILABLE, "the mailbox for replies is not open");
    while (std::optional<Delivery> reply = replies_->next(0)) {
      if (std::string message = envelope_of(*reply); !message.empty())
        out.push_back(std::move(message));
    }
  } catch (const Error& e) {
    if (e.code == Z4J_CANCELLED) throw;
    // A mailbox that is gone is made anew with the connection.
    replies_.reset();
    connection_.close();
    throw Error(Z4J_UNAVAILABLE, e.what());
  }
  return out;
}

void AmqpTransport::close_replies(const std::string&) noexcept { replies_.reset(); }

std::optional<amqp::QueueFacts> AmqpTransport::facts_of(const std::string& queue) {
  return Channel(connection_).look_at_queue(queue);
}

std::vector<std::string> AmqpTransport::listed_queues() {
  std::vector<std::string> out;
  if (management_ == nullptr) return out;
  for (const QueueList::Queue& q : management_->list().queues) out.push_back(q.name);
  return out;
}

std::vector<std::string> AmqpTransport::dead_letter_queues() {
  std::vector<std::string> out = form_.dead_letter_queues;
  if (management_ == nullptr) return out;
  try {
    for (const std::string& name : management_->list().dead_letter_queues) {
      if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
    }
  } catch (const Error& e) {
    if (e.code == Z4J_CANCELLED || out.empty()) throw;
  }
  return out;
}

std::vector<Depth> AmqpTransport::depths(const std::vector<std::string>& queues) {
  std::vector<Depth> out;
  std::map<std::string, std::optional<std::uint64_t>> unacked;
  try {
    if (management_) {
      for (const QueueList::Queue& q : management_->list().queues) unacked[q.name] = q.unacked;
    }
  } catch (const Error& e) {
    if (e.code == Z4J_CANCELLED) throw;  // otherwise it stays unknown
  }
  std::unique_ptr<Channel> scratch;
  for (const std::string& queue : queues) {
    Depth d;
    d.queue = queue;
    if (scratch == nullptr || !scratch->is_open()) {
      scratch.reset();
      scratch = std::make_unique<Channel>(connection_);
    }
    try {
      const std::optional<amqp::QueueFacts> facts = scratch->look_at_queue(queue);
      d.exists = facts.has_value();
      if (facts) {
        d.waiting = facts->messages;
        d.consumers = facts->consumers;
        if (const auto it = unacked.find(queue); it != unacked.end()) d.unacked = it->second;
      }
    } catch (const Error& e) {
      // Another connection's own queue, or one that we may not see.
      if (e.code != Z4J_CONFLICT && e.code != Z4J_DENIED) throw;
      d.exists = false;
    }
    out.push_back(std::move(d));
  }
  return out;
}

void AmqpTransport::look(const std::string& queue, std::size_t limit,
                         const std::function<Enough(Delivery&)>& see) {
  Channel channel(connection_);
  if (!channel.look_at_queue(queue)) return;
  for (std::size_t i = 0; i < limit; ++i) {
    std::optional<Delivery> d = channel.get(queue, Channel::Acks::wanted);
    if (!d) break;
    if (counts_deliveries(*d))
      throw Error(Z4J_UNSUPPORTED, "the queue " + queue +
                                       " counts how often a message was delivered: looking at it "
                                       "would get its messages thrown away");
    if (see(*d) == Enough::yes) break;
  }
}

std::vector<std::string> AmqpTransport::peek(const std::string& queue, std::size_t from,
                                             std::size_t limit) {
  std::vector<std::string> out;
  if (from >= form_.look_at_most) return out;
  const std::size_t end = std::min(form_.look_at_most, from + limit);
  std::size_t at = 0;
  look(queue, end, [&](const Delivery& d) {
    if (at++ >= from) out.push_back(envelope_of(d));
    return Enough::no;
  });
  return out;
}

std::vector<std::string> AmqpTransport::find(const std::string& queue, const std::string& text) {
  return find_many(queue, {text});
}

std::vector<std::string> AmqpTransport::find_many(const std::string& queue,
                                                  const std::vector<std::string>& task_ids) {
  std::vector<std::string> out;
  if (form_.look_at_most == 0) return out;
  look(queue, form_.look_at_most, [&](const Delivery& d) {
    const bool wanted = std::any_of(task_ids.begin(), task_ids.end(), [&](const std::string& id) {
      return task_id_of(d) == id || d.body.find(id) != std::string::npos;
    });
    if (wanted) out.push_back(envelope_of(d));
    return Enough::no;
  });
  return out;
}

bool AmqpTransport::remove(const std::string&, const std::string&) { return false; }

std::uint64_t AmqpTransport::purge(const std::string& queue, std::size_t tell_at_most,
                                   const std::function<void(const std::string&)>& removed) {
  const std::optional<amqp::QueueFacts> facts = facts_of(queue);
  if (!facts) throw Error(Z4J_INVALID, "the broker has no queue " + queue);
  const std::size_t wanted = std::min<std::size_t>(facts->messages, tell_at_most);
  std::size_t told = 0;
  if (wanted > 0) {
    // Read before they go, so that the end of each task can be told; what is acknowledged is gone.
    try {
      Channel channel(connection_);
      channel.set_prefetch(kAtOnce);
      channel.consume(queue, Channel::Acks::wanted);
      std::uint64_t last = 0;
      std::vector<std::string> read;
      const auto drop = [&] {
        if (last != 0) channel.ack(last, Channel::Range::up_to);
        for (const std::string& message : read) removed(message);
        told += read.size();
        read.clear();
        last = 0;
      };
      while (told + read.size() < wanted) {
        std::optional<Delivery> d = channel.next(kQuietMs);
        if (!d) break;
        last = d->tag;
        read.push_back(envelope_of(*d));
        if (read.size() >= kAtOnce / 2) drop();
      }
      drop();
    } catch (const Error& e) {
      // The queue is somebody's alone, or went away: what can be done at once is done below.
      if (e.code != Z4J_DENIED && e.code != Z4J_NOT_FOUND && e.code != Z4J_INVALID) {
        if (told > 0 && e.code == Z4J_UNAVAILABLE) throw Error(Z4J_UNKNOWN, e.what());
        throw;
      }
    }
  }
  return told + Channel(connection_).purge(queue);
}

void AmqpTransport::publish(const std::string& queue, int priority, const std::string& message) {
  const Published sent = publish_many({{queue, priority, message}}).front();
  if (sent.code != Z4J_OK) throw Error(sent.code, sent.why);
}

std::vector<Published> AmqpTransport::publish_many(const std::vector<Outgoing>& messages) {
  std::vector<Published> out(messages.size());
  std::vector<amqp::Outgoing> ready;
  std::vector<std::size_t> which;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    try {
      amqp::Outgoing m = outgoing_of(messages[i].message, messages[i].queue);
      m.properties.priority = static_cast<std::uint8_t>(std::clamp(messages[i].priority, 0, 255));
      ready.push_back(std::move(m));
      which.push_back(i);
    } catch (const Error& e) {
      out[i] = {e.code, e.what()};
    }
  }
  if (ready.empty()) return out;
  const std::vector<amqp::Sent> sent = publisher().publish(ready);
  const bool none = std::all_of(sent.begin(), sent.end(),
                                [](const amqp::Sent& s) { return s.code == Z4J_UNAVAILABLE; });
  if (none) throw Error(Z4J_UNAVAILABLE, sent.front().why);
  for (std::size_t i = 0; i < sent.size(); ++i) out[which[i]] = {sent[i].code, sent[i].why};
  return out;
}

std::vector<Unacked> AmqpTransport::unacked(std::size_t, bool& truncated) {
  truncated = true;
  return {};
}

void AmqpEventFeed::open() {
  channel_.reset();
  connection_.close();
  connection_.connect();
  declare_exchange_if_missing(connection_, form_.event_exchange, "topic", true);
  const std::string queue = form_.event_exchange + ".receiver." + text::new_uuid();
  channel_ = std::make_unique<Channel>(connection_);
  Channel::QueueForm form;
  form.auto_delete = form.exclusive = true;
  form.arguments = {{"x-expires", kUnusedMs}, {"x-message-ttl", kEventLifeMs}};
  channel_->declare_queue(queue, form);
  channel_->bind(queue, form_.event_exchange, "#");
  channel_->consume(queue, Channel::Acks::none);
}

std::optional<std::string> AmqpEventFeed::next(int timeout_ms) {
  if (channel_ == nullptr) throw Error(Z4J_UNAVAILABLE, "not connected to the broker");
  try {
    const std::optional<Delivery> d = channel_->next(timeout_ms);
    if (!d) return std::nullopt;
    std::string message = envelope_of(*d);
    return message.empty() ? std::nullopt : std::optional(std::move(message));
  } catch (const Error& e) {
    if (e.code == Z4J_NOT_FOUND) throw Error(Z4J_UNAVAILABLE, e.what());
    throw;
  }
}

}  // namespace z4j::celery
