#include "base/cipher.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "base/crypto.hpp"

namespace z4j::base {
namespace {

class CipherTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CipherTest);
  CPPUNIT_TEST(keys_are_derived_as_rfc_5869_says);
  CPPUNIT_TEST(what_was_encrypted_comes_back);
  CPPUNIT_TEST(a_changed_bit_is_noticed_wherever_it_is);
  CPPUNIT_TEST(the_same_text_never_looks_the_same);
  CPPUNIT_TEST_SUITE_END();

  const std::string key_ = std::string(32, 'k');

 public:
  void keys_are_derived_as_rfc_5869_says() {
    CPPUNIT_ASSERT_EQUAL(
        std::string(
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b88718"
            "5865"),
        hex(hkdf_sha256(std::string(22, '\x0b'), *unhex("000102030405060708090a0b0c"),
                        *unhex("f0f1f2f3f4f5f6f7f8f9"), 42)));
  }
  void what_was_encrypted_comes_back() {
    for (const std::string& text : {std::string(), std::string("x"), std::string(5000, '\0')}) {
      const std::string sealed = encrypt_gcm(key_, "about", text);
      CPPUNIT_ASSERT_EQUAL(text.size() + 28, sealed.size());
      CPPUNIT_ASSERT(decrypt_gcm(key_, "about", sealed) == text);
    }
  }
  void a_changed_bit_is_noticed_wherever_it_is() {
    const std::string sealed = encrypt_gcm(key_, "about", "secret");
    for (std::size_t i = 0; i < sealed.size(); ++i) {
      std::string other = sealed;
      other[i] = static_cast<char>(other[i] ^ 1);
      CPPUNIT_ASSERT(!decrypt_gcm(key_, "about", other));
    }
    CPPUNIT_ASSERT(!decrypt_gcm(key_, "About", sealed));
    CPPUNIT_ASSERT(!decrypt_gcm(std::string(32, 'K'), "about", sealed));
    CPPUNIT_ASSERT(!decrypt_gcm(key_, "about", sealed.substr(1)));
    CPPUNIT_ASSERT(!decrypt_gcm(key_, "about", ""));
  }
  void the_same_text_never_looks_the_same() {
    CPPUNIT_ASSERT(encrypt_gcm(key_, "", "secret") != encrypt_gcm(key_, "", "secret"));
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(CipherTest);

}  // namespace
}  // namespace z4j::base
