// The declared tables as ordered maps, the steps of a commit on them, and the answers to queries.
//
// Put your store where the maps are; the rules (docs/abi/storage.md) stay. Not thread-safe. What
// fails is thrown as z4j::Error.
#pragma once

#include <z4j/json.hpp>
#include <z4j/storage.hpp>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tables {

// Null sorts first, numbers as numbers, texts by their bytes.
using Cell = std::variant<std::monostate, int64_t, double, std::string>;
using Row = std::vector<Cell>;     // by place of the column
using Table = std::map<Row, Row>;  // primary key to row

inline bool is_null(const Cell& c) { return c.index() == 0; }

// --- values and predicates
// ------------------------------------------------------------------------

inline Cell cell_of(const z4j_value& v, uint16_t type, int64_t now_us) {
  switch (v.kind) {
    case Z4J_V_NULL:
      return {};
    case Z4J_V_NOW:
      return now_us + v.num;
    case Z4J_V_REAL:
      return v.real;
    case Z4J_V_NUM:
      if (type == Z4J_T_REAL) return static_cast<double>(v.num);
      return type == Z4J_T_BOOL ? int64_t{v.num != 0} : v.num;
    default:
      return std::string(z4j::view(v.text));
  }
}

// What a JSON scalar equals: texts, numbers, true and false as 1 and 0.
inline Cell scalar_of(std::string_view json) {
  if (json.empty() || json == "null") return {};
  if (json == "true" || json == "false") return int64_t{json == "true"};
  if (json.front() == '"') return z4j::json::Reader(json).text("");
  if (json.front() == '{' || json.front() == '[') return {};
  const std::string text(json);
  if (text.find_first_of(".eE") != std::string::npos) return std::strtod(text.c_str(), nullptr);
  return int64_t{std::strtoll(text.c_str(), nullptr, 10)};
}

// Below, equal or above zero; nothing when the kinds differ or one is null.
inline std::optional<int> compare(const Cell& a, const Cell& b) {
  const auto sign = [](auto x, auto y) { return x < y ? -1 : y < x ? 1 : 0; };
  const auto* text = std::get_if<std::string>(&a);
  const auto* other = std::get_if<std::string>(&b);
  if (text != nullptr && other != nullptr) return text->compare(*other);
  if (text != nullptr || other != nullptr || is_null(a) || is_null(b)) return std::nullopt;
  if (a.index() == 1 && b.index() == 1) return sign(std::get<int64_t>(a), std::get<int64_t>(b));
  const auto real = [](const Cell& c) {
    return c.index() == 2 ? std::get<double>(c) : static_cast<double>(std::get<int64_t>(c));
  };
  return sign(real(a), real(b));
}

inline std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

inline bool matches_one(const z4j_table& t, const Row& row, const z4j_pred& p, int64_t now_us) {
  const std::string_view path = z4j::view(p.path);
  Cell cell = row[p.column];
  bool is_there = !is_null(cell);
  if (is_there && (!path.empty() || p.cmp == Z4J_CMP_HAS)) {
    const z4j::json::Reader json(std::get<std::string>(row[p.column]));
    if (p.cmp == Z4J_CMP_HAS) {
      for (const std::string_view item : json.items(path)) {
        for (uint32_t i = 0; i < p.value_count; ++i) {
          if (compare(scalar_of(item), cell_of(p.values[i], 0, now_us)) == 0) return true;
        }
      }
      return false;
    }
    const std::string_view value = json.raw(path);
    is_there = !value.empty() && value != "null";
    cell = scalar_of(value);
  }
  const auto operand = [&](uint32_t i) {
    return cell_of(p.values[i], path.empty() ? t.columns[p.column].type : uint16_t{0}, now_us);
  };
  const auto is_any = [&] {
    for (uint32_t i = 0; i < p.value_count; ++i) {
      if (compare(cell, operand(i)) == 0) return true;
    }
    return false;
  };
  const auto* text = std::get_if<std::string>(&cell);
  switch (p.cmp) {
    case Z4J_CMP_IS_NULL:
      return !is_there;
    case Z4J_CMP_NOT_NULL:
      return is_there;
    case Z4J_CMP_EQ:
      return is_any();
    case Z4J_CMP_NE:
      return !is_any();
    case Z4J_CMP_HAS:
      return false;
    case Z4J_CMP_PREFIX: {
      const std::string_view wanted = z4j::view(p.values[0].text);
      return text != nullptr && text->compare(0, wanted.size(), wanted) == 0;
    }
    case Z4J_CMP_CONTAINS:
      return text != nullptr &&
             lower(*text).find(lower(std::string(z4j::view(p.values[0].text)))) !=
                 std::string::npos;
    default:
      break;
  }
  const auto order = compare(cell, operand(0));
  if (!order) return false;
  return p.cmp == Z4J_CMP_LT   ? *order < 0
         : p.cmp == Z4J_CMP_LE ? *order <= 0
         : p.cmp == Z4J_CMP_GT ? *order > 0
                               : *order >= 0;
}

// Predicates with one `any` are joined by OR, the groups by AND.
inline bool matches(const z4j_table& t, const Row& row, const z4j_pred* preds, uint32_t count,
                    int64_t now_us) {
  for (uint32_t i = 0; i < count; ++i) {
    bool one = matches_one(t, row, preds[i], now_us);
    for (uint32_t j = 0; preds[i].any != 0 && j < count && !one; ++j)
      one = preds[j].any == preds[i].any && matches_one(t, row, preds[j], now_us);
    if (!one) return false;
  }
  return true;
}

// --- changes
// ----------------------------------------------------------------------------------------

inline Cell sum_of(const Cell& a, const Cell& b) {
  if (is_null(a)) return b;
  if (b.index() == 2) return std::get<double>(a) + std::get<double>(b);
  int64_t sum = 0;
  if (__builtin_add_overflow(std::get<int64_t>(a), std::get<int64_t>(b), &sum))
    throw z4j::Error(Z4J_INVALID, "a sum leaves the range of 64 bits");
  return sum;
}

inline Cell merged(uint16_t rule, const Cell& old, const Cell& fresh, const Cell& old_stamp,
                   const Cell& stamp) {
  switch (rule) {
    case Z4J_M_KEEP:
      return is_null(old) ? fresh : old;
    case Z4J_M_MIN:
      return is_null(fresh) ? old : is_null(old) || fresh < old ? fresh : old;
    case Z4J_M_MAX:
      return is_null(fresh) ? old : is_null(old) || fresh > old ? fresh : old;
    case Z4J_M_ADD:
      return is_null(fresh) ? old : sum_of(old, fresh);
    case Z4J_M_LAST:
      return !is_null(stamp) && (is_null(old_stamp) || stamp >= old_stamp) ? fresh : old;
    default:
      return fresh;
  }
}

inline Row parts_of(const z4j_key& key, const Row& row) {
  Row parts;
  for (uint32_t i = 0; i < key.column_count; ++i) parts.push_back(row[key.columns[i]]);
  return parts;
}

class Tables {
 public:
  // Grows to a later version of the schema, which lives as long as the instance.
  void fit(const z4j_schema& schema) {
    schema_ = &schema;
    tables_.resize(schema.table_count);
    for (uint32_t t = 0; t < schema.table_count; ++t) {
      for (auto& [key, row] : tables_[t]) row.resize(schema.tables[t].column_count);
    }
  }
  const Table& rows(uint32_t table) const { return tables_[table]; }

  // All of it or nothing.
  void run(z4j_commit& c, int64_t now_us) {
    std::map<uint32_t, Table> before;
    try {
      for (uint32_t i = 0; i < c.step_count; ++i) {
        z4j_step& s = *c.steps[i];
        if (s.verb == Z4J_STEP_NOTICE) continue;
        c.bad_step = i;
        const z4j_table& t = schema_->tables[s.table];
        const bool forgets = s.verb == Z4J_STEP_DELETE && (c.flags & Z4J_COMMIT_RETENTION) != 0;
        if ((t.flags & Z4J_TBL_APPEND) != 0 && s.verb != Z4J_STEP_INSERT &&
            s.verb != Z4J_STEP_INSERT_NEW && s.verb != Z4J_STEP_CHECK && !forgets)
          throw z4j::Error(Z4J_DENIED, std::string(z4j::view(t.name)) + " is append-only");
        before.try_emplace(s.table, tables_[s.table]);
        step(c, s, t, now_us);
        if (s.affected < s.expect_min || s.affected > s.expect_max)
          throw z4j::Error(Z4J_CONFLICT,
                           std::to_string(s.affected) + " rows, which the commit does not expect");
      }
      c.bad_step = ~uint32_t{0};
    } catch (...) {
      for (auto& [table, rows] : before) tables_[table] = std::move(rows);
      throw;
    }
  }

 private:
  void step(z4j_commit& c, z4j_step& s, const z4j_table& t, int64_t now_us) {
    if (s.verb != Z4J_STEP_CHECK && s.verb != Z4J_STEP_DELETE && s.verb != Z4J_STEP_UPDATE)
      return rows_step(c, s, t, now_us);
    std::vector<Row> keys;
    for (const auto& [key, row] : tables_[s.table]) {
      if (s.limit > 0 && keys.size() == s.limit) break;
      if (matches(t, row, s.preds, s.pred_count, now_us)) keys.push_back(key);
    }
    for (const Row& key : keys) {
      if (s.verb == Z4J_STEP_DELETE) tables_[s.table].erase(key);
      if (s.verb != Z4J_STEP_UPDATE) continue;
      Row row = tables_[s.table].at(key);
      for (uint32_t i = 0; i < s.set_count; ++i) {
        const z4j_set& set = s.sets[i];
        row[set.column] = merged(set.merge, row[set.column],
                                 cell_of(set.value, t.columns[set.column].type, now_us), {}, {});
      }
      put(c, s.table, t, key, std::move(row));
    }
    s.affected = keys.size();
  }

  void rows_step(z4j_commit& c, z4j_step& s, const z4j_table& t, int64_t now_us) {
    for (uint32_t r = 0; r < s.rows->rows; ++r) {
      c.bad_row = r;
      const uint8_t outcome = one_row(c, s, t, r, now_us);
      if (s.outcome != nullptr) s.outcome[r] = outcome;
      if (outcome != Z4J_ROW_UNTOUCHED) ++s.affected;
    }
    c.bad_row = ~uint32_t{0};
  }

  uint8_t one_row(z4j_commit& c, const z4j_step& s, const z4j_table& t, uint32_t r,
                  int64_t now_us) {
    Row fresh(t.column_count);
    for (uint32_t i = 0; i < s.rows->col_count; ++i) {
      const z4j_col& col = s.rows->cols[i];
      if (!z4j::store::has_value(col, r)) continue;
      const uint16_t type = t.columns[col.column].type;
      if (type == Z4J_T_REAL)
        fresh[col.column] = z4j::store::real_at(col, r);
      else if (type == Z4J_T_BOOL)
        fresh[col.column] = int64_t{z4j::store::num_at(col, r) != 0};
      else if (type == Z4J_T_INT || type == Z4J_T_TIME)
        fresh[col.column] = z4j::store::num_at(col, r);
      else
        fresh[col.column] = std::string(z4j::store::bytes_at(col, r));
    }
    const Row key = parts_of(t.keys[0], fresh);
    const auto stored = tables_[s.table].find(key);
    if (stored == tables_[s.table].end()) {
      if (s.verb == Z4J_STEP_PATCH) return Z4J_ROW_UNTOUCHED;
      put(c, s.table, t, key, std::move(fresh));
      return Z4J_ROW_INSERTED;
    }
    if (s.verb == Z4J_STEP_INSERT_NEW) return Z4J_ROW_UNTOUCHED;
    if (s.verb == Z4J_STEP_INSERT) taken(c, t, 0);
    if (!matches(t, stored->second, s.preds, s.pred_count, now_us)) return Z4J_ROW_UNTOUCHED;
    Row row = stored->second;
    for (uint32_t i = 0; i < s.rows->col_count; ++i) {
      const uint16_t column = s.rows->cols[i].column;
      const uint16_t stamp = t.columns[column].stamp;
      row[column] = merged(t.columns[column].merge, stored->second[column], fresh[column],
                           stored->second[stamp], fresh[stamp]);
    }
    for (uint32_t i = 0; i < t.keys[0].column_count; ++i)
      row[t.keys[0].columns[i]] = key[i];  // merge rules are not for the key
    put(c, s.table, t, key, std::move(row));
    return Z4J_ROW_CHANGED;
  }

  [[noreturn]] static void taken(z4j_commit& c, const z4j_table& t, uint32_t key) {
    c.bad_key = key;
    throw z4j::Error(Z4J_CONFLICT,
                     "another row has the key " + std::string(z4j::view(t.keys[key].name)));
  }

  // Unique keys are found by looking at each row: a store of your own has an index there.
  void put(z4j_commit& c, uint32_t table, const z4j_table& t, const Row& key, Row row) {
    for (uint32_t i = 0; i < t.column_count; ++i) {
      if ((t.columns[i].flags & Z4J_COL_REQUIRED) != 0 && is_null(row[i]))
        throw z4j::Error(Z4J_INVALID,
                         "column " + std::string(z4j::view(t.columns[i].name)) + " needs a value");
    }
    for (uint32_t k = 1; k < t.key_count; ++k) {
      if (t.keys[k].kind != Z4J_K_UNIQUE) continue;
      const Row parts = parts_of(t.keys[k], row);
      if (std::any_of(parts.begin(), parts.end(), is_null)) continue;
      for (const auto& [other, stored] : tables_[table]) {
        if (other != key && parts_of(t.keys[k], stored) == parts) taken(c, t, k);
      }
    }
    tables_[table].insert_or_assign(key, std::move(row));
  }

  const z4j_schema* schema_ = nullptr;
  std::vector<Table> tables_;
};

// --- answers
// ----------------------------------------------------------------------------------------

inline bool folds(const z4j_query& q) {
  return std::any_of(q.outs, q.outs + q.out_count,
                     [](const z4j_out& o) { return o.agg != 0 || o.bucket > 0; });
}

// The form of an output's column in the answer.
inline uint16_t form_of(const z4j_table& t, const z4j_out& out) {
  if (out.agg == Z4J_AGG_COUNT) return Z4J_FORM_NUM;
  switch (t.columns[out.column].type) {
    case Z4J_T_BOOL:
    case Z4J_T_INT:
    case Z4J_T_TIME:
      return Z4J_FORM_NUM;
    case Z4J_T_REAL:
      return Z4J_FORM_REAL;
    case Z4J_T_UUID:
      return Z4J_FORM_16;
    default:
      return Z4J_FORM_VAR;
  }
}

inline Cell bucket_of(const Cell& cell, int64_t size) {
  if (size == 0 || is_null(cell)) return cell;
  const int64_t v = std::get<int64_t>(cell), rest = ((v % size) + size) % size;
  return v < INT64_MIN + rest ? INT64_MIN : v - rest;
}

inline void fold(Cell& folded, const z4j_out& out, const Row& row) {
  if (out.agg == Z4J_AGG_COUNT) {
    folded = std::get<int64_t>(folded) + 1;
    return;
  }
  const Cell& cell = row[out.column];
  if (is_null(cell)) return;
  if (out.agg == Z4J_AGG_SUM)
    folded = sum_of(folded, cell);
  else if (is_null(folded) || (out.agg == Z4J_AGG_MIN ? cell < folded : cell > folded))
    folded = cell;
}

// Rows of outputs, grouped when an output folds.
inline std::vector<Row> selected(const z4j_table& t, const Table& rows, const z4j_query& q,
                                 int64_t now_us, std::vector<Row>& order_cells) {
  std::vector<Row> out;
  if (!folds(q)) {
    for (const auto& [key, row] : rows) {
      if (!matches(t, row, q.preds, q.pred_count, now_us)) continue;
      Row picked, order;
      for (uint32_t i = 0; i < q.out_count; ++i) picked.push_back(row[q.outs[i].column]);
      for (uint32_t i = 0; i < q.order_count; ++i) order.push_back(row[q.order[i]]);
      out.push_back(std::move(picked));
      order_cells.push_back(std::move(order));
    }
    return out;
  }
  Row empty(q.out_count);
  for (uint32_t i = 0; i < q.out_count; ++i) {
    if (q.outs[i].agg == Z4J_AGG_COUNT) empty[i] = int64_t{0};
  }
  std::map<Row, Row> groups;
  if (std::all_of(q.outs, q.outs + q.out_count, [](const z4j_out& o) { return o.agg != 0; }))
    groups.emplace(Row{}, empty);  // one row, also of nothing
  uint64_t seen = 0;
  for (const auto& [key, row] : rows) {
    if (q.scan_limit > 0 && seen == q.scan_limit) break;
    if (!matches(t, row, q.preds, q.pred_count, now_us)) continue;
    ++seen;
    Row group, start = empty;
    for (uint32_t i = 0; i < q.out_count; ++i) {
      if (q.outs[i].agg != 0) continue;
      start[i] = bucket_of(row[q.outs[i].column], q.outs[i].bucket);
      group.push_back(start[i]);
    }
    Row& folded = groups.try_emplace(std::move(group), std::move(start)).first->second;
    for (uint32_t i = 0; i < q.out_count; ++i) {
      if (q.outs[i].agg != 0) fold(folded[i], q.outs[i], row);
    }
  }
  for (auto& [group, row] : groups) {
    Row order;
    for (uint32_t i = 0; i < q.order_count; ++i) order.push_back(row[q.order[i]]);
    out.push_back(row);
    order_cells.push_back(std::move(order));
  }
  return out;
}

inline std::vector<Row> answer(const z4j_table& t, const Table& rows, const z4j_query& q,
                               int64_t now_us) {
  std::vector<Row> order_cells;
  std::vector<Row> all = selected(t, rows, q, now_us, order_cells);
  Row after;
  for (uint32_t i = 0; i < q.after_count; ++i) {
    const uint16_t column = folds(q) ? q.outs[q.order[i]].column : q.order[i];
    const bool is_count = folds(q) && q.outs[q.order[i]].agg == Z4J_AGG_COUNT;
    after.push_back(
        cell_of(q.after[i], is_count ? uint16_t{Z4J_T_INT} : t.columns[column].type, now_us));
  }
  const auto is_before = [&](const Row& a, const Row& b) {
    return q.descending != 0 ? b < a : a < b;
  };
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (q.after_count == 0 || is_before(after, order_cells[i])) places.push_back(i);
  }
  std::stable_sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) {
    return is_before(order_cells[a], order_cells[b]);
  });
  if (q.limit > 0 && places.size() > q.limit) places.resize(q.limit);
  std::vector<Row> out;
  for (const std::size_t i : places) out.push_back(std::move(all[i]));
  return out;
}

}  // namespace tables
