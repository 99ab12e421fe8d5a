#include "core/audit_entry.hpp"

#include <cmath>

#include "base/crypto.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;

constexpr std::size_t kAuditActionChars = 80, kAuditTargetTypeChars = 40, kAuditTargetIdChars = 200,
                      kAuditResultChars = 20, kAuditUserAgentChars = 1024, kAuditAddressChars = 64;
constexpr std::size_t kAuditMetadataBytes = 64u << 10;

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

}  // namespace

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

}  // namespace z4j::core
