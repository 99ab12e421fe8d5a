#include "src/crontab.hpp"

#include <z4j/plugin.hpp>

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace {

using namespace z4j::celery_beat;

class CrontabTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CrontabTest);
  CPPUNIT_TEST(splits_and_joins);
  CPPUNIT_TEST(reads_celerys_dialect);
  CPPUNIT_TEST(refuses_what_beat_refuses);
  CPPUNIT_TEST_SUITE_END();

  void splits_and_joins() {
    const Crontab c = split_crontab("*/5  3 1-7\t* mon-fri");
    CPPUNIT_ASSERT_EQUAL(std::string("mon-fri"), c.day_of_week);
    CPPUNIT_ASSERT_EQUAL(std::string("*/5 3 1-7 * mon-fri"), join_crontab(c));
    CPPUNIT_ASSERT_EQUAL(std::string("1,2 * * * *"), join_crontab({"1, 2", "*", "", "*", "*"}));
    CPPUNIT_ASSERT_THROW(static_cast<void>(split_crontab("* * * *")), z4j::Error);
  }

  static z4j::calendar::CronFields read(const char* expression) {
    return fields_of(split_crontab(expression), MonthNames::read);
  }
  void reads_celerys_dialect() {
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1 | 1u << 15 | 1u << 30 | std::uint64_t{1} << 45},
                         read("*/15 * * * *").minutes);
    // Ranges run over the end; a step counts from where a range begins.
    CPPUNIT_ASSERT_EQUAL(std::uint32_t{1u << 22 | 1u << 23 | 1u << 0 | 1u << 1},
                         read("0 22-1 * * *").hours);
    CPPUNIT_ASSERT_EQUAL(std::uint32_t{1u << 5 | 1u << 6 | 1u << 0 | 1u << 1},
                         read("0 0 * * fri-mon").weekdays);
    CPPUNIT_ASSERT_EQUAL(std::uint32_t{1u << 1 | 1u << 3 | 1u << 5},
                         read("0 0 * * 1-5/2").weekdays);
    CPPUNIT_ASSERT_EQUAL(std::uint32_t{1u << 1 | 1u << 6}, read("0 0 * jan,jun *").months);
    CPPUNIT_ASSERT(!read("0 0 1 * mon").either_day);
    CPPUNIT_ASSERT(read("*/5 3 * * *").by_real_time && !read("0 3 * * *").by_real_time);
  }

  void refuses_what_beat_refuses() {
    for (const char* bad :
         {"60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * * 7",
          "*/0 * * * *", "5/2 * * * *", "1,,2 * * * *", "1- * * * *", "a * * * *", "* mon * * *",
          "-1 * * * *", "*/ * * * *", "99999999999 * * * *"}) {
      try {
        static_cast<void>(read(bad));
        CPPUNIT_FAIL(bad);
      } catch (const z4j::Error& e) {
        CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_INVALID}, e.code);
        CPPUNIT_ASSERT_EQUAL(std::string("/expression"), e.where);
      }
    }
    CPPUNIT_ASSERT_THROW(
        static_cast<void>(fields_of(split_crontab("0 0 * jan *"), MonthNames::refuse)), z4j::Error);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CrontabTest);

}  // namespace
