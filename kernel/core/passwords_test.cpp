#include "core/passwords.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/crypto.hpp"

namespace z4j::core {
namespace {

class PasswordsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(PasswordsTest);
  CPPUNIT_TEST(each_rule_has_its_code);
  CPPUNIT_TEST(length_counts_characters);
  CPPUNIT_TEST(hashes_and_verifies);
  CPPUNIT_TEST(a_full_queue_is_busy);
  CPPUNIT_TEST_SUITE_END();

  static std::string code(std::string_view password) {
    const auto problem = check_password(password, 12);
    return problem ? std::string(problem->code) : "";
  }

 public:
  void each_rule_has_its_code() {
    CPPUNIT_ASSERT_EQUAL(std::string("password_too_short"), code("Ab1!Ab1!"));
    CPPUNIT_ASSERT_EQUAL(std::string("password_too_long"), code(std::string(257, 'x') + "yz"));
    CPPUNIT_ASSERT_EQUAL(std::string("password_too_simple"), code("lowercaseonly"));
    CPPUNIT_ASSERT_EQUAL(std::string("password_in_breach_list"), code("Password1234"));
    CPPUNIT_ASSERT_EQUAL(std::string("password_in_breach_list"), code("Changeme-2026!"));
    CPPUNIT_ASSERT_EQUAL(std::string("password_in_breach_list"), code("AAAAAAAAAAAAAAAA"));
    CPPUNIT_ASSERT_EQUAL(std::string(), code("Tr0mbone-kelp"));
    CPPUNIT_ASSERT_EQUAL(std::string(), code("four plain words here"));
    CPPUNIT_ASSERT_EQUAL(std::string(), code(std::string(255, 'x') + "y"));
  }
  void length_counts_characters() {
    CPPUNIT_ASSERT_EQUAL(std::string("password_too_short"),
                         code("\u00e4\u00f6\u00fc\u00e4\u00f6\u00fcA1"));
    CPPUNIT_ASSERT_EQUAL(std::string(), code("\u00e4\u00f6\u00fc\u00e4\u00f6\u00fcABC123"));
  }
  void hashes_and_verifies() {
    PasswordHasher hasher;
    const std::string phc = hasher.hash("a good one").value();
    CPPUNIT_ASSERT(hasher.verify(phc, "a good one").value());
    CPPUNIT_ASSERT(!hasher.verify(phc, "a bad one").value());
    CPPUNIT_ASSERT(hasher.verify_dummy("anything").ok());
  }
  void a_full_queue_is_busy() {
    PasswordHasher hasher(PasswordHasher::Options{.parallel = 1, .max_waiting = 0, .wait_ms = 1});
    std::atomic<int> busy{0}, good{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        const auto result = hasher.hash("x");
        if (result)
          ++good;
        else if (result.error().code == base::Code::busy)
          ++busy;
      });
    }
    for (auto& t : threads) t.join();
    CPPUNIT_ASSERT_EQUAL(4, busy + good);
    CPPUNIT_ASSERT(good >= 1);
    CPPUNIT_ASSERT(busy >= 1);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(PasswordsTest);

}  // namespace
}  // namespace z4j::core
