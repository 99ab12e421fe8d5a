// A JSON pointer (RFC 6901) into the text of a JSON column, and comparing what stands there.
//
// Pure functions, any thread. Text that is not JSON holds nothing. A value equals a JSON scalar of
// its own kind only: a number a number (3 equals 3.0; true and false are 1 and 0, as in BOOL
// columns), a text a string.
#pragma once

#include <z4j/abi.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace z4j::store {

struct JsonScalar {
  enum class Kind : std::uint8_t {
    absent /* or null */,
    number,
    real,
    text,
    other /* array, object */
  };
  Kind kind = Kind::absent;
  std::int64_t num = 0;
  double real = 0;
  std::string text;
};

[[nodiscard]] JsonScalar json_at(std::string_view json, std::string_view pointer);

// Does the array there (pointer "" is the whole) hold any of the values?
[[nodiscard]] bool json_has(std::string_view json, std::string_view pointer,
                            const z4j_value* values, std::uint32_t count);

// Exact, also between integers and reals. Below, equal, above zero.
[[nodiscard]] int compare_numbers(std::int64_t a, std::int64_t b) noexcept;
[[nodiscard]] int compare_numbers(std::int64_t a, double b) noexcept;
[[nodiscard]] int compare_numbers(double a, double b) noexcept;

}  // namespace z4j::store
