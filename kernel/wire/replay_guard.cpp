#include "wire/replay_guard.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>

#include "wire/refusal.hpp"
#include "wire/time.hpp"

namespace z4j::wire {
namespace {

namespace json = base::json;

// Upstream's sender never writes a boolean, its receiver counts true as one.
std::int64_t seq_of(const json::Object& frame) {
  const json::Value* seq = frame.if_contains("seq");
  if (seq == nullptr) return 0;
  if (seq->is_bool()) return seq->get_bool() ? 1 : 0;
  return seq->is_int64() ? seq->get_int64() : 0;
}

base::Error wrong_clock(base::TimeUs skew, base::TimeUs allowed) {
  char text[160];
  std::snprintf(text, sizeof text,
                "the sender's clock is %.1f s %s ours; at most %.0f s are allowed",
                static_cast<double>(skew < 0 ? -skew : skew) / 1e6,
                skew < 0 ? "behind" : "ahead of", static_cast<double>(allowed) / 1e6);
  base::Error error = refused(kClock, text);
  error.hint = "set both clocks by NTP";
  return error;
}

}  // namespace

base::Status ReplayGuard::admit(const json::Object& frame, base::TimeUs now, std::int64_t mono_ms) {
  const std::int64_t seq = seq_of(frame);
  if (seq < 1) return refused(kReplay, "the frame has no valid seq");
  const std::string_view nonce = json::text(frame, "nonce");
  if (nonce.empty()) return refused(kReplay, "the frame has no nonce");
  const auto ts = read_time(json::text(frame, "ts"));
  if (!ts || !ts->has_offset)
    return refused(kClock, "the frame's ts is not an ISO 8601 time with an offset");
  skew_us_ = ts->at - now;
  if (skew_us_ > limits_.max_skew_us || skew_us_ < -limits_.max_skew_us)
    return wrong_clock(skew_us_, limits_.max_skew_us);
  if (seq <= last_seq_) {
    return refused(kReplay, "the frame's seq " + std::to_string(seq) + " is not above the last, " +
                                std::to_string(last_seq_));
  }
  const std::uint64_t hash = std::hash<std::string_view>()(nonce);
  if (is_known(hash, mono_ms)) return refused(kReplay, "the frame's nonce was there before");
  last_seq_ = seq;
  remember(hash, mono_ms);
  return {};
}

bool ReplayGuard::is_known(std::uint64_t nonce, std::int64_t mono_ms) {
  const auto first = static_cast<std::ptrdiff_t>(first_);
  const auto young = std::find_if(seen_ms_.begin() + first, seen_ms_.end(), [&](std::int64_t seen) {
    return mono_ms - seen <= limits_.nonce_ms;
  });
  return std::find(nonces_.begin() + (young - seen_ms_.begin()), nonces_.end(), nonce) !=
         nonces_.end();
}

void ReplayGuard::remember(std::uint64_t nonce, std::int64_t mono_ms) {
  while (first_ < nonces_.size() && (mono_ms - seen_ms_[first_] > limits_.nonce_ms ||
                                     nonces_.size() - first_ >= limits_.nonces))
    ++first_;
  // The forgotten ones leave when they are most of what is kept.
  if (first_ > 8 && first_ * 2 > nonces_.size()) {
    const auto gone = static_cast<std::ptrdiff_t>(first_);
    nonces_.erase(nonces_.begin(), nonces_.begin() + gone);
    seen_ms_.erase(seen_ms_.begin(), seen_ms_.begin() + gone);
    first_ = 0;
  }
  nonces_.push_back(nonce);
  seen_ms_.push_back(mono_ms);
}

}  // namespace z4j::wire
