#include "lib/rq/call.hpp"

#include "lib/rq/codec.hpp"
#include "lib/text/text.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace z4j::rq {
namespace {

constexpr std::size_t kMaxName = 512;
constexpr std::size_t kMaxDescription = 512;

Payload shown_payload(pickle::Shown shown) {
  return Payload{std::move(shown.value), shown.fully_decodable};
}

// JSON numbers beyond 64 bits become reals when read: then what is shown is not what was sent.
bool has_long_number(std::string_view text) {
  std::size_t run = 0;
  for (const char c : text) {
    run = c >= '0' && c <= '9' ? run + 1 : 0;
    if (run >= 19) return true;
  }
  return false;
}

void read_pickled_call(std::string_view bytes, const pickle::Budget& budget, Call& call) {
  call.document = pickle::load(bytes, {.max_bytes = kMaxInflated, .max_items = 100'000});
  const pickle::Document& doc = call.document;
  const pickle::Node& root = doc[doc.root];
  if (root.kind != pickle::Kind::tuple || root.items.size() != 4 ||
      doc[root.items[0]].kind != pickle::Kind::text) {
    throw Error(Z4J_INVALID, "it is not a call of RQ");
  }
  call.func_name = text::clean(doc[root.items[0]].text, kMaxName);
  const pickle::Node& instance = doc[root.items[1]];
  call.has_instance = instance.kind != pickle::Kind::none;
  call.display_name = call.func_name;
  if (call.has_instance && !instance.text.empty() &&
      (instance.kind == pickle::Kind::object || instance.kind == pickle::Kind::global)) {
    call.display_name = text::clean(instance.text, kMaxName) + "." + call.func_name;
  }
  call.args_node = root.items[2];
  call.kwargs_node = root.items[3];
  call.args = shown_payload(pickle::show(doc, call.args_node, pickle::TopTuple::as_array, budget));
  call.kwargs =
      shown_payload(pickle::show(doc, call.kwargs_node, pickle::TopTuple::refuse, budget));
  call.form = Form::pickle;
}

void read_json_call(std::string_view bytes, Call& call) {
  const json::Value root = json::parse(bytes, kMaxInflated);
  const json::Array* parts = root.if_array();
  if (parts == nullptr || parts->size() != 4 || !(*parts)[0].is_string() ||
      !(*parts)[2].is_array() || !(*parts)[3].is_object()) {
    throw Error(Z4J_INVALID, "it is not a call of RQ");
  }
  const json::String& name = (*parts)[0].get_string();
  call.func_name = text::clean({name.data(), name.size()}, kMaxName);
  call.display_name = call.func_name;
  call.has_instance = !(*parts)[1].is_null();
  const bool exact = !has_long_number(bytes);
  call.args = Payload{(*parts)[2], exact};
  call.kwargs = Payload{(*parts)[3], exact};
  if (!exact) {
    call.args.value = json::String(text::clean(json::write(call.args.value), 64u << 10));
    call.kwargs.value = json::String(text::clean(json::write(call.kwargs.value), 64u << 10));
  }
  call.form = Form::json;
}

// Python's way to write a JSON value.
void append_python(std::string& out, const json::Value& v) {
  if (out.size() > kMaxDescription) return;
  switch (v.kind()) {
    case boost::json::kind::null:
      out += "None";
      break;
    case boost::json::kind::bool_:
      out += v.get_bool() ? "True" : "False";
      break;
    case boost::json::kind::string: {
      out += '\'';
      out += std::string_view(v.get_string().data(), v.get_string().size());
      out += '\'';
      break;
    }
    case boost::json::kind::array: {
      out += '[';
      bool first = true;
      for (const json::Value& item : v.get_array()) {
        if (!std::exchange(first, false)) out += ", ";
        append_python(out, item);
      }
      out += ']';
      break;
    }
    case boost::json::kind::object: {
      out += '{';
      bool first = true;
      for (const auto& member : v.get_object()) {
        if (!std::exchange(first, false)) out += ", ";
        out += '\'';
        out += std::string_view(member.key().data(), member.key().size());
        out += "': ";
        append_python(out, member.value());
      }
      out += '}';
      break;
    }
    case boost::json::kind::double_: {
      char digits[40];
      const auto [end, ec] = std::to_chars(digits, digits + sizeof digits, v.get_double());
      out.append(digits, end);
      break;
    }
    default:
      out += json::write(v);
  }
}

}  // namespace

Call decode_call(std::string_view data, pickle::Budget budget) {
  Call call;
  try {
    if (data.empty()) throw Error(Z4J_INVALID, "there is none");
    const std::optional<std::string> inflated = inflate(data);
    const std::string_view bytes = inflated ? std::string_view(*inflated) : data;
    if (bytes.front() == '[') {
      read_json_call(bytes, call);
    } else {
      read_pickled_call(bytes, budget, call);
    }
  } catch (const Error& e) {
    call = Call{};
    call.why = std::string("the call of the job cannot be read: ") + e.what();
  }
  return call;
}

std::string encode_call(Form form, std::string_view func_name, const json::Array* args,
                        const json::Object* kwargs, const Call* original) {
  if (args == nullptr || kwargs == nullptr) {
    if (original == nullptr || original->form == Form::unknown)
      throw Error(Z4J_INVALID, "the arguments of the job cannot be read");
    if (original->form != form)
      throw Error(Z4J_INVALID, "the arguments of the job have another form");
  }
  if (original != nullptr && original->has_instance)
    throw Error(Z4J_INVALID, "the job calls a method of an object");
  if (form == Form::json) {
    const bool lossy = (args == nullptr && !original->args.exact) ||
                       (kwargs == nullptr && !original->kwargs.exact);
    if (lossy)
      throw Error(Z4J_INVALID, "the arguments of the job cannot be written again without loss");
    json::Array call;
    call.emplace_back(json::String(func_name));
    call.emplace_back(nullptr);
    call.emplace_back(args != nullptr ? json::Value(*args) : original->args.value);
    call.emplace_back(kwargs != nullptr ? json::Value(*kwargs) : original->kwargs.value);
    return deflate(json::write(call));
  }
  pickle::Writer w;
  w.mark();
  w.text(func_name);
  w.none();
  if (args != nullptr) {
    w.tuple_of(*args);
  } else {
    w.node(original->document, original->args_node);
  }
  if (kwargs != nullptr) {
    w.value(json::Value(*kwargs));
  } else {
    w.node(original->document, original->kwargs_node);
  }
  w.tuple();
  return deflate(w.finish());
}

Payload decode_value(std::string_view bytes, pickle::Budget budget) {
  try {
    if (bytes.empty()) throw Error(Z4J_INVALID, "empty");
    if (bytes.front() == '\x80') {
      const pickle::Document doc =
          pickle::load(bytes, {.max_bytes = kMaxInflated, .max_items = 100'000});
      return shown_payload(pickle::show(doc, doc.root, pickle::TopTuple::refuse, budget));
    }
    if (bytes.size() <= budget.bytes)
      return Payload{json::parse(bytes, budget.bytes), !has_long_number(bytes)};
    return Payload{json::String(text::clean(bytes, budget.bytes)), false};
  } catch (const Error&) {
    return Payload{json::String("<unreadable value of " + std::to_string(bytes.size()) + " bytes>"),
                   false};
  }
}

std::string describe_call(std::string_view func_name, const json::Array& args,
                          const json::Object& kwargs) {
  std::string out(func_name);
  out += '(';
  bool first = true;
  for (const json::Value& v : args) {
    if (!std::exchange(first, false)) out += ", ";
    append_python(out, v);
  }
  for (const auto& member : kwargs) {
    if (!std::exchange(first, false)) out += ", ";
    out += std::string_view(member.key().data(), member.key().size());
    out += '=';
    append_python(out, member.value());
  }
  out += ')';
  return text::clean(out, kMaxDescription);
}

std::string name_in_description(std::string_view description) {
  return text::clean(description.substr(0, std::min(description.find('('), kMaxName)), kMaxName);
}

}  // namespace z4j::rq
