// Field tables of AMQP 0-9-1 as JSON objects, both ways and without loss.
//
// Void is null; texts, numbers, booleans, arrays and tables are what they are called in JSON. What
// JSON has no form for stands in an object with the one member "$amqp" beside its value: times,
// decimals, bytes, texts that are no UTF-8, numbers that are not finite, and a table that itself
// holds a member of that name. The width of an integer is not kept: it is written with 32 bits when
// that is enough and with 64 otherwise, which every broker reads.
//
// Tables come from whoever can publish: depth, number of entries and bytes are bounded.
#pragma once

#include "lib/json/json.hpp"

#include <amqp.h>

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::amqp {

inline constexpr std::size_t kMaxTableDepth = 48, kMaxTableEntries = 20'000;

// Throws Z4J_INVALID or Z4J_TOO_LARGE.
[[nodiscard]] json::Object read_table(const amqp_table_t& table);

// A table to be sent; valid as long as this lives and the object it was made from.
class Table {
 public:
  // Throws Z4J_INVALID or Z4J_TOO_LARGE.
  explicit Table(const json::Object& from);
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  [[nodiscard]] const amqp_table_t& get() const { return root_; }
  [[nodiscard]] std::size_t wire_bytes() const { return bytes_; }

 private:
  amqp_table_t table(const json::Object& from, std::size_t depth);
  amqp_array_t array(const json::Array& from, std::size_t depth);
  amqp_field_value_t value(const json::Value& from, std::size_t depth);
  amqp_field_value_t tagged(const json::Object& from, std::size_t depth);
  amqp_bytes_t key(std::string_view text);
  void count(std::size_t bytes);

  amqp_table_t root_{};
  std::size_t bytes_ = 4, entries_ = 0;
  std::deque<std::vector<amqp_table_entry_t>> tables_;
  std::deque<std::vector<amqp_field_value_t>> arrays_;
  std::deque<std::string> texts_;
};

[[nodiscard]] inline amqp_bytes_t bytes_of(std::string_view text) {
  // The library takes what it only reads as writable.
  return {text.size(), const_cast<char*>(text.data())};
}
[[nodiscard]] inline std::string_view view_of(const amqp_bytes_t& bytes) {
  return bytes.len == 0 ? std::string_view()
                        : std::string_view(static_cast<const char*>(bytes.bytes), bytes.len);
}

}  // namespace z4j::amqp
