#include "core/sealed.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "base/cipher.hpp"
#include "base/crypto.hpp"

namespace z4j::core {
namespace {

class SealedTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SealedTest);
  CPPUNIT_TEST(a_secret_opens_for_its_purpose_and_its_owner_alone);
  CPPUNIT_TEST(an_old_master_secret_still_opens_and_says_so);
  CPPUNIT_TEST(the_form_of_second_factors_is_the_documented_one);
  CPPUNIT_TEST_SUITE_END();

 public:
  void a_secret_opens_for_its_purpose_and_its_owner_alone() {
    const Sealer sealer("master", {});
    const std::string sealed = sealer.seal("mfa-totp", "user=1", "text");
    CPPUNIT_ASSERT_EQUAL(std::string("text"), sealer.open("mfa-totp", "user=1", sealed).value());
    CPPUNIT_ASSERT(!sealer.open("mfa-totp", "user=2", sealed).ok());
    CPPUNIT_ASSERT(!sealer.open("channels", "user=1", sealed).ok());
    CPPUNIT_ASSERT(!sealer.open("mfa-totp", "user=1", "not sealed at all").ok());
    CPPUNIT_ASSERT(!Sealer("other", {}).open("mfa-totp", "user=1", sealed).ok());
  }
  void an_old_master_secret_still_opens_and_says_so() {
    const std::string sealed = Sealer("old", {}).seal("mfa-totp", "user=1", "text");
    const Sealer sealer("new", {"older", "old"});
    bool by_previous = false;
    CPPUNIT_ASSERT_EQUAL(std::string("text"),
                         sealer.open("mfa-totp", "user=1", sealed, &by_previous).value());
    CPPUNIT_ASSERT(by_previous);
    const std::string anew = sealer.seal("mfa-totp", "user=1", "text");
    CPPUNIT_ASSERT(sealer.open("mfa-totp", "user=1", anew, &by_previous).ok());
    CPPUNIT_ASSERT(!by_previous);
  }
  void the_form_of_second_factors_is_the_documented_one() {
    const std::string key =
        base::hkdf_sha256("master", "z4j-mfa-totp-salt-v1", "z4j-mfa-totp-secret", 32);
    const std::string sealed = base::base64(base::encrypt_gcm(key, "z4j-mfa-totp:user=1", "text"));
    CPPUNIT_ASSERT_EQUAL(std::string("text"),
                         Sealer("master", {}).open("mfa-totp", "user=1", sealed).value());
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(SealedTest);

}  // namespace
}  // namespace z4j::core
