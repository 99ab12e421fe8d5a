#include "net/forwarded.hpp"

#include <cppunit/extensions/HelperMacros.h>

namespace z4j::net {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

class ForwardedTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ForwardedTest);
  CPPUNIT_TEST(reads_addresses_with_ports_and_brackets);
  CPPUNIT_TEST(a_mapped_address_is_the_v4_one);
  CPPUNIT_TEST(networks_match_by_bits);
  CPPUNIT_TEST(refuses_what_is_no_network);
  CPPUNIT_TEST(headers_of_a_stranger_do_not_count);
  CPPUNIT_TEST(takes_the_right_most_hop_that_is_no_proxy);
  CPPUNIT_TEST(takes_the_left_most_hop_when_all_are_proxies);
  CPPUNIT_TEST(a_hop_that_is_no_address_ends_the_search);
  CPPUNIT_TEST(scheme_comes_from_the_nearest_proxy);
  CPPUNIT_TEST(knows_forwarding_and_private_headers);
  CPPUNIT_TEST_SUITE_END();

  static TrustedProxies trusted(const std::vector<std::string>& networks) {
    auto parsed = TrustedProxies::parse(networks);
    CPPUNIT_ASSERT_MESSAGE(parsed ? "" : parsed.error().message, parsed.ok());
    return *std::move(parsed);
  }
  static std::string client(const Headers& headers, const std::string& peer = "10.0.0.1") {
    return see_client(trusted({"10.0.0.0/8", "fd00::/8"}), peer, false, headers).client_ip;
  }
  static std::string read(const char* text) {
    const auto address = Address::parse(text);
    return address ? address->text() : "none";
  }

 public:
  void reads_addresses_with_ports_and_brackets() {
    CPPUNIT_ASSERT_EQUAL(std::string("192.0.2.1"), read("192.0.2.1"));
    CPPUNIT_ASSERT_EQUAL(std::string("192.0.2.1"), read("192.0.2.1:8080"));
    CPPUNIT_ASSERT_EQUAL(std::string("2001:db8::1"), read("2001:DB8:0::1"));
    CPPUNIT_ASSERT_EQUAL(std::string("2001:db8::1"), read("[2001:db8::1]"));
    CPPUNIT_ASSERT_EQUAL(std::string("2001:db8::1"), read("[2001:db8::1]:443"));
    for (const char* bad : {"", "unknown", "1.2.3", "1.2.3.4.5", "[::1", "[::1]x", "[1.2.3.4]",
                            "_hidden", "::1::", "01.2.3.4"}) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(bad, std::string("none"), read(bad));
    }
  }
  void a_mapped_address_is_the_v4_one() {
    CPPUNIT_ASSERT_EQUAL(std::string("192.0.2.1"), read("::ffff:192.0.2.1"));
  }
  void networks_match_by_bits() {
    const auto proxies = trusted({"10.1.0.0/15", "192.0.2.7", "2001:db8::/33", "::1"});
    for (const char* in :
         {"10.0.0.1", "10.1.255.255", "192.0.2.7", "2001:db8:7fff::1", "::1", "::ffff:10.0.0.1"}) {
      CPPUNIT_ASSERT_MESSAGE(in, proxies.contains(*Address::parse(in)));
    }
    for (const char* out :
         {"10.2.0.0", "11.0.0.1", "192.0.2.8", "2001:db8:8000::1", "::2", "127.0.0.1"}) {
      CPPUNIT_ASSERT_MESSAGE(out, !proxies.contains(*Address::parse(out)));
    }
    CPPUNIT_ASSERT(trusted({"0.0.0.0/0"}).contains(*Address::parse("8.8.8.8")));
    CPPUNIT_ASSERT(!trusted({"0.0.0.0/0"}).contains(*Address::parse("::1")));
  }
  void refuses_what_is_no_network() {
    for (const char* bad : {"", "localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x",
                            "10.0.0.0/-1", "::/129", "1.2.3.4:80", "[::1]"}) {
      const auto parsed = TrustedProxies::parse({"127.0.0.1", bad});
      CPPUNIT_ASSERT_MESSAGE(bad, !parsed.ok());
      CPPUNIT_ASSERT(parsed.error().code == base::Code::bad_config);
      CPPUNIT_ASSERT(parsed.error().message.find(std::string("\"") + bad + "\"") !=
                     std::string::npos);
    }
  }
  void headers_of_a_stranger_do_not_count() {
    const Headers headers{{"x-forwarded-for", "1.1.1.1"}, {"x-forwarded-proto", "https"}};
    const ClientSeen seen = see_client(trusted({"10.0.0.0/8"}), "192.0.2.9", false, headers);
    CPPUNIT_ASSERT_EQUAL(std::string("192.0.2.9"), seen.client_ip);
    CPPUNIT_ASSERT_EQUAL(std::string("http"), seen.scheme);
    CPPUNIT_ASSERT(!seen.from_proxy);
  }
  void takes_the_right_most_hop_that_is_no_proxy() {
    CPPUNIT_ASSERT_EQUAL(std::string("2.2.2.2"),
                         client({{"x-forwarded-for", "1.1.1.1, 2.2.2.2, 10.0.0.9"}}));
    CPPUNIT_ASSERT_EQUAL(std::string("2.2.2.2"), client({{"x-forwarded-for", "1.1.1.1"},
                                                         {"x-forwarded-for", "2.2.2.2:99"}}));
    CPPUNIT_ASSERT_EQUAL(std::string("2001:db8::5"),
                         client({{"x-forwarded-for", "\"[2001:db8::5]:1\", fd00::1"}}));
    CPPUNIT_ASSERT_EQUAL(std::string("10.0.0.1"), client({}));
  }
  void takes_the_left_most_hop_when_all_are_proxies() {
    CPPUNIT_ASSERT_EQUAL(std::string("10.0.0.3"),
                         client({{"x-forwarded-for", "10.0.0.3, 10.0.0.2"}}));
  }
  void a_hop_that_is_no_address_ends_the_search() {
    CPPUNIT_ASSERT_EQUAL(std::string("10.0.0.2"),
                         client({{"x-forwarded-for", "1.1.1.1, junk, 10.0.0.2"}}));
    CPPUNIT_ASSERT_EQUAL(std::string("10.0.0.1"), client({{"x-forwarded-for", "junk"}}));
  }
  void scheme_comes_from_the_nearest_proxy() {
    const auto scheme = [](const char* value) {
      return see_client(trusted({"10.0.0.1"}), "10.0.0.1", false, {{"x-forwarded-proto", value}})
          .scheme;
    };
    CPPUNIT_ASSERT_EQUAL(std::string("https"), scheme("https"));
    CPPUNIT_ASSERT_EQUAL(std::string("http"), scheme("https, http"));
    CPPUNIT_ASSERT_EQUAL(std::string("http"), scheme("javascript"));
  }
  void knows_forwarding_and_private_headers() {
    for (const char* name : {"forwarded", "x-real-ip", "x-forwarded-for", "x-forwarded-anything"}) {
      CPPUNIT_ASSERT_MESSAGE(name, is_forwarding_header(name));
    }
    CPPUNIT_ASSERT(!is_forwarding_header("x-forward"));
    CPPUNIT_ASSERT(is_private_header("x-z4j-front-client"));
    CPPUNIT_ASSERT(!is_private_header("x-z4j-other"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ForwardedTest);

}  // namespace
}  // namespace z4j::net
