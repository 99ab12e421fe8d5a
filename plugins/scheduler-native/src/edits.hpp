// Which schedules were edited, from the thread that is told of it to the one that reads them.
// Thread-safe; bounded: past its room it only remembers that there were many.
#pragma once

#include <cstdint>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "src/window.hpp"

namespace z4j::native {

class Edits {
 public:
  // null: somebody missed some.
  void put(const std::uint8_t* id) {
    const std::lock_guard lock(mutex_);
    if (id == nullptr || ids_.size() >= kRoom) {
      many_ = true;
      return;
    }
    std::memcpy(ids_.emplace_back().data(), id, sizeof(Id));
  }
  [[nodiscard]] std::vector<Id> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(ids_, {});
  }
  [[nodiscard]] bool take_many() {
    const std::lock_guard lock(mutex_);
    return std::exchange(many_, false);
  }

 private:
  static constexpr std::size_t kRoom = 20'000;
  std::mutex mutex_;
  std::vector<Id> ids_;
  bool many_ = false;
};

}  // namespace z4j::native
