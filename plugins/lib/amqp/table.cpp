#include "lib/amqp/table.hpp"

#include "lib/text/text.hpp"

#include <z4j/plugin.hpp>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>
#include <utility>

namespace z4j::amqp {
namespace {

constexpr char kTag[] = "$amqp";
constexpr std::size_t kMaxTableBytes = 128u << 10;  // a header frame holds no more

[[noreturn]] void too_large(const char* what) { throw Error(Z4J_TOO_LARGE, what); }
[[noreturn]] void malformed(const char* what) { throw Error(Z4J_INVALID, what); }

json::Object special(const char* kind, json::Value value) {
  return {{kTag, kind}, {"value", std::move(value)}};
}

class Reader {
 public:
  json::Object table(const amqp_table_t& from, std::size_t depth) {
    if (depth > kMaxTableDepth) too_large("a field table is nested too deeply");
    json::Object out;
    for (int i = 0; i < from.num_entries; ++i) {
      const amqp_table_entry_t& entry = from.entries[i];
      out[text_of(entry.key)] = value(entry.value, depth);
    }
    return out;
  }

 private:
  // Names that are no UTF-8 are told apart no further: nobody writes such.
  static std::string text_of(const amqp_bytes_t& bytes) {
    return text::clean(view_of(bytes), 3 * 255);
  }
  json::Array array(const amqp_array_t& from, std::size_t depth) {
    if (depth > kMaxTableDepth) too_large("a field table is nested too deeply");
    json::Array out;
    for (int i = 0; i < from.num_entries; ++i) out.emplace_back(value(from.entries[i], depth));
    return out;
  }
  json::Value text_value(const amqp_bytes_t& bytes) {
    const std::string_view view = view_of(bytes);
    if (text::clean(view, view.size() * 3) == view) return json::Value(json::String(view));
    return special("text", json::String(text::base64_encode(view)));
  }
  static json::Value real(double value) {
    if (std::isfinite(value)) return value;
    return special("double", std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
  }
  json::Value value(const amqp_field_value_t& from, std::size_t depth) {
    if (++entries_ > kMaxTableEntries) too_large("a field table has too many entries");
    switch (from.kind) {
      case AMQP_FIELD_KIND_BOOLEAN:
        return from.value.boolean != 0;
      case AMQP_FIELD_KIND_I8:
        return static_cast<std::int64_t>(from.value.i8);
      case AMQP_FIELD_KIND_U8:
        return static_cast<std::int64_t>(from.value.u8);
      case AMQP_FIELD_KIND_I16:
        return static_cast<std::int64_t>(from.value.i16);
      case AMQP_FIELD_KIND_U16:
        return static_cast<std::int64_t>(from.value.u16);
      case AMQP_FIELD_KIND_I32:
        return static_cast<std::int64_t>(from.value.i32);
      case AMQP_FIELD_KIND_U32:
        return static_cast<std::int64_t>(from.value.u32);
      case AMQP_FIELD_KIND_I64:
        return from.value.i64;
      case AMQP_FIELD_KIND_U64:
        return from.value.u64;
      case AMQP_FIELD_KIND_F32:
        return real(static_cast<double>(from.value.f32));
      case AMQP_FIELD_KIND_F64:
        return real(from.value.f64);
      case AMQP_FIELD_KIND_DECIMAL:
        return special("decimal",
                       json::Array{static_cast<std::int64_t>(from.value.decimal.decimals),
                                   static_cast<std::int64_t>(from.value.decimal.value)});
      case AMQP_FIELD_KIND_UTF8:
        return text_value(from.value.bytes);
      case AMQP_FIELD_KIND_BYTES:
        return special("bytes", json::String(text::base64_encode(view_of(from.value.bytes))));
      case AMQP_FIELD_KIND_TIMESTAMP:
        return special("time", from.value.u64);
      case AMQP_FIELD_KIND_ARRAY:
        return array(from.value.array, depth + 1);
      case AMQP_FIELD_KIND_TABLE: {
        json::Object inner = table(from.value.table, depth + 1);
        if (inner.contains(kTag)) return special("table", std::move(inner));
        return inner;
      }
      case AMQP_FIELD_KIND_VOID:
        return nullptr;
      default:
        malformed("a field table holds a value of an unknown kind");
    }
  }

  std::size_t entries_ = 0;
};

std::optional<std::uint64_t> unsigned_in(const json::Value& v) {
  if (v.is_uint64()) return v.get_uint64();
  if (v.is_int64() && v.get_int64() >= 0) return static_cast<std::uint64_t>(v.get_int64());
  return std::nullopt;
}

std::string_view chars_of(const json::String& s) { return {s.data(), s.size()}; }

}  // namespace

json::Object read_table(const amqp_table_t& table) { return Reader().table(table, 0); }

Table::Table(const json::Object& from) { root_ = table(from, 0); }

void Table::count(std::size_t bytes) {
  bytes_ += bytes;
  if (bytes_ > kMaxTableBytes) too_large("a field table is too large to be sent");
}

amqp_bytes_t Table::key(std::string_view text) {
  if (text.size() > 255) malformed("a name in a field table is longer than 255 bytes");
  count(1 + text.size());
  return bytes_of(text);
}

amqp_table_t Table::table(const json::Object& from, std::size_t depth) {
  if (depth > kMaxTableDepth) too_large("a field table is nested too deeply");
  std::vector<amqp_table_entry_t>& entries = tables_.emplace_back();
  entries.reserve(from.size());
  for (const auto& member : from) {
    amqp_table_entry_t entry;
    entry.key = key({member.key().data(), member.key().size()});
    entry.value = value(member.value(), depth);
    entries.push_back(entry);
  }
  return {static_cast<int>(entries.size()), entries.data()};
}

amqp_array_t Table::array(const json::Array& from, std::size_t depth) {
  if (depth > kMaxTableDepth) too_large("a field table is nested too deeply");
  std::vector<amqp_field_value_t>& entries = arrays_.emplace_back();
  entries.reserve(from.size());
  for (const json::Value& v : from) entries.push_back(value(v, depth));
  return {static_cast<int>(entries.size()), entries.data()};
}

amqp_field_value_t Table::value(const json::Value& from, std::size_t depth) {
  if (++entries_ > kMaxTableEntries) too_large("a field table has too many entries");
  amqp_field_value_t out{};
  count(1);
  if (from.is_null()) {
    out.kind = AMQP_FIELD_KIND_VOID;
  } else if (from.is_bool()) {
    out.kind = AMQP_FIELD_KIND_BOOLEAN;
    out.value.boolean = from.get_bool() ? 1 : 0;
    count(1);
  } else if (from.is_int64()) {
    const std::int64_t n = from.get_int64();
    const bool small = n >= std::numeric_limits<std::int32_t>::min() &&
                       n <= std::numeric_limits<std::int32_t>::max();
    out.kind = small ? AMQP_FIELD_KIND_I32 : AMQP_FIELD_KIND_I64;
    if (small) {
      out.value.i32 = static_cast<std::int32_t>(n);
    } else {
      out.value.i64 = n;
    }
    count(small ? 4 : 8);
  } else if (from.is_uint64()) {
    malformed("a field table cannot hold a number as large as that");
  } else if (from.is_double()) {
    out.kind = AMQP_FIELD_KIND_F64;
    out.value.f64 = from.get_double();
    count(8);
  } else if (from.is_string()) {
    out.kind = AMQP_FIELD_KIND_UTF8;
    out.value.bytes = bytes_of(chars_of(from.get_string()));
    count(4 + from.get_string().size());
  } else if (from.is_array()) {
    out.kind = AMQP_FIELD_KIND_ARRAY;
    count(4);
    out.value.array = array(from.get_array(), depth + 1);
  } else if (from.get_object().contains(kTag)) {
    return tagged(from.get_object(), depth);
  } else {
    out.kind = AMQP_FIELD_KIND_TABLE;
    count(4);
    out.value.table = table(from.get_object(), depth + 1);
  }
  return out;
}

amqp_field_value_t Table::tagged(const json::Object& from, std::size_t depth) {
  const std::string_view kind = json::text(from, kTag);
  const json::Value* v = from.if_contains("value");
  if (v == nullptr || from.size() != 2) malformed("a value of a field table is not whole");
  amqp_field_value_t out{};
  const auto decoded = [&] {
    std::optional<std::string> bytes =
        v->is_string() ? text::base64_decode(chars_of(v->get_string())) : std::nullopt;
    if (!bytes) malformed("bytes of a field table are not base64");
    count(4 + bytes->size());
    texts_.push_back(std::move(*bytes));
    return bytes_of(texts_.back());
  };
  if (kind == "time") {
    const std::optional<std::uint64_t> n = unsigned_in(*v);
    if (!n) malformed("a time of a field table is not a number");
    out.kind = AMQP_FIELD_KIND_TIMESTAMP;
    out.value.u64 = *n;
    count(8);
  } else if (kind == "decimal") {
    const json::Array* parts = v->if_array();
    const auto whole = [&](std::size_t i, std::uint64_t most) {
      const std::optional<std::uint64_t> n =
          parts != nullptr && parts->size() == 2 ? unsigned_in((*parts)[i]) : std::nullopt;
      if (!n || *n > most) malformed("a decimal of a field table is not two numbers");
      return *n;
    };
    out.kind = AMQP_FIELD_KIND_DECIMAL;
    out.value.decimal.decimals = static_cast<std::uint8_t>(whole(0, 255));
    out.value.decimal.value = static_cast<std::uint32_t>(whole(1, 0xffffffffu));
    count(5);
  } else if (kind == "bytes" || kind == "text") {
    out.kind = kind == "bytes" ? AMQP_FIELD_KIND_BYTES : AMQP_FIELD_KIND_UTF8;
    out.value.bytes = decoded();
  } else if (kind == "double") {
    const std::string_view word = v->is_string() ? chars_of(v->get_string()) : std::string_view();
    if (word != "nan" && word != "inf" && word != "-inf")
      malformed("a number of a field table cannot be read");
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    out.kind = AMQP_FIELD_KIND_F64;
    out.value.f64 = word == "nan"   ? std::numeric_limits<double>::quiet_NaN()
                    : word == "inf" ? kInfinity
                                    : -kInfinity;
    count(8);
  } else if (kind == "table" && v->is_object()) {
    out.kind = AMQP_FIELD_KIND_TABLE;
    count(4);
    out.value.table = table(v->get_object(), depth + 1);
  } else {
    malformed("a value of a field table is of an unknown kind");
  }
  return out;
}

}  // namespace z4j::amqp
