#include "core/argument_diff.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace z4j::core {
namespace {

namespace json = base::json;

class ArgumentDiffTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ArgumentDiffTest);
  CPPUNIT_TEST(equal_arguments_have_no_changes);
  CPPUNIT_TEST(each_place_is_named);
  CPPUNIT_TEST(a_long_list_is_cut);
  CPPUNIT_TEST_SUITE_END();

 public:
  void equal_arguments_have_no_changes() {
    CPPUNIT_ASSERT_EQUAL(std::string(), told(R"({"args":[1,{"a":2}],"kwargs":{"b":null}})",
                                             R"({"args":[1,{"a":2}],"kwargs":{"b":null}})"));
  }

  void each_place_is_named() {
    CPPUNIT_ASSERT_EQUAL(std::string("changed /args/0 1 -> 2\n"
                                     "changed /args/1/a~1b true -> false\n"
                                     "removed /args/2 3 -> null\n"
                                     "added /kwargs/new null -> {\"x\":1}\n"
                                     "removed /kwargs/old 5 -> null\n"),
                         told(R"({"args":[1,{"a/b":true},3],"kwargs":{"same":1,"old":5}})",
                              R"({"args":[2,{"a/b":false}],"kwargs":{"same":1,"new":{"x":1}}})"));
  }

  void a_long_list_is_cut() {
    json::Array many(kMostArgumentChanges + 7);
    for (json::Value& value : many) value = 1;
    CPPUNIT_ASSERT_EQUAL(kMostArgumentChanges,
                         argument_changes({{"args", json::Array()}}, {{"args", many}}).size());
  }

 private:
  static std::string told(std::string_view before, std::string_view after) {
    std::string out;
    const json::Value old = json::parse(before).value(), now = json::parse(after).value();
    for (const ArgumentChange& change : argument_changes(old.get_object(), now.get_object())) {
      out += change.kind == ArgumentChange::Kind::added     ? "added "
             : change.kind == ArgumentChange::Kind::removed ? "removed "
                                                            : "changed ";
      out += change.pointer + " " + json::write(change.before) + " -> " +
             json::write(change.after) + "\n";
    }
    return out;
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ArgumentDiffTest);

}  // namespace
}  // namespace z4j::core
