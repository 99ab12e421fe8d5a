// Is what the kernel hands to a storage driver well formed? Every driver asks before it acts.
//
// All functions throw z4j::Error: Z4J_INVALID with what is wrong and where (a JSON pointer into the
// request), Z4J_TOO_LARGE above a ceiling, Z4J_DENIED for a change of an append-only table. They
// read only; any thread. Source: z4j/abi.h section 5.
#pragma once

#include <z4j/storage.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::store {

inline constexpr std::uint32_t kMaxValues = 16384;  // values of one predicate list
inline constexpr std::uint32_t kMaxNoticeBytes = 4000;
// 24 November 4714 BC, before which PostgreSQL has no time but minus infinity. Rows hold nothing
// earlier in any store, so that what one keeps another can take; the smallest number is allowed.
inline constexpr std::int64_t kFirstTimeUs = -210866803200000000 + 946684800000000;

void check_schema(const z4j_schema& schema);
// bad_row is set when the fault lies in one row.
void check_step(const z4j_schema& schema, const z4j_step& step, std::uint32_t commit_flags,
                const std::string& where, std::uint32_t& bad_row);
void check_query(const z4j_schema& schema, const z4j_query& query);

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

}  // namespace z4j::store
