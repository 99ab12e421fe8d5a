// The SDK's JSON reader and writer: what is there is found, what is not is absent, and no text
// whatever leads outside itself.
#include <cppunit/extensions/HelperMacros.h>

#include <cstdint>
#include <string>
#include <string_view>

#include <z4j/json.hpp>

namespace {

using z4j::json::Reader;
using z4j::json::Writer;

class SdkJsonTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SdkJsonTest);
  CPPUNIT_TEST(values_are_found_by_pointer);
  CPPUNIT_TEST(what_is_not_there_is_absent);
  CPPUNIT_TEST(texts_are_decoded);
  CPPUNIT_TEST(what_is_written_is_read_back);
  CPPUNIT_TEST(a_text_that_is_cut_anywhere_is_survived);
  CPPUNIT_TEST(depth_has_a_bound);
  CPPUNIT_TEST_SUITE_END();

  static constexpr std::string_view kText =
      R"( {"a" : 1, "b": {"c": [10, "x", {"d": -7}], "e": true}, "f": "t", "}": "{", "n": null} )";

 public:
  void values_are_found_by_pointer() {
    const Reader r(kText);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, r.integer("/a"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{-7}, r.integer("/b/c/2/d"));
    CPPUNIT_ASSERT_EQUAL(std::string("x"), r.text("/b/c/1"));
    CPPUNIT_ASSERT(r.boolean("/b/e"));
    CPPUNIT_ASSERT_EQUAL(std::string("{"), r.text("/}"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, r.items("/b/c").size());
    CPPUNIT_ASSERT_EQUAL(std::string_view(R"({"d": -7})"), r.items("/b/c")[2]);
    CPPUNIT_ASSERT_EQUAL(std::string_view("null"), r.raw("/n"));
    CPPUNIT_ASSERT_EQUAL(std::string("top"), Reader(R"("top")").text(""));
  }

  void what_is_not_there_is_absent() {
    const Reader r(kText);
    for (const std::string_view pointer : {"/z", "/a/b", "/b/c/3", "/b/c/x", "/f/0", "/b/c/00x"}) {
      CPPUNIT_ASSERT(!r.has(pointer));
      CPPUNIT_ASSERT_EQUAL(std::string("else"), r.text(pointer, "else"));
      CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, r.integer(pointer, 5));
      CPPUNIT_ASSERT(r.boolean(pointer, true));
      CPPUNIT_ASSERT(r.items(pointer).empty());
    }
    CPPUNIT_ASSERT_EQUAL(std::string("else"), r.text("/a", "else"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, r.integer("/f", 5));
    for (const std::string_view number : {"1.5", "1e3", "-", "1-2", "9223372036854775808", "true"})
      CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, Reader(number).integer("", 5));
    CPPUNIT_ASSERT(!Reader("").has(""));
  }

  void texts_are_decoded() {
    const Reader r(R"(["\"\\\/\b\f\n\r\t", "\u00e9\u20ac", "\ud83d\ude00", "\ud83d", "\ud83dx"])");
    CPPUNIT_ASSERT_EQUAL(std::string("\"\\/\b\f\n\r\t"), r.text("/0"));
    CPPUNIT_ASSERT_EQUAL(std::string("\xC3\xA9\xE2\x82\xAC"), r.text("/1"));
    CPPUNIT_ASSERT_EQUAL(std::string("\xF0\x9F\x98\x80"), r.text("/2"));
    CPPUNIT_ASSERT_EQUAL(std::string("\xEF\xBF\xBD"), r.text("/3"));
    CPPUNIT_ASSERT_EQUAL(std::string("\xEF\xBF\xBDx"), r.text("/4"));
  }

  void what_is_written_is_read_back() {
    std::string all;
    for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
    const std::string text = Writer()
                                 .text("all", all)
                                 .integer("least", INT64_MIN)
                                 .boolean("no", false)
                                 .raw("list", "[1,2]")
                                 .object();
    const Reader r(text);
    CPPUNIT_ASSERT_EQUAL(all, r.text("/all"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{INT64_MIN}, r.integer("/least"));
    CPPUNIT_ASSERT(!r.boolean("/no", true));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, r.items("/list").size());
  }

  // Under the address sanitizer of CI a step outside is seen.
  void a_text_that_is_cut_anywhere_is_survived() {
    const std::string whole = R"({"a": ["\ud83d\ude00", {"b": "\\"}], "c": -12, "d": tru})";
    for (std::size_t from = 0; from < whole.size(); ++from) {
      for (std::size_t length = 0; length <= whole.size() - from; ++length) {
        const std::string part = whole.substr(from, length);
        const Reader r(part);
        (void)r.text("/a/0");
        (void)r.text("");
        (void)r.text("/a/1/b");
        (void)r.integer("/c");
        (void)r.items("");
      }
    }
    CPPUNIT_ASSERT_EQUAL(std::string("\\"), Reader(whole).text("/a/1/b"));
  }

  void depth_has_a_bound() {
    CPPUNIT_ASSERT(Reader(std::string(64, '[') + std::string(64, ']')).has(""));
    CPPUNIT_ASSERT(!Reader(std::string(65, '[') + std::string(65, ']')).has(""));
    CPPUNIT_ASSERT(!Reader(std::string(1'000'000, '[')).has(""));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SdkJsonTest);

}  // namespace
