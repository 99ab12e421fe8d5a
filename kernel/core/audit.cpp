#include "core/audit.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "base/crypto.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace log_col = model::audit_log;
namespace head_col = model::audit_head;
namespace json = base::json;

constexpr std::size_t kAuditActionChars = 80, kAuditTargetTypeChars = 40, kAuditTargetIdChars = 200,
                      kAuditResultChars = 20, kAuditUserAgentChars = 1024, kAuditAddressChars = 64;
constexpr std::size_t kAuditMetadataBytes = 64u << 10;
constexpr std::uint32_t kAuditPageRows = 1000;
constexpr int kAuditBusyTries = 3;

// Another kernel was faster. A pause of random length, longer with each race lost, gives each its
// turn.
void step_aside(int races_lost) {
  const unsigned most_us = 500u << std::min(races_lost, 7);
  const std::string random = base::random_bytes(2);
  const unsigned fraction =
      static_cast<unsigned char>(random[0]) * 256u + static_cast<unsigned char>(random[1]);
  std::this_thread::sleep_for(std::chrono::microseconds(most_us * fraction / 65536));
}

json::Value clean_audit_value(const json::Value& value) {
  switch (value.kind()) {
    case boost::json::kind::string: {
      const auto& s = value.get_string();
      return json::Value(clean_text({s.data(), s.size()}, kAuditMetadataBytes));
    }
    case boost::json::kind::double_:
      if (!std::isfinite(value.get_double()))
        return json::Value(std::to_string(value.get_double()));
      return value;
    case boost::json::kind::array: {
      json::Array out;
      for (const auto& item : value.get_array()) out.push_back(clean_audit_value(item));
      return out;
    }
    case boost::json::kind::object: {
      json::Object out;
      for (const auto& member : value.get_object()) {
        out[clean_text({member.key().data(), member.key().size()}, kAuditMetadataBytes)] =
            clean_audit_value(member.value());
      }
      return out;
    }
    default:
      return value;
  }
}

json::Value audit_text(const std::optional<std::string>& text) {
  return text ? json::Value(*text) : json::Value(nullptr);
}
json::Value audit_uuid(const std::optional<base::Uuid>& id) {
  return id ? json::Value(id->text()) : json::Value(nullptr);
}

// All members but metadata.
json::Object audit_members(const AuditEntry& entry, const AuditLink& link) {
  return {{"version", 1},
          {"id", link.id.text()},
          {"action", entry.action},
          {"target_type", entry.target_type},
          {"target_id", audit_text(entry.target_id)},
          {"result", entry.result},
          {"outcome",
           entry.outcome ? json::Value(*entry.outcome) : json::Value(audit_outcome(entry.result))},
          {"event_id", audit_uuid(entry.event_id)},
          {"user_id", audit_uuid(entry.user_id)},
          {"api_key_id", audit_uuid(entry.api_key_id)},
          {"project_id", audit_uuid(entry.project_id)},
          {"source_ip", audit_text(entry.source_ip)},
          {"user_agent", audit_text(entry.user_agent)},
          {"occurred_at", base::format_time(link.occurred_at, base::TimeForm::audit)},
          {"prev_row_hmac", audit_text(link.prev_row_hmac)}};
}

// Equal as JSON, numbers by value: stores may give 1e16 back as an integer.
bool same_audit_json(const json::Value& a, const json::Value& b) {
  if (a.is_number() && b.is_number() && a.kind() != b.kind()) {
    return a.to_number<double>() == b.to_number<double>();
  }
  if (a.kind() != b.kind()) return false;
  if (a.is_array()) {
    const auto& x = a.get_array();
    const auto& y = b.get_array();
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), same_audit_json);
  }
  if (a.is_object()) {
    const auto& x = a.get_object();
    const auto& y = b.get_object();
    return x.size() == y.size() && std::all_of(x.begin(), x.end(), [&y](const auto& member) {
             const auto* other = y.if_contains(member.key());
             return other != nullptr && same_audit_json(member.value(), *other);
           });
  }
  return a == b;
}

// Do the columns say what the signed text says?
bool columns_agree(const AuditRow& row) {
  if (const auto rebuilt = audit_canonical(row.entry, row.link, row.metadata_json);
      rebuilt && *rebuilt == row.canonical) {
    return true;
  }
  const auto parsed_signed = json::parse(row.canonical);
  const auto parsed_metadata = json::parse(row.metadata_json);
  if (!parsed_signed || !parsed_signed->is_object() || !parsed_metadata) return false;
  json::Object members = audit_members(row.entry, row.link);
  members["metadata"] = *parsed_metadata;
  return same_audit_json(*parsed_signed, json::Value(std::move(members)));
}

std::optional<std::string> audit_text_column(const Row& row, std::uint16_t column) {
  if (row.is_null(column)) return std::nullopt;
  return std::string(row.text(column));
}

AuditRow audit_row_of(const Row& row) {
  AuditRow out;
  out.seq = row.num(log_col::seq);
  out.entry.action = row.text(log_col::action);
  out.entry.target_type = row.text(log_col::target_type);
  out.entry.target_id = audit_text_column(row, log_col::target_id);
  out.entry.result = row.text(log_col::result);
  out.entry.outcome = audit_text_column(row, log_col::outcome);
  out.entry.event_id = row.uuid_or_none(log_col::event_id);
  out.entry.user_id = row.uuid_or_none(log_col::user_id);
  out.entry.api_key_id = row.uuid_or_none(log_col::api_key_id);
  out.entry.project_id = row.uuid_or_none(log_col::project_id);
  out.entry.source_ip = audit_text_column(row, log_col::source_ip);
  out.entry.user_agent = audit_text_column(row, log_col::user_agent);
  out.metadata_json =
      row.is_null(log_col::metadata) ? "null" : std::string(row.text(log_col::metadata));
  out.link.id = row.uuid(log_col::id);
  out.link.occurred_at = row.num(log_col::occurred_at);
  out.link.prev_row_hmac = audit_text_column(row, log_col::prev_row_hmac);
  out.canonical = row.text(log_col::canonical);
  out.row_hmac = row.text(log_col::row_hmac);
  return out;
}

void put_audit_text(Rows& rows, std::uint16_t column, const std::optional<std::string>& text) {
  if (text) {
    rows.text(column, *text);
  } else {
    rows.null(column);
  }
}
void put_audit_uuid(Rows& rows, std::uint16_t column, const std::optional<base::Uuid>& id) {
  if (id) {
    rows.uuid(column, *id);
  } else {
    rows.null(column);
  }
}

}  // namespace

AuditEntry AuditEntry::of(const Actor& actor, std::string_view action, std::string_view target_type,
                          std::string_view target_id, std::optional<base::Uuid> project_id) {
  AuditEntry entry;
  entry.action = action;
  entry.target_type = target_type;
  if (!target_id.empty()) entry.target_id = std::string(target_id);
  entry.user_id = actor.user_id;
  entry.api_key_id = actor.api_key_id;
  entry.project_id = project_id;
  if (!actor.source_ip.empty()) entry.source_ip = actor.source_ip;
  if (!actor.user_agent.empty()) entry.user_agent = actor.user_agent;
  return entry;
}

std::string_view audit_outcome(std::string_view result) noexcept {
  return result == "success" ? "allow" : result == "failed" ? "failure" : "error";
}

AuditEntry audit_cleaned(AuditEntry entry) {
  const auto cut = [](std::optional<std::string>& text, std::size_t characters) {
    if (text) text = clean_text(*text, characters);
  };
  entry.action = clean_text(entry.action, kAuditActionChars);
  entry.target_type = clean_text(entry.target_type, kAuditTargetTypeChars);
  cut(entry.target_id, kAuditTargetIdChars);
  entry.result = clean_text(entry.result, kAuditResultChars);
  cut(entry.outcome, kAuditResultChars);
  cut(entry.source_ip, kAuditAddressChars);
  cut(entry.user_agent, kAuditUserAgentChars);
  entry.metadata = clean_audit_value(json::Value(entry.metadata)).get_object();
  if (const std::size_t bytes = json::write(entry.metadata).size(); bytes > kAuditMetadataBytes) {
    entry.metadata = {{"_z4j_truncated", true}, {"bytes", static_cast<std::int64_t>(bytes)}};
  }
  return entry;
}

std::string audit_canonical(const AuditEntry& entry, const AuditLink& link) {
  json::Object members = audit_members(entry, link);
  members["metadata"] = entry.metadata;
  return json::write_canonical(members);
}

base::Result<std::string> audit_canonical(const AuditEntry& entry, const AuditLink& link,
                                          std::string_view metadata_json) {
  // The members before and after "metadata" in the order of their names.
  const auto metadata = json::canonical(metadata_json);
  if (!metadata) return metadata.error();
  json::Object before, after;
  for (const auto& member : audit_members(entry, link)) {
    (std::string_view(member.key().data(), member.key().size()) < "metadata"
         ? before
         : after)[member.key()] = member.value();
  }
  std::string out = json::write_canonical(before);
  out.back() = ',';
  out += "\"metadata\":" + *metadata + ",";
  return out + json::write_canonical(after).substr(1);
}

std::string audit_hmac(std::string_view secret, std::string_view canonical) {
  return base::hex(base::hmac_sha256(secret, canonical));
}

std::string_view to_string(AuditFault fault) noexcept {
  switch (fault) {
    case AuditFault::none:
      return "none";
    case AuditFault::mac_mismatch:
      return "mac_mismatch";
    case AuditFault::link_mismatch:
      return "link_mismatch";
    case AuditFault::missing_mac:
      return "missing_mac";
    case AuditFault::prefix_missing:
      return "prefix_missing";
    case AuditFault::head_mismatch:
      return "head_mismatch";
  }
  return "none";
}

// --- AuditVerifier ------------------------------------------------------------------------------

AuditVerifier::AuditVerifier(std::string_view secret,
                             const std::vector<std::string>& previous_secrets) {
  secrets_.emplace_back(secret);
  secrets_.insert(secrets_.end(), previous_secrets.begin(), previous_secrets.end());
}

bool AuditVerifier::is_signed(const AuditRow& row, bool& by_previous) const {
  for (std::size_t i = 0; i < secrets_.size(); ++i) {
    if (!base::equal_constant_time(audit_hmac(secrets_[i], row.canonical), row.row_hmac)) continue;
    by_previous = i > 0;
    return columns_agree(row);
  }
  return false;
}

AuditFault AuditVerifier::take(const AuditRow& row) {
  AuditFault fault = AuditFault::none;
  if (!started_) {
    if (row.link.prev_row_hmac || row.seq != 1) fault = AuditFault::prefix_missing;
  } else if (row.link.prev_row_hmac != expected_ || row.seq != last_seq_ + 1) {
    fault = AuditFault::link_mismatch;
  }
  bool by_previous = false;
  const bool good_mac = !row.row_hmac.empty() && is_signed(row, by_previous);
  if (!good_mac && fault == AuditFault::none) {
    fault = row.row_hmac.empty() ? AuditFault::missing_mac : AuditFault::mac_mismatch;
  }
  // The link moves on past a row that was moved, not past one that was forged.
  if (good_mac) expected_ = row.row_hmac;
  started_ = true;
  last_seq_ = row.seq;
  report_.head_hmac = row.row_hmac;
  if (!report_.ok) {
    ++report_.rows_after_break;
  } else if (fault == AuditFault::none) {
    ++report_.rows_verified;
  }
  if (by_previous && fault == AuditFault::none) ++report_.accepted_with_previous_secret;
  if (fault != AuditFault::none) fail(fault, row.link.id, row.link.occurred_at);
  return fault;
}

void AuditVerifier::fail(AuditFault fault, std::optional<base::Uuid> id,
                         std::optional<base::TimeUs> at) {
  if (!report_.ok) return;
  report_.ok = false;
  report_.reason = fault;
  report_.first_broken_id = id;
  report_.first_broken_at = at;
}

// --- Audit --------------------------------------------------------------------------------------

Audit::Audit(Store& store, const base::Clock& clock, base::Log& log, Options options)
    : store_(store), clock_(clock), log_(log), options_(std::move(options)) {}

std::string Audit::head_mac(std::string_view secret, const Head& head) const {
  return audit_hmac(secret, "z4j-audit-head-v1\n" + std::to_string(head.seq) + "\n" +
                                head.row_hmac + "\n" + std::to_string(head.occurred_at));
}

bool Audit::is_head_genuine(const Head& head) const {
  const auto fits = [&](const std::string& secret) {
    return base::equal_constant_time(head_mac(secret, head), head.mac);
  };
  return fits(options_.secret) ||
         std::any_of(options_.previous_secrets.begin(), options_.previous_secrets.end(), fits);
}

base::Result<std::optional<Audit::Head>> Audit::read_head() {
  Query query(Table::audit_head);
  query.where.eq(head_col::id, 1);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return std::optional<Head>{};
  const Row& r = **row;
  return std::optional<Head>(Head{r.num(head_col::seq), std::string(r.text(head_col::row_hmac)),
                                  r.num(head_col::occurred_at),
                                  std::string(r.text(head_col::mac))});
}

base::Status Audit::open() {
  auto found = read_head();
  if (!found) return std::move(found).error();
  if (found->has_value()) {
    if (!is_head_genuine(**found)) log_.error("audit head has a wrong MAC: run audit verify");
    return {};
  }
  Head head;
  Query newest(Table::audit_log);
  newest.columns({log_col::seq, log_col::row_hmac, log_col::occurred_at})
      .order({log_col::seq}, true);
  auto last = store_.first(std::move(newest));
  if (!last) return std::move(last).error();
  if (last->has_value()) {
    head = Head{(*last)->num(log_col::seq),
                std::string((*last)->text(log_col::row_hmac)),
                (*last)->num(log_col::occurred_at),
                {}};
    log_.error("audit head is missing, entries are not: it was made anew and the loss is recorded");
  }
  Rows rows(Table::audit_head);
  rows.begin()
      .num(head_col::id, 1)
      .num(head_col::seq, head.seq)
      .text_or_null(head_col::row_hmac, head.row_hmac)
      .num(head_col::occurred_at, head.occurred_at)
      .text(head_col::mac, head_mac(options_.secret, head));
  Commit commit;
  commit.serial("audit").insert_new(std::move(rows));
  if (auto done = store_.commit(commit); !done) return done;
  if (last->has_value()) {
    AuditEntry entry;
    entry.action = "audit.head_lost";
    entry.target_type = "audit";
    entry.result = "failed";
    return this->commit({std::move(entry)}, {});
  }
  return {};
}

Rows Audit::chain(const std::vector<AuditEntry>& entries, const std::vector<base::Uuid>& ids,
                  Head& head) const {
  Rows rows(Table::audit_log);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const AuditEntry& e = entries[i];
    AuditLink link;
    link.id = ids[i];
    link.occurred_at = std::max(clock_.now(), head.occurred_at + 1);
    if (!head.row_hmac.empty()) link.prev_row_hmac = head.row_hmac;
    const std::string canonical = audit_canonical(e, link);
    head.seq += 1;
    head.occurred_at = link.occurred_at;
    head.row_hmac = audit_hmac(options_.secret, canonical);
    rows.begin()
        .num(log_col::seq, head.seq)
        .uuid(log_col::id, link.id)
        .num(log_col::occurred_at, link.occurred_at)
        .text(log_col::action, e.action)
        .text(log_col::target_type, e.target_type)
        .text(log_col::result, e.result)
        .text(log_col::outcome, e.outcome ? std::string_view(*e.outcome) : audit_outcome(e.result))
        .text(log_col::metadata, json::write(e.metadata))
        .text(log_col::canonical, canonical)
        .text(log_col::row_hmac, head.row_hmac);
    put_audit_text(rows, log_col::target_id, e.target_id);
    put_audit_text(rows, log_col::source_ip, e.source_ip);
    put_audit_text(rows, log_col::user_agent, e.user_agent);
    put_audit_text(rows, log_col::prev_row_hmac, link.prev_row_hmac);
    put_audit_uuid(rows, log_col::event_id, e.event_id);
    put_audit_uuid(rows, log_col::user_id, e.user_id);
    put_audit_uuid(rows, log_col::api_key_id, e.api_key_id);
    put_audit_uuid(rows, log_col::project_id, e.project_id);
  }
  head.mac = head_mac(options_.secret, head);
  return rows;
}

base::Result<bool> Audit::is_stored(const base::Uuid& id) {
  Query query(Table::audit_log);
  query.where.eq(log_col::id, id);
  auto row = store_.first(query.columns({log_col::seq}));
  if (!row) return std::move(row).error();
  return row->has_value();
}

base::Status Audit::commit(std::vector<AuditEntry> entries, const Act& act) {
  Commit out;
  return commit(std::move(entries), act, out);
}

base::Status Audit::commit(std::vector<AuditEntry> entries, const Act& act, Commit& out) {
  Z4J_CHECK(!entries.empty());
  std::vector<base::Uuid> ids;
  for (AuditEntry& entry : entries) {
    entry = audit_cleaned(std::move(entry));
    ids.push_back(base::Uuid::random());
  }
  const base::OneAtATime::Turn turn(turn_, std::chrono::milliseconds(options_.turn_timeout_ms));
  if (!turn) {
    return base::Error{base::Code::busy,
                       "the audit log is busy: other changes are still being written",
                       {},
                       "try again in a moment",
                       1000};
  }
  int busy_tries = 0;
  bool in_doubt = false;  // an earlier try may have been stored
  for (int i = 0; i < options_.max_tries; ++i) {
    if (!head_) {
      auto found = read_head();
      if (!found) return std::move(found).error();
      if (!found->has_value()) {
        return base::Error{base::Code::corrupt, "the audit log has no head", "audit_head",
                           "restart the brain, then run audit verify", 0};
      }
      head_ = std::move(**found);
    }
    if (in_doubt) {
      auto stored = is_stored(ids.front());
      if (!stored) return std::move(stored).error();
      if (*stored) return {};
    }
    Commit next;
    if (act) act(next);
    const std::size_t head_step = next.steps();
    const std::int64_t seen_seq = head_->seq;
    Head head = *head_;
    Rows rows = chain(entries, ids, head);
    Where unchanged;
    unchanged.eq(head_col::id, 1).eq(head_col::seq, seen_seq);
    next.serial("audit")
        .update(Table::audit_head, std::move(unchanged),
                {{head_col::seq, head.seq},
                 {head_col::row_hmac, head.row_hmac},
                 {head_col::occurred_at, head.occurred_at},
                 {head_col::mac, head.mac}},
                1, 1)
        .insert(std::move(rows));
    base::Status done = store_.commit(next);
    out = std::move(next);
    if (done) {
      head_ = std::move(head);
      return done;
    }
    head_.reset();
    switch (done.error().code) {
      case base::Code::conflict: {
        if (out.bad_step() < head_step && !in_doubt) return done;
        if (out.bad_step() == ~std::uint32_t{0}) {
          auto now = read_head();
          if (!now) return std::move(now).error();
          if (now->has_value() && (*now)->seq == seen_seq) return done;  // not the head's fault
        }
        if (out.bad_step() < head_step) {
          auto stored = is_stored(ids.front());
          if (!stored) return std::move(stored).error();
          return *stored ? base::Status() : done;
        }
        step_aside(i);
        continue;
      }
      case base::Code::busy:
        if (++busy_tries > kAuditBusyTries) return done;
        continue;
      case base::Code::unknown:
        in_doubt = true;
        continue;
      default:
        return done;
    }
  }
  return base::Error{base::Code::busy,
                     "the audit log could not be extended: others were faster each time",
                     {},
                     "try again in a moment",
                     1000};
}

void Audit::record(AuditEntry entry) {
  const std::string action = entry.action;
  if (auto done = commit({std::move(entry)}, {}); !done) {
    log_.error("audit entry not written", {{"action", action}, {"why", done.error().text()}});
  }
}

base::Status Audit::page(std::int64_t after_seq, AuditVerifier& verifier, const Head& head,
                         std::size_t& rows) {
  Query query(Table::audit_log);
  query.all().order({log_col::seq}).limit(kAuditPageRows).timeout_ms(60'000);
  if (after_seq > 0) query.after({Cell(after_seq)});
  rows = 0;
  return store_.each(query, [&](const Row& row) {
    ++rows;
    const AuditRow entry = audit_row_of(row);
    verifier.take(entry);
    if (entry.seq == head.seq && entry.row_hmac != head.row_hmac) {
      verifier.fail(AuditFault::head_mismatch, entry.link.id, entry.link.occurred_at);
    }
    return true;
  });
}

base::Result<AuditReport> Audit::verify() {
  // Rows up to this head must be there; more may come while we read.
  auto before = read_head();
  if (!before) return std::move(before).error();
  const Head head = before->value_or(Head{});
  AuditVerifier verifier(options_.secret, options_.previous_secrets);
  for (;;) {
    std::size_t rows = 0;
    if (auto done = page(verifier.last_seq(), verifier, head, rows); !done)
      return std::move(done).error();
    if (rows < kAuditPageRows) break;
  }
  if (verifier.last_seq() < head.seq)
    verifier.fail(AuditFault::head_mismatch, std::nullopt, head.occurred_at);
  auto after = read_head();
  if (!after) return std::move(after).error();
  const bool has_genuine_head = after->has_value() && is_head_genuine(**after);
  if (!has_genuine_head || verifier.last_seq() > (*after)->seq) {
    verifier.fail(AuditFault::head_mismatch, std::nullopt, std::nullopt);
  }
  return verifier.report();
}

}  // namespace z4j::core
