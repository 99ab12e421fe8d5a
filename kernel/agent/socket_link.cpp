// The WebSocket to /ws/agent: hello, hello_ack, then signed frames both ways.
#include <optional>

#include "agent/link.hpp"
#include "net/socket_client.hpp"
#include "wire/refusal.hpp"

namespace z4j::agent {
namespace {

constexpr const char* kPath = "/ws/agent";
constexpr std::size_t kRoomBytes = std::size_t{2} << 20;
constexpr int kHelloAckMs = 10'000;

std::int64_t skew_seconds(base::TimeUs skew) { return skew / base::kSecondUs; }

class SocketLink final : public Link {
 public:
  SocketLink(Options options, Callbacks callbacks, const base::Clock& clock)
      : options_(std::move(options)), callbacks_(std::move(callbacks)), clock_(clock) {}

  void start() {
    net::SocketClient::Options dialling;
    dialling.target = options_.target;
    dialling.path = kPath;
    dialling.headers = {{"Authorization", "Bearer " + options_.token},
                        {"User-Agent", options_.user_agent}};
    dialling.first_message_timeout_ms = kHelloAckMs;
    net::SocketClient::Callbacks told;
    told.opened = [this] {
      (void)socket_->send(wire::write_hello(options_.hello, wire::frame_id("hello_", 16)));
    };
    told.message = [this](std::string_view text) { on_message(text); };
    told.ended = [this](const net::ClientFailure& failure) { on_ended(failure); };
    socket_ = std::make_unique<net::SocketClient>(std::move(dialling), std::move(told));
    socket_->start();
  }

  bool has_room() const override { return socket_->unsent_bytes() < kRoomBytes; }

  bool send(wire::FrameType type, const std::string& id,
            const base::json::Object& payload) override {
    if (!signer_) return false;
    std::string text = signer_->sign(type, id, payload, clock_.now());
    return text.size() <= max_frame_bytes_ && socket_->send(std::move(text));
  }

  void close(std::uint16_t code, std::string_view reason) override { socket_->close(code, reason); }

 private:
  void on_message(std::string_view text) {
    if (verifier_) return on_frame(text);
    const auto ack = wire::parse_hello_ack(text);
    if (!ack)
      return refuse(FailureClass::connection,
                    "its first answer is no hello_ack: " + ack.error().message,
                    wire::close::kBadFrame);
    if (ack->protocol_version != wire::kProtocolVersion) {
      return refuse(FailureClass::protocol,
                    "the brain speaks protocol " + ack->protocol_version + ", this agent " +
                        std::string(wire::kProtocolVersion),
                    wire::close::kVersion);
    }
    signer_.emplace(options_.key, ack->ids);
    verifier_.emplace(options_.key, ack->ids);
    Opened opened;
    opened.ids = ack->ids;
    opened.heartbeat_seconds = ack->heartbeat_interval_seconds;
    opened.max_frame_bytes = static_cast<std::size_t>(ack->max_frame_size_bytes);
    opened.brain_version = ack->brain_version;
    if (const auto frame = base::json::parse(text); frame && frame->is_object()) {
      const auto told = base::parse_time(base::json::text(frame->get_object(), "ts"));
      opened.brain_clock = told ? *told : 0;
    }
    max_frame_bytes_ = opened.max_frame_bytes;
    was_open_ = true;
    callbacks_.opened(std::move(opened));
  }

  void on_frame(std::string_view text) {
    auto frame = verifier_->open(text, clock_.now(), clock_.steady_ms());
    if (frame) return callbacks_.frame(std::move(frame).value());
    const base::Error& why = frame.error();
    if (why.where == wire::kType) return;  // of a newer brain
    std::string cause = "a frame of the brain is not to be trusted: " + why.message;
    if (why.where == wire::kClock)
      cause = "the brain's clock is " + std::to_string(skew_seconds(verifier_->skew_us())) +
              " s ahead of ours, and 60 s is the most";
    if (why.where == wire::kSignature)
      cause =
          "the brain signs with another secret: is Z4J_HMAC_SECRET the one shown with the token?";
    refuse(FailureClass::connection, std::move(cause), wire::close_code_of(why));
  }

  void refuse(FailureClass kind, std::string cause, std::uint16_t code) {
    if (refusal_) return;
    refusal_.emplace();
    refusal_->kind = kind;
    refusal_->cause = std::move(cause);
    refusal_->close_code = code;
    socket_->close(code, "refused by the agent");
  }

  void on_ended(const net::ClientFailure& failure) {
    LinkEnd end = explain(failure, was_open_);
    if (refusal_) {
      refusal_->step = failure.step;
      end = *refusal_;
    }
    callbacks_.ended(std::move(end));
  }

  const Options options_;
  const Callbacks callbacks_;
  const base::Clock& clock_;
  std::optional<wire::Verifier> verifier_;  // the socket's thread only, as the two below
  std::optional<LinkEnd> refusal_;
  bool was_open_ = false;
  std::optional<wire::Signer> signer_;  // made before `opened` is told, then send()'s alone
  std::size_t max_frame_bytes_ = wire::kMaxFrameBytes;
  std::unique_ptr<net::SocketClient> socket_;  // last: its thread ends first
};

}  // namespace

std::unique_ptr<Link> open_socket_link(Link::Options options, Link::Callbacks callbacks,
                                       const base::Clock& clock) {
  auto link = std::make_unique<SocketLink>(std::move(options), std::move(callbacks), clock);
  link->start();
  return link;
}

}  // namespace z4j::agent
