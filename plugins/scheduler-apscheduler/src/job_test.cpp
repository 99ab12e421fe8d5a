#include "src/job.hpp"

#include "lib/json/json.hpp"
#include "lib/text/text.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <fstream>
#include <iterator>
#include <string>

namespace {

using z4j::apscheduler::next_times;
using z4j::apscheduler::read_job;
using z4j::schedule::Schedule;
namespace json = z4j::json;

class JobTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(JobTest);
  CPPUNIT_TEST(reads_what_was_captured);
  CPPUNIT_TEST(foresees_runs);
  CPPUNIT_TEST(survives_what_is_no_job);
  CPPUNIT_TEST_SUITE_END();

  // A job of the captured Redis store.
  static std::string captured(const std::string& id) {
    std::ifstream in(Z4J_VECTORS "/apscheduler-stores.json");
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const json::Value all = json::parse(text);
    for (const json::Value& pair : all.at("redis").at("apscheduler.jobs").at("value").as_array()) {
      if (pair.at(0).as_string() == id)
        return z4j::text::base64_decode(pair.at(1).at("base64").as_string()).value();
    }
    return {};
  }

  void reads_what_was_captured() {
    const Schedule cron = read_job("c1", captured("c1"), 1795467300.0);
    CPPUNIT_ASSERT_EQUAL(std::string("cron"), cron.kind);
    CPPUNIT_ASSERT_EQUAL(std::string("*/5 * * * *"), cron.expression);
    CPPUNIT_ASSERT_EQUAL(std::string("rtasks:add"), cron.task);
    CPPUNIT_ASSERT_EQUAL(std::string("add (c1)"), cron.name);
    CPPUNIT_ASSERT_EQUAL(std::string("UTC"), cron.timezone);
    CPPUNIT_ASSERT_EQUAL(std::string("[1]"), json::write(cron.args));
    CPPUNIT_ASSERT(cron.is_enabled && cron.next_run_at == 1795467300.0);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, cron.read_only_reason.find("store_not_watched: "));
    const Schedule interval = read_job("i1", captured("i1"), 1795467304.445407);
    CPPUNIT_ASSERT_EQUAL(std::string("60s"), interval.expression);
    CPPUNIT_ASSERT_EQUAL(std::string("{\"y\":2}"), json::write(interval.kwargs));
    CPPUNIT_ASSERT(interval.starts_at == 1795467304.445407);
    const Schedule date = read_job("d1", captured("d1"), 2051222400.0);
    CPPUNIT_ASSERT_EQUAL(std::string("2035-01-01T00:00:00.000000+00:00"), date.expression);
    CPPUNIT_ASSERT(!read_job("paused", captured("paused"), std::nullopt).is_enabled);
  }

  void foresees_runs() {
    const Schedule interval = read_job("i1", captured("i1"), 0.0);
    const auto times = next_times(interval, 1795467304'445407, 2);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1795467364'445407}, times.at(0));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1795467424'445407}, times.at(1));
    const Schedule cron = read_job("c1", captured("c1"), 0.0);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1795467300'000000},
                         next_times(cron, 1795467001'000000, 1).at(0));
    const Schedule date = read_job("d1", captured("d1"), 0.0);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, next_times(date, 0, 5).size());
    CPPUNIT_ASSERT(next_times(date, 2051222400'000000, 5).empty());
  }

  void survives_what_is_no_job() {
    for (const std::string& bytes :
         {std::string(), std::string("nonsense"), captured("c1").substr(0, 200),
          std::string("\x80\x04}."), std::string("\x80\x04K\x01.")}) {
      const Schedule s = read_job("x", bytes, 5.0);
      CPPUNIT_ASSERT_EQUAL(std::size_t{0}, s.read_only_reason.find("opaque_payload: "));
      CPPUNIT_ASSERT(next_times(s, 0, 5).empty());
    }
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(JobTest);

}  // namespace
