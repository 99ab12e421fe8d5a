// Where the next page of a list starts, as text that clients hand back unread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/input.hpp"
#include "base/json.hpp"
#include "core/page.hpp"

namespace z4j::api {

// A cursor belongs to one kind of list; `list` is its letter.
enum class List : char {
  tasks = 't',
  events = 'e',
  commands = 'c',
  gaps = 'g',
  connections = 'n',
  failures = 'f',
  audit = 'a',
  deliveries = 'd',
  selections = 's',
  bulk_jobs = 'b',
  bulk_items = 'i',
  queue_copies = 'q',
  losses = 'l',
  cancels = 'r',
  wishes = 'w',
  errors = 'x',
  names = 'm',
  deploys = 'p'
};

[[nodiscard]] std::string write_cursor(List list, const core::Place& place);
// Nothing when it was not made by write_cursor() for that list.
[[nodiscard]] std::optional<core::Place> read_cursor(List list, std::string_view text);

// What every paged list takes.
struct Paging {
  std::optional<core::Place> after;
  std::uint32_t limit = 50;
};
// `limit` 1 to 5000, quietly capped at `most`; `cursor`. Problems go to `query`.
[[nodiscard]] Paging read_paging(Input& query, List list, int usual, int most);

}  // namespace z4j::api
