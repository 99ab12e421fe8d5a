#include "lib/celery/raw_json.hpp"
#include "lib/celery/literal.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace {

namespace celery = z4j::celery;

class RawJsonTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RawJsonTest);
  CPPUNIT_TEST(pieces_are_cut_out_unchanged);
  CPPUNIT_TEST(broken_text_gives_no_fault);
  CPPUNIT_TEST(prints_as_python_does);
  CPPUNIT_TEST(reads_whole_literals);
  CPPUNIT_TEST(refuses_what_is_not_whole);
  CPPUNIT_TEST(repr_and_literal_are_inverse);
  CPPUNIT_TEST_SUITE_END();

  void pieces_are_cut_out_unchanged() {
    const auto parts = celery::raw_items(
        R"( [ [1, 123456789012345678901234567890], {"a": "],\"}"} , {"x":[{}]} ] )");
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, parts.size());
    CPPUNIT_ASSERT_EQUAL(std::string("[1, 123456789012345678901234567890]"), std::string(parts[0]));
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"a": "],\"}"})"), std::string(parts[1]));
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"x":[{}]})"), std::string(parts[2]));
    CPPUNIT_ASSERT_EQUAL(std::string("2.50"),
                         std::string(celery::raw_member(R"({"a": 1, "b":2.50})", "b").value()));
    CPPUNIT_ASSERT_EQUAL(std::string("2"),
                         std::string(celery::raw_member(R"({"b": 1, "b": 2})", "b").value()));
    CPPUNIT_ASSERT(!celery::raw_member(R"({"a": {"b": 1}})", "b"));
    CPPUNIT_ASSERT(celery::raw_items("[]").empty());
    CPPUNIT_ASSERT(celery::raw_items("{}").empty());
  }

  void broken_text_gives_no_fault() {
    for (const char* text : {"", "[", "[1,", R"(["a)", R"({"a)", R"({"a":)", R"({"a":1,)", "[]]",
                             "{{}}", R"(["\)", R"({"\"})"}) {
      CPPUNIT_ASSERT(celery::raw_items(text).size() < 3);
      CPPUNIT_ASSERT(celery::raw_members(text).size() < 3);
      CPPUNIT_ASSERT(celery::raw_member(text, "a").value_or("").size() < 3);
    }
  }

  void prints_as_python_does() {
    using celery::Outer;
    const auto tuple = [](const char* json) {
      return celery::python_repr(json, Outer::as_tuple, 1000);
    };
    CPPUNIT_ASSERT_EQUAL(std::string("(1, 'a', None, True, [2], {'k': False})"),
                         tuple(R"([1, "a", null, true, [2], {"k": false}])"));
    CPPUNIT_ASSERT_EQUAL(std::string("('x',)"), tuple(R"(["x"])"));
    CPPUNIT_ASSERT_EQUAL(std::string("()"), tuple("[]"));
    CPPUNIT_ASSERT_EQUAL(std::string("(123456789012345678901234567890,)"),
                         tuple("[123456789012345678901234567890]"));
    CPPUNIT_ASSERT_EQUAL(std::string(R"(("it's", 'a\n\\'))"), tuple(R"(["it's", "a\n\\"])"));
    const std::string cut = celery::python_repr(R"(["aaaaaaaaaaaaaaaaaaaa"])", Outer::as_tuple, 10);
    CPPUNIT_ASSERT_EQUAL(std::size_t{13}, cut.size());
    CPPUNIT_ASSERT(!celery::json_from_literal(cut));
  }

  void reads_whole_literals() {
    const auto json = [](const char* python) {
      return celery::json_from_literal(python).value_or("(nothing)");
    };
    CPPUNIT_ASSERT_EQUAL(std::string("[1, 2]"), json("(1, 2)"));
    CPPUNIT_ASSERT_EQUAL(std::string("[\"bad\"]"), json("('bad',)"));
    CPPUNIT_ASSERT_EQUAL(std::string("[]"), json("()"));
    CPPUNIT_ASSERT_EQUAL(std::string("{}"), json("{}"));
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"a": [1, [true, null]], "b": -2.5e+10})"),
                         json("{'a': [1, (True, None)], 'b': -2.5e+10}"));
    CPPUNIT_ASSERT_EQUAL(std::string("[\"h\xc3\xa9\\n\\\"\"]"), json(R"(['h\xe9\n"'])"));
    CPPUNIT_ASSERT_EQUAL(std::string("[123456789012345678901234567890]"),
                         json("[123456789012345678901234567890]"));
  }

  void refuses_what_is_not_whole() {
    for (const char* python : {"",
                               "(1, 2",
                               "(1, ...)",
                               "('aaa...',)",
                               "[1, 2]]",
                               "(1)",
                               "(,)",
                               "[1,,2]",
                               "{1: 2}",
                               "{'a'}",
                               "{'a': }",
                               "b'x'",
                               "<object at 0x7f>",
                               "datetime.date(2020, 1, 1)",
                               "set()",
                               "1j",
                               "0x10",
                               "01",
                               "1_000",
                               "nan",
                               "inf",
                               "Trueish",
                               "'a' 'b'",
                               "'\\ud800'",
                               "'\\q'",
                               "('***',)",
                               "__import__('os')",
                               "(1, 2) + (3,)",
                               "'a\nb'",
                               "-",
                               "1.",
                               "1e999",
                               "-1.5e400",
                               "0e99999",
                               "lambda: 1"}) {
      CPPUNIT_ASSERT_MESSAGE(python, !celery::json_from_literal(python));
    }
    CPPUNIT_ASSERT(!celery::json_from_literal(std::string(10'000, '[')));
    CPPUNIT_ASSERT(!celery::json_from_literal("'\xff'"));
  }

  void repr_and_literal_are_inverse() {
    for (const std::string json :
         {R"([1, "a'b\"c", {"k": [null, -0.5]}])", R"(["\u0001\t", "\\x41", ""])"}) {
      const std::string python = celery::python_repr(json, celery::Outer::as_tuple, 1000);
      const std::string back = celery::json_from_literal(python).value();
      CPPUNIT_ASSERT_EQUAL(python, celery::python_repr(back, celery::Outer::as_tuple, 1000));
    }
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RawJsonTest);

}  // namespace
