#include "src/redbeat_form.hpp"

#include <z4j/plugin.hpp>

#include <cppunit/extensions/HelperMacros.h>

#include <fstream>
#include <iterator>
#include <string>

namespace {

using namespace z4j::celery_beat;
namespace json = z4j::json;
using z4j::schedule::Schedule;

class RedbeatFormTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RedbeatFormTest);
  CPPUNIT_TEST(reads_what_was_captured);
  CPPUNIT_TEST(reads_times_of_any_zone);
  CPPUNIT_TEST(writes_what_redbeat_reads);
  CPPUNIT_TEST(survives_what_is_no_definition);
  CPPUNIT_TEST_SUITE_END();

  static json::Value captured(const char* name, int field) {
    std::ifstream in(Z4J_VECTORS "/celery-redbeat-keys.json");
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const json::Value all = json::parse(text);
    return json::parse(std::string(all.at("redbeat_after_beat")
                                       .at(std::string("redbeat:") + name)
                                       .at("value")
                                       .at(static_cast<std::size_t>(field))
                                       .at(1)
                                       .as_string()));
  }
  static Schedule schedule(const char* name) {
    return read_definition(captured(name, 0).as_object(), "Europe/Berlin");
  }

  void reads_what_was_captured() {
    const Schedule every = schedule("every-10s");
    CPPUNIT_ASSERT_EQUAL(std::string("10s"), every.expression);
    CPPUNIT_ASSERT_EQUAL(std::string("low"), every.queue);
    CPPUNIT_ASSERT_EQUAL(std::string("{\"expires\":30}"), json::write(every.options));
    const Schedule cron = schedule("cron1");
    CPPUNIT_ASSERT_EQUAL(std::string("*/5 3 * * mon-fri"), cron.expression);
    CPPUNIT_ASSERT_EQUAL(std::string("Europe/Berlin"), cron.timezone);
    CPPUNIT_ASSERT(!schedule("disabled").is_enabled);
    const Schedule rule = schedule("rr");
    CPPUNIT_ASSERT_EQUAL(std::string("1d"), rule.expression);
    CPPUNIT_ASSERT(rule.options.contains("rrule"));
    const RedbeatMeta meta = read_meta(json::write(captured("static-1", 1)));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1795467190'992157}, meta.last_run_us.value());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, meta.total_runs.value());
  }

  static std::optional<std::int64_t> time(const char* zone) {
    return read_meta(
               std::string(
                   R"({"last_run_at":{"__type__":"datetime","year":2026,"month":7,"day":1,"hour":12,"minute":0,"second":0,"microsecond":5,"timezone":)") +
               zone + "}}")
        .last_run_us;
  }
  void reads_times_of_any_zone() {
    constexpr std::int64_t kNoon = 1'782'907'200'000'005;
    CPPUNIT_ASSERT_EQUAL(kNoon, time("\"UTC\"").value());
    CPPUNIT_ASSERT_EQUAL(kNoon - 7'200'000'000, time("\"Europe/Berlin\"").value());
    CPPUNIT_ASSERT_EQUAL(kNoon + 3'600'000'000, time("-3600.0").value());
    CPPUNIT_ASSERT(!time("\"Mars/Base\"") && !time("1e300"));
  }

  void writes_what_redbeat_reads() {
    const RedbeatMeta back = read_meta(write_meta({1'782'907'200'000'005, 3}));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1'782'907'200'000'005}, back.last_run_us.value());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, back.total_runs.value());
    CPPUNIT_ASSERT_EQUAL(
        std::string(
            R"({"__type__":"crontab","minute":"1","hour":"2","day_of_week":"sun","day_of_month":"3","month_of_year":"4"})"),
        json::write(timing_object("cron", "1 2 3 4 sun", false)));
    CPPUNIT_ASSERT_THROW(static_cast<void>(timing_object("solar", "sunset:1:2", false)),
                         z4j::Error);
  }

  void survives_what_is_no_definition() {
    for (const char* bad :
         {"{}", R"({"task":"t"})", R"({"task":"t","schedule":{"__type__":"interval","every":-1}})",
          R"({"task":"t","schedule":{"__type__":"interval","every":1e300}})",
          R"({"task":"t","schedule":{"__type__":"crontab","minute":{}}})",
          R"({"schedule":{"__type__":"interval","every":5}})", R"({"task":"t","schedule":[]})"})
      CPPUNIT_ASSERT_THROW_MESSAGE(
          bad, static_cast<void>(read_definition(json::parse(bad).as_object(), "UTC")), z4j::Error);
    for (const char* meta : {"", "{", "[]", R"({"last_run_at":5})",
                             R"({"last_run_at":{"__type__":"datetime","year":999999999999}})"})
      CPPUNIT_ASSERT(!read_meta(meta).last_run_us);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RedbeatFormTest);

}  // namespace
