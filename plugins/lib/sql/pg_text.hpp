// SQL for PostgreSQL, as sql_text.hpp is for SQLite: declared tables, steps and queries become text
// and binary parameters.
//
// Pure functions over checked input (z4j/storage_check.hpp); any thread. The text depends on the
// shape of a request only (columns, comparisons, kinds of values), so a driver prepares it once and
// finds it again by its text. Many rows travel as one array per column; many values of a predicate
// as one array. Names are unqualified: the connection's search_path is the store's schema.
#pragma once

#include <z4j/abi.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/sql/pg_wire.hpp"

namespace z4j::sql::pg {

struct Statement {
  std::string text;
  std::vector<Param> params;
};

[[nodiscard]] std::string quoted_name(std::string_view name);
[[nodiscard]] std::string quoted_text(std::string_view text);
[[nodiscard]] std::string_view type_name(std::uint16_t type);

// Kept in days: a table by time whose keys all hold its time.
[[nodiscard]] bool is_by_day(const z4j_table& table) noexcept;

// DDL. Comments are statements of their own.
[[nodiscard]] std::string create_table(const z4j_table& table);
[[nodiscard]] std::vector<std::string> comments(const z4j_table& table);
[[nodiscard]] std::string comment_on(const z4j_table& table, const z4j_column& column);
[[nodiscard]] std::string add_column(const z4j_table& table, const z4j_column& column);
// "" for the primary key, and for a text key when `trigram_schema`, where the extension pg_trgm
// lives, is "". `concurrently`: without locking the table, not within a transaction.
enum class Locking : std::uint8_t { table, concurrently };
[[nodiscard]] std::string create_index(const z4j_table& table, const z4j_key& key,
                                       std::string_view trigram_schema, Locking locking);
// Where a table with text or path keys has their indexes: its primary key and the columns of those
// keys once more, kept equal by triggers. A row's other columns change often and each change would
// cost every index of its table anew. Tables by day have such indexes themselves. The statements
// belong into one transaction, which locks out writers and copies the rows that are there.
[[nodiscard]] bool has_search_table(const z4j_table& table) noexcept;
[[nodiscard]] std::string search_table(const z4j_table& table);
[[nodiscard]] std::vector<std::string> create_search_table(const z4j_table& table);
// What keeps an append-only table from changing: the function once for a schema, the triggers for
// each such table. A transaction that sets z4j.retention to on may delete.
[[nodiscard]] std::string create_guard_function();
struct Guard {
  std::string name, text;
};
[[nodiscard]] std::vector<Guard> create_guards(const z4j_table& table);

// What "now" means: a commit reads the clock when it begins, a query when it is asked.
[[nodiscard]] Statement select(const z4j_table& table, const z4j_query& query);

// Row statements. Throw z4j::Error with bad_row set when PostgreSQL cannot hold a cell. With
// outcome wanted, insert_new answers the key of each row it inserted; merge the key and whether it
// was inserted; patch the place of each row (from 1) that it changed.
enum class Outcome : std::uint8_t { ignored, wanted };
[[nodiscard]] Statement insert(const z4j_table& table, const z4j_rows& rows,
                               std::uint32_t& bad_row);
[[nodiscard]] Statement insert_new(const z4j_table& table, const z4j_rows& rows, Outcome outcome,
                                   std::uint32_t& bad_row);
[[nodiscard]] Statement merge(const z4j_table& table, const z4j_step& step, Outcome outcome,
                              std::uint32_t& bad_row);
[[nodiscard]] Statement patch(const z4j_table& table, const z4j_step& step, Outcome outcome,
                              std::uint32_t& bad_row);
// Locks the stored rows of a batch in the order of their keys, so that two batches wait for each
// other in one order only. Answers their keys.
[[nodiscard]] Statement lock_rows(const z4j_table& table, const z4j_rows& rows,
                                  std::uint32_t& bad_row);

[[nodiscard]] Statement update(const z4j_table& table, const z4j_step& step);
[[nodiscard]] Statement erase(const z4j_table& table, const z4j_step& step);
[[nodiscard]] Statement count(const z4j_table& table, const z4j_step& step);

}  // namespace z4j::sql::pg
