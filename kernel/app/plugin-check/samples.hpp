// Settings made from a schema: good ones, and ones that are wrong in one place.
#pragma once

#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace z4j::check {

namespace json = base::json;

// What the schema requires and nothing else. None: no value was found that passes (say a pattern).
[[nodiscard]] std::optional<json::Object> sample_settings(std::string_view schema_json);

// By the dice, any settings inside the schema. None as above.
[[nodiscard]] std::optional<json::Object> random_settings(std::string_view schema_json,
                                                          std::mt19937_64& dice);

struct Spoiled {
  std::string where;  // JSON pointer
  json::Object settings;
};
// `good` with each setting in turn of a type that it has not.
[[nodiscard]] std::vector<Spoiled> wrong_types(std::string_view schema_json,
                                               const json::Object& good);
// The same with a number, a length or a word outside of what the schema allows.
[[nodiscard]] std::vector<Spoiled> out_of_bounds(std::string_view schema_json,
                                                 const json::Object& good);

// Names of the settings that are marked as secrets, and of those that only sound like one.
struct Secrets {
  std::vector<std::string> marked, unmarked;
};
[[nodiscard]] Secrets secrets_of(std::string_view schema_json);

}  // namespace z4j::check
