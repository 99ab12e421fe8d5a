#include "core/task_figures.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

#include "core/testing/test_store.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace task_col = model::tasks;

constexpr base::TimeUs kFiguresNow = 1'800'000'000 * base::kSecondUs;
constexpr base::TimeUs kFiguresMinute = 60 * base::kSecondUs;

class TaskFiguresTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TaskFiguresTest);
  CPPUNIT_TEST(names_have_their_counts_and_times);
  CPPUNIT_TEST(names_are_ordered_searched_and_paged);
  CPPUNIT_TEST(a_name_over_time_beside_the_time_before);
  CPPUNIT_TEST(waits_are_from_when_a_run_could_begin);
  CPPUNIT_TEST_SUITE_END();

  testing::TestStore store_;
  base::ManualClock clock_{kFiguresNow};
  const base::Uuid project_ = base::Uuid::random();
  Figures figures_{*store_, clock_, 0};
  RollUps counts_;

  void run(const char* name, std::uint16_t kind, int count, base::TimeUs age,
           std::int64_t runtime_us = -1) {
    Event e;
    e.project_id = project_;
    e.kind = kind;
    e.engine = "celery";
    e.task_id = "t";
    e.task = name;
    e.at = e.taken_at = kFiguresNow - age;
    e.runtime_us = runtime_us;
    for (int i = 0; i < count; ++i) counts_.add(e);
  }
  void store() {
    Commit commit;
    for (Rows& rows : counts_.rows(0)) commit.merge(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
  }
  NamePage names(const NameQuery& asked, const std::optional<Place>& after = {},
                 std::uint32_t limit = 50) {
    auto page = figures_.names(project_, asked, after, limit);
    CPPUNIT_ASSERT_MESSAGE(page ? "" : page.error().text(), page.ok());
    return std::move(*page);
  }
  static std::string text(const NamePage& page) {
    std::string out;
    for (const NameFigures& one : page.items) out += (out.empty() ? "" : " ") + one.name;
    return out;
  }

 public:
  void names_have_their_counts_and_times() {
    run("pay", Z4J_EV_SENT, 5, kFiguresMinute);
    run("pay", Z4J_EV_SUCCEEDED, 3, kFiguresMinute, 20'000);
    run("pay", Z4J_EV_FAILED, 1, kFiguresMinute, 20'000);
    run("pay", Z4J_EV_RETRIED, 4, kFiguresMinute);
    run("", Z4J_EV_SUCCEEDED, 1, kFiguresMinute);
    run("pay", Z4J_EV_SUCCEEDED, 7, 90 * kFiguresMinute, 20'000);
    store();
    const NamePage page = names({.hours = 1});
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, page.items.size());
    const NameFigures& pay = page.items.front();
    CPPUNIT_ASSERT_EQUAL(std::string("celery"), pay.engine);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, pay.sent);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, pay.ended());
    CPPUNIT_ASSERT_DOUBLES_EQUAL(0.25, pay.failure_rate(), 1e-9);
    CPPUNIT_ASSERT_DOUBLES_EQUAL(0.5, pay.retry_share(), 1e-9);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, pay.runtime.runs);
    CPPUNIT_ASSERT_DOUBLES_EQUAL(30.0, pay.runtime.share_ms(0.5), 1e-9);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{11}, names({.hours = 24}).items.front().ended());
  }
  void names_are_ordered_searched_and_paged() {
    run("many.short", Z4J_EV_SUCCEEDED, 9, kFiguresMinute, 5'000);
    run("few.long", Z4J_EV_SUCCEEDED, 2, kFiguresMinute, 40'000'000);
    run("some.bad", Z4J_EV_SUCCEEDED, 3, kFiguresMinute, 5'000);
    run("some.bad", Z4J_EV_FAILED, 1, kFiguresMinute, 5'000);
    store();
    CPPUNIT_ASSERT_EQUAL(std::string("many.short some.bad few.long"), text(names({})));
    CPPUNIT_ASSERT(text(names({.order = NameOrder::failures})).starts_with("some.bad"));
    CPPUNIT_ASSERT(text(names({.order = NameOrder::failure_rate})).starts_with("some.bad"));
    CPPUNIT_ASSERT(text(names({.order = NameOrder::runtime})).starts_with("few.long"));
    CPPUNIT_ASSERT(text(names({.order = NameOrder::p95})).starts_with("few.long"));
    CPPUNIT_ASSERT_EQUAL(std::string("some.bad"), text(names({.search = "BAD"})));
    std::string paged;
    std::optional<Place> after;
    do {
      const NamePage page = names({.order = NameOrder::failures}, after, 1);
      CPPUNIT_ASSERT(!page.truncated);
      paged += text(page) + ".";
      after = page.next;
    } while (after);
    CPPUNIT_ASSERT_EQUAL(std::size_t{29}, paged.size());
  }
  void a_name_over_time_beside_the_time_before() {
    run("pay", Z4J_EV_SUCCEEDED, 3, 2 * kFiguresMinute, 20'000);
    run("pay", Z4J_EV_FAILED, 1, 30 * kFiguresMinute, 20'000);
    run("pay", Z4J_EV_SUCCEEDED, 5, 100 * kFiguresMinute, 20'000);
    run("other", Z4J_EV_SUCCEEDED, 5, kFiguresMinute);
    store();
    for (const std::int64_t hours : {1, 168}) {
      auto told = figures_.of_name(project_, "pay", hours, 60);
      CPPUNIT_ASSERT_MESSAGE(told ? "" : told.error().text(), told.ok());
      CPPUNIT_ASSERT_EQUAL(std::string("celery"), told->all.engine);
      CPPUNIT_ASSERT_EQUAL(std::int64_t{hours == 1 ? 4 : 9}, told->all.ended());
      CPPUNIT_ASSERT_EQUAL(std::int64_t{hours == 1 ? 5 : 0}, told->before.ended());
      CPPUNIT_ASSERT_EQUAL(std::int64_t{hours == 1 ? 60 : 3 * 3600}, told->bucket_s);
      std::int64_t ended = 0;
      for (const FigurePoint& point : told->series) {
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, point.at % (told->bucket_s * base::kSecondUs));
        ended += point.succeeded + point.failed;
      }
      CPPUNIT_ASSERT_EQUAL(told->all.ended(), ended);
    }
    CPPUNIT_ASSERT(figures_.of_name(project_, "unknown", 24, 60)->series.empty());
  }
  void waits_are_from_when_a_run_could_begin() {
    Rows rows(Table::tasks);
    const auto task = [&](const char* id, base::TimeUs created_s,
                          base::TimeUs received_s) -> Rows& {
      return rows.begin()
          .uuid(task_col::id, model::task_row_id(project_, "e", id))
          .uuid(task_col::project_id, project_)
          .text(task_col::engine, "e")
          .text(task_col::task_id, id)
          .text(task_col::name, "pay")
          .num(task_col::sort_at, kFiguresNow - base::kSecondUs)
          .num(task_col::created_at, kFiguresNow - created_s * base::kSecondUs)
          .num(task_col::received_at, kFiguresNow - received_s * base::kSecondUs)
          .num(task_col::updated_at, kFiguresNow);
    };
    const base::TimeUs started = kFiguresNow - base::kSecondUs;
    task("sent", 10, 5).num(task_col::started_at, started);
    task("retried", 10, 5).num(task_col::started_at, started).num(task_col::retry_count, 1);
    task("later", 10, 9)
        .num(task_col::started_at, started)
        .num(task_col::eta, kFiguresNow - 3 * base::kSecondUs);
    task("waits", 10, 5);
    Commit commit;
    commit.insert(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
    const auto told = figures_.of_name(project_, "pay", 24, 60);
    CPPUNIT_ASSERT(told.ok());
    CPPUNIT_ASSERT((told->waits_ms == std::vector<std::int64_t>{2000, 4000, 9000}));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TaskFiguresTest);

}  // namespace
}  // namespace z4j::core
