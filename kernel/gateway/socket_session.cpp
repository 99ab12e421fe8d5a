#include "gateway/socket_session.hpp"

#include <utility>

#include "core/refusal.hpp"
#include "gateway/ledger.hpp"
#include "wire/hello.hpp"
#include "wire/version.hpp"

namespace z4j::gateway {
namespace {

// Of one connection's messages that wait for its desk.
constexpr std::size_t kPauseBytes = std::size_t{1} << 20, kResumeBytes = std::size_t{256} << 10;
constexpr wire::Version kAckedIdSince{1, 5, 0};
constexpr std::int64_t kAckAgainMs = 50;
// Of all connections: beyond, one is read only when nothing of it waits.
constexpr std::size_t kMostWaitingBytes = std::size_t{64} << 20;

// A sign of life, by a glance at where the type stands: before the payload or behind it. A wrong
// guess costs milliseconds.
Haste haste_of(std::string_view frame) {
  constexpr std::size_t kBefore = 400, kBehind = 100;
  const auto tells = [&](std::string_view type) {
    return frame.substr(0, kBefore).find(type) != std::string_view::npos ||
           (frame.size() > kBefore &&
            frame.substr(frame.size() - kBehind).find(type) != std::string_view::npos);
  };
  return tells("\"heartbeat\"") || tells("\"agent_status\"") ? Haste::none : Haste::some;
}

}  // namespace

SocketSession::SocketSession(Desk& desk, Surroundings& around, Identity who, std::string client_ip,
                             net::SocketSender& sender, net::SocketId socket)
    : Session(desk, around, std::move(who), std::move(client_ip)),
      sender_(sender),
      socket_(socket),
      opened_ms_(around.clock.steady_ms()) {}

SocketSession::~SocketSession() { around_.figures.waiting_bytes -= counted_; }

void SocketSession::arrived(Message message) {
  heard(message.at);
  const Haste haste = haste_of(message.text);
  put(std::move(message), haste);
  weigh_reading();
}

void SocketSession::closed(std::uint16_t code) {
  news([this, code] {
    const bool was_ours = is_over_.exchange(true);
    if (!is_seated_) return;
    is_seated_ = false;
    around_.roster.unseat(*this);
    const std::uint16_t told = was_ours ? close_code_ : code;
    around_.ledger.departed(*this, told, was_ours ? close_reason_ : std::string());
    around_.log.info("agent disconnected", {{"agent", who().name},
                                            {"agent_id", who().agent_id.text()},
                                            {"project", who().project_id.text()},
                                            {"client", client_ip()},
                                            {"code", told},
                                            {"why", close_reason_}});
  });
}

void SocketSession::end(std::uint16_t code, std::string reason) {
  news([this, code, reason = std::move(reason)] { end_now(code, reason); });
}

void SocketSession::end_now(std::uint16_t code, std::string_view reason) {
  if (is_over_.exchange(true)) return;
  close_code_ = code;
  close_reason_ = reason;
  sender_.close(socket_, code, reason);
}

void SocketSession::refuse(const base::Error& why, std::uint16_t code) {
  around_.log.warn(is_greeted_ ? "agent disconnected for a bad frame" : "agent refused",
                   {{"agent", who().name},
                    {"agent_id", who().agent_id.text()},
                    {"project", who().project_id.text()},
                    {"client", client_ip()},
                    {"code", code},
                    {"why", why.message}});
  end_now(code, why.message);
}

// The two threads that change what waits both come here afterwards, so the last one sees how it is.
void SocketSession::weigh_reading() {
  const std::lock_guard lock(reading_mutex_);
  const std::size_t waiting = waiting_bytes();
  const std::size_t all = around_.figures.waiting_bytes += waiting - counted_;
  counted_ = waiting;
  const std::size_t most = all > kMostWaitingBytes ? 0 : is_paused_ ? kResumeBytes : kPauseBytes;
  const bool pause = is_waiting_ || waiting > most;
  if (pause == is_paused_) return;
  is_paused_ = pause;
  if (pause) paused_at_ = around_.clock.now();
  if (!pause) {
    heard(around_.clock.now());
    news([this, at = paused_at_] { read_late_since(at); });
  }
  sender_.pause(socket_, pause ? net::Reading::paused : net::Reading::running);
}

Strand::Took SocketSession::take(Message& message) {
  if (is_over_) return Took::yes;
  if (!is_greeted_) {
    greet(message);
    return Took::yes;
  }
  Handled handled = Handled::busy;
  base::Error why;
  const std::int64_t now_ms = around_.clock.steady_ms();
  if (has_verified())
    handled = go_on();
  else if (!is_ahead() && !brake_.rests(now_ms))
    handled = handle(message, &why);
  if (handled == Handled::busy) {
    is_waiting_ = true;
    weigh_reading();
    return Took::not_now;
  }
  is_waiting_ = false;
  if (handled == Handled::repeat)
    brake_.repeated(now_ms);
  else
    brake_.fresh();
  if (handled == Handled::refused) {
    // A newer agent may speak of things that we don't know; its other frames are good.
    if (why.where != wire::kType) refuse(why, wire::close_code_of(why));
  }
  return Took::yes;
}

void SocketSession::taken(std::size_t) { weigh_reading(); }

void SocketSession::greet(const Message& message) {
  auto hello = wire::parse_hello(message.text, around_.max_frame_bytes);
  if (!hello) {
    return refuse(hello.error(), hello.error().where == wire::kVersion ? wire::close::kVersion
                                                                       : wire::close::kBadFrame);
  }
  if (hello->protocol_version != wire::kProtocolVersion) {
    return refuse(
        wire::refused(wire::kVersion, "this brain speaks protocol 2, the agent another one"),
        wire::close::kVersion);
  }
  if (auto fine = wire::accepts(hello->agent_version); !fine)
    return refuse(fine.error(), wire::close::kVersion);
  wire::HelloAck ack;
  ack.brain_version = wire::kUpstreamLevel;
  ack.ids = {who().agent_id.text(), who().project_id.text(), id().text()};
  ack.heartbeat_interval_seconds = around_.heartbeat_s;
  ack.max_frame_size_bytes = static_cast<std::int64_t>(around_.max_frame_bytes);
  set_facts(facts_of(*hello));
  const auto version = wire::parse_version(hello->agent_version);
  knows_acked_id_ = !version || *version >= kAckedIdSince;
  begin(ack.ids);
  is_greeted_ = true;
  if (!sender_.send(socket_, wire::write_hello_ack(ack, around_.clock.now()))) return;
  auto seated = around_.roster.seat(std::static_pointer_cast<Session>(shared_from_this()));
  if (seated.is_full) {
    around_.log.warn("agent refused", {{"agent", who().name},
                                       {"agent_id", who().agent_id.text()},
                                       {"client", client_ip()},
                                       {"code", wire::close::kTooMany},
                                       {"why", "too many connections of this agent"}});
    return end_now(wire::close::kTooMany, "too many connections of this agent");
  }
  is_seated_ = true;
  if (seated.replaced)
    seated.replaced->end(wire::close::kReplaced, "replaced by a newer connection");
  around_.ledger.arrived(*this);
  around_.log.info("agent connected", {{"agent", who().name},
                                       {"agent_id", who().agent_id.text()},
                                       {"project", who().project_id.text()},
                                       {"worker", facts()->worker_id.value_or("").substr(0, 128)},
                                       {"version", facts()->agent_version.substr(0, 40)},
                                       {"client", client_ip()}});
}

void SocketSession::settled(const std::string& frame_id, std::size_t received,
                            const std::optional<core::Ingest::Stored>& stored) {
  if (!stored || is_over_) return;
  ++around_.figures.acks;
  auto payload = wire::ack_payload(frame_id, static_cast<std::int64_t>(received),
                                   static_cast<std::int64_t>(stored->inserted));
  // Older ones verify over the members that they know, and would take the frame for a false one.
  if (!knows_acked_id_) payload.erase("acked_id");
  sender_.send(socket_, signer_->sign(wire::FrameType::event_batch_ack,
                                      wire::ack_frame_id(frame_id), payload, around_.clock.now()));
}

// The first acknowledgement went out on this connection; a run of repeats must not become one of
// acknowledgements, which nobody may be reading.
void SocketSession::settled_before(const std::string& frame_id, std::size_t received) {
  const std::int64_t now_ms = around_.clock.steady_ms();
  if (now_ms < may_ack_again_ms_) return;
  may_ack_again_ms_ = now_ms + kAckAgainMs;
  Session::settled_before(frame_id, received);
}

void SocketSession::deliver(const Errand& errand) {
  if (!is_greeted_) {
    return around_.errands.not_sent(
        errand.id, core::refuse::error(base::Code::unavailable, core::refuse::kAgentOffline,
                                       "the agent is not connected; nothing was sent"));
  }
  if (const auto text = command_text(errand)) sender_.send(socket_, *text);
}

}  // namespace z4j::gateway
