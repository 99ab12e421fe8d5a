// Reading cells of a z4j_rows. The rows have passed check_step().
#pragma once

#include <z4j/abi.h>

#include <cstdint>
#include <string_view>

namespace z4j::store {

[[nodiscard]] inline bool has_value(const z4j_col& col, std::uint32_t row) noexcept {
  return col.valid == nullptr || ((col.valid[row / 8] >> (row % 8)) & 1) != 0;
}

[[nodiscard]] inline std::int64_t num_at(const z4j_col& col, std::uint32_t row) noexcept {
  return static_cast<const std::int64_t*>(col.data)[row];
}

[[nodiscard]] inline double real_at(const z4j_col& col, std::uint32_t row) noexcept {
  return static_cast<const double*>(col.data)[row];
}

// Text, bytes, JSON, and the 16 bytes of a UUID. Never a null pointer.
[[nodiscard]] inline std::string_view bytes_at(const z4j_col& col, std::uint32_t row) noexcept {
  if (col.form == Z4J_FORM_16)
    return {static_cast<const char*>(col.data) + std::size_t{row} * 16, 16};
  const std::uint32_t i =
      col.form == Z4J_FORM_DICT ? static_cast<const std::uint32_t*>(col.data)[row] : row;
  const std::uint32_t from = col.text.offsets[i];
  const std::uint32_t to = col.text.offsets[i + 1];
  return from == to ? std::string_view("", 0) : std::string_view(col.text.data + from, to - from);
}

}  // namespace z4j::store
