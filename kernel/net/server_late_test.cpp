#include <cppunit/extensions/HelperMacros.h>

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
using testing::RunningServer;

constexpr const char* kAskLater = "GET /later HTTP/1.1\r\nHost: test\r\n\r\n";

Response reply_with(int status, std::string body) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

class ServerLateTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ServerLateTest);
  CPPUNIT_TEST(an_answer_may_come_later_from_another_thread);
  CPPUNIT_TEST(waiting_requests_hold_no_threads);
  CPPUNIT_TEST(without_an_answer_it_is_503);
  CPPUNIT_TEST(the_first_answer_counts_and_late_ones_do_no_harm);
  CPPUNIT_TEST(whoever_is_not_admitted_sends_no_body);
  CPPUNIT_TEST(a_throwing_handler_is_500);
  CPPUNIT_TEST(an_upgrade_may_be_decided_later);
  CPPUNIT_TEST(stop_answers_what_waits);
  CPPUNIT_TEST_SUITE_END();

  PrivateFolder folder_;
  Inbox<LateAnswer> waiting_;
  Inbox<std::string> bodies_;

  RunningServer run(LateRoute route) {
    ServerOptions options;
    options.late_routes = {std::move(route)};
    return RunningServer(folder_, {}, std::move(options));
  }
  LateRoute later(const char* method = "GET") {
    LateRoute route;
    route.method = method;
    route.path = "/later";
    route.handle = [this](const Request& request, LateAnswer answer) {
      bodies_.put(request.body);
      waiting_.put(std::move(answer));
    };
    return route;
  }

 public:
  void an_answer_may_come_later_from_another_thread() {
    const auto running = run(later());
    RawClient client(running.port());
    client.send(kAskLater);
    const LateAnswer answer = waiting_.at(0);
    std::thread([&] { answer(reply_with(200, "[1]")); }).join();
    const RawAnswer got = client.answer();
    CPPUNIT_ASSERT_EQUAL(200, got.status);
    CPPUNIT_ASSERT_EQUAL(std::string("[1]"), got.body);
    client.send(kAskLater);  // the connection goes on
    waiting_.at(1)(reply_with(200, "[2]"));
    CPPUNIT_ASSERT_EQUAL(std::string("[2]"), client.answer().body);
    CPPUNIT_ASSERT_EQUAL(200,
                         client
                             .ask("POST /later HTTP/1.1\r\nHost: t\r\n"
                                  "Content-Length: 0\r\n\r\n")
                             .status);  // another method is the API's
  }

  void waiting_requests_hold_no_threads() {
    const auto running = run(later());
    const int before = testing::thread_count();
    std::vector<RawClient> clients;
    for (int i = 0; i < 40; ++i) {
      clients.emplace_back(running.port());
      clients.back().send(kAskLater);
    }
    static_cast<void>(waiting_.at(39));
    CPPUNIT_ASSERT_EQUAL(before, testing::thread_count());
    for (std::size_t i = 0; i < clients.size(); ++i) waiting_.at(i)(reply_with(200, "{}"));
    for (RawClient& client : clients) CPPUNIT_ASSERT_EQUAL(200, client.answer().status);
  }

  void without_an_answer_it_is_503() {
    LateRoute route = later();
    route.timeout_s = 1;
    const auto running = run(route);
    RawClient client(running.port());
    CPPUNIT_ASSERT_EQUAL(503, client.ask(kAskLater).status);
    waiting_.at(0)(reply_with(200, "too late"));
    client.send(kAskLater);
    waiting_.at(1)(reply_with(200, "in time"));
    CPPUNIT_ASSERT_EQUAL(std::string("in time"), client.answer().body);
  }

  void the_first_answer_counts_and_late_ones_do_no_harm() {
    LateAnswer kept;
    {
      const auto running = run(later());
      {
        RawClient client(running.port());
        client.send(kAskLater);
        kept = waiting_.at(0);
        kept(reply_with(200, "first"));
        kept(reply_with(200, "second"));
        CPPUNIT_ASSERT_EQUAL(std::string("first"), client.answer().body);
        client.send(kAskLater);
        static_cast<void>(waiting_.at(1));
      }
      waiting_.at(1)(reply_with(200, "its client is gone"));
    }
    kept(reply_with(200, "the server is gone"));
  }

  void whoever_is_not_admitted_sends_no_body() {
    LateRoute route = later("POST");
    route.admit = [](const Request& request, LateAnswer answer) {
      answer(request.header("authorization") == "Bearer good"
                 ? reply_with(100, "")
                 : reply_with(401, "{\"detail\":\"no\"}"));
    };
    const auto running = run(route);
    RawClient bad(running.port());
    const RawAnswer refused = bad.ask(
        "POST /later HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nAuthorization: Bearer bad\r\n"
        "\r\n");
    CPPUNIT_ASSERT_EQUAL(401, refused.status);
    CPPUNIT_ASSERT_EQUAL(std::string("close"), refused.header("connection"));
    RawClient good(running.port());
    good.send(
        "POST /later HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nAuthorization: Bearer good\r\n"
        "Expect: 100-continue\r\n\r\n");
    CPPUNIT_ASSERT_EQUAL(100, good.answer(false).status);
    good.send("hello");
    CPPUNIT_ASSERT_EQUAL(std::string("hello"), bodies_.at(0));
    waiting_.at(0)(reply_with(200, "{}"));
    CPPUNIT_ASSERT_EQUAL(200, good.answer().status);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, bodies_.size());
  }

  void a_throwing_handler_is_500() {
    LateRoute route = later();
    route.handle = [](const Request&, const LateAnswer&) { throw std::runtime_error("as told"); };
    const auto running = run(route);
    RawClient client(running.port());
    CPPUNIT_ASSERT_EQUAL(500, client.ask(kAskLater).status);
  }

  void an_upgrade_may_be_decided_later() {
    SocketEndpoint endpoint;
    endpoint.path = "/ws";
    endpoint.check = [this](const Request&, LateAnswer answer) { waiting_.put(std::move(answer)); };
    Inbox<SocketId> opened;
    endpoint.open = [&opened](SocketId id, const Request&) { opened.put(id); };
    RunningServer running(folder_, {}, {}, {endpoint});
    std::thread decides([this] {
      waiting_.at(0)(reply_with(401, "{\"detail\":\"no\"}"));
      waiting_.at(1)(reply_with(101, ""));
    });
    RawClient client(running.port());
    CPPUNIT_ASSERT_EQUAL(401, client.upgrade("/ws").status);
    CPPUNIT_ASSERT_EQUAL(101, client.upgrade("/ws").status);
    decides.join();
    static_cast<void>(opened.at(0));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, opened.size());
  }

  void stop_answers_what_waits() {
    const auto running = run(later());
    RawClient client(running.port());
    client.send(kAskLater);
    static_cast<void>(waiting_.at(0));
    running.server->stop(5000);
    CPPUNIT_ASSERT_EQUAL(503, client.answer().status);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ServerLateTest);

}  // namespace
}  // namespace z4j::net
