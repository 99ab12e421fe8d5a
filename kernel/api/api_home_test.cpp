// Over projects, and the installation's own: home, activity, deletion of tasks, workbooks,
// settings.
#include "api/api.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>
#include <set>

#include "api/testing/api_fixture.hpp"
#include "core/rollups.hpp"

namespace z4j::api {
namespace {

using testing::Answered;
using testing::ApiFixture;
using testing::Array;
using testing::Browser;
using testing::Object;

namespace task_col = model::tasks;
namespace command_col = model::commands;
namespace agent_col = model::agents;

class ApiHomeTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ApiHomeTest);
  CPPUNIT_TEST(the_summary_counts_a_day_and_says_what_needs_attention);
  CPPUNIT_TEST(failures_page_over_projects_without_gap_or_repeat);
  CPPUNIT_TEST(activity_shows_each_what_they_may_see);
  CPPUNIT_TEST(activity_follows_its_cursors);
  CPPUNIT_TEST(activity_is_limited_per_user);
  CPPUNIT_TEST(tasks_are_deleted_by_ids_or_filter_never_all);
  CPPUNIT_TEST(a_workbook_is_sent_and_has_its_cap);
  CPPUNIT_TEST(an_export_ends_at_its_cap);
  CPPUNIT_TEST(settings_show_no_secret);
  CPPUNIT_TEST(a_mail_is_tried_and_recorded);
  CPPUNIT_TEST(a_payload_shows_what_is_kept_of_it);
  CPPUNIT_TEST(versions_are_fetched_when_asked);
  CPPUNIT_TEST(schedulers_are_asked_how_they_are);
  CPPUNIT_TEST(security_txt_says_whom_to_tell);
  CPPUNIT_TEST_SUITE_END();

  ApiFixture f_;
  core::Project other_;
  unsigned lane_ = 0;

  void add_tasks(const base::Uuid& project, int count, const std::string& state) {
    core::Rows rows(core::Table::tasks);
    for (int i = 0; i < count; ++i) {
      const std::string id = state + std::to_string(i);
      rows.begin()
          .uuid(task_col::id, model::task_row_id(project, "celery", id))
          .uuid(task_col::project_id, project)
          .text(task_col::engine, "celery")
          .text(task_col::task_id, id)
          .text(task_col::name, "shop.work")
          .text(task_col::state, state)
          .num(task_col::sort_at, 1'000'000 * (1 + i / 2))
          .num(task_col::created_at, 1'000'000)
          .num(task_col::updated_at, 1'000'000);
    }
    f_.insert(std::move(rows));
  }

  void count_run(const base::Uuid& project, std::uint16_t kind, int count, base::TimeUs at) {
    core::RollUps counts;
    core::Event run;
    run.project_id = project;
    run.at = at;
    run.kind = kind;
    run.engine = "celery";
    run.task_id = "any";
    for (int i = 0; i < count; ++i) counts.add(run);
    for (core::Rows& rows : counts.rows(lane_)) f_.insert(std::move(rows));
    ++lane_;
  }

  void add_agent(const base::Uuid& project, const std::string& name, const std::string& state) {
    core::Rows rows(core::Table::agents);
    rows.begin()
        .uuid(agent_col::id, base::Uuid::random())
        .uuid(agent_col::project_id, project)
        .text(agent_col::name, name)
        .num(agent_col::is_local, 1)
        .text(agent_col::protocol_version, "2")
        .text(agent_col::framework_adapter, "z4j")
        .text(agent_col::state, state)
        .num(agent_col::last_event_at, f_.clock.now())
        .num(agent_col::events_persisted, 0)
        .num(agent_col::events_dropped, 0)
        .num(agent_col::created_at, f_.clock.now())
        .num(agent_col::updated_at, f_.clock.now());
    f_.insert(std::move(rows));
  }

  void add_stuck_command(const base::Uuid& project) {
    core::Rows rows(core::Table::commands);
    rows.begin()
        .uuid(command_col::id, base::Uuid::random())
        .uuid(command_col::project_id, project)
        .text(command_col::action, "cancel_task")
        .text(command_col::target_type, "task")
        .text(command_col::status, "dispatched")
        .num(command_col::issued_at, f_.clock.now() - 200'000'000)
        .num(command_col::timeout_at, f_.clock.now() - 100'000'000);
    f_.insert(std::move(rows));
  }

  // Writes rows of the audit log: each a change of a project's name.
  void rename(Browser& root, const std::string& slug, int times) {
    for (int i = 0; i < times; ++i) {
      const Answered done = root.call("PATCH", "/api/v1/projects/" + slug,
                                      R"({"description":"v)" + std::to_string(i) + "\"}");
      CPPUNIT_ASSERT_EQUAL_MESSAGE(done.response.body, 200, done.status);
    }
  }

 public:
  void setUp() override {
    Browser root(f_, f_.sign_in("maker", true));
    const Answered made =
        root.post("/api/v1/projects", Object{{"slug", "other"}, {"name", "Aother"}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(made.response.body, 201, made.status);
    other_.id = *base::Uuid::parse(made.text("id"));
  }

  void the_summary_counts_a_day_and_says_what_needs_attention() {
    const base::TimeUs now = f_.clock.now();
    count_run(f_.project.id, Z4J_EV_RECEIVED, 30, now - 3600 * base::kSecondUs);
    count_run(f_.project.id, Z4J_EV_FAILED, 6, now - 60 * base::kSecondUs);
    count_run(f_.project.id, Z4J_EV_RECEIVED, 10, now - 23 * 3600 * base::kSecondUs);
    count_run(f_.project.id, Z4J_EV_RECEIVED, 500, now - 26 * 3600 * base::kSecondUs);
    add_agent(f_.project.id, "a", "online");
    add_agent(f_.project.id, "b", "offline");
    add_agent(other_.id, "c", "offline");
    add_stuck_command(f_.project.id);
    Browser viewer(f_, f_.sign_in("viewer", false, core::Role::viewer));
    const Answered mine = viewer.get("/api/v1/home/summary");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(mine.response.body, 200, mine.status);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, mine.json.at("projects").as_array().size());
    CPPUNIT_ASSERT_EQUAL(std::string("40"), mine.text("projects/0/tasks_24h"));
    CPPUNIT_ASSERT_EQUAL(std::string("6"), mine.text("aggregate/failures_24h"));
    CPPUNIT_ASSERT_EQUAL(std::string("degraded"), mine.text("projects/0/health"));
    CPPUNIT_ASSERT_EQUAL(std::string("viewer"), mine.text("projects/0/role"));
    CPPUNIT_ASSERT_EQUAL(std::string("agent_offline"), mine.text("attention/0/kind"));
    CPPUNIT_ASSERT_EQUAL(std::string("warning"), mine.text("attention/0/severity"));
    CPPUNIT_ASSERT_EQUAL(std::string("high_failure_rate"), mine.text("attention/1/kind"));
    CPPUNIT_ASSERT_EQUAL(std::string("stuck_commands"), mine.text("attention/2/kind"));
    CPPUNIT_ASSERT_EQUAL(std::string("(missing)"), mine.text("attention/3/kind"));
    Browser root(f_, f_.sign_in("root", true));
    const Answered all = root.get("/api/v1/home/summary");
    CPPUNIT_ASSERT_EQUAL(std::string("Aother"), all.text("projects/0/name"));
    CPPUNIT_ASSERT_EQUAL(std::string("offline"), all.text("projects/0/health"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), all.text("projects/0/role"));
    CPPUNIT_ASSERT_EQUAL(std::string("critical"), all.text("attention/0/severity"));
    CPPUNIT_ASSERT_EQUAL(std::string("3"), all.text("aggregate/agents_total"));
  }

  void failures_page_over_projects_without_gap_or_repeat() {
    add_tasks(f_.project.id, 7, "failure");
    add_tasks(f_.project.id, 3, "success");
    add_tasks(other_.id, 6, "failure");
    Browser root(f_, f_.sign_in("root", true));
    std::set<std::string> seen;
    std::string cursor;
    int pages = 0;
    do {
      const Answered page = root.get("/api/v1/home/recent-failures?limit=4" +
                                     (cursor.empty() ? "" : "&cursor=" + cursor));
      CPPUNIT_ASSERT_EQUAL_MESSAGE(page.response.body, 200, page.status);
      for (const auto& item : page.items())
        CPPUNIT_ASSERT(seen.insert(std::string(item.at("id").as_string())).second);
      cursor = page.text("next_cursor");
      ++pages;
    } while (cursor != "null");
    CPPUNIT_ASSERT_EQUAL(std::size_t{13}, seen.size());
    CPPUNIT_ASSERT_EQUAL(4, pages);
    Browser viewer(f_, f_.sign_in("viewer", false, core::Role::viewer));
    CPPUNIT_ASSERT_EQUAL(std::size_t{7}, viewer.get("/api/v1/home/recent-failures").items().size());
    CPPUNIT_ASSERT_EQUAL(422, viewer.get("/api/v1/home/recent-failures?limit=201").status);
  }

  void activity_shows_each_what_they_may_see() {
    Browser root(f_, f_.sign_in("root", true));
    rename(root, "default", 1);
    rename(root, "other", 1);
    Browser viewer(f_, f_.sign_in("viewer", false, core::Role::viewer));
    const Answered seen = viewer.get("/api/v1/activity?action_prefix=project.");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(seen.response.body, 200, seen.status);
    for (const auto& item : seen.items()) {
      CPPUNIT_ASSERT_EQUAL(std::string("default"),
                           std::string(item.at("project_slug").as_string()));
      CPPUNIT_ASSERT(item.at("source_ip").is_null());
      CPPUNIT_ASSERT(item.at("metadata").as_object().empty());
    }
    CPPUNIT_ASSERT(!seen.items().empty());
    const Answered all = root.get("/api/v1/activity?action_prefix=project.updated");
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, all.items().size());
    CPPUNIT_ASSERT_EQUAL(std::string("127.0.0.1"), all.text("items/0/source_ip"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0},
                         viewer.get("/api/v1/activity?project_slug=other").items().size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{0},
                         root.get("/api/v1/activity?project_slug=nowhere").items().size());
  }

  void activity_follows_its_cursors() {
    Browser root(f_, f_.sign_in("root", true));
    rename(root, "default", 5);
    const Answered first = root.get("/api/v1/activity?limit=2&action_prefix=project.updated");
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, first.items().size());
    const Answered second = root.get("/api/v1/activity?limit=9&action_prefix=project.updated" +
                                     ("&before_cursor=" + first.text("next_before_cursor")));
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, second.items().size());
    CPPUNIT_ASSERT_EQUAL(std::string("null"), second.text("next_before_cursor"));
    rename(root, "default", 1);
    const std::string since = first.text("newest_cursor");
    const Answered news = root.get("/api/v1/activity?since_cursor=" + since);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, news.items().size());
    const std::string newest = news.text("newest_cursor");
    const Answered none = root.get("/api/v1/activity?since_cursor=" + newest);
    CPPUNIT_ASSERT_EQUAL(newest, none.text("newest_cursor"));
    const Answered broken = root.get("/api/v1/activity?since_cursor=broken");
    CPPUNIT_ASSERT_EQUAL(422, broken.status);
    CPPUNIT_ASSERT_EQUAL(std::string("malformed cursor"), broken.text("detail"));
  }

  void activity_is_limited_per_user() {
    Browser busy(f_, f_.sign_in("busy", false, core::Role::viewer));
    Browser calm(f_, f_.sign_in("calm", false, core::Role::viewer));
    for (int i = 0; i < 60; ++i) CPPUNIT_ASSERT_EQUAL(200, busy.get("/api/v1/activity").status);
    const Answered refused = busy.get("/api/v1/activity");
    CPPUNIT_ASSERT_EQUAL(429, refused.status);
    CPPUNIT_ASSERT_EQUAL(std::string("60"), refused.header("Retry-After"));
    CPPUNIT_ASSERT_EQUAL(200, calm.get("/api/v1/activity").status);
  }

  void tasks_are_deleted_by_ids_or_filter_never_all() {
    add_tasks(f_.project.id, 6, "failure");
    add_tasks(f_.project.id, 4, "success");
    add_tasks(other_.id, 2, "failure");
    Browser admin(f_, f_.sign_in("admin", false, core::Role::admin));
    Browser op(f_, f_.sign_in("op", false, core::Role::op));
    const std::string path = "/api/v1/projects/default/tasks/bulk-delete";
    const std::string id = model::task_row_id(f_.project.id, "celery", "failure0").text();
    const std::string foreign = model::task_row_id(other_.id, "celery", "failure0").text();
    CPPUNIT_ASSERT_EQUAL(403, op.post(path, Object{{"task_ids", Array{id}}}).status);
    CPPUNIT_ASSERT_EQUAL(422, admin.post(path).status);
    CPPUNIT_ASSERT_EQUAL(422, admin.post(path, Object{{"filter_state", "failled"}}).status);
    CPPUNIT_ASSERT_EQUAL(422, admin.post(path, Object{{"filter_priority", "low"}}).status);
    CPPUNIT_ASSERT_EQUAL(422, admin.post(path, Object{{"task_ids", Array{"failure0"}}}).status);
    CPPUNIT_ASSERT_EQUAL(
        422, admin.post(path, Object{{"task_ids", Array{id}}, {"filter_state", "failure"}}).status);
    CPPUNIT_ASSERT_EQUAL(
        std::string("1"),
        admin.post(path, Object{{"task_ids", Array{id, foreign}}}).text("deleted_count"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("5"),
        admin.post(path, Object{{"filter_state", "failure"}}).text("deleted_count"));
    Browser root(f_, f_.sign_in("root", true));
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, root.get("/api/v1/projects/default/tasks").items().size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, root.get("/api/v1/projects/other/tasks").items().size());
    const Answered log = root.get("/api/v1/activity?action_prefix=tasks.bulk_delete");
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, log.items().size());
    CPPUNIT_ASSERT_EQUAL(std::string("5"), log.text("items/0/metadata/matching"));
  }

  void a_workbook_is_sent_and_has_its_cap() {
    add_tasks(f_.project.id, 3, "failure");
    Browser viewer(f_, f_.sign_in("viewer", false, core::Role::viewer));
    const Answered file = viewer.get("/api/v1/projects/default/tasks?format=xlsx");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(file.response.body, 200, file.status);
    CPPUNIT_ASSERT_EQUAL(std::string("attachment; filename=\"z4j-tasks-default.xlsx\""),
                         file.header("Content-Disposition"));
    std::string bytes;
    while (file.response.stream(bytes)) {
    }
    CPPUNIT_ASSERT(bytes.starts_with("PK"));
  }

  void an_export_ends_at_its_cap() {
    f_.settings.tasks_export_max_rows = 100;
    add_tasks(f_.project.id, 130, "success");
    Browser viewer(f_, f_.sign_in("viewer", false, core::Role::viewer));
    const Answered file = viewer.get("/api/v1/projects/default/tasks?format=csv&fields=task_id");
    std::string text;
    while (file.response.stream(text)) {
    }
    CPPUNIT_ASSERT_EQUAL(std::ptrdiff_t{101}, std::count(text.begin(), text.end(), '\n'));
  }

  void settings_show_no_secret() {
    f_.open([](Parts& parts) {
      parts.setting_rows = {
          {"Z4J_SECRET", "security.secret", "********", "environment", true, "the key"},
          {"Z4J_BIND_PORT", "server.port", "7700", "default", false, "the port"}};
    });
    Browser root(f_, f_.sign_in("root", true));
    const Answered settings = root.get("/api/v1/admin/settings");
    CPPUNIT_ASSERT_EQUAL(std::string("Z4J_BIND_PORT"), settings.text("settings/0/name"));
    CPPUNIT_ASSERT_EQUAL(std::string("***"), settings.text("settings/1/value"));
    CPPUNIT_ASSERT_EQUAL(std::string("env"), settings.text("settings/1/source"));
    Browser admin(f_, f_.sign_in("admin", false, core::Role::admin));
    CPPUNIT_ASSERT_EQUAL(403, admin.get("/api/v1/admin/settings").status);
  }

  void a_mail_is_tried_and_recorded() {
    Browser root(f_, f_.sign_in("root", true));
    const Object asked{{"to", "ada@example.org"}};
    const Answered none = root.post("/api/v1/admin/smtp/test", asked);
    CPPUNIT_ASSERT_EQUAL(409, none.status);
    CPPUNIT_ASSERT_EQUAL(std::string("no_relay"), none.text("details/reason"));
    std::string given;
    f_.open([&given](Parts& parts) {
      parts.try_mail = [&given](const std::string& to) {
        given = to;
        return Object{{"accepted", false},
                      {"relay", "mail.example:587"},
                      {"from", "z4j@example"},
                      {"steps", Array{Object{{"name", "tcp"}, {"good", false}, {"text", "no"}}}},
                      {"stage", "tcp"},
                      {"reply", nullptr},
                      {"error", "refused"}};
      };
    });
    const Answered tried = root.post("/api/v1/admin/smtp/test", asked);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(tried.response.body, 200, tried.status);
    CPPUNIT_ASSERT_EQUAL(std::string("ada@example.org"), given);
    CPPUNIT_ASSERT_EQUAL(std::string("tcp"), tried.text("steps/0/name"));
    core::Query entry(core::Table::audit_log);
    entry.where.eq(model::audit_log::action, "smtp.test");
    entry.columns({model::audit_log::result, model::audit_log::target_id});
    const auto row = f_.store->first(entry).value();
    CPPUNIT_ASSERT(row.has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("failed"), std::string(row->text(model::audit_log::result)));
    CPPUNIT_ASSERT_EQUAL(std::string("mail.example:587"),
                         std::string(row->text(model::audit_log::target_id)));
    CPPUNIT_ASSERT_EQUAL(422, root.post("/api/v1/admin/smtp/test", Object{{"to", "ada"}}).status);
    Browser admin(f_, f_.sign_in("admin", false, core::Role::admin));
    CPPUNIT_ASSERT_EQUAL(403, admin.post("/api/v1/admin/smtp/test", asked).status);
  }

  void a_payload_shows_what_is_kept_of_it() {
    const core::Redactor redactor = core::Redactor::make({}).value();
    f_.open([&redactor](Parts& parts) { parts.redactor = &redactor; });
    Browser root(f_, f_.sign_in("root", true));
    const char* path = "/api/v1/admin/redaction/test";
    const Answered kept = root.post(
        path, Object{{"payload", Array{7, Object{{"password", "hunter2"}, {"order", 12}}}}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(kept.response.body, 200, kept.status);
    CPPUNIT_ASSERT_EQUAL(std::string("[REDACTED]"), kept.text("kept/1/password"));
    CPPUNIT_ASSERT_EQUAL(std::string("12"), kept.text("kept/1/order"));
    CPPUNIT_ASSERT_EQUAL(std::string("/1/password"), kept.text("places/0"));
    CPPUNIT_ASSERT_EQUAL(std::string("true"), kept.text("redacted"));
    const Answered plain = root.post(path, Object{{"payload", "hello"}});
    CPPUNIT_ASSERT_EQUAL(std::string("hello"), plain.text("kept"));
    CPPUNIT_ASSERT_EQUAL(std::string("false"), plain.text("redacted"));
    CPPUNIT_ASSERT_EQUAL(422, root.post(path, Object{}).status);
  }

  void versions_are_fetched_when_asked() {
    Browser root(f_, f_.sign_in("root", true));
    CPPUNIT_ASSERT_EQUAL(std::string("bundled"),
                         root.get("/api/v1/admin/system/versions").text("source"));
    const Answered off = root.post("/api/v1/admin/system/versions/check");
    CPPUNIT_ASSERT_EQUAL(404, off.status);
    CPPUNIT_ASSERT_EQUAL(std::string("check_disabled"), off.text("details/reason"));
    f_.settings.version_check_url = "https://versions.example/list.json";
    std::string body = "<html>";
    f_.open([&body](Parts& parts) {
      parts.fetch = [&body](const std::string&, std::size_t, int) {
        return base::Result<std::string>(body);
      };
    });
    CPPUNIT_ASSERT_EQUAL(409, root.post("/api/v1/admin/system/versions/check").status);
    body = R"({"packages":{"z4j-core":"1.14.0","odd":7},"generated_by":"ci","surprise":[1]})";
    const Answered fetched = root.post("/api/v1/admin/system/versions/check");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(fetched.response.body, 200, fetched.status);
    CPPUNIT_ASSERT_EQUAL(std::string("remote"), fetched.text("source"));
    CPPUNIT_ASSERT_EQUAL(std::string("1.14.0"), fetched.text("packages/z4j-core"));
    CPPUNIT_ASSERT_EQUAL(std::string("(missing)"), fetched.text("packages/odd"));
    CPPUNIT_ASSERT_EQUAL(std::string("remote"),
                         root.get("/api/v1/admin/system/versions").text("source"));
  }

  void schedulers_are_asked_how_they_are() {
    f_.settings.scheduler_info_urls = {"http://one.example/", "http://two.example"};
    f_.open([](Parts& parts) {
      parts.fetch = [](const std::string& url, std::size_t, int) {
        if (url == "http://one.example/info")
          return base::Result<std::string>(std::string(R"({"version":"1"})"));
        return base::Result<std::string>(base::Error{base::Code::timeout, "no answer", "", ""});
      };
    });
    Browser root(f_, f_.sign_in("root", true));
    const Answered list = root.get("/api/v1/schedulers");
    CPPUNIT_ASSERT_EQUAL(std::string("1"), list.text("healthy"));
    CPPUNIT_ASSERT_EQUAL(std::string("2"), list.text("total"));
    CPPUNIT_ASSERT_EQUAL(std::string("true"), list.text("schedulers/0/ok"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), list.text("schedulers/1/ok"));
  }

  void security_txt_says_whom_to_tell() {
    f_.settings.security_contact = "mailto:security@example.org";
    for (const char* path : {"/security.txt", "/.well-known/security.txt"}) {
      const Answered file = Browser(f_).get(path);
      CPPUNIT_ASSERT_EQUAL(200, file.status);
      CPPUNIT_ASSERT(file.response.body.starts_with("Contact: mailto:security@example.org\n"));
      CPPUNIT_ASSERT(file.response.body.find("\nExpires: ") != std::string::npos);
    }
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiHomeTest);

}  // namespace
}  // namespace z4j::api
