// The whole session under a hostile agent, one that knows its keys: messages as they come, signed
// payloads of any shape, time that jumps, a queue that is full now and then, receipts in any order.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/gateway.hpp"
#include "gateway/testing/remote.hpp"

namespace {

using namespace z4j;
using gateway::testing::Remote;
using gateway::testing::Sockets;

constexpr std::string_view kBetween = "\x1e";  // of two steps

const gateway::Identity kWho{base::Uuid::from_bytes("agent-of-16bytes"),
                             base::Uuid::from_bytes("project-16-bytes"), "web"};

struct Play {
  base::ManualClock clock{1'790'000'000LL * base::kSecondUs};
  Sockets sockets;
  std::vector<core::Ingest::Receipt> receipts;
  bool is_full = false;
  gateway::Gateway brain;
  net::SocketEndpoint endpoint;
  Remote remote{clock, kWho, "good"};
  net::SocketId socket = 0;

  Play() : brain(options()) {
    brain.begin(sockets);
    endpoint = brain.sockets().at(0);
    connect();
  }
  gateway::Gateway::Options options() {
    gateway::Gateway::Options o;
    o.clock = &clock;
    o.log = &base::Log::quiet();
    o.secret = gateway::testing::kMaster;
    o.door.find_token = [](std::string_view) { return std::optional(kWho); };
    o.push = [this](const core::EventSource&, const z4j_event_batch&,
                    core::Ingest::Receipt receipt) -> base::Status {
      if (is_full) return base::Error{base::Code::busy, "full", "", "", 50};
      receipts.push_back(std::move(receipt));
      return {};
    };
    return o;
  }
  void settle() {
    for (int i = 0; i < 20 && brain.work(); ++i) {
    }
  }
  void connect() {
    endpoint.check(remote.request(), [](const net::Response&) {});
    settle();
    endpoint.open(++socket, remote.request());
    say(remote.hello_text());
    if (!sockets[socket].sent.empty()) remote.greeted(sockets[socket].sent[0]);
  }
  void say(std::string_view text) {
    endpoint.message(socket, text);
    settle();
  }
  void step(std::string_view text) {
    if (text.empty()) return;
    const char deed = text[0];
    text.remove_prefix(1);
    switch (deed) {
      case 'r':
        return say(text);
      case 's': {
        if (text.empty()) return;
        const auto type = static_cast<wire::FrameType>(static_cast<unsigned char>(text[0]) % 11);
        const auto payload = base::json::parse(text.substr(1));
        if (!payload || !payload->is_object()) return;
        return say(remote.frame(type, "ev_" + std::to_string(text.size()), payload->get_object()));
      }
      case 't':
        clock.advance(static_cast<base::TimeUs>(text.size()) * base::kSecondUs);
        return settle();
      case 'f':
        is_full = !is_full;
        return settle();
      case 'a':
        if (receipts.empty()) return;
        receipts.back()(core::Ingest::Stored{1, 0, 0});
        receipts.pop_back();
        return settle();
      case 'n':
        if (receipts.empty()) return;
        receipts.front()(std::nullopt);
        receipts.erase(receipts.begin());
        return settle();
      case 'c':
        brain.command(kWho.agent_id, "celery", Z4J_ENGINE_REVOKE, std::string(text), "{}", 3000,
                      [](const base::Result<std::string>&) {});
        return settle();
      case 'x':
        endpoint.closed(socket, 1006);
        sockets[socket].is_gone = true;
        settle();
        return connect();
      default:
        return;
    }
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view steps(reinterpret_cast<const char*>(data), size);
  Play play;
  for (int i = 0; i < 64 && !steps.empty(); ++i) {
    const std::size_t end = steps.find(kBetween);
    play.step(steps.substr(0, end));
    steps = end == std::string_view::npos ? std::string_view() : steps.substr(end + 1);
  }
  play.brain.stop();
  return 0;
}
