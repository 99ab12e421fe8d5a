#include "base/json.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/src.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

namespace z4j::base::json {
namespace {

void append_string(std::string& out, std::string_view s) {
  static constexpr char kDigits[] = "0123456789abcdef";
  out += '"';
  std::size_t plain_from = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const auto c = static_cast<unsigned char>(s[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(s, plain_from, i - plain_from);
    plain_from = i + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        out += "\\u00";
        out += kDigits[c >> 4];
        out += kDigits[c & 15];
    }
  }
  out.append(s, plain_from, s.size() - plain_from);
  out += '"';
}

// A parsed value whose scalars are canonical text already.
struct CanonicalMember;
struct CanonicalNode {
  enum class Kind { scalar, array, object } kind = Kind::scalar;
  std::string text;                      // scalar
  std::vector<CanonicalNode> items;      // array
  std::vector<CanonicalMember> members;  // object

  void write(std::string& out);
};

struct CanonicalMember {
  std::string key;
  CanonicalNode value;
};

void CanonicalNode::write(std::string& out) {
  switch (kind) {
    case Kind::scalar:
      out += text;
      return;
    case Kind::array: {
      out += '[';
      for (std::size_t i = 0; i < items.size(); ++i) {
        if (i > 0) out += ',';
        items[i].write(out);
      }
      out += ']';
      return;
    }
    case Kind::object: {
      std::stable_sort(
          members.begin(), members.end(),
          [](const CanonicalMember& a, const CanonicalMember& b) { return a.key < b.key; });
      out += '{';
      bool first = true;
      for (std::size_t i = 0; i < members.size(); ++i) {
        if (i + 1 < members.size() && members[i + 1].key == members[i].key)
          continue;  // the last wins
        if (!first) out += ',';
        first = false;
        append_string(out, members[i].key);
        out += ':';
        members[i].value.write(out);
      }
      out += '}';
      return;
    }
  }
}

// The events of boost::json::basic_parser, kept as canonical nodes: unlike a DOM it sees the text
// of each number, so integers beyond 64 bits survive.
struct CanonicalHandler {
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  using ErrorCode = boost::json::error_code;
  using Text = boost::json::string_view;

  struct Frame {
    CanonicalNode node;
    std::string key;  // of the member being read
  };
  std::vector<Frame> stack;
  CanonicalNode root;
  std::string pending;  // parts of a string, key or number
  bool number_overflows = false;

  void add(CanonicalNode node) {
    if (stack.empty()) {
      root = std::move(node);
    } else if (Frame& top = stack.back(); top.node.kind == CanonicalNode::Kind::array) {
      top.node.items.push_back(std::move(node));
    } else {
      top.node.members.push_back(CanonicalMember{std::move(top.key), std::move(node)});
      top.key.clear();
    }
  }
  void add_scalar(std::string text) {
    CanonicalNode node;
    node.text = std::move(text);
    add(std::move(node));
  }
  bool begin(CanonicalNode::Kind kind) {
    stack.emplace_back();
    stack.back().node.kind = kind;
    return true;
  }
  bool end() {
    CanonicalNode node = std::move(stack.back().node);
    stack.pop_back();
    add(std::move(node));
    return true;
  }
  bool number(Text last, ErrorCode& ec) {
    pending.append(last.data(), last.size());
    std::string text = std::exchange(pending, {});
    if (text.find_first_of(".eE") == std::string::npos) {
      add_scalar(text == "-0" ? "0" : std::move(text));
      return true;
    }
    double value = 0;
    const std::errc failed = std::from_chars(text.data(), text.data() + text.size(), value).ec;
    if (failed == std::errc::result_out_of_range) {
      if (is_underflow(text)) {
        value = text.front() == '-' ? -0.0 : 0.0;
      } else {
        number_overflows = true;
        ec = boost::json::error::exponent_overflow;
        return false;
      }
    }
    std::string out;
    append_float(out, value);
    add_scalar(std::move(out));
    return true;
  }
  // from_chars does not say on which side a number is out of range; a tiny one has a negative
  // exponent or leading zeros after the point.
  static bool is_underflow(const std::string& text) {
    const std::size_t e = text.find_first_of("eE");
    if (e != std::string::npos) return text[e + 1] == '-';
    return text.find_first_of("123456789") > text.find('.');
  }

  bool on_document_begin(ErrorCode&) { return true; }
  bool on_document_end(ErrorCode&) { return true; }
  bool on_object_begin(ErrorCode&) { return begin(CanonicalNode::Kind::object); }
  bool on_object_end(std::size_t, ErrorCode&) { return end(); }
  bool on_array_begin(ErrorCode&) { return begin(CanonicalNode::Kind::array); }
  bool on_array_end(std::size_t, ErrorCode&) { return end(); }
  bool on_key_part(Text s, std::size_t, ErrorCode&) {
    pending.append(s.data(), s.size());
    return true;
  }
  bool on_key(Text s, std::size_t, ErrorCode&) {
    pending.append(s.data(), s.size());
    stack.back().key = std::exchange(pending, {});
    return true;
  }
  bool on_string_part(Text s, std::size_t, ErrorCode&) {
    pending.append(s.data(), s.size());
    return true;
  }
  bool on_string(Text s, std::size_t, ErrorCode&) {
    pending.append(s.data(), s.size());
    std::string out;
    append_string(out, std::exchange(pending, {}));
    add_scalar(std::move(out));
    return true;
  }
  bool on_number_part(Text s, ErrorCode&) {
    pending.append(s.data(), s.size());
    return true;
  }
  bool on_int64(std::int64_t, Text s, ErrorCode& ec) { return number(s, ec); }
  bool on_uint64(std::uint64_t, Text s, ErrorCode& ec) { return number(s, ec); }
  bool on_double(double, Text s, ErrorCode& ec) { return number(s, ec); }
  bool on_bool(bool b, ErrorCode&) {
    add_scalar(b ? "true" : "false");
    return true;
  }
  bool on_null(ErrorCode&) {
    add_scalar("null");
    return true;
  }
  bool on_comment_part(Text, ErrorCode&) { return true; }
  bool on_comment(Text, ErrorCode&) { return true; }
};

enum class Members { as_given, sorted };

void append_value(std::string& out, const Value& value, Members order) {
  const auto append_member = [&](const boost::json::key_value_pair& member, bool& first) {
    if (!std::exchange(first, false)) out += ',';
    append_string(out, {member.key().data(), member.key().size()});
    out += ':';
    append_value(out, member.value(), order);
  };
  bool first = true;
  switch (value.kind()) {
    case boost::json::kind::null:
      out += "null";
      return;
    case boost::json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      return;
    case boost::json::kind::int64:
      out += std::to_string(value.get_int64());
      return;
    case boost::json::kind::uint64:
      out += std::to_string(value.get_uint64());
      return;
    case boost::json::kind::double_:
      if (!std::isfinite(value.get_double()))
        out += "null";  // JSON has no word for it
      else
        append_float(out, value.get_double());
      return;
    case boost::json::kind::string:
      append_string(out, {value.get_string().data(), value.get_string().size()});
      return;
    case boost::json::kind::array:
      out += '[';
      for (const Value& item : value.get_array()) {
        if (!std::exchange(first, false)) out += ',';
        append_value(out, item, order);
      }
      out += ']';
      return;
    case boost::json::kind::object: {
      const Object& object = value.get_object();
      out += '{';
      if (order == Members::as_given) {
        for (const auto& member : object) append_member(member, first);
      } else {
        std::vector<const boost::json::key_value_pair*> members;
        members.reserve(object.size());
        for (const auto& member : object) members.push_back(&member);
        std::sort(members.begin(), members.end(),
                  [](const auto* a, const auto* b) { return a->key() < b->key(); });
        for (const auto* member : members) append_member(*member, first);
      }
      out += '}';
      return;
    }
  }
}

Error parse_error(const boost::json::error_code& ec, std::size_t at, const Limits& limits) {
  if (ec == boost::json::error::too_deep) {
    return Error{.code = Code::too_large,
                 .message = "JSON nested deeper than " + std::to_string(limits.max_depth),
                 .where = {},
                 .hint = {}};
  }
  return Error{.code = Code::invalid,
               .message = "not valid JSON: " + ec.message() + " at byte " + std::to_string(at),
               .where = {},
               .hint = {}};
}

Error too_many_bytes(std::size_t size, const Limits& limits) {
  return Error{.code = Code::too_large,
               .message = "JSON of " + std::to_string(size) + " bytes; at most " +
                          std::to_string(limits.max_bytes),
               .where = {},
               .hint = {}};
}

bool only_blanks(std::string_view rest) {
  return rest.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace

Result<Value> parse(std::string_view text, const Limits& limits, StoragePtr memory) {
  if (text.size() > limits.max_bytes) return too_many_bytes(text.size(), limits);
  boost::json::parse_options options;
  options.max_depth = limits.max_depth;
  unsigned char scratch[4096];
  boost::json::stream_parser parser({}, options, scratch, sizeof scratch);
  parser.reset(std::move(memory));
  boost::json::error_code ec;
  const std::size_t used = parser.write_some(text.data(), text.size(), ec);
  if (!ec && !only_blanks(text.substr(used))) ec = boost::json::error::extra_data;
  if (!ec) parser.finish(ec);
  if (ec) return parse_error(ec, used, limits);
  return parser.release();
}

std::string write(const Value& value) {
  std::string out;
  append_value(out, value, Members::as_given);
  return out;
}

Result<std::string> canonical(std::string_view text, const Limits& limits) {
  if (text.size() > limits.max_bytes) return too_many_bytes(text.size(), limits);
  boost::json::parse_options options;
  options.max_depth = limits.max_depth;
  boost::json::basic_parser<CanonicalHandler> parser(options);
  boost::json::error_code ec;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
  if (!ec && !only_blanks(text.substr(used))) ec = boost::json::error::extra_data;
  if (ec) return parse_error(ec, used, limits);
  std::string out;
  out.reserve(text.size());
  parser.handler().root.write(out);
  return out;
}

std::string write_canonical(const Value& value) {
  std::string out;
  append_value(out, value, Members::sorted);
  return out;
}

void append_float(std::string& out, double number) {
  Z4J_CHECK(std::isfinite(number));
  char digits[40];
  const auto done =
      std::to_chars(digits, digits + sizeof digits, number, std::chars_format::scientific);
  std::string_view text(digits, static_cast<std::size_t>(done.ptr - digits));
  if (text.front() == '-') {
    out += '-';
    text.remove_prefix(1);
  }
  const std::size_t e = text.find('e');
  int exponent = 0;
  std::string_view exponent_text = text.substr(e + 1);
  if (exponent_text.front() == '+') exponent_text.remove_prefix(1);
  std::from_chars(exponent_text.data(), exponent_text.data() + exponent_text.size(), exponent);
  std::string mantissa(1, text.front());
  if (e > 1) mantissa += text.substr(2, e - 2);
  if (exponent < -4 || exponent > 15) {
    out += mantissa.front();
    if (mantissa.size() > 1) {
      out += '.';
      out.append(mantissa, 1);
    }
    out += exponent < 0 ? "e-" : "e+";
    const int magnitude = std::abs(exponent);
    if (magnitude < 10) out += '0';
    out += std::to_string(magnitude);
    return;
  }
  if (exponent < 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-exponent - 1), '0');
    out += mantissa;
    return;
  }
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (mantissa.size() <= whole) {
    out += mantissa;
    out.append(whole - mantissa.size(), '0');
    out += ".0";
  } else {
    out.append(mantissa, 0, whole);
    out += '.';
    out.append(mantissa, whole);
  }
}

std::string_view text(const Object& o, std::string_view key, std::string_view fallback) {
  const Value* v = o.if_contains(key);
  if (v == nullptr || !v->is_string()) return fallback;
  return {v->get_string().data(), v->get_string().size()};
}

const Object* object(const Object& o, std::string_view key) {
  const Value* v = o.if_contains(key);
  return v != nullptr ? v->if_object() : nullptr;
}

const Array* array(const Object& o, std::string_view key) {
  const Value* v = o.if_contains(key);
  return v != nullptr ? v->if_array() : nullptr;
}

std::int64_t integer(const Object& o, std::string_view key, std::int64_t fallback) {
  const Value* v = o.if_contains(key);
  return v != nullptr && v->is_int64() ? v->get_int64() : fallback;
}

double number(const Object& o, std::string_view key, double fallback) {
  const Value* v = o.if_contains(key);
  if (v == nullptr) return fallback;
  if (v->is_double()) return v->get_double();
  if (v->is_int64()) return static_cast<double>(v->get_int64());
  if (v->is_uint64()) return static_cast<double>(v->get_uint64());
  return fallback;
}

bool boolean(const Object& o, std::string_view key, bool fallback) {
  const Value* v = o.if_contains(key);
  return v != nullptr && v->is_bool() ? v->get_bool() : fallback;
}

Value text_or_null(std::string_view s) {
  return s.empty() ? Value(nullptr) : Value(boost::json::string_view(s));
}

}  // namespace z4j::base::json
