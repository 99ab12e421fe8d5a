#include "agent/session.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/crypto.hpp"
#include "base/json.hpp"
#include "base/uuid.hpp"
#include "wire/refusal.hpp"
#include "wire/version.hpp"

namespace z4j::agent {
namespace {

namespace json = base::json;
using wire::FrameType;

constexpr std::size_t kMostFlying = 256;
constexpr std::int64_t kResendMs = 90'000;
constexpr std::int64_t kSyncMs = 1'000, kLookMs = 1'000;
constexpr std::int64_t kReconnectMs = 60'000;  // at most so often for new capabilities
constexpr std::int64_t kEnginesMs = 20'000;    // the first dial waits so long for engines to start
constexpr std::size_t kEnvelopeBytes = 600;    // of a frame around its payload
constexpr std::size_t kMostCommands = 64;
constexpr std::size_t kNamesPerFrame = 1000;
constexpr std::size_t kMostErrorText = 200;

json::Object task_definition(const std::string& engine, const std::string& name) {
  const std::size_t dot = name.rfind('.');
  return {{"name", name},
          {"module", json::text_or_null(dot != std::string::npos ? name.substr(0, dot) : "")},
          {"engine", engine},
          {"queue", nullptr},
          {"signature", nullptr},
          {"declared_in", nullptr},
          {"loaded", true},
          {"tags", json::Array()}};
}

std::string seconds_text(std::int64_t ms) {
  return std::to_string(ms / 1000) + "." + std::to_string(ms % 1000 / 100) + " s";
}

}  // namespace

Session::Session(Options options, Engines& engines, Buffer& buffer, CommandLedger& ledger,
                 Commands& commands, Losses& losses, const base::Clock& clock, base::Log& log)
    : options_(std::move(options)),
      engines_(engines),
      buffer_(buffer),
      ledger_(ledger),
      commands_(commands),
      losses_(losses),
      clock_(clock),
      log_(log),
      backoff_(options_.random) {}

Session::~Session() { stop(0); }

void Session::start() {
  dial_at_ms_ = clock_.steady_ms() + kEnginesMs;
  thread_ = std::thread([this] { run(); });
}

void Session::stop(int drain_ms) {
  {
    const std::lock_guard lock(mutex_);
    if (!is_stopping_) stop_by_ms_ = clock_.steady_ms() + drain_ms;
    is_stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Session::poke() {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(is_poked_, true)) wake_.notify_all();
}

void Session::skip_wait() {
  const std::lock_guard lock(mutex_);
  must_dial_ = true;
  wake_.notify_all();
}

void Session::post(News news) {
  const std::lock_guard lock(mutex_);
  inbox_.push_back(std::move(news));
  wake_.notify_all();
}

void Session::run() {
  for (;;) {
    const std::int64_t again = look(clock_.steady_ms());
    std::unique_lock lock(mutex_);
    const auto has_news = [this] {
      return !inbox_.empty() || is_poked_ || must_dial_ || is_stopping_;
    };
    const std::int64_t ms = std::max<std::int64_t>(1, again - clock_.steady_ms());
    if (is_stopping_)
      wake_.wait_for(lock, std::chrono::milliseconds(std::min<std::int64_t>(ms, 50)),
                     [this] { return !inbox_.empty() || is_poked_; });
    else
      wake_.wait_for(lock, std::chrono::milliseconds(ms), has_news);
    is_poked_ = false;
    if (std::exchange(must_dial_, false) && state_ == State::waiting) {
      dial_at_ms_ = 0;
      log_.info("dialling now, as told");
    }
    const bool is_over = is_stopping_ && clock_.steady_ms() >= stop_by_ms_;
    const bool is_stopping = is_stopping_;
    std::deque<News> news = std::exchange(inbox_, {});
    lock.unlock();
    for (const News& each : news) each();
    if (!is_stopping) continue;
    if (state_ == State::open && (is_over || is_drained())) {
      state_ = State::closing;
      link_->close(wire::close::kNormal, "agent stops");
    }
    if (is_over || state_ == State::waiting || state_ == State::dialling) break;
  }
  link_.reset();
  buffer_.sync();
}

bool Session::is_drained() const {
  return flying_.empty() && again_.empty() && buffer_.stats().frames == 0 && tokens_.empty();
}

std::int64_t Session::look(std::int64_t now) {
  if (now >= sync_at_ms_) {
    buffer_.sync();
    sync_at_ms_ = now + kSyncMs;
  }
  if (state_ == State::waiting) {
    // The first time as soon as the engines run: hello tells what they can do.
    const bool is_first = last_connect_at_ == 0 && backoff_.streak(FailureClass::connection) == 0 &&
                          link_number_ == 0;
    if (now >= dial_at_ms_ || (is_first && engines_.were_tried())) dial();
    return std::min(dial_at_ms_, now + (is_first ? 50 : kLookMs));
  }
  if (state_ != State::open) return now + kLookMs;
  if (options_.heartbeat && now >= beat_at_ms_) {
    beat();
    beat_at_ms_ = now + opened_.heartbeat_seconds * 1000;
  }
  if (now >= look_at_ms_) {
    look_at_ms_ = now + kLookMs;
    for (auto flight = flying_.begin(); flight != flying_.end();) {
      const auto here = flight++;
      if (now - here->second.sent_ms < kResendMs) continue;
      again_.push_back(here->second.place);
      flying_.erase(here);
    }
    if (engines_.registry_version() != told_registry_version_) tell_registry();
    send_results();
    reconnect_if_able_to_more(now);
  }
  if (state_ == State::open) drain(now);
  return std::min(look_at_ms_, options_.heartbeat ? beat_at_ms_ : look_at_ms_);
}

// --- the connection -----------------------------------------------------------------------------

wire::Hello Session::hello() {
  const std::vector<Engines::Fact> facts = engines_.facts();
  told_capabilities_.clear();
  for (const Engines::Fact& fact : facts) told_capabilities_[fact.engine] = fact.capabilities;
  return greeting(options_.speaker, facts);
}

void Session::dial() {
  state_ = State::dialling;
  wanted_end_.reset();
  const std::uint64_t number = ++link_number_;
  Link::Options options = options_.link;
  options.hello = hello();
  // News of a link that was given up meanwhile is none.
  Link::Callbacks told;
  told.opened = [this, number](Opened opened) {
    post([this, number, opened = std::move(opened)] {
      if (number == link_number_ && state_ == State::dialling) on_opened(opened);
    });
  };
  told.frame = [this, number](wire::Frame frame) {
    auto kept = std::make_shared<wire::Frame>(std::move(frame));
    post([this, number, kept] {
      if (number == link_number_ && state_ == State::open) on_frame(*kept);
    });
  };
  told.stored = [this, number](std::vector<std::string> ids) {
    post([this, number, ids = std::move(ids)] {
      if (number != link_number_) return;
      for (const std::string& id : ids) acked(id);
    });
  };
  told.ended = [this, number](LinkEnd end) {
    post([this, number, end = std::move(end)] {
      if (number == link_number_ && state_ != State::waiting) on_ended(end);
    });
  };
  if (options_.make_link)
    link_ = options_.make_link(std::move(options), std::move(told));
  else if (options_.transport == Transport::websocket)
    link_ = open_socket_link(std::move(options), std::move(told), clock_);
  else
    link_ = open_poll_link(std::move(options), std::move(told), clock_);
}

void Session::on_opened(const Opened& opened) {
  opened_ = opened;
  state_ = State::open;
  backoff_.reset();
  last_connect_at_ = clock_.now();
  opened_ms_ = clock_.steady_ms();
  beat_at_ms_ = look_at_ms_ = 0;
  told_registry_.clear();
  told_registry_version_ = 0;
  log_.info("connected", {{"brain", options_.brain_url},
                          {"brain_version", opened.brain_version},
                          {"agent_id", opened.ids.agent_id},
                          {"waiting_events", buffer_.stats().events}});
  const auto theirs = wire::parse_version(opened.brain_version);
  const auto ours = wire::parse_version(wire::kUpstreamLevel);
  if (theirs && ours && theirs->major > ours->major)
    log_.warn("the brain is a major version ahead: upgrade this agent",
              {{"brain_version", opened.brain_version}, {"this_one_is_of", wire::kUpstreamLevel}});
}

void Session::on_ended(const LinkEnd& given) {
  const LinkEnd end =
      wanted_end_ && wanted_end_->close_code == given.close_code ? *wanted_end_ : given;
  const bool was_open = state_ == State::open;
  const bool is_wanted = state_ == State::closing;
  state_ = State::waiting;
  link_.reset();
  std::vector<Buffer::Place> places;
  for (const auto& [id, flight] : flying_) places.push_back(flight.place);
  std::sort(places.begin(), places.end(), [](const Buffer::Place& a, const Buffer::Place& b) {
    return std::pair(a.segment, a.at) < std::pair(b.segment, b.at);
  });
  again_.insert(again_.begin(), places.begin(), places.end());
  flying_.clear();
  ledger_.connection_lost();
  if (is_wanted) {
    dial_at_ms_ = clock_.steady_ms();
    return;
  }
  const std::int64_t wait = backoff_.next_ms(end.kind);
  dial_at_ms_ = clock_.steady_ms() + wait;
  const std::string code = end.close_code != 0    ? std::to_string(end.close_code)
                           : end.http_status != 0 ? "HTTP " + std::to_string(end.http_status)
                                                  : "none";
  log_.warn(was_open ? "disconnected" : "not connected", {{"cause", end.cause},
                                                          {"close_code", code},
                                                          {"class", to_string(end.kind)},
                                                          {"next_retry_in", seconds_text(wait)},
                                                          {"brain", options_.brain_url}});
}

// An engine that learned what its broker can do is told of by a new hello; long polls have none.
void Session::reconnect_if_able_to_more(std::int64_t now) {
  if (options_.transport == Transport::long_poll) return;
  if (reconnected_ms_ != 0 && now - reconnected_ms_ < kReconnectMs) return;
  for (const Engines::Fact& fact : engines_.facts()) {
    if (!fact.is_started || told_capabilities_[fact.engine] == fact.capabilities) continue;
    log_.info("connecting again to tell what engines can do now", {{"engine", fact.engine}});
    reconnected_ms_ = now;
    state_ = State::closing;
    link_->close(wire::close::kNormal, "capabilities changed");
    return;
  }
}

// --- frames in ----------------------------------------------------------------------------------

void Session::on_frame(wire::Frame& frame) {
  if (frame.type == FrameType::event_batch_ack)
    return acked(std::string(json::text(frame.payload, "acked_id")));
  if (frame.type == FrameType::command) return on_command(frame);
  if (frame.type != FrameType::error) return;
  const std::string_view code = json::text(frame.payload, "code");
  const std::string text(json::text(frame.payload, "message").substr(0, kMostErrorText));
  if (!json::boolean(frame.payload, "fatal")) {
    log_.warn("the brain reports an error", {{"code", code}, {"message", text}});
    return;
  }
  wanted_end_.emplace();
  wanted_end_->kind = class_of_error_code(code);
  wanted_end_->cause = "the brain ends it: " + std::string(code) + ", " + text;
  wanted_end_->close_code = wire::close::kNormal;
  link_->close(wire::close::kNormal, "fatal error frame");
}

void Session::acked(const std::string& id) {
  const auto flight = flying_.find(id);
  if (flight == flying_.end()) return;
  buffer_.settle(flight->second.place);
  flying_.erase(flight);
  last_flush_at_ = clock_.now();
}

void Session::on_command(const wire::Frame& frame) {
  const std::string& id = frame.id;
  const wire::Action action = wire::read_command(frame.payload);
  json::Object ack;
  if (!action.delivery_token.empty()) ack["delivery_claim_token"] = action.delivery_token;
  (void)link_->send(FrameType::command_ack, id, ack);
  const auto fail = [&](const char* why) {
    wire::ActionResult result;
    result.error = why;
    result.delivery_token = action.delivery_token;
    (void)link_->send(FrameType::command_result, id, wire::result_payload(result));
  };
  if (!base::Uuid::parse(id)) return;
  if (tokens_.size() >= kMostCommands && !tokens_.contains(id))
    return fail("busy: too many commands at once");
  switch (ledger_.begin(id)) {
    case CommandLedger::Seen::fresh:
      break;
    case CommandLedger::Seen::running:
      tokens_[id] = action.delivery_token;
      return;
    case CommandLedger::Seen::interrupted: {
      wire::ActionResult result;
      result.error = "unknown: the agent was stopped while it ran this command";
      result.result = json::Object{{"indeterminate", true}};
      result.delivery_token = action.delivery_token;
      ledger_.finish(id, json::write(wire::result_payload(result)));
      return send_results();
    }
    case CommandLedger::Seen::finished:
      if (const auto payload = ledger_.result(id)) {
        auto told = json::parse(*payload);
        if (!told || !told->is_object()) return;
        if (!action.delivery_token.empty())
          told->get_object()["delivery_claim_token"] = action.delivery_token;
        (void)link_->send(FrameType::command_result, id, told->get_object());
      }
      return;
    case CommandLedger::Seen::not_kept:
      return fail("io: the agent can't keep what became of commands, and runs none");
  }
  tokens_[id] = action.delivery_token;
  log_.info("command", {{"action", action.action}, {"command_id", id}});
  commands_.run(action, [this, id](const wire::ActionResult& result) {
    auto kept = std::make_shared<wire::ActionResult>(result);
    post([this, id, kept] {
      const auto token = tokens_.find(id);
      if (token != tokens_.end()) kept->delivery_token = token->second;
      tokens_.erase(id);
      if (!kept->success) log_.warn("command failed", {{"command_id", id}, {"why", kept->error}});
      ledger_.finish(id, json::write(wire::result_payload(*kept)));
      send_results();
    });
  });
}

// --- frames out ---------------------------------------------------------------------------------

void Session::send_results() {
  if (state_ != State::open) return;
  for (const auto& [id, payload] : ledger_.unsent()) {
    if (!link_->has_room()) return;
    const auto value = json::parse(payload);
    if (value && value->is_object() &&
        !link_->send(FrameType::command_result, id, value->get_object())) {
      wire::ActionResult result;
      result.error = "too_large: the result does not fit a frame";
      losses_.lost_result();
      (void)link_->send(FrameType::command_result, id, wire::result_payload(result));
    }
    ledger_.sent(id);
  }
}

void Session::drain(std::int64_t now) {
  while (flying_.size() < kMostFlying && link_->has_room() && send_next(now)) {
  }
}

// False: there is nothing to send now.
bool Session::send_next(std::int64_t now) {
  Buffer::Place place;
  if (!again_.empty()) {
    place = again_.front();
    again_.pop_front();
  } else if (const auto next = buffer_.next()) {
    place = *next;
  } else {
    return false;
  }
  const auto frame = buffer_.read(place);
  if (!frame) return true;  // it had to make way
  const auto value = json::parse(frame->payload);
  if (!value || !value->is_object() ||
      frame->payload.size() + kEnvelopeBytes > opened_.max_frame_bytes) {
    log_.warn("a frame can't be sent and is dropped",
              {{"frame", frame->id}, {"bytes", frame->payload.size()}, {"events", frame->events}});
    losses_.rejected(frame->events);
    buffer_.settle(place);
    return true;
  }
  if (!link_->send(FrameType::event_batch, frame->id, value->get_object())) {
    again_.push_front(place);
    return false;
  }
  flying_[frame->id] = Flight{place, now};
  return true;
}

void Session::beat() {
  const Buffer::Stats waiting = buffer_.stats();
  wire::Heartbeat beat;
  beat.buffer_size = static_cast<std::int64_t>(waiting.frames);
  beat.dropped_events = static_cast<std::int64_t>(losses_.events(waiting));
  if (last_flush_at_ != 0) beat.last_flush_at = last_flush_at_;
  beat.engines = engines_.health();
  beat.telemetry_loss = losses_.loss(waiting);
  json::Object payload = wire::write_heartbeat(beat);
  const std::size_t most = opened_.max_frame_bytes - opened_.max_frame_bytes / 8;
  if (json::write(payload).size() > most) {
    for (wire::EngineHealth& engine : beat.engines) {
      for (json::Value& worker : engine.workers) {
        if (worker.is_object()) worker.get_object().erase("metadata");
      }
    }
    payload = wire::write_heartbeat(beat);
  }
  if (json::write(payload).size() > most) {
    for (wire::EngineHealth& engine : beat.engines)
      engine.tells_workers = engine.tells_queues = false;
    payload = wire::write_heartbeat(beat);
  }
  (void)link_->send(FrameType::heartbeat, wire::frame_id("hb_"), payload);
  if (!options_.agent_status) return;

  wire::AgentStatus status;
  status.auth_failure_streak = backoff_.streak(FailureClass::auth);
  status.protocol_failure_streak = backoff_.streak(FailureClass::protocol);
  status.connection_failure_streak = backoff_.streak(FailureClass::connection);
  status.last_successful_connect_at = last_connect_at_;
  status.current_session_age_seconds = (clock_.steady_ms() - opened_ms_) / 1000;
  status.buffer_depth = beat.buffer_size;
  if (waiting.oldest_at != 0)
    status.buffer_oldest_age_seconds =
        static_cast<double>(std::max<base::TimeUs>(0, clock_.now() - waiting.oldest_at)) / 1e6;
  status.agent_version = std::string(wire::kUpstreamLevel);
  status.protocol_version = std::string(wire::kProtocolVersion);
  for (const wire::EngineHealth& engine : beat.engines) status.engines.push_back(engine.engine);
  status.telemetry_loss = beat.telemetry_loss;
  (void)link_->send(FrameType::agent_status, wire::frame_id("as_"),
                    wire::write_agent_status(status));
}

void Session::tell_registry() {
  told_registry_version_ = engines_.registry_version();
  for (const Engines::Registry& registry : engines_.registries()) {
    std::set<std::string>& told = told_registry_[registry.engine];
    const std::set<std::string> now(registry.names.begin(), registry.names.end());
    json::Array added, removed;
    const auto flush = [&] {
      if (added.empty() && removed.empty()) return;
      (void)link_->send(FrameType::registry_delta, wire::frame_id("rd_"),
                        json::Object{{"engine", registry.engine},
                                     {"added", std::exchange(added, {})},
                                     {"removed", std::exchange(removed, {})},
                                     {"updated", json::Array()}});
    };
    for (const std::string& name : now) {
      if (told.contains(name)) continue;
      added.emplace_back(task_definition(registry.engine, name));
      if (added.size() == kNamesPerFrame) flush();
    }
    for (const std::string& name : told) {
      if (now.contains(name)) continue;
      removed.emplace_back(name);
      if (removed.size() == kNamesPerFrame) flush();
    }
    flush();
    told = now;
  }
}

}  // namespace z4j::agent
