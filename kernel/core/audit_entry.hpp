// What the audit log records, and the exact text that stands for it.
//
// Values and free functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"

namespace z4j::core {

// Who asks, from where. Texts come from the network and are cut before they are stored.
struct Actor {
  std::optional<base::Uuid> user_id;
  std::optional<base::Uuid> api_key_id;
  std::string source_ip, user_agent;
};

// What to record. Empty optional texts are null.
struct AuditEntry {
  std::string action;                    // at most 80 characters; longer is cut
  std::string target_type;               // 40
  std::optional<std::string> target_id;  // 200
  std::string result = "success";        // 20: success, failed, denied
  std::optional<std::string> outcome;    // none: derived from result
  std::optional<base::Uuid> event_id, user_id, api_key_id, project_id;
  std::optional<std::string> source_ip, user_agent;  // user agent: 1024
  base::json::Object metadata;

  // With the actor's fields filled in.
  [[nodiscard]] static AuditEntry of(const Actor& actor, std::string_view action,
                                     std::string_view target_type, std::string_view target_id,
                                     std::optional<base::Uuid> project_id = std::nullopt);
};

// An entry with its place in the chain.
struct AuditLink {
  base::Uuid id;
  base::TimeUs occurred_at = 0;
  std::optional<std::string> prev_row_hmac;  // none for the first
};

// allow for success, failure for failed, else error.
[[nodiscard]] std::string_view audit_outcome(std::string_view result) noexcept;
// What is stored: texts cut, NUL removed, bytes that are not UTF-8 replaced, numbers that JSON
// can't hold as text.
[[nodiscard]] AuditEntry audit_cleaned(AuditEntry entry);
// The exact bytes that the MAC covers. Requires a cleaned entry. The second form takes the metadata
// as JSON text, whose integers may have any size; the error is that of the text.
[[nodiscard]] std::string audit_canonical(const AuditEntry& entry, const AuditLink& link);
[[nodiscard]] base::Result<std::string> audit_canonical(const AuditEntry& entry,
                                                        const AuditLink& link,
                                                        std::string_view metadata_json);
// The canonical text's members, all but metadata. Requires a cleaned entry.
[[nodiscard]] base::json::Object audit_members(const AuditEntry& entry, const AuditLink& link);
// Lower-case hex HMAC-SHA256.
[[nodiscard]] std::string audit_hmac(std::string_view secret, std::string_view canonical);

}  // namespace z4j::core
