#include "lib/sql/loose_scan.hpp"

#include <algorithm>

#include <z4j/storage_check.hpp>

namespace z4j::store {
namespace {

bool is_one_value(const z4j_pred& p) {
  return p.cmp == Z4J_CMP_EQ && p.value_count == 1 &&
         (p.values[0].kind == Z4J_V_NUM || p.values[0].kind == Z4J_V_TEXT ||
          p.values[0].kind == Z4J_V_BYTES);
}

// Rows are grouped by their null too, unless something asked for a value.
bool asks_for_value(const z4j_pred& p) {
  return p.cmp == Z4J_CMP_NOT_NULL || p.cmp == Z4J_CMP_CONTAINS || p.cmp == Z4J_CMP_PREFIX;
}

bool serves(const z4j_key& key, const LooseScan& scan) {
  const std::size_t before = scan.fixed.size();
  if (is_search_key(key) || key.column_count < before + 2) return false;
  const bool is_fixed = std::all_of(key.columns, key.columns + before, [&](std::uint16_t column) {
    return std::any_of(scan.fixed.begin(), scan.fixed.end(),
                       [column](const z4j_pred& p) { return p.column == column; });
  });
  return is_fixed && key.columns[before] == scan.group && key.columns[before + 1] == scan.edge;
}

}  // namespace

std::optional<LooseScan> loose_scan(const z4j_table& table, const z4j_query& query) {
  if (query.out_count != 2 || query.order_count > 0 || query.after_count > 0 ||
      query.scan_limit > 0)
    return {};
  const z4j_out &group = query.outs[0], &edge = query.outs[1];
  if (group.agg != 0 || group.bucket != 0 || (edge.agg != Z4J_AGG_MIN && edge.agg != Z4J_AGG_MAX))
    return {};
  const z4j_column& edge_column = table.columns[edge.column];
  const bool has_order = edge_column.type == Z4J_T_INT || edge_column.type == Z4J_T_TIME;
  if (!has_order || group.column == edge.column ||
      ((edge_column.flags & Z4J_COL_REQUIRED) == 0 && !in_primary(table, edge.column)))
    return {};
  LooseScan scan;
  scan.group = group.column;
  scan.edge = edge.column;
  scan.is_newest = edge.agg == Z4J_AGG_MAX;
  for (std::uint32_t i = 0; i < query.pred_count; ++i) {
    const z4j_pred& p = query.preds[i];
    if (p.any != 0 || p.path.len != 0) return {};
    if (p.column == scan.group) {
      scan.of_group.push_back(p);
    } else if (is_one_value(p)) {
      scan.fixed.push_back(p);
    } else {
      return {};
    }
  }
  if (std::none_of(scan.of_group.begin(), scan.of_group.end(), asks_for_value)) return {};
  const bool is_served = std::any_of(table.keys, table.keys + table.key_count,
                                     [&](const z4j_key& key) { return serves(key, scan); });
  return is_served ? std::optional(std::move(scan)) : std::nullopt;
}

}  // namespace z4j::store
