// z4j/storage_check.hpp - is what the kernel hands to a storage driver well formed? Every driver
// asks before it acts. Header-only, C++17.
//
// All functions throw z4j::Error: Z4J_INVALID with what is wrong and where (a JSON pointer into the
// request), Z4J_TOO_LARGE above a ceiling, Z4J_DENIED for a change of an append-only table. They
// read only; any thread. Source: z4j/abi.h section 5.
#ifndef Z4J_STORAGE_CHECK_HPP
#define Z4J_STORAGE_CHECK_HPP

#include <z4j/storage.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::store {

inline constexpr std::uint32_t kMaxValues = 16384;  // values of one predicate list
inline constexpr std::uint32_t kMaxNoticeBytes = 4000;
// 24 November 4714 BC, before which PostgreSQL has no time but minus infinity. Rows hold nothing
// earlier in any store, so that what one keeps another can take; the smallest number is allowed.
inline constexpr std::int64_t kFirstTimeUs = -210866803200000000 + 946684800000000;

inline void check_schema(const z4j_schema& schema);
// bad_row is set when the fault lies in one row.
inline void check_step(const z4j_schema& schema, const z4j_step& step, std::uint32_t commit_flags,
                       const std::string& where, std::uint32_t& bad_row);
inline void check_query(const z4j_schema& schema, const z4j_query& query);

[[nodiscard]] bool in_primary(const z4j_table& table, std::uint16_t column) noexcept;
// Columns of a sparse key that may be null: a row with a null there is not looked for by it.
[[nodiscard]] std::vector<std::uint16_t> sparse_columns(const z4j_table& table, const z4j_key& key);
// A key that finds words or paths and orders nothing.
[[nodiscard]] bool is_search_key(const z4j_key& key) noexcept;
// Does the query group and fold, or just select?
[[nodiscard]] bool folds(const z4j_query& query) noexcept;
// The Z4J_FORM_* of a column type, and of an output of a query.
[[nodiscard]] std::uint16_t form_of(std::uint16_t type) noexcept;
[[nodiscard]] std::uint16_t out_form(const z4j_table& table, const z4j_out& out) noexcept;
// "things.name", for messages.
[[nodiscard]] std::string full_name(const z4j_table& table, std::uint16_t column);

// --- how
// ------------------------------------------------------------------------------------------

namespace detail {

inline constexpr std::uint32_t kMaxTables = 512, kMaxColumns = 256, kMaxKeys = 32, kMaxPreds = 256,
                               kMaxOuts = 256;
inline constexpr std::size_t kMaxPath = 512;

[[noreturn]] inline void refuse(const std::string& message, const std::string& where) {
  throw Error(Z4J_INVALID, message, where);
}

inline std::string part_of(const std::string& where, std::string_view part, std::uint32_t i) {
  return where + "/" + std::string(part) + "/" + std::to_string(i);
}

// Lower-case words: fit for any store, need no quoting rules.
inline bool is_word(std::string_view name) {
  if (name.empty() || name.size() > 60 || !(name[0] >= 'a' && name[0] <= 'z')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

inline bool can_be_kept(std::int64_t time_us) {
  return time_us >= kFirstTimeUs || time_us == INT64_MIN;
}

inline bool is_numeric(std::uint16_t type) {
  return type == Z4J_T_BOOL || type == Z4J_T_INT || type == Z4J_T_REAL || type == Z4J_T_TIME;
}

inline void check_column(const z4j_table& t, std::uint16_t i, const std::string& where) {
  const z4j_column& c = t.columns[i];
  if (!is_word(view(c.name)))
    refuse("a column name must be lower-case words joined by _, up to 60 characters", where);
  if (c.type < Z4J_T_BOOL || c.type > Z4J_T_JSON)
    refuse("column " + full_name(t, i) + " has an unknown type", where);
  switch (c.merge) {
    case Z4J_M_SET:
    case Z4J_M_KEEP:
      break;
    case Z4J_M_MIN:
    case Z4J_M_MAX:
      if (c.type == Z4J_T_JSON)
        refuse("column " + full_name(t, i) + ": JSON has no order, so MIN and MAX cannot merge it",
               where);
      break;
    case Z4J_M_ADD:
      if (c.type != Z4J_T_INT && c.type != Z4J_T_REAL && c.type != Z4J_T_TIME) {
        refuse("column " + full_name(t, i) + ": ADD needs a number", where);
      }
      break;
    case Z4J_M_LAST:
      if (c.stamp >= t.column_count || t.columns[c.stamp].merge != Z4J_M_MAX) {
        refuse("column " + full_name(t, i) +
                   ": the stamp of a LAST column must be a column that merges by MAX",
               where);
      }
      break;
    default:
      refuse("column " + full_name(t, i) + " has an unknown merge rule", where);
  }
}

inline void check_table(const z4j_table& t, const std::string& where,
                        std::set<std::string, std::less<>>& names) {
  if (!is_word(view(t.name)) || view(t.name).substr(0, 4) == "z4j_" ||
      view(t.name).substr(0, 7) == "sqlite_") {
    refuse(
        "a table name must be lower-case words joined by _ that do not begin with z4j_ or sqlite_",
        where);
  }
  if (!names.emplace(view(t.name)).second)
    refuse("two tables or keys are called " + std::string(view(t.name)), where);
  if (t.column_count == 0 || t.column_count > kMaxColumns)
    refuse("a table must have 1 to 256 columns", where);
  std::set<std::string_view> columns;
  for (std::uint32_t i = 0; i < t.column_count; ++i) {
    check_column(t, static_cast<std::uint16_t>(i), part_of(where, "columns", i));
    if (!columns.insert(view(t.columns[i].name)).second) {
      refuse("table " + std::string(view(t.name)) + " has two columns of one name",
             part_of(where, "columns", i));
    }
  }
  if (t.key_count == 0 || t.key_count > kMaxKeys || t.keys[0].kind != Z4J_K_PRIMARY) {
    refuse("the first key of a table must be its primary key, and there may be 32 keys", where);
  }
  for (std::uint32_t k = 0; k < t.key_count; ++k) {
    const z4j_key& key = t.keys[k];
    const std::string at = part_of(where, "keys", k);
    if (!is_word(view(key.name)) || !names.emplace(view(key.name)).second) {
      refuse("a key name must be lower-case words, used once in the whole schema", at);
    }
    if (key.kind < Z4J_K_PRIMARY || key.kind > Z4J_K_PATH || (k > 0 && key.kind == Z4J_K_PRIMARY)) {
      refuse(
          "key " + std::string(view(key.name)) + " has an unknown kind, or is a second primary key",
          at);
    }
    if (key.column_count == 0 || key.column_count > 16)
      refuse("a key must have 1 to 16 columns", at);
    if ((key.flags & ~unsigned{Z4J_KEY_SPARSE}) != 0 || (key.flags != 0 && key.kind != Z4J_K_ORDER))
      refuse("key " + std::string(view(key.name)) + " has a flag that is not for its kind", at);
    for (std::uint32_t i = 0; i < key.column_count; ++i) {
      if (key.columns[i] >= t.column_count) refuse("a key names a column that is not there", at);
      if (!is_search_key(key) && t.columns[key.columns[i]].type == Z4J_T_JSON) {
        refuse("a JSON column cannot be part of a key that orders", at);
      }
    }
  }
}

inline bool fits(std::uint16_t type, const z4j_value& v) {
  switch (v.kind) {
    case Z4J_V_NULL:
      return true;
    case Z4J_V_NUM:
      return is_numeric(type);
    case Z4J_V_NOW:
      return type == Z4J_T_TIME || type == Z4J_T_INT;
    case Z4J_V_REAL:
      return type == Z4J_T_REAL && !std::isnan(v.real);
    case Z4J_V_TEXT:
      return type == Z4J_T_TEXT || type == Z4J_T_JSON;
    case Z4J_V_BYTES:
      return type == Z4J_T_BYTES || (type == Z4J_T_UUID && v.text.len == 16);
    default:
      return false;
  }
}

inline void check_pred(const z4j_table& t, const z4j_pred& p, const std::string& where) {
  if (p.column >= t.column_count)
    refuse("a predicate names a column that table " + std::string(view(t.name)) + " does not have",
           where);
  if (p.cmp < Z4J_CMP_EQ || p.cmp > Z4J_CMP_NOT_NULL) refuse("unknown comparison", where);
  if (p.value_count > kMaxValues)
    throw Error(Z4J_TOO_LARGE, "a predicate may hold 16384 values", where);
  const std::uint16_t type = t.columns[p.column].type;
  const std::string name = full_name(t, p.column);
  const std::string_view path = view(p.path);
  if (!path.empty()) {
    if (type != Z4J_T_JSON)
      refuse("column " + name + " is not JSON, so there are no paths into it", where);
    if (path[0] != '/' || path.size() > kMaxPath)
      refuse("a path must be a JSON pointer of up to 512 bytes", where);
  }
  switch (p.cmp) {
    case Z4J_CMP_IS_NULL:
    case Z4J_CMP_NOT_NULL:
      return;
    case Z4J_CMP_EQ:
    case Z4J_CMP_NE:
      break;
    case Z4J_CMP_HAS:
      if (type != Z4J_T_JSON)
        refuse("HAS asks a JSON array; column " + name + " is not JSON", where);
      break;
    case Z4J_CMP_PREFIX:
    case Z4J_CMP_CONTAINS:
      if (p.value_count != 1 || p.values[0].kind != Z4J_V_TEXT)
        refuse("PREFIX and CONTAINS take one text", where);
      if (path.empty() && type != Z4J_T_TEXT &&
          !(p.cmp == Z4J_CMP_CONTAINS && type == Z4J_T_JSON)) {
        refuse("column " + name + " is not text", where);
      }
      return;
    default:
      if (p.value_count != 1) refuse("LT, LE, GT and GE take one value", where);
      if (path.empty() && type == Z4J_T_JSON)
        refuse("JSON column " + name + " has no order; give a path", where);
  }
  const bool inside = !path.empty() || p.cmp == Z4J_CMP_HAS;
  for (std::uint32_t i = 0; i < p.value_count; ++i) {
    const z4j_value& v = p.values[i];
    const bool ok = inside ? v.kind == Z4J_V_NULL || v.kind == Z4J_V_NUM || v.kind == Z4J_V_TEXT ||
                                 (v.kind == Z4J_V_REAL && !std::isnan(v.real))
                           : fits(type, v);
    if (!ok) refuse("a value is not of the type of column " + name, part_of(where, "values", i));
  }
}

inline void check_preds(const z4j_table& t, const z4j_pred* preds, std::uint32_t count,
                        const std::string& where) {
  if (count > kMaxPreds)
    throw Error(Z4J_TOO_LARGE, "a step or query may hold 256 predicates", where);
  std::uint64_t values = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    check_pred(t, preds[i], part_of(where, "preds", i));
    values += preds[i].value_count;
  }
  if (values > kMaxValues)
    throw Error(Z4J_TOO_LARGE, "a step or query may hold 16384 values", where);
}

inline void check_offsets(const z4j_strcol& text, std::uint32_t rows, const std::string& where) {
  if (text.offsets == nullptr) refuse("a text column has no offsets", where);
  if (text.data == nullptr && text.offsets[rows] != 0) refuse("a text column has no text", where);
  if (text.offsets[0] > text.offsets[rows] || text.offsets[rows] > kMaxBytes)
    refuse("text offsets are out of range", where);
  for (std::uint32_t i = 0; i < rows; ++i) {
    if (text.offsets[i] > text.offsets[i + 1]) refuse("text offsets go backwards", where);
  }
}

inline void check_col(const z4j_table& t, const z4j_col& col, std::uint32_t rows,
                      const std::string& where, std::uint32_t& bad_row) {
  const std::uint16_t type = t.columns[col.column].type;
  const std::uint16_t form = form_of(type);
  if (col.form != form && !(form == Z4J_FORM_VAR && col.form == Z4J_FORM_DICT)) {
    refuse("column " + full_name(t, col.column) + " came in a form that does not fit its type",
           where);
  }
  if (col.form == Z4J_FORM_VAR) {
    check_offsets(col.text, rows, where);
    return;
  }
  if (col.data == nullptr) refuse("column " + full_name(t, col.column) + " has no data", where);
  if (col.form == Z4J_FORM_DICT) {
    if (col.dict_rows == 0) refuse("a dictionary is empty", where);
    check_offsets(col.text, col.dict_rows, where);
    const auto* index = static_cast<const std::uint32_t*>(col.data);
    for (std::uint32_t r = 0; r < rows; ++r) {
      if (index[r] < col.dict_rows || !has_value(col, r)) continue;
      bad_row = r;
      refuse("a dictionary index is out of range", where);
    }
  }
  if (type == Z4J_T_TIME) {
    for (std::uint32_t r = 0; r < rows; ++r) {
      if (!has_value(col, r) || can_be_kept(num_at(col, r))) continue;
      bad_row = r;
      refuse("column " + full_name(t, col.column) + " holds a time before 4714 BC", where);
    }
  }
  if (col.form == Z4J_FORM_REAL) {
    for (std::uint32_t r = 0; r < rows; ++r) {
      if (!has_value(col, r) || !std::isnan(real_at(col, r))) continue;
      bad_row = r;
      refuse("column " + full_name(t, col.column) + " holds not-a-number", where);
    }
  }
}

inline void check_rows(const z4j_table& t, const z4j_rows* rows, const std::string& where,
                       std::uint32_t& bad_row) {
  if (rows == nullptr) refuse("a step of this verb needs rows", where);
  if (rows->rows > kMaxRows)
    throw Error(Z4J_TOO_LARGE, "a step may hold 16384 rows, not " + std::to_string(rows->rows),
                where);
  if (rows->bytes > kMaxBytes)
    throw Error(Z4J_TOO_LARGE,
                "a step may hold 64 MiB, not " + std::to_string(rows->bytes) + " bytes", where);
  std::vector<bool> seen(t.column_count, false);
  for (std::uint32_t i = 0; i < rows->col_count; ++i) {
    const z4j_col& col = rows->cols[i];
    const std::string at = part_of(where, "cols", i);
    if (col.column >= t.column_count)
      refuse("rows name a column that table " + std::string(view(t.name)) + " does not have", at);
    if (seen[col.column]) refuse("rows hold column " + full_name(t, col.column) + " twice", at);
    seen[col.column] = true;
    if (rows->rows > 0) check_col(t, col, rows->rows, at, bad_row);
    if (col.valid == nullptr || !in_primary(t, col.column)) continue;
    for (std::uint32_t r = 0; r < rows->rows; ++r) {
      if (has_value(col, r)) continue;
      bad_row = r;
      refuse("column " + full_name(t, col.column) + " is part of the primary key and null", at);
    }
  }
  const z4j_key& key = t.keys[0];
  for (std::uint32_t i = 0; i < key.column_count; ++i) {
    if (!seen[key.columns[i]])
      refuse("rows lack column " + full_name(t, key.columns[i]) + " of the primary key", where);
  }
}

inline void check_sets(const z4j_table& t, const z4j_step& step, const std::string& where) {
  if (step.set_count == 0 || step.set_count > kMaxColumns)
    refuse("UPDATE needs 1 to 256 sets", where);
  std::vector<bool> seen(t.column_count, false);
  for (std::uint32_t i = 0; i < step.set_count; ++i) {
    const z4j_set& set = step.sets[i];
    const std::string at = part_of(where, "sets", i);
    if (set.column >= t.column_count) refuse("a set names a column that is not there", at);
    const std::string name = full_name(t, set.column);
    if (seen[set.column]) refuse("column " + name + " is set twice", at);
    seen[set.column] = true;
    if (in_primary(t, set.column))
      refuse("column " + name + " is part of the primary key, which never changes", at);
    const std::uint16_t type = t.columns[set.column].type;
    if (!fits(type, set.value)) refuse("the value for column " + name + " is not of its type", at);
    if (type == Z4J_T_TIME && set.merge != Z4J_M_ADD && set.value.kind == Z4J_V_NUM &&
        !can_be_kept(set.value.num))
      refuse("the value for column " + name + " is a time before 4714 BC", at);
    if (set.merge == Z4J_M_SET) continue;
    if (set.merge != Z4J_M_MIN && set.merge != Z4J_M_MAX && set.merge != Z4J_M_ADD)
      refuse("a set may SET, MIN, MAX or ADD", at);
    if (type == Z4J_T_JSON ||
        (set.merge == Z4J_M_ADD && (!is_numeric(type) || type == Z4J_T_BOOL))) {
      refuse("column " + name + " cannot be merged that way", at);
    }
  }
}

}  // namespace detail

inline bool is_search_key(const z4j_key& key) noexcept {
  return key.kind == Z4J_K_TEXT || key.kind == Z4J_K_PATH;
}

inline std::vector<std::uint16_t> sparse_columns(const z4j_table& table, const z4j_key& key) {
  std::vector<std::uint16_t> out;
  if ((key.flags & Z4J_KEY_SPARSE) == 0) return out;
  for (std::uint32_t i = 0; i < key.column_count; ++i) {
    const std::uint16_t column = key.columns[i];
    if ((table.columns[column].flags & Z4J_COL_REQUIRED) == 0 && !in_primary(table, column))
      out.push_back(column);
  }
  return out;
}

inline bool in_primary(const z4j_table& table, std::uint16_t column) noexcept {
  const z4j_key& key = table.keys[0];
  return std::find(key.columns, key.columns + key.column_count, column) !=
         key.columns + key.column_count;
}

inline bool folds(const z4j_query& query) noexcept {
  return std::any_of(query.outs, query.outs + query.out_count,
                     [](const z4j_out& o) { return o.agg != 0 || o.bucket > 0; });
}

inline std::uint16_t form_of(std::uint16_t type) noexcept {
  switch (type) {
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

inline std::uint16_t out_form(const z4j_table& table, const z4j_out& out) noexcept {
  return out.agg == Z4J_AGG_COUNT ? std::uint16_t{Z4J_FORM_NUM}
                                  : form_of(table.columns[out.column].type);
}

inline std::string full_name(const z4j_table& table, std::uint16_t column) {
  return std::string(view(table.name)) + "." + std::string(view(table.columns[column].name));
}

inline void check_schema(const z4j_schema& schema) {
  if (schema.struct_size < offsetof(z4j_schema, table_count) + sizeof schema.table_count ||
      schema.version == 0)
    detail::refuse("the schema has no version", "/version");
  if (schema.table_count == 0 || schema.table_count > detail::kMaxTables)
    detail::refuse("a schema must have 1 to 512 tables", "/tables");
  std::set<std::string, std::less<>> names;
  for (std::uint32_t i = 0; i < schema.table_count; ++i)
    detail::check_table(schema.tables[i], "/tables/" + std::to_string(i), names);
}

inline void check_step(const z4j_schema& schema, const z4j_step& step, std::uint32_t commit_flags,
                       const std::string& where, std::uint32_t& bad_row) {
  if (step.struct_size < offsetof(z4j_step, affected) + sizeof step.affected)
    detail::refuse("the step is shorter than this driver needs", where);
  if (step.verb < Z4J_STEP_INSERT || step.verb > Z4J_STEP_NOTICE)
    detail::refuse("unknown verb", where);
  if (step.verb == Z4J_STEP_NOTICE) {
    if (step.channel.len == 0 || step.channel.len > 63)
      detail::refuse("a notice needs a channel of 1 to 63 bytes", where);
    if (step.payload.len > kMaxNoticeBytes)
      throw Error(Z4J_TOO_LARGE, "a notice may carry 4000 bytes", where);
    return;
  }
  if (step.table >= schema.table_count)
    detail::refuse("the step names a table that is not there", where);
  const z4j_table& t = schema.tables[step.table];
  if ((t.flags & Z4J_TBL_APPEND) != 0) {
    if (step.verb == Z4J_STEP_MERGE || step.verb == Z4J_STEP_PATCH ||
        step.verb == Z4J_STEP_UPDATE) {
      throw Error(Z4J_DENIED,
                  "table " + std::string(view(t.name)) + " is append-only: its rows never change",
                  where);
    }
    if (step.verb == Z4J_STEP_DELETE && (commit_flags & Z4J_COMMIT_RETENTION) == 0) {
      throw Error(Z4J_DENIED,
                  "table " + std::string(view(t.name)) +
                      " is append-only: only retention may delete from it",
                  where);
    }
  }
  detail::check_preds(t, step.preds, step.pred_count, where);
  switch (step.verb) {
    case Z4J_STEP_INSERT:
    case Z4J_STEP_INSERT_NEW:
      if (step.pred_count != 0) detail::refuse("INSERT and INSERT_NEW take no predicates", where);
      [[fallthrough]];
    case Z4J_STEP_MERGE:
    case Z4J_STEP_PATCH:
      detail::check_rows(t, step.rows, where + "/rows", bad_row);
      break;
    case Z4J_STEP_UPDATE:
      detail::check_sets(t, step, where);
      break;
    default:
      break;
  }
}

inline void check_query(const z4j_schema& schema, const z4j_query& q) {
  if (q.struct_size < offsetof(z4j_query, flags) + sizeof q.flags)
    detail::refuse("the query is shorter than this driver needs", "");
  if (q.table >= schema.table_count)
    detail::refuse("the query names a table that is not there", "/table");
  const z4j_table& t = schema.tables[q.table];
  if (q.out_count == 0 || q.out_count > detail::kMaxOuts)
    detail::refuse("a query needs 1 to 256 outputs", "/outs");
  const bool fold = folds(q);
  bool groups = false;
  for (std::uint32_t i = 0; i < q.out_count; ++i) {
    const z4j_out& o = q.outs[i];
    const std::string at = detail::part_of("", "outs", i);
    if (o.agg > Z4J_AGG_MAX || o.bucket < 0 || o.bucket > (std::int64_t{1} << 60))
      detail::refuse("unknown aggregate or bucket", at);
    if (o.agg == Z4J_AGG_COUNT) continue;
    if (o.column >= t.column_count)
      detail::refuse("an output names a column that is not there", at);
    const std::uint16_t type = t.columns[o.column].type;
    if (o.bucket > 0 && (o.agg != 0 || (type != Z4J_T_INT && type != Z4J_T_TIME))) {
      detail::refuse("a bucket groups an INT or TIME column", at);
    }
    if (fold && type == Z4J_T_JSON)
      detail::refuse("JSON column " + full_name(t, o.column) + " cannot be grouped or folded", at);
    if (o.agg == Z4J_AGG_SUM && !detail::is_numeric(type))
      detail::refuse("SUM needs a number; " + full_name(t, o.column) + " is none", at);
    groups = groups || o.agg == 0;
  }
  detail::check_preds(t, q.preds, q.pred_count, "");
  if (q.order_count > 16) detail::refuse("a query may order by 16 columns", "/order");
  if (q.after_count != 0 && q.after_count != q.order_count)
    detail::refuse("after needs as many values as order has columns", "/after");
  if (q.after_count != 0 && fold && !groups)
    detail::refuse("after needs groups to go behind", "/after");
  for (std::uint32_t i = 0; i < q.order_count; ++i) {
    const std::string at = detail::part_of("", "order", i);
    if (q.order[i] >= (fold ? q.out_count : t.column_count))
      detail::refuse("order names a column that is not there", at);
    std::uint16_t type = Z4J_T_INT;
    if (!fold || q.outs[q.order[i]].agg != Z4J_AGG_COUNT) {
      type = t.columns[fold ? q.outs[q.order[i]].column : q.order[i]].type;
    }
    if (type == Z4J_T_JSON) detail::refuse("a JSON column has no order", at);
    if (q.after_count != 0 && (q.after[i].kind == Z4J_V_NULL || !detail::fits(type, q.after[i]))) {
      detail::refuse("a value of after is null or not of its column's type",
                     detail::part_of("", "after", i));
    }
  }
}

// Base of a driver class whose every request is checked by the glue.
struct CheckedDriver : DriverState {
  static void check_schema(const z4j_schema& schema) { store::check_schema(schema); }
  static void check_step(const z4j_schema& schema, const z4j_step& step, std::uint32_t flags,
                         const std::string& where, std::uint32_t& bad_row) {
    store::check_step(schema, step, flags, where, bad_row);
  }
  static void check_query(const z4j_schema& schema, const z4j_query& query) {
    store::check_query(schema, query);
  }
};

}  // namespace z4j::store

#endif
