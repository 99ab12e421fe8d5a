// What a JSON value looks like, in a short notation that stands beside the handler which writes it.
//
//   text  text(1..200)  int  int(0..5)  number  bool  time  uuid  any  object   one value
//   "on"|"off"             one of these words
//   [type]                 a list
//   {name: type, more?: type}   an object; "?" after a name: may be missing
//   {..Task, more: type}   the members of a named shape, and more
//   {*: type}              an object of any names; after other members: and any more
//   page(Task)             {items: [Task], next_cursor: text?}
//   Task                   a named shape
//   type?                  that, or null
//
// From it come the OpenAPI document, and the check that answers keep to it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace z4j::api {

struct Shape {
  enum class Kind {
    any,
    text,
    integer,
    number,
    boolean,
    time,
    uuid,
    words,
    list,
    members,
    map,
    name
  };
  struct Member;

  Kind kind = Kind::any;
  bool or_null = false;
  std::optional<std::int64_t> min, max;  // of the number, or of the text's length
  std::vector<std::string> words;        // or the name
  std::vector<Member> members;
  std::vector<std::string> bases;     // shapes whose members these objects have too
  std::shared_ptr<const Shape> each;  // of a list or map; further members
};

struct Shape::Member {
  std::string name;
  bool is_optional = false;
  Shape shape;
};

// Of one API; filled at start, read only afterwards. A text that can't be read is a Bug.
class Shapes {
 public:
  // A name is given once.
  void add(std::string_view name, std::string_view notation);
  [[nodiscard]] static Shape read(std::string_view notation);

  // As JSON Schema 2020-12; names become references into #/components/schemas. In what clients
  // send, an optional member may be null as well.
  enum class Side { sent, answered };
  [[nodiscard]] base::json::Object schema(const Shape& shape, Side side) const;
  [[nodiscard]] base::json::Object components() const;
  // By name, as they were given.
  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& notations() const noexcept {
    return notations_;
  }

  // What is wrong with an answer (".items.3.name is missing"), members that the shape has no word
  // of included; nothing when it fits.
  [[nodiscard]] std::optional<std::string> misfit(const Shape& shape,
                                                  const base::json::Value& value) const;
  // The members of an object shape, those of its bases first.
  [[nodiscard]] std::vector<Shape::Member> members_of(const Shape& shape) const;

 private:
  [[nodiscard]] const Shape& named(std::string_view name) const;

  std::map<std::string, Shape, std::less<>> named_;
  std::map<std::string, std::string, std::less<>> notations_;
};

}  // namespace z4j::api
