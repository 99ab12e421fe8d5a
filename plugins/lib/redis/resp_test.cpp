#include "lib/redis/resp.hpp"

#include <z4j/plugin.hpp>

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace {

using z4j::redis::Reply;
using z4j::redis::RespReader;

z4j_status resp_refusal(std::string_view bytes, std::size_t max = 4096) {
  try {
    RespReader reader(max);
    reader.feed(bytes);
    while (reader.next()) {
    }
  } catch (const z4j::Error& e) {
    return e.code;
  }
  return Z4J_OK;
}

class RespTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RespTest);
  CPPUNIT_TEST(reads_every_type_in_any_cut);
  CPPUNIT_TEST(keeps_what_follows_a_reply);
  CPPUNIT_TEST(refuses_what_is_not_resp);
  CPPUNIT_TEST(is_bounded);
  CPPUNIT_TEST(announced_sizes_cost_no_memory);
  CPPUNIT_TEST_SUITE_END();

  void reads_every_type_in_any_cut() {
    const std::string bytes =
        "*7\r\n+OK\r\n-ERR no\r\n:-42\r\n$4\r\na\r\nb\r\n$-1\r\n*-1\r\n*2\r\n*0\r\n$0\r\n\r\n";
    for (std::size_t step = 1; step <= bytes.size(); ++step) {
      RespReader reader(4096);
      std::optional<Reply> reply;
      for (std::size_t at = 0; at < bytes.size(); at += step) {
        CPPUNIT_ASSERT(!reply);
        reader.feed(std::string_view(bytes).substr(at, step));
        reply = reader.next();
      }
      CPPUNIT_ASSERT(reply.has_value());
      CPPUNIT_ASSERT_EQUAL(std::size_t{7}, reply->items.size());
      CPPUNIT_ASSERT(reply->items[0].type == Reply::Type::status);
      CPPUNIT_ASSERT(reply->items[1].is_error());
      CPPUNIT_ASSERT_EQUAL(std::string("ERR no"), reply->items[1].text);
      CPPUNIT_ASSERT_EQUAL(std::int64_t{-42}, reply->items[2].integer);
      CPPUNIT_ASSERT_EQUAL(std::string("a\r\nb"), reply->items[3].text);
      CPPUNIT_ASSERT(reply->items[4].is_nil());
      CPPUNIT_ASSERT(reply->items[5].is_nil());
      CPPUNIT_ASSERT_EQUAL(std::size_t{2}, reply->items[6].items.size());
      CPPUNIT_ASSERT(reply->items[6].items[0].type == Reply::Type::array);
      CPPUNIT_ASSERT(reply->items[6].items[1].type == Reply::Type::bulk);
      CPPUNIT_ASSERT(reader.idle());
    }
  }

  void keeps_what_follows_a_reply() {
    RespReader reader(4096);
    reader.feed(":1\r\n:2\r\n:");
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, reader.next()->integer);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, reader.next()->integer);
    CPPUNIT_ASSERT(!reader.next());
    CPPUNIT_ASSERT(!reader.idle());
  }

  void refuses_what_is_not_resp() {
    for (const char* bytes : {"HTTP/1.1 400 Bad Request\r\n", ":x\r\n", "$-2\r\n", "$1\r\nab\r\n",
                              "*1x\r\n", ":\r\n"}) {
      CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_BAD_CONFIG}, resp_refusal(bytes));
    }
    std::string deep;
    for (int i = 0; i < 40; ++i) deep += "*1\r\n";
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_BAD_CONFIG}, resp_refusal(deep));
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_BAD_CONFIG},
                         resp_refusal("+" + std::string(70000, 'a'), 1u << 20));
  }

  void is_bounded() {
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_TOO_LARGE}, resp_refusal("$5000\r\n"));
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_TOO_LARGE}, resp_refusal("*100000000\r\n"));
    std::string many = "*50\r\n";
    for (int i = 0; i < 50; ++i) many += ":1\r\n";
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_TOO_LARGE}, resp_refusal(many, 50 * sizeof(Reply)));
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_OK}, resp_refusal(many, 51 * sizeof(Reply)));
    std::string small;
    for (int i = 0; i < 1000; ++i) small += "$3\r\nabc\r\n";
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_OK}, resp_refusal(small, 1000));
  }

  void announced_sizes_cost_no_memory() {
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_TOO_LARGE}, resp_refusal("$9223372036854775807\r\n"));
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_TOO_LARGE}, resp_refusal("*9223372036854775807\r\n"));
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_BAD_CONFIG}, resp_refusal("*9223372036854775808\r\n"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RespTest);

}  // namespace
