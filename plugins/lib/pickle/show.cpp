#include "lib/pickle/classes.hpp"
#include "lib/pickle/pickle.hpp"

#include <charconv>
#include <cmath>
#include <utility>

namespace z4j::pickle {
namespace {

// Every visit of a node costs one, every byte of text its length: shared nodes cost each time, so
// neither a cycle nor a nest of references can make the output large.
class Purse {
 public:
  explicit Purse(const Budget& budget) : left_(budget) {}

  bool visit(std::size_t bytes = 0) {
    if (left_.nodes == 0 || left_.bytes < bytes) {
      left_.nodes = 0;
      return false;
    }
    --left_.nodes;
    left_.bytes -= bytes;
    return true;
  }
  bool enter() {
    if (left_.depth == 0) return false;
    --left_.depth;
    return true;
  }
  void leave() { ++left_.depth; }

 private:
  Budget left_;
};

std::optional<json::Value> exact_value(const Document& doc, NodeId id, TopTuple top, Purse& purse) {
  const Node& n = doc[id];
  if (!purse.visit(n.text.size()) || !purse.enter()) return std::nullopt;
  std::optional<json::Value> out;
  switch (n.kind) {
    case Kind::none:
      out.emplace(nullptr);
      break;
    case Kind::boolean:
      out.emplace(n.flag);
      break;
    case Kind::integer:
      out.emplace(n.integer);
      break;
    case Kind::real:
      if (std::isfinite(n.real)) out.emplace(n.real);
      break;
    case Kind::text:
      if (valid_utf8(n.text)) out.emplace(json::String(n.text));
      break;
    case Kind::tuple:
      if (top == TopTuple::refuse) break;
      [[fallthrough]];
    case Kind::list: {
      json::Array items;
      for (const NodeId item : n.items) {
        std::optional<json::Value> v = exact_value(doc, item, TopTuple::refuse, purse);
        if (!v) return std::nullopt;
        items.push_back(std::move(*v));
      }
      out.emplace(std::move(items));
      break;
    }
    case Kind::dict: {
      json::Object object;
      for (std::size_t i = 0; i + 1 < n.pairs.size(); i += 2) {
        const Node& key = doc[n.pairs[i]];
        if (key.kind != Kind::text || !valid_utf8(key.text) || !purse.visit(key.text.size()))
          return std::nullopt;
        std::optional<json::Value> v = exact_value(doc, n.pairs[i + 1], TopTuple::refuse, purse);
        if (!v) return std::nullopt;
        object.insert_or_assign(key.text, std::move(*v));
      }
      out.emplace(std::move(object));
      break;
    }
    default:
      break;
  }
  purse.leave();
  return out;
}

class ReprPrinter {
 public:
  ReprPrinter(const Document& doc, const Budget& budget)
      : doc_(doc), purse_(budget), print_([this](NodeId id) { print(id); }) {}

  std::string run(NodeId id) {
    print(id);
    return std::move(out_);
  }

 private:
  void print(NodeId id) {
    const Node& n = doc_[id];
    // An escape makes four bytes of one.
    if (!purse_.visit(n.text.size() * 4 + 8) || !purse_.enter()) {
      out_ += "...";
      return;
    }
    switch (n.kind) {
      case Kind::none:
        out_ += "None";
        break;
      case Kind::boolean:
        out_ += n.flag ? "True" : "False";
        break;
      case Kind::integer:
        out_ += std::to_string(n.integer);
        break;
      case Kind::big_integer:
        out_ += decimal_digits(n.text).value_or("<huge integer>");
        break;
      case Kind::real:
        real(n.real);
        break;
      case Kind::text:
        append_quoted(out_, n.text, false);
        break;
      case Kind::bytes:
        append_quoted(out_, n.text, true);
        break;
      case Kind::byte_array:
        out_ += "bytearray(";
        append_quoted(out_, n.text, true);
        out_ += ')';
        break;
      case Kind::list:
        items(n, "[", "]");
        break;
      case Kind::tuple:
        items(n, "(", n.items.size() == 1 ? ",)" : ")");
        break;
      case Kind::set:
        n.items.empty() ? void(out_ += "set()") : items(n, "{", "}");
        break;
      case Kind::frozen_set:
        n.items.empty() ? void(out_ += "frozenset()") : items(n, "frozenset({", "})");
        break;
      case Kind::dict: {
        out_ += '{';
        for (std::size_t i = 0; i + 1 < n.pairs.size() && !full(i / 2); i += 2) {
          if (i > 0) out_ += ", ";
          print(n.pairs[i]);
          out_ += ": ";
          print(n.pairs[i + 1]);
        }
        out_ += '}';
        break;
      }
      case Kind::global:
        out_ += '<';
        name(n.text);
        out_ += '>';
        break;
      case Kind::object:
        if (!print_known_class(doc_, n, out_, print_)) {
          out_ += '<';
          name(n.text.empty() ? std::string_view("unnamed") : std::string_view(n.text));
          out_ += " object>";
        }
        break;
    }
    purse_.leave();
  }
  void items(const Node& n, std::string_view open, std::string_view close) {
    out_ += open;
    for (std::size_t i = 0; i < n.items.size() && !full(i); ++i) {
      if (i > 0) out_ += ", ";
      print(n.items[i]);
    }
    out_ += close;
  }
  // Past the budget each further item would still cost three dots: stop at the first.
  bool full(std::size_t printed) {
    const bool ended = printed > 0 && out_.size() >= 3 &&
                       out_.compare(out_.size() - 3, 3, "...") == 0 && !purse_.visit();
    return ended;
  }
  void real(double d) {
    if (std::isnan(d)) {
      out_ += "nan";
      return;
    }
    if (std::isinf(d)) {
      out_ += d < 0 ? "-inf" : "inf";
      return;
    }
    char text[40];
    const auto [end, ec] = std::to_chars(text, text + sizeof text, d);
    const std::string_view digits(text, static_cast<std::size_t>(end - text));
    out_ += digits;
    if (digits.find_first_of(".e") == std::string_view::npos) out_ += ".0";
  }
  void name(std::string_view text) {
    for (const char c : text)
      out_ +=
          static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e ? '?' : c;
  }

  const Document& doc_;
  Purse purse_;
  std::string out_;
  PrintNode print_;
};

bool plain_value(const Document& doc, NodeId id, Purse& purse) {
  const Node& n = doc[id];
  if (n.kind == Kind::global || n.kind == Kind::object) return false;
  if (!purse.visit(n.text.size()) || !purse.enter()) return false;
  for (const NodeId item : n.items) {
    if (!plain_value(doc, item, purse)) return false;
  }
  for (const NodeId item : n.pairs) {
    if (!plain_value(doc, item, purse)) return false;
  }
  purse.leave();
  return true;
}

}  // namespace

std::optional<json::Value> to_json(const Document& doc, NodeId id, TopTuple top, Budget budget) {
  Purse purse(budget);
  return exact_value(doc, id, top, purse);
}

std::string to_repr(const Document& doc, NodeId id, Budget budget) {
  return ReprPrinter(doc, budget).run(id);
}

Shown show(const Document& doc, NodeId id, TopTuple top, Budget budget) {
  if (std::optional<json::Value> v = to_json(doc, id, top, budget))
    return Shown{std::move(*v), true};
  return Shown{json::Value(json::String(to_repr(doc, id, budget))), false};
}

bool is_plain(const Document& doc, NodeId id, Budget budget) {
  Purse purse(budget);
  return plain_value(doc, id, purse);
}

}  // namespace z4j::pickle
