// One page of a list, and where the next one starts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/store.hpp"

namespace z4j::core {

// Of a row in a list that orders by a time and an id.
struct Place {
  base::TimeUs at = 0;
  base::Uuid id;
};

template <class T>
struct Page {
  std::vector<T> items;
  std::optional<Place> next;  // start behind this row; none: that was all
  // The search ended here for lack of time, not of rows: what is older was not looked at.
  std::optional<base::TimeUs> searched_until = {};
};

// A page holds no more rows than its limit, and ends early once it weighs this much.
inline constexpr std::size_t kPageBytes = std::size_t{8} << 20;

// Reads `query` (its order and after set) as a page: `make(row)` builds an item, `place(item)` says
// where it stands, `weight(item)` what it weighs.
template <class T, class Make, class PlaceOf, class Weight>
[[nodiscard]] base::Result<Page<T>> read_page(Store& store, Query query, std::uint32_t limit,
                                              Make make, PlaceOf place, Weight weight) {
  Page<T> page;
  std::size_t bytes = 0;
  bool has_more = false;
  auto done = store.each(query.limit(limit + 1), [&](const Row& row) {
    if (page.items.size() == limit || (bytes > kPageBytes && !page.items.empty())) {
      has_more = true;
      return false;
    }
    page.items.push_back(make(row));
    bytes += weight(page.items.back());
    return true;
  });
  if (!done) return std::move(done).error();
  if (has_more) page.next = place(page.items.back());
  return page;
}

}  // namespace z4j::core
