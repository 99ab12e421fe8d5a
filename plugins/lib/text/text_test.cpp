#include "lib/text/text.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace {

namespace text = z4j::text;

class TextTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TextTest);
  CPPUNIT_TEST(base64_goes_both_ways);
  CPPUNIT_TEST(percent_codes_are_two_hexadecimal_digits);
  CPPUNIT_TEST(times_with_and_without_an_offset);
  CPPUNIT_TEST(foreign_bytes_are_replaced_and_cut_between_characters);
  CPPUNIT_TEST(inflation_is_bounded);
  CPPUNIT_TEST(uuids_are_of_version_4_and_differ);
  CPPUNIT_TEST_SUITE_END();

  void base64_goes_both_ways() {
    for (const std::string plain : {"", "a", "ab", "abc", "abcd"}) {
      CPPUNIT_ASSERT_EQUAL(plain, text::base64_decode(text::base64_encode(plain)).value());
    }
    CPPUNIT_ASSERT_EQUAL(std::string("YWI="), text::base64_encode("ab"));
    CPPUNIT_ASSERT(!text::base64_decode("a*b="));
  }

  void percent_codes_are_two_hexadecimal_digits() {
    CPPUNIT_ASSERT_EQUAL(std::string(), text::percent_decoded("").value());
    CPPUNIT_ASSERT_EQUAL(std::string("a/b:c+d"), text::percent_decoded("a%2fb%3Ac+d").value());
    CPPUNIT_ASSERT_EQUAL(std::string("\0\xff", 2), text::percent_decoded("%00%fF").value());
    for (const char* bad : {"%", "a%2", "%2g", "%g2", "%%41"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !text::percent_decoded(bad));
    }
  }

  void times_with_and_without_an_offset() {
    const std::int64_t utc = text::parse_iso_time("2026-11-23T20:50:48.758706").value();
    CPPUNIT_ASSERT_EQUAL(utc, text::parse_iso_time("2026-11-23T20:50:48.758706Z").value());
    CPPUNIT_ASSERT_EQUAL(utc, text::parse_iso_time("2026-11-23T22:50:48.758706+02:00").value());
    CPPUNIT_ASSERT_EQUAL(utc, text::parse_iso_time("2026-11-23T15:20:48.758706-05:30").value());
    CPPUNIT_ASSERT_EQUAL(std::string("2026-11-23T20:50:48.758706+00:00"),
                         text::format_iso_time(utc));
    for (const char* bad :
         {"", "2026", "2026-13-01T00:00:00", "2026-11-23T20:50:48+2", "2026-11-23T20:50:48x"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !text::parse_iso_time(bad));
    }
  }

  void foreign_bytes_are_replaced_and_cut_between_characters() {
    CPPUNIT_ASSERT_EQUAL(std::string("a\xef\xbf\xbd"
                                     "b"),
                         text::clean("a\xff"
                                     "b",
                                     100));
    CPPUNIT_ASSERT_EQUAL(std::string("a\xef\xbf\xbd"), text::clean(std::string("a\0", 2), 100));
    CPPUNIT_ASSERT_EQUAL(std::string("a"), text::clean("a\xc3\xa9", 2));
  }

  void inflation_is_bounded() {
    for (const char* packed :
         {"eJxLTBwFo2AUDHcAAPnYevg=", "H4sIAAAAAAACA0tMHAWjYBQMdwAAA9o4mugDAAA="}) {
      const std::string bytes = text::base64_decode(packed).value();
      CPPUNIT_ASSERT_EQUAL(std::string(1000, 'a'), text::inflate(bytes, 1000).value());
      CPPUNIT_ASSERT(!text::inflate(bytes, 999));
      CPPUNIT_ASSERT(!text::inflate(bytes.substr(0, 12), 1000));
    }
    CPPUNIT_ASSERT(!text::inflate("not compressed", 1000));
    CPPUNIT_ASSERT(!text::inflate("", 1000));
  }

  void uuids_are_of_version_4_and_differ() {
    const std::string a = text::new_uuid();
    CPPUNIT_ASSERT_EQUAL(std::size_t{36}, a.size());
    CPPUNIT_ASSERT_EQUAL('4', a[14]);
    CPPUNIT_ASSERT(a != text::new_uuid());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TextTest);

}  // namespace
