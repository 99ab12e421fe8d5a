#include "fold.hpp"

#include <z4j/storage_check.hpp>

#include <algorithm>
#include <cstdint>

namespace z4j::memory {
namespace {

Cell bucket_of(const Cell& cell, std::int64_t size) {
  if (size == 0 || cell.index() == 0) return cell;
  const std::int64_t v = std::get<std::int64_t>(cell);
  const std::int64_t rest = ((v % size) + size) % size;
  return v < INT64_MIN + rest ? INT64_MIN : v - rest;  // the lowest bucket begins where numbers do
}

void take(Cell& folded, const z4j_out& out, const Row& row) {
  if (out.agg == Z4J_AGG_COUNT) {
    folded = folded.index() == 0 ? std::int64_t{1} : std::get<std::int64_t>(folded) + 1;
    return;
  }
  const Cell& cell = row[out.column];
  if (cell.index() == 0) return;
  if (folded.index() == 0 || (out.agg == Z4J_AGG_MIN && cell < folded) ||
      (out.agg == Z4J_AGG_MAX && cell > folded)) {
    folded = cell;
  } else if (out.agg == Z4J_AGG_SUM) {
    if (const double* real = std::get_if<double>(&cell)) {
      folded = std::get<double>(folded) + *real;
    } else {
      std::int64_t sum = 0;
      if (__builtin_add_overflow(std::get<std::int64_t>(folded), std::get<std::int64_t>(cell),
                                 &sum)) {
        throw Error(Z4J_INVALID, "a sum leaves the range of 64 bits");
      }
      folded = sum;
    }
  }
}

std::vector<Row> folded_rows(const z4j_table& t, const std::map<Key, Row>& rows, const z4j_query& q,
                             std::int64_t now_us) {
  std::map<Key, Row> groups;
  const auto empty = [&] {
    Row folded(q.out_count);
    for (std::uint32_t i = 0; i < q.out_count; ++i) {
      if (q.outs[i].agg == Z4J_AGG_COUNT) folded[i] = std::int64_t{0};
    }
    return folded;
  };
  const bool whole =
      std::all_of(q.outs, q.outs + q.out_count, [](const z4j_out& o) { return o.agg != 0; });
  if (whole) groups.emplace(Key{}, empty());
  std::uint64_t seen = 0;
  for (const auto& [key, row] : rows) {
    if (q.scan_limit > 0 && seen == q.scan_limit) break;
    if (!matches(t, row, q.preds, q.pred_count, now_us)) continue;
    ++seen;
    Key group;
    for (std::uint32_t i = 0; i < q.out_count; ++i) {
      if (q.outs[i].agg == 0) group.push_back(bucket_of(row[q.outs[i].column], q.outs[i].bucket));
    }
    const auto at = groups.try_emplace(group, empty()).first;
    std::size_t part = 0;
    for (std::uint32_t i = 0; i < q.out_count; ++i) {
      if (q.outs[i].agg == 0) {
        at->second[i] = group[part++];
      } else {
        take(at->second[i], q.outs[i], row);
      }
    }
  }
  std::vector<Row> out;
  for (auto& [group, row] : groups) out.push_back(std::move(row));
  return out;
}

// Orders rows by the columns of q.order, drops those not behind q.after, and cuts at q.limit.
template <class At>
void arrange(std::vector<const Row*>& rows, const z4j_query& q,
             const std::vector<std::uint16_t>& types, std::int64_t now_us, At at) {
  const auto less = [&](const Row* a, const Row* b) {
    for (std::uint32_t i = 0; i < q.order_count; ++i) {
      const Cell& x = at(*a, i);
      const Cell& y = at(*b, i);
      if (x != y) return q.descending != 0 ? y < x : x < y;
    }
    return false;
  };
  if (q.after_count > 0) {
    Key after;
    for (std::uint32_t i = 0; i < q.after_count; ++i)
      after.push_back(cell_of(q.after[i], types[i], now_us));
    const auto before = [&](const Row* row) {
      for (std::uint32_t i = 0; i < q.order_count; ++i) {
        const Cell& x = at(*row, i);
        if (x != after[i]) return q.descending != 0 ? x > after[i] : x < after[i];
      }
      return true;
    };
    rows.erase(std::remove_if(rows.begin(), rows.end(), before), rows.end());
  }
  std::stable_sort(rows.begin(), rows.end(), less);
  if (q.limit > 0 && rows.size() > q.limit) rows.resize(q.limit);
}

}  // namespace

std::vector<Row> answer(const z4j_table& t, const std::map<Key, Row>& rows, const z4j_query& q,
                        std::int64_t now_us) {
  const bool fold = store::folds(q);
  std::vector<Row> groups;
  std::vector<const Row*> chosen;
  if (fold) {
    groups = folded_rows(t, rows, q, now_us);
    for (const Row& row : groups) chosen.push_back(&row);
  } else {
    for (const auto& [key, row] : rows) {
      if (matches(t, row, q.preds, q.pred_count, now_us)) chosen.push_back(&row);
    }
  }
  std::vector<std::uint16_t> types;
  for (std::uint32_t i = 0; i < q.order_count; ++i) {
    const z4j_out* out = fold ? &q.outs[q.order[i]] : nullptr;
    types.push_back(out != nullptr && out->agg == Z4J_AGG_COUNT
                        ? std::uint16_t{Z4J_T_INT}
                        : t.columns[fold ? out->column : q.order[i]].type);
  }
  arrange(chosen, q, types, now_us,
          [&](const Row& row, std::uint32_t i) -> const Cell& { return row[q.order[i]]; });
  std::vector<Row> out;
  out.reserve(chosen.size());
  for (const Row* row : chosen) {
    if (fold) {
      out.push_back(*row);
      continue;
    }
    Row picked;
    for (std::uint32_t i = 0; i < q.out_count; ++i) picked.push_back((*row)[q.outs[i].column]);
    out.push_back(std::move(picked));
  }
  return out;
}

}  // namespace z4j::memory
