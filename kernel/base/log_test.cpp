#include "base/log.hpp"

#include <cppunit/extensions/HelperMacros.h>

namespace z4j::base {
namespace {

class LogTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(LogTest);
  CPPUNIT_TEST(a_line_cannot_be_split_by_data);
  CPPUNIT_TEST(values_under_secret_names_are_masked);
  CPPUNIT_TEST(drops_lines_below_its_level);
  CPPUNIT_TEST_SUITE_END();

  ManualClock clock_{0};
  std::string out_;
  Log::Sink sink() {
    return [this](std::string_view line) { out_ += line; };
  }

 public:
  void a_line_cannot_be_split_by_data() {
    Log(Log::Form::json, Level::info, sink(), clock_)
        .info("seen", {{"name", "a\nb\x1b[31m\""}, {"n", 3}});
    CPPUNIT_ASSERT_EQUAL(
        std::string("{\"timestamp\":\"1970-01-01T00:00:00Z\",\"level\":\"info\",\"event\":\"seen\","
                    "\"name\":\"a\\nb\\u001b[31m\\\"\",\"n\":3}\n"),
        out_);
  }
  void values_under_secret_names_are_masked() {
    Log(Log::Form::console, Level::info, sink(), clock_)
        .info("x", {{"hmac_secret", "abc"}, {"user", "u"}});
    CPPUNIT_ASSERT(out_.find("abc") == std::string::npos);
    CPPUNIT_ASSERT(out_.find("user=\"u\"") != std::string::npos);
  }
  void drops_lines_below_its_level() {
    Log(Log::Form::console, Level::warn, sink(), clock_).info("x");
    CPPUNIT_ASSERT(out_.empty());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(LogTest);

}  // namespace
}  // namespace z4j::base
