#include "api/dashboards.hpp"

#include <algorithm>
#include <utility>

#include "api/admit.hpp"
#include "api/site.hpp"
#include "base/json.hpp"

namespace z4j::api {
namespace {

using base::json::Object;

constexpr std::size_t kMaxMessage = 8192;
constexpr std::size_t kMostTopics = 16;
constexpr std::int64_t kSubscribeMs = 10'000;
constexpr std::int64_t kLookAgainMs = 3'000;
constexpr auto kTick = std::chrono::milliseconds(500);
constexpr std::size_t kMessageDepth = 8;

constexpr std::uint16_t kBadSubscribe = 4400, kNotSignedIn = 4401, kTooMany = 4402, kRefused = 4403,
                        kGoingAway = 1001, kTryLater = 1013;

std::string event_text(std::string_view topic) {
  return base::json::write(Object{{"type", "event"}, {"topic", topic}});
}

std::optional<Object> message_of(std::string_view text) {
  auto parsed = base::json::parse(text, {.max_bytes = kMaxMessage, .max_depth = kMessageDepth});
  if (!parsed || !parsed->is_object()) return std::nullopt;
  return std::move(parsed->get_object());
}

// Those that a subscription names; the usual ones when it names none.
core::LiveTopics topics_of(const Object& said) {
  const base::json::Array* names = base::json::array(said, "topics");
  if (names == nullptr) return core::kUsualTopics;
  core::LiveTopics out = 0;
  for (std::size_t i = 0; i < std::min(names->size(), kMostTopics); ++i) {
    if (const base::json::Value& name = (*names)[i]; name.is_string())
      out |= core::live_topic({name.get_string().data(), name.get_string().size()});
  }
  return out;
}

core::LiveTopics may_hear(const core::Principal& principal, core::LiveTopics wanted,
                          const base::Uuid& project) {
  core::LiveTopics out = 0;
  for (const std::string_view topic : core::kLiveTopics) {
    const core::LiveTopics bit = core::live_topic(topic) & wanted;
    if (bit != 0 && core::decide(principal, core::needed_to_hear(topic), &project).allowed())
      out |= bit;
  }
  return out;
}

}  // namespace

Dashboards::~Dashboards() { stop(); }

net::SocketEndpoint Dashboards::endpoint() {
  net::SocketEndpoint e;
  e.path = "/ws/dashboard";
  e.max_message_bytes = kMaxMessage;
  e.max_unsent_bytes = 256u << 10;
  e.idle_timeout_s = site_.parts.settings.ws_idle_timeout_s;
  e.open = [this](net::SocketId id, const net::Request& request) { open(id, request); };
  e.message = [this](net::SocketId id, std::string_view text) { message(id, text); };
  e.closed = [this](net::SocketId id, std::uint16_t) { closed(id); };
  return e;
}

void Dashboards::use(net::SocketSender& sender) {
  const std::lock_guard lock(mutex_);
  sender_ = &sender;
  is_stopping_ = false;
  watches_.use(sender);
}

void Dashboards::start(net::SocketSender& sender) {
  use(sender);
  site_.parts.live.start(
      [this](core::Live::Subscriber id, std::string_view topic) { told(id, topic); });
  watches_.start(sender);
  thread_ = std::thread([this] { run(); });
}

void Dashboards::told(core::Live::Subscriber id, std::string_view topic) {
  if (Watches::is_subscriber(id)) return watches_.changed(id);
  net::SocketSender* sender = nullptr;
  {
    const std::lock_guard lock(mutex_);
    sender = sender_;
  }
  if (sender != nullptr) sender->send(id, event_text(topic));
}

void Dashboards::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (sender_ == nullptr) return;
    is_stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  site_.parts.live.stop();
  watches_.stop();
  std::vector<net::SocketId> left;
  net::SocketSender* sender = nullptr;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, socket] : sockets_) left.push_back(id);
    sockets_.clear();
    std::swap(sender, sender_);
  }
  for (const net::SocketId id : left) {
    site_.parts.live.unsubscribe(id);
    sender->close(id, kGoingAway, "the brain is stopping");
  }
}

std::size_t Dashboards::count() const {
  const std::lock_guard lock(mutex_);
  return sockets_.size();
}

void Dashboards::end(net::SocketId id, std::uint16_t code, const char* reason) {
  site_.parts.live.unsubscribe(id);
  watches_.drop(id);
  net::SocketSender* sender = nullptr;
  {
    const std::lock_guard lock(mutex_);
    sockets_.erase(id);
    sender = sender_;
  }
  if (sender != nullptr) sender->close(id, code, reason);
}

void Dashboards::open(net::SocketId id, const net::Request& request) {
  const std::string_view origin = request.header("origin");
  const bool is_welcome =
      site_.answers_host(request.host) &&
      (origin.empty() ? site_.is_dev : site_.from(origin, request) != Site::From::stranger);
  if (!is_welcome) return end(id, kRefused, "this origin is not allowed");
  const std::string_view cookie = request.cookie(site_.session_cookie);
  if (cookie.empty()) return end(id, kNotSignedIn, "not signed in");
  {
    const std::lock_guard lock(mutex_);
    if (!is_stopping_ && sockets_.size() < kMaxSockets) {
      Socket socket;
      socket.cookie = cookie;
      socket.opened_ms = site_.parts.clock.steady_ms();
      sockets_.emplace(id, std::move(socket));
      fresh_.push_back(id);
      wake_.notify_one();
      return;
    }
  }
  end(id, kTryLater, "too many dashboards are open");
}

void Dashboards::message(net::SocketId id, std::string_view text) {
  net::SocketSender* sender = nullptr;
  base::Uuid user, project;
  {
    const std::lock_guard lock(mutex_);
    const auto found = sockets_.find(id);
    if (found == sockets_.end()) return;
    Socket& socket = found->second;
    sender = sender_;
    user = socket.user;
    project = socket.project;
    if (socket.phase != Socket::Phase::live) {
      if (socket.asked) return;  // one project per socket, the first one asked for
      socket.asked = std::string(text);
      if (socket.phase == Socket::Phase::known) {
        asking_.push_back(id);
        wake_.notify_one();
      }
      return;
    }
  }
  const auto said = message_of(text);
  if (!said || sender == nullptr) return;
  const std::string_view type = base::json::text(*said, "type");
  if (type == "ping")
    sender->send(id, R"({"type":"pong"})");
  else if (type == "watch" || type == "unwatch")
    watches_.message(id, user, project, text);
}

void Dashboards::closed(net::SocketId id) {
  site_.parts.live.unsubscribe(id);
  watches_.drop(id);
  const std::lock_guard lock(mutex_);
  sockets_.erase(id);
}

void Dashboards::run() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    wake_.wait_for(lock, kTick,
                   [this] { return is_stopping_ || !fresh_.empty() || !asking_.empty(); });
    if (is_stopping_) return;
    lock.unlock();
    work();
    lock.lock();
  }
}

void Dashboards::work() {
  while (true) {
    std::unique_lock lock(mutex_);
    if (is_stopping_) return;
    std::deque<net::SocketId>& queue = fresh_.empty() ? asking_ : fresh_;
    if (queue.empty()) break;
    const bool is_fresh = !fresh_.empty();
    const net::SocketId id = queue.front();
    queue.pop_front();
    const auto found = sockets_.find(id);
    if (found == sockets_.end()) continue;
    const std::string cookie = found->second.cookie;
    const std::string asked = found->second.asked.value_or("");
    lock.unlock();
    if (is_fresh)
      identify(id, cookie);
    else
      subscribe(id, cookie, asked);
  }
  end_late_ones();
  if (const std::int64_t now_ms = site_.parts.clock.steady_ms();
      now_ms - looked_ms_ >= kLookAgainMs) {
    looked_ms_ = now_ms;
    look_again();
  }
}

void Dashboards::identify(net::SocketId id, const std::string& cookie) {
  auto principal = admit_socket(site_, cookie);
  if (!principal) {
    const bool is_denied = principal.error().code == base::Code::denied;
    return end(id, is_denied ? kNotSignedIn : kTryLater, is_denied ? "not signed in" : "try again");
  }
  const std::lock_guard lock(mutex_);
  const auto found = sockets_.find(id);
  if (found == sockets_.end()) return;
  found->second.user = principal->user.id;
  found->second.phase = Socket::Phase::known;
  if (found->second.asked) asking_.push_back(id);
}

void Dashboards::subscribe(net::SocketId id, const std::string& cookie, const std::string& asked) {
  const auto said = message_of(asked);
  const auto project = said && base::json::text(*said, "type") == "subscribe"
                           ? base::Uuid::parse(base::json::text(*said, "project_id"))
                           : std::nullopt;
  if (!project)
    return end(id, kBadSubscribe, "expected is {\"type\":\"subscribe\",\"project_id\":\"UUID\"}");
  auto principal = admit_socket(site_, cookie);
  if (!principal) return end(id, kNotSignedIn, "not signed in");
  const bool may_see = core::decide(*principal, kAction, &*project).allowed();
  if (!may_see) return end(id, kRefused, "no such project");
  bool is_over = false;
  core::LiveTopics heard = 0;
  net::SocketSender* sender = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto found = sockets_.find(id);
    if (found == sockets_.end()) return;
    const auto same_user = std::count_if(sockets_.begin(), sockets_.end(), [&](const auto& entry) {
      return entry.second.phase == Socket::Phase::live && entry.second.user == principal->user.id;
    });
    is_over = static_cast<std::size_t>(same_user) >= kMaxPerUser;
    sender = sender_;
    if (!is_over) {
      found->second.project = *project;
      found->second.wanted = topics_of(*said);
      found->second.heard = heard = may_hear(*principal, found->second.wanted, *project);
      found->second.phase = Socket::Phase::live;
      found->second.asked.reset();
    }
  }
  if (is_over) return end(id, kTooMany, "too many dashboards of this user are open");
  site_.parts.live.subscribe(id, *project, heard);
  // Gone meanwhile: its closed() may have come before the subscription.
  if (sender == nullptr || !sender->send(id, R"({"type":"ready"})")) closed(id);
}

void Dashboards::end_late_ones() {
  const std::int64_t now_ms = site_.parts.clock.steady_ms();
  std::vector<net::SocketId> late;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, socket] : sockets_) {
      if (socket.phase != Socket::Phase::live && now_ms - socket.opened_ms >= kSubscribeMs)
        late.push_back(id);
    }
  }
  for (const net::SocketId id : late) end(id, kBadSubscribe, "no subscribe message in 10 seconds");
}

// Each session once, however many sockets it has.
void Dashboards::look_again() {
  struct Open {
    net::SocketId id;
    base::Uuid project;
    core::LiveTopics wanted, heard;
  };
  std::map<std::string, std::vector<Open>> by_cookie;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, socket] : sockets_) {
      if (socket.phase == Socket::Phase::live)
        by_cookie[socket.cookie].push_back({id, socket.project, socket.wanted, socket.heard});
    }
  }
  for (const auto& [cookie, open] : by_cookie) {
    auto principal = admit_socket(site_, cookie);
    if (!principal && principal.error().code != base::Code::denied)
      continue;  // the store is away: nothing is known
    for (const Open& one : open) {
      if (!principal) {
        end(one.id, kNotSignedIn, "signed out");
        continue;
      }
      if (!core::decide(*principal, kAction, &one.project).allowed()) {
        end(one.id, kRefused, "no such project");
        continue;
      }
      const core::LiveTopics heard = may_hear(*principal, one.wanted, one.project);
      if (heard == one.heard) continue;
      site_.parts.live.want(one.id, heard);
      const std::lock_guard lock(mutex_);
      if (const auto found = sockets_.find(one.id); found != sockets_.end())
        found->second.heard = heard;
    }
  }
}

}  // namespace z4j::api
