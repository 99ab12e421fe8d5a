#include "blame.hpp"

#include <z4j/storage.hpp>

#include <algorithm>
#include <string>
#include <string_view>

#include <z4j/storage.hpp>
#include <z4j/storage_check.hpp>
#include "lib/json/json.hpp"
#include "lib/sql/pg_text.hpp"

namespace z4j::postgresql {
namespace {

namespace pg = sql::pg;

constexpr std::uint32_t kUnknown = ~std::uint32_t{0};

const z4j_col* find(const z4j_rows& rows, std::uint16_t column) {
  const z4j_col* end = rows.cols + rows.col_count;
  const z4j_col* found =
      std::find_if(rows.cols, end, [&](const z4j_col& c) { return c.column == column; });
  return found != end ? found : nullptr;
}

// A continuation of a code point, which begins with 10.
bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0u) == 0x80u; }

// As PostgreSQL takes it: no NUL, no overlong forms, no surrogates.
bool is_text(std::string_view s) {
  for (std::size_t i = 0; i < s.size();) {
    const auto lead = static_cast<unsigned char>(s[i]);
    if (lead == 0) return false;
    const std::size_t length = lead < 0x80                   ? 1
                               : lead >= 0xC2 && lead < 0xE0 ? 2
                               : lead >= 0xE0 && lead < 0xF0 ? 3
                               : lead >= 0xF0 && lead < 0xF5 ? 4
                                                             : 0;
    if (length == 0 || s.size() - i < length) return false;
    if (!std::all_of(s.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                     s.begin() + static_cast<std::ptrdiff_t>(i + length), continues))
      return false;
    const auto second = static_cast<unsigned char>(length > 1 ? s[i + 1] : 0);
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F))
      return false;
    i += length;
  }
  return true;
}

bool is_json(std::string_view s) {
  if (!is_text(s) || s.find("\\u0000") != std::string_view::npos) return false;
  try {
    (void)json::parse(s);
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::uint32_t row_without_value(const z4j_table& t, const z4j_rows& rows) {
  std::uint32_t first = kUnknown;
  for (std::uint16_t c = 0; c < t.column_count; ++c) {
    if ((t.columns[c].flags & Z4J_COL_REQUIRED) == 0 || (t.columns[c].flags & Z4J_COL_RETIRED) != 0)
      continue;
    const z4j_col* col = find(rows, c);
    if (col == nullptr) return 0;
    for (std::uint32_t r = 0; r < std::min(first, rows.rows); ++r) {
      if (!store::has_value(*col, r)) first = r;
    }
  }
  return first;
}

std::uint32_t row_with_bad_text(const z4j_table& t, const z4j_rows& rows) {
  for (std::uint32_t r = 0; r < rows.rows; ++r) {
    for (std::uint32_t i = 0; i < rows.col_count; ++i) {
      const z4j_col& col = rows.cols[i];
      const std::uint16_t type = t.columns[col.column].type;
      if ((type != Z4J_T_TEXT && type != Z4J_T_JSON) || !store::has_value(col, r)) continue;
      const std::string_view bytes = store::bytes_at(col, r);
      if (type == Z4J_T_TEXT ? !is_text(bytes) : !is_json(bytes)) return r;
    }
  }
  return kUnknown;
}

// The place in keys of a constraint; a day's index is named after its parent's by the server.
std::uint32_t key_of(Connection& connection, const z4j_table& t, const std::string& constraint) {
  std::string name = constraint;
  if (pg::is_by_day(t)) {
    name = connection.value(
        "SELECT p.relname FROM pg_inherits i JOIN pg_class c ON c.oid=i.inhrelid JOIN pg_class p "
        "ON p.oid=i.inhparent "
        "WHERE c.relnamespace=current_schema()::regnamespace AND c.relname=" +
        pg::quoted_text(constraint));
  }
  for (std::uint32_t k = 0; k < t.key_count; ++k) {
    if (view(t.keys[k].name) == name) return k;
  }
  return kUnknown;
}

// The first row whose key a stored row has, or one before it in the batch.
std::uint32_t row_with_taken_key(Connection& connection, const z4j_table& t, const z4j_key& key,
                                 const z4j_step& s) {
  pg::Statement statement;
  std::string names, same, twice;
  std::uint32_t bad_row = kUnknown;
  for (std::uint32_t i = 0; i < key.column_count; ++i) {
    const z4j_col* col = find(*s.rows, key.columns[i]);
    if (col == nullptr) return kUnknown;
    const std::string name = pg::quoted_name(view(t.columns[key.columns[i]].name));
    names += (i == 0 ? "" : ",") + name;
    same += (i == 0 ? "t." : " AND t.") + name + "=z4j_fresh." + name;
    twice += (i == 0 ? "" : " AND ") + ("z4j_other." + name) + "=z4j_fresh." + name;
    statement.params.push_back(
        pg::column_param(*col, t.columns[col->column].type, s.rows->rows, bad_row));
    statement.text += (i == 0 ? "$" : ",$") + std::to_string(i + 1);
  }
  const std::string own =
      (key.kind == Z4J_K_UNIQUE && s.verb != Z4J_STEP_INSERT)
          ? " AND NOT (" +
                [&] {
                  std::string all;  // a merge may keep its own key
                  for (std::uint32_t i = 0; i < t.keys[0].column_count; ++i) {
                    const z4j_col* col = find(*s.rows, t.keys[0].columns[i]);
                    statement.params.push_back(
                        pg::column_param(*col, t.columns[col->column].type, s.rows->rows, bad_row));
                    const std::string name = "z4j_own" + std::to_string(i);
                    statement.text += ",$" + std::to_string(statement.params.size());
                    names += "," + name;
                    all += (i == 0 ? "t." : " AND t.") +
                           pg::quoted_name(view(t.columns[col->column].name)) + "=z4j_fresh." +
                           name;
                  }
                  return all;
                }() +
                ")"
          : "";
  const std::string arrays = "unnest(" + statement.text + ") WITH ORDINALITY AS ";
  statement.text = "SELECT min(z4j_place) FROM " + arrays + "z4j_fresh(" + names +
                   ",z4j_place) WHERE EXISTS (SELECT 1 FROM " + pg::quoted_name(view(t.name)) +
                   " t WHERE " + same + own + ") OR EXISTS (SELECT 1 FROM " + arrays +
                   "z4j_other(" + names + ",z4j_before) WHERE " + twice +
                   " AND z4j_before<z4j_place)";
  const Result r = connection.run_once(statement);
  if (PQgetisnull(r.get(), 0, 0) != 0) return kUnknown;
  return static_cast<std::uint32_t>(pg::read_int8(PQgetvalue(r.get(), 0, 0)) - 1);
}

void look(Connection& connection, const z4j_schema& schema, const Refusal& refusal, z4j_commit& c) {
  const z4j_step& s = *c.steps[c.bad_step];
  if (s.verb == Z4J_STEP_NOTICE) return;
  const z4j_table& t = schema.tables[s.table];
  const bool has_rows = s.verb <= Z4J_STEP_PATCH && s.rows != nullptr;
  if (refusal.state == "23502" && has_rows) c.bad_row = row_without_value(t, *s.rows);
  if ((refusal.state == "22021" || refusal.state == "22P02" || refusal.state == "22P05") &&
      has_rows)
    c.bad_row = row_with_bad_text(t, *s.rows);
  if (refusal.state != "23505" || !connection.is_open()) return;
  c.bad_key = key_of(connection, t, refusal.constraint);
  if (has_rows && c.bad_key < t.key_count && s.verb != Z4J_STEP_PATCH) {
    c.bad_row = row_with_taken_key(connection, t, t.keys[c.bad_key], s);
  }
}

}  // namespace

void blame(Connection& connection, const z4j_schema& schema, const Refusal& refusal,
           z4j_commit& c) noexcept {
  if (c.bad_step >= c.step_count) return;
  try {
    look(connection, schema, refusal, c);
  } catch (const std::exception&) {
    return;  // the refusal itself is what matters
  }
}

}  // namespace z4j::postgresql
