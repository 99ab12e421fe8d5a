#include "core/audit_verifier.hpp"

#include <algorithm>

namespace z4j::core {
namespace {

namespace json = base::json;
namespace log_col = model::audit_log;

constexpr std::string_view kSecretIdText = "z4j audit secret id";

struct AuditFaultWord {
  AuditFault fault;
  std::string_view word;
};
constexpr AuditFaultWord kAuditFaultWords[] = {
    {AuditFault::none, "none"},
    {AuditFault::mac_mismatch, "mac_mismatch"},
    {AuditFault::link_mismatch, "link_mismatch"},
    {AuditFault::missing_mac, "missing_mac"},
    {AuditFault::prefix_missing, "prefix_missing"},
    {AuditFault::head_mismatch, "head_mismatch"},
    {AuditFault::tree_mismatch, "tree_mismatch"},
    {AuditFault::checkpoint_mismatch, "checkpoint_mismatch"},
    {AuditFault::prune_mismatch, "prune_mismatch"},
    {AuditFault::rolled_back, "rolled_back"},
    {AuditFault::forked, "forked"}};

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

}  // namespace

AuditRow read_audit_row(const Row& row) {
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

void append(Rows& rows, const AuditRow& row) {
  const AuditEntry& e = row.entry;
  const auto text = [&rows](std::uint16_t column, const std::optional<std::string>& value) {
    if (value)
      rows.text(column, *value);
    else
      rows.null(column);
  };
  const auto uuid = [&rows](std::uint16_t column, const std::optional<base::Uuid>& value) {
    if (value)
      rows.uuid(column, *value);
    else
      rows.null(column);
  };
  rows.begin()
      .num(log_col::seq, row.seq)
      .uuid(log_col::id, row.link.id)
      .num(log_col::occurred_at, row.link.occurred_at)
      .text(log_col::action, e.action)
      .text(log_col::target_type, e.target_type)
      .text(log_col::result, e.result)
      .text(log_col::outcome, e.outcome ? std::string_view(*e.outcome) : audit_outcome(e.result))
      .text(log_col::metadata, row.metadata_json)
      .text(log_col::canonical, row.canonical)
      .text(log_col::row_hmac, row.row_hmac);
  text(log_col::target_id, e.target_id);
  text(log_col::source_ip, e.source_ip);
  text(log_col::user_agent, e.user_agent);
  text(log_col::prev_row_hmac, row.link.prev_row_hmac);
  uuid(log_col::event_id, e.event_id);
  uuid(log_col::user_id, e.user_id);
  uuid(log_col::api_key_id, e.api_key_id);
  uuid(log_col::project_id, e.project_id);
}

std::string_view to_string(AuditFault fault) noexcept {
  for (const AuditFaultWord& each : kAuditFaultWords) {
    if (each.fault == fault) return each.word;
  }
  return "none";
}

std::optional<AuditFault> parse_audit_fault(std::string_view word) noexcept {
  for (const AuditFaultWord& each : kAuditFaultWords) {
    if (each.word == word && each.fault != AuditFault::none) return each.fault;
  }
  return std::nullopt;
}

json::Object to_json(const AuditReport& report) {
  const auto id = report.first_broken_id ? report.first_broken_id->text() : std::string();
  const auto at = report.first_broken_at ? base::format_time(*report.first_broken_at) : "";
  json::Value seq(nullptr), reason(nullptr);
  if (report.first_broken_seq) seq = *report.first_broken_seq;
  if (!report.ok) reason = json::text_or_null(to_string(report.reason));
  json::Array secrets;
  for (const AuditSecretUse& use : report.secrets)
    secrets.push_back(json::Object{{"id", use.id}, {"rows", use.rows}});
  return {{"ok", report.ok},
          {"rows_verified", report.rows_verified},
          {"first_broken_id", json::text_or_null(id)},
          {"first_broken_seq", std::move(seq)},
          {"first_broken_at", json::text_or_null(at)},
          {"reason", std::move(reason)},
          {"rows_after_break", report.rows_after_break},
          {"acknowledged_breaks", report.acknowledged_breaks},
          {"erased", report.erased},
          {"accepted_with_previous_secret", report.accepted_with_previous_secret},
          {"secrets", std::move(secrets)},
          {"head_hmac", json::text_or_null(report.head_hmac)},
          {"pruned_through", report.pruned_through},
          {"tree", json::Object{{"size", report.tree_size},
                                {"checkpoint_size", report.checkpoint_size},
                                {"root_hash", json::text_or_null(report.root_hash)},
                                {"is_witnessed", report.is_witnessed}}},
          {"checked_at", base::format_time(report.checked_at)}};
}

// --- AuditVerifier ------------------------------------------------------------------------------

AuditVerifier::AuditVerifier(std::string_view secret,
                             const std::vector<std::string>& previous_secrets, IsKnown is_known)
    : is_known_(std::move(is_known)) {
  keys_.emplace_back(secret);
  for (const std::string& previous : previous_secrets) keys_.emplace_back(previous);
  for (base::HmacKey& key : keys_)
    report_.secrets.push_back({base::hex(key.sign(kSecretIdText)).substr(0, 8), 0});
}

void AuditVerifier::start_after(std::int64_t seq, std::string row_hmac) {
  report_.pruned_through = last_seq_ = seq;
  expected_ = std::move(row_hmac);
  started_ = true;
}

void AuditVerifier::start_at(std::int64_t seq) {
  last_seq_ = seq - 1;
  started_ = may_start_anywhere_ = true;
}

AuditVerifier::Signer AuditVerifier::signer_of(const AuditRow& row) {
  const auto key_of = [&](std::string_view text, std::string_view mac) {
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      if (!base::equal_constant_time(base::hex(keys_[i].sign(text)), mac)) continue;
      return columns_agree(row) ? i : keys_.size();
    }
    return keys_.size();
  };
  if (row.row_hmac.empty()) return {keys_.size(), false};
  // The whole text first: the row may have been read just before it was erased.
  const std::size_t of_whole = key_of(row.canonical, row.row_hmac);
  if (of_whole < keys_.size() || !row.erasure) return {of_whole, false};
  return {key_of(audit_erasure_text(*row.erasure, row.row_hmac, row.canonical), row.erasure->mac),
          true};
}

AuditFault AuditVerifier::take(const AuditRow& row) {
  AuditFault fault = AuditFault::none;
  if (!started_) {
    if (row.link.prev_row_hmac || row.seq != 1) fault = AuditFault::prefix_missing;
  } else if ((row.link.prev_row_hmac != expected_ && !may_start_anywhere_) ||
             row.seq != last_seq_ + 1) {
    fault = AuditFault::link_mismatch;
  }
  may_start_anywhere_ = false;
  const Signer signer = signer_of(row);
  const bool good_mac = signer.key < keys_.size();
  if (!good_mac && fault == AuditFault::none) {
    fault = row.row_hmac.empty() ? AuditFault::missing_mac : AuditFault::mac_mismatch;
  }
  const bool is_known =
      fault != AuditFault::none && is_known_ && is_known_(fault, row.link.id, row.seq);
  if (is_known) ++report_.acknowledged_breaks;
  // The link moves on past a row that was moved, not past one that was forged, unless people know.
  if (good_mac || is_known) expected_ = row.row_hmac;
  started_ = true;
  last_seq_ = row.seq;
  report_.head_hmac = row.row_hmac;
  if (!report_.ok) {
    ++report_.rows_after_break;
  } else if (fault == AuditFault::none) {
    ++report_.rows_verified;
  }
  if (good_mac && fault == AuditFault::none) {
    ++report_.secrets[signer.key].rows;
    if (signer.is_of_rest) ++report_.erased;
    if (signer.key > 0) ++report_.accepted_with_previous_secret;
  }
  if (fault != AuditFault::none && !is_known && report_.ok) {
    report_.ok = false;
    report_.reason = fault;
    report_.first_broken_id = row.link.id;
    report_.first_broken_seq = row.seq;
    report_.first_broken_at = row.link.occurred_at;
  }
  return fault;
}

void AuditVerifier::fail(AuditFault fault, std::optional<base::Uuid> id,
                         std::optional<std::int64_t> seq, std::optional<base::TimeUs> at) {
  if (is_known_ && is_known_(fault, id, seq)) {
    ++report_.acknowledged_breaks;
    return;
  }
  if (!report_.ok) return;
  report_.ok = false;
  report_.reason = fault;
  report_.first_broken_id = id;
  report_.first_broken_seq = seq;
  report_.first_broken_at = at;
}

}  // namespace z4j::core
