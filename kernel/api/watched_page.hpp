// A page of the task list that somebody watches: what it holds now, and what changed since a place
// that a viewer had reached.
//
// Every row, and every row that left, has a number that grows with each change; a viewer stands at
// the number of the last thing it was told. So any number of viewers share one reading, and one
// that comes back within reach goes on where it was. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/tasks.hpp"

namespace z4j::api {

struct WatchedQuery {
  base::Uuid project;
  std::string text;  // as the client wrote it: pages are told apart by it
  core::TaskFilter filter;
  std::optional<core::Place> after;
  std::uint32_t limit = 50;
};

class WatchedPage {
 public:
  static constexpr std::uint32_t kUsualRows = 50, kMostRows = 200;
  // Of one frame; a row may be over by itself.
  static constexpr std::size_t kFrameRows = 100, kFrameBytes = 96u << 10;

  explicit WatchedPage(WatchedQuery query);

  [[nodiscard]] const WatchedQuery& query() const noexcept { return query_; }
  // Reads it again. The error is timeout where only a part could be searched.
  [[nodiscard]] base::Status read(core::Tasks& tasks, base::TimeUs now);
  // JSON texts, "null" while not known.
  void set_counts(std::string counts, bool is_approximate);

  // Where a viewer stands.
  struct Place {
    std::uint64_t row = 0;     // 0: knows nothing
    std::uint64_t counts = 0;  // which counts it has
    bool owes_frame = true;    // is to hear something, even if nothing changed
    bool is_beginning = true;  // nothing was told yet: the next frame begins anew
  };
  [[nodiscard]] bool has_news(const Place& place) const noexcept;
  // The next frame for who stands at `place`, which moves on; `id` is the watch's, as JSON.
  [[nodiscard]] std::string next_frame(Place& place, std::string_view id_json) const;
  // The place that a cursor of next_frame() names; nothing when it is out of reach.
  [[nodiscard]] std::optional<Place> place_of(std::string_view cursor) const;
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  struct Row {
    base::Uuid id;
    std::string json;
    bool is_cut = false;
    std::uint64_t number = 0;
  };
  [[nodiscard]] bool holds(const base::Uuid& id) const;

  const WatchedQuery query_;
  const std::string name_;  // of this page in this process: cursors begin with it
  std::vector<Row> rows_;   // as the list orders them
  std::deque<std::pair<std::uint64_t, base::Uuid>> removed_;  // the latest
  std::uint64_t forgotten_ = 0;  // of what left up to that number nothing is known any more
  std::uint64_t number_ = 0, counts_number_ = 0;
  std::string counts_ = "null";
  bool are_counts_approximate_ = false;
  std::optional<core::Place> next_;
  base::TimeUs read_at_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace z4j::api
