#include "gateway/poll_session.hpp"

#include <algorithm>
#include <utility>

#include "core/refusal.hpp"
#include "core/text.hpp"
#include "gateway/ledger.hpp"
#include "wire/action.hpp"
#include "wire/health.hpp"

namespace z4j::gateway {
namespace {

namespace json = base::json;

constexpr std::size_t kMaxPostFrames = 500, kMaxErrors = 10, kMaxOutbox = 500, kMaxEngines = 64;
constexpr std::int64_t kSendAgainMs = 60'000;

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty() && out.size() < kMaxEngines) {
    const std::size_t comma = list.find(',');
    const std::string_view item = core::trimmed(list.substr(0, comma));
    if (!item.empty()) out.push_back(core::clean_text(item, 80));
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return out;
}

}  // namespace

PollSession::PollSession(Desk& desk, Surroundings& around, Identity who, std::string client_ip,
                         std::string nonce, std::string_view features, std::string_view contracts,
                         std::vector<std::pair<std::string, std::string>> headers)
    : Session(desk, around, std::move(who), std::move(client_ip)),
      nonce_(std::move(nonce)),
      headers_(std::move(headers)),
      used_ms_(around.clock.steady_ms()) {
  Facts facts;
  facts.features = split(features);
  facts.worker_id = nonce_.empty() ? "longpoll" : "longpoll:" + core::clean_text(nonce_, 100);
  for (const std::string& contract : split(contracts)) {
    const std::string engine = contract.substr(0, contract.find('='));
    if (engine.empty()) continue;
    facts.engine_names.push_back(engine);
    facts.capabilities[engine].emplace_back("retry_by_reference_v1");
    facts.engines[engine] = kAskedBits;
  }
  facts.is_asked = true;
  set_facts(std::move(facts));
  begin({this->who().agent_id.text(), this->who().project_id.text(), nonce_});
}

bool PollSession::sit() {
  auto seated = around_.roster.seat(std::static_pointer_cast<Session>(shared_from_this()));
  if (seated.is_full) return false;
  if (seated.replaced) seated.replaced->end(0, "replaced");
  is_seated_ = true;
  around_.ledger.arrived(*this);
  return true;
}

std::int64_t PollSession::idle_ms() const {
  return is_polled_ ? 0 : around_.clock.steady_ms() - used_ms_;
}

void PollSession::say(net::LateAnswer answer, int status, const json::Object& body,
                      int retry_after_s) const {
  net::Response response;
  response.status = status;
  response.body = json::write(body);
  response.headers = headers_;
  if (retry_after_s > 0)
    response.headers.emplace_back("Retry-After", std::to_string(retry_after_s));
  answer(std::move(response));
}

void PollSession::end(std::uint16_t code, std::string reason) {
  news([this, code, reason = std::move(reason)] {
    if (is_over_.exchange(true)) return;
    if (poll_) {
      is_polled_ = false;
      say(std::exchange(poll_, nullptr), 401, {{"detail", "invalid agent token"}});
    }
    for (const Errand& errand : outbox_) {
      around_.errands.not_sent(
          errand.id, core::refuse::error(base::Code::unavailable, core::refuse::kAgentOffline,
                                         "the agent's connection ended; nothing was sent"));
    }
    outbox_.clear();
    if (!std::exchange(is_seated_, false)) return;
    around_.roster.unseat(*this);
    around_.ledger.departed(*this, code, reason);
  });
}

// --- posts --------------------------------------------------------------------------------------

void PollSession::post(std::string body, net::LateAnswer answer) {
  used_ms_ = around_.clock.steady_ms();
  const std::lock_guard lock(answers_mutex_);
  answers_.push_back(std::move(answer));
  put({std::move(body), around_.clock.now(), around_.clock.steady_ms()});
}

bool PollSession::begin_post(const Message& message) {
  post_ = std::make_shared<Post>();
  {
    const std::lock_guard lock(answers_mutex_);
    post_->answer = std::move(answers_.front());
    answers_.pop_front();
  }
  if (is_over_) {
    say(std::move(post_->answer), 401, {{"detail", "invalid agent token"}});
    post_.reset();
    return false;
  }
  // A frame's text has its quotes escaped, so this is one level deep.
  auto body = json::parse(message.text, {.max_bytes = message.text.size() + 1, .max_depth = 8});
  const json::Array* const frames =
      body && body->is_object() ? json::array(body->get_object(), "frames") : nullptr;
  bool is_good = frames != nullptr && !frames->empty() && frames->size() <= kMaxPostFrames;
  if (is_good) {
    for (const json::Value& frame : *frames) {
      is_good =
          is_good && frame.is_string() && frame.get_string().size() <= around_.max_frame_bytes;
    }
  }
  if (!is_good) {
    say(std::move(post_->answer), 422,
        {{"detail", "frames must be 1 to 500 texts of one signed frame each, at most 1 MiB"}});
    post_.reset();
    return false;
  }
  for (const json::Value& frame : *frames)
    post_->frames.emplace_back(frame.get_string().data(), frame.get_string().size());
  return true;
}

Strand::Took PollSession::take(Message& message) {
  if (!post_ && !begin_post(message)) return Took::yes;
  Post& post = *post_;
  while (post.next < post.frames.size()) {
    Handled handled = Handled::busy;
    base::Error why;
    if (has_verified())
      handled = go_on();
    else if (!is_ahead())
      handled = handle({post.frames[post.next], message.at, message.mono_ms}, &why);
    if (handled == Handled::busy) return Took::not_now;
    if (handled != Handled::refused) {
      heard(around_.clock.now());
    } else {
      if (post.errors.size() < kMaxErrors) post.errors.push_back(why.message);
      const bool is_false =
          why.where == wire::kSignature || why.where == wire::kReplay || why.where == wire::kClock;
      if (is_false) {
        around_.log.warn("a long-poll agent's frame was refused",
                         {{"agent", who().name},
                          {"agent_id", who().agent_id.text()},
                          {"client", client_ip()},
                          {"why", why.message}});
        post.rejected = post.frames.size() - post.next;
        is_spoilt_ = true;
        break;
      }
      // Bad for ever: counted as taken, or it would come back for ever.
    }
    ++post.next;
  }
  post.is_read = true;
  const auto kept = std::exchange(post_, nullptr);
  finish(*kept);
  return Took::yes;
}

void PollSession::waits(const std::string& frame_id) {
  if (!post_) return;
  ++post_->waiting;
  waiters_[frame_id].push_back(post_);
}

void PollSession::settled(const std::string& frame_id, std::size_t,
                          const std::optional<core::Ingest::Stored>& stored) {
  const auto at = waiters_.find(frame_id);
  if (at == waiters_.end()) return;
  const auto posts = std::move(at->second);
  waiters_.erase(at);
  for (const auto& post : posts) {
    --post->waiting;
    post->is_lost = post->is_lost || !stored;
    finish(*post);
  }
}

void PollSession::finish(Post& post) {
  if (!post.is_read || post.waiting > 0 || !post.answer) return;
  if (post.is_lost) {
    return say(std::exchange(post.answer, nullptr), 503,
               {{"detail", "the events were not stored; send them again"}}, 1);
  }
  json::Array errors;
  for (const std::string& error : post.errors) errors.emplace_back(error);
  say(std::exchange(post.answer, nullptr), 200,
      {{"accepted", post.frames.size() - post.rejected},
       {"rejected", post.rejected},
       {"errors", std::move(errors)}});
}

// --- fetches ------------------------------------------------------------------------------------

void PollSession::poll(int wait_s, std::size_t max_frames, net::LateAnswer answer) {
  used_ms_ = around_.clock.steady_ms();
  heard(around_.clock.now());
  news([this, wait_s, max_frames, answer = std::move(answer)] {
    if (poll_) answer_poll({});
    if (is_over_) return say(answer, 401, {{"detail", "invalid agent token"}});
    poll_ = answer;
    poll_frames_ = max_frames;
    poll_until_ms_ = around_.clock.steady_ms() + std::int64_t{wait_s} * 1000;
    is_polled_ = true;
    fetch();
    if (poll_ && (max_frames == 0 || wait_s == 0)) answer_poll({});
  });
}

void PollSession::fetch() {
  if (!poll_ || poll_frames_ == 0) return;
  const std::int64_t now_ms = around_.clock.steady_ms();
  json::Array frames;
  std::deque<Sent> again;
  for (Sent& sent : sent_) {
    if (now_ms - sent.first_ms > kSendAgainMs || frames.size() >= poll_frames_) continue;
    const auto text = command_text(sent.errand);
    if (!text) continue;
    frames.emplace_back(*text);
    again.push_back(std::move(sent));
  }
  sent_.swap(again);
  while (!outbox_.empty() && frames.size() < poll_frames_) {
    const Errand errand = std::move(outbox_.front());
    outbox_.pop_front();
    const auto text = command_text(errand);
    if (!text) continue;
    frames.emplace_back(*text);
    sent_.push_back({errand, now_ms});
  }
  if (!frames.empty()) answer_poll(frames);
}

void PollSession::answer_poll(const json::Array& frames) {
  is_polled_ = false;
  used_ms_ = around_.clock.steady_ms();
  say(std::exchange(poll_, nullptr), 200, {{"frames", frames}});
}

void PollSession::look() {
  if (!is_polled_) return;
  heard(around_.clock.now());
  news([this] {
    if (poll_ && around_.clock.steady_ms() >= poll_until_ms_) answer_poll({});
  });
}

void PollSession::deliver(const Errand& errand) {
  if (outbox_.size() >= kMaxOutbox) {
    return around_.errands.not_sent(
        errand.id, core::refuse::error(base::Code::busy, core::refuse::kAgentOffline,
                                       "too many commands wait for this agent; nothing was sent"));
  }
  outbox_.push_back(errand);
  fetch();
}

void PollSession::on_command_ack(const base::Uuid& command) {
  std::erase_if(sent_, [&](const Sent& sent) { return sent.errand.id == command; });
}

void PollSession::on_engine(std::string_view name) {
  const auto known = facts();
  const std::string engine = core::clean_text(core::trimmed(name), 40);
  if (engine.empty() || known->engines.size() >= kMaxEngines || known->engines.count(engine) > 0)
    return;
  Facts facts = *known;
  facts.engine_names.push_back(engine);
  facts.engines[engine] = kAskedBits;
  set_facts(std::move(facts));
  around_.ledger.arrived(*this);
}

void PollSession::on_status(const json::Object& payload) {
  Session::on_status(payload);
  const wire::AgentStatus status = wire::read_agent_status(payload);
  const auto known = facts();
  if (status.agent_version == known->agent_version && status.engines == known->engine_names &&
      status.schedulers == known->schedulers)
    return;
  Facts facts = *known;
  facts.agent_version = status.agent_version;
  facts.schedulers = status.schedulers;
  facts.engine_names = status.engines;
  std::map<std::string, std::uint64_t> engines;
  for (const std::string& engine : status.engines) engines[engine] = kAskedBits;
  facts.engines = std::move(engines);
  set_facts(std::move(facts));
  around_.ledger.arrived(*this);
}

}  // namespace z4j::gateway
