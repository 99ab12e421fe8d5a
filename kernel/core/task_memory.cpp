#include "core/task_memory.hpp"

#include <cstring>
#include <functional>

namespace z4j::core {
namespace {

std::uint64_t memory_key(const Event& e) {
  std::uint64_t project = 0;
  std::memcpy(&project, e.project_id.bytes.data() + 8, sizeof project);
  return std::hash<std::string_view>()(e.task_id) ^ project ^
         (std::hash<std::string_view>()(e.engine) << 1);
}

}  // namespace

void TaskMemory::begin() {
  if (words_.size() < options_.most_words) return;
  known_.clear();
  order_.clear();
  words_.clear();
}

std::string_view TaskMemory::word(std::string_view text) {
  if (text.empty()) return {};
  if (words_.size() >= options_.most_words) {
    const auto there = words_.find(std::string(text));
    return there == words_.end() ? std::string_view() : std::string_view(*there);
  }
  return *words_.emplace(text).first;
}

void TaskMemory::complete(Event& e) {
  if (!e.is_task()) return;
  const std::uint64_t key = memory_key(e);
  const auto known = known_.find(key);
  if (known != known_.end()) {
    e.known_task = known->second.task;
    e.known_queue = known->second.queue;
  }
  if (e.task.empty() && e.queue.empty()) return;
  if (known == known_.end()) {
    while (order_.size() >= options_.most_tasks) {
      known_.erase(order_.front());
      order_.pop_front();
    }
    order_.push_back(key);
  }
  Known& keep = known == known_.end() ? known_[key] : known->second;
  if (!e.task.empty() && keep.task != e.task) keep.task = word(e.task);
  if (!e.queue.empty() && keep.queue != e.queue) keep.queue = word(e.queue);
}

}  // namespace z4j::core
