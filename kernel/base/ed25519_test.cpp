#include "base/ed25519.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "base/crypto.hpp"

namespace z4j::base {
namespace {

// RFC 8032, 7.1, TEST 2.
constexpr const char* kSeed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
constexpr const char* kPublic = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
constexpr const char* kSignature =
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
// The same key as openssl writes it (genpkey -algorithm ed25519, pkey -pubout), and an X25519 key.
constexpr const char* kPrivatePem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n"
    "-----END PRIVATE KEY-----\n";
constexpr const char* kPublicPem =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n"
    "-----END PUBLIC KEY-----\n";
constexpr const char* kOtherKind =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VuAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n"
    "-----END PUBLIC KEY-----\n";

class Ed25519Test : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(Ed25519Test);
  CPPUNIT_TEST(signs_as_the_standard_does);
  CPPUNIT_TEST(one_changed_bit_or_another_key_verifies_not);
  CPPUNIT_TEST(keys_are_read_from_what_openssl_writes);
  CPPUNIT_TEST(what_is_no_such_key_is_none);
  CPPUNIT_TEST_SUITE_END();

 public:
  void signs_as_the_standard_does() {
    const std::string seed = unhex(kSeed).value();
    CPPUNIT_ASSERT_EQUAL(std::string(kPublic), hex(ed25519_public_key(seed).value()));
    CPPUNIT_ASSERT_EQUAL(std::string(kSignature), hex(ed25519_sign(seed, "\x72")));
    CPPUNIT_ASSERT(ed25519_verifies(unhex(kPublic).value(), "\x72", unhex(kSignature).value()));
  }

  void one_changed_bit_or_another_key_verifies_not() {
    const std::string key = unhex(kPublic).value(), good = unhex(kSignature).value();
    for (std::size_t bit = 0; bit < good.size() * 8; bit += 7) {
      std::string bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
      CPPUNIT_ASSERT(!ed25519_verifies(key, "\x72", bad));
    }
    CPPUNIT_ASSERT(!ed25519_verifies(key, "\x73", good));
    CPPUNIT_ASSERT(!ed25519_verifies(std::string(32, '\x01'), "\x72", good));
    CPPUNIT_ASSERT(!ed25519_verifies(key.substr(1), "\x72", good));
    CPPUNIT_ASSERT(!ed25519_verifies(key, "\x72", good + "x"));
    CPPUNIT_ASSERT(!ed25519_verifies({}, {}, {}));
  }

  void keys_are_read_from_what_openssl_writes() {
    CPPUNIT_ASSERT_EQUAL(std::string(kSeed), hex(ed25519_seed_of_pem(kPrivatePem).value()));
    CPPUNIT_ASSERT_EQUAL(std::string(kPublic), hex(ed25519_public_key_of_pem(kPublicPem).value()));
    for (const char* text : {"PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=",
                             "MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw="})
      CPPUNIT_ASSERT_EQUAL(std::string(kPublic), hex(ed25519_public_key_of_base64(text).value()));
  }

  void what_is_no_such_key_is_none() {
    CPPUNIT_ASSERT(!ed25519_public_key("short"));
    CPPUNIT_ASSERT(!ed25519_seed_of_pem(kPublicPem));
    CPPUNIT_ASSERT(!ed25519_public_key_of_pem(kPrivatePem));
    CPPUNIT_ASSERT(!ed25519_public_key_of_pem(kOtherKind));
    CPPUNIT_ASSERT(!ed25519_public_key_of_pem(""));
    CPPUNIT_ASSERT(!ed25519_public_key_of_pem(std::string(1u << 20, '-')));
    for (const char* text : {"", "=", "AAAA", "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw",
                             "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgx=",
                             "MCowBQYDK2VuAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw="})
      CPPUNIT_ASSERT_MESSAGE(text, !ed25519_public_key_of_base64(text));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(Ed25519Test);

}  // namespace
}  // namespace z4j::base
