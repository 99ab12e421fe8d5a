// PostgreSQL's binary formats: what the parameters of a statement carry and what an answer holds.
//
// Pure functions, any thread. Times here are UTC microseconds since 1970, as in z4j/abi.h.
// PostgreSQL counts from 2000 and knows nothing before 4714 BC but minus infinity, which stands for
// the smallest number.
#pragma once

#include <z4j/abi.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <z4j/storage_check.hpp>

namespace z4j::sql::pg {

// Object ids of built-in types; the same in every server.
inline constexpr std::uint32_t kBool = 16, kBytea = 17, kInt8 = 20, kInt4 = 23, kText = 25,
                               kFloat8 = 701, kTimestamptz = 1184, kInterval = 1186, kUuid = 2950,
                               kJsonb = 3802;
inline constexpr std::uint32_t kTextArray = 1009, kJsonbArray = 3807;

inline constexpr std::int64_t kEpochUs = 946684800000000;  // 2000-01-01 in microseconds since 1970
using store::kFirstTimeUs;

// One parameter. `bytes` is empty when null.
struct Param {
  std::uint32_t oid = 0;
  bool null = false;
  std::string bytes;
};

// By Z4J_T_*.
[[nodiscard]] std::uint32_t oid_of(std::uint16_t type);
[[nodiscard]] std::uint32_t array_oid_of(std::uint16_t type);

// A value for a column of that type; Z4J_V_NULL is null. A time before PostgreSQL's first becomes
// minus infinity, which compares right.
[[nodiscard]] Param value_param(const z4j_value& v, std::uint16_t type);
// The values that are not null, as one array.
[[nodiscard]] Param values_param(const z4j_value* values, std::uint32_t count, std::uint16_t type);
[[nodiscard]] Param int_param(std::int64_t n);
[[nodiscard]] Param text_param(std::string_view text);
[[nodiscard]] Param texts_param(const std::vector<std::string>& texts);
[[nodiscard]] Param interval_param(std::int64_t us);
[[nodiscard]] Param time_param(std::int64_t us);
// Texts of JSON values.
[[nodiscard]] Param json_param(std::string_view json);
[[nodiscard]] Param jsons_param(const std::vector<std::string>& jsons);

// All cells of one column as one array. Throws z4j::Error (Z4J_INVALID) for a time that PostgreSQL
// cannot hold and says in bad_row where.
[[nodiscard]] Param column_param(const z4j_col& col, std::uint16_t type, std::uint32_t rows,
                                 std::uint32_t& bad_row);
// How one cell of it looks in an answer; for finding rows again.
[[nodiscard]] std::string cell_bytes(const z4j_col& col, std::uint16_t type, std::uint32_t row);

// The text of a jsonb without the blanks PostgreSQL puts between its parts.
[[nodiscard]] std::string compact_json(std::string_view text);

// Big-endian numbers of an answer.
[[nodiscard]] std::int64_t read_int8(const char* at) noexcept;
[[nodiscard]] std::int64_t read_time(const char* at) noexcept;  // since 1970
[[nodiscard]] std::int32_t read_int4(const char* at) noexcept;
[[nodiscard]] double read_float8(const char* at) noexcept;

}  // namespace z4j::sql::pg
