#include "lib/rq/codec.hpp"
#include "lib/text/text.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace {

namespace rq = z4j::rq;

class RqCodecTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RqCodecTest);
  CPPUNIT_TEST(inflates_what_was_deflated);
  CPPUNIT_TEST(inflating_is_bounded);
  CPPUNIT_TEST(reads_and_writes_times);
  CPPUNIT_TEST(decodes_base64);
  CPPUNIT_TEST(cleans_texts);
  CPPUNIT_TEST_SUITE_END();

  void inflates_what_was_deflated() {
    const std::string text = "some text \x80 with bytes";
    CPPUNIT_ASSERT_EQUAL(text, rq::inflate(rq::deflate(text)).value());
    CPPUNIT_ASSERT(!rq::inflate("plain"));
    CPPUNIT_ASSERT(!rq::inflate(""));
    const std::string cut = rq::deflate(text);
    CPPUNIT_ASSERT(!rq::inflate(cut.substr(0, cut.size() - 1)));
  }

  void inflating_is_bounded() {
    const std::string bomb = rq::deflate(std::string(4u << 20, 'a'));
    CPPUNIT_ASSERT(bomb.size() < 8192);
    CPPUNIT_ASSERT(!rq::inflate(bomb));
    CPPUNIT_ASSERT(rq::inflate(rq::deflate(std::string(60'000, 'a'))).has_value());
    std::string varied;
    for (int i = 0; i < 300'000; ++i) varied += std::to_string(i);
    CPPUNIT_ASSERT_EQUAL(varied, rq::inflate(rq::deflate(varied)).value());
    CPPUNIT_ASSERT(!rq::inflate(rq::deflate(varied), varied.size() - 1));
  }

  void reads_and_writes_times() {
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1795466812460222},
                         rq::parse_time("2026-11-23T20:46:52.460222Z").value());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1795466812000000},
                         rq::parse_time("2026-11-23T20:46:52Z").value());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1795466812500000},
                         rq::parse_time("2026-11-23 20:46:52.5").value());
    CPPUNIT_ASSERT_EQUAL(std::string("2026-11-23T20:46:52.460222Z"),
                         rq::format_time(1795466812460222));
    for (const char* bad :
         {"", "now", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-23T24:00:00Z",
          "2026-11-23T20:46:52Zx", "2026-11-23", "2026/11/23T20:46:52Z"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !rq::parse_time(bad));
    }
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1795467279832491},
                         rq::parse_epoch("1795467279.832491").value());
    for (const char* bad : {"", "nan", "-1", "1e300", "12x"})
      CPPUNIT_ASSERT_MESSAGE(bad, !rq::parse_epoch(bad));
  }

  void decodes_base64() {
    CPPUNIT_ASSERT_EQUAL(std::string("\x80\x05K\x07.", 5),
                         z4j::text::base64_decode("gAVLBy4=").value());
    CPPUNIT_ASSERT_EQUAL(std::string("a"), z4j::text::base64_decode("YQ").value());
    CPPUNIT_ASSERT(!z4j::text::base64_decode("a!b"));
    CPPUNIT_ASSERT(!z4j::text::base64_decode("YQ==YQ"));
  }

  void cleans_texts() {
    CPPUNIT_ASSERT_EQUAL(std::string("a\xc3\xbc"), z4j::text::clean("a\xc3\xbc", 10));
    CPPUNIT_ASSERT_EQUAL(std::string("a"), z4j::text::clean("a\xc3\xbc", 2));
    CPPUNIT_ASSERT_EQUAL(std::string("\xef\xbf\xbd!"), z4j::text::clean("\xff!", 10));
    CPPUNIT_ASSERT_EQUAL(std::string("\xef\xbf\xbd"),
                         z4j::text::clean(std::string_view("\0", 1), 10));
    CPPUNIT_ASSERT_EQUAL(std::string("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"),
                         z4j::text::clean("\xed\xa0\x80", 10));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RqCodecTest);

}  // namespace
