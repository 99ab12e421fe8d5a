// A person who asked to be forgotten leaves the audit log, and the log still proves itself.
#include "core/audit_eraser.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <cstdlib>
#include <filesystem>

#include "core/audit_check.hpp"
#include "core/audit_checkpoints.hpp"
#include "core/audit_export.hpp"
#include "core/audit_list.hpp"
#include "core/audit_retention.hpp"
#include "core/testing/account_fixture.hpp"
#include "proof/bundle.hpp"

namespace z4j::core {
namespace {

using testing::AccountFixture;

class AuditEraserTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(AuditEraserTest);
  CPPUNIT_TEST(nothing_tells_of_the_person_any_more_and_the_rest_does);
  CPPUNIT_TEST(an_address_that_only_begins_or_ends_alike_is_somebody_elses);
  CPPUNIT_TEST(the_log_and_its_bundle_are_proven_afterwards);
  CPPUNIT_TEST(what_is_left_cannot_be_changed_nor_its_record_taken);
  CPPUNIT_TEST(a_record_that_somebody_made_up_hides_nothing);
  CPPUNIT_TEST(entries_wait_until_they_are_settled);
  CPPUNIT_TEST(an_entry_that_was_changed_stops_it);
  CPPUNIT_TEST(two_people_of_one_entry_both_go);
  CPPUNIT_TEST(retention_takes_erased_entries_with_their_records);
  CPPUNIT_TEST_SUITE_END();

  AccountFixture f_;
  std::string folder_;
  std::unique_ptr<AuditTree> tree_;
  std::unique_ptr<AuditCheckpoints> checkpoints_;
  std::unique_ptr<AuditRetention> retention_;
  std::unique_ptr<AuditEraser> eraser_;
  User root_, ann_;

  static bool always() { return true; }
  void sign() {
    while (tree_->grow({}).value() > 0) continue;
    (void)AccountFixture::must(checkpoints_->sign({}));
  }
  void erase(const User& user) {
    AccountFixture::must(
        f_.users.remove(user.id, Users::Trace::erased, AccountFixture::actor(root_)));
  }
  void run() { AccountFixture::must(eraser_->run_once({}, always)); }
  // As a brain does it.
  void erase_whole(const User& user) {
    erase(user);
    sign();
    run();
  }
  AuditReport check() {
    AuditCheck::Options options;
    options.secrets = f_.audit.secrets();
    options.tree = tree_.get();
    options.checkpoints = checkpoints_.get();
    return AccountFixture::must(AuditCheck(*f_.store, f_.clock, std::move(options)).run());
  }
  AuditReport must_be_whole() {
    const AuditReport report = check();
    CPPUNIT_ASSERT_MESSAGE(std::string(to_string(report.reason)), report.ok);
    return report;
  }
  // Newest first.
  std::vector<AuditRow> entries() {
    return AccountFixture::must(list_audit(*f_.store, {}, {}, 500));
  }
  std::string everything() {
    std::string out;
    for (const AuditRow& row : entries())
      out += row.canonical + row.metadata_json + row.entry.source_ip.value_or("") +
             row.entry.user_agent.value_or("") + row.entry.target_id.value_or("") + "\n";
    return out;
  }
  bool is_told(std::string_view word) { return everything().find(word) != std::string::npos; }
  AuditRow entry_of(std::string_view action) {
    for (AuditRow& row : entries()) {
      if (row.entry.action == action) return std::move(row);
    }
    CPPUNIT_FAIL("no entry " + std::string(action));
    return {};
  }
  void put(const AuditRow& row) {
    Where which;
    which.eq(model::audit_log::seq, row.seq);
    Rows rows(Table::audit_log);
    append(rows, row);
    Commit commit;
    commit.retention().erase(Table::audit_log, std::move(which)).insert(std::move(rows));
    AccountFixture::must(f_.store->commit(commit));
  }
  // What ann did herself, from where.
  void act(std::string_view action, base::json::Object metadata, const User& by) {
    Actor actor{by.id, std::nullopt, by.id == ann_.id ? "203.0.113.7" : "192.0.2.1",
                by.id == ann_.id ? "Ann's browser" : "test"};
    AuditEntry entry = AuditEntry::of(actor, action, "task", "t-1");
    entry.metadata = std::move(metadata);
    f_.audit.record(std::move(entry));
  }

 public:
  void setUp() override {
    std::string pattern = "/tmp/z4j_eraser_XXXXXX";
    CPPUNIT_ASSERT(::mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    tree_ = std::make_unique<AuditTree>(*f_.store, base::Log::quiet());
    AuditCheckpoints::Options signing;
    signing.key_seed = std::string(32, 'k');
    signing.origin = "log.example/audit";
    signing.folder = folder_;
    checkpoints_ =
        AuditCheckpoints::open(*f_.store, *tree_, f_.clock, base::Log::quiet(), signing).value();
    AuditRetention::Options keeping;
    keeping.days = 1;
    retention_ = std::make_unique<AuditRetention>(*f_.store, f_.audit, *tree_, *checkpoints_,
                                                  f_.clock, keeping);
    eraser_ = std::make_unique<AuditEraser>(*f_.store, f_.audit, *tree_, f_.clock,
                                            [this] { return retention_->settled(); });
    root_ = f_.add_user("root", true, "none");
    UserDraft draft{.email = "ann@example.org", .password = AccountFixture::kPassword};
    draft.first_name = "Ann";
    draft.last_name = "Ashby";
    ann_ = AccountFixture::must(f_.users.create(draft, AccountFixture::actor(root_)));
    act("command.issue.retry", {{"task_ids", base::json::Array{"t-1"}}, {"by", "Ashby"}}, ann_);
    act("note", {{"to", base::json::Object{{"Ann@Example.org", "ask ANN@example.org"}}}}, root_);
    act("note.other", {{"who", "Ashby"}, {"id", ann_.id.text()}}, root_);
  }
  void tearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  void nothing_tells_of_the_person_any_more_and_the_rest_does() {
    (void)AccountFixture::must(f_.invitations.mint(f_.project, "ann@example.org", Role::viewer, 7,
                                                   root_, AccountFixture::actor(root_)));
    for (const char* word : {"ann@example.org", "203.0.113.7", "Ann's browser", "Ashby"})
      CPPUNIT_ASSERT_MESSAGE(word, is_told(word));
    erase_whole(ann_);
    for (const char* word : {"ann@example.org", "nn@", "203.0.113.7", "Ann's browser"})
      CPPUNIT_ASSERT_MESSAGE(word, !is_told(word));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, f_.count(Table::invitations));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, f_.count(Table::erasures));
    // Who did what stays, under the id.
    const AuditRow retry = entry_of("command.issue.retry");
    CPPUNIT_ASSERT(retry.entry.user_id == ann_.id);
    CPPUNIT_ASSERT(!retry.entry.source_ip);
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"task_ids":["t-1"],"by":"[ERASED]","_z4j_erased":true})"),
                         retry.metadata_json);
    // Of others, only the address goes; a name alone may be somebody else's.
    const AuditRow note = entry_of("note");
    CPPUNIT_ASSERT_EQUAL(std::string("192.0.2.1"), note.entry.source_ip.value_or(""));
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"to":{"[ERASED]":"[ERASED]"},"_z4j_erased":true})"),
                         note.metadata_json);
    CPPUNIT_ASSERT(entry_of("note.other").metadata_json.find("Ashby") != std::string::npos);
    const AuditRow told = entry_of("audit.erased");
    CPPUNIT_ASSERT(told.entry.target_id == ann_.id.text());
    CPPUNIT_ASSERT(told.metadata_json.find(R"("is_complete":true)") != std::string::npos);
    // Once more changes nothing.
    const std::string before = everything();
    sign();
    run();
    CPPUNIT_ASSERT_EQUAL(before, everything());
  }

  void an_address_that_only_begins_or_ends_alike_is_somebody_elses() {
    for (const char* other : {"joann@example.org", "j.ann@example.org", "ann@example.org.uk",
                              "ann@example.organic", "ann@example.org-x.net"}) {
      AuditEntry entry = AuditEntry::of(Actor{std::nullopt, std::nullopt, "192.0.2.9", "test"},
                                        "auth.login", "user", other);
      entry.metadata = {{"email", other}};
      f_.audit.record(std::move(entry));
    }
    act("note.last", {{"text", "first\nann@example.org, then <ann@example.org>."}}, root_);
    erase_whole(ann_);
    const std::string left = everything();
    for (const char* other : {"joann@example.org", "j.ann@example.org", "ann@example.org.uk",
                              "ann@example.organic", "ann@example.org-x.net"}) {
      CPPUNIT_ASSERT_MESSAGE(other,
                             left.find(std::string("\"email\":\"") + other) != std::string::npos);
    }
    const AuditRow last = entry_of("note.last");
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"text":"[ERASED]","_z4j_erased":true})"),
                         last.metadata_json);
  }

  void the_log_and_its_bundle_are_proven_afterwards() {
    sign();
    const AuditCheckpoint seen = *checkpoints_->latest().value();
    erase_whole(ann_);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, must_be_whole().erased);
    sign();
    AuditBundle::Request request;
    request.since = seen.head.size;
    auto bundle = AuditBundle::open(*f_.store, *tree_, *checkpoints_, request).value();
    proof::BundleCheck verifier({{checkpoints_->key()}, {}, seen.head});
    std::string all;
    for (std::string text; bundle.next(text).value(); text.clear()) all += text;
    (void)verifier.take(all);
    const auto report = verifier.finish();
    CPPUNIT_ASSERT_MESSAGE(report.reason, report.ok);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, report.erased);
    CPPUNIT_ASSERT(report.extends_seen);
    // Nothing of what is hashed alone may be another: one byte of a hash refutes it.
    const std::size_t at = all.find(" =");
    CPPUNIT_ASSERT(at != std::string::npos);
    all[at + 5] = all[at + 5] == 'A' ? 'B' : 'A';
    proof::BundleCheck again({{checkpoints_->key()}, {}, std::nullopt});
    (void)again.take(all);
    CPPUNIT_ASSERT(!again.finish().ok);
  }

  void what_is_left_cannot_be_changed_nor_its_record_taken() {
    erase_whole(ann_);
    const AuditRow whole = entry_of("command.issue.retry");
    AuditRow changed = whole;
    changed.entry.user_id = root_.id;
    changed.canonical = audit_canonical(changed.entry, changed.link, changed.metadata_json).value();
    put(changed);
    CPPUNIT_ASSERT(check().reason == AuditFault::mac_mismatch);
    put(whole);
    (void)must_be_whole();
    Where record;
    record.eq(model::audit_erasures::seq, whole.seq);
    Commit commit;
    commit.erase(Table::audit_erasures, std::move(record));
    AccountFixture::must(f_.store->commit(commit));
    CPPUNIT_ASSERT(check().reason == AuditFault::mac_mismatch);
  }

  void a_record_that_somebody_made_up_hides_nothing() {
    sign();
    AuditRow row = entry_of("command.issue.retry");
    AuditErasure record;
    record.seq = row.seq;
    record.erased_at = f_.clock.now();
    record.leaf = tree_->leaves(0).value().at(static_cast<std::size_t>(row.seq) - 1);
    row.entry.user_id = root_.id;
    row.canonical = audit_canonical(row.entry, row.link, row.metadata_json).value();
    record.mac = audit_hmac("another secret of that length....",
                            audit_erasure_text(record, row.row_hmac, row.canonical));
    put(row);
    Rows rows(Table::audit_erasures);
    append(rows, record);
    Commit commit;
    commit.insert(std::move(rows));
    AccountFixture::must(f_.store->commit(commit));
    CPPUNIT_ASSERT(check().reason == AuditFault::mac_mismatch);
    // Nor does retention take it away.
    f_.clock.advance(3 * base::kDayUs);
    CPPUNIT_ASSERT_EQUAL(std::string("corrupt:audit_log"),
                         AccountFixture::why(retention_->run_once({}, always)));
  }

  void entries_wait_until_they_are_settled() {
    erase(ann_);
    run();
    CPPUNIT_ASSERT(is_told("203.0.113.7"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.count(Table::erasures));
    sign();
    run();
    CPPUNIT_ASSERT(!is_told("203.0.113.7"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, f_.count(Table::erasures));
  }

  void an_entry_that_was_changed_stops_it() {
    erase(ann_);
    sign();
    AuditRow row = entry_of("command.issue.retry");
    row.entry.source_ip = "203.0.113.9";
    row.canonical = audit_canonical(row.entry, row.link, row.metadata_json).value();
    put(row);
    CPPUNIT_ASSERT_EQUAL(std::string("corrupt:audit_log"),
                         AccountFixture::why(eraser_->run_once({}, always)));
    CPPUNIT_ASSERT(is_told("203.0.113.9"));
  }

  void two_people_of_one_entry_both_go() {
    const User bob = f_.add_user("bob", false, "none");
    act("note.both", {{"to", base::json::Array{"ann@example.org", "bob@example.org", "x"}}}, root_);
    erase_whole(ann_);
    erase_whole(bob);
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"to":["[ERASED]","[ERASED]","x"],"_z4j_erased":true})"),
                         entry_of("note.both").metadata_json);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{4}, must_be_whole().erased);
  }

  void retention_takes_erased_entries_with_their_records() {
    erase_whole(ann_);
    f_.clock.advance(3 * base::kDayUs);
    act("later", {}, root_);
    sign();
    CPPUNIT_ASSERT(AccountFixture::must(retention_->run_once({}, always)) > 0);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, f_.count(Table::audit_erasures));
    (void)must_be_whole();
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AuditEraserTest);

}  // namespace
}  // namespace z4j::core
