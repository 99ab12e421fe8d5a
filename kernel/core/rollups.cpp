#include "core/rollups.hpp"

#include <algorithm>

namespace z4j::core {
namespace {

namespace minute_col = model::task_minutes;
namespace hour_col = model::task_hours;
namespace span_col = model::project_spans;
namespace worker_hour_col = model::worker_hours;

constexpr std::array<std::int64_t, RollUps::kBuckets - 1> kUpTo = {
    10'000,    50'000,    100'000,    250'000,    500'000,    1'000'000,
    2'500'000, 5'000'000, 10'000'000, 30'000'000, 60'000'000, 120'000'000};
// Runs longer than a century are a reporter's mistake; their sum must not overflow.
constexpr std::int64_t kLongestRunUs = std::int64_t{100} * 365 * base::kDayUs;

// The run columns stand side by side and in one order in all tables that have them.
constexpr std::uint16_t kLane = 0, kCount = 1, kRuns = 2, kRuntimeSum = 3, kFirstBucket = 4;
static_assert(minute_col::le_inf - minute_col::lane == kFirstBucket + RollUps::kBuckets - 1);
static_assert(hour_col::le_inf - hour_col::lane == kFirstBucket + RollUps::kBuckets - 1);
static_assert(span_col::le_inf - span_col::lane == kFirstBucket + RollUps::kBuckets - 1);

}  // namespace

base::TimeUs start_of_span(base::TimeUs at, std::int64_t seconds) noexcept {
  const base::TimeUs span = seconds * base::kSecondUs;
  return at - ((at % span) + span) % span;
}

std::size_t RollUps::bucket_of(std::int64_t runtime_us) noexcept {
  return static_cast<std::size_t>(std::lower_bound(kUpTo.begin(), kUpTo.end(), runtime_us) -
                                  kUpTo.begin());
}

std::int64_t RollUps::bound_us(std::size_t bucket) noexcept {
  return bucket < kUpTo.size() ? kUpTo[bucket] : 0;
}

std::string_view RollUps::bound_text(std::size_t bucket) noexcept {
  static constexpr std::array<std::string_view, kBuckets> kTexts = {
      "0.01", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "60", "120", "+Inf"};
  return kTexts[bucket];
}

std::int64_t RollUps::quantile_us(const Buckets& buckets, double share) noexcept {
  std::int64_t runs = 0;
  for (const std::int64_t n : buckets) runs += n;
  if (runs <= 0) return 0;
  const double wanted = std::clamp(share, 0.0, 1.0) * static_cast<double>(runs);
  double below = 0;
  for (std::size_t i = 0; i < kUpTo.size(); ++i) {
    const auto here = static_cast<double>(buckets[i]);
    if (here > 0 && below + here >= wanted) {
      const auto from = static_cast<double>(i == 0 ? 0 : kUpTo[i - 1]);
      const auto to = static_cast<double>(kUpTo[i]);
      return static_cast<std::int64_t>(from + (to - from) * (wanted - below) / here);
    }
    below += here;
  }
  return kUpTo.back();
}

void RollUps::Counts::add(const Counts& other) {
  events += other.events;
  runs += other.runs;
  runtime_sum_us += other.runtime_sum_us;
  for (std::size_t i = 0; i < kBuckets; ++i) buckets[i] += other.buckets[i];
}

void RollUps::add(const Event& e) {
  if (!e.is_task()) return;
  const std::string_view kind = kind_name(e.kind);
  const bool is_old = e.taken_at - e.at > kMinutesKeptUs;
  Key key{e.project_id,      start_of_span(e.at, is_old ? kHourSpanS : kMinuteSpanS),
          e.engine,          e.counted_task(),
          e.counted_queue(), kind};
  Counts& counts = (is_old ? old_hours_ : minutes_)[key];
  ++counts.events;
  if (!e.worker.empty())
    ++workers_[WorkerKey{e.project_id, start_of_span(e.at, kHourSpanS), e.engine, e.worker, kind}];
  if (e.runtime_us < 0) return;
  const std::int64_t runtime_us = std::min(e.runtime_us, kLongestRunUs);
  ++counts.runs;
  counts.runtime_sum_us += runtime_us;
  ++counts.buckets[bucket_of(runtime_us)];
}

void RollUps::put(Rows& rows, unsigned lane, const Counts& counts, std::uint16_t first_column) {
  const auto at = [first_column](std::size_t place) {
    return static_cast<std::uint16_t>(first_column + place);
  };
  rows.num(at(kLane), lane)
      .num(at(kCount), counts.events)
      .num(at(kRuns), counts.runs)
      .num(at(kRuntimeSum), counts.runtime_sum_us);
  for (std::size_t i = 0; i < kBuckets; ++i) rows.num(at(kFirstBucket + i), counts.buckets[i]);
}

std::vector<Rows> RollUps::rows(unsigned lane) const {
  std::map<Key, Counts> hours = old_hours_;
  std::map<SpanKey, Counts> spans;
  Rows minute_rows(Table::task_minutes);
  for (const auto& [key, counts] : minutes_) {
    minute_rows.begin()
        .uuid(minute_col::project_id, key.project_id)
        .num(minute_col::minute, key.at)
        .text(minute_col::engine, key.engine)
        .text(minute_col::task_name, key.task)
        .text(minute_col::queue, key.queue)
        .text(minute_col::worker, "")
        .text(minute_col::kind, key.kind);
    put(minute_rows, lane, counts, minute_col::lane);
    Key of_hour = key;
    of_hour.at = start_of_span(key.at, kHourSpanS);
    hours[of_hour].add(counts);
    spans[SpanKey{key.project_id, kMinuteSpanS, key.at, key.kind}].add(counts);
  }
  Rows hour_rows(Table::task_hours);
  for (const auto& [key, counts] : hours) {
    spans[SpanKey{key.project_id, kHourSpanS, key.at, key.kind}].add(counts);
    hour_rows.begin()
        .uuid(hour_col::project_id, key.project_id)
        .num(hour_col::hour, key.at)
        .text(hour_col::engine, key.engine)
        .text(hour_col::task_name, key.task)
        .text(hour_col::queue, key.queue)
        .text(hour_col::kind, key.kind);
    put(hour_rows, lane, counts, hour_col::lane);
  }
  Rows span_rows(Table::project_spans);
  for (const auto& [key, counts] : spans) {
    span_rows.begin()
        .uuid(span_col::project_id, key.project_id)
        .num(span_col::seconds, key.seconds)
        .num(span_col::begins, key.at)
        .text(span_col::kind, key.kind);
    put(span_rows, lane, counts, span_col::lane);
  }
  Rows worker_rows(Table::worker_hours);
  for (const auto& [key, events] : workers_) {
    worker_rows.begin()
        .uuid(worker_hour_col::project_id, key.project_id)
        .num(worker_hour_col::hour, key.hour)
        .text(worker_hour_col::engine, key.engine)
        .text(worker_hour_col::worker, key.worker)
        .text(worker_hour_col::kind, key.kind)
        .num(worker_hour_col::lane, lane)
        .num(worker_hour_col::count, events);
  }
  std::vector<Rows> out;
  for (Rows* rows : {&minute_rows, &hour_rows, &span_rows, &worker_rows}) {
    if (rows->size() > 0) out.push_back(std::move(*rows));
  }
  return out;
}

}  // namespace z4j::core
