// One writer: takes events as its queue gives them, makes batches, stores them, and does not let go
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
#include <span>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/event_decode.hpp"
#include "core/ingest_batch.hpp"
#include "core/ingest_ledger.hpp"
#include "core/ingest_queue.hpp"
#include "core/store.hpp"
#include "core/task_memory.hpp"

namespace z4j::core {

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
    const std::function<void(std::span<const Event* const>)>& on_stored;
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
  struct Batch {
    std::vector<std::shared_ptr<WaitingParcel>> parcels;  // what the events' views live in
    std::vector<Event> events;
  };
  enum class Done : std::uint8_t { yes, given_up };

  [[nodiscard]] IngestQueue::Limit full() const noexcept {
    return {options_.max_rows, options_.max_bytes};
  }
  void run();
  bool wait_for_work();
  void abandon();  // what waits; holds mutex_
  void take(Batch& batch);
  void process(Batch& batch);
  void drop_repeats(Batch& batch);
  // A transition that an agent and its neighbour, or an engine instance here, see from two places
  // has two times and so two ids. The first report counts; of two in one batch, the fuller.
  void drop_echoes(Batch& batch);
  void forget_facts(base::TimeUs now);
  // What was read back is the lesser report of a fact: told in the same batch it goes, else it is
  // kept in mind, since what was seen as it happened may still be on its way.
  void weigh_rebuilds(Batch& batch);
  [[nodiscard]] bool may_be_rebuilt(const Event& event) const;
  Done store(EventRefs events);
  using Fences = std::vector<const Fence*>;
  // None when it was heard under none, or lay on disk and its lease is among the lost.
  [[nodiscard]] const Fence* fence_of(const Event& event, const Fences& lost) const;
  [[nodiscard]] Fences fences_of(const EventRefs& events, const Fences& lost) const;
  // What was heard under it and did not lie on disk.
  void refuse(EventRefs& events, const Fence& lost);
  // What lay on disk and lost its lease, when the next holder has told it meanwhile; and what was
  // read back a moment before it was heard.
  Done drop_told(EventRefs& events, const Fences& lost);
  [[nodiscard]] WaitingParcel& parcel_of(const Event& event) const {
    return *batch_->parcels[event.parcel];
  }
  void repeated(const Event& event);
  Done store_halves(const EventRefs& events, const base::Error& why);
  Done bury(const Event& event, const base::Error& why);
  void succeeded(const BatchCommit& made);
  // False when it is time to give up.
  bool back_off(const base::Error& why);
  void give_up(const EventRefs& events);  // those of batch_

  Shared shared_;
  const Options options_;
  std::map<base::Uuid, std::uint64_t> drops_;  // taken from the ledger, not stored yet
  FleetMemory fleet_;
  unsigned failures_ = 0;  // in a row
  struct Fact {
    base::TimeUs at = 0, noted_at = 0;
    std::uint64_t batch = 0;  // it came with, and its place there
    std::size_t place = 0;
    bool is_remote = false;
  };
  using FactKey = std::pair<base::Uuid, std::uint16_t>;  // task row and kind
  struct FactHash {
    std::size_t operator()(const FactKey& key) const noexcept {
      return UuidHash{}(key.first) ^ (std::size_t{key.second} << 48);
    }
  };
  // Of the last seconds, while remote agents tell some; and in the order they came.
  std::unordered_map<FactKey, Fact, FactHash> facts_;
  std::deque<std::pair<base::TimeUs, FactKey>> facts_order_;
  TaskMemory memory_;
  base::TimeUs remote_at_ = 0;  // latest report of one
  std::uint64_t batches_ = 0;
  struct Rebuilt {
    base::TimeUs at = 0, noted_at = 0;
    std::uint16_t kind = Z4J_EV_UNKNOWN;
  };
  std::unordered_map<base::Uuid, Rebuilt, UuidHash> rebuilt_;  // by task row; of the last minutes
  const Batch* batch_ = nullptr;                               // while process() runs

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  IngestQueue waiting_;                                           // guarded by mutex_
  std::optional<std::chrono::steady_clock::time_point> stop_at_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace z4j::core
