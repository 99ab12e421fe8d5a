// SQL text for declared tables: what a driver over an SQL database needs of z4j/abi.h section 5.
//
// Pure functions over checked input (z4j/storage_check.hpp); any thread. Text depends on shapes
// only (columns, comparisons, padded counts of values), never on values, so it can be prepared once
// and found again by its text. Placeholders are numbered from 1: the cells of a row first, then
// Statement::binds in order.
#pragma once

#include <z4j/abi.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::sql {

// What differs between databases.
struct Dialect {
  char placeholder;                // before the number of a value
  std::string_view type_names[9];  // by Z4J_T_*
  std::string_view table_options;  // behind ")" of CREATE TABLE
  std::string_view clustered;      // more of them for tables that are kept in key order; may be ""
  // Functions the driver provides: json_at(json, pointer, kind) answers a scalar (kind 0 any, 1
  // numbers, 2 texts), json_has(json, pointer, value...) whether the array there holds one of the
  // values.
  std::string_view json_at, json_has;
  // 1 in a commit that may delete from append-only tables, otherwise 0.
  std::string_view may_delete;
};
[[nodiscard]] const Dialect& sqlite();

// A value to bind: borrowed from the request, or text made here.
struct Bind {
  z4j_value value{};
  std::string made;  // used when is_made
  bool is_made = false;
  std::uint16_t column_type = 0;  // Z4J_T_* of the column it meets, 0: none
};

struct Statement {
  std::string text;
  std::uint32_t cells = 0;  // placeholders taken by a row's cells
  std::vector<Bind> binds;
};

[[nodiscard]] std::string quoted(std::string_view name);

// DDL, comments included; each can be run again.
[[nodiscard]] std::string create_table(const Dialect& d, const z4j_table& table);
[[nodiscard]] std::string add_column(const Dialect& d, const z4j_table& table,
                                     const z4j_column& column);
// "" for keys that need no index of their own (primary, text, path).
[[nodiscard]] std::string create_index(const z4j_table& table, const z4j_key& key);
// Triggers that keep an append-only table from changing; empty for other tables. Name and text.
struct Trigger {
  std::string name, text;
};
[[nodiscard]] std::vector<Trigger> create_guards(const Dialect& d, const z4j_table& table);

[[nodiscard]] Statement select(const Dialect& d, const z4j_table& table, const z4j_query& query);

// Row statements: the cells of `columns` come first; a guard's values follow.
using Columns = std::vector<std::uint16_t>;
[[nodiscard]] Statement insert(const Dialect& d, const z4j_table& table, const Columns& columns);
[[nodiscard]] Statement insert_new(const Dialect& d, const z4j_table& table,
                                   const Columns& columns);
[[nodiscard]] Statement merge(const Dialect& d, const z4j_table& table, const Columns& columns,
                              const z4j_pred* guard, std::uint32_t guards);
[[nodiscard]] Statement patch(const Dialect& d, const z4j_table& table, const Columns& columns,
                              const z4j_pred* guard, std::uint32_t guards);
// Is the row with the primary key of these cells there? Same cells as above.
[[nodiscard]] Statement exists(const Dialect& d, const z4j_table& table, const Columns& columns);

[[nodiscard]] Statement update(const Dialect& d, const z4j_table& table, const z4j_step& step);
[[nodiscard]] Statement erase(const Dialect& d, const z4j_table& table, const z4j_step& step);
[[nodiscard]] Statement count(const Dialect& d, const z4j_table& table, const z4j_step& step);

}  // namespace z4j::sql
