// URLs and field tables; what needs a broker stands in broker_test.cpp.
#include <cppunit/extensions/HelperMacros.h>

#include <cmath>
#include <string>

#include "lib/amqp/table.hpp"
#include "lib/amqp/url.hpp"

#include <z4j/plugin.hpp>

namespace {

namespace json = z4j::json;
using z4j::amqp::Options;
using z4j::amqp::parse_url;
using z4j::amqp::read_table;
using z4j::amqp::Table;

template <class F>
int code_of(F&& f) {
  try {
    f();
  } catch (const z4j::Error& e) {
    return e.code;
  }
  return Z4J_OK;
}

// Over the wire form and back.
json::Object through(const json::Object& from) {
  const Table table(from);
  std::string wire(table.wire_bytes() + 16, '\0');
  amqp_table_t copy = table.get();
  std::size_t size = 0;
  CPPUNIT_ASSERT_EQUAL(0, amqp_encode_table(amqp_bytes_t{wire.size(), wire.data()}, &copy, &size));
  CPPUNIT_ASSERT_EQUAL(table.wire_bytes(), size);
  amqp_pool_t pool;
  init_amqp_pool(&pool, 4096);
  amqp_table_t read;
  std::size_t at = 0;
  const int status = amqp_decode_table(amqp_bytes_t{size, wire.data()}, &pool, &read, &at);
  json::Object out;
  if (status == 0) out = read_table(read);
  empty_amqp_pool(&pool);
  CPPUNIT_ASSERT_EQUAL(0, status);
  return out;
}

class AmqpTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(AmqpTest);
  CPPUNIT_TEST(reads_urls);
  CPPUNIT_TEST(refuses_urls_without_telling_the_password);
  CPPUNIT_TEST(takes_tables_both_ways);
  CPPUNIT_TEST(reads_every_kind_of_integer);
  CPPUNIT_TEST(bounds_tables);
  CPPUNIT_TEST_SUITE_END();

  void reads_urls() {
    const Options plain = parse_url("amqp://");
    CPPUNIT_ASSERT_EQUAL(std::string("localhost:5672/"), plain.hint());
    CPPUNIT_ASSERT_EQUAL(std::string("guest"), plain.user);
    const Options full = parse_url("pyamqp://u%40x:p%3A%2f@host:5000/a%2Fb?heartbeat=7");
    CPPUNIT_ASSERT_EQUAL(std::string("u@x"), full.user);
    CPPUNIT_ASSERT_EQUAL(std::string("p:/"), full.password);
    CPPUNIT_ASSERT_EQUAL(std::string("host:5000/a/b"), full.hint());
    CPPUNIT_ASSERT_EQUAL(7, full.heartbeat_s);
    CPPUNIT_ASSERT_EQUAL(std::string("/"), parse_url("amqp://h//").vhost);
    CPPUNIT_ASSERT_EQUAL(std::string("v"), parse_url("amqp://u:p@h/v").vhost);
    const Options secure =
        parse_url("amqps://u:p@[::1]/?ssl_ca_certs=%2Fca.pem&ssl_cert_reqs=CERT_NONE");
    CPPUNIT_ASSERT(secure.tls && !secure.tls_verify);
    CPPUNIT_ASSERT_EQUAL(std::string("/ca.pem"), secure.tls_ca_file);
    CPPUNIT_ASSERT_EQUAL(std::string("[::1]:5671/"), secure.hint());
    const Options many = parse_url("amqp://u:p@one/v;amqp://two:5673");
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, many.endpoints.size());
    CPPUNIT_ASSERT_EQUAL(std::string("two"), many.endpoints[1].host);
    CPPUNIT_ASSERT_EQUAL(std::string("v"), many.vhost);
  }

  void refuses_urls_without_telling_the_password() {
    for (const char* url :
         {"", "amqp", "http://u:hunter2@h", "amqp://u:hunter2@h:99999", "amqp://u:hunter2@h:x",
          "amqp://u:hunter2%zz@h", "amqp://u:hunter2@h/a b", "amqp://u:hunter2@[::1",
          "amqp://u:hunter2@h;amqps://i", "amqp://u:hunter2@h?heartbeat=x", "amqp://u:%00@h"}) {
      try {
        static_cast<void>(parse_url(url));
        CPPUNIT_FAIL(std::string("was taken: ") + url);
      } catch (const z4j::Error& e) {
        CPPUNIT_ASSERT_EQUAL_MESSAGE(url, int{Z4J_BAD_CONFIG}, e.code);
        CPPUNIT_ASSERT(std::string(e.what()).find("hunter2") == std::string::npos);
      }
    }
    CPPUNIT_ASSERT_EQUAL(int{Z4J_BAD_CONFIG}, code_of([] {
                           static_cast<void>(parse_url("amqp://h/" + std::string(300, 'v')));
                         }));
  }

  void takes_tables_both_ways() {
    const json::Object table =
        json::parse(R"({"text": "é\n", "empty": "", "none": null, "yes": true, "no": false,
          "small": -5, "large": 123456789012345, "edge": 2147483648, "real": 1.5,
          "list": [1, null, "x", [], {}], "inner": {"a": {"b": [{"c": null}]}},
          "time": {"$amqp": "time", "value": 1700000000},
          "price": {"$amqp": "decimal", "value": [2, 4294967295]},
          "raw": {"$amqp": "bytes", "value": "AP8="}, "latin": {"$amqp": "text", "value": "6Q=="},
          "big": {"$amqp": "double", "value": "-inf"},
          "tricky": {"$amqp": "table", "value": {"$amqp": "time", "value": 1}},
          "timelimit": [null, 30]})")
            .get_object();
    CPPUNIT_ASSERT_EQUAL(json::write(table), json::write(through(table)));
    for (const char* bad :
         {R"({"a": {"$amqp": "time", "value": "x"}})", R"({"a": {"$amqp": "what", "value": 1}})",
          R"({"a": {"$amqp": "bytes", "value": "*"}})", R"({"a": {"$amqp": "time"}})",
          R"({"a": {"$amqp": "decimal", "value": [300, 1]}})",
          R"({"a": {"$amqp": "double", "value": "1"}})", R"({"a": 18446744073709551615})"}) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(bad, int{Z4J_INVALID}, code_of([&] {
                                     static_cast<void>(Table(json::parse(bad).get_object()));
                                   }));
    }
  }

  void reads_every_kind_of_integer() {
    amqp_table_entry_t entries[8];
    const std::uint8_t kinds[] = {AMQP_FIELD_KIND_I8,  AMQP_FIELD_KIND_U8,  AMQP_FIELD_KIND_I16,
                                  AMQP_FIELD_KIND_U16, AMQP_FIELD_KIND_I32, AMQP_FIELD_KIND_U32,
                                  AMQP_FIELD_KIND_I64, AMQP_FIELD_KIND_U64};
    const char* names[] = {"i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"};
    for (std::size_t i = 0; i < 8; ++i) {
      entries[i] = {};
      entries[i].key = amqp_cstring_bytes(names[i]);
      entries[i].value.kind = kinds[i];
      entries[i].value.value.u64 = ~std::uint64_t{0};
    }
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"i8":-1,"u8":255,"i16":-1,"u16":65535,"i32":-1,)"
                                     R"("u32":4294967295,"i64":-1,"u64":18446744073709551615})"),
                         json::write(read_table({8, entries})));
    amqp_table_entry_t foreign{};
    foreign.key = amqp_cstring_bytes("x");
    foreign.value.kind = 'Z';
    CPPUNIT_ASSERT_EQUAL(int{Z4J_INVALID}, code_of([&] {
                           static_cast<void>(read_table({1, &foreign}));
                         }));
  }

  void bounds_tables() {
    json::Value deep = nullptr;
    for (int i = 0; i < 60; ++i) deep = json::Array{deep};
    CPPUNIT_ASSERT_EQUAL(int{Z4J_TOO_LARGE}, code_of([&] {
                           static_cast<void>(Table(json::Object{{"a", deep}}));
                         }));
    const json::Object wide = {{"a", std::string(200'000, 'x')}};
    CPPUNIT_ASSERT_EQUAL(int{Z4J_TOO_LARGE}, code_of([&] { static_cast<void>(Table(wide)); }));
    const json::Object long_name = {{std::string(256, 'n'), 1}};
    CPPUNIT_ASSERT_EQUAL(int{Z4J_INVALID}, code_of([&] { static_cast<void>(Table(long_name)); }));
    amqp_field_value_t nested[60];
    for (int i = 0; i < 60; ++i) {
      nested[i] = {};
      nested[i].kind = AMQP_FIELD_KIND_ARRAY;
      nested[i].value.array = {i == 0 ? 0 : 1, i == 0 ? nullptr : &nested[i - 1]};
    }
    amqp_table_entry_t entry{};
    entry.key = amqp_cstring_bytes("x");
    entry.value = nested[59];
    CPPUNIT_ASSERT_EQUAL(int{Z4J_TOO_LARGE}, code_of([&] {
                           static_cast<void>(read_table({1, &entry}));
                         }));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AmqpTest);

}  // namespace
