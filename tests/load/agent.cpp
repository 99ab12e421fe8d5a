#include "agent.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <string_view>
#include <utility>

#include "base/crypto.hpp"
#include "base/uuid.hpp"
#include "wire/action.hpp"
#include "wire/health.hpp"
#include "wire/hello.hpp"

namespace z4j::load {
namespace {

namespace json = base::json;

constexpr std::size_t kMostUnacked = 256;
constexpr std::int64_t kFirstBackoffMs = 1000, kLastBackoffMs = 30'000, kHelloMs = 15'000;
// The brain lets one address connect 600 times a minute.
constexpr std::size_t kAgentsPerAddress = 100;
constexpr std::array<std::string_view, 3> kKinds = {"task.received", "task.started",
                                                    "task.succeeded"};

std::mt19937& dice() {
  static std::mt19937 dice{std::random_device{}()};
  return dice;
}

// 127.1.0.1 and on; 127.0.0.1 is the tester's own.
asio::ip::address source_address(std::size_t number) {
  const std::size_t place = number / kAgentsPerAddress;
  return asio::ip::make_address("127.1." + std::to_string(place / 250) + "." +
                                std::to_string(place % 250 + 1));
}

}  // namespace

Agent::Agent(Shared& shared, std::size_t number)
    : shared_(shared),
      number_(number),
      credential_(shared.options.credentials[number % shared.options.credentials.size()]),
      floods_(number == 0 && shared.options.flood > 0),
      worker_id_("load-" + std::to_string(number) + "-" + base::hex(base::random_bytes(4))) {}

void Agent::connect(std::int64_t now_ms) {
  hello_by_ms_ = now_ms + kHelloMs;
  link_ = std::make_shared<Link>(
      shared_.io, shared_.tls,
      Link::Callbacks{[this] { greet(); }, [this](std::string_view text) { message(text); },
                      [this](const std::string& why) { gone(why); }});
  link_->connect(source_address(number_), shared_.brain,
                 "GET " + shared_.options.path + " HTTP/1.1\r\nHost: " + shared_.options.host +
                     ":" + std::to_string(shared_.options.port) +
                     "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
                     "\r\nSec-WebSocket-Key: " +
                     base::base64(base::random_bytes(16)) + "\r\nAuthorization: Bearer " +
                     credential_.token + "\r\n\r\n");
}

void Agent::greet() {
  wire::Hello hello;
  hello.agent_version = "1.12.0";
  hello.framework = "bare";
  hello.engines = {"celery"};
  hello.capabilities["celery"] = {"cancel_task", std::string(wire::kRetryByReference),
                                  "retry_task"};
  hello.host["name"] = "load";
  hello.worker_id = worker_id_;
  hello.worker_pid = 1;
  hello.worker_started_at = shared_.clock.now();
  hello.runtime_features = {"retry_by_reference"};
  link_->send(wire::write_hello(hello, wire::frame_id("hello_", 16)));
}

void Agent::begin_session(std::string_view text) {
  const auto ack = wire::parse_hello_ack(text);
  if (!ack) {
    link_->close();
    return gone("hello_ack: " + ack.error().message);
  }
  signer_.emplace(credential_.secret, ack->ids);
  if (shared_.options.verify) verifier_.emplace(credential_.secret, ack->ids);
  backoff_ms_ = 0;
  const int told = ack->heartbeat_interval_seconds;
  beat_every_ms_ = 1000 * (shared_.options.heartbeat_s > 0 ? shared_.options.heartbeat_s : told);
  // Agents that came together must not beat together.
  beat_at_ms_ = shared_.clock.steady_ms() +
                std::uniform_int_distribution<std::int64_t>(0, beat_every_ms_)(dice());
  for (const auto& [id, sent] : unacked_)
    send_frame(wire::FrameType::event_batch, id, sent.payload);
}

void Agent::message(std::string_view text) {
  if (!signer_) return begin_session(text);
  if (verifier_) {
    const auto opened = verifier_->open(text, shared_.clock.now(), shared_.clock.steady_ms());
    if (!opened) {
      ++shared_.figures.refused_frames;
      return;
    }
  }
  const auto frame = json::parse(text);
  if (!frame || !frame->is_object()) {
    ++shared_.figures.refused_frames;
    return;
  }
  const json::Object& o = frame->get_object();
  const std::string_view type = json::text(o, "type");
  const json::Object* payload = json::object(o, "payload");
  if (type == "event_batch_ack" && payload != nullptr) {
    acked(std::string(json::text(*payload, "acked_id")));
  } else if (type == "command") {
    const std::string id(json::text(o, "id"));
    send_frame(wire::FrameType::command_ack, id, {});
    wire::ActionResult result;
    result.error = "unsupported: a load agent has no engine";
    send_frame(wire::FrameType::command_result, id, wire::result_payload(result));
  }
}

void Agent::acked(const std::string& id) {
  const auto sent = unacked_.find(id);
  if (sent == unacked_.end()) {
    ++shared_.figures.foreign_acks;
    return;
  }
  ++shared_.figures.acks;
  (floods_ ? shared_.figures.acked_flood : shared_.figures.acked)
      .add(shared_.clock.now() - sent->second.first_us);
  unacked_.erase(sent);
}

void Agent::gone(const std::string& why) {
  if (signer_) ++shared_.figures.losses;
  shared_.figures.fail(why);
  link_.reset();
  signer_.reset();
  verifier_.reset();
  backoff_ms_ = std::clamp(backoff_ms_ * 2, kFirstBackoffMs, kLastBackoffMs);
  const double extra = std::uniform_real_distribution<double>(1.0, 1.3)(dice());
  connect_at_ms_ = shared_.clock.steady_ms() +
                   static_cast<std::int64_t>(static_cast<double>(backoff_ms_) * extra);
}

void Agent::close() {
  if (link_ != nullptr) link_->close();
  link_.reset();
  signer_.reset();
}

void Agent::start_events(std::int64_t now_ms) {
  events_since_ms_ = now_ms;
  events_due_from_ = 0;
}

void Agent::stop_events() { events_since_ms_ = -1; }

void Agent::tick(std::int64_t now_ms, bool may_connect) {
  if (link_ == nullptr) {
    if (may_connect && wants_to_connect(now_ms)) connect(now_ms);
    return;
  }
  if (!signer_) {
    if (now_ms > hello_by_ms_) {
      link_->close();
      gone("no hello_ack");
    }
    return;
  }
  if (now_ms >= beat_at_ms_) {
    beat_at_ms_ = std::max(beat_at_ms_ + beat_every_ms_, now_ms);
    beat();
  }
  const double rate = floods_ ? shared_.options.flood : shared_.options.rate;
  if (events_since_ms_ < 0 || rate <= 0) return;
  // Spread over the time between two events of an agent.
  const double phase = static_cast<double>(number_ % 97) / 97;
  const auto due = static_cast<std::uint64_t>(
      static_cast<double>(now_ms - events_since_ms_) * rate / 1000 + phase);
  const std::int64_t now_us = shared_.clock.now();
  for (; events_due_from_ < due; ++events_due_from_) {
    if (unacked_.size() >= kMostUnacked) {
      ++shared_.figures.held;
      return;
    }
    send_event(now_us);
  }
}

void Agent::beat() {
  send_frame(wire::FrameType::heartbeat, wire::frame_id("hb_"),
             {{"buffer_size", static_cast<std::int64_t>(unacked_.size())},
              {"last_flush_at", nullptr},
              {"dropped_events", 0},
              {"adapter_health",
               {{"celery.broker_type", "redis"},
                {"celery.broker_connected", "True"},
                {"celery.queue_depths", "{}"}}}});
  wire::AgentStatus status;
  status.buffer_depth = static_cast<std::int64_t>(unacked_.size());
  status.agent_version = "1.12.0";
  status.protocol_version = wire::kProtocolVersion;
  status.engines = {"celery"};
  send_frame(wire::FrameType::agent_status, wire::frame_id("as_"),
             wire::write_agent_status(status));
}

json::Object Agent::next_event() {
  if (step_ % kKinds.size() == 0) task_id_ = base::Uuid::random().text();
  const std::string_view kind = kKinds[step_++ % kKinds.size()];
  json::Object data{{"task_name", "shop.tasks.charge_card"},
                    {"queue", "celery"},
                    {"worker", "celery@load-" + std::to_string(number_ % 1000)}};
  if (kind == "task.received") {
    data["args"] = json::Array{static_cast<std::int64_t>(number_), "order-4711", 19.9};
    data["kwargs"] = json::Object{{"currency", "EUR"}, {"retry", false}};
  }
  if (kind == "task.succeeded") {
    data["result"] = "'charged'";
    data["runtime_ms"] = 12;
  }
  return {{"id", base::Uuid::random().text()},
          {"kind", kind},
          {"engine", "celery"},
          {"task_id", task_id_},
          {"occurred_at", base::format_time(shared_.clock.now(), base::TimeForm::audit)},
          {"data", std::move(data)}};
}

void Agent::send_event(std::int64_t now_us) {
  std::string id = wire::frame_id("ev_", 32);
  json::Object payload{{"events", json::Array{next_event()}}};
  ++shared_.figures.events;
  send_frame(wire::FrameType::event_batch, id, payload);
  unacked_.emplace(std::move(id), Sent{std::move(payload), now_us});
}

void Agent::send_frame(wire::FrameType type, const std::string& id, const json::Object& payload) {
  ++shared_.figures.frames;
  link_->send(signer_->sign(type, id, payload, shared_.clock.now()));
}

}  // namespace z4j::load
