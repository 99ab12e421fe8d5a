#include "gateway/door.hpp"

#include <algorithm>

#include "base/crypto.hpp"
#include "base/json.hpp"
#include "wire/keys.hpp"

namespace z4j::gateway {
namespace {

constexpr std::int64_t kFreshMs = 60'000, kStaleMs = 900'000, kBadMs = 5'000;
constexpr std::size_t kMaxTokenBytes = 512, kMaxBlocked = 10'000;
constexpr core::RateBucket kKnownAgentBucket{"known-agent-connect", 30'000, 60};

base::Error too_often(std::int64_t retry_after_ms) {
  return base::Error{.code = base::Code::busy,
                     .message = "agent connect rate limit exceeded",
                     .where = {},
                     .hint = {},
                     .retry_after_ms = static_cast<std::uint32_t>(retry_after_ms)};
}

base::Error bad_token() {
  return base::Error{.code = base::Code::denied,
                     .message = "no agent has this token",
                     .where = {},
                     .hint = "use the token that was shown when the agent was made, or rotate it"};
}

std::optional<std::string> token_of(const net::Request& request) {
  const auto token = wire::bearer_token(request.header("authorization"));
  if (!token || token->size() > kMaxTokenBytes) return std::nullopt;
  return std::string(*token);
}

std::string key_of(std::string_view token) { return base::hex(base::sha256(token)); }

}  // namespace

Door::Door(const base::Clock& clock, base::Log& log, Options options)
    : clock_(clock), log_(log), options_(std::move(options)), attempts_(clock) {
  Z4J_CHECK(options_.find_token != nullptr);
}

Door::~Door() { stop(); }

void Door::start() {
  for (unsigned i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { run(); });
}

void Door::stop() {
  std::deque<Question> left;
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    left.swap(waiting_);
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  for (const Question& question : left) {
    question.decide(base::Error{.code = base::Code::unavailable,
                                .message = "the brain is stopping",
                                .where = {},
                                .hint = {},
                                .retry_after_ms = 2000});
  }
}

void Door::ask(const net::Request& request, Decide decide) {
  auto token = token_of(request);
  std::string key = token ? key_of(*token) : std::string();
  const auto known = token ? look(key, kFreshMs) : std::optional<base::Result<Identity>>();
  if (auto refused = check_attempts(request, known && known->ok())) return decide(*refused);
  if (!token || (known && !known->ok())) {
    count_bad(request.client_ip);
    return decide(bad_token());
  }
  if (known) return decide(*known);
  {
    const std::lock_guard lock(mutex_);
    if (!is_stopping_ && waiting_.size() < options_.max_waiting) {
      waiting_.push_back({std::move(*token), std::move(key), request.client_ip, std::move(decide)});
      wake_.notify_one();
      return;
    }
  }
  decide(base::Error{.code = base::Code::unavailable,
                     .message = "too many agents connect at once",
                     .where = {},
                     .hint = {},
                     .retry_after_ms = 2000});
}

std::optional<base::Error> Door::check_attempts(const net::Request& request, bool is_known) {
  const std::string address = core::client_key(request.client_ip);
  if (const auto all = attempts_.take(kKnownAgentBucket, address); !all.allowed)
    return too_often(std::int64_t{all.retry_after_s} * 1000);
  if (is_known) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto blocked = blocked_.find(address);
  if (blocked == blocked_.end()) return std::nullopt;
  const std::int64_t left_ms = blocked->second - clock_.steady_ms();
  if (left_ms > 0) return too_often(left_ms);
  blocked_.erase(blocked);
  return std::nullopt;
}

void Door::count_bad(std::string_view client_ip) {
  const std::string address = core::client_key(client_ip);
  const auto allowed = attempts_.take(core::kAgentConnectBucket, address);
  if (allowed.allowed) return;
  const std::lock_guard lock(mutex_);
  if (blocked_.size() >= kMaxBlocked) blocked_.clear();
  blocked_[address] = clock_.steady_ms() + std::int64_t{allowed.retry_after_s} * 1000;
}

std::optional<Identity> Door::known(const net::Request& request) const {
  const auto token = token_of(request);
  if (!token) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(key_of(*token));
  return found == known_.end() ? std::nullopt : found->second.identity;
}

void Door::forget(const base::Uuid& agent_id) {
  const std::lock_guard lock(mutex_);
  ++forgotten_;
  for (auto at = known_.begin(); at != known_.end();) {
    if (at->second.identity && at->second.identity->agent_id == agent_id) {
      order_.erase(at->second.place);
      at = known_.erase(at);
    } else {
      ++at;
    }
  }
}

std::optional<base::Result<Identity>> Door::look(const std::string& key, std::int64_t age_ms) {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(key);
  if (found == known_.end()) return std::nullopt;
  const Known& known = found->second;
  const std::int64_t age = clock_.steady_ms() - known.asked_ms;
  if (age > (known.identity ? age_ms : kBadMs)) return std::nullopt;
  if (!known.identity) return base::Result<Identity>(bad_token());
  return base::Result<Identity>(*known.identity);
}

void Door::learn(const std::string& key, const std::optional<Identity>& identity) {
  const auto [at, is_new] = known_.try_emplace(key);
  if (!is_new) order_.erase(at->second.place);
  order_.push_front(key);
  at->second = Known{identity, clock_.steady_ms(), order_.begin()};
  while (known_.size() > options_.max_known) {
    known_.erase(order_.back());
    order_.pop_back();
  }
}

void Door::answer(const Question& question) {
  std::uint64_t forgotten = 0;
  {
    const std::lock_guard lock(mutex_);
    forgotten = forgotten_;
  }
  const auto found = options_.find_token(question.token);
  if (!found) {
    // The store is away; what it said not long ago is better than sending everybody away.
    if (const auto known = look(question.key, kStaleMs)) return question.decide(*known);
    log_.debug("token not looked up", {{"why", found.error().text()}});
    return question.decide(base::Error{.code = base::Code::unavailable,
                                       .message = "tokens can't be checked now",
                                       .where = {},
                                       .hint = {},
                                       .retry_after_ms = 2000});
  }
  {
    const std::lock_guard lock(mutex_);
    if (forgotten == forgotten_) learn(question.key, *found);
  }
  if (*found) return question.decide(**found);
  count_bad(question.client_ip);
  question.decide(bad_token());
  if (options_.on_bad_token) options_.on_bad_token(question.client_ip);
}

bool Door::work() {
  Question question;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) return false;
    question = std::move(waiting_.front());
    waiting_.pop_front();
  }
  answer(question);
  return true;
}

void Door::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return is_stopping_ || !waiting_.empty(); });
      if (is_stopping_) return;
    }
    work();
  }
}

net::Response Door::refusal(const base::Error& error) {
  net::Response response;
  switch (error.code) {
    case base::Code::denied:
      response.status = 401;
      response.body = base::json::write(base::json::Object{{"detail", "invalid agent token"}});
      response.headers = {{"WWW-Authenticate", "Bearer"}};
      return response;
    case base::Code::busy:
      response.status = 429;
      break;
    default:
      response.status = 503;
      break;
  }
  response.body = base::json::write(base::json::Object{{"detail", error.message}});
  response.headers = {
      {"Retry-After", std::to_string(std::max<std::uint32_t>(1, error.retry_after_ms / 1000))}};
  return response;
}

}  // namespace z4j::gateway
