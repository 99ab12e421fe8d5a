#include "src/settings.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace {

using z4j::engine_rq::read_settings;
using z4j::engine_rq::Settings;

class RqSettingsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RqSettingsTest);
  CPPUNIT_TEST(reads_defaults_and_values);
  CPPUNIT_TEST(names_the_place_of_a_mistake);
  CPPUNIT_TEST(repeats_no_password);
  CPPUNIT_TEST_SUITE_END();

  void reads_defaults_and_values() {
    const Settings plain = read_settings(R"({"redis_url":"redis://h:7/3"})", nullptr);
    CPPUNIT_ASSERT_EQUAL(std::string("rq:"), plain.keys.prefix);
    CPPUNIT_ASSERT_EQUAL(500, plain.poll_ms);
    CPPUNIT_ASSERT_EQUAL(3, plain.redis.database);
    const Settings full = read_settings(
        R"({"redis_url":"redis://h","prefix":"x:","poll_seconds":2,"queues":["a","b"],"serializer":"json"})",
        nullptr);
    CPPUNIT_ASSERT_EQUAL(std::string("x:queues"), full.keys.queues());
    CPPUNIT_ASSERT_EQUAL(2000, full.poll_ms);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, full.extra_queues.size());
    CPPUNIT_ASSERT(full.serializer == z4j::rq::Form::json);
  }

  static std::string where_of(const char* config) {
    try {
      static_cast<void>(read_settings(config, nullptr));
    } catch (const z4j::Error& e) {
      CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_BAD_CONFIG}, e.code);
      return e.where;
    }
    return "accepted";
  }
  void names_the_place_of_a_mistake() {
    CPPUNIT_ASSERT_EQUAL(std::string("/redis_url"), where_of("{}"));
    CPPUNIT_ASSERT_EQUAL(std::string("/redis_url"), where_of(R"({"redis_url":"http://h"})"));
    CPPUNIT_ASSERT_EQUAL(std::string("/poll_seconds"),
                         where_of(R"({"redis_url":"redis://h","poll_seconds":0})"));
    CPPUNIT_ASSERT_EQUAL(std::string("/sentinel_master"),
                         where_of(R"({"redis_url":"sentinel://h:1/0"})"));
    CPPUNIT_ASSERT_EQUAL(std::string("/queues"),
                         where_of(R"({"redis_url":"redis://h","queues":[""]})"));
  }

  void repeats_no_password() {
    try {
      static_cast<void>(read_settings(R"({"redis_url":"redis://:hush@h:notaport/x"})", nullptr));
      CPPUNIT_FAIL("accepted");
    } catch (const z4j::Error& e) {
      CPPUNIT_ASSERT(std::string(e.what()).find("hush") == std::string::npos);
    }
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RqSettingsTest);

}  // namespace
