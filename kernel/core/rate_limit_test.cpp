#include "core/rate_limit.hpp"

#include <cppunit/extensions/HelperMacros.h>

namespace z4j::core {
namespace {

class RateLimitTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RateLimitTest);
  CPPUNIT_TEST(refuses_what_is_over_the_limit_and_says_when_to_come_back);
  CPPUNIT_TEST(slides);
  CPPUNIT_TEST(keys_and_buckets_count_apart);
  CPPUNIT_TEST(forgets_the_least_recent_when_full);
  CPPUNIT_TEST(an_ipv6_network_is_one_client);
  CPPUNIT_TEST_SUITE_END();

  base::ManualClock clock_{1'000'000'000};

 public:
  void refuses_what_is_over_the_limit_and_says_when_to_come_back() {
    RateLimit limit(clock_);
    for (int i = 0; i < 20; ++i) CPPUNIT_ASSERT(limit.take(kLoginBucket, "1.2.3.4").allowed);
    clock_.advance(10 * base::kSecondUs);
    const auto refused = limit.take(kLoginBucket, "1.2.3.4");
    CPPUNIT_ASSERT(!refused.allowed);
    CPPUNIT_ASSERT_EQUAL(50u, refused.retry_after_s);
  }
  void slides() {
    RateLimit limit(clock_);
    for (int i = 0; i < 10; ++i) CPPUNIT_ASSERT(limit.take(kLoginBucket, "a").allowed);
    clock_.advance(30 * base::kSecondUs);
    for (int i = 0; i < 10; ++i) CPPUNIT_ASSERT(limit.take(kLoginBucket, "a").allowed);
    CPPUNIT_ASSERT(!limit.take(kLoginBucket, "a").allowed);
    clock_.advance(
        30 *
        base::kSecondUs);  // the first ten have left the window, refused tries never entered it
    for (int i = 0; i < 10; ++i) CPPUNIT_ASSERT(limit.take(kLoginBucket, "a").allowed);
    CPPUNIT_ASSERT(!limit.take(kLoginBucket, "a").allowed);
  }
  void keys_and_buckets_count_apart() {
    RateLimit limit(clock_);
    for (int i = 0; i < 5; ++i) CPPUNIT_ASSERT(limit.take(kSetupCompleteBucket, "a").allowed);
    CPPUNIT_ASSERT(!limit.take(kSetupCompleteBucket, "a").allowed);
    CPPUNIT_ASSERT(limit.take(kSetupCompleteBucket, "b").allowed);
    CPPUNIT_ASSERT(limit.take(kLoginBucket, "a").allowed);
  }
  void forgets_the_least_recent_when_full() {
    RateLimit limit(clock_, 3);
    for (const char* key : {"a", "b", "c", "a", "d"})
      CPPUNIT_ASSERT(limit.take(kSetupCompleteBucket, key).allowed);
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, limit.keys());
    for (int i = 0; i < 3; ++i) CPPUNIT_ASSERT(limit.take(kSetupCompleteBucket, "a").allowed);
    CPPUNIT_ASSERT(!limit.take(kSetupCompleteBucket, "a").allowed);  // kept its count
  }
  void an_ipv6_network_is_one_client() {
    CPPUNIT_ASSERT_EQUAL(client_key("2001:db8:1:2::1"), client_key("2001:db8:1:2:ffff::9"));
    CPPUNIT_ASSERT(client_key("2001:db8:1:2::1") != client_key("2001:db8:1:3::1"));
    CPPUNIT_ASSERT_EQUAL(std::string("10.0.0.1"), client_key("::ffff:10.0.0.1"));
    CPPUNIT_ASSERT_EQUAL(std::string("10.0.0.1"), client_key("10.0.0.1"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RateLimitTest);

}  // namespace
}  // namespace z4j::core
