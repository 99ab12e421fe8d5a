// Refuses frames that were seen before or come from another time. One per direction and session.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"

namespace z4j::wire {

// One thread at a time. A refused frame changes nothing.
class ReplayGuard {
 public:
  struct Limits {
    base::TimeUs max_skew_us = 60 * base::kSecondUs;  // inclusive
    std::int64_t nonce_ms = 180'000;                  // inclusive
    std::size_t nonces = 4096;                        // the oldest go first
  };

  ReplayGuard() : ReplayGuard(Limits()) {}
  explicit ReplayGuard(Limits limits) : limits_(limits) {}

  // `seq`, `nonce` and `ts` of a frame whose signature holds. Errors: denied, `where` is kReplay or
  // kClock of refusal.hpp.
  [[nodiscard]] base::Status admit(const base::json::Object& frame, base::TimeUs now,
                                   std::int64_t mono_ms);

  [[nodiscard]] std::int64_t last_seq() const noexcept { return last_seq_; }
  // By how much the sender's clock is ahead of ours, by the last frame with a time, refused or not.
  [[nodiscard]] base::TimeUs skew_us() const noexcept { return skew_us_; }

 private:
  [[nodiscard]] bool is_known(std::uint64_t nonce, std::int64_t mono_ms);
  void remember(std::uint64_t nonce, std::int64_t mono_ms);

  Limits limits_;
  std::int64_t last_seq_ = 0;
  base::TimeUs skew_us_ = 0;
  // Oldest first, from first_ on. Hashes: a hundred times fewer bytes than the texts in a set, and
  // two nonces of one session share one about never.
  std::vector<std::uint64_t> nonces_;
  std::vector<std::int64_t> seen_ms_;
  std::size_t first_ = 0;
};

}  // namespace z4j::wire
