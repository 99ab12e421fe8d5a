#include "core/audit_eraser.hpp"

#include <algorithm>

#include "core/audit_erasures.hpp"
#include "core/text.hpp"
#include "proof/entry_line.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;
namespace wanted_col = model::erasures;
namespace told_col = model::audit_log;

constexpr std::string_view kErasedText = "[ERASED]", kErasedMark = "_z4j_erased";
constexpr std::uint32_t kPeopleAtOnce = 100;
// Besides letters and digits, of those that people have in front of the @.
constexpr std::string_view kWithinLocalPart = "._%+-";

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
}

// The address itself, not as the end or the beginning of a longer one, which is somebody else's.
bool holds_address(std::string_view text, std::string_view email) {
  if (email.empty()) return false;
  const std::string lower = ascii_lower(text);
  for (std::size_t at = lower.find(email); at != std::string::npos;
       at = lower.find(email, at + 1)) {
    const std::string_view after = std::string_view(lower).substr(at + email.size());
    const bool begins = at == 0 || (!is_alnum(lower[at - 1]) &&
                                    kWithinLocalPart.find(lower[at - 1]) == std::string_view::npos);
    const bool goes_on =
        !after.empty() && (is_alnum(after[0]) || after[0] == '-' ||
                           (after[0] == '.' && after.size() > 1 && is_alnum(after[1])));
    if (begins && !goes_on) return true;
  }
  return false;
}

bool names_person(std::string_view text, const Person& person, bool is_of_person) {
  if (holds_address(text, person.email)) return true;
  return is_of_person &&
         std::find(person.names.begin(), person.names.end(), text) != person.names.end();
}

json::Value without_person(const json::Value& value, const Person& person, bool is_of_person) {
  if (const auto* text = value.if_string()) {
    return names_person({text->data(), text->size()}, person, is_of_person)
               ? json::Value(kErasedText)
               : value;
  }
  if (const auto* items = value.if_array()) {
    json::Array out;
    for (const auto& item : *items) out.push_back(without_person(item, person, is_of_person));
    return out;
  }
  if (const auto* members = value.if_object()) {
    json::Object out;
    for (const auto& member : *members) {
      const bool is_told = names_person(member.key(), person, is_of_person);
      out[is_told ? kErasedText : std::string_view(member.key())] =
          without_person(member.value(), person, is_of_person);
    }
    return out;
  }
  return value;
}

json::Object words_of(const Person& person) {
  json::Array names;
  for (const std::string& name : person.names) names.emplace_back(name);
  return {{"email", person.email}, {"names", std::move(names)}};
}

}  // namespace

void want_erased(Commit& commit, const Person& person, base::TimeUs now) {
  Rows rows(Table::erasures);
  rows.begin()
      .uuid(wanted_col::id, person.id)
      .num(wanted_col::requested_at, now)
      .text(wanted_col::words, json::write(words_of(person)))
      .num(wanted_col::next_seq, 1)
      .num(wanted_col::entries, 0);
  commit.insert(std::move(rows));
}

bool erase_person(AuditRow& row, const Person& person) {
  AuditEntry& e = row.entry;
  const std::string id = person.id.text();
  const bool is_by_person = e.user_id == person.id;
  const bool is_of_person = is_by_person || e.target_id == id;
  // Spares most entries the reading.
  if (!is_of_person && ascii_lower(row.canonical).find(person.email) == std::string::npos)
    return false;
  const auto names = [&](const std::optional<std::string>& text) {
    return text && names_person(*text, person, is_of_person);
  };
  const bool is_target = names(e.target_id), is_agent = names(e.user_agent);
  const auto told = json::parse(row.metadata_json);
  json::Value left;
  if (told && told->is_object()) left = without_person(*told, person, is_of_person);
  const bool is_told = left.is_object() && left != *told;
  if (!is_of_person && !is_target && !is_agent && !is_told) return false;
  // Who tried without an account may be that person; an account that did something to that person
  // is somebody else's.
  const bool is_from_person = is_by_person || !e.user_id;
  if (!is_target && !is_agent && !is_told && !(is_from_person && (e.source_ip || e.user_agent)))
    return false;
  if (is_from_person) e.source_ip.reset();
  if (is_from_person || is_agent) e.user_agent.reset();
  if (is_target) e.target_id = std::string(kErasedText);
  if (left.is_object()) {
    left.get_object()[kErasedMark] = true;
    row.metadata_json = json::write(left);
  }
  // As the columns say it, which are compared with it.
  auto rest = audit_canonical(e, row.link, row.metadata_json);
  row.canonical = rest ? std::move(rest).value() : std::string();
  return true;
}

AuditEraser::AuditEraser(Store& store, Audit& audit, AuditTree& tree, const base::Clock& clock,
                         std::function<base::Result<std::int64_t>()> settled)
    : store_(store), audit_(audit), tree_(tree), clock_(clock), settled_(std::move(settled)) {}

base::Result<std::vector<AuditEraser::Wanted>> AuditEraser::wanted() {
  Query query(Table::erasures);
  query.all().order({wanted_col::id}).limit(kPeopleAtOnce);
  std::vector<Wanted> out;
  auto read = store_.each(query, [&out](const Row& row) {
    Wanted next;
    next.person.id = row.uuid(wanted_col::id);
    next.requested_at = row.num(wanted_col::requested_at);
    next.next_seq = row.num(wanted_col::next_seq);
    next.entries = row.num(wanted_col::entries);
    const json::Value words = row.json(wanted_col::words);
    if (words.is_object()) {
      next.person.email = json::text(words.get_object(), "email");
      const json::Array* names = json::array(words.get_object(), "names");
      for (const json::Value& name : names != nullptr ? *names : json::Array()) {
        if (const auto* text = name.if_string()) next.person.names.emplace_back(*text);
      }
    }
    out.push_back(std::move(next));
    return true;
  });
  if (!read) return std::move(read).error();
  return out;
}

base::Result<AuditErasure> AuditEraser::record_of(const AuditRow& whole, const AuditRow& rest,
                                                  const AuditErasures& known) {
  AuditErasure out;
  out.seq = whole.seq;
  out.erased_at = clock_.now();
  out.leaf = audit_leaf(whole.seq, whole.row_hmac, whole.canonical, known, audit_.secrets());
  const auto at = static_cast<std::uint64_t>(whole.seq) - 1;
  auto leaves = tree_.leaves(at / kAuditTileWidth);
  if (!leaves) return std::move(leaves).error();
  const std::uint64_t place = at % kAuditTileWidth;
  if (place >= leaves->size() || (*leaves)[place] != out.leaf) {
    return base::Error{base::Code::corrupt,
                       "a person stays in the audit log: entry " + std::to_string(whole.seq) +
                           " is not what it was",
                       "audit_log", "run audit verify", 0};
  }
  out.mac =
      audit_hmac(audit_.secrets().secret, audit_erasure_text(out, rest.row_hmac, rest.canonical));
  return out;
}

base::Result<bool> AuditEraser::batch(const std::optional<Fence>& fence, Wanted& wanted,
                                      std::int64_t settled) {
  Query query(Table::audit_log);
  query.where.ge(told_col::seq, wanted.next_seq).le(told_col::seq, settled);
  query.all().order({told_col::seq}).limit(kRows).timeout_ms(60'000);
  std::vector<AuditRow> page;
  auto read = store_.each(query, [&page](const Row& row) {
    page.push_back(read_audit_row(row));
    return true;
  });
  if (!read) return std::move(read).error();
  if (page.empty()) return false;
  auto known = read_audit_erasures(store_, page.front().seq, page.back().seq);
  if (!known) return std::move(known).error();
  const std::string id = wanted.person.id.text();
  std::vector<AuditRow> rests;
  std::vector<AuditErasure> records;
  bool is_complete = false;
  std::int64_t next = wanted.next_seq;
  for (const AuditRow& whole : page) {
    // Nothing is written of the person behind the entry of the deletion. When retention took that
    // one, time tells.
    is_complete = (whole.entry.action == kUserErased && whole.entry.target_id == id) ||
                  whole.link.occurred_at > wanted.requested_at + base::kDayUs;
    next = whole.seq + 1;
    AuditRow rest = whole;
    if (erase_person(rest, wanted.person)) {
      auto record = record_of(whole, rest, *known);
      if (!record) return std::move(record).error();
      rests.push_back(std::move(rest));
      records.push_back(std::move(record).value());
    }
    if (is_complete) break;
  }
  const auto entries = static_cast<std::int64_t>(rests.size());
  const auto step = [&](Commit& commit) {
    if (fence) fence->guard(commit);
    Where as_seen, theirs, old;
    as_seen.eq(wanted_col::id, wanted.person.id).eq(wanted_col::next_seq, wanted.next_seq);
    commit.check(Table::erasures, as_seen, 1, 1);
    if (entries > 0) {
      std::vector<Cell> seqs;
      Rows left(Table::audit_log), noted(Table::audit_erasures);
      for (const AuditRow& rest : rests) {
        seqs.emplace_back(rest.seq);
        append(left, rest);
      }
      for (const AuditErasure& record : records) append(noted, record);
      theirs.in(told_col::seq, seqs);
      old.in(model::audit_erasures::seq, std::move(seqs));
      commit.erase(Table::audit_log, std::move(theirs))
          .insert(std::move(left))
          .erase(Table::audit_erasures, std::move(old))
          .insert(std::move(noted))
          .retention();
    }
    if (is_complete)
      commit.erase(Table::erasures, std::move(as_seen));
    else
      commit.update(
          Table::erasures, std::move(as_seen),
          {{wanted_col::next_seq, next}, {wanted_col::entries, wanted.entries + entries}});
  };
  base::Status done;
  if (entries == 0 && !is_complete) {
    Commit commit;
    step(commit);
    done = store_.commit(commit);
  } else {
    AuditEntry entry = AuditEntry::of({}, "audit.erased", "user", id);
    entry.metadata = {{"erased_count", entries},
                      {"erased_in_all", wanted.entries + entries},
                      {"through_seq", next - 1},
                      {"is_complete", is_complete}};
    done = audit_.commit({std::move(entry)}, step);
  }
  if (!done) return std::move(done).error();
  wanted.next_seq = next;
  wanted.entries += entries;
  return !is_complete;
}

base::Status AuditEraser::run_once(const std::optional<Fence>& fence,
                                   const std::function<bool()>& may_go_on) {
  auto people = wanted();
  if (!people) return std::move(people).error();
  if (people->empty()) return {};
  auto settled = settled_();
  if (!settled) return std::move(settled).error();
  for (Wanted& each : *people) {
    for (bool is_more = true; is_more && may_go_on();) {
      auto done = batch(fence, each, *settled);
      if (!done) return std::move(done).error();
      is_more = *done;
    }
  }
  return {};
}

}  // namespace z4j::core
