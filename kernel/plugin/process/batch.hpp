// Event batches in the memory that a plugin's process shares with the kernel.
//
// A batch lies there flat: counts first, then each column, aligned to 8 bytes. The process writes
// it and tells where; the kernel copies it out before it looks at it, since the process may write
// to it at any time. The places are those of a ring: given back in the order they were taken.
#pragma once

#include <z4j/abi.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace z4j::plugin::process {

// Untouched pages cost nothing; the largest batch is 71 MiB.
inline constexpr std::size_t kRingBytes = 96u << 20;

// Of a batch that check_batch() found good.
[[nodiscard]] std::size_t flat_bytes(const z4j_event_batch& batch) noexcept;
// `to` has flat_bytes() and is aligned to 8.
void flatten(const z4j_event_batch& batch, std::span<char> to) noexcept;

// A copy of what lies flat, and the batch that it is. check_batch() still has to look at it: what
// is certain here is that every array has its length within the copy, if its offsets are in order.
class FlatBatch {
 public:
  // The view holds until the next copy.
  [[nodiscard]] base::Result<z4j_event_batch> copy(std::span<const char> shared);

 private:
  std::vector<std::uint64_t> words_;
};

// Places in the ring. Thread-safe.
class RingPlaces {
 public:
  explicit RingPlaces(std::size_t bytes) : bytes_(bytes) {}

  // Where `count` bytes are free, waiting for others to give theirs back; none: they never will be.
  [[nodiscard]] std::optional<std::size_t> take(std::size_t count);
  void give_back(std::size_t offset);
  // Runs `f` if nobody has a place, and some had one behind `offset` since the last time. Nobody
  // gets one meanwhile.
  void when_idle_beyond(std::size_t offset, const std::function<void()>& f);

 private:
  struct Place {
    std::size_t offset, end;
    bool is_free;
  };
  [[nodiscard]] std::optional<std::size_t> room(std::size_t count) const;

  const std::size_t bytes_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::deque<Place> places_;  // oldest first
  std::size_t high_ = 0;
};

}  // namespace z4j::plugin::process
