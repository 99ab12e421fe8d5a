// Answers that many ask for and few may compute: kept for a moment and shared.
//
// An answer lives longer the longer it took (ten times as long, up to kMaxKeepMs), so that
// computing it never takes more than a tenth of a core. While one thread computes anew, others get
// the old answer. Thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace z4j::core {

template <class Key, class Value>
class Recent {
 public:
  static constexpr std::int64_t kMaxKeepMs = 5'000;

  // keep_ms 0: nothing is kept.
  Recent(const base::Clock& clock, std::int64_t keep_ms, std::size_t max_kept = 256)
      : clock_(clock), keep_ms_(keep_ms), max_kept_(max_kept) {}

  // The kept answer, or what `compute()` gives; its errors are not kept.
  template <class Compute>
  [[nodiscard]] base::Result<Value> get(const Key& key, Compute compute) {
    if (keep_ms_ <= 0) return compute();
    const std::int64_t begun_ms = clock_.steady_ms();
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = kept_.find(key); found != kept_.end()) {
        Kept& kept = found->second;
        if (begun_ms < kept.until_ms) return kept.value;
        kept.until_ms =
            begun_ms +
            kMaxKeepMs;  // this thread renews it; should that fail, the next one tries then
      }
    }
    base::Result<Value> value = compute();
    if (!value) return value;
    const std::int64_t now_ms = clock_.steady_ms();
    const std::int64_t keep_ms =
        std::clamp((now_ms - begun_ms) * 10, keep_ms_, std::max(keep_ms_, kMaxKeepMs));
    const std::lock_guard lock(mutex_);
    if (kept_.size() >= max_kept_ && kept_.find(key) == kept_.end()) kept_.clear();
    kept_.insert_or_assign(key, Kept{*value, now_ms + keep_ms});
    return value;
  }

 private:
  struct Kept {
    Value value;
    std::int64_t until_ms;
  };
  const base::Clock& clock_;
  const std::int64_t keep_ms_;
  const std::size_t max_kept_;
  std::mutex mutex_;
  std::map<Key, Kept> kept_;  // guarded by mutex_
};

}  // namespace z4j::core
