#include "lib/pickle/classes.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <vector>

namespace z4j::pickle {
namespace {

class KnownClass {
 public:
  KnownClass(const Document& doc, const Node& object, std::string& out, const PrintNode& print)
      : doc_(doc), object_(object), out_(out), print_(print) {
    if (object.args != kNoNode && doc[object.args].kind == Kind::tuple)
      args_ = doc[object.args].items;
  }

  bool run() {
    const std::string_view name = object_.text;
    if (name == "datetime.datetime") return date_time(10, "datetime.datetime");
    if (name == "datetime.time") return date_time(6, "datetime.time");
    if (name == "datetime.date") return date();
    if (name == "datetime.timedelta") return time_delta();
    if (name == "datetime.timezone") return time_zone();
    if (name == "decimal.Decimal") return call("Decimal", 1);
    if (name == "uuid.UUID") return uuid();
    if (name == "builtins.complex" || name == "__builtin__.complex") return complex();
    if (name == "builtins.set" || name == "__builtin__.set")
      return items_of_list("{", "}", "set()");
    if (name == "builtins.frozenset" || name == "__builtin__.frozenset") {
      return items_of_list("frozenset({", "})", "frozenset()");
    }
    if (name == "builtins.bytearray" || name == "__builtin__.bytearray") return byte_array();
    if (name == "_codecs.encode") return encoded_bytes();
    if (name == "collections.OrderedDict") return mapping("OrderedDict(");
    if (name == "collections.defaultdict") return mapping("defaultdict(");
    if (name == "pytz._UTC" || name == "pytz.UTC") return fixed("<UTC>");
    if (name == "zoneinfo.ZoneInfo._unpickle") return zone_info();
    return false;
  }

 private:
  const Node* arg(std::size_t i) const { return i < args_.size() ? &doc_[args_[i]] : nullptr; }
  bool fixed(std::string_view text) {
    out_ += text;
    return true;
  }

  // Protocols below 3 write bytes as a call that encodes a text as Latin 1.
  std::optional<std::string> bytes_of(const Node* n) const {
    if (n == nullptr) return std::nullopt;
    if (n->kind == Kind::bytes) return n->text;
    if (n->kind != Kind::object || n->text != "_codecs.encode" || n->args == kNoNode)
      return std::nullopt;
    const Node& args = doc_[n->args];
    if (args.kind != Kind::tuple || args.items.size() != 2 ||
        doc_[args.items[0]].kind != Kind::text)
      return std::nullopt;
    const std::string_view encoding = doc_[args.items[1]].text;
    if (encoding != "latin1" && encoding != "latin-1") return std::nullopt;
    return latin1(doc_[args.items[0]].text);
  }
  static std::optional<std::string> latin1(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const unsigned char c = static_cast<unsigned char>(text[i]);
      if (c < 0x80) {
        out += text[i];
      } else if ((c == 0xc2 || c == 0xc3) && i + 1 < text.size()) {
        out += static_cast<char>((c & 3) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3f));
      } else {
        return std::nullopt;
      }
    }
    return out;
  }

  bool date_time(std::size_t length, const char* name) {
    const auto raw = bytes_of(arg(0));
    if (!raw || raw->size() != length || args_.size() > 2) return false;
    const auto at = [&](std::size_t i) {
      return static_cast<unsigned>(static_cast<unsigned char>((*raw)[i]));
    };
    std::vector<unsigned> parts;
    const std::size_t clock = length - 6;
    const bool fold = (length == 10 ? at(2) : at(0)) >= 128;
    if (length == 10) parts = {at(0) << 8 | at(1), at(2) & 127u, at(3)};
    parts.insert(parts.end(),
                 {length == 10 ? at(clock) : at(clock) & 127u, at(clock + 1), at(clock + 2),
                  at(clock + 3) << 16 | at(clock + 4) << 8 | at(clock + 5)});
    if (parts.back() == 0) parts.pop_back();
    out_ += name;
    for (std::size_t i = 0; i < parts.size(); ++i)
      out_ += (i == 0 ? "(" : ", ") + std::to_string(parts[i]);
    if (fold) out_ += ", fold=1";
    if (args_.size() == 2) {
      out_ += ", tzinfo=";
      print_(args_[1]);
    }
    out_ += ')';
    return true;
  }
  bool date() {
    const auto raw = bytes_of(arg(0));
    if (!raw || raw->size() != 4) return false;
    const auto at = [&](std::size_t i) {
      return static_cast<unsigned>(static_cast<unsigned char>((*raw)[i]));
    };
    out_ += "datetime.date(" + std::to_string(at(0) << 8 | at(1)) + ", " + std::to_string(at(2)) +
            ", " + std::to_string(at(3)) + ")";
    return true;
  }
  bool time_delta() {
    if (args_.size() != 3) return false;
    static constexpr std::array<const char*, 3> kNames = {"days=", "seconds=", "microseconds="};
    std::string inner;
    for (std::size_t i = 0; i < 3; ++i) {
      if (arg(i)->kind != Kind::integer) return false;
      if (arg(i)->integer == 0) continue;
      inner +=
          (inner.empty() ? "" : ", ") + std::string(kNames[i]) + std::to_string(arg(i)->integer);
    }
    out_ += "datetime.timedelta(" + (inner.empty() ? "0" : inner) + ")";
    return true;
  }
  bool time_zone() {
    if (args_.empty() || args_.size() > 2 || arg(0)->kind != Kind::object ||
        arg(0)->text != "datetime.timedelta")
      return false;
    const Node& delta = *arg(0);
    if (delta.args != kNoNode && args_.size() == 1) {
      const std::vector<NodeId>& parts = doc_[delta.args].items;
      if (std::all_of(parts.begin(), parts.end(), [&](NodeId p) {
            return doc_[p].kind == Kind::integer && doc_[p].integer == 0;
          })) {
        return fixed("datetime.timezone.utc");
      }
    }
    return call("datetime.timezone", args_.size());
  }
  bool call(std::string_view name, std::size_t count) {
    if (args_.size() != count) return false;
    out_ += name;
    for (std::size_t i = 0; i < count; ++i) {
      out_ += i == 0 ? "(" : ", ";
      print_(args_[i]);
    }
    out_ += ')';
    return true;
  }
  bool uuid() {
    if (object_.state == kNoNode || doc_[object_.state].kind != Kind::dict) return false;
    const std::vector<NodeId>& pairs = doc_[object_.state].pairs;
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
      if (doc_[pairs[i]].kind != Kind::text || doc_[pairs[i]].text != "int") continue;
      const Node& n = doc_[pairs[i + 1]];
      std::array<unsigned char, 16> raw{};
      if (n.kind == Kind::integer && n.integer >= 0) {
        for (std::size_t k = 0; k < 8; ++k)
          raw[15 - k] = static_cast<unsigned char>(n.integer >> (8 * k));
      } else if (n.kind == Kind::big_integer && n.text.size() <= 17 &&
                 (n.text.size() < 17 || n.text[16] == 0)) {
        for (std::size_t k = 0; k < n.text.size() && k < 16; ++k)
          raw[15 - k] = static_cast<unsigned char>(n.text[k]);
      } else {
        return false;
      }
      out_ += "UUID('";
      for (std::size_t k = 0; k < 16; ++k) {
        if (k == 4 || k == 6 || k == 8 || k == 10) out_ += '-';
        out_ += "0123456789abcdef"[raw[k] >> 4];
        out_ += "0123456789abcdef"[raw[k] & 15];
      }
      return fixed("')");
    }
    return false;
  }
  bool complex() {
    if (args_.size() != 2 || arg(0)->kind != Kind::real || arg(1)->kind != Kind::real) return false;
    char text[80];
    std::snprintf(text, sizeof text, "(%.17g%+.17gj)", arg(0)->real, arg(1)->real);
    return fixed(text);
  }
  bool items_of_list(std::string_view open, std::string_view close, std::string_view empty) {
    if (args_.size() > 1) return false;
    if (args_.empty()) return fixed(empty);
    const Node& list = *arg(0);
    if (list.kind != Kind::list && list.kind != Kind::tuple) return false;
    if (list.items.empty()) return fixed(empty);
    out_ += open;
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      if (i > 0) out_ += ", ";
      print_(list.items[i]);
    }
    out_ += close;
    return true;
  }
  bool byte_array() {
    std::optional<std::string> raw = args_.empty() ? std::string() : bytes_of(arg(0));
    if (!raw && args_.size() == 2 && arg(0)->kind == Kind::text) raw = latin1(arg(0)->text);
    if (!raw) return false;
    out_ += "bytearray(";
    append_quoted(out_, *raw, true);
    out_ += ')';
    return true;
  }
  bool encoded_bytes() {
    const auto raw = bytes_of(&object_);
    if (!raw) return false;
    append_quoted(out_, *raw, true);
    return true;
  }
  // Ordered and default dicts come as a call and then their pairs; Python 2 gives a list of pairs.
  bool mapping(std::string_view open) {
    out_ += open;
    const bool has_factory = !args_.empty() && arg(0)->kind != Kind::list;
    if (has_factory) {
      print_(args_[0]);
      out_ += ", ";
    }
    out_ += '{';
    for (std::size_t i = 0; i + 1 < object_.pairs.size(); i += 2) {
      if (i > 0) out_ += ", ";
      print_(object_.pairs[i]);
      out_ += ": ";
      print_(object_.pairs[i + 1]);
    }
    out_ += '}';
    if (!has_factory && !args_.empty()) {
      out_ += ", ";
      print_(args_[0]);
    }
    out_ += ')';
    return true;
  }
  bool zone_info() {
    if (args_.empty() || arg(0)->kind != Kind::text) return false;
    out_ += "zoneinfo.ZoneInfo(key=";
    print_(args_[0]);
    out_ += ')';
    return true;
  }

  const Document& doc_;
  const Node& object_;
  std::string& out_;
  const PrintNode& print_;
  std::vector<NodeId> args_;
};

}  // namespace

bool print_known_class(const Document& doc, const Node& object, std::string& out,
                       const PrintNode& print) {
  return KnownClass(doc, object, out, print).run();
}

void append_quoted(std::string& out, std::string_view text, bool as_bytes) {
  const bool plain = !as_bytes && valid_utf8(text);
  const char quote =
      text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos ? '"'
                                                                                            : '\'';
  if (as_bytes) out += 'b';
  out += quote;
  for (const char c : text) {
    const unsigned char u = static_cast<unsigned char>(c);
    if (c == quote || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (u < 0x20 || u == 0x7f || (u >= 0x80 && !plain)) {
      out += "\\x";
      out += "0123456789abcdef"[u >> 4];
      out += "0123456789abcdef"[u & 15];
    } else {
      out += c;
    }
  }
  out += quote;
}

}  // namespace z4j::pickle
