#include "lib/sql/pg_wire.hpp"

#include <cstring>

#include <z4j/plugin.hpp>

#include <z4j/storage.hpp>

namespace z4j::sql::pg {
namespace {

constexpr std::size_t kArrayHeader = 20;
constexpr char kJsonbVersion = 1;

void put4(char*& at, std::uint32_t v) {
  v = __builtin_bswap32(v);
  std::memcpy(at, &v, sizeof v);
  at += sizeof v;
}

void put8(char*& at, std::uint64_t v) {
  v = __builtin_bswap64(v);
  std::memcpy(at, &v, sizeof v);
  at += sizeof v;
}

std::uint64_t bits_of(double v) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &v, sizeof bits);
  return bits;
}

// Minus infinity is the smallest number.
std::uint64_t time_bits(std::int64_t us) {
  if (us < kFirstTimeUs) return static_cast<std::uint64_t>(INT64_MIN);
  return static_cast<std::uint64_t>(us - kEpochUs);
}

void put_header(char*& at, std::uint32_t element, std::uint32_t count, bool has_null) {
  put4(at, 1);  // dimensions
  put4(at, has_null ? 1 : 0);
  put4(at, element);
  put4(at, count);
  put4(at, 1);  // lower bound
}

std::uint32_t fixed_size(std::uint16_t type) {
  switch (type) {
    case Z4J_T_BOOL:
      return 1;
    case Z4J_T_INT:
    case Z4J_T_TIME:
    case Z4J_T_REAL:
      return 8;
    case Z4J_T_UUID:
      return 16;
    default:
      return 0;
  }
}

void append_scalar(std::string& out, const z4j_value& v, std::uint16_t type) {
  char buffer[8];
  char* at = buffer;
  switch (type) {
    case Z4J_T_BOOL:
      out += v.num != 0 ? '\1' : '\0';
      return;
    case Z4J_T_INT:
      put8(at, static_cast<std::uint64_t>(v.num));
      break;
    case Z4J_T_TIME:
      put8(at, time_bits(v.num));
      break;
    case Z4J_T_REAL:
      put8(at, bits_of(v.kind == Z4J_V_REAL ? v.real : static_cast<double>(v.num)));
      break;
    default:
      if (type == Z4J_T_JSON) out += kJsonbVersion;
      out.append(view(v.text));
      return;
  }
  out.append(buffer, sizeof buffer);
}

// `items` are whole cells.
std::string array_bytes(const std::vector<std::string>& items, std::uint32_t element) {
  std::size_t size = kArrayHeader;
  for (const std::string& item : items) size += 4 + item.size();
  std::string out(size, '\0');
  char* at = out.data();
  put_header(at, element, static_cast<std::uint32_t>(items.size()), false);
  for (const std::string& item : items) {
    put4(at, static_cast<std::uint32_t>(item.size()));
    std::memcpy(at, item.data(), item.size());
    at += item.size();
  }
  return out;
}

void put_fixed(char*& at, const z4j_col& col, std::uint16_t type, std::uint32_t row) {
  switch (type) {
    case Z4J_T_BOOL:
      *at++ = store::num_at(col, row) != 0 ? '\1' : '\0';
      break;
    case Z4J_T_INT:
      put8(at, static_cast<std::uint64_t>(store::num_at(col, row)));
      break;
    case Z4J_T_TIME:
      put8(at, time_bits(store::num_at(col, row)));
      break;
    case Z4J_T_REAL:
      put8(at, bits_of(store::real_at(col, row)));
      break;
    default:
      std::memcpy(at, store::bytes_at(col, row).data(), 16);
      at += 16;
  }
}

}  // namespace

std::uint32_t oid_of(std::uint16_t type) {
  constexpr std::uint32_t kOids[] = {kText, kBool, kInt8,  kFloat8, kTimestamptz,
                                     kUuid, kText, kBytea, kJsonb};
  return kOids[type];
}

std::uint32_t array_oid_of(std::uint16_t type) {
  constexpr std::uint32_t kOids[] = {kTextArray, 1000,       1016, 1022,       1185,
                                     2951,       kTextArray, 1001, kJsonbArray};
  return kOids[type];
}

Param value_param(const z4j_value& v, std::uint16_t type) {
  Param p{oid_of(type), v.kind == Z4J_V_NULL, {}};
  if (!p.null) append_scalar(p.bytes, v, type);
  return p;
}

Param values_param(const z4j_value* values, std::uint32_t count, std::uint16_t type) {
  std::vector<std::string> items;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (values[i].kind == Z4J_V_NULL) continue;
    items.emplace_back();
    append_scalar(items.back(), values[i], type);
  }
  return Param{array_oid_of(type), false, array_bytes(items, oid_of(type))};
}

Param int_param(std::int64_t n) {
  z4j_value v{};
  v.kind = Z4J_V_NUM;
  v.num = n;
  return value_param(v, Z4J_T_INT);
}

Param time_param(std::int64_t us) {
  z4j_value v{};
  v.kind = Z4J_V_NUM;
  v.num = us;
  return value_param(v, Z4J_T_TIME);
}

Param text_param(std::string_view text) { return Param{kText, false, std::string(text)}; }

Param texts_param(const std::vector<std::string>& texts) {
  return Param{kTextArray, false, array_bytes(texts, kText)};
}

Param interval_param(std::int64_t us) {
  std::string bytes(16, '\0');  // microseconds, days, months
  char* at = bytes.data();
  put8(at, static_cast<std::uint64_t>(us));
  return Param{kInterval, false, std::move(bytes)};
}

Param json_param(std::string_view json) {
  return Param{kJsonb, false, std::string(1, kJsonbVersion).append(json)};
}

Param jsons_param(const std::vector<std::string>& jsons) {
  std::vector<std::string> items;
  for (const std::string& json : jsons) items.push_back(std::string(1, kJsonbVersion) + json);
  return Param{kJsonbArray, false, array_bytes(items, kJsonb)};
}

Param column_param(const z4j_col& col, std::uint16_t type, std::uint32_t rows,
                   std::uint32_t& bad_row) {
  const std::uint32_t fixed = fixed_size(type);
  const std::size_t version = type == Z4J_T_JSON ? 1 : 0;
  std::size_t size = kArrayHeader + std::size_t{rows} * (4 + fixed);
  bool has_null = false;
  for (std::uint32_t r = 0; r < rows; ++r) {
    if (!store::has_value(col, r)) {
      has_null = true;
      size -= fixed;
    } else if (fixed == 0) {
      size += version + store::bytes_at(col, r).size();
    } else if (type == Z4J_T_TIME && store::num_at(col, r) < kFirstTimeUs &&
               store::num_at(col, r) != INT64_MIN) {
      bad_row = r;
      throw Error(Z4J_INVALID, "a time lies before 4714 BC, which PostgreSQL cannot hold");
    }
  }
  Param p{array_oid_of(type), false, std::string(size, '\0')};
  char* at = p.bytes.data();
  put_header(at, oid_of(type), rows, has_null);
  for (std::uint32_t r = 0; r < rows; ++r) {
    if (!store::has_value(col, r)) {
      put4(at, ~std::uint32_t{0});
    } else if (fixed != 0) {
      put4(at, fixed);
      put_fixed(at, col, type, r);
    } else {
      const std::string_view bytes = store::bytes_at(col, r);
      put4(at, static_cast<std::uint32_t>(bytes.size() + version));
      if (version != 0) *at++ = kJsonbVersion;
      std::memcpy(at, bytes.data(), bytes.size());
      at += bytes.size();
    }
  }
  return p;
}

std::string cell_bytes(const z4j_col& col, std::uint16_t type, std::uint32_t row) {
  const std::uint32_t fixed = fixed_size(type);
  if (fixed == 0) return std::string(store::bytes_at(col, row));
  std::string out(fixed, '\0');
  char* at = out.data();
  put_fixed(at, col, type, row);
  return out;
}

std::string compact_json(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!inside && c == ' ') continue;
    out += c;
    if (c == '"') inside = !inside;
    if (inside && c == '\\' && i + 1 < text.size()) out += text[++i];
  }
  return out;
}

std::int64_t read_int8(const char* at) noexcept {
  std::uint64_t v = 0;
  std::memcpy(&v, at, sizeof v);
  return static_cast<std::int64_t>(__builtin_bswap64(v));
}

std::int32_t read_int4(const char* at) noexcept {
  std::uint32_t v = 0;
  std::memcpy(&v, at, sizeof v);
  return static_cast<std::int32_t>(__builtin_bswap32(v));
}

std::int64_t read_time(const char* at) noexcept {
  const std::int64_t us = read_int8(at);
  if (us == INT64_MIN) return us;
  return us > INT64_MAX - kEpochUs ? INT64_MAX : us + kEpochUs;
}

double read_float8(const char* at) noexcept {
  const std::int64_t bits = read_int8(at);
  double v = 0;
  std::memcpy(&v, &bits, sizeof v);
  return v;
}

}  // namespace z4j::sql::pg
