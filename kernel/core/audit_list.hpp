// Pages of the audit log for people. Thread-safe. Errors: the store's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/audit_verifier.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct AuditFilter {
  std::optional<base::Uuid> project;  // none: entries of all projects, and of none
  std::string action_prefix;          // "": any
  std::optional<std::string> outcome;
  std::optional<base::Uuid> user;
  std::optional<base::TimeUs> since;  // inclusive
};

// Newest first, behind the place `before`; at most `limit`, fewer when they weigh much.
[[nodiscard]] base::Result<std::vector<AuditRow>> list_audit(Store& store,
                                                             const AuditFilter& filter,
                                                             std::optional<std::int64_t> before,
                                                             std::uint32_t limit);

}  // namespace z4j::core
