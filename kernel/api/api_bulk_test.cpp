// Selections, bulk jobs and copies of purged queues: who may, what is refused and how it is told.
#include <cppunit/extensions/HelperMacros.h>

#include <map>
#include <string>
#include <vector>

#include "api/testing/api_fixture.hpp"

namespace z4j::api {
namespace {

using testing::Answered;
using testing::ApiFixture;
using testing::Array;
using testing::Browser;
using testing::Object;
using testing::Value;

namespace task_col = model::tasks;

class ApiBulkTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ApiBulkTest);
  CPPUNIT_TEST(a_bad_body_is_one_clear_error);
  CPPUNIT_TEST(roles_and_scopes_are_those_of_the_single_action);
  CPPUNIT_TEST(nothing_is_found_from_another_project);
  CPPUNIT_TEST(a_selection_that_is_not_ready_used_or_old_starts_no_job);
  CPPUNIT_TEST(what_changed_since_the_preview_is_left_alone_and_told);
  CPPUNIT_TEST(a_job_is_turned_only_where_it_stands);
  CPPUNIT_TEST(a_copy_at_work_is_neither_restored_nor_destroyed);
  CPPUNIT_TEST_SUITE_END();

  static constexpr const char* kBase = "/api/v1/projects/default";
  ApiFixture f_;
  std::unique_ptr<Browser> root_;

  Answered get(const std::string& path) { return root_->get(kBase + path); }
  Answered post(const std::string& path, const Value& body = Object()) {
    f_.clock.advance(6 * base::kSecondUs);  // ten in a minute may be asked for
    return root_->post(kBase + path, body);
  }
  static void assert_refused(int status, const std::string& reason, const Answered& answer) {
    CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.response.body, status, answer.status);
    CPPUNIT_ASSERT_EQUAL(reason, answer.text("details/reason"));
  }
  void store_task(const std::string& id, const std::string& state) {
    core::Rows rows(core::Table::tasks);
    rows.begin()
        .uuid(task_col::id, model::task_row_id(f_.project.id, "celery", id))
        .uuid(task_col::project_id, f_.project.id)
        .text(task_col::engine, "celery")
        .text(task_col::task_id, id)
        .text(task_col::name, "shop.charge")
        .text(task_col::state, state)
        .num(task_col::state_stamp, ++stamp_)
        .num(task_col::sort_at, f_.clock.now())
        .num(task_col::sort_stamp, 1)
        .num(task_col::created_at, f_.clock.now())
        .num(task_col::updated_at, f_.clock.now());
    core::Commit commit;
    commit.merge(std::move(rows));
    ApiFixture::must(f_.store->commit(commit));
  }
  // Its id; built unless told otherwise.
  std::string selection(const std::string& action = "retry", bool is_built = true) {
    const Answered made = post("/selections", Object{{"action", action}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(made.response.body, 201, made.status);
    if (is_built) CPPUNIT_ASSERT(f_.bulk->selections.work());
    return made.text("id");
  }
  Answered start(const std::string& of) { return post("/bulk-jobs", Object{{"selection_id", of}}); }
  std::string with_key(Browser& owner, const char* scope) {
    const Answered made =
        owner.post("/api/v1/api-keys", Object{{"name", "key"}, {"scopes", Array{scope}}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(made.response.body, 201, made.status);
    return "Bearer " + made.text("token");
  }
  std::string copy_of_a_purge() {
    core::NewQueueCopy copy;
    copy.id = base::Uuid::random();
    copy.project_id = f_.project.id;
    copy.agent_id = f_.routes.agent_id;
    copy.engine = "celery";
    copy.queue = "night";
    copy.created_at = f_.clock.now();
    copy.expires_at = copy.gives_up_at = copy.created_at + base::kDayUs;
    core::Commit commit;
    core::add_queue_copy(commit, copy);
    ApiFixture::must(f_.store->commit(commit));
    return copy.id.text();
  }

  std::int64_t stamp_ = 0;

 public:
  void setUp() override {
    root_ = std::make_unique<Browser>(f_, f_.sign_in("root", true));
    for (const char* id : {"a", "b", "c"}) store_task(id, "failure");
  }

  void a_bad_body_is_one_clear_error() {
    const std::string id = selection();
    const Object job{{"selection_id", id}};
    const auto with = [](Object body, const char* name, Value value) {
      body[name] = std::move(value);
      return body;
    };
    const Object retry{{"action", "retry"}};
    struct Bad {
      const char* path;
      Value body;
      std::string names;  // what the message must name
    };
    const std::vector<Bad> all = {
        {"/selections", Object(), "action"},
        {"/selections", Object{{"action", "explode"}}, "action"},
        {"/selections", Object{{"action", 1}}, "action"},
        {"/selections", with(retry, "max", 0), "max"},
        {"/selections", with(retry, "max", 100'001), "max"},
        {"/selections", with(retry, "filter", Array{}), "filter"},
        {"/selections", with(retry, "filter", Object{{"nonsense", 1}}), "nonsense"},
        {"/selections", with(retry, "filter", Object{{"state", "sleepy"}}), "state"},
        {"/selections", with(retry, "filter", Object{{"project_id", id}}), "project_id"},
        {"/selections", with(retry, "task_ids", "a"), "task_ids"},
        {"/selections", with(retry, "task_ids", Array{"a", 7}), "task_ids"},
        {"/selections", Array{}, "object"},
        {"/bulk-jobs", Object(), "selection_id"},
        {"/bulk-jobs", Object{{"selection_id", "x"}}, "selection_id"},
        {"/bulk-jobs", with(job, "rate_per_second", 0), "rate_per_second"},
        {"/bulk-jobs", with(job, "rate_per_second", 100'001), "rate_per_second"},
        {"/bulk-jobs", with(job, "params", Object{{"signal", "TERM"}}), "signal"},
        {"/bulk-jobs", with(job, "params", Object{{"eta_seconds", 86'401}}), "eta_seconds"},
        {"/bulk-jobs", with(job, "agent_id", 4), "agent_id"},
        {"/bulk-jobs", with(job, "idempotency_key", Value(base::json::String(201, 'k'))),
         "idempotency_key"},
    };
    for (const Bad& bad : all) {
      const Answered answer = post(bad.path, bad.body);
      const std::string where = base::json::write(bad.body) + " " + answer.response.body;
      CPPUNIT_ASSERT_EQUAL_MESSAGE(where, 422, answer.status);
      CPPUNIT_ASSERT_MESSAGE(where, answer.text("error").starts_with("validation_"));
      CPPUNIT_ASSERT_MESSAGE(where, answer.text("message").find(bad.names) != std::string::npos);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(where, std::string("(missing)"),
                                   answer.text("details/errors/1"));
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, get("/selections").items().size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, get("/bulk-jobs").items().size());
  }

  void roles_and_scopes_are_those_of_the_single_action() {
    Browser viewer(f_, f_.sign_in("viewer", false, core::Role::viewer)),
        op(f_, f_.sign_in("op", false, core::Role::op));
    const std::string selections = std::string(kBase) + "/selections",
                      jobs = std::string(kBase) + "/bulk-jobs";
    const auto lacks = [](const Answered& answer, const char* have, const char* need) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.response.body, 403, answer.status);
      CPPUNIT_ASSERT_EQUAL(std::string(have), answer.text("details/have"));
      CPPUNIT_ASSERT_EQUAL(std::string(need), answer.text("details/need"));
    };
    lacks(viewer.post(selections, Object{{"action", "retry"}}), "viewer", "operator");
    lacks(op.post(selections, Object{{"action", "delete"}}), "operator", "admin");
    f_.routes.capabilities |= Z4J_ENGINE_DELETE;
    const std::string deletes = selection("delete"), retries = selection();
    lacks(op.post(jobs, Object{{"selection_id", deletes}}), "operator", "admin");
    lacks(viewer.post(jobs, Object{{"selection_id", retries}}), "viewer", "operator");
    const std::string job = start(deletes).text("id");
    for (const char* turn : {"/pause", "/resume", "/cancel"}) {
      lacks(op.post(jobs + "/" + job + turn), "operator", "admin");
      lacks(viewer.post(jobs + "/" + job + turn), "viewer", "operator");
    }
    CPPUNIT_ASSERT_EQUAL(200, viewer.get(jobs + "/" + job + "/items").status);
    lacks(op.post(std::string(kBase) + "/queue-copies/" + copy_of_a_purge() + "/restore"),
          "operator", "admin");
    const std::string reads = with_key(op, "commands:read"), other = with_key(op, "tasks:write");
    Browser nobody(f_);
    const auto asked = [&](const char* method, const std::string& path, const std::string& key) {
      f_.clock.advance(6 * base::kSecondUs);
      return nobody.call(method, path, method[0] == 'G' ? "" : R"({"action":"retry"})",
                         {{"authorization", key}});
    };
    CPPUNIT_ASSERT_EQUAL(200, asked("GET", selections, reads).status);
    assert_refused(403, "scope_missing", asked("POST", selections, reads));
    assert_refused(403, "scope_missing", asked("POST", selections, other));
    assert_refused(403, "scope_missing", asked("GET", jobs, other));
    CPPUNIT_ASSERT_EQUAL(201, asked("POST", selections, with_key(op, "commands:write")).status);
    CPPUNIT_ASSERT(f_.routes.asked.empty());
  }

  void nothing_is_found_from_another_project() {
    core::Principal everyone;
    everyone.user.is_admin = true;
    core::ProjectDraft draft;
    draft.slug = draft.name = "other";
    CPPUNIT_ASSERT(f_.projects->create(everyone, draft, {}).ok());
    const std::string of_job = selection();
    const std::string job = start(of_job).text("id"), spare = selection(), copy = copy_of_a_purge();
    const std::string other = "/api/v1/projects/other";
    const std::map<std::string, std::vector<std::string>> all = {
        {"GET",
         {"/selections/" + spare, "/selections/" + spare + "/items", "/bulk-jobs/" + job,
          "/bulk-jobs/" + job + "/items", "/bulk-jobs/" + job + "/report", "/queue-copies/" + copy,
          "/selections/x", "/bulk-jobs/x", "/queue-copies/x"}},
        {"POST",
         {"/bulk-jobs/" + job + "/pause", "/bulk-jobs/" + job + "/resume",
          "/bulk-jobs/" + job + "/cancel", "/queue-copies/" + copy + "/restore"}},
        {"DELETE", {"/selections/" + spare, "/queue-copies/" + copy}}};
    for (const auto& [method, paths] : all) {
      for (const std::string& path : paths) {
        const Answered answer = root_->call(method, other + path, method == "POST" ? "{}" : "");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(method + " " + path, 404, answer.status);
        CPPUNIT_ASSERT_EQUAL(std::string("not_found"), answer.text("error"));
      }
    }
    CPPUNIT_ASSERT_EQUAL(404,
                         root_->post(other + "/bulk-jobs", Object{{"selection_id", spare}}).status);
    for (const char* list : {"/selections", "/bulk-jobs", "/queue-copies"})
      CPPUNIT_ASSERT_EQUAL(std::size_t{0}, root_->get(other + list).items().size());
    Browser stranger(f_, f_.sign_in("stranger", false));
    CPPUNIT_ASSERT_EQUAL(404, stranger.get(std::string(kBase) + "/selections/" + spare).status);
    CPPUNIT_ASSERT_EQUAL(std::string("ready"), get("/selections/" + spare).text("state"));
    CPPUNIT_ASSERT_EQUAL(std::string("waiting"), get("/bulk-jobs/" + job).text("state"));
    CPPUNIT_ASSERT_EQUAL(std::string("copying"), get("/queue-copies/" + copy).text("state"));
  }

  void a_selection_that_is_not_ready_used_or_old_starts_no_job() {
    CPPUNIT_ASSERT_EQUAL(404, start(base::Uuid::random().text()).status);
    const std::string unbuilt = selection("retry", false);
    assert_refused(409, "selection_not_ready", start(unbuilt));
    CPPUNIT_ASSERT(f_.bulk->selections.work());
    CPPUNIT_ASSERT_EQUAL(201, start(unbuilt).status);
    assert_refused(409, "selection_used", start(unbuilt));
    CPPUNIT_ASSERT_EQUAL(409, root_->call("DELETE", kBase + ("/selections/" + unbuilt)).status);
    const std::string old = selection();
    f_.clock.advance(f_.bulk->selections.options().ttl_s * base::kSecondUs);
    root_ = std::make_unique<Browser>(f_, f_.sign_in("later", true));
    const std::string young = selection();
    assert_refused(409, "selection_expired", start(old));
    CPPUNIT_ASSERT_EQUAL(201, start(young).status);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, get("/bulk-jobs").items().size());
  }

  void what_changed_since_the_preview_is_left_alone_and_told() {
    const std::string id = selection();
    CPPUNIT_ASSERT_EQUAL(std::string("3"), get("/selections/" + id).text("total"));
    store_task("b", "success");
    const std::string job = start(id).text("id");
    CPPUNIT_ASSERT(f_.bulk->jobs.work());
    const Answered over = get("/bulk-jobs/" + job);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(over.response.body, std::string("done"), over.text("state"));
    CPPUNIT_ASSERT_EQUAL(std::string("1"), over.text("changed"));
    CPPUNIT_ASSERT_EQUAL(std::string("2"), over.text("done"));
    const Answered changed = get("/bulk-jobs/" + job + "/items?outcome=changed");
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, changed.items().size());
    CPPUNIT_ASSERT_EQUAL(std::string("b"), changed.text("items/0/task_id"));
    CPPUNIT_ASSERT(changed.text("items/0/reason").find("success") != std::string::npos);
    for (const auto& asked : f_.routes.asked) CPPUNIT_ASSERT(asked.target != "b");
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, f_.routes.asked.size());
  }

  void a_job_is_turned_only_where_it_stands() {
    const std::string path = "/bulk-jobs/" + start(selection()).text("id");
    assert_refused(409, "not_paused", post(path + "/resume"));
    CPPUNIT_ASSERT_EQUAL(std::string("paused"), post(path + "/pause").text("state"));
    assert_refused(409, "not_running", post(path + "/pause"));
    CPPUNIT_ASSERT_EQUAL(std::string("waiting"), post(path + "/resume").text("state"));
    CPPUNIT_ASSERT_EQUAL(std::string("cancelled"), post(path + "/cancel").text("state"));
    for (const char* turn : {"/pause", "/resume", "/cancel"})
      CPPUNIT_ASSERT_EQUAL(409, post(path + turn).status);
    CPPUNIT_ASSERT(f_.bulk->jobs.work());
    CPPUNIT_ASSERT(f_.routes.asked.empty());
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, get(path + "/items?outcome=waiting").items().size());
  }

  void a_copy_at_work_is_neither_restored_nor_destroyed() {
    const std::string path = "/queue-copies/" + copy_of_a_purge();
    assert_refused(409, "not_kept", post(path + "/restore"));
    assert_refused(409, "at_work", root_->call("DELETE", kBase + path));
    CPPUNIT_ASSERT_EQUAL(std::string("copying"), get(path).text("state"));
    CPPUNIT_ASSERT_EQUAL(404, get("/queue-copies/" + base::Uuid::random().text()).status);
    CPPUNIT_ASSERT_EQUAL(422, get("/queue-copies?limit=0").status);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiBulkTest);

}  // namespace
}  // namespace z4j::api
