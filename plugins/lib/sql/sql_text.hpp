// SQL text for declared tables: what a driver over an SQL database needs of z4j/abi.h section 5.
//
// Pure functions; text only depends on shapes (columns, comparisons, counts of values), never on values,
// so it can be prepared once and cached. Values are bound in the order of Statement::binds, placeholders
// are "?". Row values (of MERGE and the like) come before them, as ?1..?n in column order.
#pragma once

#include <z4j/abi.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::sql {

// A value to bind: borrowed, or text made here.
struct Bind {
  z4j_value value{};
  std::string made;       // used when is_made
  bool is_made = false;
  std::uint16_t column_type = 0;  // Z4J_T_* of the column it meets, 0 = as it is
};

struct Statement {
  std::string text;
  std::vector<Bind> binds;
};

[[nodiscard]] std::string quoted(std::string_view name);

// DDL, comments included.
[[nodiscard]] std::string create_table(const z4j_table& table);
[[nodiscard]] std::string add_column(const z4j_table& table, const z4j_column& column);
// "" for keys that need no index of their own (primary, text, path).
[[nodiscard]] std::string create_index(const z4j_table& table, const z4j_key& key);

[[nodiscard]] Statement select(const z4j_table& table, const z4j_query& query);

// Row statements: values of `columns` are ?1..?n; a guard's values follow.
[[nodiscard]] Statement insert(const z4j_table& table, const std::vector<std::uint16_t>& columns);
[[nodiscard]] Statement insert_new(const z4j_table& table, const std::vector<std::uint16_t>& columns);
[[nodiscard]] Statement merge(const z4j_table& table, const std::vector<std::uint16_t>& columns, const z4j_pred* guard, std::uint32_t guards);
[[nodiscard]] Statement patch(const z4j_table& table, const std::vector<std::uint16_t>& columns, const z4j_pred* guard, std::uint32_t guards);
// Is the row with that primary key there? Values: the key's columns.
[[nodiscard]] Statement exists(const z4j_table& table);

[[nodiscard]] Statement update(const z4j_table& table, const z4j_step& step);
[[nodiscard]] Statement erase(const z4j_table& table, const z4j_step& step);
[[nodiscard]] Statement count(const z4j_table& table, const z4j_step& step);

}  // namespace z4j::sql
