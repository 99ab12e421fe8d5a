// The schedules that are due in the next seconds, earliest first. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "src/schedule.hpp"

namespace z4j::native {

using Id = std::array<std::uint8_t, 16>;

struct IdHash {
  std::size_t operator()(const Id& id) const noexcept {
    std::size_t out = 0;
    std::memcpy(&out, id.data(), sizeof out);  // ids are random
    return out;
  }
};

struct Entry {
  Id id{};
  std::uint64_t revision = 0;
  std::int64_t due_us = 0;
  std::shared_ptr<const Schedule> schedule;
};

class Window {
 public:
  [[nodiscard]] std::size_t size() const { return by_time_.size(); }
  [[nodiscard]] std::optional<std::int64_t> first_due() const {
    if (by_time_.empty()) return std::nullopt;
    return by_time_.begin()->first.first;
  }
  // Replaces the schedule's former place.
  void put(Entry entry) {
    remove(entry.id);
    places_[entry.id] = entry.due_us;
    const Key key(entry.due_us, entry.id);
    by_time_.emplace(key, std::move(entry));
  }
  void remove(const Id& id) {
    const auto place = places_.find(id);
    if (place == places_.end()) return;
    by_time_.erase(Key(place->second, id));
    places_.erase(place);
  }
  // The earliest if it is due.
  std::optional<Entry> take(std::int64_t now_us) {
    if (by_time_.empty() || by_time_.begin()->first.first > now_us) return std::nullopt;
    Entry out = std::move(by_time_.begin()->second);
    by_time_.erase(by_time_.begin());
    places_.erase(out.id);
    return out;
  }
  void clear() {
    by_time_.clear();
    places_.clear();
  }

 private:
  using Key = std::pair<std::int64_t, Id>;
  std::map<Key, Entry> by_time_;
  std::unordered_map<Id, std::int64_t, IdHash> places_;
};

}  // namespace z4j::native
