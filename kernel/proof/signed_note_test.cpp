#include "proof/signed_note.hpp"

#include <cppunit/extensions/HelperMacros.h>

namespace z4j::proof {
namespace {

SigningKey test_key(KeyType type, char letter) {
  return SigningKey::from_seed("log.example/audit", type, std::string(32, letter)).value();
}

class SignedNoteTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SignedNoteTest);
  CPPUNIT_TEST(signatures_are_those_of_the_rfc);
  CPPUNIT_TEST(a_note_of_another_program_is_read);
  CPPUNIT_TEST(a_note_is_signed_and_told_from_a_forgery);
  CPPUNIT_TEST(a_co_signature_says_when_and_is_no_note_signature);
  CPPUNIT_TEST(malformed_keys_and_notes_are_refused);
  CPPUNIT_TEST(a_checkpoint_survives_its_text);
  CPPUNIT_TEST_SUITE_END();

 public:
  // RFC 8032, section 7.1, test 1: the empty message.
  void signatures_are_those_of_the_rfc() {
    const auto seed =
        base::unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").value();
    const auto key = SigningKey::from_seed("k", KeyType::note, seed).value();
    CPPUNIT_ASSERT_EQUAL(
        std::string("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
        base::hex(key.verifier().bytes));
    const auto lines = Note::parse_signatures(key.sign("")).value();
    CPPUNIT_ASSERT_EQUAL(
        std::string("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33"
                    "bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        base::hex(lines.front().bytes.substr(4)));
  }

  // The example of the format's first program.
  void a_note_of_another_program_is_read() {
    const auto key =
        VerifierKey::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
            .value();
    const auto note =
        Note::parse(
            "If you think cryptography is the answer to your problem,\nthen you don't know what "
            "your problem is.\n\n\u2014 PeterNeumann "
            "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyB"
            "wJnAM=\n")
            .value();
    CPPUNIT_ASSERT(signed_by(note.text, note.signatures, key) == Signed::good);
  }

  void a_note_is_signed_and_told_from_a_forgery() {
    const SigningKey key = test_key(KeyType::note, 'a'), other = test_key(KeyType::note, 'b');
    const std::string text = "one\n\ntwo\n";
    const auto note = Note::parse(text + "\n" + other.sign(text) + key.sign(text)).value();
    CPPUNIT_ASSERT_EQUAL(text, note.text);
    CPPUNIT_ASSERT(signed_by(note.text, note.signatures, key.verifier()) == Signed::good);
    CPPUNIT_ASSERT(signed_by("one\n\ntwo!\n", note.signatures, key.verifier()) == Signed::bad);
    const SigningKey third = test_key(KeyType::note, 'c');
    CPPUNIT_ASSERT(signed_by(note.text, note.signatures, third.verifier()) == Signed::absent);
    CPPUNIT_ASSERT_EQUAL(key.verifier().text(),
                         VerifierKey::parse(key.verifier().text()).value().text());
  }

  void a_co_signature_says_when_and_is_no_note_signature() {
    const SigningKey log = test_key(KeyType::note, 'a'),
                     witness = test_key(KeyType::cosignature, 'w');
    const std::string text = "log\n1\nroot\n";
    auto lines = Note::parse_signatures(witness.sign(text, 1'750'000'000)).value();
    std::uint64_t at = 0;
    CPPUNIT_ASSERT(signed_by(text, lines, witness.verifier(), &at) == Signed::good);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1'750'000'000}, at);
    VerifierKey as_log = witness.verifier();
    as_log.type = KeyType::note;
    CPPUNIT_ASSERT(signed_by(text, lines, as_log) == Signed::absent);
    lines.front().bytes[11] ^= 1;  // the time
    CPPUNIT_ASSERT(signed_by(text, lines, witness.verifier()) == Signed::bad);
    CPPUNIT_ASSERT(witness.verifier().text() != log.verifier().text());
  }

  void malformed_keys_and_notes_are_refused() {
    const std::string good = test_key(KeyType::note, 'a').verifier().text();
    CPPUNIT_ASSERT(VerifierKey::parse(good).ok());
    for (std::size_t i = 0; i < good.size(); ++i) {
      std::string changed = good;
      changed[i] = changed[i] == 'b' ? 'c' : 'b';
      CPPUNIT_ASSERT_MESSAGE(changed, changed == good || !VerifierKey::parse(changed).ok());
    }
    for (const char* bad : {"", "+", "a+b", "a+00000000+", "a b+00000000+AA==", "++"})
      CPPUNIT_ASSERT_MESSAGE(bad, !VerifierKey::parse(bad).ok());
    for (const char* bad :
         {"", "text\n", "text\n\n", "text\n\nno dash AAAAAAA=\n", "text\n\n\u2014 name\n",
          "text\n\n\u2014 name AAAA\n", "te\txt\n\n\u2014 name AAAAAAA=\n",
          "text\n\n\u2014 name AAAAAAA=", "text\n\n\u2014 name AAAAAAB=\n"})
      CPPUNIT_ASSERT_MESSAGE(bad, !Note::parse(bad).ok());
    CPPUNIT_ASSERT(!SigningKey::from_seed("k", KeyType::note, "short").ok());
    CPPUNIT_ASSERT(!SigningKey::from_seed("k+", KeyType::note, std::string(32, 'a')).ok());
  }

  void a_checkpoint_survives_its_text() {
    const Checkpoint one{"log.example/audit", 20852163, leaf_hash("x")};
    const auto back = Checkpoint::parse(one.text()).value();
    CPPUNIT_ASSERT(back.origin == one.origin && back.size == one.size && back.root == one.root);
    const std::string root = to_base64(one.root);
    for (const std::string& bad :
         {std::string("log\n1\n"), "log\n01\n" + root + "\n", "log\n-1\n" + root + "\n",
          "log\n9223372036854775808\n" + root + "\n", "\n1\n" + root + "\n",
          "log\n1\nAAAA\n" + root + "\n", "log\n1\n" + root})
      CPPUNIT_ASSERT_MESSAGE(bad, !Checkpoint::parse(bad).ok());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SignedNoteTest);

}  // namespace
}  // namespace z4j::proof
