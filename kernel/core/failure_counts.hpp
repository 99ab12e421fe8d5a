// Failures in a row per key: in memory, bounded, the key seen least recently is forgotten.
// Thread-safe.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"

namespace z4j::core {

class FailureCounts {
 public:
  FailureCounts(const base::Clock& clock, std::size_t max_keys)
      : clock_(clock), max_keys_(max_keys) {}

  // Zero once the latest is older than `window_s`.
  [[nodiscard]] unsigned count(const std::string& key, std::int64_t window_s) {
    const std::lock_guard lock(mutex_);
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? 0 : current(*found->second, window_s);
  }
  // The count with this one.
  unsigned add(const std::string& key, std::int64_t window_s) {
    const std::lock_guard lock(mutex_);
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
    } else {
      if (entries_.size() >= max_keys_) {
        by_key_.erase(entries_.back().key);
        entries_.pop_back();
      }
      entries_.push_front(Entry{key, 0, 0});
      by_key_.emplace(entries_.front().key, entries_.begin());
    }
    Entry& entry = entries_.front();
    entry.count = current(entry, window_s) + 1;
    entry.latest = clock_.now();
    return entry.count;
  }
  void clear(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    const auto entry = found->second;
    by_key_.erase(found);
    entries_.erase(entry);
  }
  // All keys that begin so.
  void clear_all(std::string_view prefix) {
    const std::lock_guard lock(mutex_);
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      if (!entry->key.starts_with(prefix)) {
        ++entry;
        continue;
      }
      by_key_.erase(entry->key);
      entry = entries_.erase(entry);
    }
  }

 private:
  struct Entry {
    std::string key;
    unsigned count;
    base::TimeUs latest;
  };
  [[nodiscard]] unsigned current(const Entry& entry, std::int64_t window_s) const {
    return clock_.now() - entry.latest < window_s * base::kSecondUs ? entry.count : 0;
  }

  const base::Clock& clock_;
  const std::size_t max_keys_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // most recent first; guarded by mutex_, as is the next
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;
};

}  // namespace z4j::core
