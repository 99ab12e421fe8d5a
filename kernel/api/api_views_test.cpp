// Saved views, deploys, suggestions and findings over HTTP: roles, shapes, rules.
#include "api/api.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <set>

#include "api/testing/api_fixture.hpp"

namespace z4j::api {
namespace {

using testing::Answered;
using testing::ApiFixture;
using testing::Browser;
using testing::Object;

class ApiViewsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ApiViewsTest);
  CPPUNIT_TEST(views_are_saved_shared_and_forgotten_by_those_who_may);
  CPPUNIT_TEST(a_view_keeps_its_ceilings);
  CPPUNIT_TEST(deploys_are_marked_by_operators_and_by_keys);
  CPPUNIT_TEST(deploys_page_and_their_cursor_is_of_no_other_list);
  CPPUNIT_TEST(suggestions_name_the_fields_they_know);
  CPPUNIT_TEST(findings_tell_of_the_audit_log_to_its_readers);
  CPPUNIT_TEST_SUITE_END();

  ApiFixture f_;
  static constexpr const char* kBase = "/api/v1/projects/default";

  Browser person(const std::string& name, core::Role role) {
    return Browser(f_, f_.sign_in(name, false, role));
  }
  static Object view(const std::string& name, bool is_shared = false) {
    return {
        {"screen", "tasks"}, {"name", name}, {"query", "state=failure"}, {"is_shared", is_shared}};
  }
  static Answered erase(Browser& who, const std::string& path) {
    return who.call("DELETE", kBase + path);
  }

 public:
  void views_are_saved_shared_and_forgotten_by_those_who_may() {
    Browser viewer = person("viewer", core::Role::viewer), op = person("op", core::Role::op),
            admin = person("admin", core::Role::admin);
    const Answered own = viewer.post(std::string(kBase) + "/views", view("mine"));
    CPPUNIT_ASSERT_EQUAL_MESSAGE(own.response.body, 201, own.status);
    CPPUNIT_ASSERT_EQUAL(std::string("true"), own.text("is_mine"));
    CPPUNIT_ASSERT_EQUAL(409, viewer.post(std::string(kBase) + "/views", view("mine")).status);
    const Answered refused = viewer.post(std::string(kBase) + "/views", view("all", true));
    CPPUNIT_ASSERT_EQUAL(403, refused.status);
    const Answered shared = op.post(std::string(kBase) + "/views", view("all", true));
    CPPUNIT_ASSERT_EQUAL_MESSAGE(shared.response.body, 201, shared.status);
    const Answered seen = viewer.get(std::string(kBase) + "/views?screen=tasks");
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, seen.array().size());
    CPPUNIT_ASSERT_EQUAL(std::string("mine"), seen.text("0/name"));
    CPPUNIT_ASSERT_EQUAL(std::string("false"), seen.text("1/is_mine"));
    CPPUNIT_ASSERT_EQUAL(std::string("op"), seen.text("1/created_by_name"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0},
                         viewer.get(std::string(kBase) + "/views?screen=queues").array().size());
    CPPUNIT_ASSERT_EQUAL(404, erase(admin, "/views/" + own.text("id")).status);
    CPPUNIT_ASSERT_EQUAL(403, erase(viewer, "/views/" + shared.text("id")).status);
    CPPUNIT_ASSERT_EQUAL(204, erase(admin, "/views/" + shared.text("id")).status);
    CPPUNIT_ASSERT_EQUAL(204, erase(viewer, "/views/" + own.text("id")).status);
    CPPUNIT_ASSERT_EQUAL(404, erase(viewer, "/views/no-id").status);
  }

  void a_view_keeps_its_ceilings() {
    Browser viewer = person("viewer", core::Role::viewer);
    Object longest = view(std::string(80, 'n'));
    longest["query"] = std::string(2000, 'q');
    CPPUNIT_ASSERT_EQUAL(201, viewer.post(std::string(kBase) + "/views", longest).status);
    for (const auto& [member, length] :
         {std::pair("name", 81), std::pair("query", 2001), std::pair("screen", 41)}) {
      Object longer = view("n");
      longer[member] = std::string(static_cast<std::size_t>(length), 'x');
      CPPUNIT_ASSERT_EQUAL_MESSAGE(member, 422,
                                   viewer.post(std::string(kBase) + "/views", longer).status);
    }
    Object other = view("n");
    other["owner"] = "somebody";
    CPPUNIT_ASSERT_EQUAL(422, viewer.post(std::string(kBase) + "/views", other).status);
  }

  void deploys_are_marked_by_operators_and_by_keys() {
    Browser viewer = person("viewer", core::Role::viewer), op = person("op", core::Role::op);
    const std::string path = std::string(kBase) + "/deploys";
    CPPUNIT_ASSERT_EQUAL(403, viewer.post(path, Object{{"label", "v1"}}).status);
    const Answered made = op.post(path, Object{{"label", "v1"}, {"note", "new checkout"}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(made.response.body, 201, made.status);
    CPPUNIT_ASSERT_EQUAL(base::format_time(f_.clock.now()), made.text("at"));
    CPPUNIT_ASSERT_EQUAL(std::string("op"), made.text("created_by_name"));
    const Answered key =
        op.post("/api/v1/api-keys", Object{{"name", "pipeline"},
                                           {"scopes", testing::Array{"tasks:write"}},
                                           {"project_id", f_.project.id.text()}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(key.response.body, 201, key.status);
    Browser pipeline(f_);
    const Answered marked = pipeline.call("POST", path, R"({"label":"v2"})",
                                          {{"authorization", "Bearer " + key.text("token")}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(marked.response.body, 201, marked.status);
    CPPUNIT_ASSERT_EQUAL(std::string("null"), marked.text("note"));
    for (const Object& bad :
         {Object{{"label", ""}}, Object{{"label", std::string(81, 'x')}},
          Object{{"label", "v"}, {"note", std::string(501, 'x')}},
          Object{{"label", "v"}, {"at", base::format_time(f_.clock.now() + 301 * base::kSecondUs)}},
          Object{{"label", "v"}, {"at", "yesterday"}}, Object{{"label", "v"}, {"user", "x"}}}) {
      const Answered refused = op.post(path, bad);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(base::json::write(bad) + refused.response.body, 422,
                                   refused.status);
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, viewer.get(path).items().size());
    CPPUNIT_ASSERT_EQUAL(403, erase(viewer, "/deploys/" + made.text("id")).status);
    CPPUNIT_ASSERT_EQUAL(204, erase(op, "/deploys/" + made.text("id")).status);
    CPPUNIT_ASSERT_EQUAL(404, erase(op, "/deploys/" + made.text("id")).status);
  }

  void deploys_page_and_their_cursor_is_of_no_other_list() {
    Browser op = person("op", core::Role::op);
    const std::string path = std::string(kBase) + "/deploys";
    for (int i = 0; i < 5; ++i)
      CPPUNIT_ASSERT_EQUAL(201, op.post(path, Object{{"label", "v" + std::to_string(i)}}).status);
    std::set<std::string> seen;
    std::string cursor;
    do {
      const Answered page = op.get(path + "?limit=2" + (cursor.empty() ? "" : "&cursor=" + cursor));
      for (const auto& item : page.items())
        CPPUNIT_ASSERT(seen.insert(std::string(item.at("label").as_string())).second);
      cursor = page.text("next_cursor");
      if (cursor != "null") {
        CPPUNIT_ASSERT_EQUAL(422, op.get(std::string(kBase) + "/commands?cursor=" + cursor).status);
      }
    } while (cursor != "null");
    CPPUNIT_ASSERT_EQUAL(std::size_t{5}, seen.size());
    f_.clock.advance(60 * base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(201, op.post(path, Object{{"label", "later"}}).status);
    const std::string since = "?since=" + base::format_time(f_.clock.now() - base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, op.get(path + since).items().size());
    CPPUNIT_ASSERT_EQUAL(422, op.get(path + "?since=now").status);
  }

  void suggestions_name_the_fields_they_know() {
    Browser viewer = person("viewer", core::Role::viewer);
    const std::string path = std::string(kBase) + "/suggestions";
    for (const char* field : {"name", "queue", "worker", "engine", "exception"})
      CPPUNIT_ASSERT_EQUAL(std::size_t{0}, viewer.get(path + "?field=" + field).items().size());
    const Answered refused = viewer.get(path + "?field=priority&prefix=h");
    CPPUNIT_ASSERT_EQUAL(422, refused.status);
    CPPUNIT_ASSERT(refused.response.body.find("must be name, queue, worker, engine or exception") !=
                   std::string::npos);
    CPPUNIT_ASSERT_EQUAL(422, viewer.get(path).status);
    CPPUNIT_ASSERT_EQUAL(422, viewer.get(path + "?field=name&limit=51").status);
    CPPUNIT_ASSERT_EQUAL(422,
                         viewer.get(path + "?field=name&prefix=" + std::string(201, 'x')).status);
  }

  void findings_tell_of_the_audit_log_to_its_readers() {
    namespace a = model::agents;
    core::Rows rows(core::Table::agents);
    rows.begin()
        .uuid(a::id, base::Uuid::random())
        .uuid(a::project_id, f_.project.id)
        .text(a::name, "web-1")
        .num(a::is_local, 0)
        .text(a::protocol_version, "2")
        .text(a::framework_adapter, "bare")
        .text(a::state, "offline")
        .num(a::events_persisted, 0)
        .num(a::events_dropped, 0)
        .num(a::created_at, 1)
        .num(a::updated_at, 1);
    f_.insert(std::move(rows));
    Browser viewer = person("viewer", core::Role::viewer);
    const Answered seen = viewer.get(std::string(kBase) + "/findings");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(seen.response.body, 200, seen.status);
    CPPUNIT_ASSERT_EQUAL(std::string("agent_offline"), seen.text("items/0/kind"));
    CPPUNIT_ASSERT_EQUAL(std::string("critical"), seen.text("items/0/severity"));
    CPPUNIT_ASSERT_EQUAL(std::string("No agent is online"), seen.text("items/0/title"));
    CPPUNIT_ASSERT_EQUAL(std::string("web-1"), seen.text("items/0/subject/id"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), seen.text("clear_since"));
    CPPUNIT_ASSERT_EQUAL(std::string("queue_without_consumer"), seen.text("unknown/0"));
    CPPUNIT_ASSERT(seen.response.body.find("plugin_unhealthy") != std::string::npos);
    CPPUNIT_ASSERT(seen.response.body.find("audit") == std::string::npos);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiViewsTest);

}  // namespace
}  // namespace z4j::api
