#include "lib/pickle/pickle.hpp"

#include <z4j/plugin.hpp>

#include <cstring>
#include <utility>

namespace z4j::pickle {
namespace {

void append_little(std::string& out, std::uint64_t v, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) out += static_cast<char>(v >> (8 * i) & 0xff);
}

void append_sized(std::string& out, std::string_view data, char op4, char op8) {
  const bool small = data.size() <= 0xffffffffu;
  out += small ? op4 : op8;
  append_little(out, data.size(), small ? 4 : 8);
  out += data;
}

void append_real(std::string& out, double d) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &d, sizeof bits);
  out += 'G';
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(bits >> shift & 0xff);
}

}  // namespace

Writer::Writer() : out_("\x80\x04") {}
void Writer::mark() { out_ += '('; }
void Writer::tuple() { out_ += 't'; }
void Writer::none() { out_ += 'N'; }
void Writer::text(std::string_view utf8) { append_sized(out_, utf8, 'X', '\x8d'); }

void Writer::integer(std::int64_t n) {
  if (n >= 0 && n <= 255) {
    out_ += 'K';
    append_little(out_, static_cast<std::uint64_t>(n), 1);
  } else if (n >= INT32_MIN && n <= INT32_MAX) {
    out_ += 'J';
    append_little(out_, static_cast<std::uint64_t>(n), 4);
  } else {
    out_ += "\x8a\x08";
    append_little(out_, static_cast<std::uint64_t>(n), 8);
  }
}

void Writer::big_integer(std::string_view raw) {
  if (raw.size() <= 255) {
    out_ += '\x8a';
    append_little(out_, raw.size(), 1);
  } else {
    out_ += '\x8b';
    append_little(out_, raw.size(), 4);
  }
  out_ += raw;
}

void Writer::value(const json::Value& v) {
  switch (v.kind()) {
    case boost::json::kind::null:
      none();
      break;
    case boost::json::kind::bool_:
      out_ += v.get_bool() ? '\x88' : '\x89';
      break;
    case boost::json::kind::int64:
      integer(v.get_int64());
      break;
    case boost::json::kind::uint64: {
      std::string raw;
      append_little(raw, v.get_uint64(), 8);
      raw += '\0';
      big_integer(raw);
      break;
    }
    case boost::json::kind::double_:
      append_real(out_, v.get_double());
      break;
    case boost::json::kind::string:
      text({v.get_string().data(), v.get_string().size()});
      break;
    case boost::json::kind::array:
      out_ += "](";
      for (const json::Value& item : v.get_array()) value(item);
      out_ += 'e';
      break;
    case boost::json::kind::object:
      out_ += "}(";
      for (const auto& member : v.get_object()) {
        text({member.key().data(), member.key().size()});
        value(member.value());
      }
      out_ += 'u';
      break;
  }
}

void Writer::tuple_of(const json::Array& items) {
  mark();
  for (const json::Value& item : items) value(item);
  tuple();
}

void Writer::node(const Document& doc, NodeId id) {
  if (!is_plain(doc, id)) {
    throw Error(Z4J_INVALID,
                "the value holds objects of the application and cannot be written again");
  }
  plain_node(doc, id);
}

void Writer::plain_node(const Document& doc, NodeId id) {
  const Node& n = doc[id];
  const auto items = [&] {
    for (const NodeId item : n.items) plain_node(doc, item);
  };
  switch (n.kind) {
    case Kind::none:
      none();
      break;
    case Kind::boolean:
      out_ += n.flag ? '\x88' : '\x89';
      break;
    case Kind::integer:
      integer(n.integer);
      break;
    case Kind::big_integer:
      big_integer(n.text);
      break;
    case Kind::real:
      append_real(out_, n.real);
      break;
    case Kind::text:
      text(n.text);
      break;
    case Kind::bytes:
      append_sized(out_, n.text, 'B', '\x8e');
      break;
    case Kind::byte_array:
      out_ += "cbuiltins\nbytearray\n";
      append_sized(out_, n.text, 'B', '\x8e');
      out_ += "\x85R";
      break;
    case Kind::list:
      out_ += "](";
      items();
      out_ += 'e';
      break;
    case Kind::tuple:
      out_ += '(';
      items();
      out_ += 't';
      break;
    case Kind::set:
      out_ += "\x8f(";
      items();
      out_ += '\x90';
      break;
    case Kind::frozen_set:
      out_ += '(';
      items();
      out_ += '\x91';
      break;
    case Kind::dict:
      out_ += "}(";
      for (const NodeId part : n.pairs) plain_node(doc, part);
      out_ += 'u';
      break;
    case Kind::global:
    case Kind::object:
      break;
  }
}

std::string Writer::finish() {
  out_ += '.';
  return std::exchange(out_, "\x80\x04");
}

}  // namespace z4j::pickle
