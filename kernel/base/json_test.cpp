#include "base/json.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include "base/crypto.hpp"

namespace z4j::base::json {
namespace {

Value json_vectors(const std::string& name) {
  std::ifstream file(std::string(Z4J_SOURCE_DIR) + "/tests/fixtures/vectors/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return parse(text.str(), Limits{.max_bytes = 64u << 20, .max_depth = 64}).value();
}

class JsonTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(JsonTest);
  CPPUNIT_TEST(canonical_text_equals_every_vector);
  CPPUNIT_TEST(canonical_of_a_value_equals_canonical_of_its_text);
  CPPUNIT_TEST(writes_members_in_their_order_and_floats_for_people);
  CPPUNIT_TEST(refuses_text_nested_too_deep);
  CPPUNIT_TEST(refuses_broken_utf8_and_trailing_text);
  CPPUNIT_TEST(refuses_text_over_its_byte_limit);
  CPPUNIT_TEST(survives_a_hundred_thousand_brackets);
  CPPUNIT_TEST_SUITE_END();

 public:
  void canonical_text_equals_every_vector() {
    const Value all = json_vectors("wire-canonical-json.json");
    std::size_t checked = 0;
    for (const Value& entry : all.at("cases").as_array()) {
      const Object& c = entry.as_object();
      const std::string name(text(c, "name"));
      const Result<std::string> got = canonical(text(c, "input_json_text"));
      if (c.contains("canonical_hex")) {
        CPPUNIT_ASSERT_MESSAGE(name + ": " + (got ? "" : got.error().text()), got.ok());
        CPPUNIT_ASSERT_EQUAL_MESSAGE(name, std::string(text(c, "canonical_hex")), hex(*got));
      } else {
        CPPUNIT_ASSERT_MESSAGE(name + " should be refused", !got.ok());
      }
      ++checked;
    }
    CPPUNIT_ASSERT(checked > 30);
  }

  void writes_members_in_their_order_and_floats_for_people() {
    const std::string source = R"({"b":[1,0.25,0.0,-7,1e22,true,null],"a":"é\"\n"})";
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"b":[1,0.25,0.0,-7,1e+22,true,null],"a":"é\"\n"})"),
                         write(parse(source).value()));
    CPPUNIT_ASSERT_EQUAL(std::string("[null]"),
                         write(Array{std::numeric_limits<double>::quiet_NaN()}));
  }

  void canonical_of_a_value_equals_canonical_of_its_text() {
    const std::string source = R"({"b":[1,2.5,-0.0,1e22,"\u00e9\n"],"a":{"z":null,"y":true}})";
    CPPUNIT_ASSERT_EQUAL(*canonical(source), write_canonical(*parse(source)));
  }

  void refuses_text_nested_too_deep() {
    const std::string deep = std::string(65, '[') + std::string(65, ']');
    CPPUNIT_ASSERT(parse(deep).error().code == Code::too_large);
    CPPUNIT_ASSERT(canonical(deep).error().code == Code::too_large);
  }

  void refuses_broken_utf8_and_trailing_text() {
    CPPUNIT_ASSERT(!parse("\"\xff\"").ok());
    CPPUNIT_ASSERT(!parse("{} x").ok());
    CPPUNIT_ASSERT(!parse("{").ok());
    CPPUNIT_ASSERT(!parse("").ok());
    CPPUNIT_ASSERT(parse(" {} \n").ok());
  }

  void refuses_text_over_its_byte_limit() {
    CPPUNIT_ASSERT(parse("[1,2,3]", Limits{.max_bytes = 6, .max_depth = 4}).error().code ==
                   Code::too_large);
  }

  void survives_a_hundred_thousand_brackets() {
    CPPUNIT_ASSERT(parse(std::string(100'000, '[')).error().code == Code::too_large);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(JsonTest);

}  // namespace
}  // namespace z4j::base::json
