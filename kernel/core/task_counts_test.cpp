#include "core/task_counts.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include "core/testing/test_store.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace task_col = model::tasks;

constexpr base::TimeUs kCountsNow = 1'800'000'000 * base::kSecondUs;
constexpr base::TimeUs kCountsHour = 3600 * base::kSecondUs;

class TaskCountsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TaskCountsTest);
  CPPUNIT_TEST(all_is_counted_by_state);
  CPPUNIT_TEST(what_is_old_is_counted_seldom_and_said_to_be_approximate);
  CPPUNIT_TEST(more_than_are_counted_is_said);
  CPPUNIT_TEST_SUITE_END();

  testing::TestStore store_;
  base::ManualClock clock_{kCountsNow};
  const base::Uuid project_ = base::Uuid::random();
  int stored_ = 0;

  void store_tasks(int count, base::TimeUs at, std::string_view state) {
    Rows rows(Table::tasks);
    for (int i = 0; i < count; ++i) {
      const std::string id = "t" + std::to_string(stored_++);
      rows.begin()
          .uuid(task_col::id, model::task_row_id(project_, "e", id))
          .uuid(task_col::project_id, project_)
          .text(task_col::engine, "e")
          .text(task_col::task_id, id)
          .text_or_null(task_col::state, state)
          .num(task_col::sort_at, at)
          .num(task_col::sort_stamp, 1)
          .num(task_col::created_at, at)
          .num(task_col::updated_at, at);
    }
    Commit commit;
    commit.insert(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
  }
  static std::int64_t count_of(const TaskStates& states, std::string_view name) {
    for (std::size_t i = 0; i < kTaskStateNames.size(); ++i) {
      if (kTaskStateNames[i] == name) return states.by_state[i];
    }
    return -1;
  }

 public:
  void all_is_counted_by_state() {
    store_tasks(3, kCountsNow - 30 * 24 * kCountsHour, "success");
    store_tasks(2, kCountsNow - 7 * kCountsHour, "failure");
    store_tasks(4, kCountsNow - kCountsHour, "success");
    store_tasks(1, kCountsNow - kCountsHour, {});
    store_tasks(1, kCountsNow - kCountsHour, "of another release");
    for (const bool keep : {false, true}) {
      TaskCounts counts(*store_, clock_, {.keep = keep});
      const auto states = counts.of(project_);
      CPPUNIT_ASSERT(states.ok());
      CPPUNIT_ASSERT_EQUAL(std::int64_t{11}, states->total);
      CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, count_of(*states, "success"));
      CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, count_of(*states, "failure"));
      CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, count_of(*states, "pending"));
      CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, count_of(*states, "unknown"));
      CPPUNIT_ASSERT(!states->is_capped && !states->is_approximate);
      CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, counts.of(base::Uuid::random())->total);
    }
  }
  void what_is_old_is_counted_seldom_and_said_to_be_approximate() {
    store_tasks(5, kCountsNow - 24 * kCountsHour, "success");
    TaskCounts counts(*store_, clock_, {.keep = true});
    CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, counts.of(project_)->total);
    store_tasks(2, kCountsNow - 24 * kCountsHour, "success");
    store_tasks(1, kCountsNow - kCountsHour, "success");
    CPPUNIT_ASSERT_EQUAL(std::int64_t{6}, counts.of(project_)->total);
    CPPUNIT_ASSERT(!counts.of(project_)->is_approximate);
    clock_.advance(kCountsHour);  // whoever asks now has it counted anew, and does not wait
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    base::Result<TaskStates> states = counts.of(project_);
    CPPUNIT_ASSERT(states->is_approximate || states->total == 8);
    while (states->total != 8 && std::chrono::steady_clock::now() < until) {
      std::this_thread::yield();
      states = counts.of(project_);
    }
    CPPUNIT_ASSERT_EQUAL(std::int64_t{8}, states->total);
    CPPUNIT_ASSERT(!states->is_approximate);
  }
  void more_than_are_counted_is_said() {
    store_tasks(5, kCountsNow - 24 * kCountsHour, "success");
    TaskCounts counts(*store_, clock_, {.keep = true, .most = 5});
    const auto states = counts.of(project_);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, states->total);
    CPPUNIT_ASSERT(states->is_capped && states->is_approximate);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TaskCountsTest);

}  // namespace
}  // namespace z4j::core
