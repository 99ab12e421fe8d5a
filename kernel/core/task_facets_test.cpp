#include "core/task_facets.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>
#include <string_view>

#include "core/testing/test_store.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace task_col = model::tasks;

constexpr base::TimeUs kFacetsNow = 1'800'000'000 * base::kSecondUs;
constexpr base::TimeUs kFacetsMinute = 60 * base::kSecondUs;

class TaskFacetsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TaskFacetsTest);
  CPPUNIT_TEST(counts_lie_in_their_buckets_states_and_queues);
  CPPUNIT_TEST(bounds_of_the_filter_are_bounds_of_the_count);
  CPPUNIT_TEST(more_than_may_be_looked_at_is_counted_from_the_newest_on);
  CPPUNIT_TEST(nothing_is_counted_of_nothing);
  CPPUNIT_TEST_SUITE_END();

  testing::TestStore store_;
  base::ManualClock clock_{kFacetsNow};
  const base::Uuid project_ = base::Uuid::random();
  int stored_ = 0;

  void store_tasks(int count, base::TimeUs at, std::string_view state, std::string_view queue,
                   base::TimeUs apart = 0) {
    Rows rows(Table::tasks);
    for (int i = 0; i < count; ++i) {
      const std::string id = "t" + std::to_string(stored_++);
      rows.begin()
          .uuid(task_col::id, model::task_row_id(project_, "e", id))
          .uuid(task_col::project_id, project_)
          .text(task_col::engine, "e")
          .text(task_col::task_id, id)
          .text_or_null(task_col::state, state)
          .text_or_null(task_col::queue, queue)
          .num(task_col::sort_at, at - i * apart)
          .num(task_col::sort_stamp, 1)
          .num(task_col::created_at, at)
          .num(task_col::updated_at, at);
    }
    Commit commit;
    commit.insert(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
  }
  Facets count(const FacetQuery& asked, const TaskFacets::Options& options) {
    TaskFacets facets(*store_, clock_, options);
    auto found = facets.of(project_, asked, "");
    CPPUNIT_ASSERT_MESSAGE(found ? "" : found.error().text(), found.ok());
    return std::move(*found);
  }
  static std::int64_t sum(const Facets& facets, std::size_t state) {
    std::int64_t out = 0;
    for (const auto& [at, states] : facets.series) out += states[state];
    return out;
  }

 public:
  void counts_lie_in_their_buckets_states_and_queues() {
    store_tasks(3, kFacetsNow - 30 * kFacetsMinute, "success", "mail");
    store_tasks(2, kFacetsNow - 5 * kFacetsMinute, "failure", "mail");
    store_tasks(1, kFacetsNow - 5 * kFacetsMinute, {}, {});
    FacetQuery asked;
    asked.filter.since = kFacetsNow - 60 * kFacetsMinute;
    for (const bool by_queue : {false, true}) {
      if (by_queue) asked.top = 1;
      const Facets facets = count(asked, {.keep_ms = 0});
      CPPUNIT_ASSERT_EQUAL(std::int64_t{60}, facets.bucket_s);
      CPPUNIT_ASSERT_EQUAL(std::size_t{2}, facets.series.size());
      CPPUNIT_ASSERT_EQUAL(std::int64_t{3},
                           facets.series.at(kFacetsNow - 30 * kFacetsMinute).at(3));
      CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, facets.by_state[0]);
      CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, facets.by_state[4]);
      CPPUNIT_ASSERT_EQUAL(std::int64_t{6}, facets.total);
      CPPUNIT_ASSERT(!facets.approximate && !facets.searched_until);
      CPPUNIT_ASSERT_EQUAL(by_queue, facets.by_queue.has_value());
      if (!by_queue) continue;
      CPPUNIT_ASSERT_EQUAL(std::size_t{1}, facets.by_queue->size());
      CPPUNIT_ASSERT(facets.by_queue->at(0) == std::pair(std::string("mail"), std::int64_t{5}));
    }
    asked.filter.state = "pending";
    asked.top.reset();
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, count(asked, {.keep_ms = 0}).total);
    asked.filter.state = "failure";
    asked.filter.queue = "mail";
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, count(asked, {.keep_ms = 0}).total);
  }
  void bounds_of_the_filter_are_bounds_of_the_count() {
    store_tasks(10, kFacetsNow, "success", "mail", kFacetsMinute);
    FacetQuery asked;
    CPPUNIT_ASSERT_EQUAL(std::int64_t{10}, count(asked, {.keep_ms = 0}).total);
    asked.filter.since = kFacetsNow - 5 * kFacetsMinute;
    asked.filter.until = kFacetsNow - 2 * kFacetsMinute;
    CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, count(asked, {.keep_ms = 0}).total);
    asked.filter.since = kFacetsNow + kFacetsMinute;
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, count(asked, {.keep_ms = 0}).total);
  }
  void more_than_may_be_looked_at_is_counted_from_the_newest_on() {
    store_tasks(400, kFacetsNow, "success", "mail", base::kSecondUs);
    const TaskFacets::Options few{.keep_ms = 0,
                                  .most_rows = 100,
                                  .most_indexed_rows = 100,
                                  .most_ms = 60'000,
                                  .near_rows = 20};
    for (const bool by_queue : {false, true}) {
      FacetQuery asked;
      if (by_queue) asked.top = 5;
      const Facets facets = count(asked, few);
      CPPUNIT_ASSERT(facets.approximate && facets.searched_until && !facets.by_queue);
      CPPUNIT_ASSERT(facets.total >= 100 && facets.total < 400);
      // All from there on, and none twice.
      CPPUNIT_ASSERT_EQUAL((kFacetsNow - *facets.searched_until) / base::kSecondUs + 1,
                           facets.total);
      CPPUNIT_ASSERT_EQUAL(facets.total, sum(facets, 3));
    }
    // Rare ones are found however many others there are.
    store_tasks(2, kFacetsNow - 390 * base::kSecondUs, "success", "rare");
    FacetQuery rare;
    rare.filter.queue = "rare";
    const Facets facets = count(rare, few);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, facets.total);
    CPPUNIT_ASSERT(!facets.approximate);
  }
  void nothing_is_counted_of_nothing() {
    const Facets facets = count({}, {.keep_ms = 0});
    CPPUNIT_ASSERT(facets.series.empty() && !facets.approximate);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, facets.total);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TaskFacetsTest);

}  // namespace
}  // namespace z4j::core
