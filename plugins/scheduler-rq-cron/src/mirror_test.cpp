#include "src/mirror.hpp"

#include "lib/json/json.hpp"

#include <z4j/plugin.hpp>

#include <cppunit/extensions/HelperMacros.h>

#include <fstream>
#include <iterator>
#include <string>

namespace z4j::rq_cron {
namespace {

// A real rq cron.
CronScheduler captured() {
  std::ifstream in(Z4J_SOURCE_DIR "/tests/fixtures/vectors/rq-cron-keys.json");
  const json::Value root = json::parse(
      std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>()));
  const json::Object& hash =
      *json::object(*json::object(root.get_object(), "keys"), "rq:cron_scheduler:vm:31565:594cc3");
  CronScheduler out;
  for (const json::Value& pair : hash.at("value").get_array()) {
    const std::string value(pair.get_array()[1].get_string().c_str());
    if (pair.get_array()[0].get_string() == "name") out.name = value;
    if (pair.get_array()[0].get_string() == "config_file") out.config_file = value;
    if (pair.get_array()[0].get_string() == "cron_jobs") out.cron_jobs = value;
  }
  return out;
}

class RqCronMirrorTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RqCronMirrorTest);
  CPPUNIT_TEST(reads_what_rq_cron_tells);
  CPPUNIT_TEST(one_file_on_two_machines_is_one_schedule_each);
  CPPUNIT_TEST(arguments_beyond_json_stay_opaque);
  CPPUNIT_TEST(never_leaves_schedules_out);
  CPPUNIT_TEST(previews);
  CPPUNIT_TEST_SUITE_END();

  void reads_what_rq_cron_tells() {
    const std::vector<schedule::Schedule> all = schedules_of({captured()}, "Europe/Paris");
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, all.size());
    const schedule::Schedule& cron = all[0];
    CPPUNIT_ASSERT_EQUAL(std::string("rtasks.add (*/5 * * * *)"), cron.name);
    CPPUNIT_ASSERT_EQUAL(std::string("rtasks.add"), cron.task);
    CPPUNIT_ASSERT_EQUAL(std::string("[3,4]"), json::write(cron.args));
    CPPUNIT_ASSERT_EQUAL(std::string("Europe/Paris"), cron.timezone);
    CPPUNIT_ASSERT(!cron.last_run_at && cron.next_run_at);
    CPPUNIT_ASSERT(cron.read_only_reason.find("declared_in_code: ") == 0);
    CPPUNIT_ASSERT(cron.read_only_reason.find("cronconf.py") != std::string::npos);
    CPPUNIT_ASSERT(cron.capabilities == std::vector<std::string>{"trigger"});
    CPPUNIT_ASSERT_EQUAL(std::string("interval"), all[1].kind);
    CPPUNIT_ASSERT_EQUAL(std::string("5"), all[1].expression);
    CPPUNIT_ASSERT(all[1].last_run_at.has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("500"), json::write(all[1].options.at("result_ttl")));
  }

  void one_file_on_two_machines_is_one_schedule_each() {
    CronScheduler other = captured();
    other.name = "elsewhere:1:a";
    const auto both = schedules_of({captured(), other}, "UTC");
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, both.size());
    CPPUNIT_ASSERT_EQUAL(schedules_of({captured()}, "UTC")[0].id, both[0].id);
    CronScheduler twice;
    twice.name = "t";
    twice.cron_jobs = R"([{"func_name":"a.b","queue_name":"q","interval":5},
                          {"func_name":"a.b","queue_name":"q","interval":5}])";
    const auto two = schedules_of({twice}, "UTC");
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, two.size());
    CPPUNIT_ASSERT(two[0].id != two[1].id && two[0].name != two[1].name);
  }

  void arguments_beyond_json_stay_opaque() {
    CronScheduler s;
    s.name = "s";
    s.cron_jobs =
        R"([{"func_name":"a.b","queue_name":"q","interval":5,"args":"<not JSON serializable>"}])";
    const schedule::Schedule one = schedules_of({s}, "UTC").at(0);
    CPPUNIT_ASSERT(obstacle(one).find("opaque_payload: ") == 0);
    CPPUNIT_ASSERT(one.capabilities.empty());
  }

  void never_leaves_schedules_out() {
    for (const char* bad : {"no json", "{}", "[1]", R"([{"queue_name":"q"}])"}) {
      CronScheduler s;
      s.name = "s";
      s.cron_jobs = bad;
      CPPUNIT_ASSERT_THROW_MESSAGE(bad, static_cast<void>(schedules_of({s}, "UTC")), Error);
    }
    CronScheduler silent;
    silent.name = "old";
    CPPUNIT_ASSERT(schedules_of({silent}, "UTC").empty());
  }

  void previews() {
    const auto cron = preview(R"({"kind":"cron","expression":"*/5 * * * *"})", 1'000'000, 2);
    CPPUNIT_ASSERT((cron == std::vector<std::int64_t>{300'000'000, 600'000'000}));
    const auto interval =
        preview(R"({"kind":"interval","expression":"5","next_run_at":7})", 8'000'000, 2);
    CPPUNIT_ASSERT((interval == std::vector<std::int64_t>{12'000'000, 17'000'000}));
    CPPUNIT_ASSERT_THROW(static_cast<void>(preview(R"({"kind":"clocked","expression":"x"})", 0, 1)),
                         Error);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RqCronMirrorTest);

}  // namespace
}  // namespace z4j::rq_cron
