#include "base/uuid.hpp"

#include <cppunit/extensions/HelperMacros.h>

namespace z4j::base {
namespace {

class UuidTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(UuidTest);
  CPPUNIT_TEST(reads_every_accepted_form);
  CPPUNIT_TEST(refuses_other_text);
  CPPUNIT_TEST(named_uuid_equals_the_published_example);
  CPPUNIT_TEST(random_and_ordered_carry_their_version);
  CPPUNIT_TEST_SUITE_END();

 public:
  void reads_every_accepted_form() {
    const std::string plain = "c4d2c84e-2f0a-4b6c-9c5b-1d6f9a1e7c2a";
    for (const char* form :
         {"c4d2c84e-2f0a-4b6c-9c5b-1d6f9a1e7c2a", "C4D2C84E2F0A4B6C9C5B1D6F9A1E7C2A",
          "{c4d2c84e-2f0a-4b6c-9c5b-1d6f9a1e7c2a}",
          "urn:uuid:c4d2c84e-2f0a-4b6c-9c5b-1d6f9a1e7c2a"}) {
      CPPUNIT_ASSERT_EQUAL(plain, Uuid::parse(form)->text());
    }
  }
  void refuses_other_text() {
    for (const char* bad : {"", "c4d2c84e", "c4d2c84e-2f0a-4b6c-9c5b-1d6f9a1e7c2g",
                            "c4d2c84e_2f0a_4b6c_9c5b_1d6f9a1e7c2a"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !Uuid::parse(bad));
    }
  }
  // RFC 9562 appendix A.4: www.example.com in the DNS namespace.
  void named_uuid_equals_the_published_example() {
    const Uuid dns = *Uuid::parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
    CPPUNIT_ASSERT_EQUAL(std::string("2ed6657d-e927-568b-95e1-2665a8aea6a2"),
                         Uuid::named(dns, "www.example.com").text());
  }
  void random_and_ordered_carry_their_version() {
    CPPUNIT_ASSERT_EQUAL(4, Uuid::random().version());
    CPPUNIT_ASSERT_EQUAL(7, Uuid::ordered(1).version());
    CPPUNIT_ASSERT(Uuid::ordered(1000) < Uuid::ordered(2000));
    CPPUNIT_ASSERT(Uuid::random() != Uuid::random());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(UuidTest);

}  // namespace
}  // namespace z4j::base
