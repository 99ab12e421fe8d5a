#include "net/server.hpp"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/stat.h>

#include <fstream>
#include <stdexcept>
#include <thread>

#include "net/testing/raw_client.hpp"
#include "net/testing/server_fixture.hpp"

namespace z4j::net {
namespace {

using testing::Gate;
using testing::Inbox;
using testing::PrivateFolder;
using testing::RawAnswer;
using testing::RawClient;
using testing::RunningServer;

// Says what it was asked.
Response mirror(const Request& request) {
  Response response;
  response.content_type = "text/plain";
  response.body =
      request.method + " " + request.path + "?" + request.query + " [" + request.body + "]";
  return response;
}

const std::string kGet = "GET /a HTTP/1.1\r\nHost: test\r\n\r\n";

class ServerTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ServerTest);
  CPPUNIT_TEST(answers_many_requests_on_one_connection);
  CPPUNIT_TEST(answers_pipelined_requests_in_order);
  CPPUNIT_TEST(closes_when_the_client_asks_for_it);
  CPPUNIT_TEST(speaks_to_http_1_0);
  CPPUNIT_TEST(head_gets_the_length_and_no_body);
  CPPUNIT_TEST(takes_bodies_with_length_and_in_chunks);
  CPPUNIT_TEST(says_continue_before_the_body);
  CPPUNIT_TEST(declared_body_over_the_cap_is_413);
  CPPUNIT_TEST(streamed_body_over_the_cap_is_413);
  CPPUNIT_TEST(a_path_may_have_a_larger_cap);
  CPPUNIT_TEST(refuses_requests_two_parsers_could_read_differently);
  CPPUNIT_TEST(a_head_over_the_limit_is_431);
  CPPUNIT_TEST(a_slow_head_is_408);
  CPPUNIT_TEST(a_silent_connection_is_closed);
  CPPUNIT_TEST(a_slow_body_holds_no_api_thread);
  CPPUNIT_TEST(many_who_drip_are_ended_while_others_are_answered);
  CPPUNIT_TEST(long_answers_are_streamed);
  CPPUNIT_TEST(a_reader_who_leaves_ends_the_stream);
  CPPUNIT_TEST(a_throwing_handler_is_500);
  CPPUNIT_TEST(honours_or_makes_a_request_id);
  CPPUNIT_TEST(forwarding_headers_of_a_stranger_are_dropped);
  CPPUNIT_TEST(forwarding_headers_of_a_trusted_proxy_count);
  CPPUNIT_TEST(a_late_answer_is_504_and_keeps_its_thread);
  CPPUNIT_TEST(a_full_line_is_503);
  CPPUNIT_TEST(absolute_targets_are_taken_apart);
  CPPUNIT_TEST(observer_hears_of_each_answer);
  CPPUNIT_TEST(a_taken_port_is_named);
  CPPUNIT_TEST(the_private_socket_is_private);
  CPPUNIT_TEST(stop_answers_what_is_under_way);
  CPPUNIT_TEST(connections_over_the_limit_are_closed_at_once);
  CPPUNIT_TEST_SUITE_END();

  PrivateFolder folder_;

  static void is_refused(const RunningServer& running, const std::string& text, int status) {
    RawClient client(running.port());
    const RawAnswer answer = client.ask(text);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(text, status, answer.status);
    CPPUNIT_ASSERT_EQUAL(std::string("nosniff"), answer.header("x-content-type-options"));
    CPPUNIT_ASSERT(answer.body.find("\"error\":") != std::string::npos);
    CPPUNIT_ASSERT_MESSAGE(text, client.closed());
  }

 public:
  void answers_many_requests_on_one_connection() {
    const RunningServer running(folder_, mirror);
    RawClient client(running.port());
    for (int i = 0; i < 100; ++i) {
      const RawAnswer answer =
          client.ask("GET /" + std::to_string(i) + "?q=1 HTTP/1.1\r\nHost: test\r\n\r\n");
      CPPUNIT_ASSERT_EQUAL(200, answer.status);
      CPPUNIT_ASSERT_EQUAL("GET /" + std::to_string(i) + "?q=1 []", answer.body);
      CPPUNIT_ASSERT_EQUAL(std::string("text/plain"), answer.header("content-type"));
    }
    CPPUNIT_ASSERT(running.server->stats().requests_total >= 99);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, running.server->stats().connections_total);
  }
  void answers_pipelined_requests_in_order() {
    const RunningServer running(folder_, mirror);
    RawClient client(running.port());
    client.send("\r\nPOST /1 HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\none" + kGet +
                "POST /3 HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: "
                "chunked\r\n\r\n5\r\nthree\r\n0\r\n\r\n" +
                kGet);
    CPPUNIT_ASSERT_EQUAL(std::string("POST /1? [one]"), client.answer().body);
    CPPUNIT_ASSERT_EQUAL(std::string("GET /a? []"), client.answer().body);
    CPPUNIT_ASSERT_EQUAL(std::string("POST /3? [three]"), client.answer().body);
    CPPUNIT_ASSERT_EQUAL(std::string("GET /a? []"), client.answer().body);
  }
  void closes_when_the_client_asks_for_it() {
    const RunningServer running(folder_, mirror);
    RawClient client(running.port());
    const RawAnswer answer =
        client.ask("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    CPPUNIT_ASSERT_EQUAL(std::string("close"), answer.header("connection"));
    CPPUNIT_ASSERT(client.closed());
  }
  void speaks_to_http_1_0() {
    const RunningServer running(folder_, [](const Request& request) {
      Response response;
      if (request.path != "/stream") return mirror(request);
      response.stream = [count = 0](std::string& out) mutable {
        out += "piece";
        return ++count < 3;
      };
      return response;
    });
    RawClient kept(running.port());
    CPPUNIT_ASSERT_EQUAL(
        std::string("keep-alive"),
        kept.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").header("connection"));
    const RawAnswer last = kept.ask("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CPPUNIT_ASSERT_EQUAL(std::string(), last.header("transfer-encoding"));
    CPPUNIT_ASSERT_EQUAL(std::string("piecepiecepiece"), last.body);
    CPPUNIT_ASSERT(kept.closed());
  }
  void head_gets_the_length_and_no_body() {
    const RunningServer running(folder_, [](const Request& request) {
      if (request.path != "/stream") return mirror(request);
      Response response;
      response.stream = [](std::string& out) {
        out += "never seen";
        return false;
      };
      return response;
    });
    RawClient client(running.port());
    for (const char* path : {"/a", "/stream", "/a"}) {
      client.send("HEAD " + std::string(path) + " HTTP/1.1\r\nHost: test\r\n\r\n");
      const RawAnswer answer = client.answer(false);
      CPPUNIT_ASSERT_EQUAL(200, answer.status);
      if (std::string(path) == "/a")
        CPPUNIT_ASSERT_EQUAL(std::string("11"), answer.header("content-length"));
    }
    CPPUNIT_ASSERT_EQUAL(std::string("GET /a? []"), client.ask(kGet).body);
  }
  void takes_bodies_with_length_and_in_chunks() {
    const RunningServer running(folder_, mirror);
    RawClient client(running.port());
    const std::string body(8192, 'x');
    CPPUNIT_ASSERT_EQUAL(
        "PUT /? [" + body + "]",
        client.ask("PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 8192\r\n\r\n" + body).body);
    client.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (const char* piece :
         {"3;ext=\"1\"", "\r\nab", "c\r", "\n1\r\nd\r\n", "0\r\nTrailer: 1\r\n", "\r\n"})
      client.send(piece);
    CPPUNIT_ASSERT_EQUAL(std::string("POST /? [abcd]"), client.answer().body);
    CPPUNIT_ASSERT_EQUAL(std::string("GET /a? []"), client.ask(kGet).body);
  }
  void says_continue_before_the_body() {
    const RunningServer running(folder_, mirror);
    RawClient client(running.port());
    CPPUNIT_ASSERT_EQUAL(100, client
                                  .ask("POST / HTTP/1.1\r\nHost: test\r\nExpect: "
                                       "100-continue\r\nContent-Length: 2\r\n\r\n")
                                  .status);
    CPPUNIT_ASSERT_EQUAL(std::string("POST /? [ok]"), client.ask("ok").body);
    is_refused(
        running,
        "POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 20000\r\n\r\n",
        413);
  }
  void declared_body_over_the_cap_is_413() {
    const RunningServer running(folder_, mirror);
    RawClient client(running.port());
    const RawAnswer answer = client.ask(
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 8193\r\n\r\n" + std::string(8193, 'x'));
    CPPUNIT_ASSERT_EQUAL(413, answer.status);
    CPPUNIT_ASSERT_EQUAL(
        std::string("{\"error\":\"payload_too_large\",\"message\":\"the request body is larger "
                    "than 8192 bytes\","
                    "\"request_id\":null,\"details\":{\"reason\":\"content_length_exceeded\"}}"),
        answer.body);
    CPPUNIT_ASSERT(client.closed());
  }
  void streamed_body_over_the_cap_is_413() {
    const RunningServer running(folder_, mirror);
    RawClient client(running.port());
    client.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3; ++i) client.send("1000\r\n" + std::string(4096, 'x') + "\r\n");
    const RawAnswer answer = client.answer();
    CPPUNIT_ASSERT_EQUAL(413, answer.status);
    CPPUNIT_ASSERT(answer.body.find("\"reason\":\"streamed_body_exceeded\"") != std::string::npos);
    CPPUNIT_ASSERT(client.closed());
  }
  void a_path_may_have_a_larger_cap() {
    ServerOptions options;
    options.max_body_bytes = 10;
    options.body_limits = {{"/big", 100}, {"/big/bigger", 1u << 20}, {"/of/*/big", 1000}};
    const RunningServer running(folder_, mirror, options);
    const auto post = [&](const std::string& path, std::size_t size) {
      RawClient client(running.port());
      return client
          .ask("POST " + path + " HTTP/1.1\r\nHost: test\r\nContent-Length: " +
               std::to_string(size) + "\r\n\r\n" + std::string(size, 'x'))
          .status;
    };
    CPPUNIT_ASSERT_EQUAL(413, post("/", 11));
    CPPUNIT_ASSERT_EQUAL(200, post("/big", 100));
    CPPUNIT_ASSERT_EQUAL(413, post("/big", 101));
    CPPUNIT_ASSERT_EQUAL(200, post("/big/bigger", 1u << 20));
    CPPUNIT_ASSERT_EQUAL(200, post("/of/anybody/big", 1000));
    CPPUNIT_ASSERT_EQUAL(413, post("/of/anybody/small", 1000));
    CPPUNIT_ASSERT_EQUAL(413, post("/of/a/b/big", 1000));
  }
  void refuses_requests_two_parsers_could_read_differently() {
    const RunningServer running(folder_, mirror);
    const std::string post = "POST / HTTP/1.1\r\nHost: test\r\n";
    is_refused(running, post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
               400);
    is_refused(running, post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
               400);
    is_refused(running, post + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400);
    is_refused(running, post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400);
    is_refused(running, post + "Content-Length: 1, 1\r\n\r\nx", 400);
    is_refused(running, post + "Content-Length: +1\r\n\r\nx", 400);
    is_refused(running, post + "Content-Length: 0x1\r\n\r\nx", 400);
    is_refused(running, post + "Content-Length: 99999999999999999999\r\n\r\nx", 400);
    is_refused(running, post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400);
    is_refused(running, post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400);
    is_refused(running,
               post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
               400);
    is_refused(running, post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400);
    is_refused(running, post + "Content-Length: 1\r\n Transfer-Encoding: chunked\r\n\r\nx", 400);
    is_refused(running, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
    is_refused(running, "GET / HTTP/1.1\nHost: test\n\n", 400);
    is_refused(running, "GET / HTTP/1.1\r\nHost: test\r\nA: b\n\r\n", 400);
    is_refused(running, "GET / HTTP/1.1\r\n\r\n", 400);
    is_refused(running, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400);
    is_refused(running, "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400);
    is_refused(running, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    is_refused(running, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    is_refused(running, "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    is_refused(running, post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400);
    is_refused(running, post + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", 400);
  }
  void a_head_over_the_limit_is_431() {
    const RunningServer running(folder_, mirror);
    is_refused(running,
               "GET / HTTP/1.1\r\nHost: test\r\nA: " + std::string(40'000, 'x') + "\r\n\r\n", 431);
    std::string many = "GET / HTTP/1.1\r\nHost: test\r\n";
    for (int i = 0; i < 300; ++i) many += "A: b\r\n";
    is_refused(running, many + "\r\n", 431);
    RawClient client(running.port());
    CPPUNIT_ASSERT_EQUAL(
        200,
        client.ask("GET / HTTP/1.1\r\nHost: test\r\nA: " + std::string(30'000, 'x') + "\r\n\r\n")
            .status);
  }
  void a_slow_head_is_408() {
    ServerOptions options;
    options.request_head_timeout_s = 1;
    const RunningServer running(folder_, mirror, options);
    RawClient client(running.port());
    client.send("GET / HTTP/1.1\r\nHost:");
    CPPUNIT_ASSERT_EQUAL(408, client.answer().status);
    CPPUNIT_ASSERT(client.closed());
  }
  void a_silent_connection_is_closed() {
    ServerOptions options;
    options.request_head_timeout_s = 1;
    options.keep_alive_timeout_s = 1;
    const RunningServer running(folder_, mirror, options);
    RawClient silent(running.port());
    RawClient idle(running.port());
    CPPUNIT_ASSERT_EQUAL(200, idle.ask(kGet).status);
    CPPUNIT_ASSERT(silent.closed());
    CPPUNIT_ASSERT(idle.closed());
  }
  void a_slow_body_holds_no_api_thread() {
    ServerOptions options;
    options.api_threads = 1;
    options.request_body_timeout_s = 1;
    const RunningServer running(folder_, mirror, options);
    std::vector<std::unique_ptr<RawClient>> slow;
    for (int i = 0; i < 10; ++i) {
      slow.push_back(std::make_unique<RawClient>(running.port()));
      slow.back()->send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\nx");
    }
    RawClient quick(running.port());
    CPPUNIT_ASSERT_EQUAL(200, quick.ask(kGet).status);
    for (const auto& client : slow) CPPUNIT_ASSERT_EQUAL(408, client->answer().status);
  }
  // Each byte is a sign of life, but moves no deadline.
  void many_who_drip_are_ended_while_others_are_answered() {
    ServerOptions options;
    options.api_threads = 1;
    options.request_head_timeout_s = 3;
    options.request_body_timeout_s = 3;
    const RunningServer running(folder_, mirror, options);
    constexpr int kDrippers = 50;
    std::vector<std::unique_ptr<RawClient>> heads, bodies;
    for (int i = 0; i < kDrippers; ++i) {
      heads.push_back(std::make_unique<RawClient>(running.port()));
      heads.back()->send("GET / HTTP/1.1\r\nHost: test\r\nX-Slow: ");
      bodies.push_back(std::make_unique<RawClient>(running.port()));
      bodies.back()->send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n");
    }
    for (int second = 0; second < 2; ++second) {
      RawClient quick(running.port());
      CPPUNIT_ASSERT_EQUAL(200, quick.ask(kGet).status);
      for (const auto* all : {&heads, &bodies}) {
        for (const auto& client : *all) client->send("x");
      }
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
    for (const auto* all : {&heads, &bodies}) {
      for (const auto& client : *all) {
        CPPUNIT_ASSERT_EQUAL(408, client->answer().status);
        CPPUNIT_ASSERT(client->closed());
      }
    }
    RawClient quick(running.port());
    CPPUNIT_ASSERT_EQUAL(200, quick.ask(kGet).status);
  }
  void long_answers_are_streamed() {
    const RunningServer running(folder_, [](const Request&) {
      Response response;
      response.stream = [count = 0](std::string& out) mutable {
        out.append(100'000, static_cast<char>('a' + count));
        return ++count < 20;
      };
      return response;
    });
    RawClient client(running.port());
    const RawAnswer answer = client.ask(kGet);
    CPPUNIT_ASSERT_EQUAL(std::string("chunked"), answer.header("transfer-encoding"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2'000'000}, answer.body.size());
    CPPUNIT_ASSERT_EQUAL('t', answer.body.back());
    CPPUNIT_ASSERT_EQUAL(200, client.ask(kGet).status);
  }
  void a_reader_who_leaves_ends_the_stream() {
    Gate ended;
    struct Watch {
      Gate& gate;
      explicit Watch(Gate& g) : gate(g) {}
      ~Watch() { gate.open(); }
    };
    ServerOptions options;
    options.api_threads = 1;
    const RunningServer running(
        folder_,
        [&](const Request& request) {
          if (request.path != "/endless") return mirror(request);
          Response response;
          response.stream = [watch = std::make_shared<Watch>(ended)](std::string& out) {
            out.append(10'000, 'x');
            return true;
          };
          return response;
        },
        options);
    {
      RawClient client(running.port());
      client.send("GET /endless HTTP/1.1\r\nHost: test\r\n\r\n");
      CPPUNIT_ASSERT_EQUAL(200, client.answer(false).status);
    }
    CPPUNIT_ASSERT(ended.wait());
    RawClient next(running.port());
    CPPUNIT_ASSERT_EQUAL(200, next.ask(kGet).status);
  }
  void a_throwing_handler_is_500() {
    const RunningServer running(folder_, [](const Request& request) -> Response {
      if (request.path == "/odd") throw 7;
      throw std::runtime_error("the password is secret");
    });
    RawClient client(running.port());
    const RawAnswer answer =
        client.ask("GET / HTTP/1.1\r\nHost: test\r\nX-Request-Id: id1\r\n\r\n");
    CPPUNIT_ASSERT_EQUAL(500, answer.status);
    CPPUNIT_ASSERT_EQUAL(
        std::string("{\"error\":\"internal_error\",\"message\":\"an internal error occurred\","
                    "\"request_id\":\"id1\",\"details\":{}}"),
        answer.body);
    CPPUNIT_ASSERT_EQUAL(500, client.ask("GET /odd HTTP/1.1\r\nHost: test\r\n\r\n").status);
  }
  void honours_or_makes_a_request_id() {
    const RunningServer running(folder_, [](const Request& request) {
      Response response;
      response.body = request.request_id;
      return response;
    });
    RawClient client(running.port());
    const RawAnswer kept =
        client.ask("GET / HTTP/1.1\r\nHost: test\r\nX-Request-Id: abc-1\r\n\r\n");
    CPPUNIT_ASSERT_EQUAL(std::string("abc-1"), kept.body);
    CPPUNIT_ASSERT_EQUAL(std::string("abc-1"), kept.header("x-request-id"));
    for (const std::string& odd : {std::string("a b"), std::string(65, 'x'), std::string()}) {
      const RawAnswer made =
          client.ask("GET / HTTP/1.1\r\nHost: test\r\nX-Request-Id: " + odd + "\r\n\r\n");
      CPPUNIT_ASSERT_EQUAL(std::size_t{20}, made.body.size());
      CPPUNIT_ASSERT_EQUAL(std::string("req_"), made.body.substr(0, 4));
      CPPUNIT_ASSERT_EQUAL(made.body, made.header("x-request-id"));
      CPPUNIT_ASSERT_EQUAL(std::size_t{1}, made.headers.count("x-request-id"));
    }
  }
  static Response who(const Request& request) {
    Response response;
    response.body =
        request.client_ip + " " + request.peer_ip + " " + request.scheme + " " + request.host;
    for (const auto& [name, value] : request.headers) response.body += " " + name;
    return response;
  }
  static std::string spoof() {
    return "GET / HTTP/1.1\r\nHost: test:1\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: "
           "https\r\nForwarded: for=1.2.3.4\r\n"
           "X-Real-IP: 1.2.3.4\r\nX-Z4J-Front-Client: 1.2.3.4\r\nx-z4j-front-scheme: "
           "https\r\nConnection: x-other\r\n\r\n";
  }
  void forwarding_headers_of_a_stranger_are_dropped() {
    const RunningServer running(folder_, who);
    RawClient client(running.port());
    CPPUNIT_ASSERT_EQUAL(std::string("127.0.0.1 127.0.0.1 http test:1 host"),
                         client.ask(spoof()).body);
  }
  void forwarding_headers_of_a_trusted_proxy_count() {
    ServerOptions options;
    options.trusted_proxies = {"127.0.0.0/8"};
    const RunningServer running(folder_, who, options);
    RawClient client(running.port());
    CPPUNIT_ASSERT_EQUAL(std::string("1.2.3.4 127.0.0.1 https test:1 host x-forwarded-for "
                                     "x-forwarded-proto forwarded x-real-ip"),
                         client.ask(spoof()).body);
  }
  void a_late_answer_is_504_and_keeps_its_thread() {
    Gate leave;
    ServerOptions options;
    options.api_threads = 1;
    options.request_timeout_s = 1;
    const RunningServer running(
        folder_,
        [&](const Request& request) {
          if (request.path == "/late") CPPUNIT_ASSERT(leave.wait());
          return mirror(request);
        },
        options);
    RawClient late(running.port());
    CPPUNIT_ASSERT_EQUAL(504, late.ask("GET /late HTTP/1.1\r\nHost: test\r\n\r\n").status);
    RawClient other(running.port());
    other.send(kGet);
    leave.open();
    CPPUNIT_ASSERT_EQUAL(std::string("GET /a? []"), other.answer().body);
    CPPUNIT_ASSERT_EQUAL(std::string("GET /a? []"), late.ask(kGet).body);
  }
  void a_full_line_is_503() {
    Gate leave;
    Gate entered;
    ServerOptions options;
    options.api_threads = 1;
    options.max_waiting = 1;
    options.wait_timeout_s = 1;
    const RunningServer running(
        folder_,
        [&](const Request& request) {
          entered.open();
          CPPUNIT_ASSERT(leave.wait());
          return mirror(request);
        },
        options);
    RawClient first(running.port());
    first.send(kGet);
    CPPUNIT_ASSERT(entered.wait());
    RawClient second(running.port());
    RawClient third(running.port());
    second.send(kGet);
    third.send(kGet);
    for (RawClient* client :
         {&second, &third}) {  // one finds the line full, the other waits too long
      const RawAnswer answer = client->answer();
      CPPUNIT_ASSERT_EQUAL(503, answer.status);
      CPPUNIT_ASSERT_EQUAL(std::string("2"), answer.header("retry-after"));
    }
    leave.open();
    CPPUNIT_ASSERT_EQUAL(200, first.answer().status);
    CPPUNIT_ASSERT_EQUAL(200, second.ask(kGet).status);
  }
  void absolute_targets_are_taken_apart() {
    const RunningServer running(folder_, [](const Request& request) {
      Response response;
      response.body = request.host + " " + request.path + " " + request.query;
      return response;
    });
    RawClient client(running.port());
    CPPUNIT_ASSERT_EQUAL(std::string("real:1 /a/b q"),
                         client.ask("GET http://real:1/a/b?q HTTP/1.1\r\nHost: fake\r\n\r\n").body);
    CPPUNIT_ASSERT_EQUAL(std::string("real / "),
                         client.ask("GET HTTP://real HTTP/1.1\r\nHost: fake\r\n\r\n").body);
    is_refused(running, "GET http://user@real/ HTTP/1.1\r\nHost: fake\r\n\r\n", 400);
  }
  void observer_hears_of_each_answer() {
    Inbox<std::string> heard;
    const RunningServer running(
        folder_,
        [](const Request&) {
          Response response;
          response.status = 201;
          response.route = "/things/{id}";
          return response;
        },
        {}, {},
        [&](std::string_view method, std::string_view route, int status, double seconds) {
          heard.put(std::string(method) + " " + std::string(route) + " " + std::to_string(status) +
                    (seconds >= 0 ? " ok" : " bad"));
        });
    RawClient client(running.port());
    CPPUNIT_ASSERT_EQUAL(201, client.ask("DELETE /things/7 HTTP/1.1\r\nHost: test\r\n\r\n").status);
    CPPUNIT_ASSERT_EQUAL(std::string("DELETE /things/{id} 201 ok"), heard.at(0));
  }
  void a_taken_port_is_named() {
    const RunningServer running(folder_);
    const PrivateFolder folder;
    ServerOptions options;
    options.bind_port = running.port();
    options.private_socket = folder.file("api.sock");
    Server second(options, mirror, {}, {}, base::Log::quiet());
    const auto started = second.start();
    CPPUNIT_ASSERT(!started.ok());
    CPPUNIT_ASSERT(started.error().code == base::Code::conflict);
    CPPUNIT_ASSERT(started.error().message.find("127.0.0.1:" + std::to_string(running.port())) !=
                   std::string::npos);
  }
  void the_private_socket_is_private() {
    const std::string path = folder_.file("api.sock");
    {
      const RunningServer running(folder_);
      struct stat found {};
      CPPUNIT_ASSERT_EQUAL(0, stat(path.c_str(), &found));
      CPPUNIT_ASSERT_EQUAL(0600u, static_cast<unsigned>(found.st_mode & 0777));
    }
    struct stat gone {};
    CPPUNIT_ASSERT(stat(path.c_str(), &gone) != 0);
    std::ofstream(path) << "a file of somebody";
    ServerOptions options;
    options.bind_port = 0;
    options.private_socket = path;
    Server refused(options, mirror, {}, {}, base::Log::quiet());
    const auto started = refused.start();
    CPPUNIT_ASSERT(!started.ok());
    CPPUNIT_ASSERT(started.error().message.find(path) != std::string::npos);
  }
  void stop_answers_what_is_under_way() {
    Gate entered;
    Gate leave;
    const RunningServer running(folder_, [&](const Request& request) {
      entered.open();
      CPPUNIT_ASSERT(leave.wait());
      return mirror(request);
    });
    RawClient busy(running.port());
    RawClient idle(running.port());
    busy.send(kGet);
    CPPUNIT_ASSERT(entered.wait());
    std::thread stopper([&] { running.server->stop(10'000); });
    CPPUNIT_ASSERT(idle.closed());
    leave.open();
    const RawAnswer answer = busy.answer();
    CPPUNIT_ASSERT_EQUAL(std::string("GET /a? []"), answer.body);
    CPPUNIT_ASSERT_EQUAL(std::string("close"), answer.header("connection"));
    stopper.join();
    CPPUNIT_ASSERT_THROW(RawClient late(running.port()), std::runtime_error);
  }
  void connections_over_the_limit_are_closed_at_once() {
    ServerOptions options;
    options.max_connections = 2;
    const RunningServer running(folder_, mirror, options);
    RawClient one(running.port());
    RawClient two(running.port());
    CPPUNIT_ASSERT_EQUAL(200, one.ask(kGet).status);
    CPPUNIT_ASSERT_EQUAL(200, two.ask(kGet).status);
    RawClient three(running.port());
    CPPUNIT_ASSERT(three.closed());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, running.server->stats().connections_refused);
    CPPUNIT_ASSERT_EQUAL(200, one.ask(kGet).status);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ServerTest);

}  // namespace
}  // namespace z4j::net
