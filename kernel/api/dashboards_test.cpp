#include "api/dashboards.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "api/site.hpp"
#include "api/testing/api_fixture.hpp"
#include "api/testing/fake_sender.hpp"

namespace z4j::api {
namespace {

using testing::ApiFixture;
using testing::Browser;
using testing::FakeSender;

// The dashboards' own thread is not started: each test says when they work.
class DashboardsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(DashboardsTest);
  CPPUNIT_TEST(a_subscriber_hears_its_project_and_no_other);
  CPPUNIT_TEST(strangers_are_closed_with_their_code);
  CPPUNIT_TEST(a_silent_socket_is_closed_after_ten_seconds);
  CPPUNIT_TEST(the_51st_socket_of_a_user_is_refused);
  CPPUNIT_TEST(signing_out_and_losing_the_role_end_the_socket);
  CPPUNIT_TEST_SUITE_END();

  ApiFixture f_;
  FakeSender sender_;
  std::unique_ptr<Site> site_;
  std::unique_ptr<Dashboards> dashboards_;
  net::SocketEndpoint endpoint_;
  const core::Live::Deliver deliver_ = [this](core::Live::Subscriber id, std::string_view topic) {
    sender_.send(id, topic);
  };

  std::string subscribe_text(const base::Uuid& project) {
    return R"({"type":"subscribe","project_id":")" + project.text() + "\"}";
  }
  void open(net::SocketId id, const Browser& browser,
            const std::string& origin = "http://localhost:7700") {
    net::Request request = browser.make("/ws/dashboard");
    if (!origin.empty()) request.headers.emplace_back("origin", origin);
    endpoint_.open(id, request);
  }
  void open_live(net::SocketId id, const Browser& browser) {
    open(id, browser);
    endpoint_.message(id, subscribe_text(f_.project.id));
    dashboards_->work();
  }

 public:
  void setUp() override {
    site_ = std::make_unique<Site>(f_.parts());
    dashboards_ = std::make_unique<Dashboards>(*site_);
    dashboards_->use(sender_);
    endpoint_ = dashboards_->endpoint();
  }

  void a_subscriber_hears_its_project_and_no_other() {
    const Browser browser(f_, f_.sign_in("viewer", false, core::Role::viewer));
    open_live(1, browser);
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"type":"ready"})"), sender_.sent(1).at(0));
    endpoint_.message(1, R"({"type":"ping"})");
    endpoint_.message(1, "nonsense");
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"type":"pong"})"), sender_.sent(1).at(1));
    f_.live.publish(base::Uuid::random(), core::kTaskChanged);
    f_.live.publish(f_.project.id, "something.else");
    f_.live.flush(deliver_);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, sender_.sent(1).size());
    for (int i = 0; i < 100; ++i) f_.live.publish(f_.project.id, core::kTaskChanged);
    f_.live.publish(f_.project.id, core::kAgentChanged);
    f_.live.flush(deliver_);
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, sender_.sent(1).size());
    CPPUNIT_ASSERT_EQUAL(std::string("task.changed"), sender_.sent(1).at(2));
    endpoint_.closed(1, 1000);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, dashboards_->count());
    f_.live.publish(f_.project.id, core::kTaskChanged);
    f_.live.flush(deliver_);
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, sender_.sent(1).size());
  }

  void strangers_are_closed_with_their_code() {
    const Browser nobody(f_), stranger(f_, f_.sign_in("stranger", false)),
        viewer(f_, f_.sign_in("viewer", false, core::Role::viewer));
    open(1, viewer, "https://evil.example");
    CPPUNIT_ASSERT_EQUAL(4403, sender_.code(1));
    open(2, nobody);
    CPPUNIT_ASSERT_EQUAL(4401, sender_.code(2));
    Browser forged(f_);
    forged.cookies["z4j_session"] = "forged.cookie.value";
    open_live(3, forged);
    CPPUNIT_ASSERT_EQUAL(4401, sender_.code(3));
    open_live(4, stranger);
    CPPUNIT_ASSERT_EQUAL(4403, sender_.code(4));
    net::SocketId id = 5;
    for (const std::string& text :
         {std::string("{}"), std::string("["),
          std::string(R"({"type":"subscribe","project_id":"x"})"), std::string(4000, '[')}) {
      open(id, viewer);
      dashboards_->work();
      endpoint_.message(id, text);
      dashboards_->work();
      CPPUNIT_ASSERT_EQUAL(4400, sender_.code(id));
      ++id;
    }
    open(id, viewer, "");  // no Origin: fine on a developer's machine
    dashboards_->work();
    CPPUNIT_ASSERT_EQUAL(0, sender_.code(id));
  }

  void a_silent_socket_is_closed_after_ten_seconds() {
    const Browser viewer(f_, f_.sign_in("viewer", false, core::Role::viewer));
    open(1, viewer);
    dashboards_->work();
    CPPUNIT_ASSERT_EQUAL(0, sender_.code(1));
    f_.clock.advance(10 * base::kSecondUs);
    dashboards_->work();
    CPPUNIT_ASSERT_EQUAL(4400, sender_.code(1));
  }

  void the_51st_socket_of_a_user_is_refused() {
    const Browser viewer(f_, f_.sign_in("viewer", false, core::Role::viewer)),
        other(f_, f_.sign_in("other", false, core::Role::viewer));
    for (net::SocketId id = 1; id <= 51; ++id) open_live(id, viewer);
    CPPUNIT_ASSERT_EQUAL(0, sender_.code(50));
    CPPUNIT_ASSERT_EQUAL(4402, sender_.code(51));
    open_live(52, other);
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"type":"ready"})"), sender_.sent(52).at(0));
  }

  void signing_out_and_losing_the_role_end_the_socket() {
    const core::SignedIn first = f_.sign_in("first", false, core::Role::viewer);
    const core::SignedIn second = f_.sign_in("second", false, core::Role::viewer);
    open_live(1, Browser(f_, first));
    open_live(2, Browser(f_, second));
    CPPUNIT_ASSERT(f_.auth->logout(f_.auth->authenticate(first.cookie).value(), {}).ok());
    core::Commit commit;
    core::Where where;
    where.eq(model::memberships::user_id, second.user.id);
    commit.erase(core::Table::memberships, std::move(where));
    CPPUNIT_ASSERT(f_.store->commit(commit).ok());
    f_.clock.advance(4 * base::kSecondUs);
    dashboards_->work();
    CPPUNIT_ASSERT_EQUAL(4401, sender_.code(1));
    CPPUNIT_ASSERT_EQUAL(4403, sender_.code(2));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(DashboardsTest);

}  // namespace
}  // namespace z4j::api
