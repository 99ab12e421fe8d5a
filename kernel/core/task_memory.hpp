// Name and queue of tasks that a lane heard of lately, for counts: Celery tells them when a task is
// sent and received, and not when it ends.
//
// Kept in memory and bounded; a task that was forgotten, or heard of before the brain started, is
// counted without them. What is given to an event plays no part in the task's row. Not thread-safe:
// a task has one lane.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "core/event_decode.hpp"

namespace z4j::core {

class TaskMemory {
 public:
  struct Options {
    std::size_t most_tasks = 100'000, most_words = 5000;
  };
  TaskMemory() : TaskMemory(Options()) {}
  explicit TaskMemory(Options options) : options_(options) {}

  // Before each batch: what events of the batch before were given is gone after it.
  void begin();
  // Keeps what the event says of its task, and gives it what was said before.
  void complete(Event& event);

 private:
  struct Known {
    std::string_view task, queue;
  };
  // "" when there are too many already.
  [[nodiscard]] std::string_view word(std::string_view text);

  const Options options_;
  std::unordered_set<std::string> words_;
  std::unordered_map<std::uint64_t, Known> known_;
  std::deque<std::uint64_t> order_;  // the oldest first
};

}  // namespace z4j::core
