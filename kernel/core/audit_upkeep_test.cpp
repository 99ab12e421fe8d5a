// What is built on the chain: tree, checkpoints, witness, retention, known breaks, forwarding.
#include <cppunit/extensions/HelperMacros.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/audit_breaks.hpp"
#include "core/audit_check.hpp"
#include "core/audit_export.hpp"
#include "core/audit_forward.hpp"
#include "core/audit_keeper.hpp"
#include "core/audit_list.hpp"
#include "core/audit_prunes.hpp"
#include "core/testing/test_store.hpp"
#include "proof/bundle.hpp"

namespace z4j::core {
namespace {

namespace log_col = model::audit_log;

constexpr const char* kUpkeepSecret = "0123456789abcdef0123456789abcdef-upkeep";

// A witness that keeps its word, and can be told to lie.
struct FakeWitness {
  proof::SigningKey key =
      proof::SigningKey::from_seed("witness.example/w", proof::KeyType::cosignature,
                                   std::string(32, 'w'))
          .value();
  std::uint64_t seen = 0;
  proof::Hash root{};
  int asked = 0;

  base::Result<AuditCheckpoints::WitnessAnswer> ask(const std::string& body) {
    ++asked;
    const std::size_t split = body.find("\n\n");
    const auto note = proof::Note::parse(body.substr(split + 2)).value();
    const auto now = proof::Checkpoint::parse(note.text).value();
    std::vector<proof::Hash> hashes;
    std::string head = body.substr(0, split) + "\n";
    const std::uint64_t old = *proof::parse_size(head.substr(4, head.find('\n') - 4));
    for (head.erase(0, head.find('\n') + 1); !head.empty(); head.erase(0, head.find('\n') + 1))
      hashes.push_back(*proof::hash_from_base64(head.substr(0, head.find('\n'))));
    if (old != seen || (old == now.size && seen > 0 && root != now.root))
      return AuditCheckpoints::WitnessAnswer{409, std::to_string(seen) + "\n"};
    if (old > 0 && !proof::is_consistent(old, root, now.size, now.root, hashes))
      return AuditCheckpoints::WitnessAnswer{422, ""};
    seen = now.size;
    root = now.root;
    return AuditCheckpoints::WitnessAnswer{200, key.sign(note.text, 1'750'000'000)};
  }
};

struct FakeSink final : AuditSink {
  std::vector<std::int64_t>* got;
  bool* is_open;
  FakeSink(std::vector<std::int64_t>& into, bool& open) : got(&into), is_open(&open) {}
  std::string name() const override { return "fake"; }
  void cancel() override {}
  Outcome send(std::span<const AuditRow> entries) override {
    Outcome out;
    for (const AuditRow& row : entries) {
      if (!*is_open) {
        out.rest = base::Error{base::Code::unavailable, "nobody there", {}, {}, 0};
        break;
      }
      got->push_back(row.seq);
      ++out.taken;
    }
    return out;
  }
};

class AuditUpkeepTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(AuditUpkeepTest);
  CPPUNIT_TEST(the_tree_grows_behind_the_log_and_takes_up_where_it_was);
  CPPUNIT_TEST(two_that_grow_one_tree_do_not_meet);
  CPPUNIT_TEST(an_entry_changed_with_its_mac_is_found_by_the_tree);
  CPPUNIT_TEST(a_checkpoint_changed_in_the_store_is_found);
  CPPUNIT_TEST(what_an_older_signing_key_signed_counts_while_it_is_listed);
  CPPUNIT_TEST(a_new_signing_key_takes_over_the_name_of_the_log);
  CPPUNIT_TEST(a_witness_co_signs_and_catches_up);
  CPPUNIT_TEST(a_witness_refuses_another_past);
  CPPUNIT_TEST(a_store_put_back_to_an_older_state_is_found_by_the_file);
  CPPUNIT_TEST(retention_takes_the_oldest_and_the_rest_verifies);
  CPPUNIT_TEST(retention_keeps_what_was_tampered_with);
  CPPUNIT_TEST(retention_waits_for_whom_the_log_is_forwarded_to);
  CPPUNIT_TEST(a_forged_record_of_retention_is_found);
  CPPUNIT_TEST(a_known_break_does_not_hide_a_new_one);
  CPPUNIT_TEST(a_bundle_of_the_log_is_proven_by_its_key);
  CPPUNIT_TEST(lists_are_filtered_and_paged);
  CPPUNIT_TEST(every_entry_is_forwarded_once_the_receiver_is_back);
  CPPUNIT_TEST(changes_are_refused_while_nobody_takes_entries);
  CPPUNIT_TEST(what_is_forwarded_is_the_signed_text_with_its_mac);
  CPPUNIT_TEST(acts_that_wait_are_committed_together_and_fail_alone);
  CPPUNIT_TEST_SUITE_END();

  testing::TestStore store_;
  base::ManualClock clock_{1'750'000'000'000'000};
  base::Log& log_ = base::Log::quiet();
  std::string folder_;
  std::unique_ptr<Audit> audit_;
  std::unique_ptr<AuditTree> tree_;
  std::unique_ptr<AuditCheckpoints> checkpoints_;
  FakeWitness witness_;

  static AuditEntry entry(std::string action) {
    AuditEntry e;
    e.action = std::move(action);
    e.target_type = "test";
    return e;
  }
  void write(int entries, std::string action = "a") {
    for (int i = 0; i < entries; ++i) {
      clock_.advance(base::kSecondUs);
      CPPUNIT_ASSERT(audit_->commit({entry(action)}, {}).ok());
    }
  }
  void grow() {
    while (tree_->grow({}).value() > 0) continue;
  }
  AuditCheckpoint sign() {
    grow();
    auto made = checkpoints_->sign({});
    CPPUNIT_ASSERT_MESSAGE(made ? "" : made.error().text(), made.ok());
    return *made;
  }
  // `letter`: of which the signing key is made.
  void open_checkpoints(bool with_witness = false, char letter = 'k',
                        std::vector<proof::VerifierKey> previous = {}) {
    AuditCheckpoints::Options options;
    options.key_seed = std::string(32, letter);
    options.previous_keys = std::move(previous);
    options.origin = "log.example/audit";
    options.folder = folder_;
    if (with_witness) {
      options.witness = witness_.key.verifier();
      options.ask_witness = [this](const std::string& body) { return witness_.ask(body); };
    }
    checkpoints_ = AuditCheckpoints::open(*store_, *tree_, clock_, log_, options).value();
  }
  AuditReport check() {
    AuditCheck::Options options;
    options.secrets = audit_->secrets();
    options.tree = tree_.get();
    options.checkpoints = checkpoints_.get();
    auto report = AuditCheck(*store_, clock_, std::move(options)).run();
    CPPUNIT_ASSERT_MESSAGE(report ? "" : report.error().text(), report.ok());
    return *report;
  }
  AuditFault fault() { return check().reason; }
  void must(const base::Status& done) {
    CPPUNIT_ASSERT_MESSAGE(done ? "" : done.error().text(), done.ok());
  }
  // What an attacker with the database does: takes a row out and puts another one in.
  void replace(std::int64_t seq, const std::function<void(AuditRow&)>& how) {
    AuditRow row = list_audit(*store_, {}, seq + 1, 1).value().front();
    how(row);
    Commit commit;
    Where which;
    which.eq(log_col::seq, seq);
    commit.retention().erase(Table::audit_log, std::move(which));
    Rows fresh(Table::audit_log);
    fresh.begin()
        .num(log_col::seq, seq)
        .uuid(log_col::id, row.link.id)
        .num(log_col::occurred_at, row.link.occurred_at)
        .text(log_col::action, row.entry.action)
        .text(log_col::target_type, row.entry.target_type)
        .text(log_col::result, row.entry.result)
        .text(log_col::outcome, row.entry.outcome.value_or(""))
        .text(log_col::metadata, row.metadata_json)
        .text(log_col::canonical, row.canonical)
        .text(log_col::row_hmac, row.row_hmac);
    if (row.link.prev_row_hmac) fresh.text(log_col::prev_row_hmac, *row.link.prev_row_hmac);
    commit.insert(std::move(fresh));
    must(store_->commit(commit));
  }
  AuditRetention retention(AuditRetention::Options options) {
    return AuditRetention(*store_, *audit_, *tree_, *checkpoints_, clock_, std::move(options));
  }
  static bool always() { return true; }

 public:
  void setUp() override {
    std::string pattern = "/tmp/z4j_audit_XXXXXX";
    CPPUNIT_ASSERT(::mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    Audit::Options options;
    options.secret = kUpkeepSecret;
    audit_ = std::make_unique<Audit>(*store_, clock_, log_, options);
    CPPUNIT_ASSERT(audit_->open().ok());
    tree_ = std::make_unique<AuditTree>(*store_, log_);
    open_checkpoints();
  }
  void tearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  void the_tree_grows_behind_the_log_and_takes_up_where_it_was() {
    proof::Edge plain;
    int written = 0;
    for (const int more : {1, 254, 1, 1, 300}) {
      write(more);
      written += more;
      grow();
      CPPUNIT_ASSERT_EQUAL(static_cast<std::uint64_t>(written), tree_->size().value());
    }
    std::vector<AuditRow> rows = list_audit(*store_, {}, {}, 1000).value();
    for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
      plain.add(
          proof::leaf_hash(std::to_string(row->seq) + " " + row->row_hmac + " " + row->canonical));
      CPPUNIT_ASSERT(plain.root() == tree_->root(plain.size()).value());
    }
    const auto proof = tree_->consistency(255, 557).value();
    CPPUNIT_ASSERT(proof::is_consistent(255, tree_->root(255).value(), 557, plain.root(), proof));
    CPPUNIT_ASSERT(fault() == AuditFault::none);
  }

  void two_that_grow_one_tree_do_not_meet() {
    write(3);
    AuditTree other(*store_, log_);
    int grown = 0;
    std::thread second([&] { grown += other.grow({}).ok() ? 0 : 0; });
    (void)tree_->grow({});
    second.join();
    grow();
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, tree_->size().value());
    CPPUNIT_ASSERT(fault() == AuditFault::none);
  }

  // Whoever holds the secret can make a good MAC; the tree was signed before.
  void an_entry_changed_with_its_mac_is_found_by_the_tree() {
    write(5);
    sign();
    replace(5, [](AuditRow& row) {
      row.entry.action = "innocent";
      row.entry.metadata = {};
      row.canonical = audit_canonical(row.entry, row.link);
      row.row_hmac = audit_hmac(kUpkeepSecret, row.canonical);
    });
    int tree_faults = 0, others = 0;
    AuditCheck::Options options;
    options.secrets = audit_->secrets();
    options.tree = tree_.get();
    options.on_break = [&](AuditFault found, std::optional<base::Uuid>,
                           std::optional<std::int64_t> seq, bool) {
      if (found == AuditFault::tree_mismatch && seq == 5)
        ++tree_faults;
      else if (found != AuditFault::head_mismatch)
        ++others;
    };
    CPPUNIT_ASSERT(AuditCheck(*store_, clock_, std::move(options)).run().ok());
    CPPUNIT_ASSERT_EQUAL(1, tree_faults);
    CPPUNIT_ASSERT_EQUAL(0, others);
  }

  void a_checkpoint_changed_in_the_store_is_found() {
    write(4);
    const AuditCheckpoint point = sign();
    Commit commit;
    Where which;
    which.eq(model::audit_checkpoints::size, static_cast<std::int64_t>(point.head.size));
    std::string note = point.note;
    note[note.size() - 4] = note[note.size() - 4] == 'A' ? 'B' : 'A';
    commit.update(Table::audit_checkpoints, std::move(which),
                  {{model::audit_checkpoints::note, Cell(note)}});
    must(store_->commit(commit));
    CPPUNIT_ASSERT(fault() == AuditFault::checkpoint_mismatch);
  }

  // Does the latest checkpoint's bundle pass for somebody who has these keys?
  bool is_proven_with(std::vector<proof::VerifierKey> keys) {
    auto bundle = AuditBundle::open(*store_, *tree_, *checkpoints_, {}).value();
    proof::BundleCheck verifier({std::move(keys), {}, std::nullopt});
    for (std::string text; bundle.next(text).value(); text.clear()) (void)verifier.take(text);
    return verifier.finish().ok;
  }

  void what_an_older_signing_key_signed_counts_while_it_is_listed() {
    write(3);
    sign();
    write(2);
    sign();
    const proof::VerifierKey old = checkpoints_->key();
    // Nobody listed the key before: neither the stored checkpoints nor the file are believed.
    open_checkpoints(false, 'n');
    const proof::VerifierKey now = checkpoints_->key();
    CPPUNIT_ASSERT(fault() == AuditFault::checkpoint_mismatch);
    CPPUNIT_ASSERT(!checkpoints_->outside().ok());
    CPPUNIT_ASSERT(!is_proven_with({now}));
    open_checkpoints(false, 'n', {old});
    CPPUNIT_ASSERT(fault() == AuditFault::none);
    // The log did not grow, and still its latest checkpoint is for those with the new key alone
    // too.
    sign();
    CPPUNIT_ASSERT(is_proven_with({now}) && is_proven_with({old}));
    const auto kept = checkpoints_->latest().value();
    CPPUNIT_ASSERT_EQUAL(kept->note, sign().note);
    CPPUNIT_ASSERT(fault() == AuditFault::none);
    write(1);
    sign();
    CPPUNIT_ASSERT(is_proven_with({now}) && !is_proven_with({old}));
    CPPUNIT_ASSERT(fault() == AuditFault::none);
    // Back at the key before, without the newer one.
    open_checkpoints(false, 'k');
    CPPUNIT_ASSERT(fault() == AuditFault::checkpoint_mismatch);
  }

  void a_new_signing_key_takes_over_the_name_of_the_log() {
    AuditCheckpoints::Options options;
    options.key_seed = std::string(32, 'k');
    const auto old = audit_signing_key(options).value();
    options.key_seed = std::string(32, 'n');
    CPPUNIT_ASSERT(audit_signing_key(options).value().verifier().name != old.verifier().name);
    options.previous_keys = {old.verifier()};
    CPPUNIT_ASSERT_EQUAL(old.verifier().name, audit_signing_key(options).value().verifier().name);
    options.origin = "log.example/other";
    CPPUNIT_ASSERT_EQUAL(options.origin, audit_signing_key(options).value().verifier().name);
  }

  void a_witness_co_signs_and_catches_up() {
    open_checkpoints(true);
    for (int i = 0; i < 3; ++i) {
      write(3);
      sign();
      if (i == 1) continue;  // it was away
      must(checkpoints_->have_witnessed({}));
      const auto latest = checkpoints_->latest().value();
      CPPUNIT_ASSERT(latest->is_witnessed);
      const auto note = proof::Note::parse(latest->note).value();
      CPPUNIT_ASSERT(proof::signed_by(note.text, note.signatures, witness_.key.verifier()) ==
                     proof::Signed::good);
    }
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{9}, witness_.seen);
    CPPUNIT_ASSERT_EQUAL(2, witness_.asked);
    CPPUNIT_ASSERT(fault() == AuditFault::none);
    CPPUNIT_ASSERT(check().is_witnessed);
  }

  void a_witness_refuses_another_past() {
    open_checkpoints(true);
    write(4);
    sign();
    witness_.seen = 2;  // of another log
    witness_.root = proof::leaf_hash("another past");
    const auto refused = checkpoints_->have_witnessed({});
    CPPUNIT_ASSERT(!refused.ok() && refused.error().code == base::Code::conflict);
    witness_.seen = 100;
    const auto longer = checkpoints_->have_witnessed({});
    CPPUNIT_ASSERT(!longer.ok() && longer.error().message.find("rolled back") != std::string::npos);
  }

  void a_store_put_back_to_an_older_state_is_found_by_the_file() {
    write(5);
    sign();
    const std::string kept = folder_ + "/checkpoint";
    // What a log of seven entries left behind, and of another five.
    for (const auto& [size, root, expected] :
         {std::tuple{std::uint64_t{7}, proof::leaf_hash("x"), AuditFault::rolled_back},
          {std::uint64_t{5}, proof::leaf_hash("x"), AuditFault::forked}}) {
      const proof::Checkpoint other{checkpoints_->key().name, size, root};
      const auto key = proof::SigningKey::from_seed("log.example/audit", proof::KeyType::note,
                                                    std::string(32, 'k'))
                           .value();
      std::ofstream(kept) << other.text() << "\n" << key.sign(other.text());
      CPPUNIT_ASSERT_EQUAL(std::string(to_string(expected)), std::string(to_string(fault())));
    }
    // The file is not overwritten before somebody explains it.
    write(9);
    sign();
    CPPUNIT_ASSERT(fault() == AuditFault::forked);
    CPPUNIT_ASSERT(!checkpoints_->put_aside().value().empty());
    write(1);
    sign();
    CPPUNIT_ASSERT(fault() == AuditFault::none);
    CPPUNIT_ASSERT(std::filesystem::exists(kept));
  }

  void retention_takes_the_oldest_and_the_rest_verifies() {
    write(300);
    clock_.advance(100 * base::kDayUs);
    write(20);
    const AuditCheckpoint before = sign();
    AuditRetention::Options options;
    options.batch = 100;
    auto keeping = retention(options);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{300}, keeping.run_once({}, always).value());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, keeping.run_once({}, always).value());
    const AuditReport report = check();
    CPPUNIT_ASSERT_MESSAGE(std::string(to_string(report.reason)), report.ok);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{300}, report.pruned_through);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{23}, report.rows_verified);  // and three of its own
    sign();
    CPPUNIT_ASSERT(check().ok);
    CPPUNIT_ASSERT(tree_->root(before.head.size).value() == before.head.root);
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, read_audit_prunes(*store_).value().size());
  }

  void retention_keeps_what_was_tampered_with() {
    write(10);
    clock_.advance(100 * base::kDayUs);
    write(1);
    sign();
    replace(4, [](AuditRow& row) { row.canonical += " "; });
    auto keeping = retention({});
    const auto gone = keeping.run_once({}, always);
    CPPUNIT_ASSERT(!gone.ok() && gone.error().code == base::Code::corrupt);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{11}, store_->count(Table::audit_log, {}).value());
  }

  void retention_waits_for_whom_the_log_is_forwarded_to() {
    write(10);
    clock_.advance(100 * base::kDayUs);
    write(1);
    sign();
    AuditRetention::Options options;
    options.forwarded = []() -> base::Result<std::optional<std::int64_t>> {
      return std::optional<std::int64_t>(4);
    };
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{4}, retention(options).run_once({}, always).value());
  }

  void a_forged_record_of_retention_is_found() {
    write(6);
    sign();
    AuditPrune prune;
    prune.first_seq = 1;
    prune.last_seq = 3;
    prune.last_row_hmac = list_audit(*store_, {}, 4, 1).value().front().row_hmac;
    prune.mac = audit_prune_mac("not the secret", prune);
    Commit commit;
    Where gone;
    gone.le(log_col::seq, 3);
    commit.retention().erase(Table::audit_log, std::move(gone)).insert(to_row(prune));
    must(store_->commit(commit));
    CPPUNIT_ASSERT(fault() == AuditFault::prune_mismatch);
  }

  void a_known_break_does_not_hide_a_new_one() {
    write(12);
    sign();
    const auto spoil = [&](std::int64_t seq) {
      replace(seq, [](AuditRow& row) { row.entry.action = "spoilt"; });
    };
    spoil(4);
    AuditReport report = check();
    CPPUNIT_ASSERT(report.reason == AuditFault::mac_mismatch && report.first_broken_seq == 4);
    AuditBreak known;
    known.fault = report.reason;
    known.row_id = report.first_broken_id;
    known.seq = report.first_broken_seq;
    known.note = "a repair that we made";
    const auto noted =
        acknowledge_audit_break(*store_, *audit_, audit_->secrets(), clock_, {}, known);
    CPPUNIT_ASSERT(noted.ok());
    CPPUNIT_ASSERT(
        !acknowledge_audit_break(*store_, *audit_, audit_->secrets(), clock_, {}, known).ok());
    report = check();
    CPPUNIT_ASSERT_MESSAGE(std::string(to_string(report.reason)), report.ok);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, report.acknowledged_breaks);
    spoil(9);
    report = check();
    CPPUNIT_ASSERT(!report.ok && report.first_broken_seq == 9);
    // An acknowledgement that somebody wrote into the table himself counts for nothing.
    const AuditSecrets other{"another secret of somebody else 0123", {}};
    CPPUNIT_ASSERT(!read_audit_breaks(*store_, other).value().front().is_genuine);
  }

  void a_bundle_of_the_log_is_proven_by_its_key() {
    write(700);
    sign();
    write(30);
    const AuditCheckpoint seen = *checkpoints_->latest().value();
    sign();
    for (const auto& [from, to] :
         {std::pair<std::int64_t, std::int64_t>{1, 9999}, {257, 512}, {730, 730}, {600, 500}}) {
      AuditBundle::Request request;
      request.from_seq = from;
      request.to_seq = to;
      request.since = seen.head.size;
      auto bundle = AuditBundle::open(*store_, *tree_, *checkpoints_, request).value();
      proof::BundleCheck verifier({{checkpoints_->key()}, {}, seen.head});
      for (std::string text; bundle.next(text).value(); text.clear()) (void)verifier.take(text);
      const auto report = verifier.finish();
      CPPUNIT_ASSERT_MESSAGE(report.reason, report.ok);
      CPPUNIT_ASSERT_EQUAL(bundle.entries(), report.entries);
      CPPUNIT_ASSERT(report.extends_seen);
    }
    AuditBundle::Request by_time;
    by_time.from_time = 1'750'000'000'000'000 + 701 * base::kSecondUs;
    CPPUNIT_ASSERT_EQUAL(
        std::uint64_t{701},
        AuditBundle::open(*store_, *tree_, *checkpoints_, by_time).value().first_seq());
  }

  void lists_are_filtered_and_paged() {
    write(3, "auth.login");
    write(2, "auth.logout");
    AuditFilter filter;
    filter.action_prefix = "auth.log";
    auto page = list_audit(*store_, filter, {}, 3).value();
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, page.size());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, page.front().seq);
    page = list_audit(*store_, filter, page.back().seq, 3).value();
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, page.size());
    filter.action_prefix = "auth.logout";
    filter.since = page.front().link.occurred_at;
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, list_audit(*store_, filter, {}, 9).value().size());
    filter.project = base::Uuid::random();
    CPPUNIT_ASSERT(list_audit(*store_, filter, {}, 9).value().empty());
  }

  template <class Done>
  void wait_for(Done done) {
    for (int i = 0; i < 600 && !done(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    CPPUNIT_ASSERT(done());
  }

  void every_entry_is_forwarded_once_the_receiver_is_back() {
    write(250);
    std::vector<std::int64_t> got;
    bool is_open = false;
    const auto forwarder = [&] {
      std::vector<std::unique_ptr<AuditSink>> sinks;
      sinks.push_back(std::make_unique<FakeSink>(got, is_open));
      return std::make_unique<AuditForwarder>(*store_, *audit_, clock_, log_, std::move(sinks),
                                              AuditForwarder::Options{});
    };
    const auto place = [&] {
      auto reader = forwarder();
      return reader->forwarded().value().value_or(0);
    };
    auto first = forwarder();
    first->start();
    wait_for([&] { return json_says_blocked(*first); });
    first->stop();
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, place());
    is_open = true;  // and the brain was started anew
    auto second = forwarder();
    second->start();
    wait_for([&] { return place() == 250; });
    second->stop();
    CPPUNIT_ASSERT_EQUAL(std::size_t{250}, got.size());
    for (std::size_t i = 0; i < got.size(); ++i)
      CPPUNIT_ASSERT_EQUAL(static_cast<std::int64_t>(i) + 1, got[i]);
  }
  static bool json_says_blocked(const AuditForwarder& forwarder) {
    return !forwarder.to_json().at(0).get_object().at("blocked_since").is_null();
  }

  void changes_are_refused_while_nobody_takes_entries() {
    std::vector<std::int64_t> got;
    bool is_open = false;
    std::vector<std::unique_ptr<AuditSink>> sinks;
    sinks.push_back(std::make_unique<FakeSink>(got, is_open));
    AuditForwarder::Options options;
    options.max_behind = 3;
    AuditForwarder forwarder(*store_, *audit_, clock_, log_, std::move(sinks), options);
    audit_->only_while([&] { return forwarder.may_change(); });
    forwarder.start();
    write(4);
    const auto refused = audit_->commit({entry("more")}, {});
    CPPUNIT_ASSERT(!refused.ok() && refused.error().where == "audit_blocked");
    // The log's own upkeep goes on, and so does reading.
    CPPUNIT_ASSERT(audit_->commit({entry("audit.pruned")}, {}).ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{5}, list_audit(*store_, {}, {}, 10).value().size());
    forwarder.stop();
    is_open = true;
    std::vector<std::unique_ptr<AuditSink>> again;
    again.push_back(std::make_unique<FakeSink>(got, is_open));
    AuditForwarder open(*store_, *audit_, clock_, log_, std::move(again), options);
    audit_->only_while([&] { return open.may_change(); });
    open.start();
    wait_for([&] { return open.may_change().ok(); });
    CPPUNIT_ASSERT(audit_->commit({entry("more")}, {}).ok());
    open.stop();
    audit_->only_while({});
  }

  void what_is_forwarded_is_the_signed_text_with_its_mac() {
    std::ifstream in(std::string(Z4J_SOURCE_DIR) + "/tests/fixtures/vectors/audit-forward.json");
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    const auto file = base::json::parse(text).value().get_object();
    for (const auto& each : file.at("cases").get_array()) {
      const auto& payload = each.get_object().at("payload").get_object();
      AuditRow row;
      AuditLink& link = row.link;
      const auto optional = [&](const char* key) -> std::optional<std::string> {
        if (payload.at(key).is_null()) return std::nullopt;
        return std::string(base::json::text(payload, key));
      };
      const auto id = [&](const char* key) -> std::optional<base::Uuid> {
        const auto found = optional(key);
        return found ? base::Uuid::parse(*found) : std::nullopt;
      };
      row.entry.action = base::json::text(payload, "action");
      row.entry.target_type = base::json::text(payload, "target_type");
      row.entry.target_id = optional("target_id");
      row.entry.result = base::json::text(payload, "result");
      row.entry.outcome = optional("outcome");
      row.entry.event_id = id("event_id");
      row.entry.user_id = id("user_id");
      row.entry.api_key_id = id("api_key_id");
      row.entry.project_id = id("project_id");
      row.entry.source_ip = optional("source_ip");
      row.entry.user_agent = optional("user_agent");
      row.entry.metadata = payload.at("metadata").get_object();
      link.id = *id("id");
      link.occurred_at = base::parse_time(base::json::text(payload, "occurred_at")).value();
      link.prev_row_hmac = optional("prev_row_hmac");
      row.row_hmac = base::json::text(payload, "row_hmac");
      row.canonical = audit_canonical(row.entry, link);
      const std::string body = forwarded_text(row);
      CPPUNIT_ASSERT_EQUAL(std::string(base::json::text(each.get_object(), "body")), body);
      const std::string at(base::json::text(each.get_object(), "timestamp"));
      CPPUNIT_ASSERT_EQUAL(
          std::string(base::json::text(each.get_object(), "header_X_Z4J_Audit_Signature")),
          "sha256=" + base::hex(base::hmac_sha256(base::json::text(file, "hmac_secret_utf8"),
                                                  at + "." + body)));
    }
  }

  void acts_that_wait_are_committed_together_and_fail_alone() {
    std::atomic<int> good{0}, refused{0};
    std::vector<std::thread> people;
    for (int person = 0; person < 8; ++person) {
      people.emplace_back([&, person] {
        for (int i = 0; i < 20; ++i) {
          // One in four wants a key that somebody has already.
          const bool is_taken = i % 4 == 3;
          const std::string key =
              is_taken ? "taken" : std::to_string(person) + "." + std::to_string(i);
          Commit out;
          const auto done = audit_->commit(
              {entry("x")},
              [&](Commit& c) {
                Rows rows(Table::meta);
                rows.begin().text(model::meta::key, key);
                c.insert(std::move(rows));
              },
              out);
          if (done) {
            good += 1;
          } else if (done.error().code == base::Code::conflict && out.bad_step() == 0) {
            refused += 1;
          }
        }
      });
    }
    for (std::thread& person : people) person.join();
    CPPUNIT_ASSERT_EQUAL(8 * 15 + 1, good.load());
    CPPUNIT_ASSERT_EQUAL(8 * 5 - 1, refused.load());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{121}, store_->count(Table::meta, {}).value());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{121}, store_->count(Table::audit_log, {}).value());
    const AuditReport report = check();
    CPPUNIT_ASSERT_MESSAGE(std::string(to_string(report.reason)), report.ok);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AuditUpkeepTest);

}  // namespace
}  // namespace z4j::core
