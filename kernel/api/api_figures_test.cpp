// Groups of errors, figures by task name and facets, as the console asks for them.
#include <cppunit/extensions/HelperMacros.h>

#include <string>

#include "api/testing/api_fixture.hpp"
#include "core/error_fold.hpp"
#include "core/fingerprint.hpp"
#include "core/rollups.hpp"

namespace z4j::api {
namespace {

using testing::Answered;
using testing::ApiFixture;
using testing::Browser;
using testing::Object;
using testing::Value;

namespace task_col = model::tasks;

class ApiFiguresTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ApiFiguresTest);
  CPPUNIT_TEST(groups_of_errors_are_listed_and_shown);
  CPPUNIT_TEST(tasks_of_a_group_are_found_exported_and_retried);
  CPPUNIT_TEST(figures_by_name_are_listed_and_shown);
  CPPUNIT_TEST(facets_count_what_the_list_shows);
  CPPUNIT_TEST(words_that_are_not_understood_are_refused);
  CPPUNIT_TEST_SUITE_END();

  static constexpr const char* kBase = "/api/v1/projects/default";
  ApiFixture f_;
  std::unique_ptr<Browser> viewer_, op_;
  const std::string print_ = core::fingerprint("Late: x", {});

  Answered get(const std::string& path) { return viewer_->get(kBase + path); }

  // A failed run, in the roll-ups and as a task.
  void fail(const std::string& id, const std::string& exception) {
    core::Event e;
    e.project_id = f_.project.id;
    e.at = e.taken_at = f_.clock.now();
    e.kind = Z4J_EV_FAILED;
    e.engine = "celery";
    e.task_id = id;
    e.task = "shop.pay";
    e.queue = "shop";
    e.runtime_us = 20'000;
    e.facts.exception = exception;
    e.facts.traceback = "Traceback";
    e.facts.fingerprint = core::fingerprint(exception, {});
    core::ErrorFold errors;
    core::RollUps runs;
    errors.add(e);
    runs.add(e);
    core::Rows rows(core::Table::tasks);
    rows.begin()
        .uuid(task_col::id, model::task_row_id(f_.project.id, "celery", id))
        .uuid(task_col::project_id, f_.project.id)
        .text(task_col::engine, "celery")
        .text(task_col::task_id, id)
        .text(task_col::name, "shop.pay")
        .text(task_col::queue, "shop")
        .text(task_col::state, "failure")
        .text(task_col::fingerprint, e.facts.fingerprint)
        .num(task_col::sort_at, e.at)
        .num(task_col::created_at, e.at)
        .num(task_col::updated_at, e.at);
    core::Commit commit;
    commit.insert(std::move(rows));
    commit.merge(errors.groups(0));
    commit.merge(errors.hours(0));
    for (core::Rows& some : runs.rows(0)) commit.merge(std::move(some));
    ApiFixture::must(f_.store->commit(commit));
  }

 public:
  void setUp() override {
    viewer_ = std::make_unique<Browser>(f_, f_.sign_in("viewer", false, core::Role::viewer));
    op_ = std::make_unique<Browser>(f_, f_.sign_in("op", false, core::Role::op));
    fail("a", "Late: x");
    fail("b", "Late: x");
    fail("c", "Gone: y");
  }

  void groups_of_errors_are_listed_and_shown() {
    const Answered list = get("/errors?hours=24&buckets=24&limit=1");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(list.response.body, 200, list.status);
    CPPUNIT_ASSERT_EQUAL(std::string("2"), list.text("total_groups"));
    CPPUNIT_ASSERT_EQUAL(print_, list.text("items/0/fingerprint"));
    CPPUNIT_ASSERT_EQUAL(std::string("Late"), list.text("items/0/exception"));
    CPPUNIT_ASSERT_EQUAL(std::string("x"), list.text("items/0/message"));
    CPPUNIT_ASSERT_EQUAL(std::string("2"), list.text("items/0/count"));
    CPPUNIT_ASSERT_EQUAL(std::string("true"), list.text("items/0/is_new"));
    CPPUNIT_ASSERT_EQUAL(std::string("3600"), list.text("bucket_seconds"));
    const Answered second = get("/errors?limit=1&cursor=" + list.text("next_cursor"));
    CPPUNIT_ASSERT_EQUAL(std::string("Gone"), second.text("items/0/exception"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), second.text("next_cursor"));
    CPPUNIT_ASSERT_EQUAL(std::string("Gone"),
                         get("/errors?q=gon&buckets=0&order=last_seen").text("items/0/exception"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, get("/errors?name=other").items().size());
    const Answered one = get("/errors/" + print_);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(one.response.body, 200, one.status);
    CPPUNIT_ASSERT_EQUAL(std::string("2"), one.text("open_failures"));
    CPPUNIT_ASSERT_EQUAL(std::string("shop.pay"), one.text("by_name/0/value"));
    CPPUNIT_ASSERT_EQUAL(std::string("shop"), one.text("by_queue/0/value"));
    CPPUNIT_ASSERT_EQUAL(std::string("Traceback"), one.text("traceback"));
    CPPUNIT_ASSERT_EQUAL(404, get("/errors/0123456789abcdef").status);
    CPPUNIT_ASSERT_EQUAL(404, get("/errors/%27%20OR%201").status);
  }

  void tasks_of_a_group_are_found_exported_and_retried() {
    const Answered list = get("/tasks?fingerprint=" + print_);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, list.items().size());
    CPPUNIT_ASSERT_EQUAL(print_, list.text("items/0/fingerprint"));
    const Answered csv = get("/tasks?format=csv&fields=fingerprint&fingerprint=" + print_);
    std::string text;
    while (csv.response.stream(text)) {
    }
    CPPUNIT_ASSERT_EQUAL("fingerprint\r\n" + print_ + "\r\n" + print_ + "\r\n", text);
    const Answered made =
        op_->post(std::string(kBase) + "/selections",
                  Object{{"action", "retry"},
                         {"filter", Object{{"fingerprint", print_}, {"state", "failure"}}}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(made.response.body, 201, made.status);
    CPPUNIT_ASSERT(f_.bulk->selections.work());
    CPPUNIT_ASSERT_EQUAL(std::string("2"), get("/selections/" + made.text("id")).text("total"));
    CPPUNIT_ASSERT_EQUAL(
        422, op_->post(std::string(kBase) + "/selections",
                       Object{{"action", "retry"}, {"filter", Object{{"fingerprint", "nonsense"}}}})
                 .status);
  }

  void figures_by_name_are_listed_and_shown() {
    const Answered names = get("/task-names?hours=24&order=failures");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(names.response.body, 200, names.status);
    CPPUNIT_ASSERT_EQUAL(std::string("shop.pay"), names.text("items/0/name"));
    CPPUNIT_ASSERT_EQUAL(std::string("3"), names.text("items/0/failed"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), names.text("next_cursor"));
    const Answered one = get("/task-figures?name=shop.pay&hours=1&buckets=60");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(one.response.body, 200, one.status);
    CPPUNIT_ASSERT_EQUAL(std::string("60"), one.text("bucket_seconds"));
    CPPUNIT_ASSERT_EQUAL(std::string("3"), one.text("series/0/failed"));
    CPPUNIT_ASSERT_EQUAL(std::string("50"), one.text("histogram/1/le_ms"));
    CPPUNIT_ASSERT_EQUAL(std::string("3"), one.text("histogram/1/count"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), one.text("histogram/12/le_ms"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), one.text("wait_ms"));
    CPPUNIT_ASSERT_EQUAL(std::string("0"), one.text("before/failed"));
    CPPUNIT_ASSERT_EQUAL(std::string("0"), get("/task-figures?name=none").text("failed"));
  }

  void facets_count_what_the_list_shows() {
    const Answered all = get("/tasks:facets?buckets=10&top=5");
    CPPUNIT_ASSERT_EQUAL_MESSAGE(all.response.body, 200, all.status);
    CPPUNIT_ASSERT_EQUAL(std::string("3"), all.text("total"));
    CPPUNIT_ASSERT_EQUAL(std::string("3"), all.text("by_state/failure"));
    CPPUNIT_ASSERT_EQUAL(std::string("0"), all.text("by_state/success"));
    CPPUNIT_ASSERT_EQUAL(std::string("shop"), all.text("by_queue/0/value"));
    CPPUNIT_ASSERT_EQUAL(std::string("3"), all.text("series/0/counts/failure"));
    CPPUNIT_ASSERT_EQUAL(std::string("false"), all.text("approximate"));
    const Answered some = get("/tasks:facets?fingerprint=" + print_);
    CPPUNIT_ASSERT_EQUAL(std::string("2"), some.text("total"));
    CPPUNIT_ASSERT_EQUAL(std::string("null"), some.text("by_queue"));
  }

  void words_that_are_not_understood_are_refused() {
    for (const char* path :
         {"/errors?hours=0", "/errors?hours=721", "/errors?order=name", "/errors?buckets=201",
          "/errors?cursor=x", "/errors/0123456789abcdef?hours=x", "/task-names?order=x",
          "/task-names?hours=0", "/task-figures", "/task-figures?name=a&buckets=0",
          "/tasks:facets?buckets=0", "/tasks:facets?top=0", "/tasks:facets?fingerprint=x",
          "/tasks?fingerprint=ABCDEF0123456789"}) {
      const Answered answer = get(path);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(path + answer.response.body, 422, answer.status);
    }
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiFiguresTest);

}  // namespace
}  // namespace z4j::api
