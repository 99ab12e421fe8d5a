#include "lib/json/json.hpp"

#include <z4j/plugin.hpp>

#include <boost/json/src.hpp>

#include <string>

namespace z4j::json {

Value parse(std::string_view text, std::size_t max_bytes, std::size_t max_depth) {
  if (text.size() > max_bytes) {
    throw Error(Z4J_TOO_LARGE, "JSON of " + std::to_string(text.size()) + " bytes; at most " +
                                   std::to_string(max_bytes));
  }
  boost::json::parse_options options;
  options.max_depth = max_depth;
  boost::json::stream_parser parser({}, options);
  boost::system::error_code ec;
  const std::size_t used = parser.write_some(text.data(), text.size(), ec);
  if (!ec && used < text.size()) {
    if (text.find_first_not_of(" \t\r\n", used) != std::string_view::npos)
      ec = boost::json::error::extra_data;
  }
  if (!ec) parser.finish(ec);
  if (ec == boost::json::error::too_deep) {
    throw Error(Z4J_TOO_LARGE, "JSON nested deeper than " + std::to_string(max_depth));
  }
  if (ec)
    throw Error(Z4J_INVALID,
                "not valid JSON: " + ec.message() + " at byte " + std::to_string(used));
  return parser.release();
}

std::string write(const Value& value) { return boost::json::serialize(value); }

std::string_view text(const Object& o, std::string_view key, std::string_view fallback) {
  const Value* v = o.if_contains(key);
  if (v == nullptr || !v->is_string()) return fallback;
  return {v->get_string().data(), v->get_string().size()};
}

double number(const Object& o, std::string_view key, double fallback) {
  const Value* v = o.if_contains(key);
  if (v == nullptr) return fallback;
  if (v->is_double()) return v->get_double();
  if (v->is_int64()) return static_cast<double>(v->get_int64());
  if (v->is_uint64()) return static_cast<double>(v->get_uint64());
  return fallback;
}

std::int64_t integer(const Object& o, std::string_view key, std::int64_t fallback) {
  const Value* v = o.if_contains(key);
  return v != nullptr && v->is_int64() ? v->get_int64() : fallback;
}

bool boolean(const Object& o, std::string_view key, bool fallback) {
  const Value* v = o.if_contains(key);
  return v != nullptr && v->is_bool() ? v->get_bool() : fallback;
}

const Object* object(const Object& o, std::string_view key) {
  const Value* v = o.if_contains(key);
  return v != nullptr ? v->if_object() : nullptr;
}

const Array* array(const Object& o, std::string_view key) {
  const Value* v = o.if_contains(key);
  return v != nullptr ? v->if_array() : nullptr;
}

}  // namespace z4j::json
