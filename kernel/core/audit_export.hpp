// A stretch of the audit log as a bundle (proof/bundle.hpp): entries and what proves them, page by
// page, so memory does not grow with it.
//
// One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "core/audit_checkpoints.hpp"
#include "core/audit_tree.hpp"
#include "core/store.hpp"

namespace z4j::core {

class AuditBundle {
 public:
  // Places or times; none: as far as there is something. `since`: the size of a checkpoint that the
  // reader has, so that the bundle proves how the log went on from it.
  struct Request {
    std::optional<std::int64_t> from_seq, to_seq;
    std::optional<base::TimeUs> from_time, to_time;
    std::optional<std::uint64_t> since;
  };

  // Under the latest checkpoint; entries that it does not cover are not in the bundle. Errors:
  // not_found when there is none yet, invalid when `since` is longer than it.
  [[nodiscard]] static base::Result<AuditBundle> open(Store& store, AuditTree& tree,
                                                      AuditCheckpoints& checkpoints,
                                                      const Request& request);

  // Appends some of the text. False: that was all before. Errors: the store's; corrupt when an
  // entry is missing, and then the text is not whole.
  [[nodiscard]] base::Result<bool> next(std::string& out);

  [[nodiscard]] std::uint64_t first_seq() const noexcept { return first_; }
  [[nodiscard]] std::uint64_t entries() const noexcept { return end_ - first_; }
  [[nodiscard]] std::uint64_t tree_size() const noexcept { return size_; }

 private:
  explicit AuditBundle(Store& store) : store_(&store) {}
  Store* store_;
  std::string head_;
  std::uint64_t first_ = 1, end_ = 1, next_ = 1, size_ = 0;  // [first_, end_)
  bool is_over_ = false;
};

}  // namespace z4j::core
