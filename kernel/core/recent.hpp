// Answers that many ask for and few may compute: kept for a moment and shared.
//
// An answer lives longer the longer it took (ten times as long unless told otherwise, up to a
// limit), so that computing it never takes more than a tenth of a core. While one thread computes
// anew, others get the old answer. Thread-safe.
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
  struct Options {
    std::int64_t keep_ms = 1'000;  // at least; 0: nothing is kept
    std::int64_t times_cost = 10;
    std::int64_t most_ms = 5'000;
    std::size_t max_kept = 256;
  };
  Recent(const base::Clock& clock, Options options) : clock_(clock), options_(options) {}
  Recent(const base::Clock& clock, std::int64_t keep_ms)
      : Recent(clock, Options{keep_ms, 10, 5'000, 256}) {}

  // The kept answer, or what `compute()` gives; its errors are not kept.
  template <class Compute>
  [[nodiscard]] base::Result<Value> get(const Key& key, Compute compute) {
    if (options_.keep_ms <= 0) return compute();
    const std::int64_t begun_ms = clock_.steady_ms();
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = kept_.find(key); found != kept_.end()) {
        Kept& kept = found->second;
        if (begun_ms < kept.until_ms) return kept.value;
        kept.until_ms =
            begun_ms + options_.most_ms;  // this thread renews it; if that fails, the next tries
      }
    }
    base::Result<Value> value = compute();
    if (!value) return value;
    const std::int64_t now_ms = clock_.steady_ms();
    const std::int64_t keep_ms =
        std::clamp((now_ms - begun_ms) * options_.times_cost, options_.keep_ms,
                   std::max(options_.keep_ms, options_.most_ms));
    const std::lock_guard lock(mutex_);
    if (kept_.size() >= options_.max_kept && kept_.find(key) == kept_.end()) kept_.clear();
    kept_.insert_or_assign(key, Kept{*value, now_ms + keep_ms});
    return value;
  }

 private:
  struct Kept {
    Value value;
    std::int64_t until_ms;
  };
  const base::Clock& clock_;
  const Options options_;
  std::mutex mutex_;
  std::map<Key, Kept> kept_;  // guarded by mutex_
};

}  // namespace z4j::core
