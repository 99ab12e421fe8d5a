// What waits for one lane: first come first served within a source, sources and projects in turns,
// so that a batch holds something of everybody however much one of them sends.
//
// Not thread-safe: the lane's mutex guards it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/uuid.hpp"
#include "core/event_decode.hpp"
#include "core/ingest_budget.hpp"
#include "core/ingest_ledger.hpp"
#include "core/spill.hpp"

namespace z4j::core {

// A copied batch and what it pays with; shared by the lanes that hold rows of it. One that came
// from disk is settled there when the last lane lets go of it.
class WaitingParcel {
 public:
  struct OnDisk {
    Spill* spill = nullptr;     // none: what can't be stored is lost
    std::uint64_t segment = 0;  // it came from there; 0: from its source
    bool is_old = false;        // an earlier run left it there
  };

  WaitingParcel(std::shared_ptr<const Parcel> p, IngestBudget::Reservation r, IngestLedger& l,
                OnDisk on_disk, Ingest::Receipt receipt)
      : parcel(std::move(p)),
        reservation(std::move(r)),
        ledger_(l),
        on_disk_(on_disk),
        receipt_(std::move(receipt)) {
    ledger_.waiting(parcel->source, static_cast<std::int64_t>(reservation.bytes()));
  }
  ~WaitingParcel() {
    ledger_.waiting(parcel->source, -static_cast<std::int64_t>(reservation.bytes()));
    if (on_disk_.segment != 0)
      on_disk_.spill->settle(on_disk_.segment, is_kept_ ? Spill::End::kept : Spill::End::stored);
    if (!receipt_) return;
    if (is_left_)
      receipt_(std::nullopt);
    else
      receipt_(Ingest::Stored{inserted_, repeated_, set_aside_});
  }
  WaitingParcel(const WaitingParcel&) = delete;
  WaitingParcel& operator=(const WaitingParcel&) = delete;

  // There is no time to store it. True when the next start finds it on disk, provided that the
  // spill is synced. Thread-safe.
  bool keep() {
    const std::lock_guard lock(mutex_);
    is_left_ = true;
    if (!is_kept_ && on_disk_.spill != nullptr)
      is_kept_ = on_disk_.segment != 0 || on_disk_.spill->add(*parcel, Spill::Sync::later).ok();
    return is_kept_;
  }

  // Whoever brought it was told that it is durable.
  [[nodiscard]] bool is_from_disk() const noexcept { return on_disk_.segment != 0; }
  [[nodiscard]] bool is_old() const noexcept { return on_disk_.is_old; }

  // What became of one of its events, for the receipt. Thread-safe.
  void inserted() noexcept { ++inserted_; }
  void repeated() noexcept { ++repeated_; }
  void set_aside() noexcept { ++set_aside_; }
  void left() noexcept { is_left_ = true; }

  const std::shared_ptr<const Parcel> parcel;
  const IngestBudget::Reservation reservation;

 private:
  IngestLedger& ledger_;
  const OnDisk on_disk_;
  std::mutex mutex_;
  bool is_kept_ = false;  // guarded by mutex_
  const Ingest::Receipt receipt_;
  std::atomic<std::uint64_t> inserted_{0}, repeated_{0}, set_aside_{0};
  std::atomic<bool> is_left_{false};  // some of it was not stored
};

// By id, each in turn.
template <class Waiting>
class Turns {
 public:
  // Whoever was not there comes last.
  Waiting& of(const base::Uuid& who) {
    const auto [place, is_new] = places_.try_emplace(who);
    if (is_new) place->second = ring_.emplace(ring_.end(), who, Waiting{});
    return place->second->second;
  }
  // Requires that somebody is there.
  Waiting& next() { return ring_.front().second; }
  // Of the one that is next: goes last, or away when nothing of it waits any more.
  void end_turn() {
    if (!ring_.front().second.empty()) return ring_.splice(ring_.end(), ring_, ring_.begin());
    places_.erase(ring_.front().first);
    ring_.pop_front();
  }
  [[nodiscard]] bool empty() const noexcept { return ring_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return ring_.size(); }

 private:
  using Ring = std::list<std::pair<base::Uuid, Waiting>>;
  Ring ring_;
  std::map<base::Uuid, typename Ring::iterator> places_;
};

class IngestQueue {
 public:
  struct Limit {
    std::size_t rows = 0, bytes = 0;
  };
  // Rows of one parcel.
  struct Taken {
    std::shared_ptr<WaitingParcel> parcel;
    std::vector<std::uint32_t> rows;
  };

  // Requires a row.
  void push(std::shared_ptr<WaitingParcel> parcel, std::vector<std::uint32_t> rows);
  // At least a row, when there is one.
  [[nodiscard]] std::vector<Taken> take(Limit most);
  // All, as take() would.
  [[nodiscard]] std::vector<Taken> take_all() { return take({rows_, ~std::size_t{0}}); }

  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
  [[nodiscard]] bool has(Limit most) const noexcept {
    return rows_ >= most.rows || bytes_ >= most.bytes;
  }
  // Since when something waits; what a take() left behind has waited long enough.
  [[nodiscard]] std::chrono::steady_clock::time_point since() const noexcept { return since_; }

 private:
  // What one gives before it is another's turn.
  static constexpr Limit kTurn{32, std::size_t{32} << 10};

  struct Piece {
    std::shared_ptr<WaitingParcel> parcel;
    std::vector<std::uint32_t> rows;
    std::size_t next = 0;
  };
  using Pieces = std::deque<Piece>;

  Turns<Turns<Pieces>> projects_;
  std::size_t rows_ = 0, bytes_ = 0;
  std::chrono::steady_clock::time_point since_;
};

}  // namespace z4j::core
