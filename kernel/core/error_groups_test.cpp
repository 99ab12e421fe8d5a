#include "core/error_groups.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <deque>
#include <string>

#include "core/error_fold.hpp"
#include "core/fingerprint.hpp"
#include "core/testing/test_store.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace task_col = model::tasks;

constexpr base::TimeUs kErrorsNow = 1'800'000'000 * base::kSecondUs;
constexpr base::TimeUs kErrorsHour = 3600 * base::kSecondUs;

class ErrorGroupsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ErrorGroupsTest);
  CPPUNIT_TEST(failures_that_look_alike_are_one_group);
  CPPUNIT_TEST(lists_are_ordered_filtered_and_paged);
  CPPUNIT_TEST(a_group_tells_where_and_how_often);
  CPPUNIT_TEST(success_costs_nothing);
  CPPUNIT_TEST_SUITE_END();

  testing::TestStore store_;
  base::ManualClock clock_{kErrorsNow};
  const base::Uuid project_ = base::Uuid::random();
  Errors errors_{*store_, clock_, 0};
  std::deque<Event> events_;  // views of them go into folds

  Event& failed(std::string exception, base::TimeUs age, const char* task = "shop.pay",
                const char* queue = "shop") {
    Event& e = events_.emplace_back();
    e.project_id = project_;
    e.kind = Z4J_EV_FAILED;
    e.engine = "celery";
    e.task_id = "t1";
    e.task = task;
    e.queue = queue;
    e.at = clock_.now() - age;
    e.facts.fingerprint = fingerprint(exception, {});
    e.facts.exception = std::move(exception);
    return e;
  }
  // Each as a batch of its own, in lanes that take turns.
  void store(std::initializer_list<const Event*> events) {
    unsigned lane = 0;
    for (const Event* e : events) {
      ErrorFold fold;
      fold.add(*e);
      Commit commit;
      commit.merge(fold.groups(lane % 2));
      commit.merge(fold.hours(lane++ % 2));
      CPPUNIT_ASSERT(store_->commit(commit).ok());
    }
  }
  ErrorGroups list(const ErrorQuery& asked = {}, const std::optional<Place>& after = {},
                   std::uint32_t limit = 50) {
    auto found = errors_.list(project_, asked, 24, after, limit);
    CPPUNIT_ASSERT_MESSAGE(found ? "" : found.error().text(), found.ok());
    return std::move(*found);
  }
  static std::string types(const ErrorGroups& groups) {
    std::string out;
    for (const ErrorGroup& group : groups.items) out += (out.empty() ? "" : " ") + group.exception;
    return out;
  }

 public:
  void failures_that_look_alike_are_one_group() {
    Event &first = failed("Late: order 17", 50 * kErrorsHour),
          &second = failed("Late: order 9", 2 * kErrorsHour, "shop.ship", "slow"),
          &third = failed("Late: order 1", kErrorsHour);
    third.task_id = "the-last";
    store({&second, &third, &first});
    const ErrorGroups groups = list();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, groups.total);
    const ErrorGroup& group = groups.items.at(0);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, group.count);  // in the window
    CPPUNIT_ASSERT_EQUAL(std::string("order 1"), group.message);
    CPPUNIT_ASSERT_EQUAL(std::string("the-last"), group.task_id);
    CPPUNIT_ASSERT(!group.is_new);
    CPPUNIT_ASSERT_EQUAL(first.at, group.first_seen_at);
    CPPUNIT_ASSERT_EQUAL(third.at, group.last_seen_at);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, group.task_names.size());
    std::int64_t sum = 0;
    for (const std::int64_t n : group.series) sum += n;
    CPPUNIT_ASSERT_EQUAL(group.count, sum);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, group.series.at(group.series.size() - 2));
  }
  void lists_are_ordered_filtered_and_paged() {
    Event &often = failed("Often: x", 5 * kErrorsHour),
          &again = failed("Often: x", 4 * kErrorsHour),
          &latest = failed("Latest: the cat", kErrorsHour, "shop.ship", "slow"),
          &newest = failed("Newest: y", 3 * kErrorsHour),
          &old = failed("Latest: the cat", 30 * kErrorsHour);
    store({&often, &again, &latest, &newest, &old});
    CPPUNIT_ASSERT(types(list()).starts_with("Often "));
    CPPUNIT_ASSERT_EQUAL(std::string("Latest Newest Often"),
                         types(list({.order = ErrorOrder::last_seen})));
    CPPUNIT_ASSERT_EQUAL(std::string("Newest Often Latest"),
                         types(list({.order = ErrorOrder::first_seen})));
    CPPUNIT_ASSERT_EQUAL(std::string("Latest"), types(list({.name = "shop.ship"})));
    CPPUNIT_ASSERT_EQUAL(std::string("Latest"), types(list({.queue = "slow"})));
    CPPUNIT_ASSERT_EQUAL(std::string("Newest"), types(list({.exception = "Newest"})));
    CPPUNIT_ASSERT_EQUAL(std::string("Latest"), types(list({.search = "CAT"})));
    CPPUNIT_ASSERT_EQUAL(std::string(""), types(list({.search = "dog"})));
    const ErrorQuery by_time{.order = ErrorOrder::last_seen};
    std::string paged;
    std::optional<Place> after;
    do {
      const ErrorGroups page = list(by_time, after, 1);
      CPPUNIT_ASSERT_EQUAL(std::size_t{3}, page.total);
      paged += types(page) + ".";
      after = page.next;
    } while (after);
    CPPUNIT_ASSERT_EQUAL(std::string("Latest.Newest.Often."), paged);
  }
  void a_group_tells_where_and_how_often() {
    Event& one = failed("Late: x", kErrorsHour);
    one.facts.traceback = std::string(3 * kSampleTracebackBytes, 'x') + "\nthe end";
    Event& two = failed("Late: x", 2 * kErrorsHour, "shop.ship", "");
    store({&one, &two});
    Rows rows(Table::tasks);
    for (const char* state : {"failure", "success"}) {
      rows.begin()
          .uuid(task_col::id, model::task_row_id(project_, "celery", state))
          .uuid(task_col::project_id, project_)
          .text(task_col::engine, "celery")
          .text(task_col::task_id, state)
          .text(task_col::state, state)
          .text(task_col::fingerprint, one.facts.fingerprint)
          .num(task_col::sort_at, kErrorsNow)
          .num(task_col::created_at, kErrorsNow)
          .num(task_col::updated_at, kErrorsNow);
    }
    Commit commit;
    commit.insert(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
    auto found = errors_.find(project_, one.facts.fingerprint, 24, 24);
    CPPUNIT_ASSERT_MESSAGE(found ? "" : found.error().text(), found.ok());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, found->group.count);
    CPPUNIT_ASSERT_EQUAL(std::string("the end"), found->traceback);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, found->by_name.size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, found->by_queue.size());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, found->open_failures);
    CPPUNIT_ASSERT(!found->open_failures_capped);
    for (const char* unknown : {"0123456789abcdef", "x", ""})
      CPPUNIT_ASSERT(errors_.find(project_, unknown, 24, 24).error().code == base::Code::not_found);
    CPPUNIT_ASSERT(errors_.find(base::Uuid::random(), one.facts.fingerprint, 24, 24).error().code ==
                   base::Code::not_found);
  }
  void success_costs_nothing() {
    ErrorFold fold;
    Event& run = failed("", 0);
    run.facts.fingerprint.clear();
    run.kind = Z4J_EV_SUCCEEDED;
    fold.add(run);
    CPPUNIT_ASSERT_EQUAL(0u, fold.groups(0).size() + fold.hours(0).size());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ErrorGroupsTest);

}  // namespace
}  // namespace z4j::core
