#include "config/schema.hpp"

#include <cppunit/extensions/HelperMacros.h>

namespace z4j::config {
namespace {

constexpr std::string_view kMailSchema = R"({"type":"object","additionalProperties":false,"required":["host"],"properties":{
  "host":{"type":"string","description":"mail server"},
  "port":{"type":"integer","minimum":1,"maximum":65535,"default":587},
  "password":{"type":"string","x-z4j-secret":true},
  "timeout":{"type":"string","format":"duration","default":"5s"},
  "buffer":{"type":"string","format":"bytes","default":"1MiB"}}})";

class SchemaTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SchemaTest);
  CPPUNIT_TEST(fills_defaults_and_converts_units);
  CPPUNIT_TEST(tells_every_problem_with_its_pointer);
  CPPUNIT_TEST(never_quotes_a_secret);
  CPPUNIT_TEST(refuses_a_schema_outside_the_subset);
  CPPUNIT_TEST(suggests_only_near_words);
  CPPUNIT_TEST_SUITE_END();

 public:
  void fills_defaults_and_converts_units() {
    const Checked checked = check_settings(kMailSchema, {{"host", "h"}});
    CPPUNIT_ASSERT(checked.problems.empty());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{587}, base::json::integer(checked.value, "port"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{5000}, base::json::integer(checked.value, "timeout"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1048576}, base::json::integer(checked.value, "buffer"));
  }
  void tells_every_problem_with_its_pointer() {
    const Checked checked = check_settings(kMailSchema, {{"hots", "h"}, {"port", "smtp"}});
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, checked.problems.size());
    CPPUNIT_ASSERT_EQUAL(std::string("/hots: unknown setting; did you mean \"host\"?"), checked.problems[0].text());
    CPPUNIT_ASSERT_EQUAL(std::string("/port: is \"smtp\"; must be a whole number from 1 to 65535"), checked.problems[1].text());
    CPPUNIT_ASSERT_EQUAL(std::string("/host: is missing; mail server"), checked.problems[2].text());
  }
  void never_quotes_a_secret() {
    const Checked checked = check_settings(kMailSchema, {{"host", "h"}, {"password", 12345678}});
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, checked.problems.size());
    CPPUNIT_ASSERT(checked.problems[0].text().find("12345678") == std::string::npos);
  }
  void refuses_a_schema_outside_the_subset() {
    CPPUNIT_ASSERT(check_schema(kMailSchema).ok());
    CPPUNIT_ASSERT(!check_schema(R"({"type":"object","oneOf":[]})").ok());
    CPPUNIT_ASSERT(!check_schema(R"({"type":"string"})").ok());
    CPPUNIT_ASSERT(!check_schema("nonsense").ok());
  }
  void suggests_only_near_words() {
    CPPUNIT_ASSERT_EQUAL(std::string("host"), nearest("hots", {"port", "host"}));
    CPPUNIT_ASSERT_EQUAL(std::string(), nearest("zebra", {"port", "host"}));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SchemaTest);

}  // namespace
}  // namespace z4j::config
