#include <arpa/inet.h>
#include <cppunit/extensions/HelperMacros.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "net/http_client.hpp"
#include "net/socket_client.hpp"
#include "net/testing/certificate.hpp"
#include "net/testing/server_fixture.hpp"

namespace z4j::net {
namespace {

using testing::Inbox;
using testing::PrivateFolder;
using testing::RunningServer;

int listen_on_loopback(std::uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  CPPUNIT_ASSERT_EQUAL(0, ::bind(fd, reinterpret_cast<sockaddr*>(&address), size));
  CPPUNIT_ASSERT_EQUAL(0, ::listen(fd, 8));
  CPPUNIT_ASSERT_EQUAL(0, ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size));
  port = ntohs(address.sin_port);
  return fd;
}

// Takes one CONNECT, answers it as told, and carries bytes to that port of this machine.
class OneConnect {
 public:
  OneConnect(std::string answer, std::uint16_t target)
      : listener_(listen_on_loopback(port_)), answer_(std::move(answer)), target_(target) {
    thread_ = std::thread([this] { run(); });
  }
  ~OneConnect() {
    is_over_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  OneConnect(const OneConnect&) = delete;
  OneConnect& operator=(const OneConnect&) = delete;

  [[nodiscard]] Proxy proxy() const { return {"127.0.0.1", port_, "Basic dTpw"}; }
  std::string head;  // of the request, once there was an answer

 private:
  void run() {
    const int client = ::accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    char byte = 0;
    while (!head.ends_with("\r\n\r\n") && ::read(client, &byte, 1) == 1) head += byte;
    (void)!::write(client, answer_.data(), answer_.size());
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(target_);
    if (target_ != 0 &&
        ::connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
      carry(client, server);
    ::close(client);
    ::close(server);
  }
  void carry(int client, int server) {
    pollfd both[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    char bytes[4096];
    while (!is_over_) {
      if (::poll(both, 2, 50) < 0) return;
      for (int i = 0; i < 2; ++i) {
        if ((both[i].revents & (POLLIN | POLLHUP)) == 0) continue;
        const ssize_t n = ::read(both[i].fd, bytes, sizeof bytes);
        if (n <= 0 || ::write(both[1 - i].fd, bytes, static_cast<std::size_t>(n)) != n) return;
      }
    }
  }

  std::uint16_t port_ = 0;
  int listener_;
  std::string answer_;
  std::uint16_t target_;
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

class ClientTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ClientTest);
  CPPUNIT_TEST(urls_are_read_or_refused);
  CPPUNIT_TEST(messages_go_both_ways_and_close_codes_arrive);
  CPPUNIT_TEST(a_refused_upgrade_tells_its_status);
  CPPUNIT_TEST(each_step_that_fails_is_named);
  CPPUNIT_TEST(a_silent_peer_is_given_up);
  CPPUNIT_TEST(unsent_bytes_are_bounded_and_large_messages_refused);
  CPPUNIT_TEST(tls_is_checked_against_authority_and_name);
  CPPUNIT_TEST(a_proxy_is_asked_to_connect);
  CPPUNIT_TEST(http_connections_are_kept_and_made_anew);
  CPPUNIT_TEST(http_answers_have_a_deadline_and_a_limit);
  CPPUNIT_TEST(a_question_can_be_cancelled);
  CPPUNIT_TEST_SUITE_END();

  PrivateFolder folder_;

  static ClientTarget target(std::uint16_t port, const std::string& host = "127.0.0.1") {
    ClientTarget out;
    out.url.host = host;
    out.url.port = port;
    return out;
  }

  // One socket whose news can be waited for.
  struct Talk {
    Inbox<std::string> heard;
    Inbox<ClientFailure> ended;
    std::unique_ptr<SocketClient> client;

    explicit Talk(SocketClient::Options options) {
      SocketClient::Callbacks told;
      told.opened = [this] { heard.put("opened"); };
      told.message = [this](std::string_view text) { heard.put(std::string(text)); };
      told.ended = [this](const ClientFailure& failure) { ended.put(failure); };
      client = std::make_unique<SocketClient>(std::move(options), std::move(told));
      client->start();
    }
  };
  static SocketClient::Options options(ClientTarget to) {
    SocketClient::Options out;
    out.target = std::move(to);
    out.path = "/ws/echo";
    out.headers = {{"Authorization", "Bearer right"}};
    return out;
  }
  // Answers each message; "bye" is answered with close code 4003.
  SocketEndpoint echo(Server** server) {
    SocketEndpoint endpoint;
    endpoint.path = "/ws/echo";
    endpoint.outgoing = Outgoing::binary;
    endpoint.upgrade = [](const Request& request) {
      Response response;
      response.status = request.header("authorization") == "Bearer right" ? 101 : 401;
      return response;
    };
    endpoint.message = [server](SocketId id, std::string_view text) {
      if (text == "bye")
        (*server)->sockets().close(id, 4003, "revoked");
      else if (text != "quiet")
        (*server)->sockets().send(id, text);
    };
    return endpoint;
  }
  static const HttpAnswer& answer(const std::variant<HttpAnswer, ClientFailure>& given) {
    const auto* failure = std::get_if<ClientFailure>(&given);
    CPPUNIT_ASSERT_MESSAGE(failure != nullptr ? failure->why : "", failure == nullptr);
    return std::get<HttpAnswer>(given);
  }

 public:
  void urls_are_read_or_refused() {
    const auto text = [](const char* url) {
      const auto read = parse_client_url(url);
      return read ? read->text("ws") : "refused";
    };
    CPPUNIT_ASSERT_EQUAL(std::string("wss://z4j.example.com:443"),
                         text("https://Z4J.example.com/"));
    CPPUNIT_ASSERT_EQUAL(std::string("ws://[::1]:7700/a/b"), text("http://[::1]:7700/a/b/"));
    CPPUNIT_ASSERT_EQUAL(std::string("ws://h:80"), text("WS://h"));
    for (const char* wrong :
         {"h", "ftp://h", "ws://", "ws://h:0", "ws://h:99999", "ws://h:1:2", "ws://u:p@h",
          "ws://h/?q", "ws://h/#f", "ws://h/a b", "ws://h\r\n.x", "ws://[::1", "ws://[::1]x"})
      CPPUNIT_ASSERT_EQUAL_MESSAGE(wrong, std::string("refused"), text(wrong));
  }

  void messages_go_both_ways_and_close_codes_arrive() {
    Server* server = nullptr;
    const RunningServer running(folder_, {}, {}, {echo(&server)});
    server = running.server.get();
    Talk talk(options(target(running.port())));
    CPPUNIT_ASSERT_EQUAL(std::string("opened"), talk.heard.at(0));
    CPPUNIT_ASSERT(talk.client->send("one"));
    const std::string large(200'000, 'x');
    CPPUNIT_ASSERT(talk.client->send(large));
    CPPUNIT_ASSERT_EQUAL(std::string("one"), talk.heard.at(1));
    CPPUNIT_ASSERT(talk.heard.at(2) == large);
    CPPUNIT_ASSERT(talk.client->send("bye"));
    const ClientFailure end = talk.ended.at(0);
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{4003}, end.close_code);
    CPPUNIT_ASSERT_EQUAL(std::string("revoked"), end.close_reason);
    CPPUNIT_ASSERT(end.step == DialStep::open);
    CPPUNIT_ASSERT(!talk.client->send("more"));

    Talk second(options(target(running.port())));
    (void)second.heard.at(0);
    CPPUNIT_ASSERT(second.client->send("last"));
    second.client->close(1000, "done");
    const ClientFailure done = second.ended.at(0);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(done.why, std::uint16_t{1000}, done.close_code);
  }

  void a_refused_upgrade_tells_its_status() {
    Server* server = nullptr;
    const RunningServer running(folder_, {}, {}, {echo(&server)});
    auto wrong = options(target(running.port()));
    wrong.headers = {{"Authorization", "Bearer wrong"}};
    Talk talk(std::move(wrong));
    CPPUNIT_ASSERT_EQUAL(401, talk.ended.at(0).http_status);
    CPPUNIT_ASSERT(talk.ended.at(0).step == DialStep::upgrade);
    auto nowhere = options(target(running.port()));
    nowhere.path = "/nothing";
    Talk lost(std::move(nowhere));
    CPPUNIT_ASSERT(lost.ended.at(0).http_status >= 200);
  }

  void each_step_that_fails_is_named() {
    Talk name(options(target(1, "no-such-host.invalid")));
    CPPUNIT_ASSERT(name.ended.at(0).step == DialStep::resolve);
    std::uint16_t port = 0;
    ::close(listen_on_loopback(port));
    Talk refused(options(target(port)));
    CPPUNIT_ASSERT(refused.ended.at(0).step == DialStep::connect);
    const RunningServer plain(folder_);
    auto wants_tls = target(plain.port());
    wants_tls.url.is_tls = true;
    wants_tls.tls = load_client_tls_context("").value();
    Talk tls(options(std::move(wants_tls)));
    CPPUNIT_ASSERT(tls.ended.at(0).step == DialStep::tls);
    CPPUNIT_ASSERT(!load_client_tls_context(folder_.file("none.pem")));
  }

  void a_silent_peer_is_given_up() {
    std::uint16_t port = 0;
    const int silent = listen_on_loopback(port);
    auto impatient = options(target(port));
    impatient.upgrade_timeout_ms = 300;
    Talk talk(std::move(impatient));
    CPPUNIT_ASSERT(talk.ended.at(0).step == DialStep::upgrade);
    ::close(silent);

    Server* server = nullptr;
    const RunningServer running(folder_, {}, {}, {echo(&server)});
    server = running.server.get();
    auto expects = options(target(running.port()));
    expects.first_message_timeout_ms = 300;
    Talk quiet(std::move(expects));
    (void)quiet.heard.at(0);
    CPPUNIT_ASSERT_EQUAL(std::string("the peer says nothing"), quiet.ended.at(0).why);
  }

  void unsent_bytes_are_bounded_and_large_messages_refused() {
    Server* server = nullptr;
    const RunningServer running(folder_, {}, {}, {echo(&server)});
    server = running.server.get();
    auto small = options(target(running.port()));
    small.max_unsent_bytes = 1000;
    small.max_message_bytes = 100;
    Talk talk(std::move(small));
    (void)talk.heard.at(0);
    CPPUNIT_ASSERT(!talk.client->send(std::string(1001, 'x')));
    CPPUNIT_ASSERT(talk.client->send(std::string(500, 'x')));  // comes back larger than allowed
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{1009}, talk.ended.at(0).close_code);
  }

  void tls_is_checked_against_authority_and_name() {
    testing::issue_certificate(folder_, "localhost");
    ServerOptions secure;
    secure.tls_certificate_file = folder_.file("cert.pem");
    secure.tls_key_file = folder_.file("key.pem");
    Server* server = nullptr;
    const RunningServer running(folder_, {}, secure, {echo(&server)});
    server = running.server.get();
    const auto secured = [&](const std::string& host, const std::string& ca) {
      ClientTarget out = target(running.port(), host);
      out.url.is_tls = true;
      out.tls = load_client_tls_context(ca).value();
      return out;
    };
    Talk good(options(secured("localhost", folder_.file("cert.pem"))));
    (void)good.heard.at(0);
    CPPUNIT_ASSERT(good.client->send("hello"));
    CPPUNIT_ASSERT_EQUAL(std::string("hello"), good.heard.at(1));
    Talk stranger(options(secured("localhost", "")));
    CPPUNIT_ASSERT(stranger.ended.at(0).step == DialStep::tls);
    CPPUNIT_ASSERT(stranger.ended.at(0).why.find("certificate") != std::string::npos);
    Talk other(options(secured("127.0.0.1", folder_.file("cert.pem"))));
    CPPUNIT_ASSERT(other.ended.at(0).step == DialStep::tls);
    HttpClient client(secured("localhost", folder_.file("cert.pem")));
    CPPUNIT_ASSERT_EQUAL(200, answer(client.ask({})).status);
  }

  void a_proxy_is_asked_to_connect() {
    Server* server = nullptr;
    const RunningServer running(folder_, {}, {}, {echo(&server)});
    server = running.server.get();
    {
      OneConnect proxy("HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n", running.port());
      ClientTarget through = target(7, "brain.example.com");
      through.proxy = proxy.proxy();
      Talk talk(options(through));
      (void)talk.heard.at(0);
      CPPUNIT_ASSERT(talk.client->send("through"));
      CPPUNIT_ASSERT_EQUAL(std::string("through"), talk.heard.at(1));
      CPPUNIT_ASSERT(proxy.head.starts_with("CONNECT brain.example.com:7 HTTP/1.1\r\n"));
      CPPUNIT_ASSERT(proxy.head.find("Proxy-Authorization: Basic dTpw\r\n") != std::string::npos);
    }
    for (const char* refusal :
         {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "220 smtp ready\r\n\r\n"}) {
      OneConnect proxy(refusal, 0);
      ClientTarget through = target(7, "brain.example.com");
      through.proxy = proxy.proxy();
      Talk talk(options(through));
      CPPUNIT_ASSERT(talk.ended.at(0).step == DialStep::proxy);
    }
  }

  void http_connections_are_kept_and_made_anew() {
    std::atomic<int> asked{0};
    ServerOptions large;
    large.max_body_bytes = 1u << 20;
    const RunningServer running(
        folder_,
        [&](const Request& request) {
          ++asked;
          Response response;
          response.status = request.path == "/z/missing" ? 404 : 200;
          response.headers = {{"X-Seen", request.method + " " + request.query}};
          response.body = request.body;
          return response;
        },
        large);
    ClientTarget to = target(running.port());
    to.url.path = "/z";
    HttpClient client(to);
    HttpQuestion question;
    question.method = "POST";
    question.path = "/here?a=b";
    question.body = std::string(300'000, 'y');
    for (int i = 0; i < 3; ++i) {
      const auto given = client.ask(question);
      CPPUNIT_ASSERT_EQUAL(200, answer(given).status);
      CPPUNIT_ASSERT_EQUAL(std::string_view("POST a=b"), answer(given).header("x-seen"));
      CPPUNIT_ASSERT(answer(given).body == question.body);
    }
    question = {};
    question.path = "/missing";
    question.headers = {{"Connection", "close"}};
    CPPUNIT_ASSERT_EQUAL(404, answer(client.ask(question)).status);
    CPPUNIT_ASSERT_EQUAL(404, answer(client.ask(question)).status);
    CPPUNIT_ASSERT_EQUAL(5, asked.load());
  }

  void http_answers_have_a_deadline_and_a_limit() {
    std::uint16_t port = 0;
    const int silent = listen_on_loopback(port);
    HttpClient waiting(target(port));
    HttpQuestion question;
    question.timeout_ms = 300;
    const auto nothing = waiting.ask(question);
    CPPUNIT_ASSERT_EQUAL(std::string("no answer within the time allowed"),
                         std::get<ClientFailure>(nothing).why);
    ::close(silent);
    const RunningServer running(folder_, [](const Request&) {
      Response response;
      response.body = std::string(5000, 'z');
      return response;
    });
    HttpClient small(target(running.port()), 1000);
    CPPUNIT_ASSERT(std::holds_alternative<ClientFailure>(small.ask({})));
  }

  void a_question_can_be_cancelled() {
    std::uint16_t port = 0;
    const int silent = listen_on_loopback(port);
    HttpClient client(target(port));
    std::thread other([&] {
      const int peer = ::accept(silent, nullptr, nullptr);
      client.cancel();
      ::close(peer);
    });
    HttpQuestion question;
    question.timeout_ms = 60'000;
    CPPUNIT_ASSERT(std::holds_alternative<ClientFailure>(client.ask(question)));
    CPPUNIT_ASSERT(std::holds_alternative<ClientFailure>(client.ask(question)));
    other.join();
    ::close(silent);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ClientTest);

}  // namespace
}  // namespace z4j::net
