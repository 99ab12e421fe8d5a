#include "proof/bundle.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "proof/entry_line.hpp"

namespace z4j::proof {
namespace {

// A log whose entries are as the brain writes them, as far as the check looks.
struct BundleLog {
  std::vector<std::string> lines;
  SigningKey key =
      SigningKey::from_seed("log.example/audit", KeyType::note, std::string(32, 'k')).value();
  SigningKey witness =
      SigningKey::from_seed("witness.example/w", KeyType::cosignature, std::string(32, 'w'))
          .value();

  explicit BundleLog(std::size_t entries) {
    std::string before;
    for (std::size_t i = 1; i <= entries; ++i) {
      const std::string canonical =
          "{\"action\":\"a\",\"metadata\":{\"prev_row_hmac\":\"no\",\"t\":\"\\\"}\"},"
          "\"occurred_at\":\"2026-01-01T00:00:00.000000+00:00\",\"prev_row_hmac\":" +
          (before.empty() ? "null" : "\"" + before + "\"") + ",\"version\":1}";
      before = base::hex(base::hmac_sha256("secret", canonical));
      lines.push_back(entry_line({static_cast<std::int64_t>(i), before, canonical}));
    }
  }
  [[nodiscard]] HashAt at() const {
    return [this](const Piece& piece) -> base::Result<Hash> {
      Edge edge;
      for (std::uint64_t i = piece.number << piece.level; i < (piece.number + 1) << piece.level;
           ++i)
        edge.add(leaf_hash(lines[i]));
      return edge.root();
    };
  }
  [[nodiscard]] Checkpoint checkpoint(std::size_t size) const {
    return {key.verifier().name, size, root_of(size, at()).value()};
  }
  [[nodiscard]] BundleHead head(std::size_t first, std::size_t count) const {
    BundleHead out;
    out.first_seq = first;
    out.count = count;
    const std::string text = checkpoint(lines.size()).text();
    out.checkpoint = text + "\n" + key.sign(text) + witness.sign(text, 1'750'000'000);
    out.left = hashes_of(pieces(0, first - 1), at()).value();
    out.right = hashes_of(pieces(first - 1 + count, lines.size()), at()).value();
    return out;
  }
  [[nodiscard]] std::string bundle(const BundleHead& head) const {
    std::string out = to_text(head);
    for (std::size_t i = head.first_seq - 1; i < head.first_seq - 1 + head.count; ++i)
      out += lines[i] + "\n";
    return out + std::string(kBundleLastLine);
  }
  [[nodiscard]] std::string bundle(std::size_t first, std::size_t count) const {
    return bundle(head(first, count));
  }
  [[nodiscard]] Trust trust() const { return {{key.verifier()}, {}, std::nullopt}; }
};

BundleReport checked(Trust trust, std::string_view bundle, std::size_t piece = 7) {
  BundleCheck check(std::move(trust));
  while (!bundle.empty() && check.take(bundle.substr(0, piece)))
    bundle.remove_prefix(std::min(piece, bundle.size()));
  return check.finish();
}

class BundleTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(BundleTest);
  CPPUNIT_TEST(an_honest_bundle_passes_whatever_its_stretch);
  CPPUNIT_TEST(a_bundle_with_any_byte_changed_is_refused);
  CPPUNIT_TEST(entries_that_are_gone_moved_or_added_are_found);
  CPPUNIT_TEST(a_foreign_key_and_a_missing_witness_are_refused);
  CPPUNIT_TEST(a_bundle_of_an_older_key_passes_where_the_key_is_given);
  CPPUNIT_TEST(a_bundle_goes_on_from_what_was_seen_before);
  CPPUNIT_TEST(members_are_found_beside_texts_that_look_like_them);
  CPPUNIT_TEST_SUITE_END();

 public:
  void an_honest_bundle_passes_whatever_its_stretch() {
    const BundleLog log(13);
    for (std::size_t first = 1; first <= 14; ++first) {
      for (std::size_t count = 0; first - 1 + count <= 13; ++count) {
        const BundleReport report = checked(log.trust(), log.bundle(first, count));
        CPPUNIT_ASSERT_MESSAGE(report.reason, report.ok);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{count}, report.entries);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{13}, report.checkpoint.size);
      }
    }
  }

  void a_bundle_with_any_byte_changed_is_refused() {
    const BundleLog log(6);
    const std::string good = log.bundle(2, 3);
    // The co-signature is not looked at here.
    const std::size_t from = good.find("\u2014 witness"), to = good.find('\n', from);
    for (std::size_t i = 0; i < good.size(); ++i) {
      if (i >= from && i < to) continue;
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ 1);
      CPPUNIT_ASSERT_MESSAGE(std::to_string(i) + " " + bad, !checked(log.trust(), bad).ok);
    }
    for (std::size_t size = 0; size + 1 < good.size(); ++size)
      CPPUNIT_ASSERT(!checked(log.trust(), good.substr(0, size)).ok);
    CPPUNIT_ASSERT(!checked(log.trust(), good + "more\n").ok);
  }

  void entries_that_are_gone_moved_or_added_are_found() {
    const BundleLog honest(9);
    const BundleHead head = honest.head(1, 9);
    BundleLog forged(9);
    std::swap(forged.lines[3], forged.lines[4]);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, *checked(honest.trust(), forged.bundle(head)).bad_seq);
    forged = BundleLog(9);
    forged.lines[8] = forged.lines[8].substr(0, forged.lines[8].size() - 2) + "2}";
    CPPUNIT_ASSERT(!checked(honest.trust(), forged.bundle(head)).ok);
    // Fewer, with a head that says so.
    BundleHead fewer = honest.head(1, 9);
    fewer.count = 8;
    CPPUNIT_ASSERT(!checked(honest.trust(), honest.bundle(fewer)).ok);
    BundleHead more = honest.head(1, 9);
    more.count = 10;
    CPPUNIT_ASSERT(!checked(honest.trust(), to_text(more)).ok);
  }

  void a_foreign_key_and_a_missing_witness_are_refused() {
    const BundleLog log(4);
    Trust trust = log.trust();
    trust.witnesses = {log.witness.verifier()};
    const BundleReport report = checked(trust, log.bundle(1, 4));
    CPPUNIT_ASSERT_MESSAGE(report.reason, report.ok);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1'750'000'000}, report.witnesses.front().second);
    const auto stranger =
        SigningKey::from_seed("witness.example/x", KeyType::cosignature, std::string(32, 'x'))
            .value();
    trust.witnesses.push_back(stranger.verifier());
    CPPUNIT_ASSERT(!checked(trust, log.bundle(1, 4)).ok);
    trust = log.trust();
    trust.log = {SigningKey::from_seed("log.example/audit", KeyType::note, std::string(32, 'z'))
                     .value()
                     .verifier()};
    CPPUNIT_ASSERT(!checked(trust, log.bundle(1, 4)).ok);
  }

  // The log has a new key; this bundle was signed with the one before, or with both.
  void a_bundle_of_an_older_key_passes_where_the_key_is_given() {
    const BundleLog log(4);
    const auto newer =
        SigningKey::from_seed("log.example/audit", KeyType::note, std::string(32, 'n')).value();
    Trust trust = log.trust();
    trust.log = {newer.verifier()};
    CPPUNIT_ASSERT(!checked(trust, log.bundle(1, 4)).ok);
    trust.log.push_back(log.key.verifier());
    BundleReport report = checked(trust, log.bundle(1, 4));
    CPPUNIT_ASSERT_MESSAGE(report.reason, report.ok);
    CPPUNIT_ASSERT_EQUAL(log.key.verifier().text(), report.signed_with);
    BundleHead both = log.head(1, 4);
    both.checkpoint += newer.sign(log.checkpoint(4).text());
    report = checked(trust, log.bundle(both));
    CPPUNIT_ASSERT_MESSAGE(report.reason, report.ok);
    CPPUNIT_ASSERT_EQUAL(newer.verifier().text(), report.signed_with);
    // One good signature does not make up for a false one.
    BundleHead false_one = log.head(1, 4);
    false_one.checkpoint += newer.sign(log.checkpoint(3).text());
    CPPUNIT_ASSERT(!checked(trust, log.bundle(false_one)).ok);
  }

  void a_bundle_goes_on_from_what_was_seen_before() {
    const BundleLog log(20);
    for (std::size_t seen = 0; seen <= 20; ++seen) {
      Trust trust = log.trust();
      trust.seen = log.checkpoint(seen);
      CPPUNIT_ASSERT(checked(trust, log.bundle(1, 20)).extends_seen);
      BundleHead head = log.head(15, 3);
      head.old_size = seen;
      head.consistency = prove_consistency(seen, 20, log.at()).value();
      const BundleReport report = checked(trust, log.bundle(head));
      CPPUNIT_ASSERT_MESSAGE(std::to_string(seen) + " " + report.reason, report.ok);
      if (seen > 0 && seen < 14)
        CPPUNIT_ASSERT(checked(trust, log.bundle(15, 3)).reason.find("--since") !=
                       std::string::npos);
      if (seen == 0) continue;
      trust.seen->root = leaf_hash("another past");
      CPPUNIT_ASSERT(!checked(trust, log.bundle(1, 20)).ok);
      CPPUNIT_ASSERT(!checked(trust, log.bundle(head)).ok);
    }
    Trust trust = log.trust();
    trust.seen = Checkpoint{log.key.verifier().name, 21, leaf_hash("longer")};
    CPPUNIT_ASSERT(!checked(trust, log.bundle(1, 20)).ok);
  }

  void members_are_found_beside_texts_that_look_like_them() {
    const std::string_view json =
        "{\"a\":[1,{\"b\":\"no\"}],\"b\":\"ye\\\"s\",\"c\":null,\"d\":\"plain\",\"e\":-1.5}";
    CPPUNIT_ASSERT_EQUAL(std::string_view("\"ye\\\"s\""), *top_member(json, "b"));
    CPPUNIT_ASSERT_EQUAL(std::string_view("-1.5"), *top_member(json, "e"));
    CPPUNIT_ASSERT(!plain_text_member(json, "b"));
    CPPUNIT_ASSERT_EQUAL(std::string_view(), *plain_text_member(json, "c"));
    CPPUNIT_ASSERT_EQUAL(std::string_view("plain"), *plain_text_member(json, "d"));
    CPPUNIT_ASSERT(!top_member(json, "f"));
    for (std::size_t size = 0; size < json.size(); ++size)
      (void)top_member(json.substr(0, size), "f");
    CPPUNIT_ASSERT(!parse_entry_line("1 abc {}"));
    CPPUNIT_ASSERT(!parse_entry_line("01 - {}"));
    CPPUNIT_ASSERT(!parse_entry_line("9999999999999999999 - {}"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{12}, parse_entry_line("12 - {}")->seq);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(BundleTest);

}  // namespace
}  // namespace z4j::proof
