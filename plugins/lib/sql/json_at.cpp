#include "lib/sql/json_at.hpp"

#include <z4j/plugin.hpp>

#include "lib/json/json.hpp"

namespace z4j::store {
namespace {

// A step down; null when there is none.
const json::Value* json_child(const json::Value& from, const std::string& segment) {
  if (const json::Object* object = from.if_object()) return object->if_contains(segment);
  const json::Array* array = from.if_array();
  if (array == nullptr || segment.empty() || segment.size() > 9) return nullptr;
  if (segment.find_first_not_of("0123456789") != std::string::npos) return nullptr;
  if (segment.size() > 1 && segment[0] == '0') return nullptr;
  const std::size_t index = std::stoul(segment);
  return index < array->size() ? &(*array)[index] : nullptr;
}

const json::Value* json_down(const json::Value& root, std::string_view pointer) {
  const json::Value* at = &root;
  while (at != nullptr && !pointer.empty()) {
    pointer.remove_prefix(1);
    const std::size_t end = std::min(pointer.find('/'), pointer.size());
    std::string segment;
    for (std::size_t i = 0; i < end; ++i) {
      if (pointer[i] == '~' && i + 1 < end) {
        segment += pointer[++i] == '1' ? '/' : '~';
      } else {
        segment += pointer[i];
      }
    }
    pointer.remove_prefix(end);
    at = json_child(*at, segment);
  }
  return at;
}

JsonScalar json_scalar(const json::Value& v) {
  using Kind = JsonScalar::Kind;
  JsonScalar out;
  if (v.is_null()) return out;
  if (v.is_bool()) {
    out.kind = Kind::number;
    out.num = v.get_bool() ? 1 : 0;
  } else if (v.is_int64()) {
    out.kind = Kind::number;
    out.num = v.get_int64();
  } else if (v.is_uint64()) {
    out.kind = Kind::real;
    out.real = static_cast<double>(v.get_uint64());
  } else if (v.is_double()) {
    out.kind = Kind::real;
    out.real = v.get_double();
  } else if (v.is_string()) {
    out.kind = Kind::text;
    out.text.assign(v.get_string().data(), v.get_string().size());
  } else {
    out.kind = Kind::other;
  }
  return out;
}

bool json_equals(const JsonScalar& at, const z4j_value& v) {
  switch (v.kind) {
    case Z4J_V_NUM:
      if (at.kind == JsonScalar::Kind::number) return at.num == v.num;
      return at.kind == JsonScalar::Kind::real && compare_numbers(v.num, at.real) == 0;
    case Z4J_V_REAL:
      if (at.kind == JsonScalar::Kind::number) return compare_numbers(at.num, v.real) == 0;
      return at.kind == JsonScalar::Kind::real && at.real == v.real;
    case Z4J_V_TEXT:
      return at.kind == JsonScalar::Kind::text && at.text == view(v.text);
    default:
      return false;
  }
}

}  // namespace

JsonScalar json_at(std::string_view text, std::string_view pointer) try {
  const json::Value root = json::parse(text);
  const json::Value* at = json_down(root, pointer);
  return at != nullptr ? json_scalar(*at) : JsonScalar{};
} catch (const Error&) {
  return {};
}

bool json_has(std::string_view text, std::string_view pointer, const z4j_value* values,
              std::uint32_t count) try {
  const json::Value root = json::parse(text);
  const json::Value* at = json_down(root, pointer);
  const json::Array* array = at != nullptr ? at->if_array() : nullptr;
  if (array == nullptr) return false;
  for (const json::Value& item : *array) {
    const JsonScalar scalar = json_scalar(item);
    for (std::uint32_t i = 0; i < count; ++i) {
      if (json_equals(scalar, values[i])) return true;
    }
  }
  return false;
} catch (const Error&) {
  return false;
}

int compare_numbers(std::int64_t a, std::int64_t b) noexcept { return a < b ? -1 : a > b ? 1 : 0; }

int compare_numbers(std::int64_t a, double b) noexcept {
  // 2^63 is a double, and any double below it in size has an exact integer part.
  if (b >= 9223372036854775808.0) return -1;
  if (b < -9223372036854775808.0) return 1;
  const auto whole = static_cast<std::int64_t>(b);
  if (a != whole) return a < whole ? -1 : 1;
  const double rest = b - static_cast<double>(whole);
  return rest > 0 ? -1 : rest < 0 ? 1 : 0;
}

int compare_numbers(double a, double b) noexcept { return a < b ? -1 : a > b ? 1 : 0; }

}  // namespace z4j::store
