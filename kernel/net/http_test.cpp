#include "net/http.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "net/refusal.hpp"

namespace z4j::net {
namespace {

class HttpTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(HttpTest);
  CPPUNIT_TEST(decodes_escapes);
  CPPUNIT_TEST(keeps_a_broken_escape_as_written);
  CPPUNIT_TEST(encoding_and_decoding_every_byte_gives_it_back);
  CPPUNIT_TEST(query_parameters_keep_their_order_and_repeats);
  CPPUNIT_TEST(finds_headers_and_cookies);
  CPPUNIT_TEST(headers_that_would_split_the_answer_are_left_out);
  CPPUNIT_TEST_SUITE_END();

 public:
  void decodes_escapes() {
    bool ok = false;
    CPPUNIT_ASSERT_EQUAL(std::string("a b/ü"), percent_decode("a%20b%2f%C3%BC", false, ok));
    CPPUNIT_ASSERT(ok);
    CPPUNIT_ASSERT_EQUAL(std::string("a b+"), percent_decode("a+b%2B", true, ok));
    CPPUNIT_ASSERT_EQUAL(std::string("a+b"), percent_decode("a+b", false, ok));
  }
  void keeps_a_broken_escape_as_written() {
    for (const char* text : {"%", "a%2", "%zz", "100%"}) {
      bool ok = true;
      CPPUNIT_ASSERT_EQUAL(std::string(text), percent_decode(text, false, ok));
      CPPUNIT_ASSERT(!ok);
    }
  }
  void encoding_and_decoding_every_byte_gives_it_back() {
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    bool ok = false;
    CPPUNIT_ASSERT(all == percent_decode(percent_encode(all), true, ok));
    CPPUNIT_ASSERT(ok);
    CPPUNIT_ASSERT_EQUAL(std::string("a-b._~%2F%3F%C3%BC"), percent_encode("a-b._~/?ü"));
  }
  void query_parameters_keep_their_order_and_repeats() {
    const auto found = parse_query("b=1&a=x+y&b=2&&flag&empty=&c=%41%zz=d");
    const std::vector<std::pair<std::string, std::string>> expected{
        {"b", "1"}, {"a", "x y"}, {"b", "2"}, {"flag", ""}, {"empty", ""}, {"c", "A%zz=d"}};
    CPPUNIT_ASSERT(expected == found);
    CPPUNIT_ASSERT(parse_query("").empty());
  }
  void finds_headers_and_cookies() {
    Request request;
    request.headers = {{"cookie", "a=1; z4j_session=\"x.y=\"; b"},
                       {"x", "first"},
                       {"x", "second"},
                       {"cookie", "late=2"}};
    CPPUNIT_ASSERT(request.header("x") == "first");
    CPPUNIT_ASSERT(request.header("y").empty());
    CPPUNIT_ASSERT(request.cookie("a") == "1");
    CPPUNIT_ASSERT(request.cookie("z4j_session") == "x.y=");
    CPPUNIT_ASSERT(request.cookie("late") == "2");
    CPPUNIT_ASSERT(request.cookie("b").empty());
    CPPUNIT_ASSERT(request.cookie("session").empty());
  }
  void headers_that_would_split_the_answer_are_left_out() {
    Response response;
    response.body = "x";
    response.headers = {{"Good", "1"}, {"Bad", "1\r\nSet-Cookie: a=b"}, {"Wor se", "1"}};
    const std::string text = write_response(response, After::close, true);
    CPPUNIT_ASSERT(text.find("Good: 1\r\n") != std::string::npos);
    CPPUNIT_ASSERT(text.find("Bad") == std::string::npos);
    CPPUNIT_ASSERT(text.find("Wor se") == std::string::npos);
    CPPUNIT_ASSERT(text.find("Content-Length: 1\r\nConnection: close\r\n\r\nx") !=
                   std::string::npos);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(HttpTest);

}  // namespace
}  // namespace z4j::net
