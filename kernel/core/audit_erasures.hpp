// Entries of the audit log that lost what they told of a person. Such an entry keeps its place, its
// MAC, which the next one names, and the leaf that it has in the tree; its text is a shorter one. A
// record under a MAC says so: without it the entry counts as forged.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "core/audit_head.hpp"
#include "core/store.hpp"
#include "proof/merkle.hpp"

namespace z4j::core {

struct AuditErasure {
  std::int64_t seq = 0;
  proof::Hash leaf{};  // of the whole text
  base::TimeUs erased_at = 0;
  std::string mac;
};
using AuditErasures = std::map<std::int64_t, AuditErasure>;  // by seq

// Of the entries from `first` to `last`. Errors: the store's.
[[nodiscard]] base::Result<AuditErasures> read_audit_erasures(Store& store, std::int64_t first,
                                                              std::int64_t last);
// What the record's MAC covers: the entry's own MAC and the text that is left of it, too.
[[nodiscard]] std::string audit_erasure_text(const AuditErasure& erasure, std::string_view row_hmac,
                                             std::string_view canonical);
// The leaf of an entry as it is stored: of an erased one as a genuine record tells it.
[[nodiscard]] proof::Hash audit_leaf(std::int64_t seq, std::string_view row_hmac,
                                     std::string_view canonical, const AuditErasures& erasures,
                                     const AuditSecrets& secrets);
void append(Rows& rows, const AuditErasure& erasure);  // rows of Table::audit_erasures

}  // namespace z4j::core
