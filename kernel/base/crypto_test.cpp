#include "base/crypto.hpp"

#include <cppunit/extensions/HelperMacros.h>

namespace z4j::base {
namespace {

class CryptoTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CryptoTest);
  CPPUNIT_TEST(hmac_equals_the_published_example);
  CPPUNIT_TEST(one_key_signs_many_messages);
  CPPUNIT_TEST(base64_forms_go_there_and_back);
  CPPUNIT_TEST(base64_refuses_foreign_characters);
  CPPUNIT_TEST(a_password_verifies_only_itself);
  CPPUNIT_TEST(hashes_made_by_others_verify);
  CPPUNIT_TEST(odd_password_hashes_are_refused);
  CPPUNIT_TEST(token_has_43_characters);
  CPPUNIT_TEST_SUITE_END();

 public:
  // RFC 4231 test case 2.
  void hmac_equals_the_published_example() {
    CPPUNIT_ASSERT_EQUAL(
        std::string("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        hex(hmac_sha256("Jefe", "what do ya want for nothing?")));
  }
  void one_key_signs_many_messages() {
    HmacKey key("k");
    const Digest first = key.sign("a");
    CPPUNIT_ASSERT(key.sign("b") != first);
    CPPUNIT_ASSERT(key.sign("a") == first);
    CPPUNIT_ASSERT(hmac_sha256("k", "a") == first);
  }
  void base64_forms_go_there_and_back() {
    for (const std::string& bytes : {std::string(), std::string("f"), std::string("fo"),
                                     std::string("foo"), std::string("\xff\xfe\x00\x01", 4)}) {
      CPPUNIT_ASSERT_EQUAL(bytes, *unbase64url(base64url(bytes)));
      CPPUNIT_ASSERT_EQUAL(bytes, *unbase64url(base64url(bytes, Padding::equals)));
      CPPUNIT_ASSERT_EQUAL(bytes, *unbase64(base64(bytes)));
      CPPUNIT_ASSERT_EQUAL(bytes, *unhex(hex(bytes)));
    }
    CPPUNIT_ASSERT_EQUAL(std::string("Zm9vYg=="), base64("foob"));
  }
  void base64_refuses_foreign_characters() {
    CPPUNIT_ASSERT(!unbase64("Zm9v!"));
    CPPUNIT_ASSERT(!unbase64url("Zm9+"));
    CPPUNIT_ASSERT(!unbase64("Z"));
  }
  void a_password_verifies_only_itself() {
    const std::string phc = hash_password("correct horse battery");
    CPPUNIT_ASSERT(verify_password(phc, "correct horse battery"));
    CPPUNIT_ASSERT(!verify_password(phc, "correct horse batterz"));
    CPPUNIT_ASSERT(!verify_password("nonsense", "x"));
    CPPUNIT_ASSERT(!password_needs_rehash(phc));
    CPPUNIT_ASSERT(password_needs_rehash("$argon2id$v=19$m=4096,t=3,p=1$x$y"));
  }
  // Made by the argon2 program, with other costs and lanes.
  void hashes_made_by_others_verify() {
    const char* phc =
        "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHRzb21lc2FsdA$wRLS7mudUUQT+"
        "AYkMYeVIYbo8Zysq4DyCoI9VJ8RHSw";
    CPPUNIT_ASSERT(verify_password(phc, "password"));
    CPPUNIT_ASSERT(!verify_password(phc, "passwore"));
    CPPUNIT_ASSERT(password_needs_rehash(phc));
  }
  void odd_password_hashes_are_refused() {
    for (const char* phc :
         {"", "$argon2id$v=19$", "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ",
          "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$", "$argon2id$v=19$m=64,t=1,p=1$!$c29tZXNhbHQ",
          "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$c29tZXNhbHQ",
          "$argon2id$v=19$m=64,t=99,p=1$c29tZXNhbHQ$c29tZXNhbHQ",
          "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$c29tZXNhbHQ"}) {
      CPPUNIT_ASSERT_MESSAGE(phc, !verify_password(phc, "x"));
    }
  }
  void token_has_43_characters() { CPPUNIT_ASSERT_EQUAL(std::size_t{43}, random_token().size()); }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CryptoTest);

}  // namespace
}  // namespace z4j::base
