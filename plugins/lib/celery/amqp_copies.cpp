// What a purge of a queue of RabbitMQ takes away, and dead letters: messages that move from one
// queue to another. Each is published and confirmed before it is acknowledged, so that none is lost
// whoever dies; one that was confirmed and not yet acknowledged then lies in both places.
#include "lib/celery/amqp_envelope.hpp"
#include "lib/celery/amqp_transport.hpp"
#include "lib/celery/message.hpp"
#include "lib/text/text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <utility>

namespace z4j::celery {
namespace {

using amqp::Channel;
using amqp::Delivery;

constexpr std::uint16_t kBatch = 200;
constexpr int kSilenceMs = 1000;
constexpr std::int64_t kRememberMs = 30LL * 24 * 3600 * 1000;
constexpr std::size_t kMaxDeadLetters = 1000, kMaxSearched = 20'000;
// A message that has a lifetime would end in the copy: it is kept in this header meanwhile.
constexpr char kLifetime[] = "x-z4j-expiration";

std::string place_of(const std::string& copy) {
  const bool good = !copy.empty() && copy.size() <= 64 &&
                    std::all_of(copy.begin(), copy.end(), [](unsigned char c) {
                      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                             (c >= 'A' && c <= 'Z') || c == '-';
                    });
  if (!good) throw Error(Z4J_INVALID, "a copy is named by letters, digits and '-'");
  return "z4j.copy." + copy;
}

amqp::Outgoing same_message(const Delivery& d, const std::string& to) {
  amqp::Outgoing out;
  out.routing_key = to;
  out.properties = d.properties;
  out.properties.user_id.reset();  // a broker takes it from that user alone
  out.body = d.body;
  return out;
}

Error failed(const amqp::Sent& sent) { return Error(sent.code, sent.why); }

std::uint64_t number_in(const std::string& text) {
  std::uint64_t out = 0;
  static_cast<void>(std::from_chars(text.data(), text.data() + text.size(), out));
  return out;
}

const json::Object* first_death(const Delivery& d) {
  const json::Array* deaths = json::array(d.properties.headers, "x-death");
  return deaths == nullptr || deaths->empty() ? nullptr : deaths->front().if_object();
}

double time_of_death(const json::Object& death) {
  const json::Object* time = json::object(death, "time");  // {"$amqp": "time", "value": seconds}
  const double at = time == nullptr ? 0 : json::number(*time, "value", 0);
  return std::isfinite(at) && at > 0 && at < 1e11 ? at : 0;
}

DeadLetter read_dead(const Delivery& d, const std::string& queue) {
  DeadLetter out;
  out.message = envelope_of(d);
  out.queue = queue;
  if (const json::Object* death = first_death(d)) {
    out.origin = name_in(*death, "queue");
    out.why = name_in(*death, "reason");
    out.dead_at = time_of_death(*death);
  }
  return out;
}

// Without what the broker wrote into it when it gave the message up.
void forget_death(json::Object& headers) {
  for (const char* name :
       {"x-death", "x-first-death-exchange", "x-first-death-queue", "x-first-death-reason",
        "x-last-death-exchange", "x-last-death-queue", "x-last-death-reason", "x-delivery-count"}) {
    headers.erase(name);
  }
}

// "" when it is no task.
std::string task_id_in(const Delivery& d) {
  if (d.properties.headers.contains("task")) return name_in(d.properties.headers, "id");
  try {
    return parse_message(envelope_of(d)).id;  // protocol 1: the id is in the body
  } catch (const Error&) {
    return {};
  }
}

// The dead letter of this task, held by the channel.
std::optional<Delivery> hold_dead(Channel& channel, const std::string& queue,
                                  const std::string& task_id) {
  if (!channel.look_at_queue(queue)) return std::nullopt;
  for (std::size_t i = 0; i < kMaxSearched; ++i) {
    std::optional<Delivery> d = channel.get(queue, Channel::Acks::wanted);
    if (!d || (d->why_unread.empty() && task_id_in(*d) == task_id)) return d;
  }
  return std::nullopt;
}

// The end of a dead letter whose message is on its way again.
void take_out(Channel& channel, const Delivery& d, const std::string& queue) {
  try {
    channel.ack(d.tag, Channel::Range::one);
  } catch (const Error& e) {
    throw Error(Z4J_UNKNOWN, "the task was sent, and its dead letter may still lie in " + queue +
                                 ": " + e.what());
  }
}

}  // namespace

void AmqpTransport::note(const std::string& name) {
  Channel::QueueForm form;
  form.durable = true;
  form.arguments = {{"x-expires", kRememberMs}};
  Channel(connection_).declare_queue(name, form);
}

std::size_t AmqpTransport::move_aside(const std::string& queue, const std::string& place,
                                      std::size_t messages) {
  Channel channel(connection_);
  channel.set_prefetch(kBatch);
  channel.consume(queue, Channel::Acks::wanted);
  std::size_t moved = 0;
  while (moved < messages) {
    std::vector<amqp::Outgoing> batch;
    std::vector<std::uint64_t> tags;
    while (batch.size() < std::min<std::size_t>(kBatch / 2, messages - moved)) {
      const std::optional<Delivery> d = channel.next(kSilenceMs);
      if (!d) break;
      if (!d->why_unread.empty()) continue;  // not acknowledged: it goes back
      amqp::Outgoing m = same_message(*d, place);
      if (m.properties.expiration) {
        m.properties.headers[kLifetime] = text::clean(*m.properties.expiration, 255);
        m.properties.expiration.reset();
      }
      batch.push_back(std::move(m));
      tags.push_back(d->tag);
    }
    if (batch.empty()) break;
    const std::vector<amqp::Sent> sent = publisher().publish(batch);
    for (std::size_t i = 0; i < sent.size(); ++i) {
      if (sent[i].code == Z4J_OK) channel.ack(tags[i], Channel::Range::one);
    }
    for (const amqp::Sent& s : sent) {
      if (s.code != Z4J_OK && s.code != Z4J_TOO_LARGE && s.code != Z4J_INVALID) throw failed(s);
    }
    moved += batch.size();
  }
  return moved;
}

std::uint64_t AmqpTransport::take_aside(const std::string& queue, const std::string& copy) {
  const std::string place = place_of(copy), taken = place + ".taken";
  copy_reader_.reset();
  if (is_noted(taken)) {
    // How many there were stands in the only message of the note.
    const std::optional<Delivery> known = Channel(connection_).get(taken, Channel::Acks::wanted);
    if (known) return number_in(known->body);
  }
  const std::optional<amqp::QueueFacts> facts = facts_of(queue);
  if (!facts) throw Error(Z4J_INVALID, "the broker has no queue " + queue);
  Channel::QueueForm form;
  form.durable = true;
  if (!is_noted(place)) Channel(connection_).declare_queue(place, form);
  move_aside(queue, place, facts->messages);
  const std::optional<amqp::QueueFacts> aside = facts_of(place);
  const std::uint64_t count = aside ? aside->messages : 0;
  note(taken);
  amqp::Outgoing known;
  known.routing_key = taken;
  known.properties.delivery_mode = 2;
  known.body = std::to_string(count);
  if (const amqp::Sent sent = publisher().publish({std::move(known)}).front(); sent.code != Z4J_OK)
    throw failed(sent);
  return count;
}

std::vector<std::string> AmqpTransport::read_aside(const std::string&, const std::string& copy,
                                                   std::size_t from, std::size_t limit) {
  const std::string place = place_of(copy);
  std::vector<std::string> out;
  if (copy_reader_ == nullptr || copy_reader_->copy != copy || copy_reader_->next != from ||
      !copy_reader_->channel.is_open()) {
    copy_reader_.reset();
    if (!is_noted(place)) return out;
    copy_reader_ = std::make_unique<CopyReader>(connection_, copy);
  }
  CopyReader& reader = *copy_reader_;
  while (out.size() < limit) {
    std::optional<Delivery> d = reader.channel.get(place, Channel::Acks::wanted);
    if (!d) break;
    if (reader.next++ < from) continue;
    if (const std::string_view life = json::text(d->properties.headers, kLifetime); !life.empty()) {
      d->properties.expiration = std::string(life);
      d->properties.headers.erase(kLifetime);
    }
    d->routing_key.clear();  // where it lies now says nothing about it
    out.push_back(envelope_of(*d));
  }
  if (out.size() < limit) copy_reader_.reset();
  return out;
}

void AmqpTransport::drop_aside(const std::string&, const std::string& copy) {
  const std::string place = place_of(copy);
  copy_reader_.reset();
  Channel(connection_).delete_queue(place);
}

bool AmqpTransport::put_back(const std::string& queue, const std::string& copy, std::uint64_t part,
                             const std::vector<std::string>& messages) {
  const std::string done = place_of(copy) + ".back." + std::to_string(part);
  const std::string begun = done + ".begun";
  if (is_noted(done)) return false;
  if (is_noted(begun))
    throw Error(Z4J_UNKNOWN, "this part was put back before, and how that ended is not known");
  note(begun);
  std::vector<amqp::Outgoing> batch;
  for (const std::string& message : messages) batch.push_back(outgoing_of(message, queue));
  const std::vector<amqp::Sent> sent = publisher().publish(batch);
  const auto bad =
      std::find_if(sent.begin(), sent.end(), [](const amqp::Sent& s) { return s.code != Z4J_OK; });
  if (bad == sent.end()) {
    note(done);
    Channel(connection_).delete_queue(begun);
    return true;
  }
  const bool none = std::all_of(sent.begin(), sent.end(), [](const amqp::Sent& s) {
    return s.code != Z4J_OK && s.code != Z4J_UNKNOWN;
  });
  if (!none) throw Error(Z4J_UNKNOWN, "a part of it was put back: " + bad->why);
  Channel(connection_).delete_queue(begun);
  throw failed(*bad);
}

std::vector<DeadLetter> AmqpTransport::dead_letters(const std::string& queue, std::size_t from,
                                                    std::size_t limit) {
  const std::vector<std::string> queues =
      queue.empty() ? dead_letter_queues() : std::vector<std::string>{queue};
  if (const std::string why = cannot(Ability::dead_letters); queues.empty() && !why.empty())
    throw Error(Z4J_UNSUPPORTED, why);
  std::vector<DeadLetter> all;
  for (const std::string& name : queues) {
    look(name, kMaxDeadLetters, [&](const Delivery& d) {
      all.push_back(read_dead(d, name));
      return Enough::no;
    });
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const DeadLetter& a, const DeadLetter& b) { return a.dead_at > b.dead_at; });
  if (from >= all.size()) return {};
  all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(from));
  if (all.size() > limit) all.resize(limit);
  return all;
}

std::optional<std::string> AmqpTransport::requeue_dead(const std::string& queue,
                                                       const std::string& task_id,
                                                       const std::string& to) {
  const std::vector<std::string> queues =
      queue.empty() ? dead_letter_queues() : std::vector<std::string>{queue};
  if (const std::string why = cannot(Ability::dead_letters); queues.empty() && !why.empty())
    throw Error(Z4J_UNSUPPORTED, why);
  for (const std::string& name : queues) {
    if (std::optional<std::string> went = requeue_from(name, task_id, to)) return went;
  }
  return std::nullopt;
}

std::optional<std::string> AmqpTransport::requeue_from(const std::string& queue,
                                                       const std::string& task_id,
                                                       const std::string& to) {
  Channel channel(connection_);
  const std::optional<Delivery> d = hold_dead(channel, queue, task_id);
  if (!d) return std::nullopt;
  const json::Object* death = first_death(*d);
  const std::string target = !to.empty()        ? to
                             : death != nullptr ? name_in(*death, "queue")
                                                : std::string();
  if (target.empty())
    throw Error(Z4J_INVALID, "the message does not say which queue it came from; name one");
  amqp::Outgoing message = same_message(*d, target);
  forget_death(message.properties.headers);
  const amqp::Sent sent = publisher().publish({std::move(message)}).front();
  if (sent.code != Z4J_OK) throw failed(sent);
  take_out(channel, *d, queue);
  return target;
}

std::vector<DeadLetter> AmqpTransport::find_dead(const std::vector<std::string>& task_ids) {
  std::vector<DeadLetter> out;
  std::set<std::string> open(task_ids.begin(), task_ids.end());
  std::vector<std::string> queues;
  try {
    queues = dead_letter_queues();
  } catch (const Error& e) {
    if (e.code == Z4J_CANCELLED) throw;  // otherwise none is known
  }
  for (const std::string& queue : queues) {
    if (open.empty()) break;
    try {
      look(queue, kMaxDeadLetters, [&](Delivery& d) {
        const std::string id = d.why_unread.empty() ? task_id_in(d) : std::string();
        if (open.erase(id) != 0) {
          DeadLetter dead = read_dead(d, queue);
          forget_death(d.properties.headers);
          dead.message = envelope_of(d);
          out.push_back(std::move(dead));
        }
        return open.empty() ? Enough::yes : Enough::no;
      });
    } catch (const Error& e) {
      // A queue that may not be looked at has nothing to show.
      if (e.code != Z4J_UNSUPPORTED && e.code != Z4J_DENIED && e.code != Z4J_CONFLICT &&
          e.code != Z4J_INVALID)
        throw;
    }
  }
  return out;
}

std::optional<Published> AmqpTransport::replace_dead(const std::string& queue,
                                                     const std::string& task_id,
                                                     const Outgoing& instead) {
  Channel channel(connection_);
  const std::optional<Delivery> d = hold_dead(channel, queue, task_id);
  if (!d) return std::nullopt;
  const Published sent = publish_many({instead}).front();
  if (sent.code == Z4J_OK) take_out(channel, *d, queue);
  return sent;
}

}  // namespace z4j::celery
