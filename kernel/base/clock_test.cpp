#include "base/clock.hpp"

#include <cppunit/extensions/HelperMacros.h>

namespace z4j::base {
namespace {

class ClockTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ClockTest);
  CPPUNIT_TEST(writes_a_fraction_only_when_there_is_one);
  CPPUNIT_TEST(audit_form_always_has_six_digits_and_an_offset);
  CPPUNIT_TEST(reads_what_it_writes);
  CPPUNIT_TEST(reads_offsets_and_numbers);
  CPPUNIT_TEST(refuses_what_is_not_a_time);
  CPPUNIT_TEST_SUITE_END();

 public:
  void writes_a_fraction_only_when_there_is_one() {
    CPPUNIT_ASSERT_EQUAL(std::string("2026-05-13T10:42:18.123456Z"), format_time(1778668938123456));
    CPPUNIT_ASSERT_EQUAL(std::string("2026-05-13T10:42:18Z"), format_time(1778668938000000));
    CPPUNIT_ASSERT_EQUAL(std::string("1969-12-31T23:59:59.999999Z"), format_time(-1));
  }
  void audit_form_always_has_six_digits_and_an_offset() {
    CPPUNIT_ASSERT_EQUAL(std::string("2026-05-13T10:42:18.000000+00:00"),
                         format_time(1778668938000000, TimeForm::audit));
  }
  void reads_what_it_writes() {
    for (const TimeUs t : {TimeUs{0}, TimeUs{-62'135'596'800'000'000}, TimeUs{1778668938123456},
                           TimeUs{253402300799999999}}) {
      CPPUNIT_ASSERT_EQUAL(t, *parse_time(format_time(t)));
      CPPUNIT_ASSERT_EQUAL(t, *parse_time(format_time(t, TimeForm::audit)));
    }
  }
  void reads_offsets_and_numbers() {
    CPPUNIT_ASSERT_EQUAL(TimeUs{1778668938000000}, *parse_time("2026-05-13T12:42:18+02:00"));
    CPPUNIT_ASSERT_EQUAL(TimeUs{1778668938000000}, *parse_time("2026-05-13 05:42:18-0500"));
    CPPUNIT_ASSERT_EQUAL(TimeUs{1778668938500000}, *parse_time("1778668938.5"));
    CPPUNIT_ASSERT_EQUAL(TimeUs{1778630400000000}, *parse_time("2026-05-13"));
  }
  void refuses_what_is_not_a_time() {
    for (const char* bad :
         {"", "yesterday", "2026-13-01", "2026-02-30T00:00:00Z", "2026-05-13T25:00:00Z",
          "2026-05-13T10:42:18.Z", "2026-05-13T10:42:18+99:00", "nan", "inf", "1e300",
          "2026-05-13T10:42:18Zx"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !parse_time(bad).ok());
    }
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ClockTest);

}  // namespace
}  // namespace z4j::base
