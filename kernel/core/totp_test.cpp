#include "core/totp.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <fstream>
#include <sstream>

#include "base/crypto.hpp"
#include "base/json.hpp"
#include "core/mfa.hpp"
#include "core/one_time_token.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;

json::Value id_vectors() {
  std::ifstream file(std::string(Z4J_SOURCE_DIR) + "/tests/fixtures/vectors/domain-ids.json");
  CPPUNIT_ASSERT(file.good());
  std::stringstream text;
  text << file.rdbuf();
  return json::parse(text.str()).value();
}

std::string text_of(const json::Value& object, const char* name) {
  return std::string(object.at(name).get_string());
}

class TotpTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TotpTest);
  CPPUNIT_TEST(codes_equal_the_vectors);
  CPPUNIT_TEST(the_step_before_and_the_next_count_as_well);
  CPPUNIT_TEST(no_step_counts_twice);
  CPPUNIT_TEST(the_url_for_apps_equals_the_vector);
  CPPUNIT_TEST(device_labels_equal_the_vectors);
  CPPUNIT_TEST(token_digests_equal_the_vectors);
  CPPUNIT_TEST_SUITE_END();

  const json::Value all_ = id_vectors();
  const json::Value& totp_ = all_.at("totp");
  const std::string secret_ = text_of(totp_, "secret_ascii");

 public:
  void codes_equal_the_vectors() {
    CPPUNIT_ASSERT_EQUAL(text_of(totp_, "secret_base32"), base32(secret_));
    for (const json::Value& each : totp_.at("codes").get_array())
      CPPUNIT_ASSERT_EQUAL(text_of(each, "code"),
                           totp_code(secret_, each.at("unix_time").to_number<std::int64_t>() / 30));
  }
  void the_step_before_and_the_next_count_as_well() {
    for (const json::Value& each : totp_.at("verify_window").get_array()) {
      const auto found = totp_match(secret_, text_of(each, "code"),
                                    each.at("unix_time").to_number<std::int64_t>(), -1);
      CPPUNIT_ASSERT_EQUAL(each.at("ok").get_bool(), found.has_value());
    }
  }
  void no_step_counts_twice() {
    const auto step = totp_match(secret_, "287082", 59, -1);
    CPPUNIT_ASSERT(step == 1);
    CPPUNIT_ASSERT(!totp_match(secret_, "287082", 59, *step));
    CPPUNIT_ASSERT(!totp_match(secret_, "287082", 60, *step));
    CPPUNIT_ASSERT(!totp_match(secret_, "", 59, -1));
    CPPUNIT_ASSERT(!totp_match(secret_, "2870820", 59, -1));
  }
  void the_url_for_apps_equals_the_vector() {
    CPPUNIT_ASSERT_EQUAL(text_of(totp_, "provisioning_url"),
                         totp_url(secret_, "z4j.example.com", "ops@example.com"));
  }
  void device_labels_equal_the_vectors() {
    for (const json::Value& each : all_.at("device_labels").at("cases").get_array()) {
      const json::Value& agent = each.at("ua");
      CPPUNIT_ASSERT_EQUAL(text_of(each, "label"),
                           device_label(agent.is_null() ? "" : agent.get_string()));
    }
  }
  void token_digests_equal_the_vectors() {
    const std::string secret = text_of(all_, "master_secret_utf8");
    const json::Value& key = all_.at("api_key_hash");
    CPPUNIT_ASSERT_EQUAL(text_of(key, "hex"),
                         token_digest(secret, "z4j-api-key-v1", text_of(key, "plaintext")));
    CPPUNIT_ASSERT_EQUAL(text_of(all_.at("trusted_device_cookie_hash"), "hex"),
                         base::hex(base::sha256(text_of(all_, "token_plaintext"))));
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(TotpTest);

}  // namespace
}  // namespace z4j::core
