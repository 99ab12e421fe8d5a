#include "src/settings.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace {

using namespace z4j::celery_beat;

class BeatSettingsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(BeatSettingsTest);
  CPPUNIT_TEST(reads_each_store);
  CPPUNIT_TEST(names_the_place_of_a_mistake);
  CPPUNIT_TEST(repeats_no_password);
  CPPUNIT_TEST_SUITE_END();

  void reads_each_store() {
    const Settings django = read_settings(
        R"({"store":"django","database_url":"postgresql://u:p@h/shop","schema":"t"})", nullptr);
    CPPUNIT_ASSERT(django.store == StoreKind::django && django.database.schema == "t");
    const Settings redbeat = read_settings(
        R"({"store":"redbeat","redis_url":"redis://h/2","timezone":"Asia/Tokyo"})", nullptr);
    CPPUNIT_ASSERT(redbeat.store == StoreKind::redbeat && redbeat.redis.database == 2 &&
                   redbeat.prefix == "redbeat:");
    CPPUNIT_ASSERT(
        read_settings(R"({"store":"persistent","path":"/var/lib/beat/s"})", nullptr).store ==
        StoreKind::persistent);
    CPPUNIT_ASSERT(
        read_settings(R"({"store":"django","database_url":"secret:URL"})", nullptr).store ==
        StoreKind::django);
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
    CPPUNIT_ASSERT_EQUAL(std::string("/store"), where_of("{}"));
    CPPUNIT_ASSERT_EQUAL(std::string("/database_url"), where_of(R"({"store":"django"})"));
    CPPUNIT_ASSERT_EQUAL(std::string("/database_url"),
                         where_of(R"({"store":"django","database_url":"mysql://h/x"})"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("/naive_times_in"),
        where_of(
            R"({"store":"django","database_url":"sqlite:////a","naive_times_in":"Mars/Base"})"));
    CPPUNIT_ASSERT_EQUAL(std::string("/redis_url"), where_of(R"({"store":"redbeat"})"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("/timezone"),
        where_of(R"({"store":"redbeat","redis_url":"redis://h","timezone":"Mars/Base"})"));
    CPPUNIT_ASSERT_EQUAL(std::string("/path"), where_of(R"({"store":"persistent"})"));
  }

  void repeats_no_password() {
    for (const char* config : {R"({"store":"django","database_url":"postgresql://u:hush@h"})",
                               R"({"store":"redbeat","redis_url":"redis://:hush@h:notaport/x"})"}) {
      try {
        static_cast<void>(read_settings(config, nullptr));
        CPPUNIT_FAIL("accepted");
      } catch (const z4j::Error& e) {
        CPPUNIT_ASSERT(std::string(e.what()).find("hush") == std::string::npos);
      }
    }
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(BeatSettingsTest);

}  // namespace
