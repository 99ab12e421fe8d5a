#include "base/log.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <thread>

#include "base/log_scope.hpp"

namespace z4j::base {
namespace {

class LogTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(LogTest);
  CPPUNIT_TEST(a_line_cannot_be_split_by_data);
  CPPUNIT_TEST(values_under_secret_names_are_masked);
  CPPUNIT_TEST(drops_lines_below_its_level);
  CPPUNIT_TEST(a_scope_names_its_work_in_every_line);
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
  void a_scope_names_its_work_in_every_line() {
    Log log(Log::Form::console, Level::info, sink(), clock_);
    LogScope request;
    request.add("request_id", "req_1");
    {
      LogScope inner;
      inner.add("user_id", "u\n1");
      inner.add("project_id", "");
      log.info("x", {{"request_id", "own"}});
      CPPUNIT_ASSERT_EQUAL(
          std::string("1970-01-01T00:00:00Z info x request_id=\"own\" user_id=\"u\\n1\"\n"), out_);
    }
    out_.clear();
    log.info("y");
    CPPUNIT_ASSERT_EQUAL(std::string("1970-01-01T00:00:00Z info y request_id=\"req_1\"\n"), out_);
    std::thread([&log] { log.info("elsewhere"); }).join();
    CPPUNIT_ASSERT(out_.ends_with("info elsewhere\n"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(LogTest);

}  // namespace
}  // namespace z4j::base
