#include "core/rate_limit.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace z4j::core {

std::string client_key(std::string_view ip) {
  if (ip.find(':') == std::string_view::npos) return std::string(ip);
  std::array<unsigned char, 16> bytes{};
  if (inet_pton(AF_INET6, std::string(ip).c_str(), bytes.data()) != 1) return std::string(ip);
  const bool is_mapped_v4 =
      std::all_of(bytes.begin(), bytes.begin() + 10, [](unsigned char b) { return b == 0; }) &&
      bytes[10] == 0xFF && bytes[11] == 0xFF;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_mapped_v4) return inet_ntop(AF_INET, bytes.data() + 12, text.data(), text.size());
  std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
  return std::string(inet_ntop(AF_INET6, bytes.data(), text.data(), text.size())) + "/64";
}

RateLimit::RateLimit(const base::Clock& clock, std::size_t max_keys, std::size_t max_stamps)
    : clock_(clock), max_keys_(max_keys), max_stamps_(max_stamps) {}

RateLimit::Answer RateLimit::take(const RateBucket& bucket, std::string_view key) {
  const std::int64_t now = clock_.steady_ms();
  const std::int64_t window_ms = std::int64_t{bucket.window_s} * 1000;
  std::string name(bucket.name);
  name += '\n';
  name += key.substr(0, 200);

  const std::lock_guard lock(mutex_);
  if (const auto found = by_name_.find(name); found != by_name_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
  } else {
    if (entries_.size() >= max_keys_) forget_oldest();
    entries_.push_front(Entry{std::move(name), {}});
    by_name_.emplace(entries_.front().name, entries_.begin());
  }
  Entry& entry = entries_.front();
  while (!entry.stamps.empty() && entry.stamps.front() <= now - window_ms) {
    entry.stamps.pop_front();
    --stamps_;
  }
  if (entry.stamps.size() >= bucket.limit) {
    const std::int64_t left_ms = entry.stamps.front() + window_ms - now;
    return {false, static_cast<unsigned>(std::max<std::int64_t>(1, (left_ms + 999) / 1000))};
  }
  while (stamps_ >= max_stamps_ && entries_.size() > 1) forget_oldest();
  entry.stamps.push_back(now);
  ++stamps_;
  return {true, 0};
}

void RateLimit::forget_oldest() {
  stamps_ -= entries_.back().stamps.size();
  by_name_.erase(entries_.back().name);
  entries_.pop_back();
}

std::size_t RateLimit::keys() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace z4j::core
