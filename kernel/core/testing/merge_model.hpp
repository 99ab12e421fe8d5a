// A table in memory that merges rows by the declared rules (sdk/include/z4j/abi.h): what a store
// must end up with, written as plainly as can be. Keyed by a UUID column 0.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/store.hpp"

namespace z4j::core::testing {

class MergeModel {
 public:
  using Cell = std::optional<std::variant<std::int64_t, std::string>>;
  using StoredRow = std::vector<Cell>;

  explicit MergeModel(Table table) : table_(model::table(table)) {}

  void merge(Rows rows) {
    const z4j_rows& view = *rows.view();
    for (std::uint32_t r = 0; r < view.rows; ++r) {
      std::map<std::uint16_t, Cell> fresh;
      for (std::uint32_t c = 0; c < view.col_count; ++c)
        fresh[view.cols[c].column] = cell(view.cols[c], r);
      const std::string key = std::get<std::string>(*fresh.at(0));
      const auto [found, is_new] = rows_.try_emplace(key, StoredRow(table_.column_count));
      StoredRow& stored = found->second;
      const StoredRow before = stored;
      for (const auto& [column, value] : fresh) {
        stored[column] = is_new ? value : merged(column, before, fresh);
      }
    }
  }

  [[nodiscard]] const StoredRow* find(const base::Uuid& id) const {
    const auto found = rows_.find(std::string(id.view()));
    return found == rows_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] static Cell at(const StoredRow& row, std::uint16_t column) { return row[column]; }
  [[nodiscard]] std::size_t size() const noexcept { return rows_.size(); }

  // All of it, for comparing.
  [[nodiscard]] std::string text() const {
    std::string out;
    for (const auto& [key, row] : rows_) {
      for (std::uint16_t c = 1; c < row.size(); ++c) {
        if (!row[c]) continue;
        out += std::string(table_.columns[c].name.ptr, table_.columns[c].name.len) + "=";
        out += row[c]->index() == 0 ? std::to_string(std::get<0>(*row[c])) : std::get<1>(*row[c]);
        out += ' ';
      }
      out += '\n';
    }
    return out;
  }

 private:
  static Cell cell(const z4j_col& col, std::uint32_t row) {
    if (col.valid != nullptr && (col.valid[row / 8] >> (row % 8) & 1) == 0) return std::nullopt;
    switch (col.form) {
      case Z4J_FORM_NUM:
        return static_cast<const std::int64_t*>(col.data)[row];
      case Z4J_FORM_16:
        return std::string(static_cast<const char*>(col.data) + std::size_t{row} * 16, 16);
      default:
        return std::string(col.text.data + col.text.offsets[row],
                           col.text.offsets[row + 1] - col.text.offsets[row]);
    }
  }

  Cell merged(std::uint16_t column, const StoredRow& stored,
              const std::map<std::uint16_t, Cell>& fresh) const {
    const Cell& old = stored[column];
    const Cell& now = fresh.at(column);
    switch (table_.columns[column].merge) {
      case Z4J_M_SET:
        return now;
      case Z4J_M_KEEP:
        return old ? old : now;
      case Z4J_M_MIN:
        return !old ? now : !now ? old : std::min(*old, *now);
      case Z4J_M_MAX:
        return !old ? now : !now ? old : std::max(*old, *now);
      case Z4J_M_ADD:
        return !old ? now : !now ? old : Cell(std::get<0>(*old) + std::get<0>(*now));
      default: {
        const std::uint16_t stamp = table_.columns[column].stamp;
        const auto fresh_stamp = fresh.find(stamp);
        if (fresh_stamp == fresh.end() || !fresh_stamp->second) return old;
        return !stored[stamp] || *fresh_stamp->second >= *stored[stamp] ? now : old;
      }
    }
  }

  const z4j_table& table_;
  std::map<std::string, StoredRow> rows_;
};

}  // namespace z4j::core::testing
