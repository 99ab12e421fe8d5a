// When not to read an agent that says the same again and again.
//
// Agents of release 1.6 and before send what is not acknowledged yet again, without a pause, and
// read nothing before their own socket is full: acknowledgements reach them only once we stop
// reading. So a run of repeats earns a rest, each longer than the one before until something new
// comes; how long it takes to fill the socket differs with the network and is learned.
//
// Threads: one at a time.
#pragma once

#include <cstdint>

namespace z4j::gateway {

class RepeatBrake {
 public:
  // A frame that was not seen before.
  void fresh() noexcept {
    run_ = 0;
    allowed_ = kRun;
    if (has_rested_ && level_ > 0) --level_;
    has_rested_ = false;
  }
  void repeated(std::int64_t now_ms) noexcept {
    if (++run_ < allowed_) return;
    run_ = 0;
    until_ms_ = now_ms + (kShortestMs << level_);
    allowed_ = kRun << level_;  // what piled up meanwhile tells nothing
    has_rested_ = true;
    if (level_ < kMostLevel) ++level_;
  }
  [[nodiscard]] bool rests(std::int64_t now_ms) const noexcept { return now_ms < until_ms_; }

 private:
  static constexpr int kRun = 256, kMostLevel = 6;
  static constexpr std::int64_t kShortestMs = 50;

  int run_ = 0, allowed_ = kRun, level_ = 0;
  bool has_rested_ = false;
  std::int64_t until_ms_ = 0;
};

}  // namespace z4j::gateway
