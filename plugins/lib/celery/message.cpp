#include "lib/celery/message.hpp"

#include "lib/celery/raw_json.hpp"
#include "lib/pickle/pickle.hpp"
#include "lib/text/text.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <utility>

namespace z4j::celery {
namespace {

constexpr std::size_t kMaxRepr = 1024;  // as Celery cuts it
constexpr char kPlainEmbed[] =
    R"({"callbacks": null, "errbacks": null, "chain": null, "chord": null})";
const json::Object kNothing;

bool given(const json::Object& o, std::string_view key) {
  const json::Value* v = o.if_contains(key);
  if (v == nullptr || v->is_null()) return false;
  const json::Array* items = v->if_array();
  return items == nullptr || !items->empty();
}

std::optional<std::int64_t> time_in(const json::Object& o, std::string_view key) {
  return text::parse_iso_time(json::text(o, key));
}

std::uint32_t count_in(const json::Object& o, std::string_view key) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(json::integer(o, key), 0, 1'000'000));
}

json::Value null_or_time(const std::optional<std::int64_t>& us) {
  return us ? json::Value(json::String(text::format_iso_time(*us))) : json::Value(nullptr);
}

// The body without its compression; nothing when it is one we cannot take off.
std::optional<std::string> decompressed(const Envelope& e) {
  const std::string_view way = json::text(e.headers(), "compression");
  if (way.empty()) return e.body;
  if (way == "application/x-gzip" || way == "application/gzip" || way == "gzip" || way == "zlib") {
    return text::inflate(e.body, kMaxMessageBytes);
  }
  return std::nullopt;
}

void read_embed(std::string_view embed, Body& out) {
  const json::Value value = json::parse(embed);
  const json::Object* o = value.if_object();
  if (o == nullptr) return;
  out.has_continuation = given(*o, "chain") || given(*o, "callbacks") || given(*o, "errbacks");
  out.has_chord = given(*o, "chord");
}

void read_json_body(const std::string& bytes, int protocol, Body& out) {
  static_cast<void>(json::parse(bytes, kMaxMessageBytes));
  if (protocol == 1) {
    const auto args = raw_member(bytes, "args"), kwargs = raw_member(bytes, "kwargs");
    if (!args || !kwargs || !is_array(*args) || !is_object(*kwargs))
      throw Error(Z4J_INVALID, "no arguments in the body");
    out.args = *args;
    out.kwargs = *kwargs;
    const json::Value value = json::parse(bytes, kMaxMessageBytes);
    const json::Object& o = value.get_object();
    out.has_continuation = given(o, "callbacks") || given(o, "errbacks");
    out.has_chord = given(o, "chord");
  } else {
    const std::vector<std::string_view> parts = raw_items(bytes);
    if (parts.size() != 3 || !is_array(parts[0]) || !is_object(parts[1])) {
      throw Error(Z4J_INVALID, "the body is not [args, kwargs, embed]");
    }
    out.args = parts[0];
    out.kwargs = parts[1];
    out.embed = parts[2];
    read_embed(out.embed, out);
  }
  out.form = BodyForm::json;
}

bool given(const pickle::Document& doc, const pickle::Node& dict, std::string_view key) {
  for (std::size_t i = 0; i + 1 < dict.pairs.size(); i += 2) {
    if (doc[dict.pairs[i]].text != key) continue;
    const pickle::Node& v = doc[dict.pairs[i + 1]];
    return v.kind != pickle::Kind::none && !(v.kind == pickle::Kind::list && v.items.empty());
  }
  return false;
}

void read_pickle_body(const std::string& bytes, Body& out) {
  const pickle::Document doc = pickle::load(bytes, {.max_bytes = kMaxMessageBytes});
  const pickle::Node& root = doc[doc.root];
  const bool shape = (root.kind == pickle::Kind::tuple || root.kind == pickle::Kind::list) &&
                     root.items.size() == 3;
  if (!shape) throw Error(Z4J_INVALID, "the pickle is not (args, kwargs, embed)");
  constexpr pickle::Budget kShown{.nodes = 5000, .bytes = 64u << 10, .depth = 64};
  const pickle::Node& embed = doc[root.items[2]];
  out.has_continuation =
      given(doc, embed, "chain") || given(doc, embed, "callbacks") || given(doc, embed, "errbacks");
  out.has_chord = given(doc, embed, "chord");
  out.args_repr = pickle::to_repr(doc, root.items[0], kShown);
  out.kwargs_repr = pickle::to_repr(doc, root.items[1], kShown);
  const std::optional<json::Value> args =
      pickle::to_json(doc, root.items[0], pickle::TopTuple::as_array);
  const std::optional<json::Value> kwargs = pickle::to_json(doc, root.items[1]);
  if (args && kwargs && args->is_array() && kwargs->is_object()) {
    out.args = json::write(*args);
    out.kwargs = json::write(*kwargs);
  }
  out.form = BodyForm::pickle;
}

json::Object fresh_properties(const std::string& id, const std::string& queue, int priority) {
  return {{"correlation_id", id},
          {"reply_to", text::new_uuid()},
          {"delivery_mode", 2},
          {"delivery_info", {{"exchange", ""}, {"routing_key", queue}}},
          {"priority", priority},
          {"body_encoding", "base64"},
          {"delivery_tag", text::new_uuid()}};
}

std::string json_body(std::string_view args, std::string_view kwargs, std::string_view embed) {
  return "[" + std::string(args) + ", " + std::string(kwargs) + ", " + std::string(embed) + "]";
}

json::Object object_or_empty(const json::Object& from, std::string_view key) {
  const json::Object* o = json::object(from, key);
  return o != nullptr ? *o : json::Object();
}

// An integer that a value here would round.
bool has_big_integer(std::string_view text) {
  constexpr std::size_t kDigits = 18;  // always within 64 bits
  bool in_string = false;
  std::size_t digits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c >= '0' && c <= '9') {
      if (++digits > kDigits) return true;
    } else {
      in_string = c == '"';
      digits = 0;
    }
  }
  return false;
}

// Why other arguments cannot be put into this body; "" when they can.
std::string why_not_editable(const Message& message, const Body& body, const Again& again) {
  if (body.form == BodyForm::json) return {};
  if (body.form == BodyForm::pickle) {
    if (body.has_continuation || body.has_chord)
      return "the body is a pickle, and what is to follow the task cannot be written anew";
    const bool rest_known = (!again.args.empty() || !body.args.empty()) &&
                            (!again.kwargs.empty() || !body.kwargs.empty());
    if (!rest_known) return "the body is a pickle, and the other arguments are not plain data";
    if (has_big_integer(again.args) || has_big_integer(again.kwargs) ||
        (again.args.empty() && has_big_integer(body.args)) ||
        (again.kwargs.empty() && has_big_integer(body.kwargs)))
      return "the body is a pickle, and integers beyond 18 digits are not written into one";
    return {};
  }
  if (message.envelope.content_type == "application/data")
    return "the body is signed, or raw data: it can be sent again only as it is";
  return "the body is not JSON: its arguments cannot be replaced";
}

std::string pickle_body(std::string_view args, std::string_view kwargs) {
  pickle::Writer w;
  w.mark();
  w.value(json::parse(args, kMaxMessageBytes));
  w.value(json::parse(kwargs, kMaxMessageBytes));
  w.value(json::parse(kPlainEmbed));
  w.tuple();
  return w.finish();
}

// The continuation without the chord it was part of.
std::string without_chord(const std::string& embed) {
  std::string out = "{";
  for (const auto& [key, value] : raw_members(embed)) {
    if (out.size() > 1) out += ", ";
    out += "\"" + std::string(key) + "\": " + (key == "chord" ? "null" : std::string(value));
  }
  return out + "}";
}

}  // namespace

std::string name_in(const json::Object& object, std::string_view key) {
  return text::clean(json::text(object, key), kMaxNameBytes);
}

const json::Object& Envelope::headers() const {
  const json::Object* o = json::object(root, "headers");
  return o != nullptr ? *o : kNothing;
}

const json::Object& Envelope::properties() const {
  const json::Object* o = json::object(root, "properties");
  return o != nullptr ? *o : kNothing;
}

Envelope parse_envelope(std::string_view text, std::size_t max_bytes) {
  json::Value value = json::parse(text, max_bytes);
  if (!value.is_object()) throw Error(Z4J_INVALID, "the message is not a JSON object");
  Envelope out;
  out.root = std::move(value.get_object());
  const json::Value* body = out.root.if_contains("body");
  if (body == nullptr || !body->is_string()) throw Error(Z4J_INVALID, "the message has no body");
  const std::string_view coded(body->get_string().data(), body->get_string().size());
  if (json::text(out.properties(), "body_encoding") == "base64") {
    std::optional<std::string> bytes = text::base64_decode(coded);
    if (!bytes) throw Error(Z4J_INVALID, "the body is not base64");
    out.body = std::move(*bytes);
  } else {
    out.body = coded;
  }
  out.content_type = text::clean(json::text(out.root, "content-type"), 200);
  return out;
}

Message parse_message(std::string_view text) {
  Message m;
  m.envelope = parse_envelope(text);
  const json::Object& headers = m.envelope.headers();
  const json::Object& properties = m.envelope.properties();
  json::Value body_of_1;
  const json::Object* facts = &headers;
  if (!headers.contains("task")) {
    m.protocol = 1;
    if (m.envelope.content_type != "application/json")
      throw Error(Z4J_INVALID, "no task header, and the body is not JSON");
    const std::optional<std::string> bytes = decompressed(m.envelope);
    if (!bytes) throw Error(Z4J_INVALID, "the body cannot be decompressed");
    body_of_1 = json::parse(*bytes, kMaxMessageBytes);
    facts = body_of_1.if_object();
    if (facts == nullptr) throw Error(Z4J_INVALID, "the message names no task");
  }
  m.id = name_in(*facts, "id");
  m.task = name_in(*facts, "task");
  if (m.id.empty() || m.task.empty()) throw Error(Z4J_INVALID, "the message names no task");
  m.root_id = name_in(*facts, "root_id");
  m.parent_id = name_in(*facts, "parent_id");
  m.group = name_in(*facts, m.protocol == 1 ? "taskset" : "group");
  m.args_repr = json::text(*facts, "argsrepr");
  m.kwargs_repr = json::text(*facts, "kwargsrepr");
  m.eta_us = time_in(*facts, "eta");
  m.expires_us = time_in(*facts, "expires");
  m.retries = count_in(*facts, "retries");
  m.priority =
      static_cast<int>(std::clamp<std::int64_t>(json::integer(properties, "priority"), 0, 255));
  if (const json::Object* info = json::object(properties, "delivery_info"))
    m.routing_key = name_in(*info, "routing_key");
  return m;
}

Body parse_body(const Message& message) {
  Body out;
  const std::string& type = message.envelope.content_type;
  const std::optional<std::string> bytes = decompressed(message.envelope);
  if (!bytes) {
    out.why_opaque = "the body is compressed in a way that is not read here";
    return out;
  }
  try {
    if (type == "application/json") {
      read_json_body(*bytes, message.protocol, out);
    } else if (type == "application/x-python-serialize" && message.protocol == 2) {
      read_pickle_body(*bytes, out);
    } else {
      out.why_opaque =
          "the body has the content type " + (type.empty() ? std::string("(none)") : type);
    }
  } catch (const Error& e) {
    out = Body{};
    out.why_opaque = e.what();
  }
  return out;
}

std::string write_message(const NewTask& t) {
  json::Object headers = {{"lang", "py"},
                          {"task", t.task},
                          {"id", t.id},
                          {"shadow", nullptr},
                          {"eta", null_or_time(t.eta_us)},
                          {"expires", nullptr},
                          {"group", nullptr},
                          {"group_index", nullptr},
                          {"retries", 0},
                          {"timelimit", {nullptr, nullptr}},
                          {"root_id", t.root_id.empty() ? t.id : t.root_id},
                          {"parent_id", nullptr},
                          {"argsrepr", python_repr(t.args, Outer::as_tuple, kMaxRepr)},
                          {"kwargsrepr", python_repr(t.kwargs, Outer::as_it_is, kMaxRepr)},
                          {"origin", "z4j"},
                          {"ignore_result", false}};
  for (const auto& header : t.headers) {
    if (header.key() != "compression") headers.insert(header);  // those that are there stay
  }
  json::Object properties = fresh_properties(t.id, t.queue, t.priority);
  if (!t.periodic_task_name.empty())
    headers["periodic_task_name"] = properties["periodic_task_name"] = t.periodic_task_name;
  const json::Object root = {
      {"body", text::base64_encode(json_body(t.args, t.kwargs, kPlainEmbed))},
      {"content-encoding", "utf-8"},
      {"content-type", "application/json"},
      {"headers", std::move(headers)},
      {"properties", std::move(properties)}};
  return json::write(root);
}

std::string write_again(const Message& message, const Body& body, const Again& again) {
  const bool new_args = !again.args.empty() || !again.kwargs.empty();
  const bool leaves_chord = body.has_chord && !again.takes_its_place;
  const bool change = new_args || leaves_chord || message.protocol == 1;
  if (leaves_chord && body.form != BodyForm::json)
    throw Error(Z4J_UNSUPPORTED,
                "the task belongs to a chord, and its body is not JSON: it cannot be taken out");
  if (const std::string why = change ? why_not_editable(message, body, again) : ""; !why.empty()) {
    throw Error(Z4J_UNSUPPORTED, why);
  }
  json::Object root = message.envelope.root;
  json::Object headers = message.protocol == 1 ? json::Object() : message.envelope.headers();
  if (message.protocol == 1) {
    headers["lang"] = "py";
    headers["task"] = message.task;
    headers["timelimit"] = {nullptr, nullptr};
  }
  headers["id"] = again.id;
  headers["root_id"] = message.root_id.empty() ? again.id : message.root_id;
  if (!again.takes_its_place) {
    headers["parent_id"] = nullptr;
    headers["group"] = nullptr;
    headers["group_index"] = nullptr;
  }
  headers["retries"] = 0;
  headers["expires"] = nullptr;
  headers["eta"] = null_or_time(again.eta_us);
  headers.erase("redelivered");
  if (change) {
    const std::string& args = again.args.empty() ? body.args : again.args;
    const std::string& kwargs = again.kwargs.empty() ? body.kwargs : again.kwargs;
    const std::string embed = message.protocol == 1 ? kPlainEmbed
                              : leaves_chord        ? without_chord(body.embed)
                                                    : body.embed;
    headers.erase("compression");
    const bool pickled = body.form == BodyForm::pickle;
    root["body"] =
        text::base64_encode(pickled ? pickle_body(args, kwargs) : json_body(args, kwargs, embed));
    root["content-encoding"] = pickled ? "binary" : "utf-8";
    if (new_args || message.protocol == 1) {
      headers["argsrepr"] = python_repr(args, Outer::as_tuple, kMaxRepr);
      headers["kwargsrepr"] = python_repr(kwargs, Outer::as_it_is, kMaxRepr);
    }
  }
  json::Object properties = message.envelope.properties();
  json::Object info = object_or_empty(properties, "delivery_info");
  if (json::text(info, "routing_key") != again.queue)
    info = {{"exchange", ""}, {"routing_key", again.queue}};
  info.erase("redelivered");
  properties["correlation_id"] = again.id;
  properties["delivery_info"] = std::move(info);
  properties["delivery_tag"] = text::new_uuid();
  properties["priority"] = again.priority.value_or(message.priority);
  if (change) properties["body_encoding"] = "base64";
  properties.erase("expiration");
  root["headers"] = std::move(headers);
  root["properties"] = std::move(properties);
  return json::write(root);
}

}  // namespace z4j::celery
