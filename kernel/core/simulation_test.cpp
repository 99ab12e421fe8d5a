#include "core/simulation.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>
#include <utility>

#include "core/testing/project_row.hpp"
#include "core/testing/test_store.hpp"

namespace z4j::core {
namespace {

constexpr base::TimeUs kNoon = 1'792'843'200 * base::kSecondUs;  // 24 October 2026, 12:00
constexpr base::TimeUs kMinuteUs = 60 * base::kSecondUs;

class SimulationTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SimulationTest);
  CPPUNIT_TEST(fires_of_all_schedules_come_in_their_order);
  CPPUNIT_TEST(what_comes_together_is_told);
  CPPUNIT_TEST(the_load_is_what_past_runs_took);
  CPPUNIT_TEST(changed_schedules_are_tried_and_not_stored);
  CPPUNIT_TEST(times_that_were_not_fired_are_told);
  CPPUNIT_TEST(many_times_are_cut_and_a_scheduler_without_an_answer_is_named);
  CPPUNIT_TEST(windows_and_lists_have_ceilings);
  CPPUNIT_TEST_SUITE_END();

  testing::TestStore store_;
  base::ManualClock clock_{kNoon};
  base::Uuid project_ = base::Uuid::random();

  // Every so many seconds, as the expression says.
  static base::Result<std::vector<base::TimeUs>> every(const std::string& scheduler,
                                                       const base::Uuid&,
                                                       const base::json::Object& schedule,
                                                       base::TimeUs from, std::uint32_t most) {
    if (scheduler != kOwnScheduler)
      return base::Error{base::Code::unavailable, "not here", {}, {}, 0};
    const std::int64_t step =
        std::stoll(std::string(base::json::text(schedule, "expression"))) * base::kSecondUs;
    std::vector<base::TimeUs> out;
    for (base::TimeUs at = (from / step + 1) * step; out.size() < most; at += step)
      out.push_back(at);
    return out;
  }
  Simulator simulator() { return Simulator(*store_, clock_, &every); }

  base::Uuid add(const std::string& name, std::int64_t seconds,
                 const std::string& scheduler = std::string(kOwnScheduler)) {
    Schedule s;
    s.id = base::Uuid::random();
    s.project_id = project_;
    s.scheduler = scheduler;
    s.owner = scheduler == kOwnScheduler ? "" : "beat";
    s.name = name;
    s.engine = "celery";
    s.task_name = "app." + name;
    s.kind = "interval";
    s.expression = std::to_string(seconds);
    s.created_at = s.updated_at = kNoon - 100 * kMinuteUs;
    Rows rows(Table::schedules);
    put_schedule(rows, s);
    Commit commit;
    commit.insert(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
    return s.id;
  }
  void add_fire(const base::Uuid& schedule, base::TimeUs at, std::string_view status,
                std::string_view reason = "due") {
    namespace f = model::schedule_fires;
    Rows rows(Table::schedule_fires);
    rows.begin()
        .uuid(f::id, base::Uuid::random())
        .uuid(f::schedule_id, schedule)
        .uuid(f::project_id, project_);
    rows.text(f::status, status)
        .text(f::reason, reason)
        .num(f::scheduled_for, at)
        .num(f::fired_at, at)
        .text(f::engine, "celery");
    Commit commit;
    commit.insert(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
  }
  static SimulationQuery window(std::int64_t minutes) {
    SimulationQuery query;
    query.from = kNoon;
    query.until = kNoon + minutes * kMinuteUs;
    return query;
  }

 public:
  void setUp() override {
    Commit commit;
    commit.insert(testing::project_row(project_, "shop", kNoon));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
  }

 private:
  void fires_of_all_schedules_come_in_their_order() {
    add("a", 1200);
    add("b", 900);
    SimulationQuery query = window(60);
    const Simulation s = simulator().run(project_, query).value();
    CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, s.fires_count);
    CPPUNIT_ASSERT_EQUAL(kNoon + 15 * kMinuteUs, s.fires[0].at);
    CPPUNIT_ASSERT_EQUAL(std::string("b"), s.schedules[s.fires[0].schedule].name);
    CPPUNIT_ASSERT_EQUAL(kNoon + 60 * kMinuteUs,
                         s.fires[6].at);  // the end is in, the beginning not
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, s.schedules[0].fires);
    query.most = 2;
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, simulator().run(project_, query).value().fires.size());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                         simulator().run(base::Uuid::random(), query).value().fires_count);
  }

  void what_comes_together_is_told() {
    add("a", 1200);
    add("b", 900);
    add("c", 1210);
    const Simulation s = simulator().run(project_, window(60)).value();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, s.instants.size());
    CPPUNIT_ASSERT_EQUAL(kNoon + 60 * kMinuteUs, s.instants[0].at);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, s.instants[0].fires);
    CPPUNIT_ASSERT(s.minutes.size() >= s.instants.size());
  }

  void the_load_is_what_past_runs_took() {
    add("slow", 600);
    add("new", 1800);
    namespace h = model::task_hours;
    Rows runs(Table::task_hours);
    runs.begin()
        .uuid(h::project_id, project_)
        .num(h::hour, kNoon - base::kDayUs)
        .text(h::engine, "celery")
        .text(h::task_name, "app.slow");
    runs.text(h::queue, "q")
        .text(h::kind, "task.succeeded")
        .num(h::lane, 0)
        .num(h::count, 4)
        .num(h::runtime_count, 4);
    runs.num(h::runtime_sum_us, 4 * 900 * base::kSecondUs);
    for (const std::uint16_t bucket :
         {h::le_10ms, h::le_50ms, h::le_100ms, h::le_250ms, h::le_500ms, h::le_1s, h::le_2500ms,
          h::le_5s, h::le_10s, h::le_30s, h::le_60s, h::le_120s, h::le_inf})
      runs.num(bucket, 0);
    Commit commit;
    commit.insert(std::move(runs));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
    const Simulation s = simulator().run(project_, window(60)).value();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, s.load.size());
    const EngineLoad& load = s.load[0];
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, load.peak_running);  // 15 minutes each, every ten
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, load.without_runtime);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, load.concurrency);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, load.buckets.size());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{(4 * 15 + 10) * 60'000}, load.buckets[0].busy_ms);
  }

  void changed_schedules_are_tried_and_not_stored() {
    const base::Uuid id = add("a", 1200);
    add("b", 900);
    SimulationQuery query = window(60);
    WhatIf change;
    change.schedule = id;
    change.members.expression = "300";
    WhatIf fresh;
    fresh.name = "c";
    fresh.members.expression = "3600";
    fresh.members.kind = "interval";
    query.what_if = {change, fresh};
    const Simulation s = simulator().run(project_, query).value();
    CPPUNIT_ASSERT_EQUAL(std::int64_t{12 + 4 + 1}, s.fires_count);
    CPPUNIT_ASSERT(s.schedules[0].is_changed && !s.schedules[1].is_changed &&
                   s.schedules[2].is_changed);
    CPPUNIT_ASSERT(!s.schedules[2].id);
    query.what_if.clear();
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3 + 4}, simulator().run(project_, query).value().fires_count);
    change.schedule = base::Uuid::random();
    query.what_if = {change};
    CPPUNIT_ASSERT_EQUAL(std::string("what_if"), simulator().run(project_, query).error().where);
  }

  void times_that_were_not_fired_are_told() {
    const base::Uuid id = add("a", 600);
    for (const int minutes : {10, 20, 40})
      add_fire(id, kNoon + minutes * kMinuteUs, minutes == 40 ? "skipped" : "acked_success");
    add_fire(id, kNoon + 11 * kMinuteUs, "delivered");
    add_fire(id, kNoon + 12 * kMinuteUs, "delivered", "trigger");
    clock_.set(kNoon + 55 * kMinuteUs);
    SimulationQuery query = window(120);
    query.against_fires = true;
    const Simulation s = simulator().run(project_, query).value();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, s.comparisons.size());
    const FireComparison& c = s.comparisons[0];
    CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, c.expected);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, c.fired);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, c.skipped);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, c.unexpected);
    CPPUNIT_ASSERT(
        (c.missed == std::vector<base::TimeUs>{kNoon + 30 * kMinuteUs, kNoon + 50 * kMinuteUs}));
    CPPUNIT_ASSERT(!c.was_edited);
  }

  void many_times_are_cut_and_a_scheduler_without_an_answer_is_named() {
    add("a", 1);
    add("b", 3600, "celery-beat");
    const Simulation s = simulator()
                             .run(project_,
                                  [] {
                                    SimulationQuery query = window(3 * 24 * 60);
                                    query.bucket_s = 86'400;
                                    return query;
                                  }())
                             .value();
    CPPUNIT_ASSERT(s.is_cut && s.schedules[0].is_cut);
    CPPUNIT_ASSERT_EQUAL(static_cast<std::int64_t>(Simulator::kMostTimes / 2), s.fires_count);
    CPPUNIT_ASSERT_EQUAL(std::string("not here"), s.schedules[1].why_not);
  }

  void windows_and_lists_have_ceilings() {
    SimulationQuery query = window(0);
    CPPUNIT_ASSERT_EQUAL(std::string("until"), simulator().run(project_, query).error().where);
    query = window(401 * 24 * 60);
    CPPUNIT_ASSERT_EQUAL(std::string("until"), simulator().run(project_, query).error().where);
    query = window(399 * 24 * 60);
    CPPUNIT_ASSERT_EQUAL(std::string("bucket_seconds"),
                         simulator().run(project_, query).error().where);
    query = window(60);
    query.most = Simulator::kMostListed + 1;
    CPPUNIT_ASSERT_EQUAL(std::string("most"), simulator().run(project_, query).error().where);
    CPPUNIT_ASSERT_EQUAL(std::string("what_if"), read_what_if(base::json::Value(5)).error().where);
    CPPUNIT_ASSERT(!read_what_if(base::json::Object{{"schedule_id", "x"}}).ok());
    CPPUNIT_ASSERT(!Simulator(*store_, clock_, {}).next(Schedule(), kNoon, 1).ok());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SimulationTest);

}  // namespace
}  // namespace z4j::core
