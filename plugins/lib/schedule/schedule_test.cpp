#include "lib/schedule/schedule.hpp"

#include <z4j/plugin.hpp>

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace {

using namespace z4j::schedule;
namespace json = z4j::json;

class ScheduleTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ScheduleTest);
  CPPUNIT_TEST(an_etag_ignores_runs_only);
  CPPUNIT_TEST(reads_what_was_given_only);
  CPPUNIT_TEST(names_the_place_of_a_mistake);
  CPPUNIT_TEST(bounds_pages);
  CPPUNIT_TEST_SUITE_END();

  static Schedule sample() {
    Schedule s;
    s.id = "1";
    s.name = "nightly";
    s.engine = "celery";
    s.task = "shop.report";
    s.kind = "cron";
    s.expression = "0 3 * * *";
    s.args = {1, "a"};
    return s;
  }

  void an_etag_ignores_runs_only() {
    Schedule s = sample();
    const std::string before = etag_of(s);
    s.last_run_at = 5;
    s.next_run_at = 9;
    s.total_runs = 3;
    s.own = json::Value("x");
    CPPUNIT_ASSERT_EQUAL(before, etag_of(s));
    s.args.emplace_back(2);
    CPPUNIT_ASSERT(before != etag_of(s));
  }

  void reads_what_was_given_only() {
    const Wanted w = read_wanted(R"({"id":"7","queue":null,"starts_at":null,"is_enabled":false})");
    CPPUNIT_ASSERT_EQUAL(std::string("7"), w.id);
    CPPUNIT_ASSERT(w.queue && w.queue->empty());
    CPPUNIT_ASSERT(w.starts_at && !*w.starts_at);
    CPPUNIT_ASSERT(w.is_enabled && !*w.is_enabled);
    CPPUNIT_ASSERT(!w.name && !w.args && !w.options && !w.ends_at);
  }

  static std::string where_of(const std::string& text) {
    try {
      static_cast<void>(read_wanted(text));
    } catch (const z4j::Error& e) {
      return e.where;
    }
    return "accepted";
  }
  void names_the_place_of_a_mistake() {
    CPPUNIT_ASSERT_EQUAL(std::string("/name"), where_of(R"({"name":""})"));
    CPPUNIT_ASSERT_EQUAL(std::string("/args"), where_of(R"({"args":{}})"));
    CPPUNIT_ASSERT_EQUAL(std::string("/kwargs"), where_of(R"({"kwargs":[]})"));
    CPPUNIT_ASSERT_EQUAL(std::string("/ends_at"), where_of(R"({"ends_at":"soon"})"));
    CPPUNIT_ASSERT_EQUAL(std::string("/is_enabled"), where_of(R"({"is_enabled":1})"));
    CPPUNIT_ASSERT_EQUAL(std::string("/name"),
                         where_of("{\"name\":\"" + std::string(201, 'x') + "\"}"));
  }

  void bounds_pages() {
    CPPUNIT_ASSERT_EQUAL(std::size_t{500}, read_page("").limit);
    CPPUNIT_ASSERT_EQUAL(std::size_t{500}, read_page(R"({"limit":9999})").limit);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, read_page(R"({"limit":2})").limit);
    CPPUNIT_ASSERT(read_page(R"({"form":"own"})").in_own_form);
    CPPUNIT_ASSERT_THROW(static_cast<void>(read_page(R"({"limit":0})")), z4j::Error);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ScheduleTest);

}  // namespace
