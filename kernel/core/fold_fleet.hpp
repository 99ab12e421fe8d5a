// What a batch of events says beside its tasks: which workers and queues were seen, what agents
// reported, which gaps they had. Not thread-safe; views must outlive the fold.
//
// A worker's state follows only signs of life younger than two minutes: what an agent sends late,
// after an outage, must not bring a dead worker back. Everything else merges by MAX and MIN.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/event_decode.hpp"
#include "core/fleet_memory.hpp"
#include "core/store.hpp"

namespace z4j::core {

class FleetFold {
 public:
  static constexpr base::TimeUs kFresh = 120 * base::kSecondUs;

  void add(const Event& event);
  // After the last event: lets go of what the store was told a moment ago.
  void leave_out(const FleetMemory& told);

  // Workers and queues not seen before, for INSERT_NEW.
  [[nodiscard]] Rows new_workers() const;
  [[nodiscard]] Rows new_queues() const;
  // For PATCH; each group sets the same columns, since a column of a batch speaks for all its rows.
  [[nodiscard]] std::vector<Rows> worker_changes() const;
  [[nodiscard]] Rows gaps() const;
  // For the memory, when all this is stored.
  [[nodiscard]] std::vector<FleetMemory::Note> notes() const;

  [[nodiscard]] bool saw_worker_events() const noexcept { return saw_worker_events_; }

 private:
  struct Worker {
    base::Uuid id, project_id, agent_id;
    std::string_view engine, name;
    base::TimeUs first = 0, last = 0, taken_at = 0;
    std::uint16_t last_kind = 0;
    const WorkerFacts* facts = nullptr;  // the latest
    base::TimeUs facts_at = 0, there_at = 0;
    bool is_there = false;  // the row; only what changed is to be written
    [[nodiscard]] bool is_fresh() const noexcept { return last >= taken_at - kFresh; }
    [[nodiscard]] std::string_view state() const noexcept;
    [[nodiscard]] FleetMemory::Note note() const;
  };
  struct Queue {
    base::Uuid id, project_id, agent_id;
    std::string_view engine, name;
    base::TimeUs first = 0, last = 0, taken_at = 0;
  };
  using Key = std::tuple<base::Uuid, std::string_view, std::string_view>;  // project, engine, name

  void see_worker(const Event& event);
  void see_queue(const Event& event);

  std::map<Key, Worker> workers_;
  std::map<Key, Queue> queues_;
  std::vector<const Event*> gaps_;
  bool saw_worker_events_ = false;
};

}  // namespace z4j::core
