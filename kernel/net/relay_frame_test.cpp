#include "net/relay_frame.hpp"

#include <cppunit/extensions/HelperMacros.h>

namespace z4j::net {
namespace {

class RelayFrameTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RelayFrameTest);
  CPPUNIT_TEST(a_request_comes_out_as_it_went_in);
  CPPUNIT_TEST(a_frame_cut_in_its_head_is_refused);
  CPPUNIT_TEST_SUITE_END();

  static Request sample() {
    Request request;
    request.method = "PATCH";
    request.path = "/a/b";
    request.query = "x=1";
    request.headers = {{"a", "1"}, {"a", ""}, {"b", "2\t\xfc"}};
    request.body = std::string("z4j1\0\0\r\n", 8);
    request.client_ip = "192.0.2.1";
    request.peer_ip = "10.0.0.1";
    request.scheme = "https";
    request.host = "h:1";
    request.request_id = "req_1";
    return request;
  }

 public:
  void a_request_comes_out_as_it_went_in() {
    const Request in = sample();
    std::string frame;
    append_relay_frame(frame, in);
    auto out = read_relay_frame(frame);
    CPPUNIT_ASSERT(out.ok());
    CPPUNIT_ASSERT_EQUAL(in.method, out->method);
    CPPUNIT_ASSERT_EQUAL(in.path, out->path);
    CPPUNIT_ASSERT_EQUAL(in.query, out->query);
    CPPUNIT_ASSERT(in.headers == out->headers);
    CPPUNIT_ASSERT(in.body == out->body);
    CPPUNIT_ASSERT_EQUAL(in.client_ip, out->client_ip);
    CPPUNIT_ASSERT_EQUAL(in.peer_ip, out->peer_ip);
    CPPUNIT_ASSERT_EQUAL(in.scheme, out->scheme);
    CPPUNIT_ASSERT_EQUAL(in.host, out->host);
    CPPUNIT_ASSERT_EQUAL(in.request_id, out->request_id);
  }
  void a_frame_cut_in_its_head_is_refused() {
    Request request = sample();
    request.body.clear();
    std::string frame;
    append_relay_frame(frame, request);
    for (std::size_t size = 0; size < frame.size(); ++size)
      CPPUNIT_ASSERT(!read_relay_frame(frame.substr(0, size)).ok());
    CPPUNIT_ASSERT(!read_relay_frame("other" + frame).ok());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RelayFrameTest);

}  // namespace
}  // namespace z4j::net
