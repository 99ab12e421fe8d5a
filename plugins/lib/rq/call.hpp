// The call inside a job: (function name, instance, arguments, keyword arguments), serialized with
// pickle or JSON and compressed with zlib. RQ does not say which serializer was used; the bytes do.
#pragma once

#include "lib/json/json.hpp"
#include "lib/pickle/pickle.hpp"

#include <string>
#include <string_view>

namespace z4j::rq {

enum class Form { unknown, pickle, json };

// A value to show. When it is not exact it is a text like Python's repr().
struct Payload {
  json::Value value;
  bool exact = false;
};

struct Call {
  Form form = Form::unknown;
  std::string why;            // form unknown: what was wrong with the bytes
  std::string func_name;      // as RQ has it: dotted path, or the method's name
  std::string display_name;   // with the class when it is a method of an object
  bool has_instance = false;  // a method of an object
  Payload args, kwargs;

  // What is needed to write it again; callers leave it alone.
  pickle::Document document;
  pickle::NodeId args_node = pickle::kNoNode, kwargs_node = pickle::kNoNode;
};

// Never throws on bad bytes: form is unknown then. Budgets hold for what is shown.
[[nodiscard]] Call decode_call(std::string_view data, pickle::Budget budget = {});

// The bytes for a job's `data`. A null `args` or `kwargs` is taken over from `original`, without
// loss. Throws Z4J_INVALID when it cannot be: the original is unreadable, a method of an object, or
// that part holds objects of the application.
[[nodiscard]] std::string encode_call(Form form, std::string_view func_name,
                                      const json::Array* args, const json::Object* kwargs,
                                      const Call* original = nullptr);

// A serialized result: pickle or JSON.
[[nodiscard]] Payload decode_value(std::string_view bytes, pickle::Budget budget = {});

// "module.function(1, y=2)" for people, as RQ writes it into the description.
[[nodiscard]] std::string describe_call(std::string_view func_name, const json::Array& args,
                                        const json::Object& kwargs);

// The function's name in a description: the text before the first parenthesis.
[[nodiscard]] std::string name_in_description(std::string_view description);

}  // namespace z4j::rq
