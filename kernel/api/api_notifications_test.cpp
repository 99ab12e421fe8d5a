// Over channels, subscriptions, deliveries and the inbox.
#include "api/api.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

#include "api/testing/api_fixture.hpp"

namespace z4j::api {
namespace {

using testing::Answered;
using testing::ApiFixture;
using testing::Array;
using testing::Browser;
using testing::Object;

const std::string kChannelsPath = "/api/v1/projects/default/notifications/channels";
const std::string kDefaultsPath = "/api/v1/projects/default/notifications/defaults";
const std::string kDeliveriesPath = "/api/v1/projects/default/notifications/deliveries";

class ApiNotificationsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ApiNotificationsTest);
  CPPUNIT_TEST(a_projects_channels_are_its_administrators);
  CPPUNIT_TEST(defaults_are_one_per_trigger);
  CPPUNIT_TEST(ones_own_subscriptions_are_paged_and_changed);
  CPPUNIT_TEST(deliveries_are_paged_and_cleared);
  CPPUNIT_TEST(an_inbox_is_read);
  CPPUNIT_TEST_SUITE_END();

  ApiFixture f_;

  static void expect(int status, const Answered& got) {
    CPPUNIT_ASSERT_EQUAL_MESSAGE(got.response.body, status, got.status);
  }
  static Answered change(Browser& who, const std::string& path, const Object& body) {
    return who.call("PATCH", path, base::json::write(body));
  }
  static Object hook(const std::string& name) {
    return {{"name", name},
            {"type", "webhook"},
            {"config", {{"url", "https://hooks.example.org/x"}, {"hmac_secret", "hush-hush"}}}};
  }
  Browser admin() { return Browser(f_, f_.sign_in("admin", false, core::Role::admin)); }

 public:
  void a_projects_channels_are_its_administrators() {
    Browser boss = admin(), viewer(f_, f_.sign_in("viewer", false, core::Role::viewer)),
            stranger(f_, f_.sign_in("stranger", false));
    const Answered made = boss.post(kChannelsPath, hook("one"));
    expect(201, made);
    CPPUNIT_ASSERT_EQUAL(std::string(core::kChannelMask), made.text("config/hmac_secret"));
    const std::string path = kChannelsPath + "/" + made.text("id");
    expect(403, viewer.post(kChannelsPath, hook("two")));
    expect(404, stranger.post(kChannelsPath, hook("two")));
    const Answered seen = viewer.get(kChannelsPath);
    expect(200, seen);
    CPPUNIT_ASSERT(seen.text("0/config/url").find("/x") == std::string::npos);
    const Answered changed = change(boss, path, {{"is_active", false}});
    expect(200, changed);
    CPPUNIT_ASSERT_EQUAL(std::string("false"), changed.text("is_active"));
    CPPUNIT_ASSERT_EQUAL(std::string("true"), boss.post(path + "/test").text("success"));
    Object bad = hook("bad");
    bad["config"] = Object{{"url", "https://10.0.0.1/"}};
    const Answered refused = boss.post(kChannelsPath, bad);
    expect(409, refused);
    CPPUNIT_ASSERT(refused.text("message").starts_with("unsafe webhook"));
    bad["type"] = "pigeon";
    expect(422, boss.post(kChannelsPath, bad));
    expect(422, boss.post(kChannelsPath, Object{{"type", "webhook"}}));
    bad = hook("large");
    bad["config"] = Object{{"url", std::string(20'000, 'x')}};
    expect(422, boss.post(kChannelsPath, bad));
    const Answered own =
        boss.post("/api/v1/user/channels/import_from_project",
                  Object{{"project_slug", "default"}, {"channel_id", made.text("id")}});
    expect(201, own);
    expect(422,
           boss.post(
               "/api/v1/user/channels/import_from_project",
               Object{{"project_slug", "default"}, {"channel_id", made.text("id")}, {"odd", 1}}));
    expect(403, viewer.post("/api/v1/user/channels/import_from_project",
                            Object{{"project_slug", "default"}, {"channel_id", made.text("id")}}));
    expect(201, boss.post(kChannelsPath + "/import_from_user",
                          Object{{"user_channel_id", own.text("id")}, {"name", "back"}}));
    expect(200, boss.get("/api/v1/user/channels"));
    expect(200, boss.post("/api/v1/user/channels/" + own.text("id") + "/test"));
    expect(200, change(boss, "/api/v1/user/channels/" + own.text("id"), {{"name", "mine"}}));
    expect(204, boss.call("DELETE", "/api/v1/user/channels/" + own.text("id")));
    expect(204, boss.call("DELETE", path));
    expect(204, boss.call("DELETE", path));
    expect(404, change(boss, path, {{"name", "gone"}}));
  }

  void defaults_are_one_per_trigger() {
    Browser boss = admin();
    const Answered made =
        boss.post(kDefaultsPath, Object{{"trigger", "task.slow"}, {"cooldown_seconds", 60}});
    expect(201, made);
    expect(409, boss.post(kDefaultsPath, Object{{"trigger", "task.slow"}}));
    expect(422, boss.post(kDefaultsPath, Object{{"trigger", "task.odd"}}));
    expect(409, boss.post(kDefaultsPath,
                          Object{{"trigger", "task.failed"},
                                 {"project_channel_ids", Array{base::Uuid::random().text()}}}));
    const std::string path = kDefaultsPath + "/" + made.text("id");
    CPPUNIT_ASSERT_EQUAL(std::string("false"),
                         change(boss, path, {{"in_app", false}}).text("in_app"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, boss.get(kDefaultsPath).array().size());
    expect(204, boss.call("DELETE", path));
    expect(204, boss.call("DELETE", path));
  }

  void ones_own_subscriptions_are_paged_and_changed() {
    Browser viewer(f_, f_.sign_in("viewer", false, core::Role::viewer)),
        stranger(f_, f_.sign_in("stranger", false));
    const std::string path = "/api/v1/user/subscriptions", project = f_.project.id.text();
    const auto subscribe = [&](Browser& who, const char* trigger) {
      return who.post(path, Object{{"project_id", project}, {"trigger", trigger}});
    };
    expect(404, subscribe(stranger, "task.failed"));
    std::string id;
    for (const char* trigger : {"task.failed", "task.succeeded", "worker.offline"}) {
      const Answered made = subscribe(viewer, trigger);
      expect(201, made);
      id = made.text("id");
    }
    expect(409, subscribe(viewer, "task.failed"));
    expect(422, viewer.post(
                    path, Object{{"project_id", project}, {"trigger", "task.failed"}, {"odd", 1}}));
    const Answered first = viewer.get(path + "?limit=2");
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, first.items().size());
    const Answered rest = viewer.get(path + "?limit=2&cursor=" + first.text("next_cursor"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, rest.items().size());
    CPPUNIT_ASSERT_EQUAL(std::string("worker.offline"), rest.text("items/0/trigger"));
    expect(422, viewer.get(path + "?cursor=nonsense"));
    expect(403, viewer.get(path + "?project_id=" + base::Uuid::random().text()));
    const Answered muted = change(
        viewer, path + "/" + id, {{"muted_until", "2030-01-01T00:00:00Z"}, {"is_active", nullptr}});
    CPPUNIT_ASSERT_EQUAL(std::string("2030-01-01T00:00:00Z"), muted.text("muted_until"));
    CPPUNIT_ASSERT_EQUAL(std::string("true"), muted.text("is_active"));
    expect(409, change(viewer, path + "/" + id, {{"trigger", "task.failed"}}));
    expect(422,
           change(viewer, path + "/" + id, {{"filters", Object{{"task_name_pattern", "******"}}}}));
    expect(404, change(stranger, path + "/" + id, {{"in_app", false}}));
    expect(204, stranger.call("DELETE", path + "/" + id));
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, viewer.get(path).items().size());
    expect(204, viewer.call("DELETE", path + "/" + id));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, viewer.get(path).items().size());
  }

  void deliveries_are_paged_and_cleared() {
    Browser boss = admin();
    for (int i = 0; i < 3; ++i) {
      f_.clock.advance(base::kSecondUs);
      expect(200, boss.post(kChannelsPath + "/test",
                            Object{{"type", "webhook"}, {"config", hook("x")["config"]}}));
    }
    const Answered first = boss.get(kDeliveriesPath + "?limit=2");
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, first.items().size());
    CPPUNIT_ASSERT_EQUAL(std::string("admin@example.org"),
                         first.text("items/0/triggered_by_email"));
    const Answered rest =
        boss.get(kDeliveriesPath + "?limit=2&cursor=" + first.text("next_cursor"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, rest.items().size());
    CPPUNIT_ASSERT_EQUAL(std::string("null"), rest.text("next_cursor"));
    const Answered some =
        boss.call("DELETE", kDeliveriesPath + "?before=" + first.text("items/1/sent_at"));
    CPPUNIT_ASSERT_EQUAL(std::string("1"), some.text("deleted"));
    CPPUNIT_ASSERT_EQUAL(std::string("2"), boss.call("DELETE", kDeliveriesPath).text("deleted"));
    expect(200, boss.get("/api/v1/user/deliveries"));
    expect(200, boss.get("/api/v1/user/deliveries?project_slug=nowhere"));
  }

  void an_inbox_is_read() {
    const core::SignedIn person = f_.sign_in("viewer", false, core::Role::viewer);
    Browser viewer(f_, person);
    core::Commit commit;
    for (int i = 0; i < 3; ++i) {
      core::Notification n;
      n.id = base::Uuid::random();
      n.user_id = person.user.id;
      n.project_id = f_.project.id;
      n.trigger = "task.failed";
      n.title = "Task failed: t" + std::to_string(i);
      n.created_at = f_.clock.now() - i;
      core::insert_notification(commit, n);
    }
    f_.must(f_.store->commit(commit));
    const std::string path = "/api/v1/user/notifications";
    const Answered all = viewer.get(path + "?limit=2");
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, all.array().size());
    CPPUNIT_ASSERT_EQUAL(std::string("3"), viewer.get(path + "/unread-count").text("unread"));
    expect(204, viewer.post(path + "/" + all.text("0/id") + "/read"));
    CPPUNIT_ASSERT_EQUAL(std::string("2"), viewer.get(path + "/unread-count").text("unread"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, viewer.get(path + "?unread_only=true").array().size());
    expect(204, viewer.post(path + "/read-all"));
    CPPUNIT_ASSERT_EQUAL(std::string("0"), viewer.get(path + "/unread-count").text("unread"));
    expect(204, viewer.post(path + "/nonsense/read"));
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ApiNotificationsTest);

}  // namespace
}  // namespace z4j::api
