#include <cppunit/extensions/HelperMacros.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "net/server.hpp"
#include "net/testing/raw_client.hpp"
#include "net/testing/server_fixture.hpp"

namespace z4j::net {
namespace {

using testing::Inbox;
using testing::PrivateFolder;
using testing::RawAnswer;
using testing::RawClient;
using testing::RawFrame;
using testing::RunningServer;

class ServerSocketTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ServerSocketTest);
  CPPUNIT_TEST(echoes_text_and_binary);
  CPPUNIT_TEST(frames_sent_with_the_handshake_are_not_lost);
  CPPUNIT_TEST(an_offered_compression_is_declined);
  CPPUNIT_TEST(without_upgrade_it_is_426);
  CPPUNIT_TEST(an_upgrade_may_be_refused_with_an_answer);
  CPPUNIT_TEST(an_oversize_message_is_closed_1009);
  CPPUNIT_TEST(a_broken_frame_is_closed_1002);
  CPPUNIT_TEST(a_slow_reader_is_dropped);
  CPPUNIT_TEST(an_idle_socket_is_closed_4408);
  CPPUNIT_TEST(queued_messages_go_out_before_the_close);
  CPPUNIT_TEST(a_dead_peer_is_noticed_by_pings);
  CPPUNIT_TEST(a_paused_socket_is_not_read);
  CPPUNIT_TEST(a_throwing_callback_closes_1011);
  CPPUNIT_TEST(stop_closes_1001);
  CPPUNIT_TEST(idle_peers_hold_no_threads);
  CPPUNIT_TEST_SUITE_END();

  PrivateFolder folder_;
  Server* server_ = nullptr;
  Inbox<SocketId> opened_;
  Inbox<std::uint16_t> closed_;
  Inbox<std::string> messages_;

  SocketEndpoint echo(const std::string& path = "/ws/echo") {
    SocketEndpoint endpoint;
    endpoint.path = path;
    endpoint.open = [this](SocketId id, const Request&) { opened_.put(id); };
    endpoint.message = [this](SocketId id, std::string_view text) {
      messages_.put(std::string(text));
      server_->sockets().send(id, text);
    };
    endpoint.closed = [this](SocketId, std::uint16_t code) { closed_.put(code); };
    return endpoint;
  }
  RunningServer run(std::vector<SocketEndpoint> endpoints, ServerOptions options = {}) {
    RunningServer running(folder_, {}, std::move(options), std::move(endpoints));
    server_ = running.server.get();
    return running;
  }
  void is_closed_with(RawClient& client, int code) {
    const RawFrame last = client.message();
    CPPUNIT_ASSERT_EQUAL(8, last.opcode);
    CPPUNIT_ASSERT_EQUAL(code, last.close_code());
  }

 public:
  void echoes_text_and_binary() {
    auto binary = echo("/ws/binary");
    binary.outgoing = Outgoing::binary;
    const auto running = run({echo(), binary});
    RawClient client(running.port());
    const RawAnswer handshake = client.upgrade("/ws/echo?x=1");
    CPPUNIT_ASSERT_EQUAL(101, handshake.status);
    CPPUNIT_ASSERT_EQUAL(std::string("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
                         handshake.header("sec-websocket-accept"));
    CPPUNIT_ASSERT(!handshake.header("x-request-id").empty());
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{5}, std::size_t{200}, std::size_t{70'000}}) {
      client.send_frame(1, std::string(size, 'x'));
      const RawFrame back = client.message();
      CPPUNIT_ASSERT_EQUAL(1, back.opcode);
      CPPUNIT_ASSERT_EQUAL(std::string(size, 'x'), back.payload);
    }
    RawClient other(running.port());
    CPPUNIT_ASSERT_EQUAL(101, other.upgrade("/ws/binary").status);
    other.send_frame(2, "\xff\xfe");
    const RawFrame back = other.message();
    CPPUNIT_ASSERT_EQUAL(2, back.opcode);
    CPPUNIT_ASSERT_EQUAL(std::string("\xff\xfe"), back.payload);
    client.send_frame(8, "\x03\xe8");
    is_closed_with(client, 1000);
    CPPUNIT_ASSERT(client.closed());
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{1000}, closed_.at(0));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, running.server->stats().sockets_open);
  }
  void frames_sent_with_the_handshake_are_not_lost() {
    const auto running = run({echo()});
    RawClient client(running.port());
    client.send(
        "GET /ws/echo HTTP/1.1\r\nHost: test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: "
        "websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        "\x81\x82" +
        std::string(4, '\0') + "hi");
    CPPUNIT_ASSERT_EQUAL(101, client.answer().status);
    CPPUNIT_ASSERT_EQUAL(std::string("hi"), client.message().payload);
  }
  // So no few bytes on the wire become many here.
  void an_offered_compression_is_declined() {
    const auto running = run({echo()});
    RawClient client(running.port());
    const RawAnswer handshake = client.upgrade(
        "/ws/echo",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-unknown\r\n");
    CPPUNIT_ASSERT_EQUAL(101, handshake.status);
    CPPUNIT_ASSERT_EQUAL(std::string(), handshake.header("sec-websocket-extensions"));
    client.send_frame(1, "plain");
    CPPUNIT_ASSERT_EQUAL(std::string("plain"), client.message().payload);
    // A frame that says it is packed nevertheless breaks the protocol.
    constexpr int kPackedText = 0x41;
    client.send_frame(kPackedText, "\xcb\x48\xcd\xc9\xc9\x07");
    is_closed_with(client, 1002);
    const ServerStats stats = running.server->stats();
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, stats.socket_messages_in);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, stats.socket_messages_out);
  }
  void without_upgrade_it_is_426() {
    const auto running = run({echo()});
    RawClient client(running.port());
    const RawAnswer answer = client.ask("GET /ws/echo HTTP/1.1\r\nHost: test\r\n\r\n");
    CPPUNIT_ASSERT_EQUAL(426, answer.status);
    CPPUNIT_ASSERT_EQUAL(std::string("websocket"), answer.header("upgrade"));
    CPPUNIT_ASSERT(answer.body.find("\"error\":\"upgrade_required\"") != std::string::npos);
    CPPUNIT_ASSERT_EQUAL(101, client.upgrade("/ws/echo").status);
  }
  void an_upgrade_may_be_refused_with_an_answer() {
    auto guarded = echo();
    guarded.upgrade = [](const Request& request) {
      Response response;
      if (request.header("authorization") == "Bearer good") {
        response.status = 101;
        response.headers = {{"Sec-WebSocket-Protocol", "z4j"}};
      } else {
        response.status = 401;
        response.body = "{\"error\":\"unauthenticated\"}";
      }
      return response;
    };
    const auto running = run({guarded});
    RawClient client(running.port());
    const RawAnswer refused = client.upgrade("/ws/echo", "Authorization: Bearer bad\r\n");
    CPPUNIT_ASSERT_EQUAL(401, refused.status);
    CPPUNIT_ASSERT_EQUAL(std::string("{\"error\":\"unauthenticated\"}"), refused.body);
    const RawAnswer taken = client.upgrade("/ws/echo", "Authorization: Bearer good\r\n");
    CPPUNIT_ASSERT_EQUAL(101, taken.status);
    CPPUNIT_ASSERT_EQUAL(std::string("z4j"), taken.header("sec-websocket-protocol"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, (static_cast<void>(opened_.at(0)), opened_.size()));
  }
  void an_oversize_message_is_closed_1009() {
    auto small = echo();
    small.max_message_bytes = 100;
    const auto running = run({small});
    RawClient client(running.port());
    CPPUNIT_ASSERT_EQUAL(101, client.upgrade("/ws/echo").status);
    client.send_frame(1, std::string(101, 'x'));
    is_closed_with(client, 1009);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, messages_.size());
  }
  void a_broken_frame_is_closed_1002() {
    const auto running = run({echo()});
    RawClient client(running.port());
    CPPUNIT_ASSERT_EQUAL(101, client.upgrade("/ws/echo").status);
    client.send("\x81\x02hi");  // not masked
    is_closed_with(client, 1002);
    RawClient other(running.port());
    CPPUNIT_ASSERT_EQUAL(101, other.upgrade("/ws/echo").status);
    other.send_frame(1, "\xff");
    is_closed_with(other, 1007);
  }
  void a_slow_reader_is_dropped() {
    const auto running = run({echo()});
    RawClient client(running.port(), testing::Wire::plain, 4096);
    CPPUNIT_ASSERT_EQUAL(101, client.upgrade("/ws/echo").status);
    const SocketId id = opened_.at(0);
    const std::string text(50'000, 'x');
    int sent = 0;
    while (server_->sockets().send(id, text)) CPPUNIT_ASSERT(++sent < 10'000);
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{1008}, closed_.at(0));
    CPPUNIT_ASSERT(!server_->sockets().send(id, text));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, running.server->stats().sockets_dropped_slow);
  }
  void an_idle_socket_is_closed_4408() {
    auto hasty = echo();
    hasty.idle_timeout_s = 1;
    const auto running = run({hasty});
    RawClient client(running.port());
    CPPUNIT_ASSERT_EQUAL(101, client.upgrade("/ws/echo").status);
    is_closed_with(client, 4408);
    client.send_frame(8, "\x11\x38");
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{4408}, closed_.at(0));
  }
  void queued_messages_go_out_before_the_close() {
    const auto running = run({echo()});
    RawClient client(running.port());
    CPPUNIT_ASSERT_EQUAL(101, client.upgrade("/ws/echo").status);
    const SocketId id = opened_.at(0);
    CPPUNIT_ASSERT(server_->sockets().send(id, "one"));
    CPPUNIT_ASSERT(server_->sockets().send(id, "two"));
    server_->sockets().close(id, 4401, "bad token");
    CPPUNIT_ASSERT(!server_->sockets().send(id, "three"));
    CPPUNIT_ASSERT_EQUAL(std::string("one"), client.message().payload);
    CPPUNIT_ASSERT_EQUAL(std::string("two"), client.message().payload);
    const RawFrame last = client.message();
    CPPUNIT_ASSERT_EQUAL(4401, last.close_code());
    CPPUNIT_ASSERT_EQUAL(std::string("bad token"), last.payload.substr(2));
    client.send_frame(8, last.payload);
    CPPUNIT_ASSERT(client.closed());
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{4401}, closed_.at(0));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, closed_.size());
  }
  void a_dead_peer_is_noticed_by_pings() {
    ServerOptions options;
    options.socket_ping_interval_s = 1;
    auto patient = echo();
    patient.idle_timeout_s = 0;
    const auto running = run({patient}, options);
    RawClient client(running.port());
    CPPUNIT_ASSERT_EQUAL(101, client.upgrade("/ws/echo").status);
    const RawFrame ping = client.frame();
    CPPUNIT_ASSERT_EQUAL(9, ping.opcode);
    client.send_frame(10, ping.payload);
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{1006}, closed_.at(0));
  }
  void a_paused_socket_is_not_read() {
    auto hasty = echo();
    hasty.idle_timeout_s = 1;
    const auto running = run({hasty});
    RawClient client(running.port());
    CPPUNIT_ASSERT_EQUAL(101, client.upgrade("/ws/echo").status);
    const SocketId id = opened_.at(0);
    server_->sockets().pause(id, Reading::paused);
    client.send_frame(1, "one");  // the read under way may still take this one
    client.send_frame(1, "two");
    RawClient other(running.port());
    CPPUNIT_ASSERT_EQUAL(101, other.upgrade("/ws/echo").status);
    is_closed_with(other, 4408);  // so long has the first been silent too, and is still open
    CPPUNIT_ASSERT(messages_.size() <= 1);
    server_->sockets().pause(id, Reading::running);
    CPPUNIT_ASSERT_EQUAL(std::string("one"), client.message().payload);
    CPPUNIT_ASSERT_EQUAL(std::string("two"), client.message().payload);
  }
  void a_throwing_callback_closes_1011() {
    auto broken = echo();
    broken.message = [](SocketId, std::string_view) { throw std::runtime_error("broken"); };
    const auto running = run({broken});
    RawClient client(running.port());
    CPPUNIT_ASSERT_EQUAL(101, client.upgrade("/ws/echo").status);
    client.send_frame(1, "x");
    is_closed_with(client, 1011);
  }
  void stop_closes_1001() {
    const auto running = run({echo()});
    std::vector<RawClient> clients;
    for (std::size_t i = 0; i < 3; ++i) {
      clients.emplace_back(running.port());
      CPPUNIT_ASSERT_EQUAL(101, clients.back().upgrade("/ws/echo").status);
      CPPUNIT_ASSERT(opened_.at(i) > 0);
    }
    std::thread stopper([&] { running.server->stop(10'000); });
    for (RawClient& client : clients) {
      is_closed_with(client, 1001);
      client.send_frame(8, "\x03\xe9");
    }
    stopper.join();
    for (std::size_t i = 0; i < 3; ++i) CPPUNIT_ASSERT_EQUAL(std::uint16_t{1001}, closed_.at(i));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, running.server->stats().connections_open);
  }
  void idle_peers_hold_no_threads() {
    ServerOptions options;
    options.api_threads = 4;
    const auto running = run({echo()}, options);
    const std::string get = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
    RawClient first(running.port());
    CPPUNIT_ASSERT_EQUAL(200, first.ask(get).status);
    const int before = testing::thread_count();
    std::vector<RawClient> peers;
    for (int i = 0; i < 500; ++i) {
      peers.emplace_back(running.port());
      CPPUNIT_ASSERT_EQUAL(200, peers.back().ask(get).status);
    }
    for (int i = 0; i < 50; ++i) {
      peers.emplace_back(running.port());
      CPPUNIT_ASSERT_EQUAL(101, peers.back().upgrade("/ws/echo").status);
    }
    RawClient last(running.port());
    CPPUNIT_ASSERT_EQUAL(200, last.ask(get).status);
    CPPUNIT_ASSERT_EQUAL(before, testing::thread_count());
    const ServerStats stats = running.server->stats();
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{552}, stats.connections_open);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{50}, stats.sockets_open);
    CPPUNIT_ASSERT(stats.threads <= 3 + options.api_threads);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ServerSocketTest);

}  // namespace
}  // namespace z4j::net
