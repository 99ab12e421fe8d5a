#include <cppunit/extensions/HelperMacros.h>

#include "api/testing/api_fixture.hpp"
#include "core/schedules.hpp"

namespace z4j::api {
namespace {

using testing::Answered;
using testing::ApiFixture;
using testing::Array;
using testing::Browser;
using testing::Object;
using testing::Value;

constexpr const char* kAll = "/api/v1/projects/default/schedules";

class ApiSchedulesTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ApiSchedulesTest);
  CPPUNIT_TEST(a_schedule_lives_through_the_api);
  CPPUNIT_TEST(names_are_unique_and_members_checked);
  CPPUNIT_TEST(who_may_do_what);
  CPPUNIT_TEST(edits_that_were_turned_away_are_recorded);
  CPPUNIT_TEST(lists_have_pages_and_filters);
  CPPUNIT_TEST(an_import_and_its_diff);
  CPPUNIT_TEST(an_export_is_what_an_import_takes);
  CPPUNIT_TEST(what_can_not_be_done_is_said_with_each_schedule);
  CPPUNIT_TEST(nobody_to_ask_for_schedules);
  CPPUNIT_TEST_SUITE_END();

  ApiFixture f_;
  std::unique_ptr<Browser> root_, viewer_, op_;

  static Object draft(const std::string& name) {
    return {{"name", name},
            {"engine", "celery"},
            {"kind", "interval"},
            {"expression", "60"},
            {"task_name", "mail.send"}};
  }
  Answered create(const std::string& name) { return root_->post(kAll, draft(name)); }
  static std::string at(const Answered& schedule) {
    return std::string(kAll) + "/" + schedule.text("id");
  }

 public:
  void setUp() override {
    root_ = std::make_unique<Browser>(f_, f_.sign_in("root", true));
    viewer_ = std::make_unique<Browser>(f_, f_.sign_in("viewer", false, core::Role::viewer));
    op_ = std::make_unique<Browser>(f_, f_.sign_in("op", false, core::Role::op));
  }

  void a_schedule_lives_through_the_api() {
    const Answered made = create("nightly");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(made.response.body, 201, made.status);
    CPPUNIT_ASSERT_EQUAL(std::string("z4j-scheduler"), made.text("scheduler"));
    CPPUNIT_ASSERT_EQUAL(std::string("UTC"), made.text("timezone"));
    CPPUNIT_ASSERT_EQUAL(std::string("dashboard"), made.text("source"));
    CPPUNIT_ASSERT_EQUAL(std::string("false"), made.text("read_only"));
    CPPUNIT_ASSERT_EQUAL(std::string("[]"), made.text("args"));
    CPPUNIT_ASSERT_EQUAL(std::string("nightly"), viewer_->get(at(made)).text("name"));
    const Answered changed = root_->call("PATCH", at(made), R"({"expression":"30","queue":"q"})");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(changed.response.body, 200, changed.status);
    CPPUNIT_ASSERT_EQUAL(std::string("30"), changed.text("expression"));
    CPPUNIT_ASSERT_EQUAL(std::string("q"), changed.text("queue"));
    CPPUNIT_ASSERT_EQUAL(std::string("false"), op_->post(at(made) + "/disable").text("is_enabled"));
    CPPUNIT_ASSERT_EQUAL(std::string("true"), op_->post(at(made) + "/enable").text("is_enabled"));
    CPPUNIT_ASSERT_EQUAL(std::string("[]"), viewer_->get(at(made) + "/fires").response.body);
    CPPUNIT_ASSERT_EQUAL(409, op_->post(at(made) + "/trigger").status);
    CPPUNIT_ASSERT_EQUAL(204, root_->call("DELETE", at(made)).status);
    CPPUNIT_ASSERT_EQUAL(404, viewer_->get(at(made)).status);
    CPPUNIT_ASSERT_EQUAL(404, root_->call("DELETE", at(made)).status);
  }
  void names_are_unique_and_members_checked() {
    create("nightly");
    const Answered again = create("nightly");
    CPPUNIT_ASSERT_EQUAL(409, again.status);
    CPPUNIT_ASSERT_EQUAL(std::string("conflict_duplicate_name"), again.text("details/reason"));
    Object bad = draft("x");
    bad["kind"] = "lunar";
    CPPUNIT_ASSERT_EQUAL(422, root_->post(kAll, bad).status);
    CPPUNIT_ASSERT_EQUAL(422, root_->post(kAll).status);
    bad = draft("x");
    bad["scheduler"] = "nobody";
    CPPUNIT_ASSERT_EQUAL(422, root_->post(kAll, bad).status);
  }
  void who_may_do_what() {
    const Answered made = create("nightly");
    CPPUNIT_ASSERT_EQUAL(403, op_->post(kAll, draft("x")).status);
    CPPUNIT_ASSERT_EQUAL(403, op_->call("PATCH", at(made), "{}").status);
    CPPUNIT_ASSERT_EQUAL(403, viewer_->post(at(made) + "/disable").status);
    CPPUNIT_ASSERT_EQUAL(403, op_->get(std::string(kAll) + ":export").status);
    CPPUNIT_ASSERT_EQUAL(std::string("role_viewer"), viewer_->get(at(made)).text("blocked"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), op_->get(at(made)).text("blocked"));
  }
  void edits_that_were_turned_away_are_recorded() {
    const std::string nobodys = std::string(kAll) + "/" + base::Uuid::random().text();
    Browser stranger(f_);
    for (int i = 0; i < 3; ++i) {
      CPPUNIT_ASSERT_EQUAL(401, stranger.post(kAll, draft("x")).status);
      CPPUNIT_ASSERT_EQUAL(403, op_->post(kAll, draft("x")).status);
      CPPUNIT_ASSERT_EQUAL(404, root_->call("DELETE", nobodys).status);
      CPPUNIT_ASSERT_EQUAL(422, root_->post(kAll, Object{{"name", ""}}).status);
    }
    CPPUNIT_ASSERT_EQUAL(404, root_->get(nobodys).status);  // changes nothing
    std::vector<std::string> seen;
    core::Query query(core::Table::audit_log);
    query.where.prefix(model::audit_log::action, "schedules.access.");
    query.all().order({model::audit_log::seq});
    CPPUNIT_ASSERT(f_.store->each(query, [&seen](const core::Row& row) {
      CPPUNIT_ASSERT(!row.is_null(model::audit_log::source_ip));
      seen.push_back(std::string(row.text(model::audit_log::action)) +
                     (row.is_null(model::audit_log::user_id) ? "" : " by somebody"));
      return true;
    }));
    CPPUNIT_ASSERT((seen == std::vector<std::string>{"schedules.access.unauth",
                                                     "schedules.access.denied by somebody",
                                                     "schedules.access.not_found by somebody",
                                                     "schedules.access.invalid by somebody"}));
  }
  void lists_have_pages_and_filters() {
    for (const char* name : {"b", "a", "c"}) create(name);
    const Answered first = viewer_->get(std::string(kAll) + "?limit=2");
    CPPUNIT_ASSERT_EQUAL(std::string("a"), first.text("items/0/name"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, first.items().size());
    const Answered last =
        viewer_->get(std::string(kAll) + "?limit=2&cursor=" + first.text("next_cursor"));
    CPPUNIT_ASSERT_EQUAL(std::string("c"), last.text("items/0/name"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), last.text("next_cursor"));
    CPPUNIT_ASSERT_EQUAL(422, viewer_->get(std::string(kAll) + "?cursor=xyz").status);
    CPPUNIT_ASSERT(viewer_->get(std::string(kAll) + "?is_enabled=false").items().empty());
    CPPUNIT_ASSERT_EQUAL(std::size_t{3},
                         viewer_->get(std::string(kAll) + "?search=mail").items().size());
  }
  void an_import_and_its_diff() {
    create("a");
    Object changed = draft("a");
    changed["expression"] = "90";
    const Object body{{"schedules", Array{changed, draft("b"), Object{{"name", "broken"}}}}};
    const Answered diff = root_->post(std::string(kAll) + ":diff", body);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(diff.response.body, 200, diff.status);
    CPPUNIT_ASSERT_EQUAL(std::string("1"), diff.text("summary/insert"));
    CPPUNIT_ASSERT_EQUAL(std::string("1"), diff.text("summary/update"));
    CPPUNIT_ASSERT_EQUAL(std::string("60"), diff.text("updated/0/current/expression"));
    const Answered taken = root_->post(std::string(kAll) + ":import", body);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(taken.response.body, 200, taken.status);
    CPPUNIT_ASSERT_EQUAL(std::string("1"), taken.text("inserted"));
    CPPUNIT_ASSERT_EQUAL(std::string("1"), taken.text("failed"));
    CPPUNIT_ASSERT(taken.text("errors/2") != "(missing)");
    CPPUNIT_ASSERT_EQUAL(
        422,
        root_->post(std::string(kAll) + ":import", Object{{"schedules", Array()}, {"mode", "x"}})
            .status);
    CPPUNIT_ASSERT_EQUAL(
        422, root_
                 ->post(std::string(kAll) + ":import", Object{{"schedules", Array()},
                                                              {"mode", "replace_for_source"},
                                                              {"source_filter", "dashboard"}})
                 .status);
  }
  void an_export_is_what_an_import_takes() {
    create("a");
    create("b");
    const Answered out = root_->get(std::string(kAll) + ":export");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(out.response.body, 200, out.status);
    const Answered again = root_->post(std::string(kAll) + ":import", out.json);
    CPPUNIT_ASSERT_EQUAL(std::string("2"), again.text("unchanged"));
    CPPUNIT_ASSERT_EQUAL(422, root_->get(std::string(kAll) + ":export?form=own").status);
    CPPUNIT_ASSERT_EQUAL(404,
                         root_->get(std::string(kAll) + ":export?form=own&instance=beat").status);
  }
  void what_can_not_be_done_is_said_with_each_schedule() {
    core::Schedule s;
    s.id = base::Uuid::random();
    s.project_id = f_.project.id;
    s.scheduler = "celery-beat";
    s.owner = "beat";
    s.name = "static";
    s.engine = "celery";
    s.task_name = "t";
    s.kind = "cron";
    s.expression = "* * * * *";
    s.read_only = true;
    s.read_only_reason = "beat_static_schedule: it stands in the code";
    core::Rows rows(core::Table::schedules);
    core::put_schedule(rows, s);
    f_.insert(std::move(rows));
    const std::string one = std::string(kAll) + "/" + s.id.text();
    const Answered shown = viewer_->get(one);
    CPPUNIT_ASSERT_EQUAL(std::string("true"), shown.text("read_only"));
    CPPUNIT_ASSERT_EQUAL(std::string("[]"), shown.text("capabilities"));
    CPPUNIT_ASSERT_EQUAL(std::string("agent_offline"), shown.text("blocked"));
    CPPUNIT_ASSERT_EQUAL(std::string("beat"), shown.text("instance"));
    const Answered refused = op_->post(one + "/disable");
    CPPUNIT_ASSERT_EQUAL(409, refused.status);
    CPPUNIT_ASSERT_EQUAL(std::string("beat_static_schedule"), refused.text("details/reason"));
  }
  void nobody_to_ask_for_schedules() {
    const Answered asked = root_->post(std::string(kAll) + ":resync");
    CPPUNIT_ASSERT_EQUAL(404, asked.status);
    CPPUNIT_ASSERT_EQUAL(std::string("no_online_agent"), asked.text("details/reason"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiSchedulesTest);

}  // namespace
}  // namespace z4j::api
