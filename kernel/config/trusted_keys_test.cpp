#include "config/trusted_keys.hpp"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/crypto.hpp"
#include "base/ed25519.hpp"

namespace z4j::config {
namespace {

class TrustedKeysTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TrustedKeysTest);
  CPPUNIT_TEST(a_key_is_base64_with_or_without_a_name);
  CPPUNIT_TEST(base64_that_begins_like_a_path_is_a_key);
  CPPUNIT_TEST(a_key_is_a_pem_file_that_only_its_owner_writes);
  CPPUNIT_TEST(garbage_is_refused_and_never_shown);
  CPPUNIT_TEST(the_list_says_which_is_wrong);
  CPPUNIT_TEST_SUITE_END();

  const std::string seed_ = std::string(32, 's');
  const std::string public_ = base::ed25519_public_key(seed_).value();
  const std::string text_ = base::base64(public_);

  static std::string refused(const std::string& text) {
    const auto key = read_trusted_key(text);
    CPPUNIT_ASSERT_MESSAGE(text, !key.ok());
    CPPUNIT_ASSERT(!key.error().hint.empty());
    return key.error().text();
  }

 public:
  void a_key_is_base64_with_or_without_a_name() {
    const auto bare = read_trusted_key(text_).value();
    CPPUNIT_ASSERT_EQUAL(std::string(), bare.name);
    CPPUNIT_ASSERT_EQUAL(public_, bare.bytes);
    CPPUNIT_ASSERT_EQUAL(std::size_t{16}, bare.id.size());
    CPPUNIT_ASSERT_EQUAL(base::hex(base::sha256(public_)).substr(0, 16), bare.id);
    const auto named = read_trusted_key("acme-2.eu=" + text_).value();
    CPPUNIT_ASSERT_EQUAL(std::string("acme-2.eu"), named.name);
    CPPUNIT_ASSERT_EQUAL(public_, named.bytes);
  }

  void base64_that_begins_like_a_path_is_a_key() {
    CPPUNIT_ASSERT_EQUAL('/', text_.front());
    CPPUNIT_ASSERT_EQUAL(public_, read_trusted_key(text_).value().bytes);
  }

  void a_key_is_a_pem_file_that_only_its_owner_writes() {
    std::string pattern = (std::filesystem::temp_directory_path() / "z4j_keys_XXXXXX").string();
    CPPUNIT_ASSERT(::mkdtemp(pattern.data()) != nullptr);
    const std::string file = pattern + "/a=b.pem";
    const std::string der = base::unhex("302a300506032b6570032100").value() + public_;
    std::ofstream(file) << "-----BEGIN PUBLIC KEY-----\n"
                        << base::base64(der) << "\n-----END PUBLIC KEY-----\n";
    ::chmod(file.c_str(), 0644);
    CPPUNIT_ASSERT_EQUAL(public_, read_trusted_key(file).value().bytes);
    const auto named = read_trusted_key("acme=" + file).value();
    CPPUNIT_ASSERT_EQUAL(std::string("acme"), named.name);
    CPPUNIT_ASSERT_EQUAL(public_, named.bytes);
    CPPUNIT_ASSERT_EQUAL(public_, read_trusted_key(base::base64(der)).value().bytes);
    ::chmod(file.c_str(), 0664);
    CPPUNIT_ASSERT(refused(file).find("can be written by others") != std::string::npos);
    ::chmod(file.c_str(), 0644);
    std::ofstream(file) << "no key\n";
    CPPUNIT_ASSERT(refused(file).find("holds no Ed25519 public key") != std::string::npos);
    CPPUNIT_ASSERT(refused(pattern).find("can't be read") != std::string::npos);
    std::filesystem::remove_all(pattern);
    CPPUNIT_ASSERT(refused("acme=" + file).find("can't be read") != std::string::npos);
  }

  void garbage_is_refused_and_never_shown() {
    const std::string private_key =
        base::base64(base::unhex("302e020100300506032b657004220420").value() + seed_);
    for (const std::string& text :
         {std::string(), std::string("="), std::string("acme="), std::string("relative.pem"),
          text_.substr(1), text_ + "=", "a b=" + text_, std::string(100'000, 'A'), private_key,
          "acme=" + private_key}) {
      const std::string said = refused(text);
      CPPUNIT_ASSERT(said.find(private_key) == std::string::npos);
      CPPUNIT_ASSERT(said.size() < 500);
    }
  }

  void the_list_says_which_is_wrong() {
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, read_trusted_keys({text_, "b=" + text_}).value().size());
    CPPUNIT_ASSERT(read_trusted_keys({}).value().empty());
    CPPUNIT_ASSERT(read_trusted_keys({text_, "x"}).error().message.find("key number 2") == 0);
    CPPUNIT_ASSERT(!read_trusted_keys(std::vector<std::string>(65, text_)).ok());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TrustedKeysTest);

}  // namespace
}  // namespace z4j::config
