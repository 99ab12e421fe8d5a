#include "config/schema.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "config/schema_values.hpp"
#include "config/setting_table.hpp"
#include "config/toml_source.hpp"

namespace z4j::config {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::Value;
namespace js = base::json;

constexpr std::size_t kMaxSchemaBytes = 256 * 1024;
constexpr int kMaxSchemaDepth = 8;
constexpr std::size_t kMaxProperties = 200, kMaxPropertyName = 64, kMaxItems = 10'000,
                      kMaxPattern = 512;
constexpr std::int64_t kMaxCharacters = 65'536;
constexpr std::string_view kFormats[] = {"uri", "duration", "bytes", "cron", "timezone"};
constexpr std::string_view kTypes[] = {"object", "string", "integer", "number", "boolean", "array"};

// Where a keyword may stand, one letter a type; measured: also a duration or a size.
struct Keyword {
  std::string_view name, types;
};
constexpr Keyword kKeywords[] = {{"type", "osinba"},
                                 {"title", "osinba"},
                                 {"description", "osinba"},
                                 {"default", "osinba"},
                                 {"examples", "osinba"},
                                 {"properties", "o"},
                                 {"required", "o"},
                                 {"additionalProperties", "o"},
                                 {"items", "a"},
                                 {"enum", "sin"},
                                 {"minimum", "sin"},
                                 {"maximum", "sin"},
                                 {"minLength", "s"},
                                 {"maxLength", "s"},
                                 {"pattern", "s"},
                                 {"format", "sin"},
                                 {"x-z4j-secret", "s"}};

template <class List>
bool is_one_of(std::string_view word, const List& list) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

base::Error schema_error(std::string where, std::string message, std::string hint = {}) {
  return base::Error{.code = base::Code::invalid,
                     .message = std::move(message),
                     .where = std::move(where),
                     .hint = std::move(hint)};
}

bool is_measured(const Object& schema) {
  const std::string_view format = js::text(schema, "format");
  return format == "duration" || format == "bytes";
}

std::int64_t characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; });
}

RE2::Options pattern_options() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  return options;
}

double as_double(const Value& v) {
  return v.is_double()  ? v.get_double()
         : v.is_int64() ? static_cast<double>(v.get_int64())
                        : static_cast<double>(v.get_uint64());
}

std::string kind_of(const Value& v) {
  if (v.is_string()) return "text";
  if (v.is_bool()) return "true or false";
  if (v.is_number()) return "a number";
  if (v.is_array()) return "a list";
  if (v.is_object()) return "a table";
  return "nothing";
}

std::string bounds_of(const Object& schema, const char* unit) {
  std::string out;
  if (const Value* low = schema.if_contains("minimum")) out += " from " + js::write(*low) + unit;
  if (const Value* high = schema.if_contains("maximum")) out += " to " + js::write(*high) + unit;
  return out;
}

std::string expectation(const Object& schema) {
  const std::string_view type = js::text(schema, "type");
  const std::string_view format = js::text(schema, "format");
  if (const Array* words = js::array(schema, "enum")) {
    std::string out = "one of";
    for (const Value& word : *words) out += " " + js::write(word);
    return out;
  }
  if (format == "duration") return "a duration such as \"5s\"" + bounds_of(schema, " ms");
  if (format == "bytes") return "a size such as \"64MiB\"" + bounds_of(schema, " bytes");
  if (type == "integer" || type == "number")
    return (type == "integer" ? "a whole number" : "a number") + bounds_of(schema, "");
  if (type == "boolean") return "true or false";
  if (type == "array") {
    const Object* items = js::object(schema, "items");
    return items == nullptr ? "a list" : "a list, each " + expectation(*items);
  }
  if (type == "object") return "a table";
  if (format == "uri") return "a URL";
  if (format == "cron") return "a cron line such as \"0 6 * * 1-5\"";
  if (format == "timezone") return "a time zone such as \"Europe/Berlin\"";
  std::string out = "text";
  if (const std::int64_t least = js::integer(schema, "minLength"); least > 0)
    out += " of at least " + std::to_string(least) + (least == 1 ? " character" : " characters");
  if (schema.contains("maxLength"))
    out += " of at most " + std::to_string(js::integer(schema, "maxLength")) + " characters";
  if (schema.contains("pattern")) out += " like " + std::string(js::text(schema, "pattern"));
  return out;
}

// A node that check_node has passed holds what the code below reads from it.
class SettingsChecker {
 public:
  explicit SettingsChecker(std::vector<Problem>& problems) : problems_(problems) {}

  Value check(const Object& schema, const Value& value, const std::string& where) {
    const std::string_view type = js::text(schema, "type");
    if (is_measured(schema)) return measured(schema, value, where);
    if (type == "object")
      return value.is_object() ? Value(object(schema, value.get_object(), where))
                               : wrong(schema, value, where);
    if (type == "array") {
      if (!value.is_array() || value.get_array().size() > kMaxItems)
        return wrong(schema, value, where);
      const Object* items = js::object(schema, "items");
      Array out;
      std::size_t i = 0;
      for (const Value& item : value.get_array()) {
        const std::string at = where + "/" + std::to_string(i++);
        out.push_back(items != nullptr ? check(*items, item, at) : item);
      }
      return out;
    }
    if (type == "boolean") return value.is_bool() ? value : wrong(schema, value, where);
    if (type == "integer" || type == "number")
      return number(schema, value, where, type == "integer");
    return text(schema, value, where);
  }

  Object object(const Object& schema, const Object& given, const std::string& where) {
    const Object* properties = js::object(schema, "properties");
    static const Object kNone;
    const Object& known = properties != nullptr ? *properties : kNone;
    const Object* others = js::object(schema, "additionalProperties");
    Object out;
    for (const auto& member : given) {
      const std::string key(member.key());
      const std::string at = where + pointer_step(key);
      if (const Object* property = js::object(known, key)) {
        out[key] = check(*property, member.value(), at);
      } else if (others != nullptr) {
        out[key] = check(*others, member.value(), at);
      } else if (js::boolean(schema, "additionalProperties")) {
        out[key] = member.value();
      } else {
        std::vector<std::string> names;
        for (const auto& p : known) names.emplace_back(p.key());
        const std::string near = nearest(key, names);
        problems_.push_back(
            Problem{at,
                    "unknown setting",
                    {},
                    near.empty() ? std::string() : "did you mean \"" + near + "\"?"});
      }
    }
    const Array* required = js::array(schema, "required");
    for (const auto& property : known) {
      if (given.contains(property.key())) continue;
      const Object& p = property.value().get_object();
      const std::string at = where + pointer_step(property.key());
      if (const Value* fallback = p.if_contains("default")) {
        out[property.key()] = check(p, *fallback, at);
      } else if (required != nullptr && std::find(required->begin(), required->end(),
                                                  Value(property.key())) != required->end()) {
        problems_.push_back(Problem{at, "is missing", std::string(js::text(p, "description")), {}});
      } else if (js::text(p, "type") == "object") {
        // A table that nobody wrote has its members' defaults, unless it needs something said.
        std::vector<Problem> unsaid;
        Object filled = SettingsChecker(unsaid).object(p, {}, at);
        if (unsaid.empty() && !filled.empty()) out[property.key()] = std::move(filled);
      }
    }
    return out;
  }

 private:
  Value wrong(const Object& schema, const Value& value, const std::string& where) {
    const bool secret = js::boolean(schema, "x-z4j-secret");
    problems_.push_back(Problem{where,
                                "is " + (secret ? kind_of(value) + ", not shown" : shown(value)),
                                "must be " + expectation(schema),
                                {}});
    return nullptr;
  }

  static bool in_bounds(const Object& schema, double n) {
    const Value* low = schema.if_contains("minimum");
    const Value* high = schema.if_contains("maximum");
    return std::isfinite(n) && (low == nullptr || n >= as_double(*low)) &&
           (high == nullptr || n <= as_double(*high));
  }

  static bool in_enum(const Object& schema, const Value& value) {
    const Array* words = js::array(schema, "enum");
    return words == nullptr || std::find(words->begin(), words->end(), value) != words->end();
  }

  Value number(const Object& schema, const Value& value, const std::string& where, bool whole) {
    if (!value.is_number() || !in_bounds(schema, as_double(value)) || !in_enum(schema, value))
      return wrong(schema, value, where);
    if (!whole || !value.is_double()) return value;
    const double n = value.get_double();
    if (n != std::floor(n) || std::fabs(n) > 9e15) return wrong(schema, value, where);
    return static_cast<std::int64_t>(n);
  }

  Value measured(const Object& schema, const Value& value, const std::string& where) {
    if (!value.is_string() && !value.is_number()) return wrong(schema, value, where);
    std::string given;
    if (value.is_double())
      js::append_float(given, std::isfinite(value.get_double()) ? value.get_double() : -1);
    else
      given = value.is_string() ? std::string(value.get_string()) : js::write(value);
    const auto parsed = js::text(schema, "format") == "duration" ? parse_duration_ms(given)
                                                                 : parse_byte_count(given);
    return parsed && in_bounds(schema, static_cast<double>(*parsed)) ? Value(*parsed)
                                                                     : wrong(schema, value, where);
  }

  Value text(const Object& schema, const Value& value, const std::string& where) {
    if (!value.is_string()) return wrong(schema, value, where);
    const std::string_view given = value.get_string();
    if (js::boolean(schema, "x-z4j-secret") && given.rfind("secret:", 0) == 0) {
      const std::string_view name = given.substr(7);
      const bool good = !name.empty() && name.size() <= 128 && name.front() != '.' &&
                        std::all_of(name.begin(), name.end(), [](char c) {
                          return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ||
                                 c == '-' || c == '.';
                        });
      if (good) return value;
      problems_.push_back(Problem{where,
                                  "is not a good reference",
                                  "must be secret:NAME with a variable's or a file's name",
                                  {}});
      return nullptr;
    }
    const std::int64_t length = characters(given);
    if (length < js::integer(schema, "minLength") ||
        length > js::integer(schema, "maxLength", kMaxCharacters) || !in_enum(schema, value))
      return wrong(schema, value, where);
    const std::string_view format = js::text(schema, "format");
    // An empty text is how an optional setting is left open.
    const bool open = given.empty() && js::integer(schema, "minLength") == 0;
    if ((format == "uri" && !open && !is_uri(given)) ||
        (format == "cron" && !open && !is_cron(given)) ||
        (format == "timezone" && !open && !is_timezone(given))) {
      return wrong(schema, value, where);
    }
    if (const std::string_view pattern = js::text(schema, "pattern"); !pattern.empty()) {
      if (!RE2::PartialMatch(
              re2::StringPiece(given.data(), given.size()),
              RE2(re2::StringPiece(pattern.data(), pattern.size()), pattern_options())))
        return wrong(schema, value, where);
    }
    return value;
  }

  std::vector<Problem>& problems_;
};

base::Status check_node(const Value& node, const std::string& where, int depth);

base::Status check_range(const Object& o, const std::string& where, const char* low,
                         const char* high, bool length) {
  for (const char* key : {low, high}) {
    const Value* v = o.if_contains(key);
    if (v == nullptr) continue;
    const bool good = length
                          ? v->is_int64() && v->get_int64() >= 0 && v->get_int64() <= kMaxCharacters
                          : v->is_number() && std::isfinite(as_double(*v));
    if (!good)
      return schema_error(where + "/" + key,
                          length ? "must be a whole number from 0 to 65536" : "must be a number");
  }
  if (o.contains(low) && o.contains(high) && as_double(o.at(low)) > as_double(o.at(high)))
    return schema_error(where + "/" + low, "is above " + std::string(high));
  return {};
}

base::Status check_object_node(const Object& o, const std::string& where, int depth) {
  static const Object kNone;
  const Object* properties = &kNone;
  if (const Value* v = o.if_contains("properties")) {
    if (!v->is_object() || v->get_object().size() > kMaxProperties)
      return schema_error(where + "/properties", "must be an object of at most 200 members");
    properties = &v->get_object();
    for (const auto& property : *properties) {
      const std::string at = where + "/properties" + pointer_step(property.key());
      if (property.key().empty() || property.key().size() > kMaxPropertyName)
        return schema_error(at, "must have a name of 1 to 64 bytes");
      if (auto good = check_node(property.value(), at, depth + 1); !good) return good;
    }
  }
  if (const Value* v = o.if_contains("additionalProperties")) {
    if (!v->is_bool()) {
      if (auto good = check_node(*v, where + "/additionalProperties", depth + 1); !good)
        return good;
    }
  }
  if (const Value* v = o.if_contains("required")) {
    if (!v->is_array()) return schema_error(where + "/required", "must be a list of names");
    for (const Value& name : v->get_array()) {
      if (!name.is_string() || !properties->contains(name.get_string()))
        return schema_error(where + "/required", "names something that is not in properties");
    }
  }
  return {};
}

base::Status check_text_node(const Object& o, const std::string& where) {
  if (const Value* v = o.if_contains("pattern")) {
    if (!v->is_string() || v->get_string().size() > kMaxPattern)
      return schema_error(where + "/pattern", "must be text of at most 512 bytes");
    const RE2 pattern(re2::StringPiece(v->get_string().data(), v->get_string().size()),
                      pattern_options());
    if (!pattern.ok())
      return schema_error(where + "/pattern", "is not an RE2 pattern: " + pattern.error());
  }
  if (const Value* v = o.if_contains("x-z4j-secret")) {
    if (!v->is_bool()) return schema_error(where + "/x-z4j-secret", "must be true or false");
    const Value* fallback = o.if_contains("default");
    if (v->get_bool() && fallback != nullptr && *fallback != Value(""))
      return schema_error(where + "/default",
                          "must not be there: a secret has no default but \"\"");
  }
  return check_range(o, where, "minLength", "maxLength", true);
}

// Do the schema's own values pass it?
base::Status check_own_values(const Object& o, const std::string& where) {
  std::vector<Problem> problems;
  SettingsChecker checker(problems);
  if (const Value* v = o.if_contains("enum")) {
    if (!v->is_array() || v->get_array().empty())
      return schema_error(where + "/enum", "must be a list with something in it");
    for (const Value& word : v->get_array()) checker.check(o, word, where + "/enum");
  }
  if (const Value* v = o.if_contains("default")) checker.check(o, *v, where + "/default");
  if (const Value* v = o.if_contains("examples")) {
    if (!v->is_array()) return schema_error(where + "/examples", "must be a list");
    for (const Value& example : v->get_array()) checker.check(o, example, where + "/examples");
  }
  if (problems.empty()) return {};
  return schema_error(problems[0].where, "does not pass its own schema: " + problems[0].message +
                                             "; " + problems[0].expected);
}

base::Status check_node(const Value& node, const std::string& where, int depth) {
  if (!node.is_object() || depth > kMaxSchemaDepth)
    return schema_error(where, "must be an object, at most 8 levels deep");
  const Object& o = node.get_object();
  const std::string_view type = js::text(o, "type");
  if (!is_one_of(type, kTypes))
    return schema_error(where + "/type",
                        "must be one of object, string, integer, number, boolean, array");
  for (const auto& member : o) {
    const std::string_view key = member.key();
    const auto* known = std::find_if(std::begin(kKeywords), std::end(kKeywords),
                                     [&](const Keyword& k) { return k.name == key; });
    if (known == std::end(kKeywords)) {
      std::vector<std::string> names;
      for (const Keyword& k : kKeywords) names.emplace_back(k.name);
      const std::string near = nearest(key, names);
      return schema_error(where + pointer_step(key), "unknown keyword",
                          near.empty() ? std::string() : "did you mean \"" + near + "\"?");
    }
    const bool bound = key == "minimum" || key == "maximum";
    if (known->types.find(type.front()) == std::string_view::npos ||
        (bound && type == "string" && !is_measured(o))) {
      return schema_error(where + pointer_step(key),
                          "has no meaning for type " + std::string(type));
    }
  }
  for (const char* key : {"title", "description"}) {
    if (o.contains(key) && !o.at(key).is_string())
      return schema_error(where + "/" + key, "must be text");
  }
  if (const Value* v = o.if_contains("format")) {
    if (!v->is_string() || !is_one_of(v->get_string(), kFormats))
      return schema_error(where + "/format", "must be one of uri, duration, bytes, cron, timezone");
    if (type != "string" && !is_measured(o))
      return schema_error(where + "/format", "has no meaning for type " + std::string(type));
  }
  if (auto good = check_range(o, where, "minimum", "maximum", false); !good) return good;
  if (type == "object") {
    if (auto good = check_object_node(o, where, depth); !good) return good;
  } else if (type == "array") {
    if (const Value* items = o.if_contains("items")) {
      if (auto good = check_node(*items, where + "/items", depth + 1); !good) return good;
    }
  } else if (type == "string") {
    if (auto good = check_text_node(o, where); !good) return good;
  }
  return check_own_values(o, where);
}

base::Result<Value> good_schema(std::string_view schema_json) {
  auto parsed = js::parse(schema_json, js::Limits{.max_bytes = kMaxSchemaBytes, .max_depth = 40});
  if (!parsed) return parsed;
  if (auto good = check_node(*parsed, "", 0); !good) return good.error();
  if (js::text(parsed->get_object(), "type") != "object")
    return schema_error("/type", "must be object for the outermost level");
  return parsed;
}

Value masked(const Object& schema, const Value& value) {
  if (value.is_string()) {
    const std::string_view text = value.get_string();
    if (js::boolean(schema, "x-z4j-secret") && !text.empty() && text.rfind("secret:", 0) != 0)
      return "********";
    return Value(mask_url(text));
  }
  if (value.is_array()) {
    const Object* items = js::object(schema, "items");
    Array out;
    for (const Value& item : value.get_array()) {
      if (items != nullptr) out.push_back(masked(*items, item));
    }
    return out;
  }
  if (!value.is_object()) return js::boolean(schema, "x-z4j-secret") ? Value("********") : value;
  const Object* properties = js::object(schema, "properties");
  const Object* others = js::object(schema, "additionalProperties");
  Object out;
  for (const auto& member : value.get_object()) {
    const Object* property =
        properties != nullptr ? js::object(*properties, member.key()) : nullptr;
    if (property == nullptr) property = others;
    if (property != nullptr) out[member.key()] = masked(*property, member.value());
  }
  return out;
}

void describe_into(std::string& out, const Object& schema, const std::string& prefix) {
  const Object* properties = js::object(schema, "properties");
  if (properties == nullptr) return;
  const Array* required = js::array(schema, "required");
  for (const auto& property : *properties) {
    const Object& p = property.value().get_object();
    const std::string name = prefix + std::string(property.key());
    out += "  " + name + "  " + expectation(p);
    if (js::boolean(p, "x-z4j-secret")) out += ", secret";
    const Value* fallback = p.if_contains("default");
    if (fallback != nullptr)
      out += ", default " + js::write(*fallback);
    else if (required != nullptr && std::find(required->begin(), required->end(),
                                              Value(property.key())) != required->end())
      out += ", required";
    if (const std::string_view meaning = js::text(p, "description"); !meaning.empty())
      out += ": " + std::string(meaning);
    out += "\n";
    if (js::text(p, "type") == "object") describe_into(out, p, name + ".");
  }
}

}  // namespace

base::Status check_schema(std::string_view schema_json) {
  auto schema = good_schema(schema_json);
  if (!schema) return schema.error();
  return {};
}

Checked check_settings(std::string_view schema_json, const Object& settings) {
  Checked out;
  auto schema = good_schema(schema_json);
  if (!schema) {
    out.problems.push_back(
        Problem{"", "the plugin's schema is not usable: " + schema.error().text(), {}, {}});
    return out;
  }
  out.value = SettingsChecker(out.problems).object(schema->get_object(), settings, "");
  return out;
}

Object masked_settings(std::string_view schema_json, const Object& settings) {
  auto schema = good_schema(schema_json);
  if (!schema) return {};
  return masked(schema->get_object(), settings).get_object();
}

std::string describe(std::string_view schema_json) {
  auto schema = good_schema(schema_json);
  if (!schema) return {};
  std::string out;
  describe_into(out, schema->get_object(), "");
  return out.empty() ? "  (no settings)\n" : out;
}

}  // namespace z4j::config
