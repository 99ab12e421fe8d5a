// Figures for Prometheus: how long requests took, and the text format.
//
// Label values come from data, so their number is bounded: what does not fit is counted under
// "__overflow__".
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace z4j::core {

// Writes metric families one after another. One thread at a time.
class MetricText {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // Starts a family; `type` is counter, gauge or histogram. Its samples follow.
  MetricText& family(std::string_view name, std::string_view type, std::string_view help);
  MetricText& sample(Labels labels, double value);
  MetricText& sample(Labels labels, std::int64_t value);
  // A sample of the family's histogram part: suffix _bucket, _sum, _count.
  MetricText& part(std::string_view suffix, Labels labels, double value);

  // The same with labels that are known at run time only.
  using LabelList = std::span<const std::pair<std::string_view, std::string_view>>;
  MetricText& sample(LabelList labels, std::int64_t value);
  MetricText& part(std::string_view suffix, LabelList labels, double value);

  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  void line(std::string_view suffix, LabelList labels, const std::string& value);
  std::string name_, text_;
};

// One family of counters, by label values. At most `max_series`; what does not fit is counted with
// all values
// "__overflow__". Thread-safe.
class CounterFamily {
 public:
  CounterFamily(std::string_view name, std::string_view help, std::vector<std::string_view> labels,
                std::size_t max_series = 2000)
      : name_(name), help_(help), labels_(std::move(labels)), max_series_(max_series) {}

  // One value per label, in their order.
  void add(std::initializer_list<std::string_view> values, std::int64_t count = 1);
  void write(MetricText& out) const;

 private:
  const std::string_view name_, help_;
  const std::vector<std::string_view> labels_;
  const std::size_t max_series_;
  mutable std::mutex mutex_;
  std::map<std::vector<std::string>, std::int64_t> series_;  // guarded by mutex_
};

// One family of histograms of seconds, by the values of one label that the program knows: their
// number is bounded by it. Thread-safe.
class DurationFamily {
 public:
  static constexpr std::array<double, 12> kBounds = {0.01, 0.05, 0.1, 0.25, 0.5, 1,
                                                     2.5,  5,    10,  30,   60,  120};

  DurationFamily(std::string_view name, std::string_view help, std::string_view label)
      : name_(name), help_(help), label_(label) {}

  void observe(std::string_view value, double seconds);
  void write(MetricText& out) const;

 private:
  struct Series {
    std::array<std::uint64_t, kBounds.size() + 1> counts{};  // not cumulative; the last: longer
    double sum = 0;
  };
  const std::string_view name_, help_, label_;
  mutable std::mutex mutex_;
  std::map<std::string, Series, std::less<>> series_;  // guarded by mutex_
};

// Thread-safe.
class HttpMetrics {
 public:
  static constexpr std::array<double, 11> kBounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                     0.5,   1,    2.5,   5,    10};

  void observe(std::string_view method, std::string_view route, int status, double seconds);
  // z4j_http_request_duration_seconds{method,route,status}
  void write(MetricText& out) const;

 private:
  struct Series {
    std::array<std::uint64_t, kBounds.size() + 1> counts{};  // not cumulative; the last: longer
    double sum = 0;
  };
  static constexpr std::size_t kMaxSeries = 2000;

  mutable std::mutex mutex_;
  std::map<std::tuple<std::string, std::string, int>, Series> series_;  // guarded by mutex_
};

}  // namespace z4j::core
