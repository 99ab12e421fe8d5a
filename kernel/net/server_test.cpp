#include "net/server.hpp"

#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Timespan.h>
#include <cppunit/extensions/HelperMacros.h>

namespace z4j::net {
namespace {

class ServerTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ServerTest);
  CPPUNIT_TEST(answers_and_echoes_an_acceptable_request_id);
  CPPUNIT_TEST(makes_a_request_id_when_the_sent_one_is_not_acceptable);
  CPPUNIT_TEST(a_body_over_the_cap_is_413_with_or_without_a_length);
  CPPUNIT_TEST(two_lengths_are_refused);
  CPPUNIT_TEST(what_the_handler_throws_is_500);
  CPPUNIT_TEST(a_taken_port_is_named);
  CPPUNIT_TEST_SUITE_END();

  ServerOptions options_{.bind_host = "127.0.0.1", .bind_port = 0, .max_body_bytes = 100, .threads = 4, .request_timeout_s = 5};
  Server server_{options_, [](const Request& r) -> Response {
                   if (r.path == "/throw") throw std::runtime_error("on purpose");
                   Response out;
                   out.body = r.method + " " + r.path + " " + r.query + " " + r.body;
                   return out;
                 }, base::Log::quiet()};

  std::string ask(const std::string& request) {
    Poco::Net::StreamSocket socket(Poco::Net::SocketAddress("127.0.0.1", server_.port()));
    socket.setReceiveTimeout(Poco::Timespan(5, 0));
    socket.sendBytes(request.data(), static_cast<int>(request.size()));
    std::string out;
    char piece[4096];
    for (int n = 0; (n = socket.receiveBytes(piece, sizeof piece)) > 0;) out.append(piece, static_cast<std::size_t>(n));
    return out;
  }

 public:
  void setUp() override { CPPUNIT_ASSERT(server_.start().ok()); }
  void tearDown() override { server_.stop(0); }

  void answers_and_echoes_an_acceptable_request_id() {
    const std::string answer = ask("POST /a?b=c HTTP/1.1\r\nHost: x\r\nX-Request-Id: abc-1\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
    CPPUNIT_ASSERT(answer.starts_with("HTTP/1.1 200"));
    CPPUNIT_ASSERT(answer.find("X-Request-Id: abc-1\r\n") != std::string::npos);
    CPPUNIT_ASSERT(answer.ends_with("POST /a b=c hi"));
  }
  void makes_a_request_id_when_the_sent_one_is_not_acceptable() {
    CPPUNIT_ASSERT(ask("GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: a b\r\nConnection: close\r\n\r\n").find("X-Request-Id: req_") != std::string::npos);
    CPPUNIT_ASSERT(!acceptable_request_id(std::string(65, 'a')));
    CPPUNIT_ASSERT(!acceptable_request_id(""));
  }
  void a_body_over_the_cap_is_413_with_or_without_a_length() {
    const std::string big(200, 'x');
    CPPUNIT_ASSERT(ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200\r\nConnection: close\r\n\r\n" + big).find("content_length_exceeded") != std::string::npos);
    CPPUNIT_ASSERT(ask("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nc8\r\n" + big + "\r\n0\r\n\r\n").find("streamed_body_exceeded") != std::string::npos);
  }
  void two_lengths_are_refused() {
    CPPUNIT_ASSERT(ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n").starts_with("HTTP/1.1 400"));
  }
  void what_the_handler_throws_is_500() {
    const std::string answer = ask("GET /throw HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    CPPUNIT_ASSERT(answer.starts_with("HTTP/1.1 500"));
    CPPUNIT_ASSERT(answer.find("on purpose") == std::string::npos);
  }
  void a_taken_port_is_named() {
    ServerOptions same = options_;
    same.bind_port = server_.port();
    Server second(same, [](const Request&) { return Response{}; }, base::Log::quiet());
    const auto started = second.start();
    CPPUNIT_ASSERT(!started.ok());
    CPPUNIT_ASSERT(started.error().message.find(std::to_string(server_.port())) != std::string::npos);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ServerTest);

}  // namespace
}  // namespace z4j::net
