#include "lib/celery/management.hpp"

#include "lib/celery/message.hpp"
#include "lib/json/json.hpp"
#include "lib/redis/stream.hpp"
#include "lib/text/text.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>

namespace z4j::celery {
namespace {

constexpr std::size_t kMaxUrlBytes = 4096, kMaxHeadBytes = 64u << 10, kMaxAnswerBytes = 16u << 20;
constexpr std::size_t kMaxTaskQueues = 10'000;
constexpr int kAnswerMs = 3000;
constexpr auto kListAge = std::chrono::seconds(10);

[[noreturn]] void bad_management_url(const std::string& why) {
  throw Error(Z4J_BAD_CONFIG, "malformed management_url: " + why +
                                  "; expected http://user:password@host[:port], or https:// for "
                                  "TLS");
}

std::string unescaped_part(std::string_view part) {
  std::optional<std::string> out = text::percent_decoded(part);
  if (!out) bad_management_url("a '%' must be followed by two hexadecimal digits");
  return std::move(*out);
}

std::string escaped(std::string_view part) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : part) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain) {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

redis::Endpoint endpoint_of(std::string_view authority, std::uint16_t default_port) {
  redis::Endpoint out;
  std::string_view port;
  const std::size_t close = authority.find(']');
  const bool is_v6 = authority.starts_with('[') && close != std::string_view::npos;
  const std::size_t colon = authority.find(':', is_v6 ? close : 0);
  out.host = is_v6 ? std::string(authority.substr(1, close - 1))
                   : unescaped_part(authority.substr(0, colon));
  if (colon != std::string_view::npos) port = authority.substr(colon + 1);
  if (out.host.empty()) bad_management_url("no host");
  out.port = default_port;
  if (colon != std::string_view::npos) {
    const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), out.port);
    if (ec != std::errc() || end != port.data() + port.size() || out.port == 0)
      bad_management_url("the port must be a number up to 65535");
  }
  return out;
}

std::optional<std::uint64_t> count_of(const json::Object& o, std::string_view key) {
  const json::Value* v = o.if_contains(key);
  if (v == nullptr || !v->is_int64() || v->get_int64() < 0) return std::nullopt;
  return static_cast<std::uint64_t>(v->get_int64());
}

// Where the dead of a queue go.
struct DeadLetterWay {
  std::string exchange;
  std::optional<std::string> key;
};

// Arguments come before a policy, as the broker has it.
std::optional<std::string> text_of(const json::Object& queue, const char* argument,
                                   const char* policy) {
  for (const auto& [place, name] :
       {std::pair("arguments", argument), std::pair("effective_policy_definition", policy)}) {
    const json::Object* o = json::object(queue, place);
    const json::Value* v = o == nullptr ? nullptr : o->if_contains(name);
    if (v != nullptr && v->is_string())
      return std::string(v->get_string().data(), v->get_string().size());
  }
  return std::nullopt;
}

json::Array array_in(std::string_view answer, const char* what) {
  json::Value value = json::parse(answer, kMaxAnswerBytes);
  if (!value.is_array())
    throw Error(Z4J_INVALID, std::string("the management API's answer about ") + what +
                                 " is no list; is management_url its address?");
  return std::move(value.get_array());
}

// Whether a message with this key may come by a binding; what kind the exchange is, is not known.
bool may_lead(std::string_view binding, const std::optional<std::string>& key) {
  return !key || binding == *key || binding.empty() ||
         binding.find_first_of("*#") != std::string_view::npos;
}

// An answer of HTTP/1: where its body begins, and how long it is.
struct AnswerShape {
  std::size_t head = 0, body = 0;
};

// Nothing while the head is not whole.
std::optional<AnswerShape> shape_of(std::string_view answer) {
  constexpr std::string_view kLength = "content-length:";
  const std::size_t end = answer.find("\r\n\r\n");
  if (std::min(end, answer.size()) > kMaxHeadBytes)
    throw Error(Z4J_TOO_LARGE, "the head of the management API's answer does not end");
  if (end == std::string_view::npos) return std::nullopt;
  AnswerShape out{end + 4, 0};
  for (std::size_t line = answer.find('\n'); line < end; line = answer.find('\n', line + 1)) {
    std::string name(answer.substr(line + 1, kLength.size()));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (name != kLength) continue;
    const char* at = answer.data() + line + 1 + kLength.size();
    while (*at == ' ') ++at;
    if (std::from_chars(at, answer.data() + end, out.body).ec != std::errc()) break;
    if (out.body > kMaxAnswerBytes)
      throw Error(Z4J_TOO_LARGE, "the management API's answer is larger than 16 MiB");
    return out;
  }
  throw Error(Z4J_UNAVAILABLE,
              "what answers is not the management API: it does not say how long "
              "its answer is");
}

void check_status(std::string_view answer) {
  const std::string_view status =
      answer.starts_with("HTTP/1.") && answer.size() > 12 ? answer.substr(9, 3) : "no HTTP";
  if (status == "401" || status == "403")
    throw Error(Z4J_DENIED,
                "the management API refuses the user of management_url; it needs the tag "
                "monitoring, or management and rights on the vhost");
  if (status != "200")
    throw Error(Z4J_UNAVAILABLE, "the management API answered " + text::clean(status, 10));
}

}  // namespace

ManagementOptions parse_management_url(std::string_view url) {
  if (url.size() > kMaxUrlBytes) bad_management_url("longer than 4096 bytes");
  if (std::any_of(url.begin(), url.end(), [](unsigned char c) { return c <= ' ' || c == 0x7f; }))
    bad_management_url("white space inside");
  ManagementOptions out;
  const std::size_t scheme = url.find("://");
  out.server.tls = url.starts_with("https://");
  if (scheme == std::string_view::npos || (!out.server.tls && !url.starts_with("http://")))
    bad_management_url("unknown scheme");
  const std::string_view rest = url.substr(scheme + 3);
  if (rest.find_first_of("?#") != std::string_view::npos)
    bad_management_url("it has no '?' and no '#'");
  const std::size_t slash = rest.find('/');
  const std::string_view authority = rest.substr(0, slash);
  const std::size_t at = authority.rfind('@');
  const std::string_view user = at == std::string_view::npos ? "" : authority.substr(0, at);
  const std::size_t colon = user.find(':');
  if (colon == std::string_view::npos || colon == 0)
    bad_management_url("user and password are missing");
  out.server.user = unescaped_part(user.substr(0, colon));
  out.server.password = unescaped_part(user.substr(colon + 1));
  out.server.endpoints = {endpoint_of(authority.substr(at + 1), out.server.tls ? 15671 : 15672)};
  if (slash != std::string_view::npos) out.path = rest.substr(slash);
  while (out.path.ends_with('/')) out.path.pop_back();
  return out;
}

QueueList read_queue_list(std::string_view queues, std::string_view bindings,
                          const std::set<std::string>& task_queues) {
  QueueList out;
  std::vector<DeadLetterWay> ways;
  std::set<std::string> candidates;
  for (const json::Value& item : array_in(queues, "queues")) {
    const json::Object* o = item.if_object();
    if (o == nullptr || json::boolean(*o, "exclusive")) continue;
    QueueList::Queue queue{name_in(*o, "name"), count_of(*o, "messages_unacknowledged"),
                           count_of(*o, "consumers")};
    if (queue.name.empty()) continue;
    std::optional<std::string> exchange =
        text_of(*o, "x-dead-letter-exchange", "dead-letter-exchange");
    // A stream keeps what it gives away, and a quorum queue counts.
    const bool is_classic = json::text(*o, "type", "classic") == "classic";
    if (!exchange && is_classic && queue.consumers.value_or(1) == 0 &&
        task_queues.count(queue.name) == 0)
      candidates.insert(queue.name);
    if (exchange)
      ways.push_back({std::move(*exchange),
                      text_of(*o, "x-dead-letter-routing-key", "dead-letter-routing-key")});
    out.queues.push_back(std::move(queue));
  }
  std::map<std::string, std::vector<std::pair<std::string, std::string>>> bound;  // by exchange
  for (const json::Value& item : array_in(bindings, "bindings")) {
    const json::Object* o = item.if_object();
    if (o == nullptr || json::text(*o, "destination_type") != "queue") continue;
    bound[name_in(*o, "source")].emplace_back(name_in(*o, "routing_key"),
                                              name_in(*o, "destination"));
  }
  std::set<std::string> dead;
  for (const DeadLetterWay& way : ways) {
    if (way.exchange.empty()) {
      if (way.key && candidates.count(*way.key) != 0) dead.insert(*way.key);
      continue;
    }
    for (const auto& [key, queue] : bound[way.exchange]) {
      if (candidates.count(queue) != 0 && may_lead(key, way.key)) dead.insert(queue);
    }
  }
  out.dead_letter_queues.assign(dead.begin(), dead.end());
  return out;
}

Management::Management(ManagementOptions options)
    : options_(std::move(options)), wake_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (wake_fd_ < 0) throw Error(Z4J_UNAVAILABLE, "cannot make an event descriptor");
}

Management::~Management() { ::close(wake_fd_); }

void Management::interrupt() noexcept { static_cast<void>(::eventfd_write(wake_fd_, 1)); }

void Management::resume() noexcept {
  eventfd_t ignored = 0;
  static_cast<void>(::eventfd_read(wake_fd_, &ignored));
}

const QueueList& Management::list() {
  const auto now = [] { return std::chrono::steady_clock::now(); };
  if (!asked_at_ || now() - *asked_at_ >= kListAge) {
    try {
      ask();
      why_not_.reset();
    } catch (const Error& e) {
      if (e.code == Z4J_CANCELLED) throw;
      why_not_ = e;
    }
    asked_at_ = now();
  }
  if (why_not_) throw *why_not_;
  return list_;
}

void Management::ask() {
  const std::string vhost = escaped(options_.vhost);
  const std::string queues =
      get("/api/queues/" + vhost +
          "?columns=name,type,exclusive,consumers,messages_unacknowledged,arguments,"
          "effective_policy_definition");
  list_ = read_queue_list(
      queues,
      get("/api/bindings/" + vhost + "?columns=source,destination,destination_type,routing_key"),
      options_.task_queues);
  // Where somebody reads now, tasks wait when he is away.
  for (const QueueList::Queue& q : list_.queues) {
    if (q.consumers.value_or(0) > 0 && options_.task_queues.size() < kMaxTaskQueues)
      options_.task_queues.insert(q.name);
  }
}

std::string Management::get(const std::string& what) {
  const redis::Deadline deadline = redis::deadline_in(kAnswerMs);
  const redis::Endpoint& to = options_.server.endpoints.front();
  // HTTP/1.0: one answer, in one piece.
  const std::string request =
      "GET " + options_.path + what + " HTTP/1.0\r\nHost: " + to.host +
      "\r\nAccept: application/json\r\nAuthorization: Basic " +
      text::base64_encode(options_.server.user + ":" + options_.server.password) + "\r\n\r\n";
  redis::Stream stream(wake_fd_, "the management API");
  const auto wait = [&](bool to_write) {
    const redis::Stream::Wake wake = stream.wait(to_write, deadline);
    if (wake == redis::Stream::Wake::interrupted)
      throw Error(Z4J_CANCELLED, "the call was interrupted");
    if (wake == redis::Stream::Wake::timed_out)
      throw Error(Z4J_UNAVAILABLE, "the management API did not answer in time");
  };
  stream.open(to, options_.server, deadline);
  for (std::string_view left = request; !left.empty();) {
    const std::size_t sent = stream.write(left);
    left.remove_prefix(sent);
    if (sent == 0) wait(true);
  }
  // The end of the line is no end of the answer: RabbitMQ leaves TLS without a word.
  std::string answer;
  std::optional<AnswerShape> shape;
  while (!shape || answer.size() < shape->head + shape->body) {
    if (stream.read(answer) == 0) wait(false);
    if (!shape) shape = shape_of(answer);
  }
  check_status(answer);
  return answer.substr(shape->head, shape->body);
}

}  // namespace z4j::celery
