// Is the audit log whole? Checks the chain of MACs from its beginning (or where retention stopped),
// the tree over it, the checkpoints that were signed, and what a checkpoint outside the database
// knows. Breaks that people acknowledged are told apart from new ones.
//
// Reads in pages while others write; memory does not grow with the log. One run at a time.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "core/audit_checkpoints.hpp"
#include "core/audit_head.hpp"
#include "core/audit_tree.hpp"
#include "core/audit_verifier.hpp"
#include "core/store.hpp"

namespace z4j::core {

class AuditCheck {
 public:
  struct Options {
    AuditSecrets secrets;
    AuditTree* tree = nullptr;                // none: the chain alone
    AuditCheckpoints* checkpoints = nullptr;  // none: neither they nor the file
    std::int64_t from_seq = 1;                // only entries from there on
    // Every break, known ones too.
    std::function<void(AuditFault fault, std::optional<base::Uuid> id,
                       std::optional<std::int64_t> seq, bool is_known)>
        on_break = {};
    // How many rows of about how many.
    std::function<void(std::uint64_t done, std::uint64_t all)> on_progress = {};
    std::stop_token stop = {};
  };

  AuditCheck(Store& store, const base::Clock& clock, Options options);
  // The error is the store's, not the log's; cancelled when it was asked to stop.
  [[nodiscard]] base::Result<AuditReport> run();

 private:
  [[nodiscard]] base::Status begin(AuditVerifier& verifier);
  [[nodiscard]] base::Status page(AuditVerifier& verifier, const AuditHead& head,
                                  std::size_t& rows);
  [[nodiscard]] base::Result<bool> is_leaf(const AuditRow& row);
  [[nodiscard]] base::Status check_checkpoints(AuditVerifier& verifier);
  [[nodiscard]] base::Status check_outside(AuditVerifier& verifier, std::uint64_t tree_size);

  Store& store_;
  const base::Clock& clock_;
  const Options options_;
  std::uint64_t tree_size_ = 0;
  std::uint64_t tile_ = ~std::uint64_t{0};  // that leaves_ is of
  std::vector<proof::Hash> leaves_;
};

}  // namespace z4j::core
