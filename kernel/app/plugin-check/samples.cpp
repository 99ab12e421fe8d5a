#include "samples.hpp"

#include <algorithm>
#include <array>

#include "base/ascii.hpp"
#include "config/schema.hpp"

namespace z4j::check {
namespace {

using json::Array;
using json::Object;
using json::Value;

Object parsed_schema(std::string_view schema_json) {
  const auto parsed = json::parse(schema_json);
  return parsed && parsed->is_object() ? parsed->get_object() : Object();
}

const Object& properties_of(const Object& schema) {
  static const Object none;
  const Object* found = json::object(schema, "properties");
  return found != nullptr ? *found : none;
}

bool is_required(const Object& schema, std::string_view name) {
  const Array* required = json::array(schema, "required");
  return required != nullptr &&
         std::any_of(required->begin(), required->end(),
                     [&](const Value& v) { return v.is_string() && v.get_string() == name; });
}

// Does the value pass its own part of the schema?
bool passes(const Object& node, const Value& value) {
  const Object whole{
      {"type", "object"}, {"required", Array{"x"}}, {"properties", Object{{"x", node}}}};
  return config::check_settings(json::write(whole), Object{{"x", value}}).problems.empty();
}

std::optional<Object> filled(const Object& node, std::mt19937_64* dice);

// Values worth a try, the likely ones first.
Array candidates(const Object& node, std::mt19937_64* dice) {
  Array out;
  if (const Value* v = node.if_contains("default")) out.push_back(*v);
  if (const Array* v = json::array(node, "examples")) out.insert(out.end(), v->begin(), v->end());
  if (const Array* v = json::array(node, "enum")) out.insert(out.end(), v->begin(), v->end());
  const std::string_view type = json::text(node, "type"), format = json::text(node, "format");
  for (const char* word :
       {"1s", "1MiB", "https://example.invalid/x", "0 6 * * *", "UTC", "a", "abc", "example", "1",
        "12345678", "example.invalid", "a@example.invalid", "/tmp", "12345:AbCd", "abcdefgh"}) {
    if (type == "string" || !format.empty()) out.emplace_back(word);
  }
  if (type == "string") {
    const auto least = static_cast<std::size_t>(
        std::clamp<std::int64_t>(json::integer(node, "minLength"), 0, 65'536));
    out.emplace_back(std::string(least, 'a'));
    out.emplace_back("");
  }
  if (type == "integer" || type == "number") {
    for (const char* bound : {"minimum", "maximum"}) {
      if (const Value* v = node.if_contains(bound)) out.push_back(*v);
    }
    out.emplace_back(1);
    out.emplace_back(0);
    out.emplace_back(0.5);
  }
  if (type == "boolean") {
    out.emplace_back(false);
    out.emplace_back(true);
  }
  if (type == "array") {
    out.emplace_back(Array());
    if (const Object* items = json::object(node, "items")) {
      Array list;
      for (const Value& v : candidates(*items, dice)) {
        if (passes(*items, v) && list.size() < 3) list.push_back(v);
      }
      out.emplace_back(std::move(list));
    }
  }
  if (type == "object") {
    if (auto inner = filled(node, dice)) out.emplace_back(std::move(*inner));
  }
  return out;
}

std::optional<Object> filled(const Object& node, std::mt19937_64* dice) {
  Object out;
  for (const auto& [name, value] : properties_of(node)) {
    const bool must = is_required(node, name);
    if (!value.is_object() || (!must && (dice == nullptr || (*dice)() % 2 == 0))) continue;
    Array good;
    for (const Value& v : candidates(value.get_object(), dice)) {
      if (passes(value.get_object(), v)) good.push_back(v);
      if (dice == nullptr && !good.empty()) break;
    }
    if (good.empty() && must) return std::nullopt;
    if (!good.empty()) out[name] = dice == nullptr ? good.front() : good[(*dice)() % good.size()];
  }
  return out;
}

std::string pointer_to(std::string_view name) {
  std::string out = "/";
  for (const char c : name) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

}  // namespace

std::optional<Object> sample_settings(std::string_view schema_json) {
  return filled(parsed_schema(schema_json), nullptr);
}

std::optional<Object> random_settings(std::string_view schema_json, std::mt19937_64& dice) {
  return filled(parsed_schema(schema_json), &dice);
}

std::vector<Spoiled> wrong_types(std::string_view schema_json, const Object& good) {
  std::vector<Spoiled> out;
  const Object schema = parsed_schema(schema_json);
  for (const auto& [name, node] : properties_of(schema)) {
    const std::array<Value, 5> kinds = {Value(true), Value(7), Value("seven"), Value(Array{1}),
                                        Value(Object{{"seven", 7}})};
    for (const Value& wrong : kinds) {
      if (!node.is_object() || passes(node.get_object(), wrong)) continue;
      Spoiled& spoiled = out.emplace_back(Spoiled{pointer_to(name), good});
      spoiled.settings[name] = wrong;
    }
  }
  return out;
}

std::vector<Spoiled> out_of_bounds(std::string_view schema_json, const Object& good) {
  std::vector<Spoiled> out;
  const Object schema = parsed_schema(schema_json);
  for (const auto& [name, value] : properties_of(schema)) {
    if (!value.is_object()) continue;
    const Object& node = value.get_object();
    Array wrong;
    const std::string_view type = json::text(node, "type");
    if (type == "integer" || type == "number") {
      wrong = {Value(INT64_MIN), Value(INT64_MAX), Value(1e300), Value(-1e300)};
    } else if (type == "string") {
      wrong = {Value(std::string(70'000, 'x')), Value(""), Value(std::string("a\0b", 3))};
    } else if (type == "array") {
      Array many;
      for (int i = 0; i < 10'001; ++i) many.emplace_back("x");
      wrong = {Value(std::move(many))};
    }
    for (const Value& each : wrong) {
      if (passes(node, each)) continue;
      Spoiled& spoiled = out.emplace_back(Spoiled{pointer_to(name), good});
      spoiled.settings[name] = each;
    }
  }
  return out;
}

Secrets secrets_of(std::string_view schema_json) {
  Secrets out;
  const Object schema = parsed_schema(schema_json);
  for (const auto& [name, value] : properties_of(schema)) {
    if (!value.is_object()) continue;
    const std::string lower = base::ascii_lower(name);
    const bool sounds =
        lower.find("password") != std::string::npos || lower.find("passwd") != std::string::npos ||
        lower.find("secret") != std::string::npos || lower.find("api_key") != std::string::npos ||
        lower == "token" || lower.ends_with("_token");
    if (json::boolean(value.get_object(), "x-z4j-secret")) {
      out.marked.emplace_back(name);
    } else if (sounds && json::text(value.get_object(), "type") == "string") {
      out.unmarked.emplace_back(name);
    }
  }
  return out;
}

}  // namespace z4j::check
