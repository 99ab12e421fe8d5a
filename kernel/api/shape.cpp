#include "api/shape.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/clock.hpp"
#include "base/uuid.hpp"
#include "core/text.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::Value;
using Kind = Shape::Kind;

constexpr std::pair<std::string_view, Kind> kPlainKinds[] = {
    {"any", Kind::any},       {"text", Kind::text}, {"int", Kind::integer}, {"bool", Kind::boolean},
    {"number", Kind::number}, {"time", Kind::time}, {"uuid", Kind::uuid},   {"object", Kind::map}};

bool is_word_part(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Shape whole() {
    Shape shape = type();
    if (at_ < text_.size() || peek() != '\0') fail("more text");
    return shape;
  }

 private:
  [[noreturn]] void fail(std::string_view why) const {
    throw base::Bug("shape \"" + std::string(text_) + "\", byte " + std::to_string(at_) + ": " +
                    std::string(why));
  }
  // The next character that is no blank; NUL at the end.
  char peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void must(char c) {
    if (!take(c)) fail(std::string("expected ") + c);
  }
  std::string word() {
    peek();
    const std::size_t from = at_;
    while (at_ < text_.size() && (is_word_part(text_[at_]))) ++at_;
    if (at_ == from) fail("expected a word");
    return std::string(text_.substr(from, at_ - from));
  }
  std::int64_t number() {
    std::int64_t value = 0;
    peek();
    const char* const from = text_.data() + at_;
    const auto [end, error] = std::from_chars(from, text_.data() + text_.size(), value);
    if (error != std::errc()) fail("expected a number");
    at_ += static_cast<std::size_t>(end - from);
    return value;
  }

  Shape type() {
    Shape shape = peek() == '"'   ? words()
                  : peek() == '[' ? list()
                  : peek() == '{' ? members()
                                  : named();
    shape.or_null = take('?');
    return shape;
  }
  Shape words() {
    Shape shape;
    shape.kind = Kind::words;
    do {
      must('"');
      const std::size_t end = std::min(text_.find('"', at_), text_.size());
      shape.words.emplace_back(text_.substr(at_, end - at_));
      at_ = end;
      must('"');
    } while (take('|'));
    return shape;
  }
  Shape list() {
    Shape shape;
    shape.kind = Kind::list;
    must('[');
    shape.each = std::make_shared<Shape>(type());
    must(']');
    return shape;
  }
  Shape members() {
    Shape shape;
    shape.kind = Kind::members;
    must('{');
    while (!take('}')) {
      if (take('.')) {
        must('.');
        shape.bases.push_back(word());
      } else if (take('*')) {
        must(':');
        shape.each = std::make_shared<Shape>(type());
      } else {
        Shape::Member member;
        member.name = word();
        member.is_optional = take('?');
        must(':');
        member.shape = type();
        shape.members.push_back(std::move(member));
      }
      if (peek() != '}') must(',');
    }
    if (shape.each && shape.members.empty() && shape.bases.empty()) shape.kind = Kind::map;
    return shape;
  }
  Shape named() {
    const std::string name = word();
    Shape shape;
    if (name == "page") {
      must('(');
      Shape items, next;
      items.kind = Kind::list;
      items.each = std::make_shared<Shape>(type());
      must(')');
      next.kind = Kind::text;
      next.or_null = true;
      shape.kind = Kind::members;
      shape.members.push_back({"items", false, std::move(items)});
      shape.members.push_back({"next_cursor", false, std::move(next)});
      return shape;
    }
    const auto plain = std::find_if(std::begin(kPlainKinds), std::end(kPlainKinds),
                                    [&](const auto& kind) { return kind.first == name; });
    if (plain == std::end(kPlainKinds)) {
      shape.kind = Kind::name;
      shape.words.push_back(name);
      return shape;
    }
    shape.kind = plain->second;
    if (shape.kind == Kind::map) shape.each = std::make_shared<Shape>();
    if ((shape.kind == Kind::text || shape.kind == Kind::integer) && take('(')) {
      shape.min = number();
      must('.');
      must('.');
      shape.max = number();
      must(')');
    }
    return shape;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

Object plain_schema(const Shape& shape) {
  Object out;
  switch (shape.kind) {
    case Kind::text:
      out["type"] = "string";
      if (shape.min && *shape.min > 0) out["minLength"] = *shape.min;
      if (shape.max) out["maxLength"] = *shape.max;
      break;
    case Kind::integer:
      out["type"] = "integer";
      if (shape.min) out["minimum"] = *shape.min;
      if (shape.max) out["maximum"] = *shape.max;
      break;
    case Kind::number:
      out["type"] = "number";
      break;
    case Kind::boolean:
      out["type"] = "boolean";
      break;
    case Kind::time:
      out["type"] = "string";
      out["format"] = "date-time";
      break;
    case Kind::uuid:
      out["type"] = "string";
      out["format"] = "uuid";
      break;
    case Kind::words:
      out["type"] = "string";
      out["enum"] = Array(shape.words.begin(), shape.words.end());
      break;
    default:
      break;
  }
  return out;
}

Object or_null(Object schema, const Shape& shape) {
  if (const Value* type = schema.if_contains("type"); type != nullptr) {
    schema["type"] = Array{*type, "null"};
    if (Value* words = schema.if_contains("enum"); words != nullptr)
      words->get_array().emplace_back(nullptr);
    return schema;
  }
  if (shape.kind == Kind::any) return schema;
  return Object{{"anyOf", Array{std::move(schema), Object{{"type", "null"}}}}};
}

bool is_time(std::string_view text) { return base::parse_time(text).ok(); }

std::optional<std::string> plain_misfit(const Shape& shape, const Value& value) {
  const bool is_text = value.is_string();
  const std::string_view text = is_text ? std::string_view(value.get_string()) : std::string_view();
  const auto in_bounds = [&](std::int64_t n) {
    return (!shape.min || n >= *shape.min) && (!shape.max || n <= *shape.max);
  };
  switch (shape.kind) {
    case Kind::text:
      if (!is_text) return " is no text";
      if (!in_bounds(static_cast<std::int64_t>(core::count_characters(text))))
        return " is a text of another length";
      break;
    case Kind::integer:
      if (!value.is_int64() && !value.is_uint64()) return " is no whole number";
      if (!in_bounds(value.to_number<std::int64_t>())) return " is out of bounds";
      break;
    case Kind::number:
      if (!value.is_number()) return " is no number";
      break;
    case Kind::boolean:
      if (!value.is_bool()) return " is not true or false";
      break;
    case Kind::time:
      if (!is_text || !is_time(text)) return " is no time";
      break;
    case Kind::uuid:
      if (!is_text || !base::Uuid::parse(text)) return " is no UUID";
      break;
    case Kind::words:
      if (!is_text || std::find(shape.words.begin(), shape.words.end(), text) == shape.words.end())
        return " is none of the words";
      break;
    default:
      break;
  }
  return std::nullopt;
}

std::string within(std::string_view where, const std::string& misfit) {
  return "." + std::string(where) + misfit;
}

}  // namespace

void Shapes::add(std::string_view name, std::string_view notation) {
  if (!named_.emplace(name, read(notation)).second)
    throw base::Bug("two shapes are called " + std::string(name));
  notations_.emplace(name, notation);
}

Shape Shapes::read(std::string_view notation) { return Reader(notation).whole(); }

const Shape& Shapes::named(std::string_view name) const {
  const auto found = named_.find(name);
  if (found == named_.end()) throw base::Bug("no shape is called " + std::string(name));
  return found->second;
}

std::vector<Shape::Member> Shapes::members_of(const Shape& shape) const {
  if (shape.kind == Kind::name) return members_of(named(shape.words.front()));
  std::vector<Shape::Member> out;
  for (const std::string& base : shape.bases) {
    for (Shape::Member& member : members_of(named(base))) out.push_back(std::move(member));
  }
  out.insert(out.end(), shape.members.begin(), shape.members.end());
  return out;
}

Object Shapes::schema(const Shape& shape, Side side) const {
  Object out = plain_schema(shape);
  switch (shape.kind) {
    case Kind::list:
      out["type"] = "array";
      out["items"] = schema(*shape.each, side);
      break;
    case Kind::map:
      out["type"] = "object";
      if (shape.each->kind != Kind::any) out["additionalProperties"] = schema(*shape.each, side);
      break;
    case Kind::members: {
      Object properties;
      Array required;
      for (const Shape::Member& member : members_of(shape)) {
        Shape inner = member.shape;
        if (side == Side::sent && member.is_optional) inner.or_null = true;
        properties[member.name] = schema(inner, side);
        if (!member.is_optional) required.emplace_back(member.name);
      }
      out["type"] = "object";
      out["properties"] = std::move(properties);
      if (!required.empty()) out["required"] = std::move(required);
      if (shape.each) out["additionalProperties"] = schema(*shape.each, side);
      break;
    }
    case Kind::name:
      static_cast<void>(named(shape.words.front()));
      out["$ref"] = "#/components/schemas/" + shape.words.front();
      break;
    default:
      break;
  }
  return shape.or_null ? or_null(std::move(out), shape) : out;
}

Object Shapes::components() const {
  Object out;
  for (const auto& [name, shape] : named_) out[name] = schema(shape, Side::answered);
  return out;
}

std::optional<std::string> Shapes::misfit(const Shape& shape, const Value& value) const {
  if (value.is_null() && (shape.or_null || shape.kind == Kind::any)) return std::nullopt;
  switch (shape.kind) {
    case Kind::name:
      return misfit(named(shape.words.front()), value);
    case Kind::list:
      if (!value.is_array()) return " is no list";
      for (std::size_t i = 0; i < value.get_array().size(); ++i) {
        if (auto wrong = misfit(*shape.each, value.get_array()[i]))
          return within(std::to_string(i), *wrong);
      }
      return std::nullopt;
    case Kind::map:
      if (!value.is_object()) return " is no object";
      for (const auto& member : value.get_object()) {
        if (auto wrong = misfit(*shape.each, member.value())) return within(member.key(), *wrong);
      }
      return std::nullopt;
    case Kind::members:
      break;
    default:
      return plain_misfit(shape, value);
  }
  if (!value.is_object()) return " is no object";
  const Object& given = value.get_object();
  const std::vector<Shape::Member> members = members_of(shape);
  for (const Shape::Member& member : members) {
    const Value* found = given.if_contains(member.name);
    if (found == nullptr) {
      if (!member.is_optional) return within(member.name, " is missing");
    } else if (auto wrong = misfit(member.shape, *found)) {
      return within(member.name, *wrong);
    }
  }
  for (const auto& member : given) {
    if (std::any_of(members.begin(), members.end(),
                    [&](const Shape::Member& known) { return known.name == member.key(); }))
      continue;
    if (!shape.each) return within(member.key(), " is not in the shape");
    if (auto wrong = misfit(*shape.each, member.value())) return within(member.key(), *wrong);
  }
  return std::nullopt;
}

}  // namespace z4j::api
