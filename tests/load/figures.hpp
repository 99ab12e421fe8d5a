// What the agents counted. Belongs to the one thread that runs them.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace z4j::load {

// Times in buckets that grow by 2 %: a percentile is that exact.
class Times {
 public:
  void add(std::int64_t us) {
    const double place = us < 1 ? 0 : std::log(static_cast<double>(us)) / std::log(kGrowth);
    ++buckets_[std::min(static_cast<std::size_t>(place), buckets_.size() - 1)];
    ++count_;
  }
  // Milliseconds; 0 when nothing was counted.
  [[nodiscard]] double percentile_ms(double percent) const {
    const auto wanted =
        static_cast<std::uint64_t>(std::ceil(static_cast<double>(count_) * percent / 100));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size() && count_ > 0; ++i) {
      seen += buckets_[i];
      if (seen >= wanted) return std::pow(kGrowth, static_cast<double>(i + 1)) / 1000;
    }
    return 0;
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

 private:
  static constexpr double kGrowth = 1.02;
  std::array<std::uint64_t, 1200> buckets_{};
  std::uint64_t count_ = 0;
};

struct Figures {
  std::uint64_t frames = 0, events = 0, acks = 0, foreign_acks = 0, refused_frames = 0;
  std::uint64_t held = 0;    // events put off because too many waited for their ack
  std::uint64_t losses = 0;  // connections lost
  std::map<std::string, std::uint64_t> failures;  // of connecting, and close codes
  Times acked, acked_flood;                       // frame to ack
  Times late;  // how late the client's own rounds began: part of what it measures

  void fail(const std::string& why) {
    if (failures.size() < 50 || failures.count(why) > 0) ++failures[why];
  }
};

}  // namespace z4j::load
