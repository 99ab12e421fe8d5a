// Python pickles as data. Nothing is imported, looked up or called, whatever the bytes say.
// Source: the opcode tables of Python's pickletools, protocols 0 to 5.
//
// Functions here are pure and may be called from any thread; a Document belongs to its user.
#pragma once

#include "lib/json/json.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::pickle {

struct Limits {
  std::size_t max_bytes = 1u << 20;
  std::size_t max_items = 100'000;  // nodes, stack entries and container places together
};

enum class Kind : std::uint8_t {
  none,
  boolean,
  integer,
  big_integer,
  real,
  text,
  bytes,
  byte_array,
  list,
  tuple,
  dict,
  set,
  frozen_set,
  global,  // a name that would have been imported
  object,  // what would have been made by calling or building
};

using NodeId = std::uint32_t;
inline constexpr NodeId kNoNode = 0xffffffffu;

struct Node {
  Kind kind = Kind::none;
  bool flag = false;  // boolean
  std::int64_t integer = 0;
  double real = 0;
  std::string text;  // text, bytes; big_integer: two's complement, little endian; global and
                     // object: "module.name", "" when what was called is no plain name
  std::vector<NodeId> items;  // list, tuple, sets; object: what was appended or added to it
  std::vector<NodeId> pairs;  // dict, object: key, value, key, value ...
  NodeId args = kNoNode;      // object
  NodeId state = kNoNode;     // object
};

struct Document {
  std::deque<Node> nodes;
  NodeId root = kNoNode;

  [[nodiscard]] const Node& operator[](NodeId id) const { return nodes[id]; }
};

// Throws z4j::Error: Z4J_INVALID with opcode and offset when the bytes are no pickle or use what
// cannot be data (persistent ids, extension codes, out-of-band buffers), Z4J_TOO_LARGE beyond the
// limits.
[[nodiscard]] Document load(std::string_view bytes, const Limits& limits = {});

struct Budget {
  std::size_t nodes = 20'000;
  std::size_t bytes = 1u << 20;
  std::size_t depth = 64;
};

// The value when JSON holds it without loss (none, booleans, 64-bit integers, finite reals, UTF-8
// texts, lists, dicts with text keys) within the budget. A tuple is exact only when `top_tuple` is
// set and it is the node itself: it becomes an array.
enum class TopTuple { refuse, as_array };
[[nodiscard]] std::optional<json::Value> to_json(const Document& doc, NodeId id,
                                                 TopTuple top = TopTuple::refuse,
                                                 Budget budget = {});

// As Python would print it: literals for plain data, constructor calls for the closed list of
// standard classes, <module.name object> for the rest, ... where the budget ends. Always UTF-8.
[[nodiscard]] std::string to_repr(const Document& doc, NodeId id, Budget budget = {});

// What people see: exact JSON, or the repr as a string with fully_decodable false.
struct Shown {
  json::Value value;
  bool fully_decodable = false;
};
[[nodiscard]] Shown show(const Document& doc, NodeId id, TopTuple top = TopTuple::refuse,
                         Budget budget = {});

// Only plain data: no global, no object, no cycle, within the budget when every reference counts.
[[nodiscard]] bool is_plain(const Document& doc, NodeId id, Budget budget = {});

// Protocol 4, plain data, no memo. Values are added in the order Python's stack machine wants them:
//   Writer w; w.mark(); w.text("m.f"); w.none(); w.tuple_of(args); w.value(kwargs); w.tuple();
//   std::string bytes = w.finish();
class Writer {
 public:
  Writer();
  void mark();
  void tuple();  // everything since the mark
  void none();
  void text(std::string_view utf8);
  void value(const json::Value& value);  // objects become dicts, arrays lists
  void tuple_of(const json::Array& items);
  // Throws Z4J_INVALID unless is_plain().
  void node(const Document& doc, NodeId id);
  [[nodiscard]] std::string finish();

 private:
  void integer(std::int64_t n);
  void big_integer(std::string_view two_complement);
  void plain_node(const Document& doc, NodeId id);

  std::string out_;
};

// Python's decimal digits of a two's complement little endian number; nothing above 2048 bits.
[[nodiscard]] std::optional<std::string> decimal_digits(std::string_view two_complement);
[[nodiscard]] bool valid_utf8(std::string_view text);

}  // namespace z4j::pickle
