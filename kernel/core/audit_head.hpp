// Where the chain of the audit log ends: a row under a MAC of its own, so that a cut tail shows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "core/store.hpp"

namespace z4j::core {

// The keys of the log's MACs: new entries are signed with `secret`, old ones may be with others.
struct AuditSecrets {
  std::string secret;
  std::vector<std::string> previous_secrets;
};

struct AuditHead {
  std::int64_t seq = 0;
  std::string row_hmac;
  base::TimeUs occurred_at = 0;
  std::string mac;
};

[[nodiscard]] base::Result<std::optional<AuditHead>> read_audit_head(Store& store);
[[nodiscard]] std::string audit_head_mac(std::string_view secret, const AuditHead& head);
[[nodiscard]] bool is_genuine(const AuditHead& head, const AuditSecrets& secrets);
// Is `mac` that of `text` under one of the secrets?
[[nodiscard]] bool is_audit_mac(std::string_view mac, std::string_view text,
                                const AuditSecrets& secrets);

}  // namespace z4j::core
