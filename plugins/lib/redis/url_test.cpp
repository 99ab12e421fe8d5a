#include "lib/redis/redis.hpp"

#include <z4j/plugin.hpp>

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace {

using z4j::redis::Options;
using z4j::redis::parse_url;

class RedisUrlTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RedisUrlTest);
  CPPUNIT_TEST(reads_the_common_forms);
  CPPUNIT_TEST(reads_sentinels_and_sockets);
  CPPUNIT_TEST(hint_has_no_password);
  CPPUNIT_TEST(malformed_urls_are_refused_without_quoting_them);
  CPPUNIT_TEST(backoff_grows_and_stays_in_its_band);
  CPPUNIT_TEST_SUITE_END();

  void reads_the_common_forms() {
    Options o = parse_url("redis://localhost");
    CPPUNIT_ASSERT_EQUAL(std::string("localhost"), o.endpoints.at(0).host);
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{6379}, o.endpoints.at(0).port);
    CPPUNIT_ASSERT_EQUAL(0, o.database);
    o = parse_url("rediss://me:p%40ss@w@redis.example.org:7000/3?ssl_cert_reqs=none#x");
    CPPUNIT_ASSERT(o.tls);
    CPPUNIT_ASSERT(!o.tls_verify);
    CPPUNIT_ASSERT_EQUAL(std::string("me"), o.user);
    CPPUNIT_ASSERT_EQUAL(std::string("p@ss@w"), o.password);
    CPPUNIT_ASSERT_EQUAL(std::string("redis.example.org"), o.endpoints.at(0).host);
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{7000}, o.endpoints.at(0).port);
    CPPUNIT_ASSERT_EQUAL(3, o.database);
    o = parse_url("REDIS://:secret@[::1]:6380/");
    CPPUNIT_ASSERT_EQUAL(std::string("::1"), o.endpoints.at(0).host);
    CPPUNIT_ASSERT_EQUAL(std::string("secret"), o.password);
    CPPUNIT_ASSERT_EQUAL(std::string(), o.user);
  }

  void reads_sentinels_and_sockets() {
    Options o = parse_url("sentinel://:pw@a:26380/2;sentinel://b/2");
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, o.endpoints.size());
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{26380}, o.endpoints[0].port);
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{26379}, o.endpoints[1].port);
    CPPUNIT_ASSERT_EQUAL(std::string("pw"), o.password);
    CPPUNIT_ASSERT_EQUAL(2, o.database);
    o = parse_url("redis+socket:///run/redis.sock?virtual_host=4");
    CPPUNIT_ASSERT_EQUAL(std::string("/run/redis.sock"), o.unix_path);
    CPPUNIT_ASSERT_EQUAL(4, o.database);
    o = parse_url("unix://u:p@/run/redis.sock?db=1");
    CPPUNIT_ASSERT_EQUAL(std::string("p"), o.password);
    CPPUNIT_ASSERT_EQUAL(1, o.database);
  }

  void hint_has_no_password() {
    CPPUNIT_ASSERT_EQUAL(std::string("h:6379/3"), parse_url("redis://u:secret@h/3").hint());
    CPPUNIT_ASSERT_EQUAL(std::string("[::1]:6379/0"), parse_url("redis://[::1]").hint());
    Options o = parse_url("sentinel://:secret@h/1");
    o.sentinel_master = "mymaster";
    CPPUNIT_ASSERT_EQUAL(std::string("sentinel(mymaster)/1"), o.hint());
  }

  void malformed_urls_are_refused_without_quoting_them() {
    for (const char* url :
         {"", "http://u:secret@h", "redis://u:secret@h:port", "redis://u:secret@h:0",
          "redis://u:secret@h:70000", "redis://u:secret@h/one", "redis://u:sec%ret@h",
          "redis://u:secret@[::1", "redis://u:secret@::1", "redis://u:secret@h/0 ", "unix://secret",
          "sentinel://h;redis://secret", "redis://u:secret%00@h"}) {
      try {
        (void)parse_url(url);
        CPPUNIT_FAIL(url);
      } catch (const z4j::Error& e) {
        CPPUNIT_ASSERT_EQUAL_MESSAGE(url, z4j_status{Z4J_BAD_CONFIG}, e.code);
        CPPUNIT_ASSERT_MESSAGE(e.what(), std::string(e.what()).find("secret") == std::string::npos);
      }
    }
  }

  void backoff_grows_and_stays_in_its_band() {
    z4j::redis::Backoff backoff;
    for (const int full : {100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000}) {
      const int ms = backoff.next_ms();
      CPPUNIT_ASSERT(ms <= full && ms >= full - full / 5);
    }
    backoff.reset();
    CPPUNIT_ASSERT(backoff.next_ms() <= 100);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RedisUrlTest);

}  // namespace
