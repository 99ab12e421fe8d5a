#include "config/schema.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace z4j::config {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::Value;
namespace js = base::json;

constexpr std::string_view kKeywords[] = {"type", "properties", "required", "additionalProperties", "enum", "minimum", "maximum", "minLength",
                                          "maxLength", "items", "default", "description", "examples", "format", "x-z4j-secret", "title"};
constexpr std::string_view kTypes[] = {"object", "string", "integer", "number", "boolean", "array"};

template <class List>
bool is_one_of(std::string_view word, const List& list) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

base::Error schema_error(std::string where, std::string message) {
  return base::Error{.code = base::Code::invalid, .message = std::move(message), .where = std::move(where), .hint = {}};
}

base::Status check_node(const Value& node, const std::string& where, int depth) {
  if (!node.is_object() || depth > 8) return schema_error(where, "a schema is an object, at most 8 deep");
  const Object& o = node.get_object();
  for (const auto& member : o) {
    if (!is_one_of(std::string_view(member.key()), kKeywords)) return schema_error(where, "unknown keyword \"" + std::string(member.key()) + "\"");
  }
  if (!is_one_of(js::text(o, "type"), kTypes)) return schema_error(where, "type must be one of object, string, integer, number, boolean, array");
  if (const Object* properties = js::object(o, "properties")) {
    for (const auto& property : *properties) {
      if (auto good = check_node(property.value(), where + "/" + std::string(property.key()), depth + 1); !good) return good;
    }
  }
  if (const Value* items = o.if_contains("items")) return check_node(*items, where + "/items", depth + 1);
  return {};
}

std::string kind_of(const Value& v) {
  if (v.is_string()) return "text";
  if (v.is_bool()) return "true or false";
  if (v.is_number()) return "a number";
  if (v.is_array()) return "a list";
  if (v.is_object()) return "a table";
  return "nothing";
}

std::string expectation(const Object& schema) {
  const std::string_view type = js::text(schema, "type");
  if (const Array* words = js::array(schema, "enum")) {
    std::string out = "one of";
    for (const Value& word : *words) out += " " + js::write(word);
    return out;
  }
  if (type == "integer" || type == "number") {
    std::string out = type == "integer" ? "a whole number" : "a number";
    if (const Value* low = schema.if_contains("minimum")) out += " from " + js::write(*low);
    if (const Value* high = schema.if_contains("maximum")) out += " to " + js::write(*high);
    return out;
  }
  if (type == "boolean") return "true or false";
  if (type == "array") return "a list";
  if (type == "object") return "a table";
  const std::string_view format = js::text(schema, "format");
  if (format == "duration") return "a duration such as \"5s\"";
  if (format == "bytes") return "a size such as \"64MiB\"";
  if (format == "uri") return "a URL";
  return "text";
}

class Checker {
 public:
  explicit Checker(std::vector<Problem>& problems) : problems_(problems) {}

  Value check(const Object& schema, const Value& value, const std::string& where) {
    const std::string_view type = js::text(schema, "type");
    if (type == "object") return value.is_object() ? Value(object(schema, value.get_object(), where)) : wrong(schema, value, where);
    if (type == "array") {
      if (!value.is_array()) return wrong(schema, value, where);
      const Value* items = schema.if_contains("items");
      Array out;
      for (std::size_t i = 0; i < value.get_array().size(); ++i) {
        const Value& item = value.get_array()[i];
        out.push_back(items != nullptr ? check(items->get_object(), item, where + "/" + std::to_string(i)) : item);
      }
      return out;
    }
    if (type == "boolean") return value.is_bool() ? value : wrong(schema, value, where);
    if (type == "integer" || type == "number") return number(schema, value, where, type == "integer");
    return text(schema, value, where);
  }

  Object object(const Object& schema, const Object& given, const std::string& where) {
    const Object* properties = js::object(schema, "properties");
    static const Object kNone;
    const Object& known = properties != nullptr ? *properties : kNone;
    Object out;
    for (const auto& member : given) {
      const std::string key(member.key());
      const Value* property = known.if_contains(key);
      if (property != nullptr) {
        out[key] = check(property->get_object(), member.value(), where + "/" + key);
      } else if (js::boolean(schema, "additionalProperties")) {
        out[key] = member.value();
      } else {
        std::vector<std::string> names;
        for (const auto& p : known) names.emplace_back(p.key());
        const std::string near = nearest(key, names);
        problems_.push_back(Problem{where + "/" + key, "unknown setting", {}, near.empty() ? std::string() : "did you mean \"" + near + "\"?"});
      }
    }
    for (const auto& property : known) {
      if (out.contains(property.key()) || given.contains(property.key())) continue;
      const Object& p = property.value().get_object();
      if (const Value* fallback = p.if_contains("default")) out[property.key()] = check(p, *fallback, where + "/" + std::string(property.key()));
    }
    if (const Array* required = js::array(schema, "required")) {
      for (const Value& name : *required) {
        if (!name.is_string() || given.contains(name.get_string())) continue;
        const Value* property = known.if_contains(name.get_string());
        const std::string meaning = property != nullptr ? std::string(js::text(property->get_object(), "description")) : std::string();
        problems_.push_back(Problem{where + "/" + std::string(name.get_string()), "is missing", meaning, {}});
      }
    }
    return out;
  }

 private:
  Value wrong(const Object& schema, const Value& value, const std::string& where) {
    const bool secret = js::boolean(schema, "x-z4j-secret");
    std::string shown = secret ? std::string() : js::write(value).substr(0, 80);
    problems_.push_back(Problem{where, secret ? "is " + kind_of(value) : "is " + shown, "must be " + expectation(schema), {}});
    return nullptr;
  }

  Value number(const Object& schema, const Value& value, const std::string& where, bool whole) {
    if (!value.is_number() || (whole && value.is_double())) return wrong(schema, value, where);
    const double n = value.is_double() ? value.get_double() : value.is_int64() ? static_cast<double>(value.get_int64()) : static_cast<double>(value.get_uint64());
    if (!std::isfinite(n) || (schema.contains("minimum") && n < js::number(schema, "minimum")) || (schema.contains("maximum") && n > js::number(schema, "maximum"))) {
      return wrong(schema, value, where);
    }
    return value;
  }

  Value text(const Object& schema, const Value& value, const std::string& where) {
    const std::string_view format = js::text(schema, "format");
    if ((format == "duration" || format == "bytes") && (value.is_string() || value.is_number())) {
      const std::string given = value.is_string() ? std::string(value.get_string()) : js::write(value);
      const auto parsed = format == "duration" ? parse_duration_ms(given) : parse_byte_count(given);
      return parsed ? Value(*parsed) : wrong(schema, value, where);
    }
    if (!value.is_string()) return wrong(schema, value, where);
    const auto size = static_cast<std::int64_t>(value.get_string().size());
    if (size < js::integer(schema, "minLength") || size > js::integer(schema, "maxLength", 65'536)) return wrong(schema, value, where);
    if (const Array* words = js::array(schema, "enum"); words != nullptr && std::find(words->begin(), words->end(), value) == words->end()) return wrong(schema, value, where);
    if (format == "uri" && std::string_view(value.get_string()).find("://") == std::string_view::npos) return wrong(schema, value, where);
    return value;
  }

  std::vector<Problem>& problems_;
};

struct Unit {
  std::string_view name;
  double factor;
};

base::Result<std::int64_t> with_unit(std::string_view text, const Unit* units, std::size_t count, double bare, const char* expected) {
  const base::Error bad{.code = base::Code::invalid, .message = "\"" + std::string(text.substr(0, 40)) + "\" is not " + expected, .where = {}, .hint = {}};
  double number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc() || number < 0) return bad;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  double factor = unit.empty() ? bare : 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (units[i].name == unit) factor = units[i].factor;
  }
  if (factor == 0 || number * factor > 9e15) return bad;
  return static_cast<std::int64_t>(std::llround(number * factor));
}

}  // namespace

base::Status check_schema(std::string_view schema_json) {
  auto parsed = js::parse(schema_json);
  if (!parsed) return parsed.error();
  if (auto good = check_node(*parsed, "", 0); !good) return good;
  if (js::text(parsed->get_object(), "type") != "object") return schema_error("", "the outermost type must be object");
  return {};
}

Checked check_settings(std::string_view schema_json, const Object& settings) {
  Checked out;
  auto schema = js::parse(schema_json);
  if (!schema || !schema->is_object()) {
    out.problems.push_back(Problem{"", "the plugin's schema is not usable", {}, {}});
    return out;
  }
  out.value = Checker(out.problems).object(schema->get_object(), settings, "");
  return out;
}

base::Result<std::int64_t> parse_duration_ms(std::string_view text) {
  static constexpr std::array<Unit, 5> kUnits{{{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
  return with_unit(text, kUnits.data(), kUnits.size(), 1000, "a duration such as \"5s\"");
}

base::Result<std::int64_t> parse_byte_count(std::string_view text) {
  static constexpr std::array<Unit, 7> kUnits{{{"B", 1}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}}};
  return with_unit(text, kUnits.data(), kUnits.size(), 1, "a size such as \"64MiB\"");
}

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() > 64) return {};
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    if (candidate.size() > 64) continue;
    std::vector<std::size_t> row(candidate.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j < row.size(); ++j) {
        const std::size_t above = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (word[i - 1] == candidate[j - 1] ? 0u : 1u)});
        diagonal = above;
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

std::string describe(std::string_view schema_json) {
  auto schema = js::parse(schema_json);
  if (!schema || !schema->is_object()) return {};
  const Object* properties = js::object(schema->get_object(), "properties");
  if (properties == nullptr || properties->empty()) return "  (no settings)\n";
  std::string out;
  for (const auto& property : *properties) {
    const Object& p = property.value().get_object();
    out += "  " + std::string(property.key()) + "  " + expectation(p);
    if (const Value* fallback = p.if_contains("default")) out += ", default " + js::write(*fallback);
    out += "\n      " + std::string(js::text(p, "description")) + "\n";
  }
  return out;
}

}  // namespace z4j::config
