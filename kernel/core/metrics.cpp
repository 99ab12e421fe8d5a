#include "core/metrics.hpp"

#include <algorithm>
#include <cmath>

#include "base/json.hpp"

namespace z4j::core {
namespace {

constexpr std::string_view kMetricOverflow = "__overflow__";
constexpr std::array<std::string_view, 7> kMetricMethods = {"GET",    "POST", "PUT",    "PATCH",
                                                            "DELETE", "HEAD", "OPTIONS"};

std::string metric_number(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  if (value == std::floor(value) && std::fabs(value) < 1e15)
    return std::to_string(static_cast<std::int64_t>(value));
  std::string out;
  base::json::append_float(out, value);
  return out;
}

void append_metric_text(std::string& out, std::string_view text, bool is_label) {
  for (const char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '"' && is_label)
      out += "\\\"";
    else
      out += c;
  }
}

}  // namespace

MetricText& MetricText::family(std::string_view name, std::string_view type,
                               std::string_view help) {
  name_ = name;
  text_ += "# HELP " + name_ + " ";
  append_metric_text(text_, help, false);
  text_ += "\n# TYPE " + name_ + " ";
  text_ += type;
  text_ += "\n";
  return *this;
}

void MetricText::line(std::string_view suffix, LabelList labels, const std::string& value) {
  text_ += name_;
  text_ += suffix;
  char before = '{';
  for (const auto& [key, text] : labels) {
    text_ += before;
    text_ += key;
    text_ += "=\"";
    append_metric_text(text_, text, true);
    text_ += '"';
    before = ',';
  }
  if (!labels.empty()) text_ += '}';
  text_ += " " + value + "\n";
}

MetricText& MetricText::sample(Labels labels, double value) {
  line({}, LabelList(labels.begin(), labels.size()), metric_number(value));
  return *this;
}

MetricText& MetricText::sample(Labels labels, std::int64_t value) {
  return sample(LabelList(labels.begin(), labels.size()), value);
}

MetricText& MetricText::sample(LabelList labels, std::int64_t value) {
  line({}, labels, std::to_string(value));
  return *this;
}

MetricText& MetricText::part(std::string_view suffix, Labels labels, double value) {
  return part(suffix, LabelList(labels.begin(), labels.size()), value);
}

MetricText& MetricText::part(std::string_view suffix, LabelList labels, double value) {
  line(suffix, labels, metric_number(value));
  return *this;
}

void CounterFamily::add(std::initializer_list<std::string_view> values, std::int64_t count) {
  std::vector<std::string> key(values.begin(), values.end());
  const std::lock_guard lock(mutex_);
  auto found = series_.find(key);
  if (found == series_.end()) {
    if (series_.size() >= max_series_) key.assign(labels_.size(), std::string(kMetricOverflow));
    found = series_.try_emplace(std::move(key)).first;
  }
  found->second += count;
}

void CounterFamily::write(MetricText& out) const {
  out.family(name_, "counter", help_);
  std::vector<std::pair<std::string_view, std::string_view>> labels(labels_.size());
  const std::lock_guard lock(mutex_);
  for (const auto& [values, count] : series_) {
    for (std::size_t i = 0; i < labels_.size(); ++i) labels[i] = {labels_[i], values[i]};
    out.sample(MetricText::LabelList(labels), count);
  }
}

void DurationFamily::observe(std::string_view value, double seconds) {
  const auto place = static_cast<std::size_t>(
      std::lower_bound(kBounds.begin(), kBounds.end(), seconds) - kBounds.begin());
  const std::lock_guard lock(mutex_);
  auto found = series_.find(value);
  if (found == series_.end()) found = series_.try_emplace(std::string(value)).first;
  ++found->second.counts[place];
  found->second.sum += seconds;
}

void DurationFamily::write(MetricText& out) const {
  out.family(name_, "histogram", help_);
  const std::lock_guard lock(mutex_);
  for (const auto& [value, series] : series_) {
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i < series.counts.size(); ++i) {
      so_far += series.counts[i];
      out.part("_bucket",
               {{label_, value}, {"le", i < kBounds.size() ? metric_number(kBounds[i]) : "+Inf"}},
               static_cast<double>(so_far));
    }
    out.part("_sum", {{label_, value}}, series.sum);
    out.part("_count", {{label_, value}}, static_cast<double>(so_far));
  }
}

void HttpMetrics::observe(std::string_view method, std::string_view route, int status,
                          double seconds) {
  if (std::find(kMetricMethods.begin(), kMetricMethods.end(), method) == kMetricMethods.end())
    method = "OTHER";
  const auto place = static_cast<std::size_t>(
      std::lower_bound(kBounds.begin(), kBounds.end(), seconds) - kBounds.begin());
  const std::lock_guard lock(mutex_);
  std::tuple key(std::string(method), std::string(route), status);
  if (series_.size() >= kMaxSeries && series_.find(key) == series_.end())
    key = {std::string(kMetricOverflow), std::string(kMetricOverflow), 0};
  Series& series = series_[std::move(key)];
  ++series.counts[place];
  series.sum += seconds;
}

void HttpMetrics::write(MetricText& out) const {
  out.family("z4j_http_request_duration_seconds", "histogram",
             "time from a request's head to the end of its answer, by route template");
  const std::lock_guard lock(mutex_);
  for (const auto& [key, series] : series_) {
    const auto& [method, route, status] = key;
    const std::string code = std::to_string(status);
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i < series.counts.size(); ++i) {
      so_far += series.counts[i];
      out.part("_bucket",
               {{"method", method},
                {"route", route},
                {"status", code},
                {"le", i < kBounds.size() ? metric_number(kBounds[i]) : "+Inf"}},
               static_cast<double>(so_far));
    }
    out.part("_sum", {{"method", method}, {"route", route}, {"status", code}}, series.sum);
    out.part("_count", {{"method", method}, {"route", route}, {"status", code}},
             static_cast<double>(so_far));
  }
}

}  // namespace z4j::core
