// Counts per minute and hour: what dashboards ask for, added up as events come in. Four tables: per
// minute and per hour by task name, queue and kind; per hour by worker; and per project by either.
//
// Minutes serve the last days only and are not kept longer (kMinutesKeptUs): with many names and
// few runs there are nearly as many of them as events.
//
// ADD is not idempotent: the rows go only behind a step that fails when an event was stored before.
// Not thread-safe; views must outlive the counts.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "core/event_decode.hpp"
#include "core/store.hpp"

namespace z4j::core {

inline constexpr base::TimeUs kMinutesKeptUs = 8 * base::kDayUs;
inline constexpr std::int64_t kMinuteSpanS = 60, kHourSpanS = 3600;  // of project_spans

// The latest multiple of that many seconds that is not after `at`.
[[nodiscard]] base::TimeUs start_of_span(base::TimeUs at, std::int64_t seconds) noexcept;

class RollUps {
 public:
  void add(const Event& event);
  // For MERGE: one step per table, each sorted by key.
  [[nodiscard]] std::vector<Rows> rows(unsigned lane) const;

  static constexpr std::size_t kBuckets = 13;
  using Buckets = std::array<std::int64_t, kBuckets>;
  // Which runtime column counts a run of that length: 0 is le_10ms, the last le_inf.
  [[nodiscard]] static std::size_t bucket_of(std::int64_t runtime_us) noexcept;
  // Its upper bound; 0: it has none.
  [[nodiscard]] static std::int64_t bound_us(std::size_t bucket) noexcept;
  // The same in seconds: "0.01" to "120", "+Inf".
  [[nodiscard]] static std::string_view bound_text(std::size_t bucket) noexcept;
  // The runtime that `share` (0 to 1) of the runs stay below, as far as the buckets can tell: in a
  // straight line within one. 0 without runs; beyond the last bound, the last bound.
  [[nodiscard]] static std::int64_t quantile_us(const Buckets& buckets, double share) noexcept;

 private:
  struct Key {
    base::Uuid project_id;
    base::TimeUs at = 0;
    std::string_view engine, task, queue, kind;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct SpanKey {
    base::Uuid project_id;
    std::int64_t seconds = 0;
    base::TimeUs at = 0;
    std::string_view kind;
    friend auto operator<=>(const SpanKey&, const SpanKey&) = default;
  };
  struct WorkerKey {
    base::Uuid project_id;
    base::TimeUs hour = 0;
    std::string_view engine, worker, kind;
    friend auto operator<=>(const WorkerKey&, const WorkerKey&) = default;
  };
  struct Counts {
    std::int64_t events = 0, runs = 0, runtime_sum_us = 0;
    Buckets buckets{};
    void add(const Counts& other);
  };
  static void put(Rows& rows, unsigned lane, const Counts& counts, std::uint16_t first_column);

  std::map<Key, Counts> minutes_;
  std::map<Key, Counts> old_hours_;  // of events that came too late for minutes
  std::map<WorkerKey, std::int64_t> workers_;
};

}  // namespace z4j::core
