// What a lane wrote of workers and queues a moment ago. A batch holds a word of nearly every worker
// of a busy fleet: without this each commit would write all their rows again, for times that moved
// by milliseconds, and lanes would wait for each other's.
//
// So a row may be a second behind its worker. One that somebody deletes comes back within a minute.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/uuid.hpp"

namespace z4j::core {

// Not thread-safe.
class FleetMemory {
 public:
  struct Note {
    base::Uuid id;  // of the row
    base::Uuid agent_id;
    base::TimeUs there_at = 0;  // when the row was put there, by the time of receipt
    base::TimeUs first = 0, last = 0;
    bool is_online = false;

    [[nodiscard]] bool is_there(base::TimeUs now) const noexcept {
      return now >= there_at && now - there_at < kThereFor;
    }
    // That of a later batch says nothing that is worth a write.
    [[nodiscard]] bool covers(const Note& later) const noexcept {
      return later.agent_id == agent_id && later.is_online == is_online && later.first >= first &&
             later.last <= last + kTimesEvery;
    }
  };

  [[nodiscard]] const Note* find(const base::Uuid& id) const {
    const auto at = notes_.find(id);
    return at == notes_.end() ? nullptr : &at->second;
  }
  // After the commit that wrote them.
  void written(const std::vector<Note>& notes) {
    if (notes_.size() + notes.size() > kMost) notes_.clear();
    for (const Note& note : notes) {
      const auto [at, is_new] = notes_.try_emplace(note.id, note);
      if (is_new) continue;
      const Note before = std::exchange(at->second, note);
      at->second.first = std::min(before.first, note.first);
      at->second.last = std::max(before.last, note.last);
    }
  }

 private:
  static constexpr base::TimeUs kTimesEvery = base::kSecondUs, kThereFor = 60 * base::kSecondUs;
  static constexpr std::size_t kMost = 20'000;

  std::map<base::Uuid, Note> notes_;
};

}  // namespace z4j::core
