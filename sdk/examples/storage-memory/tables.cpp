#include "tables.hpp"

#include <z4j/plugin.hpp>
#include <z4j/storage.hpp>
#include <z4j/storage_check.hpp>

#include <algorithm>

#include "json.hpp"

namespace z4j::memory {
namespace {

bool is_null(const Cell& c) { return c.index() == 0; }

Cell row_cell(const z4j_col& col, std::uint16_t type, std::uint32_t row) {
  if (!store::has_value(col, row)) return {};
  switch (type) {
    case Z4J_T_BOOL:
      return std::int64_t{store::num_at(col, row) != 0};
    case Z4J_T_INT:
    case Z4J_T_TIME:
      return store::num_at(col, row);
    case Z4J_T_REAL:
      return store::real_at(col, row);
    default:
      return std::string(store::bytes_at(col, row));
  }
}

Key parts_of(const z4j_key& key, const Row& row) {
  Key parts;
  for (std::uint32_t i = 0; i < key.column_count; ++i) parts.push_back(row[key.columns[i]]);
  return parts;
}

Cell added(const Cell& old, const Cell& fresh) {
  if (is_null(old)) return fresh;
  if (const double* real = std::get_if<double>(&fresh)) return std::get<double>(old) + *real;
  std::int64_t sum = 0;
  if (__builtin_add_overflow(std::get<std::int64_t>(old), std::get<std::int64_t>(fresh), &sum)) {
    throw Error(Z4J_INVALID, "a sum leaves the range of 64 bits");
  }
  return sum;
}

Cell merged(std::uint16_t rule, const Cell& old, const Cell& fresh, const Cell& old_stamp,
            const Cell& fresh_stamp) {
  switch (rule) {
    case Z4J_M_KEEP:
      return is_null(old) ? fresh : old;
    case Z4J_M_MIN:
      return is_null(fresh) ? old : is_null(old) || fresh < old ? fresh : old;
    case Z4J_M_MAX:
      return is_null(fresh) ? old : is_null(old) || fresh > old ? fresh : old;
    case Z4J_M_ADD:
      return is_null(fresh) ? old : added(old, fresh);
    case Z4J_M_LAST:
      return !is_null(fresh_stamp) && (is_null(old_stamp) || fresh_stamp >= old_stamp) ? fresh
                                                                                       : old;
    default:
      return fresh;
  }
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

// Exact, also between whole numbers and others. Below, equal, above zero.
int compare_numbers(std::int64_t a, double b) {
  // 2^63 is a double, and any double below it in size has an exact whole part.
  if (b >= 9223372036854775808.0) return -1;
  if (b < -9223372036854775808.0) return 1;
  const auto whole = static_cast<std::int64_t>(b);
  if (a != whole) return a < whole ? -1 : 1;
  const double rest = b - static_cast<double>(whole);
  return rest > 0 ? -1 : rest < 0 ? 1 : 0;
}
template <class T>
int compare_alike(T a, T b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

// Below, equal or above zero; nothing when the kinds differ or one is null.
std::optional<int> compare(const Cell& cell, const Cell& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    const auto* other = std::get_if<std::string>(&cell);
    if (other == nullptr) return std::nullopt;
    return other->compare(*text);
  }
  if (is_null(cell) || is_null(value) || std::holds_alternative<std::string>(cell))
    return std::nullopt;
  const auto* a = std::get_if<std::int64_t>(&cell);
  const auto* b = std::get_if<std::int64_t>(&value);
  if (a != nullptr && b != nullptr) return compare_alike(*a, *b);
  if (a != nullptr) return compare_numbers(*a, std::get<double>(value));
  if (b != nullptr) return -compare_numbers(*b, std::get<double>(cell));
  return compare_alike(std::get<double>(cell), std::get<double>(value));
}

// What a predicate looks at: the column, or the scalar its path leads to (`there`: not absent or
// null).
struct Operand {
  Cell cell;
  bool there = false;
};

// A JSON scalar as the cell that it compares as: true and false are 1 and 0.
Cell json_cell(const Json& json) {
  if (const auto* flag = std::get_if<bool>(&json.value)) return std::int64_t{*flag};
  if (const auto* whole = std::get_if<std::int64_t>(&json.value)) return *whole;
  if (const auto* real = std::get_if<double>(&json.value)) return *real;
  if (const auto* text = std::get_if<std::string>(&json.value)) return *text;
  return {};
}

Operand operand_of(const z4j_pred& p, const Row& row) {
  const Cell& cell = row[p.column];
  if (p.path.len == 0) return {cell, !is_null(cell)};
  Json root;
  if (is_null(cell) || !read_json(std::get<std::string>(cell), root)) return {};
  const Json* const found = json_at(root, view(p.path));
  if (found == nullptr || std::holds_alternative<std::monostate>(found->value)) return {};
  return {json_cell(*found), true};
}

bool equals_any(const Cell& cell, const z4j_pred& p, std::uint16_t type, std::int64_t now_us) {
  for (std::uint32_t i = 0; i < p.value_count; ++i) {
    if (compare(cell, cell_of(p.values[i], type, now_us)) == 0) return true;
  }
  return false;
}

// Is a JSON list there, with one of the values in it?
bool has_any(const Cell& cell, const z4j_pred& p, std::int64_t now_us) {
  Json root;
  if (is_null(cell) || !read_json(std::get<std::string>(cell), root)) return false;
  const Json* const found = json_at(root, view(p.path));
  const auto* const list = found != nullptr ? std::get_if<JsonList>(&found->value) : nullptr;
  return list != nullptr && std::any_of(list->begin(), list->end(), [&](const Json& item) {
           return equals_any(json_cell(item), p, 0, now_us);
         });
}

bool matches_one(const z4j_table& t, const Row& row, const z4j_pred& p, std::int64_t now_us) {
  const Operand operand = operand_of(p, row);
  const std::uint16_t type = p.path.len == 0 ? t.columns[p.column].type : std::uint16_t{0};
  switch (p.cmp) {
    case Z4J_CMP_IS_NULL:
      return !operand.there;
    case Z4J_CMP_NOT_NULL:
      return operand.there;
    case Z4J_CMP_EQ:
      return equals_any(operand.cell, p, type, now_us);
    case Z4J_CMP_NE:
      return !equals_any(operand.cell, p, type, now_us);
    case Z4J_CMP_HAS:
      return has_any(row[p.column], p, now_us);
    case Z4J_CMP_PREFIX:
    case Z4J_CMP_CONTAINS: {
      const auto* text = std::get_if<std::string>(&operand.cell);
      if (text == nullptr) return false;
      const std::string_view wanted = view(p.values[0].text);
      if (p.cmp == Z4J_CMP_PREFIX) return text->compare(0, wanted.size(), wanted) == 0;
      return lower(*text).find(lower(wanted)) != std::string::npos;
    }
    default:
      break;
  }
  const auto order = compare(operand.cell, cell_of(p.values[0], type, now_us));
  if (!order) return false;
  switch (p.cmp) {
    case Z4J_CMP_LT:
      return *order < 0;
    case Z4J_CMP_LE:
      return *order <= 0;
    case Z4J_CMP_GT:
      return *order > 0;
    default:
      return *order >= 0;
  }
}

std::uint64_t size_of(const Row& row) {
  std::uint64_t n = 64;
  for (const Cell& c : row)
    n += sizeof(Cell) + (c.index() == 3 ? std::get<std::string>(c).size() : 0);
  return n;
}

}  // namespace

Cell cell_of(const z4j_value& v, std::uint16_t type, std::int64_t now_us) {
  switch (v.kind) {
    case Z4J_V_NULL:
      return {};
    case Z4J_V_NOW:
      return now_us + v.num;
    case Z4J_V_REAL:
      return v.real;
    case Z4J_V_NUM:
      if (type == Z4J_T_REAL) return static_cast<double>(v.num);
      return type == Z4J_T_BOOL ? std::int64_t{v.num != 0} : v.num;
    default:
      return std::string(view(v.text));
  }
}

bool matches(const z4j_table& t, const Row& row, const z4j_pred* preds, std::uint32_t count,
             std::int64_t now_us) {
  for (std::uint32_t i = 0; i < count; ++i) {
    if (preds[i].any == 0) {
      if (!matches_one(t, row, preds[i], now_us)) return false;
      continue;
    }
    bool one = false;
    for (std::uint32_t j = 0; j < count && !one; ++j) {
      one = preds[j].any == preds[i].any && matches_one(t, row, preds[j], now_us);
    }
    if (!one) return false;
  }
  return true;
}

Tables::Tables(const z4j_schema& schema, std::uint64_t max_bytes)
    : schema_(&schema), max_bytes_(max_bytes) {
  fit(schema);
}

void Tables::fit(const z4j_schema& schema) {
  schema_ = &schema;
  tables_.resize(schema.table_count);
  for (std::uint32_t t = 0; t < schema.table_count; ++t) {
    tables_[t].unique.resize(schema.tables[t].key_count);
    for (auto& [key, row] : tables_[t].rows) row.resize(schema.tables[t].column_count);
  }
}

void Tables::run(z4j_commit& commit, std::int64_t now_us) {
  undo_.clear();
  try {
    for (std::uint32_t i = 0; i < commit.step_count; ++i) {
      commit.bad_step = i;
      step(commit, *commit.steps[i], now_us);
    }
    commit.bad_step = ~std::uint32_t{0};
    if (bytes_ > max_bytes_) {
      throw Error(Z4J_IO, "the store is full (" + std::to_string(max_bytes_ >> 20) +
                              " MiB): raise max_mib or delete something");
    }
  } catch (...) {
    for (auto undo = undo_.rbegin(); undo != undo_.rend(); ++undo)
      replace(undo->table, undo->key, std::move(undo->row));
    undo_.clear();
    throw;
  }
  undo_.clear();
}

void Tables::step(z4j_commit& commit, z4j_step& s, std::int64_t now_us) {
  const std::string where = "/steps/" + std::to_string(commit.bad_step);
  switch (s.verb) {
    case Z4J_STEP_NOTICE:
      return;
    case Z4J_STEP_CHECK:
      s.affected = matching(s, now_us).size();
      break;
    case Z4J_STEP_DELETE:
      for (const Key& key : matching(s, now_us)) {
        erase(s.table, key);
        ++s.affected;
      }
      break;
    case Z4J_STEP_UPDATE:
      for (const Key& key : matching(s, now_us)) {
        Row row = tables_[s.table].rows.at(key);
        for (std::uint32_t i = 0; i < s.set_count; ++i) {
          const z4j_set& set = s.sets[i];
          Cell& cell = row[set.column];
          cell =
              merged(set.merge, cell,
                     cell_of(set.value, schema_->tables[s.table].columns[set.column].type, now_us),
                     {}, {});
        }
        try {
          put(s.table, key, std::move(row));
        } catch (const Taken& taken) {
          commit.bad_key = taken.key;
          throw Error(Z4J_CONFLICT,
                      "another row has the key " +
                          std::string(view(schema_->tables[s.table].keys[taken.key].name)),
                      where);
        }
        ++s.affected;
      }
      break;
    default:
      row_step(commit, s, now_us);
  }
  if (s.affected < s.expect_min || s.affected > s.expect_max) {
    throw Error(Z4J_CONFLICT,
                std::to_string(s.affected) + " rows, which is not what the commit expects", where);
  }
}

void Tables::row_step(z4j_commit& commit, z4j_step& s, std::int64_t now_us) {
  for (std::uint32_t r = 0; r < s.rows->rows; ++r) {
    commit.bad_row = r;
    try {
      const std::uint8_t outcome = one_row(s, r, now_us);
      if (s.outcome != nullptr) s.outcome[r] = outcome;
      if (outcome != Z4J_ROW_UNTOUCHED) ++s.affected;
    } catch (const Taken& taken) {
      commit.bad_key = taken.key;
      throw Error(Z4J_CONFLICT,
                  "another row has the key " +
                      std::string(view(schema_->tables[s.table].keys[taken.key].name)),
                  "/steps/" + std::to_string(commit.bad_step));
    }
  }
  commit.bad_row = ~std::uint32_t{0};
}

std::uint8_t Tables::one_row(const z4j_step& s, std::uint32_t r, std::int64_t now_us) {
  const z4j_table& t = schema_->tables[s.table];
  Row fresh(t.column_count);
  for (std::uint32_t i = 0; i < s.rows->col_count; ++i) {
    const z4j_col& col = s.rows->cols[i];
    fresh[col.column] = row_cell(col, t.columns[col.column].type, r);
  }
  if (s.verb != Z4J_STEP_PATCH) {
    for (std::uint32_t c = 0; c < t.column_count; ++c) {
      if ((t.columns[c].flags & Z4J_COL_REQUIRED) != 0 && is_null(fresh[c])) {
        throw Error(Z4J_INVALID, "column " + store::full_name(t, static_cast<std::uint16_t>(c)) +
                                     " needs a value");
      }
    }
  }
  const Key key = parts_of(t.keys[0], fresh);
  const auto stored = tables_[s.table].rows.find(key);
  if (stored == tables_[s.table].rows.end()) {
    if (s.verb == Z4J_STEP_PATCH) return Z4J_ROW_UNTOUCHED;
    put(s.table, key, std::move(fresh));
    return Z4J_ROW_INSERTED;
  }
  if (s.verb == Z4J_STEP_INSERT) throw Taken{0};
  if (s.verb == Z4J_STEP_INSERT_NEW) return Z4J_ROW_UNTOUCHED;
  if (!matches(t, stored->second, s.preds, s.pred_count, now_us)) return Z4J_ROW_UNTOUCHED;
  Row row = stored->second;
  for (std::uint32_t i = 0; i < s.rows->col_count; ++i) {
    const std::uint16_t c = s.rows->cols[i].column;
    if (store::in_primary(t, c)) continue;
    const std::uint16_t stamp = t.columns[c].stamp;
    row[c] = merged(t.columns[c].merge, stored->second[c], fresh[c], stored->second[stamp],
                    fresh[stamp]);
  }
  put(s.table, key, std::move(row));
  return Z4J_ROW_CHANGED;
}

std::vector<Key> Tables::matching(const z4j_step& s, std::int64_t now_us) const {
  std::vector<Key> keys;
  for (const auto& [key, row] : tables_[s.table].rows) {
    if (s.limit > 0 && keys.size() == s.limit) break;
    if (matches(schema_->tables[s.table], row, s.preds, s.pred_count, now_us)) keys.push_back(key);
  }
  return keys;
}

void Tables::put(std::uint32_t table, const Key& key, Row row) {
  const z4j_table& t = schema_->tables[table];
  for (std::uint32_t c = 0; c < t.column_count; ++c) {
    if ((t.columns[c].flags & Z4J_COL_REQUIRED) != 0 && is_null(row[c])) {
      throw Error(Z4J_INVALID, "column " + store::full_name(t, static_cast<std::uint16_t>(c)) +
                                   " needs a value");
    }
  }
  for (std::uint32_t k = 1; k < t.key_count; ++k) {
    if (t.keys[k].kind != Z4J_K_UNIQUE) continue;
    const Key parts = parts_of(t.keys[k], row);
    if (std::any_of(parts.begin(), parts.end(), is_null)) continue;
    const auto found = tables_[table].unique[k].find(parts);
    if (found != tables_[table].unique[k].end() && found->second != key) throw Taken{k};
  }
  const auto stored = tables_[table].rows.find(key);
  undo_.push_back(Undo{
      table, key,
      stored == tables_[table].rows.end() ? std::nullopt : std::optional<Row>(stored->second)});
  replace(table, key, std::move(row));
}

void Tables::erase(std::uint32_t table, const Key& key) {
  undo_.push_back(Undo{table, key, tables_[table].rows.at(key)});
  replace(table, key, std::nullopt);
}

void Tables::replace(std::uint32_t table, const Key& key, std::optional<Row> row) {
  const z4j_table& t = schema_->tables[table];
  Table& data = tables_[table];
  const auto index = [&](const Row& r, bool add) {
    for (std::uint32_t k = 1; k < t.key_count; ++k) {
      if (t.keys[k].kind != Z4J_K_UNIQUE) continue;
      Key parts = parts_of(t.keys[k], r);
      if (std::any_of(parts.begin(), parts.end(), is_null)) continue;
      if (add) {
        data.unique[k][std::move(parts)] = key;
      } else {
        data.unique[k].erase(parts);
      }
    }
    bytes_ = add ? bytes_ + size_of(r) : bytes_ - size_of(r);
  };
  if (const auto stored = data.rows.find(key); stored != data.rows.end()) {
    index(stored->second, false);
    data.rows.erase(stored);
  }
  if (!row) return;
  index(*row, true);
  data.rows.emplace(key, std::move(*row));
}

}  // namespace z4j::memory
