#include "lib/pickle/pickle.hpp"

#include <z4j/plugin.hpp>

#include <charconv>
#include <cmath>
#include <cstring>
#include <unordered_map>
#include <utility>

namespace z4j::pickle {
namespace {

int pickle_hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void append_utf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

// The stack machine. Values are node numbers; the memo refers to the same nodes, so shared and
// cyclic values stay shared and cyclic.
class Machine {
 public:
  Machine(std::string_view bytes, const Limits& limits) : in_(bytes), limits_(limits) {}

  Document run() {
    if (in_.size() > limits_.max_bytes) {
      throw Error(Z4J_TOO_LARGE, "a pickle of " + std::to_string(in_.size()) + " bytes; at most " +
                                     std::to_string(limits_.max_bytes) + " are read");
    }
    while (step()) {
    }
    return std::move(doc_);
  }

 private:
  [[noreturn]] void bad(const std::string& why) const {
    throw Error(Z4J_INVALID,
                "not a readable pickle: " + why + " at byte " + std::to_string(op_at_));
  }
  void spend(std::size_t n) {
    spent_ += n;
    if (spent_ > limits_.max_items) {
      throw Error(Z4J_TOO_LARGE,
                  "a pickle with more than " + std::to_string(limits_.max_items) + " items");
    }
  }

  std::string_view take(std::uint64_t n) {
    if (n > in_.size() - at_) bad("it ends too early");
    const std::string_view out = in_.substr(at_, static_cast<std::size_t>(n));
    at_ += static_cast<std::size_t>(n);
    return out;
  }
  std::uint64_t little(std::size_t n) {
    const std::string_view raw = take(n);
    std::uint64_t v = 0;
    for (std::size_t i = n; i-- > 0;) v = v << 8 | static_cast<unsigned char>(raw[i]);
    return v;
  }
  std::string_view line() {
    const std::size_t end = in_.find('\n', at_);
    if (end == std::string_view::npos) bad("a line without end");
    const std::string_view out = in_.substr(at_, end - at_);
    at_ = end + 1;
    return out;
  }

  NodeId make(Kind kind) {
    spend(1);
    doc_.nodes.emplace_back();
    doc_.nodes.back().kind = kind;
    return static_cast<NodeId>(doc_.nodes.size() - 1);
  }
  Node& node(NodeId id) { return doc_.nodes[id]; }
  void push(NodeId id) {
    spend(1);
    stack_.push_back(id);
  }
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  NodeId pop() {
    if (stack_.size() <= floor()) bad("the stack is empty");
    const NodeId id = stack_.back();
    stack_.pop_back();
    return id;
  }
  NodeId top() const {
    if (stack_.size() <= floor()) bad("the stack is empty");
    return stack_.back();
  }
  std::vector<NodeId> pop_to_mark() {
    if (marks_.empty()) bad("no mark");
    std::vector<NodeId> out(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()),
                            stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    spend(out.size());
    return out;
  }

  void push_text(Kind kind, std::string_view text) {
    const NodeId id = make(kind);
    node(id).text = text;
    push(id);
  }
  void push_integer(std::int64_t n) {
    const NodeId id = make(Kind::integer);
    node(id).integer = n;
    push(id);
  }
  void push_boolean(bool b) {
    const NodeId id = make(Kind::boolean);
    node(id).flag = b;
    push(id);
  }
  void push_long(std::string_view raw) {
    if (raw.size() > 8) {
      push_text(Kind::big_integer, raw);
      return;
    }
    std::uint64_t v = !raw.empty() && (raw.back() & 0x80) != 0 ? ~std::uint64_t{0} : 0;
    for (std::size_t i = raw.size(); i-- > 0;) v = v << 8 | static_cast<unsigned char>(raw[i]);
    push_integer(static_cast<std::int64_t>(v));
  }
  void push_decimal(std::string_view digits) {
    if (!digits.empty() && digits.back() == 'L') digits.remove_suffix(1);
    std::int64_t n = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
    if (ec == std::errc() && end == digits.data() + digits.size()) {
      push_integer(n);
    } else {
      bad("a number beyond 64 bits in decimal digits");
    }
  }
  void push_tuple(std::size_t n) {
    if (stack_.size() - floor() < n) bad("the stack is empty");
    const NodeId id = make(Kind::tuple);
    node(id).items.assign(stack_.end() - static_cast<std::ptrdiff_t>(n), stack_.end());
    stack_.resize(stack_.size() - n);
    spend(n);
    push(id);
  }
  void push_items(Kind kind) {
    std::vector<NodeId> items = pop_to_mark();
    const NodeId id = make(kind);
    node(id).items = std::move(items);
    push(id);
  }
  void push_object(NodeId callable, NodeId args) {
    const NodeId id = make(Kind::object);
    if (node(callable).kind == Kind::global) node(id).text = node(callable).text;
    node(id).args = args;
    push(id);
  }
  void push_global(std::string_view module, std::string_view name) {
    std::string full(module);
    full += '.';
    full += name;
    push_text(Kind::global, full);
  }

  // Appending to a list, a set, or an object that says it is one.
  void add_items(std::vector<NodeId> items, Kind plain) {
    Node& to = node(top());
    if (to.kind != plain && to.kind != Kind::object) bad("items for what is no container");
    to.items.insert(to.items.end(), items.begin(), items.end());
  }
  void add_pairs(std::vector<NodeId> pairs) {
    if (pairs.size() % 2 != 0) bad("a key without value");
    Node& to = node(top());
    if (to.kind != Kind::dict && to.kind != Kind::object) bad("pairs for what is no dict");
    to.pairs.insert(to.pairs.end(), pairs.begin(), pairs.end());
  }

  void memoize(std::uint64_t index) {
    if (index > 0xffffffffu) bad("a memo index out of range");
    spend(1);
    memo_[static_cast<std::uint32_t>(index)] = top();
  }
  void recall(std::uint64_t index) {
    const auto it = memo_.find(static_cast<std::uint32_t>(index));
    if (index > 0xffffffffu || it == memo_.end()) bad("an unknown memo index");
    push(it->second);
  }
  std::uint64_t index_line() {
    const std::string_view digits = line();
    std::uint64_t n = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
    if (ec != std::errc() || end != digits.data() + digits.size()) bad("a number was expected");
    return n;
  }

  void text_integer() {
    const std::string_view digits = line();
    if (digits == "00" || digits == "01") {
      push_boolean(digits == "01");
    } else {
      push_decimal(digits);
    }
  }
  void text_real() {
    const std::string digits(line());
    double d = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), d);
    if (ec != std::errc() || end != digits.data() + digits.size())
      bad("a real number was expected");
    const NodeId id = make(Kind::real);
    node(id).real = d;
    push(id);
  }
  void quoted_string() {
    std::string_view raw = line();
    if (raw.size() < 2 || (raw.front() != '\'' && raw.front() != '"') ||
        raw.back() != raw.front()) {
      bad("a quoted string was expected");
    }
    raw = raw.substr(1, raw.size() - 2);
    std::string out;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '\\' || i + 1 >= raw.size()) {
        out += raw[i];
        continue;
      }
      const char c = raw[++i];
      const int high = c == 'x' && i + 2 < raw.size() ? pickle_hex_digit(raw[i + 1]) : -1;
      const int low = high >= 0 ? pickle_hex_digit(raw[i + 2]) : -1;
      if (low >= 0) {
        out += static_cast<char>(high * 16 + low);
        i += 2;
      } else {
        out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
      }
    }
    push_text(valid_utf8(out) ? Kind::text : Kind::bytes, out);
  }
  void raw_unicode() {
    const std::string_view raw = line();
    std::string out;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      const std::size_t digits = raw[i] == '\\' && i + 1 < raw.size() ? (raw[i + 1] == 'u'   ? 4
                                                                         : raw[i + 1] == 'U' ? 8
                                                                                             : 0)
                                                                      : 0;
      if (digits == 0 || i + 1 + digits >= raw.size()) {
        append_utf8(out, static_cast<unsigned char>(raw[i]));
        continue;
      }
      std::uint32_t c = 0;
      for (std::size_t k = 0; k < digits; ++k) {
        const int d = pickle_hex_digit(raw[i + 2 + k]);
        if (d < 0) bad("a bad escape in a text");
        c = c << 4 | static_cast<std::uint32_t>(d);
      }
      if (c > 0x10ffff) bad("a character out of range");
      append_utf8(out, c);
      i += 1 + digits;
    }
    push_text(Kind::text, out);
  }

  bool step();

  std::string_view in_;
  Limits limits_;
  std::size_t at_ = 0, op_at_ = 0, spent_ = 0;
  Document doc_;
  std::vector<NodeId> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint32_t, NodeId> memo_;
};

bool Machine::step() {
  op_at_ = at_;
  const unsigned char op = static_cast<unsigned char>(take(1).front());
  switch (op) {
    case 0x80:
      if (little(1) > 5) bad("an unknown protocol");
      return true;
    case 0x95:
      (void)little(8);
      return true;
    case '.':
      doc_.root = pop();
      return false;
    case '(':
      spend(1);
      marks_.push_back(stack_.size());
      return true;
    case '0':
      if (stack_.size() == floor() && !marks_.empty()) {
        marks_.pop_back();
      } else {
        (void)pop();
      }
      return true;
    case '1':
      (void)pop_to_mark();
      return true;
    case '2':
      push(top());
      return true;

    case 'N':
      push(make(Kind::none));
      return true;
    case 0x88:
      push_boolean(true);
      return true;
    case 0x89:
      push_boolean(false);
      return true;
    case 'J':
      push_integer(static_cast<std::int32_t>(little(4)));
      return true;
    case 'K':
      push_integer(static_cast<std::int64_t>(little(1)));
      return true;
    case 'M':
      push_integer(static_cast<std::int64_t>(little(2)));
      return true;
    case 0x8a:
      push_long(take(little(1)));
      return true;
    case 0x8b:
      push_long(take(little(4)));
      return true;
    case 'I':
      text_integer();
      return true;
    case 'L':
      push_decimal(line());
      return true;
    case 'F':
      text_real();
      return true;
    case 'G': {
      const std::string_view raw = take(8);
      std::uint64_t bits = 0;
      for (const char c : raw) bits = bits << 8 | static_cast<unsigned char>(c);
      const NodeId id = make(Kind::real);
      std::memcpy(&node(id).real, &bits, sizeof bits);
      push(id);
      return true;
    }

    case 0x8c:
      push_text(Kind::text, take(little(1)));
      return true;
    case 'X':
      push_text(Kind::text, take(little(4)));
      return true;
    case 0x8d:
      push_text(Kind::text, take(little(8)));
      return true;
    case 'V':
      raw_unicode();
      return true;
    case 'S':
      quoted_string();
      return true;
    case 'C':
      push_text(Kind::bytes, take(little(1)));
      return true;
    case 'B':
      push_text(Kind::bytes, take(little(4)));
      return true;
    case 0x8e:
      push_text(Kind::bytes, take(little(8)));
      return true;
    case 0x96:
      push_text(Kind::byte_array, take(little(8)));
      return true;
    case 'U':
    case 'T': {
      const std::string_view raw = take(little(op == 'U' ? 1 : 4));
      push_text(valid_utf8(raw) ? Kind::text : Kind::bytes, raw);
      return true;
    }

    case ']':
      push(make(Kind::list));
      return true;
    case ')':
      push(make(Kind::tuple));
      return true;
    case '}':
      push(make(Kind::dict));
      return true;
    case 0x8f:
      push(make(Kind::set));
      return true;
    case 'l':
      push_items(Kind::list);
      return true;
    case 't':
      push_items(Kind::tuple);
      return true;
    case 0x91:
      push_items(Kind::frozen_set);
      return true;
    case 0x85:
      push_tuple(1);
      return true;
    case 0x86:
      push_tuple(2);
      return true;
    case 0x87:
      push_tuple(3);
      return true;
    case 'd': {
      std::vector<NodeId> pairs = pop_to_mark();
      push(make(Kind::dict));
      add_pairs(std::move(pairs));
      return true;
    }
    case 'a': {
      const NodeId item = pop();
      spend(1);
      add_items({item}, Kind::list);
      return true;
    }
    case 'e':
      add_items(pop_to_mark(), Kind::list);
      return true;
    case 0x90:
      add_items(pop_to_mark(), Kind::set);
      return true;
    case 's': {
      const NodeId value = pop();
      const NodeId key = pop();
      spend(2);
      add_pairs({key, value});
      return true;
    }
    case 'u':
      add_pairs(pop_to_mark());
      return true;

    case 'q':
      memoize(little(1));
      return true;
    case 'r':
      memoize(little(4));
      return true;
    case 'p':
      memoize(index_line());
      return true;
    case 0x94:
      memoize(memo_.size());
      return true;
    case 'h':
      recall(little(1));
      return true;
    case 'j':
      recall(little(4));
      return true;
    case 'g':
      recall(index_line());
      return true;

    case 'c': {
      const std::string_view module = line();
      push_global(module, line());
      return true;
    }
    case 0x93: {
      const NodeId name = pop();
      const NodeId module = pop();
      if (node(name).kind != Kind::text || node(module).kind != Kind::text)
        bad("a class name that is no text");
      push_global(node(module).text, node(name).text);
      return true;
    }
    case 'R':
    case 0x81: {
      const NodeId args = pop();
      push_object(pop(), args);
      return true;
    }
    case 0x92: {
      const NodeId keywords = pop();
      const NodeId args = pop();
      push_object(pop(), args);
      spend(1);
      node(top()).state = keywords;
      return true;
    }
    case 'o':
    case 'i': {
      NodeId callable = kNoNode;
      if (op == 'i') {
        const std::string_view module = line();
        push_global(module, line());
        callable = pop();
      }
      std::vector<NodeId> items = pop_to_mark();
      if (op == 'o') {
        if (items.empty()) bad("an object without class");
        callable = items.front();
        items.erase(items.begin());
      }
      const NodeId args = make(Kind::tuple);
      node(args).items = std::move(items);
      push_object(callable, args);
      return true;
    }
    case 'b': {
      const NodeId state = pop();
      if (node(top()).kind != Kind::object) bad("a state for what is no object");
      node(top()).state = state;
      return true;
    }

    case 'P':
    case 'Q':
      bad("a persistent id, which cannot be read outside its application");
    case 0x82:
    case 0x83:
    case 0x84:
      bad("an extension code, which cannot be read outside its application");
    case 0x97:
    case 0x98:
      bad("an out-of-band buffer, which did not come along");
    default:
      bad("an unknown opcode " + std::to_string(op));
  }
}

}  // namespace

Document load(std::string_view bytes, const Limits& limits) { return Machine(bytes, limits).run(); }

}  // namespace z4j::pickle
