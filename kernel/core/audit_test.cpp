#include "core/audit.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <fstream>
#include <limits>
#include <sstream>
#include <thread>

#include "core/testing/test_store.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;

std::string audit_vector_text(const std::string& name) {
  std::ifstream in(std::string(Z4J_SOURCE_DIR) + "/tests/fixtures/vectors/" + name);
  CPPUNIT_ASSERT_MESSAGE(name, in.good());
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

json::Object audit_vector(const std::string& name) {
  return json::parse(audit_vector_text(name)).value().get_object();
}

// The text of the "metadata" object of the case called `name`, as the file has it: its numbers are
// too big for a DOM.
std::string raw_metadata(const std::string& file, const std::string& name) {
  std::size_t at = file.find("\"metadata\"", file.find("\"name\": \"" + name + "\""));
  at = file.find('{', at);
  int depth = 0;
  bool in_text = false;
  for (std::size_t i = at; i < file.size(); ++i) {
    const char c = file[i];
    if (in_text) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && --depth == 0) {
      return file.substr(at, i + 1 - at);
    }
  }
  return {};
}

std::optional<std::string> text_member(const json::Object& o, const char* key) {
  const auto* v = o.if_contains(key);
  if (v == nullptr || v->is_null()) return std::nullopt;
  return std::string(json::text(o, key));
}
std::optional<base::Uuid> uuid_member(const json::Object& o, const char* key) {
  const auto text = text_member(o, key);
  return text ? base::Uuid::parse(*text) : std::nullopt;
}

AuditRow vector_row(const json::Object& o) {
  AuditRow row;
  row.entry.action = json::text(o, "action");
  row.entry.target_type = json::text(o, "target_type");
  row.entry.target_id = text_member(o, "target_id");
  row.entry.result = json::text(o, "result");
  row.entry.outcome = text_member(o, "outcome");
  row.entry.event_id = uuid_member(o, "event_id");
  row.entry.user_id = uuid_member(o, "user_id");
  row.entry.api_key_id = uuid_member(o, "api_key_id");
  row.entry.project_id = uuid_member(o, "project_id");
  row.entry.source_ip = text_member(o, "source_ip");
  row.entry.user_agent = text_member(o, "user_agent");
  row.metadata_json = json::write(o.at("metadata"));
  row.link.id = *uuid_member(o, "id");
  row.link.occurred_at = base::parse_time(json::text(o, "occurred_at")).value();
  row.link.prev_row_hmac = text_member(o, "prev_row_hmac");
  row.row_hmac = text_member(o, "row_hmac").value_or("");
  row.canonical = audit_canonical(row.entry, row.link, row.metadata_json).value();
  return row;
}

// The vectors carry no places: consecutive, from 1 unless the chain starts in its middle.
std::vector<AuditRow> vector_rows(const json::Array& list) {
  std::vector<AuditRow> rows;
  std::int64_t seq = 0;
  for (const auto& item : list) {
    AuditRow row = vector_row(item.get_object());
    if (rows.empty() && row.link.prev_row_hmac) seq = 2;
    row.seq = ++seq;
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string_view vector_kind(AuditFault fault) {
  switch (fault) {
    case AuditFault::mac_mismatch:
    case AuditFault::missing_mac:
      return "bad_row_hmac";
    case AuditFault::link_mismatch:
      return "link_mismatch";
    case AuditFault::prefix_missing:
      return "truncated_prefix";
    default:
      return "none";
  }
}

class AuditTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(AuditTest);
  CPPUNIT_TEST(canonical_texts_and_macs_match_the_vectors);
  CPPUNIT_TEST(chain_scenarios_match_the_vectors);
  CPPUNIT_TEST(rotation_matches_the_vectors);
  CPPUNIT_TEST(outcome_follows_from_result);
  CPPUNIT_TEST(columns_that_differ_from_the_signed_text_are_a_mismatch);
  CPPUNIT_TEST(entries_are_cleaned_and_cut);
  CPPUNIT_TEST(a_written_chain_verifies_and_times_grow);
  CPPUNIT_TEST(an_act_that_conflicts_leaves_no_entry);
  CPPUNIT_TEST(two_logs_on_one_store_make_one_chain);
  CPPUNIT_TEST(a_cut_tail_is_found);
  CPPUNIT_TEST(a_cut_tail_with_a_head_put_back_is_found);
  CPPUNIT_TEST(entries_signed_before_a_rotation_still_verify);
  CPPUNIT_TEST_SUITE_END();

  testing::TestStore store_;
  base::ManualClock clock_{1'750'000'000'000'000};

  static Audit::Options options(std::string secret = "0123456789abcdef0123456789abcdef-key-one",
                                std::vector<std::string> previous = {}) {
    Audit::Options o;
    o.secret = std::move(secret);
    o.previous_secrets = std::move(previous);
    return o;
  }
  static AuditEntry entry(std::string action) {
    AuditEntry e;
    e.action = std::move(action);
    e.target_type = "test";
    e.metadata = {{"n", 1.5}, {"big", 1e16}, {"text", "\u00e9"}};
    return e;
  }
  static void put_meta(Commit& c, const char* key) {
    Rows rows(Table::meta);
    rows.begin().text(model::meta::key, key);
    c.insert(std::move(rows));
  }
  void write(Audit& audit, int entries) {
    CPPUNIT_ASSERT(audit.open().ok());
    for (int i = 0; i < entries; ++i)
      CPPUNIT_ASSERT(audit.commit({entry("a" + std::to_string(i))}, {}).ok());
  }
  void cut_tail(std::int64_t from_seq) {
    Commit c;
    Where tail;
    tail.ge(model::audit_log::seq, from_seq);
    c.retention().erase(Table::audit_log, std::move(tail));
    CPPUNIT_ASSERT(store_->commit(c).ok());
  }

 public:
  void canonical_texts_and_macs_match_the_vectors() {
    const std::string text = audit_vector_text("audit-canonical.json");
    const json::Object file = audit_vector("audit-canonical.json");
    const std::string key(json::text(file, "key_utf8"));
    for (const auto& item : file.at("cases").get_array()) {
      const json::Object& c = item.get_object();
      const std::string name(json::text(c, "name"));
      const AuditRow row = vector_row(c.at("input").get_object());
      const std::string canonical =
          audit_canonical(row.entry, row.link, raw_metadata(text, name)).value();
      CPPUNIT_ASSERT_EQUAL_MESSAGE(name, std::string(json::text(c, "canonical")), canonical);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(name, std::string(json::text(c, "row_hmac")),
                                   audit_hmac(key, canonical));
    }
  }

  void chain_scenarios_match_the_vectors() {
    const json::Object file = audit_vector("audit-chain.json");
    for (const auto& item : file.at("scenarios").get_array()) {
      const json::Object& s = item.get_object();
      const std::string name(json::text(s, "name"));
      AuditVerifier verifier(json::text(file, "key_utf8"), {});
      json::Array problems;
      for (const AuditRow& row : vector_rows(s.at("rows").get_array())) {
        const AuditFault fault = verifier.take(row);
        if (fault != AuditFault::none)
          problems.push_back({{"row_id", row.link.id.text()}, {"kind", vector_kind(fault)}});
      }
      CPPUNIT_ASSERT_EQUAL_MESSAGE(name, json::write(s.at("problems_in_order")),
                                   json::write(problems));
      CPPUNIT_ASSERT_EQUAL_MESSAGE(name, json::boolean(s, "chain_ok"), verifier.report().ok);
      const auto& broken = verifier.report().first_broken_id;
      CPPUNIT_ASSERT_EQUAL_MESSAGE(name, text_member(s, "expected_first_broken_id").value_or(""),
                                   broken ? broken->text() : "");
    }
  }

  void rotation_matches_the_vectors() {
    const json::Object file = audit_vector("audit-rotation.json");
    const std::string one(json::text(file, "key_one_utf8")), two(json::text(file, "key_two_utf8"));
    const auto rows = vector_rows(file.at("rows").get_array());
    int verifiers = 0;
    for (const auto& item : file.at("verifiers").get_array()) {
      const json::Object& v = item.get_object();
      const std::string name(json::text(v, "name"));
      const bool is_open = name == "window_open";
      AuditVerifier verifier(name == "rolled_back" ? one : two,
                             is_open ? std::vector<std::string>{one} : std::vector<std::string>{});
      for (const AuditRow& row : rows) verifier.take(row);
      const AuditReport& report = verifier.report();
      CPPUNIT_ASSERT_EQUAL_MESSAGE(name, json::boolean(v, "chain_ok"), report.ok);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(name, std::uint64_t{is_open ? 3u : 0u},
                                   report.accepted_with_previous_secret);
      const auto& ids = v.at("problem_row_ids").get_array();
      if (!ids.empty())
        CPPUNIT_ASSERT_EQUAL(std::string(ids.front().get_string().c_str()),
                             report.first_broken_id->text());
      ++verifiers;
    }
    CPPUNIT_ASSERT_EQUAL(3, verifiers);
  }

  void outcome_follows_from_result() {
    const json::Object file = audit_vector("audit-outcome.json");
    for (const auto& member : file.at("map").get_object()) {
      CPPUNIT_ASSERT_EQUAL(std::string(member.value().get_string().c_str()),
                           std::string(audit_outcome({member.key().data(), member.key().size()})));
    }
  }

  void columns_that_differ_from_the_signed_text_are_a_mismatch() {
    const json::Object file = audit_vector("audit-chain.json");
    auto rows = vector_rows(file.at("scenarios").at(0).at("rows").get_array());
    rows[2].entry.action = "something.else";  // the canonical text beside it stays
    AuditVerifier verifier(json::text(file, "key_utf8"), {});
    for (const AuditRow& row : rows) verifier.take(row);
    CPPUNIT_ASSERT(verifier.report().reason == AuditFault::mac_mismatch);
    CPPUNIT_ASSERT_EQUAL(rows[2].link.id.text(), verifier.report().first_broken_id->text());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, verifier.report().rows_verified);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, verifier.report().rows_after_break);
  }

  void entries_are_cleaned_and_cut() {
    AuditEntry e = entry(std::string(79, 'a') + "\u00e9\u00e9");
    e.user_agent = std::string("bad\xff\0nul", 8);
    e.metadata["inf"] = std::numeric_limits<double>::infinity();
    e.metadata["nul"] = std::string("a\0b", 3);
    e = audit_cleaned(std::move(e));
    CPPUNIT_ASSERT_EQUAL(std::string(79, 'a') + "\u00e9", e.action);
    CPPUNIT_ASSERT_EQUAL(std::string("bad\uFFFDnul"), *e.user_agent);
    CPPUNIT_ASSERT_EQUAL(std::string("inf"), std::string(json::text(e.metadata, "inf")));
    CPPUNIT_ASSERT_EQUAL(std::string("ab"), std::string(json::text(e.metadata, "nul")));
  }

  void a_written_chain_verifies_and_times_grow() {
    Audit audit(*store_, clock_, base::Log::quiet(), options());
    write(audit, 5);  // the clock stands still
    clock_.advance(-10 * base::kSecondUs);
    CPPUNIT_ASSERT(
        audit.commit({entry("x"), entry("y")}, [](Commit& c) { put_meta(c, "k"); }).ok());
    const AuditReport report = audit.verify().value();
    CPPUNIT_ASSERT_MESSAGE(std::string(to_string(report.reason)), report.ok);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{7}, report.rows_verified);
    Query query(Table::audit_log);
    query.all().order({model::audit_log::seq});
    const auto rows = store_->read(query).value();
    for (std::size_t i = 1; i < rows.size(); ++i) {
      CPPUNIT_ASSERT(rows[i].num(model::audit_log::occurred_at) >
                     rows[i - 1].num(model::audit_log::occurred_at));
    }
    CPPUNIT_ASSERT_EQUAL(std::string(rows.back().text(model::audit_log::row_hmac)),
                         report.head_hmac);
  }

  void an_act_that_conflicts_leaves_no_entry() {
    Audit audit(*store_, clock_, base::Log::quiet(), options());
    write(audit, 1);
    CPPUNIT_ASSERT(audit.commit({entry("first")}, [](Commit& c) { put_meta(c, "same"); }).ok());
    Commit out;
    const auto done = audit.commit(
        {entry("second")}, [](Commit& c) { put_meta(c, "same"); }, out);
    CPPUNIT_ASSERT(!done.ok());
    CPPUNIT_ASSERT(done.error().code == base::Code::conflict);
    CPPUNIT_ASSERT_EQUAL(std::uint32_t{0}, out.bad_step());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, store_->count(Table::audit_log, {}).value());
    CPPUNIT_ASSERT(audit.verify().value().ok);
  }

  void two_logs_on_one_store_make_one_chain() {
    Audit one(*store_, clock_, base::Log::quiet(), options());
    Audit two(*store_, clock_, base::Log::quiet(), options());
    write(one, 1);
    write(two, 1);
    const auto failures = [](Audit& audit) {
      int failed = 0;
      for (int i = 0; i < 20; ++i) failed += audit.commit({entry("x")}, {}).ok() ? 0 : 1;
      return failed;
    };
    int failed_in_other = 0;
    std::thread other([&] { failed_in_other = failures(two); });
    const int failed_here = failures(one);
    other.join();
    CPPUNIT_ASSERT_EQUAL(0, failed_here + failed_in_other);
    const AuditReport report = one.verify().value();
    CPPUNIT_ASSERT(report.ok);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{42}, report.rows_verified);
  }

  void a_cut_tail_is_found() {
    Audit audit(*store_, clock_, base::Log::quiet(), options());
    write(audit, 4);
    cut_tail(4);
    const AuditReport report = audit.verify().value();
    CPPUNIT_ASSERT(!report.ok);
    CPPUNIT_ASSERT(report.reason == AuditFault::head_mismatch);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, report.rows_verified);
  }

  void a_cut_tail_with_a_head_put_back_is_found() {
    Audit audit(*store_, clock_, base::Log::quiet(), options());
    write(audit, 4);
    cut_tail(4);
    Query query(Table::audit_log);
    query.all().order({model::audit_log::seq}, true);
    const auto last = store_->first(query).value();
    namespace h = model::audit_head;
    Commit c;
    Where where;
    where.eq(h::id, 1);
    c.update(Table::audit_head, where,
             {{h::seq, 3},
              {h::row_hmac, Cell(last->text(model::audit_log::row_hmac))},
              {h::occurred_at, last->num(model::audit_log::occurred_at)}},
             1, 1);
    CPPUNIT_ASSERT(store_->commit(c).ok());
    CPPUNIT_ASSERT(audit.verify().value().reason == AuditFault::head_mismatch);
  }

  void entries_signed_before_a_rotation_still_verify() {
    {
      Audit before(*store_, clock_, base::Log::quiet(),
                   options("old-secret-old-secret-old-secret"));
      write(before, 2);
    }
    Audit after(*store_, clock_, base::Log::quiet(),
                options("new-secret-new-secret-new-secret", {"old-secret-old-secret-old-secret"}));
    write(after, 1);
    const AuditReport report = after.verify().value();
    CPPUNIT_ASSERT(report.ok);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, report.accepted_with_previous_secret);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, report.secrets.size());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, report.secrets[0].rows);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, report.secrets[1].rows);
    CPPUNIT_ASSERT(report.secrets[0].id.size() == 8 &&
                   report.secrets[0].id != report.secrets[1].id);
    Audit closed(*store_, clock_, base::Log::quiet(), options("new-secret-new-secret-new-secret"));
    CPPUNIT_ASSERT(closed.verify().value().reason == AuditFault::mac_mismatch);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AuditTest);

}  // namespace
}  // namespace z4j::core
