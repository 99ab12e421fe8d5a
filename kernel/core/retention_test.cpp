#include "core/retention.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

#include "core/error_groups.hpp"
#include "core/rollups.hpp"
#include "core/testing/test_store.hpp"

namespace z4j::core {
namespace {

namespace event_col = model::events;
namespace task_col = model::tasks;
namespace project_col = model::projects;

class RetentionTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RetentionTest);
  CPPUNIT_TEST(events_go_after_the_installations_days);
  CPPUNIT_TEST(tasks_go_after_their_projects_days_without_news);
  CPPUNIT_TEST(minutes_go_before_the_hours_that_hold_their_sum);
  CPPUNIT_TEST(groups_of_errors_go_with_their_events_and_beyond_their_number);
  CPPUNIT_TEST(stops_when_told_to);
  CPPUNIT_TEST_SUITE_END();

  testing::TestStore store_;
  base::ManualClock clock_{1'800'000'000 * base::kSecondUs};
  Retention retention_{*store_, clock_, base::Log::quiet(), 30};

  void store_events(int count, base::TimeUs age) {
    Rows rows(Table::events);
    const base::Uuid project = base::Uuid::random();
    for (int i = 0; i < count; ++i) {
      rows.begin()
          .num(event_col::occurred_at, clock_.now() - age)
          .uuid(event_col::id, base::Uuid::random())
          .uuid(event_col::project_id, project)
          .uuid(event_col::agent_id, project)
          .text(event_col::engine, "e")
          .text(event_col::task_id, "t")
          .text(event_col::kind, "task.sent")
          .num(event_col::stored_at, clock_.now());
    }
    Commit commit;
    commit.insert(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
  }
  base::Uuid store_project(std::string_view slug, std::int64_t days) {
    const base::Uuid id = base::Uuid::random();
    Rows rows(Table::projects);
    rows.begin()
        .uuid(project_col::id, id)
        .text(project_col::slug, slug)
        .text(project_col::name, slug)
        .text(project_col::environment, "x")
        .text(project_col::timezone, "UTC")
        .num(project_col::retention_days, days)
        .num(project_col::is_active, 1)
        .text(project_col::default_scheduler_owner, "x")
        .num(project_col::created_at, 1)
        .num(project_col::updated_at, 1);
    Commit commit;
    commit.insert(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
    return id;
  }
  void store_task(const base::Uuid& project, std::string_view id, base::TimeUs age,
                  base::TimeUs silence) {
    Rows rows(Table::tasks);
    rows.begin()
        .uuid(task_col::id, base::Uuid::random())
        .uuid(task_col::project_id, project)
        .text(task_col::engine, "e")
        .text(task_col::task_id, id)
        .num(task_col::sort_at, clock_.now() - age)
        .num(task_col::sort_stamp, 1)
        .num(task_col::created_at, clock_.now() - age)
        .num(task_col::updated_at, clock_.now() - silence);
    Commit commit;
    commit.merge(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
  }

 public:
  void events_go_after_the_installations_days() {
    store_events(4500, 31 * base::kDayUs);
    store_events(10, 29 * base::kDayUs);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{4500}, retention_.run_once().value());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{10}, store_->count(Table::events, {}).value());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, retention_.run_once().value());
  }
  void tasks_go_after_their_projects_days_without_news() {
    const base::Uuid brief = store_project("brief", 1), patient = store_project("patient", 30);
    store_task(brief, "old", 2 * base::kDayUs, 2 * base::kDayUs);
    store_task(brief, "long-running", 2 * base::kDayUs, base::kSecondUs);
    store_task(brief, "young", 0, 0);
    store_task(patient, "kept", 2 * base::kDayUs, 2 * base::kDayUs);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, retention_.run_once().value());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, store_->count(Table::tasks, {}).value());
  }
  void minutes_go_before_the_hours_that_hold_their_sum() {
    RollUps counts;
    Event run;
    run.project_id = store_project("shop", 30);
    run.kind = Z4J_EV_SUCCEEDED;
    run.engine = "e";
    run.task_id = "t";
    run.at = run.taken_at = clock_.now() - kMinutesKeptUs - base::kDayUs;
    counts.add(run);
    run.at = run.taken_at = clock_.now() - base::kDayUs;
    counts.add(run);
    Commit commit;
    for (Rows& rows : counts.rows(0)) commit.merge(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, retention_.run_once().value());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, store_->count(Table::task_minutes, {}).value());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, store_->count(Table::task_hours, {}).value());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, store_->count(Table::project_spans, {}).value());
    clock_.advance(40 * base::kDayUs);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{6}, retention_.run_once().value());
  }
  void groups_of_errors_go_with_their_events_and_beyond_their_number() {
    namespace group_col = model::error_groups;
    namespace hour_col = model::error_hours;
    const base::Uuid project = store_project("shop", 30);
    const auto group = [&](Rows& rows, int number, base::TimeUs age) {
      rows.begin()
          .uuid(group_col::project_id, project)
          .text(group_col::fingerprint, std::to_string(1'000'000'000'000'000 + number))
          .num(group_col::lane, 0)
          .num(group_col::first_seen_at, clock_.now() - age)
          .num(group_col::last_seen_at, clock_.now() - age);
    };
    Rows aged(Table::error_groups), by_hour(Table::error_hours), many(Table::error_groups);
    group(aged, 0, 31 * base::kDayUs);
    for (const base::TimeUs age : {31 * base::kDayUs, base::kDayUs}) {
      by_hour.begin()
          .uuid(hour_col::project_id, project)
          .num(hour_col::hour, clock_.now() - age)
          .text(hour_col::fingerprint, "f")
          .text(hour_col::task_name, "")
          .text(hour_col::queue, "")
          .num(hour_col::lane, 0)
          .num(hour_col::count, 1);
    }
    Commit commit;
    commit.insert(std::move(aged)).insert(std::move(by_hour));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, retention_.run_once().value());
    for (int i = 0; i < static_cast<int>(kMostErrorGroups) + 7; ++i) group(many, i, i);
    Commit flood;
    flood.insert(std::move(many));
    CPPUNIT_ASSERT(store_->commit(flood).ok());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{7}, retention_.run_once().value());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{kMostErrorGroups},
                         store_->count(Table::error_groups, {}).value());
  }
  void stops_when_told_to() {
    store_events(4500, 31 * base::kDayUs);
    retention_.start();
    retention_.stop();
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2000}, retention_.run_once().value());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RetentionTest);

}  // namespace
}  // namespace z4j::core
