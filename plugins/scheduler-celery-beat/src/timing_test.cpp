#include "src/timing.hpp"

#include <z4j/plugin.hpp>

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace {

using namespace z4j::celery_beat;

constexpr std::int64_t kMidnight = 1'767'225'600'000'000;  // 2026-01-01, a Thursday
constexpr std::int64_t kMinute = 60'000'000, kDay = 1440 * kMinute;

class TimingTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TimingTest);
  CPPUNIT_TEST(reads_and_writes_intervals);
  CPPUNIT_TEST(counts_intervals_from_the_last_run);
  CPPUNIT_TEST(wants_both_days_to_fit);
  CPPUNIT_TEST(keeps_within_begin_and_end);
  CPPUNIT_TEST(runs_once_what_runs_once);
  CPPUNIT_TEST(refuses_other_kinds);
  CPPUNIT_TEST_SUITE_END();

  void reads_and_writes_intervals() {
    for (const auto& [text, us] : {std::pair{"30s", 30'000'000LL},
                                   {"5m", 300'000'000LL},
                                   {"2h", 7'200'000'000LL},
                                   {"1d", 86'400'000'000LL},
                                   {"0.25", 250'000LL},
                                   {"90s", 90'000'000LL}}) {
      CPPUNIT_ASSERT_EQUAL(static_cast<std::int64_t>(us), interval_us(text));
      CPPUNIT_ASSERT_EQUAL(std::string(text), interval_text(us));
    }
    CPPUNIT_ASSERT_EQUAL(std::int64_t{90'000'000}, interval_us("90"));
    CPPUNIT_ASSERT_EQUAL(std::string("0s"), interval_text(0));
    for (const char* bad :
         {"", "0", "-5", "1w", "soon", "1e3", "s", "1.", ".5", "40000d", "1.0000001"})
      CPPUNIT_ASSERT_THROW_MESSAGE(bad, static_cast<void>(interval_us(bad)), z4j::Error);
  }

  static Schedule of(const char* kind, const char* expression, const char* zone = "UTC") {
    Schedule s;
    s.kind = kind;
    s.expression = expression;
    s.timezone = zone;
    return s;
  }

  void counts_intervals_from_the_last_run() {
    Schedule s = of("interval", "10m");
    CPPUNIT_ASSERT_EQUAL(kMidnight + 10 * kMinute, next_times(s, kMidnight, 1).at(0));
    s.last_run_at = static_cast<double>(kMidnight - 3 * kMinute) / 1e6;
    const auto times = next_times(s, kMidnight, 2);
    CPPUNIT_ASSERT_EQUAL(kMidnight + 7 * kMinute, times.at(0));
    CPPUNIT_ASSERT_EQUAL(kMidnight + 17 * kMinute, times.at(1));
    s.last_run_at = static_cast<double>(kMidnight - 300 * kMinute - 1) / 1e6;
    CPPUNIT_ASSERT(next_times(s, kMidnight, 1).at(0) > kMidnight);
  }

  void wants_both_days_to_fit() {
    // The first Monday of a month: the 5th of January 2026.
    CPPUNIT_ASSERT_EQUAL(kMidnight + 4 * kDay,
                         next_times(of("cron", "0 0 1-7 * mon"), kMidnight, 1).at(0));
    CPPUNIT_ASSERT_EQUAL(kMidnight + 3 * 60 * kMinute,
                         next_times(of("cron", "0 12 * * *", "Asia/Tokyo"), kMidnight, 1).at(0));
    CPPUNIT_ASSERT(next_times(of("cron", "0 0 30 2 *"), kMidnight, 1).empty());
  }

  void keeps_within_begin_and_end() {
    Schedule s = of("cron", "0 0 * * *");
    s.starts_at = static_cast<double>(kMidnight + 2 * kDay) / 1e6;
    s.ends_at = static_cast<double>(kMidnight + 4 * kDay) / 1e6;
    const auto times = next_times(s, kMidnight, 10);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, times.size());
    CPPUNIT_ASSERT_EQUAL(kMidnight + 2 * kDay, times.at(0));
  }

  void runs_once_what_runs_once() {
    CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                         next_times(of("clocked", "2026-01-01T12:00:00Z"), kMidnight, 5).size());
    CPPUNIT_ASSERT(next_times(of("clocked", "2026-01-01T12:00:00Z"), kMidnight + kDay, 5).empty());
    Schedule s = of("interval", "1s");
    s.options["one_off"] = true;
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, next_times(s, kMidnight, 5).size());
  }

  static std::string where_of(const char* kind, const char* expression, const char* zone) {
    try {
      check_timing(kind, expression, zone);
    } catch (const z4j::Error& e) {
      return e.where;
    }
    return "accepted";
  }
  void refuses_other_kinds() {
    CPPUNIT_ASSERT_EQUAL(std::string("/kind"), where_of("moon", "x", "UTC"));
    CPPUNIT_ASSERT_EQUAL(std::string("/timezone"), where_of("cron", "* * * * *", "Mars/Base"));
    CPPUNIT_ASSERT_EQUAL(std::string("/expression"), where_of("solar", "midnight:1:2", "UTC"));
    CPPUNIT_ASSERT_EQUAL(std::string("accepted"), where_of("solar", "sunset:51.5:-0.1", "UTC"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TimingTest);

}  // namespace
