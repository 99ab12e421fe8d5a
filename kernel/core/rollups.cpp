#include "core/rollups.hpp"

#include <algorithm>

namespace z4j::core {
namespace {

namespace m = model::task_minutes;

constexpr base::TimeUs kMinuteUs = 60 * base::kSecondUs;
constexpr std::array<std::int64_t, MinuteCounts::kBuckets - 1> kUpTo = {
    10'000,    50'000,    100'000,    250'000,    500'000,    1'000'000,
    2'500'000, 5'000'000, 10'000'000, 30'000'000, 60'000'000, 120'000'000};
static_assert(m::le_inf - m::le_10ms + 1 == MinuteCounts::kBuckets);
// Runs longer than a century are a reporter's mistake; their sum must not overflow.
constexpr std::int64_t kLongestRunUs = std::int64_t{100} * 365 * base::kDayUs;

}  // namespace

std::size_t MinuteCounts::bucket_of(std::int64_t runtime_us) noexcept {
  return static_cast<std::size_t>(std::lower_bound(kUpTo.begin(), kUpTo.end(), runtime_us) -
                                  kUpTo.begin());
}

void MinuteCounts::add(const Event& e) {
  if (!e.is_task()) return;
  const base::TimeUs minute = e.at - ((e.at % kMinuteUs) + kMinuteUs) % kMinuteUs;
  Counts& counts =
      counts_[Key{e.project_id, minute, e.engine, e.task, e.queue, e.worker, kind_name(e.kind)}];
  ++counts.events;
  if (e.runtime_us < 0) return;
  const std::int64_t runtime_us = std::min(e.runtime_us, kLongestRunUs);
  ++counts.runs;
  counts.runtime_sum_us += runtime_us;
  ++counts.buckets[bucket_of(runtime_us)];
}

Rows MinuteCounts::rows(unsigned lane) const {
  Rows rows(Table::task_minutes);
  for (const auto& [key, counts] : counts_) {
    rows.begin()
        .uuid(m::project_id, key.project_id)
        .num(m::minute, key.minute)
        .text(m::engine, key.engine)
        .text(m::task_name, key.task)
        .text(m::queue, key.queue)
        .text(m::worker, key.worker)
        .text(m::kind, key.kind)
        .num(m::lane, lane)
        .num(m::count, counts.events)
        .num(m::runtime_count, counts.runs)
        .num(m::runtime_sum_us, counts.runtime_sum_us);
    for (std::size_t i = 0; i < kBuckets; ++i)
      rows.num(static_cast<std::uint16_t>(m::le_10ms + i), counts.buckets[i]);
  }
  return rows;
}

}  // namespace z4j::core
