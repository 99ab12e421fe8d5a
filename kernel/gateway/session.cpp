#include "gateway/session.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

#include "core/refusal.hpp"
#include "core/text.hpp"
#include "gateway/ledger.hpp"
#include "wire/action.hpp"
#include "wire/health.hpp"

namespace z4j::gateway {
namespace {

constexpr std::size_t kBytesUnderWay = std::size_t{4} << 20, kFramesUnderWay = 1024;
// What an agent may have under way however little others have; beyond, no more than all others.
constexpr std::size_t kRowsBesideOthers = 128;
constexpr std::size_t kSettledKept = 512, kMaxVersions = 64;
constexpr base::TimeUs kSkewAllowed = 60 * base::kSecondUs;
constexpr std::int64_t kNoSkew = std::numeric_limits<std::int64_t>::min();

}  // namespace

Facts facts_of(const wire::Hello& hello) {
  Facts facts;
  facts.agent_version = hello.agent_version;
  facts.framework = hello.framework;
  facts.host_name = hello.host_name();
  facts.engine_names = hello.engines;
  facts.schedulers = hello.schedulers;
  facts.features = hello.runtime_features;
  facts.capabilities = hello.capabilities;
  for (const std::string& engine : hello.engines) {
    const auto told = hello.capabilities.find(engine);
    facts.engines[engine] =
        told == hello.capabilities.end() ? 0 : wire::capability_bits(told->second);
  }
  if (const base::json::Object* versions = base::json::object(hello.host, "versions")) {
    for (const auto& [name, version] : *versions) {
      if (facts.versions.size() >= kMaxVersions || !version.is_string()) continue;
      const std::string_view text(version.get_string().data(), version.get_string().size());
      facts.versions[core::clean_text(name, 80)] = core::clean_text(text, 40);
    }
  }
  facts.worker_id = hello.worker_id;
  facts.worker_role = hello.worker_role;
  facts.worker_pid = hello.worker_pid;
  facts.worker_started_at = hello.worker_started_at;
  return facts;
}

Session::Session(Desk& desk, Surroundings& around, Identity who, std::string client_ip)
    : Strand(desk),
      around_(around),
      who_(std::move(who)),
      id_(base::Uuid::ordered(around.clock.now() / 1000)),
      client_ip_(std::move(client_ip)),
      source_{who_.project_id, who_.agent_id, who_.name, false, nullptr, true},
      heard_at_(around.clock.now()),
      skew_ms_(kNoSkew),
      facts_(std::make_shared<const Facts>()) {}

Session::~Session() { around_.figures.rows_under_way -= rows_under_way_; }

std::shared_ptr<const Facts> Session::facts() const {
  const std::lock_guard lock(facts_mutex_);
  return facts_;
}

void Session::set_facts(Facts facts) {
  auto told = std::make_shared<const Facts>(std::move(facts));
  const std::lock_guard lock(facts_mutex_);
  facts_ = std::move(told);
}

std::optional<std::int64_t> Session::skew_ms() const {
  const std::int64_t skew = skew_ms_;
  return skew == kNoSkew ? std::nullopt : std::optional(skew);
}

void Session::begin(wire::SessionIds ids) {
  const std::string key = around_.secret_of(who_.project_id);
  signer_.emplace(key, ids);
  verifier_.emplace(key, std::move(ids), around_.max_frame_bytes);
}

void Session::send(const Errand& errand) {
  news([this, errand] {
    if (!is_over_) return deliver(errand);
    around_.errands.not_sent(
        errand.id, core::refuse::error(base::Code::unavailable, core::refuse::kAgentOffline,
                                       "the agent's connection ended; nothing was sent"));
  });
}

std::optional<std::string> Session::command_text(const Errand& errand) {
  if (!signer_ || !around_.errands.sending(errand.id)) return std::nullopt;
  return signer_->sign(wire::FrameType::command, errand.id.text(),
                       wire::command_payload(errand.action, facts()->agent_version),
                       around_.clock.now());
}

// --- frames -------------------------------------------------------------------------------------

// A frame's time is compared with the time when it arrived. What arrived while we did not read may
// have waited in the socket as long as that took; then any time in between is good.
base::Result<wire::Frame> Session::open(const Message& message) {
  auto frame = verifier_->open(message.text, message.at, message.mono_ms);
  const base::TimeUs skew = verifier_->skew_us();
  if (frame) {
    late_since_.reset();
    skew_ms_ = skew / 1000;
    return frame;
  }
  if (frame.error().where != wire::kClock) return frame;
  const base::TimeUs said = message.at + skew;
  if (!late_since_ || said < *late_since_ - kSkewAllowed || said > message.at) {
    skew_ms_ = skew / 1000;
    return frame;
  }
  return verifier_->open(message.text, said, message.mono_ms);
}

Session::Handled Session::handle(const Message& message, base::Error* why) {
  auto frame = open(message);
  if (!frame) {
    ++around_.figures.refused_frames;
    *why = std::move(frame).error();
    return Handled::refused;
  }
  ++around_.figures.frames;
  return dispatch(std::move(frame).value(), message.at);
}

Session::Handled Session::dispatch(wire::Frame frame, base::TimeUs at) {
  switch (frame.type) {
    case wire::FrameType::event_batch:
      return take_events(frame, at);
    case wire::FrameType::heartbeat: {
      wire::Heartbeat beat = wire::read_heartbeat(frame.payload);
      for (const wire::EngineHealth& health : beat.engines) on_engine(health.engine);
      around_.ledger.beat(*this, std::move(beat), frame.payload);
      break;
    }
    case wire::FrameType::agent_status:
      on_status(frame.payload);
      break;
    case wire::FrameType::command_ack:
      if (const auto id = base::Uuid::parse(frame.id)) on_command_ack(*id);
      break;
    case wire::FrameType::command_result:
      if (const auto id = base::Uuid::parse(frame.id)) {
        on_command_ack(*id);
        around_.errands.finish(who_.agent_id, *id, wire::read_result(frame.payload));
      }
      break;
    case wire::FrameType::registry_delta:
      around_.ledger.registry(*this, frame.payload);
      break;
    case wire::FrameType::error:
      around_.log.info("an agent reports an error",
                       {{"agent", who_.name},
                        {"agent_id", who_.agent_id.text()},
                        {"code", base::json::text(frame.payload, "code").substr(0, 80)}});
      break;
    default:
      break;  // a type that only we send: of no use to us
  }
  return Handled::yes;
}

void Session::on_status(const base::json::Object& payload) {
  around_.ledger.status(*this, payload);
}

// --- events -------------------------------------------------------------------------------------

bool Session::is_ahead() const noexcept {
  const std::size_t all = around_.figures.rows_under_way;
  const std::size_t others = all - std::min(all, rows_under_way_);
  return bytes_under_way_ >= kBytesUnderWay || under_way_.size() >= kFramesUnderWay ||
         (others > 0 && rows_under_way_ >= std::max(others, kRowsBesideOthers));
}

void Session::begins(const std::string& frame_id, const UnderWay& frame) {
  under_way_[frame_id] = frame;
  rows_under_way_ += frame.rows;
  bytes_under_way_ += frame.bytes;
  around_.figures.rows_under_way += frame.rows;
}

std::optional<Session::UnderWay> Session::ends(const std::string& frame_id) {
  const auto at = under_way_.find(frame_id);
  if (at == under_way_.end()) return std::nullopt;
  const UnderWay frame = at->second;
  under_way_.erase(at);
  rows_under_way_ -= frame.rows;
  bytes_under_way_ -= frame.bytes;
  around_.figures.rows_under_way -= frame.rows;
  return frame;
}

Session::Handled Session::take_events(const wire::Frame& frame, base::TimeUs at) {
  const base::json::Array* events = base::json::array(frame.payload, "events");
  const std::size_t received = events != nullptr ? events->size() : 0;
  if (under_way_.count(frame.id) > 0) {
    ++around_.figures.repeated_frames;
    waits(frame.id);
    return Handled::repeat;
  }
  if (was_settled(frame.id)) {
    ++around_.figures.repeated_frames;
    settled_before(frame.id, received);
    return Handled::repeat;
  }
  Verified verified;
  verified.frame_id = frame.id;
  verified.received = received;
  if (events != nullptr) {
    for (const base::json::Value& event : *events) {
      if (event.is_object() && wire::is_schedule_event(event.get_object()))
        verified.schedules.push_back(event);
      else if (verified.rows.add(event, at))
        on_engine(base::json::text(event.get_object(), "engine"));
    }
  }
  verified_ = std::move(verified);
  return go_on();
}

Session::Handled Session::go_on() {
  Verified& frame = *verified_;
  if (!around_.take_schedules) frame.schedules.clear();
  const bool has_schedules = !frame.schedules.empty();
  const bool has_rows = frame.rows.size() > 0;
  if (!has_rows && !has_schedules) {
    const std::string id = frame.frame_id;
    const std::size_t received = frame.received;
    verified_.reset();
    settled(id, received, core::Ingest::Stored{});
    return Handled::yes;
  }
  begins(frame.frame_id, {frame.received, frame.rows.size(), frame.rows.bytes(),
                          (has_rows ? 1 : 0) + (has_schedules ? 1 : 0)});
  if (!has_rows) {
    waits(frame.frame_id);
    const std::string id = frame.frame_id;
    base::json::Array schedules = std::move(frame.schedules);
    verified_.reset();
    hand_over_schedules(id, std::move(schedules));
    return Handled::yes;
  }
  const auto receipt = [this, weak = weak_from_this(),
                        id = frame.frame_id](const std::optional<core::Ingest::Stored>& stored) {
    if (const auto self = weak.lock()) self->news([this, id, stored] { on_receipt(id, stored); });
  };
  const base::Status pushed = around_.push(source_, frame.rows.batch(), receipt);
  if (pushed) {
    around_.figures.events += frame.rows.size();
    waits(frame.frame_id);
    const std::string id = frame.frame_id;
    base::json::Array schedules = std::move(frame.schedules);
    verified_.reset();
    if (has_schedules) hand_over_schedules(id, std::move(schedules));
    return Handled::yes;
  }
  static_cast<void>(ends(frame.frame_id));
  if (pushed.error().code != base::Code::too_large) return Handled::busy;
  // It would come back for ever.
  around_.log.warn(
      "events refused for good",
      {{"agent", who_.name}, {"agent_id", who_.agent_id.text()}, {"why", pushed.error().text()}});
  const std::string id = frame.frame_id;
  const std::size_t received = frame.received;
  verified_.reset();
  settled(id, received, core::Ingest::Stored{});
  return Handled::yes;
}

void Session::hand_over_schedules(const std::string& frame_id, base::json::Array events) {
  const std::size_t count = events.size();
  around_.take_schedules(
      who_, std::move(events), [weak = weak_from_this(), frame_id, count](bool is_stored) {
        const auto self = std::static_pointer_cast<Session>(weak.lock());
        if (!self) return;
        self->news([session = self.get(), frame_id, count, is_stored] {
          session->on_receipt(frame_id, is_stored ? std::optional(core::Ingest::Stored{count, 0, 0})
                                                  : std::nullopt);
        });
      });
}

void Session::on_receipt(const std::string& frame_id,
                         const std::optional<core::Ingest::Stored>& stored) {
  const auto part = under_way_.find(frame_id);
  if (part == under_way_.end()) return;
  UnderWay& whole = part->second;
  whole.is_lost = whole.is_lost || !stored;
  if (stored) {
    whole.stored.inserted += stored->inserted;
    whole.stored.repeated += stored->repeated;
    whole.stored.set_aside += stored->set_aside;
  }
  if (--whole.parts > 0) return;
  const auto frame = ends(frame_id);
  const std::optional<core::Ingest::Stored> all =
      frame->is_lost ? std::nullopt : std::optional(frame->stored);
  if (all) remember(frame_id);
  settled(frame_id, frame->received, all);
  try_now();
}

void Session::remember(const std::string& frame_id) {
  const std::uint64_t hash = std::hash<std::string>{}(frame_id);
  if (settled_.size() < kSettledKept) {
    settled_.push_back(hash);
    return;
  }
  settled_[next_settled_] = hash;
  next_settled_ = (next_settled_ + 1) % kSettledKept;
}

bool Session::was_settled(const std::string& frame_id) const {
  return std::find(settled_.begin(), settled_.end(), std::hash<std::string>{}(frame_id)) !=
         settled_.end();
}

}  // namespace z4j::gateway
