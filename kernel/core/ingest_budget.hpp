// The ceiling on what waits for the store, shared fairly: whoever sends most leaves room for
// others.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "base/byte_budget.hpp"
#include "base/uuid.hpp"
#include "core/event_source.hpp"

namespace z4j::core {

// A source may hold as much as what it leaves free, all sources of a project three times that. So
// one that floods gets half of the budget, a project three quarters, and whoever comes next always
// finds some. A project of which nothing waits may send whatever fits.
//
// Thread-safe. Must outlive its reservations.
class IngestBudget {
 public:
  class Reservation;

  explicit IngestBudget(std::size_t limit_bytes) : budget_(limit_bytes) {}

  // Never blocks. Empty: not now.
  [[nodiscard]] std::optional<Reservation> reserve(const EventSource& source, std::size_t bytes);

  [[nodiscard]] std::size_t used_bytes() const { return budget_.used_bytes(); }
  [[nodiscard]] std::size_t limit_bytes() const noexcept { return budget_.limit_bytes(); }

 private:
  using Shares = std::map<base::Uuid, std::size_t>;

  [[nodiscard]] bool is_fair(const EventSource& source, std::size_t bytes) const;  // holds mutex_
  void give_back(const base::Uuid& project, const base::Uuid& agent, std::size_t bytes) noexcept;

  base::ByteBudget budget_;
  mutable std::mutex mutex_;
  Shares projects_, agents_;  // guarded by mutex_; who holds nothing is not there
};

class IngestBudget::Reservation {
 public:
  Reservation(IngestBudget& of, const EventSource& source, base::ByteBudget::Reservation bytes)
      : of_(&of), project_(source.project_id), agent_(source.agent_id), bytes_(std::move(bytes)) {}
  Reservation(Reservation&& other) noexcept
      : of_(std::exchange(other.of_, nullptr)),
        project_(other.project_),
        agent_(other.agent_),
        bytes_(std::move(other.bytes_)) {}
  Reservation& operator=(Reservation&&) = delete;
  ~Reservation() {
    if (of_ != nullptr) of_->give_back(project_, agent_, bytes_.bytes());
  }

  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_.bytes(); }

 private:
  IngestBudget* of_;
  base::Uuid project_, agent_;
  base::ByteBudget::Reservation bytes_;
};

}  // namespace z4j::core
