#include "core/rollups.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace z4j::core {
namespace {

class RollUpsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RollUpsTest);
  CPPUNIT_TEST(counts_meet_in_hours_and_spans);
  CPPUNIT_TEST(quantiles_lie_in_their_bucket);
  CPPUNIT_TEST_SUITE_END();

 public:
  void counts_meet_in_hours_and_spans() {
    RollUps counts;
    Event run;
    run.project_id = base::Uuid::random();
    run.kind = Z4J_EV_SUCCEEDED;
    run.engine = "e";
    run.task_id = "t";
    for (int minute = 0; minute < 90; ++minute) {
      run.at = 1'800'000'000 * base::kSecondUs + minute * 60 * base::kSecondUs;
      run.task = minute % 2 == 0 ? "even" : "odd";
      run.worker = minute % 3 == 0 ? "" : "w";
      counts.add(run);
    }
    const auto rows = counts.rows(0);
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, rows.size());
    CPPUNIT_ASSERT(rows[0].table() == Table::task_minutes && rows[0].size() == 90);
    CPPUNIT_ASSERT(rows[1].table() == Table::task_hours && rows[1].size() == 4);
    CPPUNIT_ASSERT(rows[2].table() == Table::project_spans && rows[2].size() == 92);
    CPPUNIT_ASSERT(rows[3].table() == Table::worker_hours && rows[3].size() == 2);
    CPPUNIT_ASSERT(RollUps().rows(0).empty());
    RollUps late;
    run.taken_at = run.at + kMinutesKeptUs + 1;
    late.add(run);
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, late.rows(0).size());  // no minutes
  }
  void quantiles_lie_in_their_bucket() {
    RollUps::Buckets buckets{};
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, RollUps::quantile_us(buckets, 0.5));
    buckets[RollUps::bucket_of(20'000)] = 8;  // 10 to 50 ms
    CPPUNIT_ASSERT_EQUAL(std::int64_t{30'000}, RollUps::quantile_us(buckets, 0.5));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{50'000}, RollUps::quantile_us(buckets, 1));
    buckets[RollUps::bucket_of(900'000'000)] = 8;
    CPPUNIT_ASSERT_EQUAL(std::int64_t{50'000}, RollUps::quantile_us(buckets, 0.5));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{120'000'000}, RollUps::quantile_us(buckets, 0.95));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RollUpsTest);

}  // namespace
}  // namespace z4j::core
