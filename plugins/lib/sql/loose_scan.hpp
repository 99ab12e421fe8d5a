// Queries for one row per value of a column that a key has sorted, such as the latest task of each
// name: project_id=P, group by name, MAX of sort_at, with a key (project_id, name, sort_at, ...).
//
// SQL databases read all of the index for those. From value to value, one look into the index each,
// they read as many rows as there are values.
#pragma once

#include <z4j/abi.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace z4j::store {

struct LooseScan {
  std::uint16_t group = 0, edge = 0;  // columns
  bool is_newest = false;             // MAX of the edge; else MIN
  std::vector<z4j_pred> fixed;        // equalities that stand before the group in the key
  std::vector<z4j_pred> of_group;     // what the group must fulfil
};

// Nothing when the query asks for more than that, or no key serves it. The query was checked; what
// comes back borrows from it.
[[nodiscard]] std::optional<LooseScan> loose_scan(const z4j_table& table, const z4j_query& query);

}  // namespace z4j::store
