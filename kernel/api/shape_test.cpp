#include "api/shape.hpp"

#include <cppunit/extensions/HelperMacros.h>

namespace z4j::api {
namespace {

class ShapeTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ShapeTest);
  CPPUNIT_TEST(answers_fit_or_the_place_is_told);
  CPPUNIT_TEST(schemas_say_the_same);
  CPPUNIT_TEST(what_is_sent_may_be_null);
  CPPUNIT_TEST(a_broken_notation_is_a_bug);
  CPPUNIT_TEST_SUITE_END();

  Shapes shapes_;

  std::string misfit(std::string_view notation, std::string_view json) {
    return shapes_.misfit(Shapes::read(notation), base::json::parse(json).value()).value_or("");
  }
  std::string schema(std::string_view notation, Shapes::Side side = Shapes::Side::answered) {
    return base::json::write(shapes_.schema(Shapes::read(notation), side));
  }

 public:
  void setUp() override { shapes_.add("Dog", "{name: text(1..5), age?: int(0..30), tag: text?}"); }

  void answers_fit_or_the_place_is_told() {
    const auto fits = [this](std::string_view notation, std::string_view json) {
      CPPUNIT_ASSERT_EQUAL(std::string(), misfit(notation, json));
    };
    fits("Dog", R"({"name":"Rex","tag":null})");
    fits("page(Dog)", R"({"items":[{"name":"Rex","age":3,"tag":"x"}],"next_cursor":null})");
    fits("{..Dog, kind: \"big\"|\"small\"}", R"({"name":"Rex","tag":null,"kind":"big"})");
    fits("{..Dog, *: int}", R"({"name":"Rex","tag":null,"more":7})");
    fits("{*: [number]}", R"({"a":[1,2.5],"b":[]})");
    fits("[time]", R"(["2026-05-13T10:42:18Z"])");
    fits("any", "null");
    const auto fails = [this](std::string_view notation, std::string_view json,
                              const std::string& why) {
      CPPUNIT_ASSERT_EQUAL(why, misfit(notation, json));
    };
    fails("Dog", R"({"name":"Rex"})", ".tag is missing");
    fails("Dog", R"({"name":"","tag":null})", ".name is a text of another length");
    fails("Dog", R"({"name":"Rex","tag":null,"x":1})", ".x is not in the shape");
    fails("Dog", R"({"name":"Rex","tag":null,"age":31})", ".age is out of bounds");
    fails("page(Dog)", R"({"items":[{"name":7,"tag":null}],"next_cursor":null})",
          ".items.0.name is no text");
    fails("{*: int}", R"({"a":"1"})", ".a is no whole number");
    fails("\"a\"|\"b\"", R"("c")", " is none of the words");
    fails("uuid", R"("c")", " is no UUID");
    fails("time", R"("soon")", " is no time");
    fails("[bool]", "{}", " is no list");
  }

  void schemas_say_the_same() {
    CPPUNIT_ASSERT_EQUAL(
        std::string(
            R"({"type":"object","properties":{"name":{"type":"string","minLength":1,"maxLength":5},)"
            R"("age":{"type":"integer","minimum":0,"maximum":30},)"
            R"("tag":{"type":["string","null"]}},"required":["name","tag"]})"),
        base::json::write(shapes_.components().at("Dog")));
    CPPUNIT_ASSERT_EQUAL(
        std::string(R"({"anyOf":[{"$ref":"#/components/schemas/Dog"},{"type":"null"}]})"),
        schema("Dog?"));
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"type":["string","null"],"enum":["a","b",null]})"),
                         schema("\"a\"|\"b\"?"));
    CPPUNIT_ASSERT_EQUAL(
        std::string(R"({"type":"object","additionalProperties":{"type":"number"}})"),
        schema("{*: number}"));
    CPPUNIT_ASSERT_EQUAL(
        std::string(R"({"type":"array","items":{"type":"string","format":"uuid"}})"),
        schema("[uuid]"));
  }

  void what_is_sent_may_be_null() {
    CPPUNIT_ASSERT_EQUAL(
        std::string(R"({"type":"object","properties":{"a":{"type":["integer","null"]},)"
                    R"("b":{"type":"string"}},"required":["b"]})"),
        schema("{a?: int, b: text}", Shapes::Side::sent));
  }

  void a_broken_notation_is_a_bug() {
    for (const char* broken : {"", "{a}", "{a: }", "[text", "text(1)", "\"a", "{a: text} b", "[]"})
      CPPUNIT_ASSERT_THROW_MESSAGE(broken, static_cast<void>(Shapes::read(broken)), base::Bug);
    CPPUNIT_ASSERT_THROW(static_cast<void>(schema("Cat")), base::Bug);
    CPPUNIT_ASSERT_THROW(shapes_.add("Dog", "text"), base::Bug);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ShapeTest);

}  // namespace
}  // namespace z4j::api
