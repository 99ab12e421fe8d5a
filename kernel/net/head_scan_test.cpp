#include "net/head_scan.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace z4j::net {
namespace {

class HeadScanTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(HeadScanTest);
  CPPUNIT_TEST(finds_the_end_of_a_head);
  CPPUNIT_TEST(every_shorter_piece_is_incomplete);
  CPPUNIT_TEST(refuses_spellings_parsers_disagree_on);
  CPPUNIT_TEST(skips_whole_empty_lines_only);
  CPPUNIT_TEST(request_ids_are_printable_and_short);
  CPPUNIT_TEST_SUITE_END();

  static void refuses(std::string_view text, HeadState state) {
    CPPUNIT_ASSERT_MESSAGE(std::string(text), scan_head(text).state == state);
  }

 public:
  void finds_the_end_of_a_head() {
    const std::string head = "GET / HTTP/1.1\r\nHost: a\tb\xfc\r\n\r\n";
    const HeadScan scan = scan_head(head + "body\n");
    CPPUNIT_ASSERT(scan.state == HeadState::complete);
    CPPUNIT_ASSERT_EQUAL(head.size(), scan.size);
  }
  void every_shorter_piece_is_incomplete() {
    const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for (std::size_t size = 0; size < head.size(); ++size) {
      CPPUNIT_ASSERT(scan_head(std::string_view(head).substr(0, size)).state ==
                     HeadState::incomplete);
    }
  }
  void refuses_spellings_parsers_disagree_on() {
    refuses("GET / HTTP/1.1\nHost: a\r\n\r\n", HeadState::bare_line);
    refuses("GET / HTTP/1.1\r\nHost: a\n\r\n", HeadState::bare_line);
    refuses("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", HeadState::bare_line);
    refuses("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", HeadState::folded);
    refuses("GET / HTTP/1.1\r\nHost: a\r\n\tb\r\n\r\n", HeadState::folded);
    refuses(std::string_view("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 29), HeadState::control);
    refuses("GET / HTTP/1.1\r\nHost: a\x7f\r\n\r\n", HeadState::control);
  }
  void skips_whole_empty_lines_only() {
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, skip_empty_lines("\r\n\r\nGET"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, skip_empty_lines("\r\n\r"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, skip_empty_lines("GET"));
  }
  void request_ids_are_printable_and_short() {
    CPPUNIT_ASSERT(is_request_id("req_0123~!"));
    CPPUNIT_ASSERT(is_request_id(std::string(64, 'x')));
    CPPUNIT_ASSERT(!is_request_id(std::string(65, 'x')));
    for (const char* bad : {"", "a b", "a\tb", "\xc3\xbc"})
      CPPUNIT_ASSERT_MESSAGE(bad, !is_request_id(bad));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(HeadScanTest);

}  // namespace
}  // namespace z4j::net
