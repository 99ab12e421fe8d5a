#include "base/json.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/src.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

namespace z4j::base::json {
namespace {

// Do none of the eight bytes at `at` need an escape? Most texts are long runs of such.
bool are_plain(const char* at) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kTops = kOnes << 7;
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, at, sizeof bytes);
  const std::uint64_t quote = bytes ^ (kOnes * '"'), backslash = bytes ^ (kOnes * '\\');
  const std::uint64_t found = ((bytes - kOnes * 0x20) & ~bytes) | ((quote - kOnes) & ~quote) |
                              ((backslash - kOnes) & ~backslash);
  return (found & kTops) == 0;
}

void append_string(std::string& out, std::string_view s) {
  static constexpr char kDigits[] = "0123456789abcdef";
  out += '"';
  std::size_t plain_from = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    while (s.size() - i >= 8 && are_plain(s.data() + i)) i += 8;
    if (i == s.size()) break;
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

// Writes the events of boost::json::basic_parser as canonical text. Unlike a DOM it sees the text
// of each number, so integers beyond 64 bits survive.
//
// Each item of an array and each member of an object is written with a comma before it; the first
// comma of a container becomes its bracket when it ends. Members that did not come in order are put
// in order then.
struct CanonicalWriter {
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  using ErrorCode = boost::json::error_code;
  using Text = boost::json::string_view;

  struct Member {
    std::size_t key, key_size;  // in keys, not escaped
    std::size_t from, to;       // in out, from its comma on
  };
  struct Container {
    bool is_array;
    bool is_in_order;
    std::size_t from;          // in out
    std::size_t first_member;  // in members
    std::size_t keys_from;     // in keys
  };
  std::string out;
  std::vector<Container> stack;
  std::vector<Member> members;  // of all open objects
  std::string keys;             // of those members
  std::string pending;          // parts of a string, key or number
  std::string sorted;           // scratch

  [[nodiscard]] std::string_view key_of(const Member& m) const {
    return std::string_view(keys).substr(m.key, m.key_size);
  }
  void begin_value() {
    if (!stack.empty() && stack.back().is_array) out += ',';
  }
  bool begin(bool is_array) {
    begin_value();
    stack.push_back({is_array, true, out.size(), members.size(), keys.size()});
    return true;
  }
  bool end() {
    const Container container = stack.back();
    stack.pop_back();
    if (out.size() == container.from) {
      out += container.is_array ? "[]" : "{}";
      return true;
    }
    if (!container.is_array) {
      members.back().to = out.size();
      if (!container.is_in_order) put_in_order(container);
      members.resize(container.first_member);
      keys.resize(container.keys_from);
    }
    out[container.from] = container.is_array ? '[' : '{';
    out += container.is_array ? ']' : '}';
    return true;
  }
  void put_in_order(const Container& container) {
    const auto first = members.begin() + static_cast<std::ptrdiff_t>(container.first_member);
    std::stable_sort(first, members.end(),
                     [this](const Member& a, const Member& b) { return key_of(a) < key_of(b); });
    sorted.clear();
    for (auto m = first; m != members.end(); ++m) {
      if (const auto next = m + 1; next != members.end() && key_of(*next) == key_of(*m))
        continue;  // the last wins
      sorted.append(out, m->from, m->to - m->from);
    }
    out.replace(container.from, std::string::npos, sorted);
  }
  void key(std::string_view name) {
    Container& object = stack.back();
    const bool is_first = members.size() == object.first_member;
    if (!is_first) {
      members.back().to = out.size();
      object.is_in_order = object.is_in_order && key_of(members.back()) < name;
    }
    members.push_back({keys.size(), name.size(), out.size(), 0});
    keys += name;
    out += ',';
    append_string(out, name);
    out += ':';
  }
  // Hands the whole text to `take`, whether or not parts of it came before.
  template <class F>
  void whole(Text last, F&& take) {
    if (pending.empty()) return take(std::string_view(last.data(), last.size()));
    pending.append(last.data(), last.size());
    take(std::string_view(pending));
    pending.clear();
  }
  bool part(Text s) {
    pending.append(s.data(), s.size());
    return true;
  }
  bool number(Text last, ErrorCode& ec) {
    bool is_finite = true;
    begin_value();
    whole(last, [&](std::string_view text) { is_finite = append_number(text); });
    if (!is_finite) ec = boost::json::error::exponent_overflow;
    return is_finite;
  }
  bool append_number(std::string_view text) {
    if (text.find_first_of(".eE") == std::string_view::npos) {
      out += text == "-0" ? std::string_view("0") : text;
      return true;
    }
    double value = 0;
    const std::errc failed = std::from_chars(text.data(), text.data() + text.size(), value).ec;
    if (failed == std::errc::result_out_of_range) {
      if (!is_underflow(text)) return false;
      value = text.front() == '-' ? -0.0 : 0.0;
    }
    append_float(out, value);
    return true;
  }
  // from_chars does not say on which side a number is out of range; a tiny one has a negative
  // exponent or leading zeros after the point.
  static bool is_underflow(std::string_view text) {
    const std::size_t e = text.find_first_of("eE");
    if (e != std::string_view::npos) return text[e + 1] == '-';
    return text.find_first_of("123456789") > text.find('.');
  }

  bool on_document_begin(ErrorCode&) { return true; }
  bool on_document_end(ErrorCode&) { return true; }
  bool on_object_begin(ErrorCode&) { return begin(false); }
  bool on_object_end(std::size_t, ErrorCode&) { return end(); }
  bool on_array_begin(ErrorCode&) { return begin(true); }
  bool on_array_end(std::size_t, ErrorCode&) { return end(); }
  bool on_key_part(Text s, std::size_t, ErrorCode&) { return part(s); }
  bool on_key(Text s, std::size_t, ErrorCode&) {
    whole(s, [this](std::string_view name) { key(name); });
    return true;
  }
  bool on_string_part(Text s, std::size_t, ErrorCode&) { return part(s); }
  bool on_string(Text s, std::size_t, ErrorCode&) {
    begin_value();
    whole(s, [this](std::string_view text) { append_string(out, text); });
    return true;
  }
  bool on_number_part(Text s, ErrorCode&) { return part(s); }
  bool on_int64(std::int64_t, Text s, ErrorCode& ec) { return number(s, ec); }
  bool on_uint64(std::uint64_t, Text s, ErrorCode& ec) { return number(s, ec); }
  bool on_double(double, Text s, ErrorCode& ec) { return number(s, ec); }
  bool on_bool(bool b, ErrorCode&) {
    begin_value();
    out += b ? "true" : "false";
    return true;
  }
  bool on_null(ErrorCode&) {
    begin_value();
    out += "null";
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
  boost::json::basic_parser<CanonicalWriter> parser(options);
  parser.handler().out.reserve(text.size());
  boost::json::error_code ec;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
  if (!ec && !only_blanks(text.substr(used))) ec = boost::json::error::extra_data;
  if (ec) return parse_error(ec, used, limits);
  return std::move(parser.handler().out);
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
