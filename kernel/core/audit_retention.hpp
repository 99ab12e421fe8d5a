// Takes what is old from the audit log: the oldest entries only and without a hole, each batch in
// one commit with its entry (audit.pruned) and its record. The tree keeps their hashes. What is not
// covered by a checkpoint, not forwarded, or not what the tree was made of stays.
//
// One run at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "core/audit.hpp"
#include "core/audit_checkpoints.hpp"
#include "core/audit_tree.hpp"
#include "core/leases.hpp"
#include "core/store.hpp"

namespace z4j::core {

class AuditRetention {
 public:
  struct Options {
    int days = 90;
    std::uint32_t batch = 5000;
    std::uint64_t most_per_pass = 200'000;
    // The newest place that everybody has to whom the log is forwarded; none: nobody.
    std::function<base::Result<std::optional<std::int64_t>>()> forwarded = {};
  };

  AuditRetention(Store& store, Audit& audit, AuditTree& tree, AuditCheckpoints& checkpoints,
                 const base::Clock& clock, Options options);
  // How many entries went. Errors: the store's; corrupt when the oldest entries are not what they
  // were, which stops retention until that is explained.
  [[nodiscard]] base::Result<std::uint64_t> run_once(const std::optional<Fence>& fence,
                                                     const std::function<bool()>& may_go_on);

  // The newest place that a checkpoint covers, and that everybody has to whom the log is forwarded.
  [[nodiscard]] base::Result<std::int64_t> settled();

 private:
  [[nodiscard]] base::Result<std::uint64_t> batch(const std::optional<Fence>& fence,
                                                  std::int64_t limit, std::uint64_t most);

  Store& store_;
  Audit& audit_;
  AuditTree& tree_;
  AuditCheckpoints& checkpoints_;
  const base::Clock& clock_;
  const Options options_;
};

}  // namespace z4j::core
