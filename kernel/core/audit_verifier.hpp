// Entries of the audit log as they are stored, and the check of them one after another.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.hpp"
#include "core/audit_entry.hpp"
#include "core/audit_erasures.hpp"
#include "core/store.hpp"

namespace z4j::core {

// A stored entry as the verifier reads it.
struct AuditRow {
  std::int64_t seq = 0;
  AuditEntry entry;  // its metadata is not looked at
  std::string metadata_json;
  AuditLink link;
  std::string canonical;                // "" when it is lost
  std::string row_hmac;                 // "" when it is lost
  std::optional<AuditErasure> erasure;  // something of it was erased: see audit_erasures.hpp
};
// Requires all columns of audit_log.
[[nodiscard]] AuditRow read_audit_row(const Row& row);
// The columns of such a row. Requires a cleaned entry.
void append(Rows& rows, const AuditRow& row);

enum class AuditFault {
  none,
  mac_mismatch,   // the entry's text, its columns or its MAC were changed
  link_mismatch,  // it does not follow the entry before it: one is gone, moved or added
  missing_mac,
  prefix_missing,       // the log does not begin at its beginning, and retention did not take it
  head_mismatch,        // the newest entries are gone
  tree_mismatch,        // the entry is not the one that the tree was made of
  checkpoint_mismatch,  // a checkpoint is not of this tree, or its signature is false
  prune_mismatch,       // the record of what retention took is false
  rolled_back,          // a checkpoint outside knows a longer log: an older state was put back
  forked,               // a checkpoint outside, or the witness, knows another past
};
[[nodiscard]] std::string_view to_string(AuditFault fault) noexcept;
[[nodiscard]] std::optional<AuditFault> parse_audit_fault(std::string_view word) noexcept;

// How many good rows have their MAC of which secret.
struct AuditSecretUse {
  std::string id;  // 8 hex digits that name the secret and tell nothing of it
  std::uint64_t rows = 0;
};

struct AuditReport {
  bool ok = true;
  std::uint64_t rows_verified = 0;  // good ones before the first break
  std::uint64_t rows_after_break = 0;
  std::uint64_t accepted_with_previous_secret = 0;
  std::vector<AuditSecretUse> secrets;  // the present one first, then the previous ones
  AuditFault reason = AuditFault::none;
  std::optional<base::Uuid> first_broken_id;  // none for a cut tail: the row is gone
  std::optional<std::int64_t> first_broken_seq;
  std::optional<base::TimeUs> first_broken_at;
  std::string head_hmac;                  // MAC of the newest row that was read
  std::uint64_t acknowledged_breaks = 0;  // met, and known to people
  std::uint64_t erased = 0;               // good ones that lost what they told of a person
  std::int64_t pruned_through = 0;        // newest place whose entry retention took
  // Of the tree; 0 and "" when it was not looked at.
  std::uint64_t tree_size = 0, checkpoint_size = 0;
  std::string root_hash;  // of the latest checkpoint, base64
  bool is_witnessed = false;
  base::TimeUs checked_at = 0;
};
// As the command line and the API show it.
[[nodiscard]] base::json::Object to_json(const AuditReport& report);

// Checks rows one by one in chain order; constant memory. One thread at a time.
class AuditVerifier {
 public:
  // Do people know of this break?
  using IsKnown = std::function<bool(AuditFault fault, std::optional<base::Uuid> id,
                                     std::optional<std::int64_t> seq)>;

  AuditVerifier(std::string_view secret, const std::vector<std::string>& previous_secrets,
                IsKnown is_known = {});
  // The first row to come follows that one, which retention took.
  void start_after(std::int64_t seq, std::string row_hmac);
  // The first row to come is `seq`, whatever was before it.
  void start_at(std::int64_t seq);

  // What is wrong with this row, known or not; the first unknown fault of all is the report's.
  AuditFault take(const AuditRow& row);
  // Something else is wrong; nothing happens when people know.
  void fail(AuditFault fault, std::optional<base::Uuid> id, std::optional<std::int64_t> seq,
            std::optional<base::TimeUs> at);
  [[nodiscard]] AuditReport& report() noexcept { return report_; }
  [[nodiscard]] const AuditReport& report() const noexcept { return report_; }
  [[nodiscard]] std::int64_t last_seq() const noexcept { return last_seq_; }

 private:
  struct Signer {
    std::size_t key;  // which of keys_ signed it; keys_.size(): none, or the columns differ
    bool is_of_rest;  // what an erasure left, not the whole
  };
  [[nodiscard]] Signer signer_of(const AuditRow& row);

  std::vector<base::HmacKey> keys_;
  IsKnown is_known_;
  AuditReport report_;
  std::optional<std::string> expected_;  // link of the next row
  std::int64_t last_seq_ = 0;
  bool started_ = false, may_start_anywhere_ = false;
};

}  // namespace z4j::core
