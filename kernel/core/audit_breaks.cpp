#include "core/audit_breaks.hpp"

#include <algorithm>

#include "core/audit.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace break_col = model::audit_breaks;
namespace json = base::json;

constexpr std::uint32_t kMostBreaks = 1000;
constexpr std::size_t kBreakNoteChars = 1000;

std::string audit_break_text(const AuditBreak& known) {
  // The note comes last: it may hold anything.
  return "z4j-audit-break-v1\n" + known.id.text() + "\n" + std::string(to_string(known.fault)) +
         "\n" + (known.row_id ? known.row_id->text() : "-") + "\n" +
         (known.seq ? std::to_string(*known.seq) : "-") + "\n" +
         (known.acknowledged_by ? known.acknowledged_by->text() : "-") + "\n" +
         std::to_string(known.acknowledged_at) + "\n" + known.note;
}

}  // namespace

json::Object to_json(const AuditBreak& known) {
  json::Value seq(nullptr);
  if (known.seq) seq = *known.seq;
  return {{"id", known.id.text()},
          {"reason", to_string(known.fault)},
          {"row_id", json::text_or_null(known.row_id ? known.row_id->text() : "")},
          {"seq", std::move(seq)},
          {"note", json::text_or_null(known.note)},
          {"acknowledged_by",
           json::text_or_null(known.acknowledged_by ? known.acknowledged_by->text() : "")},
          {"acknowledged_at", base::format_time(known.acknowledged_at)},
          {"is_genuine", known.is_genuine}};
}

base::Result<std::vector<AuditBreak>> read_audit_breaks(Store& store, const AuditSecrets& secrets) {
  std::vector<AuditBreak> out;
  Query query(Table::audit_breaks);
  query.all().limit(kMostBreaks);
  auto read = store.each(query, [&](const Row& row) {
    AuditBreak one;
    one.id = row.uuid(break_col::id);
    one.fault = parse_audit_fault(row.text(break_col::reason)).value_or(AuditFault::none);
    one.row_id = row.uuid_or_none(break_col::row_id);
    one.seq = row.num_or_none(break_col::seq);
    one.note = row.text(break_col::note);
    one.acknowledged_by = row.uuid_or_none(break_col::acknowledged_by);
    one.acknowledged_at = row.num(break_col::acknowledged_at);
    one.is_genuine = is_audit_mac(row.text(break_col::mac), audit_break_text(one), secrets);
    out.push_back(std::move(one));
    return true;
  });
  if (!read) return std::move(read).error();
  std::sort(out.begin(), out.end(), [](const AuditBreak& a, const AuditBreak& b) {
    return std::pair(a.acknowledged_at, a.id) < std::pair(b.acknowledged_at, b.id);
  });
  return out;
}

bool is_known(const std::vector<AuditBreak>& breaks, AuditFault fault,
              const std::optional<base::Uuid>& id, const std::optional<std::int64_t>& seq) {
  return std::any_of(breaks.begin(), breaks.end(), [&](const AuditBreak& known) {
    return known.is_genuine && known.fault == fault && known.row_id == id && known.seq == seq;
  });
}

base::Result<AuditBreak> acknowledge_audit_break(Store& store, Audit& audit,
                                                 const AuditSecrets& secrets,
                                                 const base::Clock& clock, const Actor& actor,
                                                 AuditBreak known) {
  auto before = read_audit_breaks(store, secrets);
  if (!before) return std::move(before).error();
  if (is_known(*before, known.fault, known.row_id, known.seq))
    return refuse::conflict("already_acknowledged", "this break is acknowledged already");
  if (before->size() >= kMostBreaks)
    return refuse::conflict("too_many", "there are a thousand acknowledged breaks");
  known.id = base::Uuid::random();
  known.acknowledged_at = clock.now();
  known.acknowledged_by = actor.user_id;
  known.note = clean_text(known.note, kBreakNoteChars);
  known.is_genuine = true;
  AuditEntry entry = AuditEntry::of(actor, "audit.break_acknowledged", "audit",
                                    known.row_id ? known.row_id->text() : "");
  entry.metadata = {{"reason", to_string(known.fault)}, {"note", known.note}};
  if (known.seq) entry.metadata["seq"] = *known.seq;
  auto done = audit.commit({std::move(entry)}, [&](Commit& commit) {
    Rows rows(Table::audit_breaks);
    rows.begin()
        .uuid(break_col::id, known.id)
        .text(break_col::reason, to_string(known.fault))
        .text_or_null(break_col::note, known.note)
        .num(break_col::acknowledged_at, known.acknowledged_at)
        .text(break_col::mac, audit_hmac(secrets.secret, audit_break_text(known)));
    if (known.row_id) rows.uuid(break_col::row_id, *known.row_id);
    if (known.seq) rows.num(break_col::seq, *known.seq);
    if (known.acknowledged_by) rows.uuid(break_col::acknowledged_by, *known.acknowledged_by);
    commit.insert(std::move(rows));
  });
  if (!done) return std::move(done).error();
  return known;
}

}  // namespace z4j::core
