// Counts per minute, task name, queue, worker and kind. ADD is not idempotent: the rows go only
// behind a step that fails when an event was stored before. Not thread-safe; views must outlive the
// counts.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <string_view>

#include "core/event_decode.hpp"
#include "core/store.hpp"

namespace z4j::core {

class MinuteCounts {
 public:
  void add(const Event& event);
  // For MERGE: sorted by key.
  [[nodiscard]] Rows rows(unsigned lane) const;

  static constexpr std::size_t kBuckets = 13;
  // Which runtime column counts a run of that length: 0 is le_10ms, the last le_inf.
  [[nodiscard]] static std::size_t bucket_of(std::int64_t runtime_us) noexcept;

 private:
  struct Key {
    base::Uuid project_id;
    base::TimeUs minute = 0;
    std::string_view engine, task, queue, worker, kind;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Counts {
    std::int64_t events = 0, runs = 0, runtime_sum_us = 0;
    std::array<std::int64_t, kBuckets> buckets{};
  };
  std::map<Key, Counts> counts_;
};

}  // namespace z4j::core
