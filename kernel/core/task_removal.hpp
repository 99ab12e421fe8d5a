// Deletes rows of tasks because somebody asked for it. Their events stay until retention takes
// them; one that comes later makes a row anew. Thread-safe. Errors: see refusal.hpp; else the
// store's.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/audit.hpp"
#include "core/command_plan.hpp"
#include "core/store.hpp"

namespace z4j::core {

class TaskRemoval {
 public:
  static constexpr std::size_t kMostIds = 1000;
  static constexpr std::uint32_t kMostByFilter = 10'000;

  TaskRemoval(Store& store, Audit& audit) : store_(store), audit_(audit) {}

  // How many there were. Ids of another project are left alone.
  [[nodiscard]] base::Result<std::uint64_t> by_ids(const base::Uuid& project,
                                                   const std::vector<base::Uuid>& ids,
                                                   const Actor& actor);
  // At most kMostByFilter a call; `said` is the filter as the log keeps it.
  [[nodiscard]] base::Result<std::uint64_t> by_filter(const base::Uuid& project,
                                                      const BulkFilter& filter,
                                                      base::json::Object said, const Actor& actor);

 private:
  [[nodiscard]] base::Result<std::uint64_t> erase(const base::Uuid& project, const Where& where,
                                                  base::json::Object said, const Actor& actor);

  Store& store_;
  Audit& audit_;
};

}  // namespace z4j::core
