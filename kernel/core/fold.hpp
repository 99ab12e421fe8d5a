// From events to task rows, in any order, any cut into batches, any number of times: the same row.
//
// Each group of LAST columns carries a stamp that depends on the event alone; the greater stamp
// wins, here and in the store. A stamp names one fact: equal stamps of a task mean the same
// attempt, kind and time, which is the same event. Not thread-safe; views must outlive the fold.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/event_decode.hpp"
#include "core/store.hpp"

namespace z4j::core {

// Order of the state columns: attempt (1 when unknown), then sent < running < ended, then time,
// then kind. An end beats what is not an end whatever their times; a later attempt beats an earlier
// one. Zero: the kind says nothing about the state.
[[nodiscard]] std::int64_t state_stamp(const Event& event) noexcept;
[[nodiscard]] std::uint32_t attempt_of(std::int64_t state_stamp) noexcept;
// The state that a kind tells of; "" is pending.
[[nodiscard]] std::string_view state_of(std::uint16_t kind) noexcept;

class TaskFold {
 public:
  void add(const Event& event);
  [[nodiscard]] std::size_t size() const noexcept { return tasks_.size(); }
  // For MERGE: sorted by id.
  [[nodiscard]] Rows rows() const;

 private:
  struct Task {
    base::Uuid id, project_id, agent_id;
    std::string_view engine, task_id, name, parent_id, root_id, tags;
    std::int64_t state_stamp = 0, received_stamp = 0, args_stamp = 0, started_stamp = 0,
                 worker_stamp = 0, queue_stamp = 0, priority_stamp = 0, failure_stamp = 0,
                 sort_stamp = -1;
    const Event* state = nullptr;  // who told the state
    const Event* args = nullptr;
    base::TimeUs received_at = 0, started_at = 0, sort_at = 0, created_at = 0, updated_at = 0;
    std::string_view worker, queue, priority, fingerprint;
    std::int64_t retry_count = -1;
  };
  struct Key {
    base::Uuid project_id;
    std::string_view engine, task_id;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept;
  };
  static void add_to(Task& task, const Event& event);

  std::unordered_map<Key, std::size_t, KeyHash> by_key_;
  std::vector<Task> tasks_;
};

}  // namespace z4j::core
