#include <cppunit/extensions/HelperMacros.h>

#include <fstream>
#include <stdexcept>
#include <string>

#include "net/server.hpp"
#include "net/testing/certificate.hpp"
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
using testing::Wire;

class ServerTlsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ServerTlsTest);
  CPPUNIT_TEST(serves_https_and_knows_the_scheme);
  CPPUNIT_TEST(long_answers_and_bodies_pass);
  CPPUNIT_TEST(sockets_work_over_tls);
  CPPUNIT_TEST(a_reload_serves_the_new_certificate_and_keeps_connections);
  CPPUNIT_TEST(a_broken_certificate_leaves_the_old_one_in_use);
  CPPUNIT_TEST(plain_text_on_the_tls_port_is_dropped);
  CPPUNIT_TEST(old_versions_and_weak_ciphers_are_refused);
  CPPUNIT_TEST(start_names_the_unreadable_file);
  CPPUNIT_TEST_SUITE_END();

  PrivateFolder folder_;

  void issue(const std::string& name) const { testing::issue_certificate(folder_, name); }
  [[nodiscard]] ServerOptions options() const {
    ServerOptions out;
    out.tls_certificate_file = folder_.file("cert.pem");
    out.tls_key_file = folder_.file("key.pem");
    return out;
  }
  static Response scheme(const Request& request) {
    Response response;
    response.body = request.scheme + " " + std::to_string(request.body.size());
    return response;
  }
  static constexpr const char* kGet = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

 public:
  void setUp() override { issue("first"); }

  void serves_https_and_knows_the_scheme() {
    const RunningServer running(folder_, scheme, options());
    RawClient client(running.port(), Wire::tls);
    CPPUNIT_ASSERT_EQUAL(std::string("https 0"), client.ask(kGet).body);
    CPPUNIT_ASSERT_EQUAL(std::string("https 0"), client.ask(kGet).body);
    CPPUNIT_ASSERT_EQUAL(std::string("/CN=first"), client.certificate_subject());
    CPPUNIT_ASSERT_EQUAL(std::string("close"),
                         client.ask("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
                             .header("connection"));
    CPPUNIT_ASSERT(client.closed());
  }
  void old_versions_and_weak_ciphers_are_refused() {
    constexpr int kTls11 = 0x0302, kTls12 = 0x0303, kTls13 = 0x0304;
    const std::string any = "ALL:@SECLEVEL=0";
    const RunningServer running(folder_, scheme, options());
    const auto passes = [&](int version, const std::string& ciphers) {
      return RawClient::shakes_hands(running.port(), version, ciphers);
    };
    CPPUNIT_ASSERT(passes(kTls13, any));
    CPPUNIT_ASSERT(passes(kTls12, any));
    CPPUNIT_ASSERT(passes(kTls12, "ECDHE+AESGCM"));
    CPPUNIT_ASSERT(!passes(kTls11, any));
    // Without authenticated encryption; without forward secrecy.
    CPPUNIT_ASSERT(!passes(kTls12, "ECDHE+AES:!AESGCM:!AESCCM"));
    CPPUNIT_ASSERT(!passes(kTls12, "kRSA+AESGCM"));
  }
  void long_answers_and_bodies_pass() {
    auto large = options();
    large.max_body_bytes = 4u << 20;
    const RunningServer running(
        folder_,
        [](const Request& request) {
          Response response;
          response.body = request.body + request.body;
          return response;
        },
        large);
    RawClient client(running.port(), Wire::tls);
    std::string body;
    for (int i = 0; body.size() < (2u << 20); ++i) body += std::to_string(i);
    const RawAnswer answer = client.ask("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: " +
                                        std::to_string(body.size()) + "\r\n\r\n" + body);
    CPPUNIT_ASSERT(answer.body == body + body);
  }
  void sockets_work_over_tls() {
    Server* server = nullptr;
    Inbox<std::uint16_t> closed;
    SocketEndpoint endpoint;
    endpoint.path = "/ws/echo";
    endpoint.message = [&](SocketId id, std::string_view text) {
      server->sockets().send(id, text);
    };
    endpoint.closed = [&](SocketId, std::uint16_t code) { closed.put(code); };
    const RunningServer running(folder_, scheme, options(), {endpoint});
    server = running.server.get();
    RawClient client(running.port(), Wire::tls);
    CPPUNIT_ASSERT_EQUAL(101, client.upgrade("/ws/echo").status);
    for (const std::size_t size : {std::size_t{3}, std::size_t{100'000}}) {
      client.send_frame(1, std::string(size, 'x'));
      CPPUNIT_ASSERT_EQUAL(std::string(size, 'x'), client.message().payload);
    }
    client.send_frame(8, "\x03\xe8");
    CPPUNIT_ASSERT_EQUAL(1000, client.message().close_code());
    CPPUNIT_ASSERT(client.closed());
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{1000}, closed.at(0));
  }
  void a_reload_serves_the_new_certificate_and_keeps_connections() {
    const RunningServer running(folder_, scheme, options());
    RawClient old(running.port(), Wire::tls);
    CPPUNIT_ASSERT_EQUAL(200, old.ask(kGet).status);
    issue("second");
    CPPUNIT_ASSERT(running.server->reload_certificate().ok());
    RawClient fresh(running.port(), Wire::tls);
    CPPUNIT_ASSERT_EQUAL(std::string("/CN=second"), fresh.certificate_subject());
    CPPUNIT_ASSERT_EQUAL(200, old.ask(kGet).status);
    CPPUNIT_ASSERT_EQUAL(std::string("/CN=first"), old.certificate_subject());
  }
  void a_broken_certificate_leaves_the_old_one_in_use() {
    const RunningServer running(folder_, scheme, options());
    std::ofstream(folder_.file("cert.pem")) << "not a certificate";
    const auto reloaded = running.server->reload_certificate();
    CPPUNIT_ASSERT(!reloaded.ok());
    CPPUNIT_ASSERT(reloaded.error().message.find(folder_.file("cert.pem")) != std::string::npos);
    RawClient client(running.port(), Wire::tls);
    CPPUNIT_ASSERT_EQUAL(std::string("/CN=first"), client.certificate_subject());
    CPPUNIT_ASSERT_EQUAL(200, client.ask(kGet).status);
  }
  void plain_text_on_the_tls_port_is_dropped() {
    const RunningServer running(folder_, scheme, options());
    RawClient client(running.port());
    CPPUNIT_ASSERT_THROW(static_cast<void>(client.ask(kGet)), std::runtime_error);
    RawClient good(running.port(), Wire::tls);
    CPPUNIT_ASSERT_EQUAL(200, good.ask(kGet).status);
  }
  void start_names_the_unreadable_file() {
    auto missing = options();
    missing.bind_port = 0;
    missing.private_socket = folder_.file("api.sock");
    missing.tls_key_file = folder_.file("nowhere.pem");
    Server server(missing, scheme, {}, {}, base::Log::quiet());
    const auto started = server.start();
    CPPUNIT_ASSERT(!started.ok());
    CPPUNIT_ASSERT(started.error().code == base::Code::bad_config);
    CPPUNIT_ASSERT(started.error().message.find("nowhere.pem") != std::string::npos);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ServerTlsTest);

}  // namespace
}  // namespace z4j::net
