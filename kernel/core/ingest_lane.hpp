// One writer: takes events in the order they came, makes batches, stores them, and does not let go
// of a batch until the store has said what became of it. Its thread alone touches the store's lane.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/byte_budget.hpp"
#include "core/event_decode.hpp"
#include "core/ingest_batch.hpp"
#include "core/ingest_ledger.hpp"
#include "core/spill.hpp"
#include "core/store.hpp"

namespace z4j::core {

// A copied batch and what it pays with; shared by the lanes that hold rows of it. One that came
// from disk is settled there when the last lane lets go of it.
class WaitingParcel {
 public:
  struct OnDisk {
    Spill* spill = nullptr;     // none: what can't be stored is lost
    std::uint64_t segment = 0;  // it came from there; 0: from its source
  };

  WaitingParcel(std::shared_ptr<const Parcel> p, base::ByteBudget::Reservation r, IngestLedger& l,
                OnDisk on_disk)
      : parcel(std::move(p)), reservation(std::move(r)), ledger_(l), on_disk_(on_disk) {
    ledger_.waiting(parcel->source, static_cast<std::int64_t>(reservation.bytes()));
  }
  ~WaitingParcel() {
    ledger_.waiting(parcel->source, -static_cast<std::int64_t>(reservation.bytes()));
    if (on_disk_.segment != 0)
      on_disk_.spill->settle(on_disk_.segment, is_kept_ ? Spill::End::kept : Spill::End::stored);
  }
  WaitingParcel(const WaitingParcel&) = delete;
  WaitingParcel& operator=(const WaitingParcel&) = delete;

  // There is no time to store it. True when the next start finds it on disk, provided that the
  // spill is synced. Thread-safe.
  bool keep() {
    const std::lock_guard lock(mutex_);
    if (!is_kept_ && on_disk_.spill != nullptr)
      is_kept_ = on_disk_.segment != 0 || on_disk_.spill->add(*parcel, Spill::Sync::later).ok();
    return is_kept_;
  }

  const std::shared_ptr<const Parcel> parcel;
  const base::ByteBudget::Reservation reservation;

 private:
  IngestLedger& ledger_;
  const OnDisk on_disk_;
  std::mutex mutex_;
  bool is_kept_ = false;  // guarded by mutex_
};

class IngestLane {
 public:
  struct Options {
    unsigned number = 0;
    std::size_t max_rows = 500;
    std::size_t max_bytes = std::size_t{8} << 20;  // of one batch, as given
    std::chrono::milliseconds linger{20};
  };
  struct Shared {  // by all lanes; outlives them
    Store& store;
    const base::Clock& clock;
    base::Log& log;
    const Redactor& redactor;
    IngestLedger& ledger;
    const std::function<void(const base::Uuid&, std::string_view)>& on_changed;
  };

  IngestLane(Shared shared, Options options) : shared_(shared), options_(options) {}
  ~IngestLane() { stop(std::chrono::steady_clock::now()); }
  IngestLane(const IngestLane&) = delete;
  IngestLane& operator=(const IngestLane&) = delete;

  void start();
  void push(std::shared_ptr<WaitingParcel> parcel, std::vector<std::uint32_t> rows);
  // The two halves of stop(), so that lanes drain side by side.
  void ask_to_stop(std::chrono::steady_clock::time_point until);
  void join();
  void stop(std::chrono::steady_clock::time_point until) {
    ask_to_stop(until);
    join();
  }

 private:
  struct Piece {
    std::shared_ptr<WaitingParcel> parcel;
    std::vector<std::uint32_t> rows;
    std::size_t next = 0;
    std::chrono::steady_clock::time_point since;
  };
  struct Batch {
    std::vector<std::shared_ptr<WaitingParcel>> parcels;  // what the events' views live in
    std::vector<Event> events;
  };
  enum class Done : std::uint8_t { yes, given_up };

  void run();
  bool wait_for_work();
  void abandon();  // what waits; holds mutex_
  void take(Batch& batch);
  void process(Batch& batch);
  void drop_repeats(Batch& batch);
  Done store(EventRefs events);
  [[nodiscard]] const Fence* fence_of(const Event& event) const;
  [[nodiscard]] std::vector<const Fence*> fences_of(const EventRefs& events) const;
  void refuse(EventRefs& events, const Fence& lost);
  Done store_halves(const EventRefs& events, const base::Error& why);
  Done bury(const Event& event, const base::Error& why);
  void succeeded(const BatchCommit& made);
  // False when it is time to give up.
  bool back_off(const base::Error& why);
  void give_up(const EventRefs& events);  // those of batch_

  Shared shared_;
  const Options options_;
  std::map<base::Uuid, std::uint64_t> drops_;  // taken from the ledger, not stored yet
  unsigned failures_ = 0;                      // in a row
  const Batch* batch_ = nullptr;               // while process() runs

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Piece> waiting_;                                     // guarded by mutex_
  std::size_t rows_waiting_ = 0;                                  // guarded by mutex_
  std::size_t bytes_waiting_ = 0;                                 // guarded by mutex_
  std::optional<std::chrono::steady_clock::time_point> stop_at_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace z4j::core
