// Breaks of the audit chain that people know of and have explained: verification tells them apart
// from new ones. An acknowledgement is an audited act and carries a MAC; it repairs nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/audit_head.hpp"
#include "core/audit_verifier.hpp"
#include "core/store.hpp"

namespace z4j::core {

class Audit;

struct AuditBreak {
  base::Uuid id;
  AuditFault fault = AuditFault::none;
  std::optional<base::Uuid> row_id;  // where; none for what has no row
  std::optional<std::int64_t> seq;
  std::string note;
  std::optional<base::Uuid> acknowledged_by;  // none: on the command line
  base::TimeUs acknowledged_at = 0;
  bool is_genuine = false;  // its MAC fits; others count for nothing
};
[[nodiscard]] base::json::Object to_json(const AuditBreak& known);

// Newest last; at most a thousand.
[[nodiscard]] base::Result<std::vector<AuditBreak>> read_audit_breaks(Store& store,
                                                                      const AuditSecrets& secrets);
// `id` and the time are set here. Errors: conflict when it is known already.
[[nodiscard]] base::Result<AuditBreak> acknowledge_audit_break(Store& store, Audit& audit,
                                                               const AuditSecrets& secrets,
                                                               const base::Clock& clock,
                                                               const Actor& actor,
                                                               AuditBreak known);
// Is that one of them?
[[nodiscard]] bool is_known(const std::vector<AuditBreak>& breaks, AuditFault fault,
                            const std::optional<base::Uuid>& id,
                            const std::optional<std::int64_t>& seq);

}  // namespace z4j::core
