#include "core/passwords.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <atomic>
#include <sstream>
#include <thread>
#include <vector>

#include "base/crypto.hpp"

namespace z4j::core {
namespace {

class PasswordsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(PasswordsTest);
  CPPUNIT_TEST(each_rule_has_its_code);
  CPPUNIT_TEST(the_most_used_passwords_are_refused);
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
  // At least 3,000 that would do otherwise, for the usual least length and for the least there is.
  void the_most_used_passwords_are_refused() {
    std::istringstream all{std::string(common_passwords())};
    int of_12 = 0, of_8 = 0;
    for (std::string one; all >> one;) {
      CPPUNIT_ASSERT_MESSAGE(one, one.size() >= 8 && one.size() <= kPasswordMaxLength);
      ++of_8;
      if (one.size() < 12) continue;
      ++of_12;
      CPPUNIT_ASSERT_EQUAL_MESSAGE(one, std::string("password_in_breach_list"), code(one));
    }
    CPPUNIT_ASSERT(of_12 >= 3000 && of_8 >= of_12 + 3000);
    for (const char* one : {"Mailcreated5240", "1qaz2wsx3edc4rfv", "JamesBond007", "trustno1"})
      CPPUNIT_ASSERT_EQUAL_MESSAGE(one, std::string("password_in_breach_list"),
                                   std::string(check_password(one, 8).value().code));
    // Part of one, more than one, two of them.
    for (const char* one : {"Mailcreated524", "Mailcreated52401", "jamesbond007 trustno1"})
      CPPUNIT_ASSERT_EQUAL_MESSAGE(one, std::string(), code(one));
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
