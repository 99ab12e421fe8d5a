#include "api/input.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "api/reply.hpp"
#include "core/text.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::Value;

constexpr std::size_t kMaxQueryFields = 64;
constexpr std::size_t kMaxProblems = 32;
constexpr std::size_t kMaxBodyDepth = 64;
constexpr std::size_t kMaxShownName = 100;
constexpr double kExactDoubles = 9007199254740992.0;  // 2^53

std::string_view view_of(const Value& value) {
  return {value.get_string().data(), value.get_string().size()};
}

std::optional<std::int64_t> integer_of(const Value& value) {
  if (value.is_int64()) return value.get_int64();
  if (value.is_double()) {
    const double number = value.get_double();
    if (!(std::fabs(number) < kExactDoubles) || number != std::trunc(number)) return std::nullopt;
    return static_cast<std::int64_t>(number);
  }
  if (!value.is_string()) return std::nullopt;
  const std::string_view text = core::trimmed(view_of(value));
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

std::optional<bool> boolean_of(const Value& value) {
  if (value.is_bool()) return value.get_bool();
  std::string word;
  if (value.is_string())
    word = core::ascii_lower(view_of(value));
  else if (value.is_int64())
    word = std::to_string(value.get_int64());
  if (word == "true" || word == "on" || word == "yes" || word == "1" || word == "t" || word == "y")
    return true;
  if (word == "false" || word == "off" || word == "no" || word == "0" || word == "f" || word == "n")
    return false;
  return std::nullopt;
}

}  // namespace

Input Input::of_query(const net::Request& request) {
  Input in("query");
  for (auto& [name, text] : net::parse_query(request.query)) {
    if (in.fields_.size() == kMaxQueryFields) break;
    if (!text.empty()) in.fields_[name] = std::move(text);  // an empty value is the same as none
  }
  return in;
}

Input Input::of_body(const net::Request& request) {
  Input in("body");
  if (request.body.empty()) return in;
  auto parsed = base::json::parse(request.body,
                                  {.max_bytes = request.body.size(), .max_depth = kMaxBodyDepth});
  if (!parsed) {
    in.problem({}, "json_invalid",
               "the body is not JSON that is read here: " + parsed.error().message);
  } else if (!parsed->is_object()) {
    in.problem({}, "model_attributes_type", "the body must be a JSON object");
  } else {
    in.fields_ = std::move(parsed->get_object());
  }
  return in;
}

void Input::problem(std::string_view name, std::string_view type, std::string message) {
  if (problems_.size() < kMaxProblems)
    problems_.push_back({std::string(name), std::string(type), std::move(message)});
}

void Input::only(std::initializer_list<std::string_view> names) {
  for (const auto& field : fields_) {
    if (std::find(names.begin(), names.end(), field.key()) == names.end())
      problem(core::clean_text(field.key(), kMaxShownName), "extra_forbidden",
              "is not a field of this request");
  }
}

bool Input::is_null(std::string_view name) const {
  const Value* found = fields_.if_contains(name);
  return found != nullptr && found->is_null();
}

const Value* Input::value(std::string_view name, Need need) {
  const Value* found = fields_.if_contains(name);
  if (found != nullptr && !found->is_null()) return found;
  // Of a body that can't be read it is not known what it lacks.
  const bool is_read = problems_.empty() || !problems_.front().name.empty();
  if (need == Need::required && is_read) problem(name, "missing", "this field is required");
  return nullptr;
}

std::optional<std::string> Input::text(std::string_view name, Length length, Need need) {
  const Value* found = value(name, need);
  if (found == nullptr) return std::nullopt;
  if (!found->is_string()) {
    problem(name, "string_type", "must be text");
    return std::nullopt;
  }
  const std::string_view text = view_of(*found);
  if (!core::is_utf8(text)) {
    problem(name, "string_unicode", "must be UTF-8");
    return std::nullopt;
  }
  const std::size_t size = core::count_characters(text);
  if (size < length.min) {
    problem(name, "string_too_short",
            "must have at least " + std::to_string(length.min) + " characters");
  } else if (size > length.max) {
    problem(name, "string_too_long",
            "must have at most " + std::to_string(length.max) + " characters");
  } else {
    return std::string(text);
  }
  return std::nullopt;
}

std::optional<std::int64_t> Input::integer(std::string_view name, std::int64_t min,
                                           std::int64_t max, Need need) {
  const Value* found = value(name, need);
  if (found == nullptr) return std::nullopt;
  const std::optional<std::int64_t> number = integer_of(*found);
  if (!number) {
    problem(name, found->is_string() ? "int_parsing" : "int_type", "must be a whole number");
  } else if (*number < min) {
    problem(name, "greater_than_equal", "must be at least " + std::to_string(min));
  } else if (*number > max) {
    problem(name, "less_than_equal", "must be at most " + std::to_string(max));
  } else {
    return number;
  }
  return std::nullopt;
}

bool Input::boolean(std::string_view name, bool fallback) {
  const Value* found = value(name, Need::optional);
  if (found == nullptr) return fallback;
  const std::optional<bool> flag = boolean_of(*found);
  if (!flag) problem(name, "bool_parsing", "must be true or false");
  return flag.value_or(fallback);
}

std::optional<base::Uuid> Input::uuid(std::string_view name, Need need) {
  const Value* found = value(name, need);
  if (found == nullptr) return std::nullopt;
  std::optional<base::Uuid> id;
  if (found->is_string()) id = base::Uuid::parse(view_of(*found));
  if (!id) problem(name, "uuid_parsing", "must be a UUID");
  return id;
}

std::optional<base::TimeUs> Input::time(std::string_view name) {
  const Value* found = value(name, Need::optional);
  if (found == nullptr) return std::nullopt;
  const std::string text =
      found->is_string() ? std::string(view_of(*found)) : base::json::write(*found);
  auto time = base::parse_time(text);
  if (time) return *time;
  problem(name, "datetime_parsing",
          "must be a time such as 2026-05-13T10:42:18Z or a Unix number; in a URL write + as %2B");
  return std::nullopt;
}

std::optional<Object> Input::object(std::string_view name, Need need) {
  const Value* found = value(name, need);
  if (found == nullptr) return std::nullopt;
  if (found->is_object()) return found->get_object();
  problem(name, "dict_type", "must be an object");
  return std::nullopt;
}

std::optional<Array> Input::array(std::string_view name) {
  const Value* found = value(name, Need::optional);
  if (found == nullptr) return std::nullopt;
  if (found->is_array()) return found->get_array();
  problem(name, "list_type", "must be an array");
  return std::nullopt;
}

std::optional<std::vector<std::string>> Input::texts(std::string_view name, std::size_t max_count,
                                                     Length each) {
  auto list = array(name);
  if (!list) return std::nullopt;
  if (list->size() > max_count) {
    problem(name, "too_long", "must have at most " + std::to_string(max_count) + " members");
    return std::nullopt;
  }
  std::vector<std::string> out;
  for (const Value& member : *list) {
    if (!member.is_string() || !core::is_utf8(view_of(member)) ||
        core::count_characters(view_of(member)) < each.min ||
        core::count_characters(view_of(member)) > each.max) {
      problem(name, "string_type",
              "each member must be text of " + std::to_string(each.min) + " to " +
                  std::to_string(each.max) + " characters");
      return std::nullopt;
    }
    out.emplace_back(view_of(member));
  }
  return out;
}

std::string Input::first_problem() const {
  const Problem& first = problems_.front();
  return first.name.empty() ? first.message : first.name + " " + first.message;
}

net::Response Input::refused(const net::Request& request) const {
  Array errors, detail;
  for (const Problem& p : problems_) {
    const std::string part(part_);
    Array loc{part};
    if (!p.name.empty()) loc.emplace_back(p.name);
    errors.push_back(
        Object{{"loc", p.name.empty() ? part : part + "." + p.name}, {"type", p.type}});
    detail.push_back(Object{{"type", p.type}, {"loc", std::move(loc)}, {"msg", p.message}});
  }
  return json_answer(422, Object{{"error", "validation_failed"},
                                 {"message", first_problem()},
                                 {"request_id", base::json::text_or_null(request.request_id)},
                                 {"details", Object{{"errors", std::move(errors)}}},
                                 {"detail", std::move(detail)}});
}

}  // namespace z4j::api
