// What retention took from the audit log: the oldest entries, in passes that follow each other.
// Each pass left a record under a MAC, which the chain goes on from, and an entry of its own; the
// hashes of the entries stay in the tree.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "core/audit_head.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct AuditPrune {
  std::int64_t first_seq = 0, last_seq = 0;
  std::string last_row_hmac;
  base::TimeUs cutoff = 0, pruned_at = 0;
  std::string mac;
};

// Oldest first. Errors: the store's.
[[nodiscard]] base::Result<std::vector<AuditPrune>> read_audit_prunes(Store& store);
// They follow each other from the first entry on, and each is genuine.
[[nodiscard]] bool are_genuine(const std::vector<AuditPrune>& prunes, const AuditSecrets& secrets);
[[nodiscard]] std::string audit_prune_mac(std::string_view secret, const AuditPrune& prune);
[[nodiscard]] Rows to_row(const AuditPrune& prune);

}  // namespace z4j::core
