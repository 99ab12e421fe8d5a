#include "lib/sql/pg_text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <z4j/plugin.hpp>

#include <z4j/storage_check.hpp>
#include "lib/json/json.hpp"
#include "lib/sql/loose_scan.hpp"

namespace z4j::sql::pg {
namespace {

// Values of one predicate that the index on a JSON column is asked for; more are only compared.
constexpr std::size_t kMaxDocuments = 8;
// A day's table is named after its parent, and PostgreSQL cuts names at 63 bytes.
constexpr std::size_t kLongestDayTable = 50;
// New entries are kept in a list and sorted in at once, which takes a third off their cost; a
// search reads the list too. The driver has it sorted in long before it is so long (32 MiB) that a
// commit has to.
constexpr std::string_view kListOptions = " WITH (gin_pending_list_limit=32768)";
constexpr std::string_view kEpoch = "timestamptz 'epoch'";
constexpr std::string_view kCommitClock = "now()";
constexpr std::string_view kQueryClock = "statement_timestamp()";

std::string name_of(const z4j_table& t, std::uint16_t column) {
  return quoted_name(view(t.columns[column].name));
}

std::string key_list(const z4j_table& t, const z4j_key& key, std::string_view before = {}) {
  std::string out;
  for (std::uint32_t i = 0; i < key.column_count; ++i) {
    out += (i == 0 ? "" : ",") + std::string(before) + name_of(t, key.columns[i]);
  }
  return out;
}

std::string column_type(const z4j_column& c) {
  return std::string(type_name(c.type)) + (c.type == Z4J_T_TEXT ? " COLLATE \"C\"" : "");
}

std::string create_word(const z4j_table& t) {
  return (t.flags & Z4J_TBL_VOLATILE) != 0 && !is_by_day(t) ? "CREATE UNLOGGED TABLE "
                                                            : "CREATE TABLE ";
}

// One line of a person's words.
std::string one_line(std::string_view text) {
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  return out;
}

// The smallest text above all texts with this prefix, a code point at a time, since bytes alone
// would not be UTF-8;
// "" when there is none or the prefix is not UTF-8.
std::string after_prefix(std::string prefix) {
  while (!prefix.empty()) {
    std::size_t start = prefix.size() - 1;
    while (start > 0 && (static_cast<unsigned char>(prefix[start]) & 0xC0u) == 0x80u) --start;
    const std::size_t length = prefix.size() - start;
    const auto lead = static_cast<unsigned char>(prefix[start]);
    std::uint32_t point = length == 1   ? lead
                          : length == 2 ? lead & 0x1Fu
                          : length == 3 ? lead & 0x0Fu
                                        : lead & 0x07u;
    for (std::size_t i = start + 1; i < prefix.size(); ++i)
      point = point << 6 | (static_cast<unsigned char>(prefix[i]) & 0x3Fu);
    if (length > 4) return {};
    prefix.resize(start);
    if (point >= 0x10FFFF) continue;
    point = point == 0xD7FF ? 0xE000 : point + 1;  // no surrogates in UTF-8
    const auto tail = [&](unsigned shift) {
      prefix += static_cast<char>(0x80u | (point >> shift & 0x3Fu));
    };
    if (point < 0x80) {
      prefix += static_cast<char>(point);
    } else if (point < 0x800) {
      prefix += static_cast<char>(0xC0u | point >> 6);
      tail(0);
    } else if (point < 0x10000) {
      prefix += static_cast<char>(0xE0u | point >> 12);
      tail(6);
      tail(0);
    } else {
      prefix += static_cast<char>(0xF0u | point >> 18);
      tail(12);
      tail(6);
      tail(0);
    }
    return prefix;
  }
  return prefix;
}

// A prefix may end within a code point; the first and the last one that begin so are whole again.
enum class Ending : std::uint8_t { first, last };
std::string completed(std::string prefix, Ending ending) {
  std::size_t start = prefix.size();
  while (start > 0 && prefix.size() - start < 3 &&
         (static_cast<unsigned char>(prefix[start - 1]) & 0xC0u) == 0x80u)
    --start;
  if (start == 0) return prefix;
  const auto lead = static_cast<unsigned char>(prefix[start - 1]);
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  for (std::size_t have = prefix.size() - start + 1; have < length; ++have) {
    unsigned next = ending == Ending::first ? 0x80 : 0xBF;
    if (have == 1 && ending == Ending::first)
      next = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : next;
    if (have == 1 && ending == Ending::last)
      next = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : next;
    prefix += static_cast<char>(next);
  }
  return prefix;
}

std::string like_pattern(std::string_view text) {
  std::string out = "%";
  for (const char c : text) {
    if (c == '%' || c == '_' || c == '\\') out += '\\';
    out += c;
  }
  return out + "%";
}

// A trigram index looks for every three characters of what it is asked for. Of an id such as a UUID
// a few from both ends tell as much as all of them, whichever end its kind counts up.
constexpr std::size_t kLongId = 20, kIdHead = 5, kIdTail = 6;
bool is_long_id(std::string_view text) {
  return text.size() >= kLongId &&
         text.find_first_not_of("0123456789abcdefABCDEF-") == std::string_view::npos;
}
std::string ends_pattern(std::string_view id) {
  return like_pattern(id.substr(0, kIdHead)) + std::string(id.substr(id.size() - kIdTail)) + "%";
}

std::vector<std::string> segments_of(std::string_view pointer) {
  std::vector<std::string> out;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const std::size_t end = std::min(pointer.find('/'), pointer.size());
    std::string segment;
    for (std::size_t i = 0; i < end; ++i) {
      if (pointer[i] == '~' && i + 1 < end) {
        segment += pointer[++i] == '1' ? '/' : '~';
      } else {
        segment += pointer[i];
      }
    }
    out.push_back(std::move(segment));
    pointer.remove_prefix(end);
  }
  return out;
}

bool is_index(std::string_view segment) {
  return !segment.empty() && segment.size() <= 9 &&
         segment.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string json_of(double v) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, v);
  return std::string(buffer, end.ptr);
}

// The JSON scalars that a value equals: true and false are 1 and 0. None for what JSON cannot say.
std::vector<std::string> scalars_of(const z4j_value& v) {
  std::vector<std::string> out;
  double number = v.real;
  if (v.kind == Z4J_V_TEXT) {
    const std::string_view text = view(v.text);
    if (text.find('\0') == std::string_view::npos) out.push_back(json::write(json::Value(text)));
    return out;
  }
  if (v.kind == Z4J_V_NUM) {
    out.push_back(std::to_string(v.num));
    number = v.num == 0 || v.num == 1 ? static_cast<double>(v.num) : 2;
  } else if (v.kind == Z4J_V_REAL && std::isfinite(v.real)) {
    out.push_back(json_of(v.real));
  }
  if (number == 0 || number == 1) out.emplace_back(number == 1 ? "true" : "false");
  return out;
}

// `inner` below the pointer: {"a":{"b":inner}}. A number may be a member's name or a place in an
// array.
void documents(const std::vector<std::string>& segments, std::size_t depth,
               const std::string& inner, std::vector<std::string>& out) {
  if (depth == 0) {
    out.push_back(inner);
    return;
  }
  const std::string& segment = segments[depth - 1];
  documents(segments, depth - 1, "{" + json::write(json::Value(segment)) + ":" + inner + "}", out);
  if (is_index(segment)) documents(segments, depth - 1, "[" + inner + "]", out);
}

// Collects text and parameters of one statement over one table.
class Builder {
 public:
  Builder(const z4j_table& t, std::string_view clock, std::string qualifier = {})
      : table_(t), clock_(clock), qualifier_(std::move(qualifier)) {}

  Statement out;

  // What an index of words or paths serves is asked of the table that has it; `for_rows`: so is
  // whether a column equals a text, if no key orders by it.
  void ask_search_table(bool for_rows) {
    asks_search_table_ = true;
    asks_for_equal_ = for_rows;
  }

  std::string param(Param p) {
    out.params.push_back(std::move(p));
    return "$" + std::to_string(out.params.size());
  }
  std::string number(std::uint64_t n) {
    return param(int_param(static_cast<std::int64_t>(std::min<std::uint64_t>(n, INT64_MAX))));
  }
  std::string value(const z4j_value& v, std::uint16_t type) {
    if (v.kind != Z4J_V_NOW) return param(value_param(v, type));
    const std::string plus = param(int_param(v.num));
    if (type == Z4J_T_TIME)
      return "(" + std::string(clock_) + "+" + plus + "*interval '1 microsecond')";
    return "((extract(epoch from " + std::string(clock_) + ")*1000000)::int8+" + plus + ")";
  }

  std::string column(std::uint16_t c) const { return qualifier_ + name_of(table_, c); }

  // Predicates of one `any` become a group of OR where the first of them stands.
  void where(const z4j_pred* preds, std::uint32_t n, std::string_view first_word = " WHERE ") {
    std::vector<bool> done(n, false);
    std::string own, found;  // the table's own conditions, those for its search table
    for (std::uint32_t i = 0; i < n; ++i) {
      if (done[i]) continue;
      std::string unit;
      bool is_served = true;
      for (std::uint32_t j = i; j < n; ++j) {
        if (j != i && (preds[i].any == 0 || preds[j].any != preds[i].any)) continue;
        done[j] = true;
        unit += (unit.empty() ? "" : " OR ") + one(preds[j]);
        is_served = is_served && is_served_;
      }
      std::string& list = is_served && asks_search_table_ ? found : own;
      list += (list.empty() ? "" : " AND ") + (preds[i].any == 0 ? unit : "(" + unit + ")");
      if (asks_for_equal_ && is_equal_to_text(preds[i]))
        found += (found.empty() ? "" : " AND ") + unit;
    }
    if (!found.empty()) {
      const std::string key = key_list(table_, table_.keys[0]);
      own += std::string(own.empty() ? "" : " AND ") + "(" + key + ") IN (SELECT " + key +
             " FROM " + quoted_name(search_table(table_)) + " WHERE " + found + ")";
    }
    if (!own.empty()) out.text.append(first_word).append(own);
  }

 private:
  // The JSON at the path; the column itself without one.
  std::string at(const z4j_pred& p) {
    const std::vector<std::string> segments = segments_of(view(p.path));
    if (segments.empty()) return column(p.column);
    return "(" + column(p.column) + "#>" + param(texts_param(segments)) + ")";
  }
  // Null unless a text or number stands there.
  static std::string text_in(const std::string& x) {
    return "(CASE WHEN jsonb_typeof(" + x + ")='string' THEN " + x + "#>>'{}' END COLLATE \"C\")";
  }
  static std::string number_in(const std::string& x) {
    return "(CASE jsonb_typeof(" + x + ") WHEN 'number' THEN " + x +
           " WHEN 'boolean' THEN CASE WHEN " + x +
           "='true' THEN '1'::jsonb ELSE '0'::jsonb END END)";
  }

  [[nodiscard]] bool has_text_key(std::uint16_t c) const {
    return std::any_of(table_.keys, table_.keys + table_.key_count, [c](const z4j_key& key) {
      const std::uint16_t* end = key.columns + key.column_count;
      return key.kind == Z4J_K_TEXT && std::find(key.columns, end, c) != end;
    });
  }

  // An index of trigrams finds what equals a text, too, but for very short ones.
  [[nodiscard]] bool is_equal_to_text(const z4j_pred& p) const {
    const auto orders_by = [&p](const z4j_key& key) {
      const std::uint16_t* end = key.columns + key.column_count;
      return !store::is_search_key(key) && std::find(key.columns, end, p.column) != end;
    };
    return p.any == 0 && p.cmp == Z4J_CMP_EQ && p.path.len == 0 && p.value_count == 1 &&
           p.values[0].kind == Z4J_V_TEXT && p.values[0].text.len >= 3 && has_text_key(p.column) &&
           std::none_of(table_.keys, table_.keys + table_.key_count, orders_by);
  }

  // What a path index can answer: rows that hold one of these documents, perhaps some more. ""
  // without an index.
  std::string by_index(const z4j_pred& p, const std::vector<std::string>& inner) {
    bool indexed = false;
    for (std::uint32_t k = 0; k < table_.key_count; ++k) {
      indexed =
          indexed || (table_.keys[k].kind == Z4J_K_PATH && table_.keys[k].columns[0] == p.column);
    }
    if (!indexed) return {};
    const std::vector<std::string> segments = segments_of(view(p.path));
    if (std::count_if(segments.begin(), segments.end(), is_index) > 2) return {};
    std::vector<std::string> found;
    for (const std::string& value : inner) documents(segments, segments.size(), value, found);
    if (found.size() > kMaxDocuments) return {};
    std::string out_text;
    for (const std::string& document : found) {
      out_text +=
          (out_text.empty() ? "" : " OR ") + column(p.column) + "@>" + param(json_param(document));
    }
    is_served_ = true;
    return "(" + out_text + ") AND ";
  }

  std::string equal_inside(const z4j_pred& p) {
    std::vector<std::string> values;
    for (std::uint32_t i = 0; i < p.value_count; ++i) {
      for (std::string& scalar : scalars_of(p.values[i])) values.push_back(std::move(scalar));
    }
    if (values.empty()) return "false";
    const std::string first = by_index(p, values);
    const std::string x = at(p);
    return "(" + first + x + "=ANY(" + param(jsons_param(values)) + "))";
  }

  std::string equal(const z4j_pred& p) {
    if (table_.columns[p.column].type == Z4J_T_JSON && p.path.len != 0) return equal_inside(p);
    const std::uint16_t type = table_.columns[p.column].type;
    std::string moving;  // values that only the store's clock knows
    std::uint32_t real = 0;
    const z4j_value* only = nullptr;
    for (std::uint32_t i = 0; i < p.value_count; ++i) {
      if (p.values[i].kind == Z4J_V_NOW) {
        moving += " OR " + column(p.column) + "=" + value(p.values[i], type);
      } else if (p.values[i].kind != Z4J_V_NULL) {
        ++real;
        only = &p.values[i];
      }
    }
    std::string text = "false";
    if (real == 1) text = column(p.column) + "=" + value(*only, type);
    if (real > 1) text = column(p.column) + "=ANY(" + param(fixed_values(p, type)) + ")";
    return moving.empty() ? text : "(" + text + moving + ")";
  }

  static Param fixed_values(const z4j_pred& p, std::uint16_t type) {
    std::vector<z4j_value> fixed;
    std::copy_if(p.values, p.values + p.value_count, std::back_inserter(fixed),
                 [](const z4j_value& v) { return v.kind != Z4J_V_NOW; });
    return values_param(fixed.data(), static_cast<std::uint32_t>(fixed.size()), type);
  }

  std::string has(const z4j_pred& p) {
    std::vector<std::string> values, listed;
    for (std::uint32_t i = 0; i < p.value_count; ++i) {
      for (std::string& scalar : scalars_of(p.values[i])) {
        listed.push_back("[" + scalar + "]");
        values.push_back(std::move(scalar));
      }
    }
    if (values.empty()) return "false";
    const std::string first = by_index(p, listed);
    const std::string x = at(p);
    return "(" + first + "jsonb_typeof(" + x + ")='array' AND " + x + "@>ANY(" +
           param(jsons_param(values)) + "))";
  }

  std::string one(const z4j_pred& p) {
    const bool inside = p.path.len != 0;
    is_served_ = false;
    switch (p.cmp) {
      case Z4J_CMP_EQ:
        return equal(p);
      case Z4J_CMP_NE: {
        const std::string same = equal(p);
        is_served_ = false;
        return "((" + same + ") IS NOT TRUE)";
      }
      case Z4J_CMP_HAS:
        return has(p);
      case Z4J_CMP_IS_NULL:
      case Z4J_CMP_NOT_NULL: {
        const char* sign = p.cmp == Z4J_CMP_IS_NULL ? " IS NULL" : " IS NOT NULL";
        const std::string x = inside ? at(p) : column(p.column);
        return inside ? "(nullif(" + x + ",'null'::jsonb)" + sign + ")" : "(" + x + sign + ")";
      }
      case Z4J_CMP_PREFIX: {
        const std::string prefix(view(p.values[0].text));
        const std::string x = inside ? text_in(at(p)) : column(p.column);
        if (prefix.empty()) return "(" + x + " IS NOT NULL)";
        const std::string end = after_prefix(completed(prefix, Ending::last));
        std::string range = "(" + x + ">=" + param(text_param(completed(prefix, Ending::first)));
        if (!end.empty()) range += " AND " + x + "<" + param(text_param(end));
        return range + ")";
      }
      case Z4J_CMP_CONTAINS: {
        const bool whole = !inside && table_.columns[p.column].type == Z4J_T_JSON;
        const std::string x = inside  ? text_in(at(p))
                              : whole ? "(" + column(p.column) + "::text COLLATE \"C\")"
                                      : column(p.column);
        const std::string_view part = view(p.values[0].text);
        const std::string all = " ILIKE " + param(text_param(like_pattern(part)));
        is_served_ = !inside && has_text_key(p.column);
        if (!is_served_ || !is_long_id(part)) return x + all;
        // No index serves the whole of it.
        return "(" + x + " ILIKE " + param(text_param(ends_pattern(part))) + " AND (" + x +
               "||'')" + all + ")";
      }
      default:
        return ordered(p);
    }
  }

  std::string ordered(const z4j_pred& p) {
    static constexpr std::string_view kSigns[] = {"<", "<=", ">", ">="};
    const std::string sign(kSigns[p.cmp - Z4J_CMP_LT]);
    const z4j_value& v = p.values[0];
    if (v.kind == Z4J_V_NULL) return "false";
    if (p.path.len == 0) return column(p.column) + sign + value(v, table_.columns[p.column].type);
    if (v.kind == Z4J_V_TEXT) return text_in(at(p)) + sign + param(text_param(view(v.text)));
    if (v.kind == Z4J_V_REAL && !std::isfinite(v.real)) {
      const bool above = v.real > 0;
      const bool below_sign = p.cmp == Z4J_CMP_LT || p.cmp == Z4J_CMP_LE;
      return above == below_sign ? "(" + number_in(at(p)) + " IS NOT NULL)" : "false";
    }
    return number_in(at(p)) + sign +
           param(json_param(v.kind == Z4J_V_REAL ? json_of(v.real) : std::to_string(v.num)));
  }

  const z4j_table& table_;
  std::string_view clock_;
  std::string qualifier_;
  bool asks_search_table_ = false, asks_for_equal_ = false;
  bool is_served_ = false;  // of the last predicate: by an index of words or paths
};

// What a merge makes of the stored value and the new one. All names mean the state before the
// statement.
std::string merged(std::uint16_t rule, std::uint16_t type, const std::string& old,
                   const std::string& fresh, const std::string& old_stamp,
                   const std::string& fresh_stamp) {
  const auto better = [&](const char* sign) {
    return "CASE WHEN " + fresh + " IS NULL THEN " + old + " WHEN " + old + " IS NULL OR " + fresh +
           sign + old + " THEN " + fresh + " ELSE " + old + " END";
  };
  switch (rule) {
    case Z4J_M_KEEP:
      return "coalesce(" + old + "," + fresh + ")";
    case Z4J_M_MIN:
      return better("<");
    case Z4J_M_MAX:
      return better(">");
    case Z4J_M_ADD: {
      // A time to add is a number of microseconds, which came as the time so long after 1970.
      const std::string zero = type == Z4J_T_TIME ? std::string(kEpoch) : "0";
      const std::string more = type == Z4J_T_TIME ? "(" + fresh + "-" + zero + ")" : fresh;
      return "CASE WHEN " + fresh + " IS NULL THEN " + old + " ELSE coalesce(" + old + "," + zero +
             ")+" + more + " END";
    }
    case Z4J_M_LAST:
      return "CASE WHEN " + fresh_stamp + " IS NOT NULL AND (" + old_stamp + " IS NULL OR " +
             fresh_stamp + ">=" + old_stamp + ") THEN " + fresh + " ELSE " + old + " END";
    default:
      return fresh;
  }
}

bool brings(const z4j_rows& rows, std::uint16_t column) {
  return std::any_of(rows.cols, rows.cols + rows.col_count,
                     [&](const z4j_col& c) { return c.column == column; });
}

// "a=..., b=..." for the columns outside the primary key. Never empty: a row that merges nothing
// still counts as changed. `old` and `fresh` stand before a column's name.
std::string assignments(const z4j_table& t, const z4j_rows& rows, const std::string& old,
                        const std::string& fresh) {
  std::string out;
  for (std::uint32_t i = 0; i < rows.col_count; ++i) {
    const std::uint16_t c = rows.cols[i].column;
    const z4j_column& column = t.columns[c];
    if (store::in_primary(t, c)) continue;
    std::string stamp;
    if (column.merge == Z4J_M_LAST) {
      if (!brings(rows, column.stamp)) continue;
      stamp = name_of(t, column.stamp);
    }
    const std::string name = name_of(t, c);
    out += (out.empty() ? "" : ",") + name + "=" +
           merged(column.merge, column.type, old + name, fresh + name, old + stamp, fresh + stamp);
  }
  if (!out.empty()) return out;
  const std::string key = name_of(t, t.keys[0].columns[0]);
  return key + "=" + old + key;
}

// "unnest($1,$2)"; the names of the columns in `names`.
std::string arrays(Builder& b, const z4j_table& t, const z4j_rows& rows, std::string& names,
                   std::uint32_t& bad_row) {
  std::string list;
  for (std::uint32_t i = 0; i < rows.col_count; ++i) {
    const z4j_col& col = rows.cols[i];
    names += (i == 0 ? "" : ",") + name_of(t, col.column);
    list += (i == 0 ? "" : ",") +
            b.param(column_param(col, t.columns[col.column].type, rows.rows, bad_row));
  }
  return "unnest(" + list + ")";
}

void insert_into(Builder& b, const z4j_table& t, const z4j_rows& rows, std::uint32_t& bad_row) {
  std::string names;
  const std::string from = arrays(b, t, rows, names, bad_row);
  b.out.text = "INSERT INTO " + quoted_name(view(t.name)) + "(" + names + ") SELECT * FROM " + from;
}

std::string same_key(const z4j_table& t, const std::string& left, const std::string& right) {
  std::string out;
  for (std::uint32_t i = 0; i < t.keys[0].column_count; ++i) {
    const std::string name = name_of(t, t.keys[0].columns[i]);
    out += (i == 0 ? "" : " AND ") + left + name + "=" + right + name;
  }
  return out;
}

// WHERE for a statement that touches at most step.limit rows: they are locked, and asked again once
// they are, so that two kernels with the same limit never take the same rows.
void limited_where(Builder& b, const z4j_table& t, const z4j_step& step) {
  if (step.limit == 0) {
    b.where(step.preds, step.pred_count);
    return;
  }
  const std::string key = key_list(t, t.keys[0]);
  b.out.text += " WHERE (" + key + ") IN (SELECT " + key + " FROM " + quoted_name(view(t.name));
  b.where(step.preds, step.pred_count);
  b.out.text += " LIMIT " + b.number(step.limit) + " FOR UPDATE)";
}

// MIN and MAX where PostgreSQL has none of its own, on a text that orders the same way.
std::string extreme(const std::string& function, const std::string& column, std::uint16_t type) {
  switch (type) {
    case Z4J_T_BOOL:
      return (function == "min" ? "bool_and(" : "bool_or(") + column + ")";
    case Z4J_T_UUID:
      return function + "(" + column + "::text COLLATE \"C\")::uuid";
    case Z4J_T_BYTES:
      return "decode(" + function + "(encode(" + column + ",'hex') COLLATE \"C\"),'hex')";
    default:
      return function + "(" + column + ")";
  }
}

// A time as microseconds since 1970. By way of an interval, which is exact to the last one.
std::string time_number(const std::string& column) {
  return "CASE WHEN " + column +
         "='-infinity' THEN (-9223372036854775808)::int8 ELSE (extract(epoch from " + column + "-" +
         std::string(kEpoch) + ")*1000000)::int8 END";
}

std::string summed(const std::string& column, std::uint16_t type) {
  switch (type) {
    case Z4J_T_REAL:
      return "sum(" + column + ")";
    case Z4J_T_BOOL:
      return "sum(" + column + "::int)::int8";
    case Z4J_T_TIME:
      return "sum(" + time_number(column) + ")::int8";
    default:
      return "sum(" + column + ")::int8";
  }
}

std::string bucketed(Builder& b, const std::string& column, std::uint16_t type,
                     std::int64_t bucket) {
  if (type == Z4J_T_TIME) {
    // date_bin is off by one bucket for some times before its origin, and cannot reach far beyond
    // it: so two origins, 1970 for what comes after it and year 1, where buckets allow, for what
    // came before.
    constexpr std::int64_t kYearOneUs = -62135596800000000;
    const std::int64_t early = bucket < -kYearOneUs ? kYearOneUs / bucket * bucket : 0;
    const std::string stride = b.param(interval_param(bucket)), epoch(kEpoch);
    const std::string origin = b.param(time_param(early));
    return "CASE WHEN " + column + ">=" + epoch + " THEN date_bin(" + stride + "," + column + "," +
           epoch + ") ELSE date_bin(" + stride + "," + column + "," + origin + ") END";
  }
  // The lowest bucket may begin below the smallest number.
  const std::string n = b.param(int_param(bucket));
  const std::string lowest = b.param(int_param(INT64_MIN + bucket));
  return "CASE WHEN " + column + "<" + lowest + " THEN (-9223372036854775808)::int8 ELSE " +
         column + "-((" + column + "%" + n + ")+" + n + ")%" + n + " END";
}

// The text of one output; groups are collected.
std::string output(Builder& b, const z4j_table& t, const z4j_out& o, bool fold,
                   std::string& groups) {
  if (o.agg == Z4J_AGG_COUNT) return "count(*)";
  const std::string column = b.column(o.column);
  const std::uint16_t type = t.columns[o.column].type;
  switch (o.agg) {
    case Z4J_AGG_SUM:
      return summed(column, type);
    case Z4J_AGG_MIN:
      return extreme("min", column, type);
    case Z4J_AGG_MAX:
      return extreme("max", column, type);
    default:
      break;
  }
  const std::string text = o.bucket > 0 ? bucketed(b, column, type, o.bucket) : column;
  if (fold) groups += (groups.empty() ? "" : ",") + text;
  return text;
}

// Behind the row of `after`, in the direction of the order.
void behind(Builder& b, const z4j_table& t, const z4j_query& q,
            const std::vector<std::string>& outs, bool fold) {
  std::string left, right;
  for (std::uint32_t i = 0; i < q.after_count; ++i) {
    const std::uint16_t column = fold ? q.outs[q.order[i]].column : q.order[i];
    const bool number =
        fold && (q.outs[q.order[i]].agg == Z4J_AGG_COUNT ||
                 (q.outs[q.order[i]].agg == Z4J_AGG_SUM && t.columns[column].type != Z4J_T_REAL));
    left += (i == 0 ? "" : ",") + (fold ? outs[q.order[i]] : b.column(column));
    right += (i == 0 ? "" : ",") +
             b.value(q.after[i], number ? std::uint16_t{Z4J_T_INT} : t.columns[column].type);
  }
  b.out.text += "(" + left + ")" + (q.descending != 0 ? "<" : ">") + "(" + right + ")";
}

// From group to group, each by one look into the key.
Statement loose_select(const z4j_table& t, const z4j_query& q, const store::LooseScan& scan) {
  Builder b(t, kQueryClock);
  const std::string group = b.column(scan.group), edge = b.column(scan.edge);
  const std::string way = scan.is_newest ? " DESC" : "";
  const auto one_more = [&](const std::string& beyond) {
    b.out.text += "(SELECT " + group + "," + edge + " FROM " + quoted_name(view(t.name));
    b.where(scan.fixed.data(), static_cast<std::uint32_t>(scan.fixed.size()));
    b.out.text += (scan.fixed.empty() ? " WHERE " : " AND ") + group + beyond + " ORDER BY " +
                  group + way + "," + edge + way + " LIMIT 1)";
  };
  b.out.text = "WITH RECURSIVE z4j_group(" + group + "," + edge + ") AS (";
  one_more(" IS NOT NULL");
  b.out.text += " UNION ALL SELECT z4j_more.* FROM z4j_group,LATERAL ";
  one_more((scan.is_newest ? "<" : ">") + ("z4j_group." + group));
  b.out.text += " AS z4j_more) SELECT " + group + "," + edge + " FROM z4j_group";
  b.where(scan.of_group.data(), static_cast<std::uint32_t>(scan.of_group.size()));
  if (q.limit > 0) b.out.text += " LIMIT " + b.number(q.limit);
  return std::move(b.out);
}

// The columns that outputs of a capped fold read.
std::string inner_columns(const Builder& b, const z4j_table& t, const z4j_query& q) {
  std::string inner;
  std::vector<bool> seen(t.column_count, false);
  for (std::uint32_t i = 0; i < q.out_count; ++i) {
    if (q.outs[i].agg == Z4J_AGG_COUNT || seen[q.outs[i].column]) continue;
    seen[q.outs[i].column] = true;
    inner += (inner.empty() ? "" : ",") + b.column(q.outs[i].column);
  }
  return inner.empty() ? "1" : inner;
}

}  // namespace

std::string quoted_name(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

std::string quoted_text(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "''" : std::string(1, c);
  return out + "'";
}

std::string_view type_name(std::uint16_t type) {
  constexpr std::string_view kNames[] = {
      "",     "boolean", "bigint", "double precision", "timestamp with time zone", "uuid",
      "text", "bytea",   "jsonb"};
  return kNames[type];
}

bool is_by_day(const z4j_table& t) noexcept {
  const std::uint16_t time = t.keys[0].columns[0];
  if ((t.flags & Z4J_TBL_BY_TIME) == 0 || t.columns[time].type != Z4J_T_TIME ||
      t.name.len > kLongestDayTable)
    return false;
  return std::all_of(t.keys, t.keys + t.key_count, [&](const z4j_key& key) {
    const std::uint16_t* end = key.columns + key.column_count;
    return key.kind != Z4J_K_UNIQUE || std::find(key.columns, end, time) != end;
  });
}

std::string create_table(const z4j_table& t) {
  std::string out = create_word(t) + quoted_name(view(t.name)) + " (";
  for (std::uint32_t i = 0; i < t.column_count; ++i) {
    const z4j_column& c = t.columns[i];
    if ((c.flags & Z4J_COL_RETIRED) != 0) continue;
    const bool required =
        (c.flags & Z4J_COL_REQUIRED) != 0 || store::in_primary(t, static_cast<std::uint16_t>(i));
    out += quoted_name(view(c.name)) + " " + column_type(c) + (required ? " NOT NULL" : "") + ",";
  }
  out += "CONSTRAINT " + quoted_name(view(t.keys[0].name)) + " PRIMARY KEY (" +
         key_list(t, t.keys[0]) + "))";
  if (is_by_day(t)) return out + " PARTITION BY RANGE (" + name_of(t, t.keys[0].columns[0]) + ")";
  // Room on each page keeps new versions of a row beside the old one.
  if ((t.flags & Z4J_TBL_HOT) != 0)
    out += " WITH (fillfactor=70,autovacuum_vacuum_scale_factor=0.05)";
  return out;
}

std::string comment_on(const z4j_table& t, const z4j_column& c) {
  return "COMMENT ON COLUMN " + quoted_name(view(t.name)) + "." + quoted_name(view(c.name)) +
         " IS " + quoted_text(one_line(view(c.comment)));
}

std::vector<std::string> comments(const z4j_table& t) {
  std::vector<std::string> out{"COMMENT ON TABLE " + quoted_name(view(t.name)) + " IS " +
                               quoted_text(one_line(view(t.comment)))};
  for (std::uint32_t i = 0; i < t.column_count; ++i) {
    if ((t.columns[i].flags & Z4J_COL_RETIRED) == 0) out.push_back(comment_on(t, t.columns[i]));
  }
  return out;
}

std::string add_column(const z4j_table& t, const z4j_column& c) {
  return "ALTER TABLE " + quoted_name(view(t.name)) + " ADD COLUMN " + quoted_name(view(c.name)) +
         " " + column_type(c);
}

std::string create_index(const z4j_table& t, const z4j_key& key, std::string_view trigram_schema,
                         Locking locking) {
  if (key.kind == Z4J_K_PRIMARY || (key.kind == Z4J_K_TEXT && trigram_schema.empty())) return {};
  std::string what = key_list(t, key);
  if (key.kind == Z4J_K_TEXT) {
    what.clear();
    for (std::uint32_t i = 0; i < key.column_count; ++i) {
      const std::string name = name_of(t, key.columns[i]);
      const bool is_text = t.columns[key.columns[i]].type == Z4J_T_TEXT;
      what += (i == 0 ? "" : ",") + (is_text ? name : "((" + name + "::text COLLATE \"C\"))") +
              " " + quoted_name(trigram_schema) + ".gin_trgm_ops";
    }
  }
  if (key.kind == Z4J_K_PATH) what = name_of(t, key.columns[0]) + " jsonb_path_ops";
  // Rows order by columns without nulls only, so nulls at the end of a key are found by nobody and
  // need no entry.
  const std::uint16_t last = key.columns[key.column_count - 1];
  const bool is_listed = store::is_search_key(key);
  std::vector<std::uint16_t> whole = store::sparse_columns(t, key);
  if (key.kind == Z4J_K_ORDER && (t.columns[last].flags & Z4J_COL_REQUIRED) == 0 &&
      !store::in_primary(t, last) && std::find(whole.begin(), whole.end(), last) == whole.end())
    whole.push_back(last);
  std::string rows;
  for (const std::uint16_t column : whole)
    rows += (rows.empty() ? " WHERE " : " AND ") + name_of(t, column) + " IS NOT NULL";
  return std::string("CREATE ") + (key.kind == Z4J_K_UNIQUE ? "UNIQUE " : "") + "INDEX " +
         (locking == Locking::concurrently ? "CONCURRENTLY " : "") + quoted_name(view(key.name)) +
         " ON " +
         quoted_name(is_listed && has_search_table(t) ? search_table(t)
                                                      : std::string(view(t.name))) +
         (is_listed ? " USING gin (" : " (") + what + ")" +
         (is_listed ? std::string(kListOptions) : "") + rows;
}

bool has_search_table(const z4j_table& t) noexcept {
  return !is_by_day(t) && std::any_of(t.keys, t.keys + t.key_count, store::is_search_key);
}

std::string search_table(const z4j_table& t) { return std::string(view(t.name)) + "_search"; }

std::vector<std::string> create_search_table(const z4j_table& t) {
  const std::string table = quoted_name(view(t.name)), search = quoted_name(search_table(t));
  const std::string key = key_list(t, t.keys[0]);
  std::string declared, all = key, set, changed;
  const auto declare = [&](std::uint16_t c) {
    declared += name_of(t, c) + " " + column_type(t.columns[c]) + ",";
  };
  for (std::uint32_t i = 0; i < t.keys[0].column_count; ++i) declare(t.keys[0].columns[i]);
  for (std::uint16_t c = 0; c < t.column_count; ++c) {
    const bool is_searched = std::any_of(t.keys, t.keys + t.key_count, [c](const z4j_key& k) {
      return store::is_search_key(k) &&
             std::find(k.columns, k.columns + k.column_count, c) != k.columns + k.column_count;
    });
    if (!is_searched || store::in_primary(t, c)) continue;
    const std::string name = name_of(t, c);
    declare(c);
    all += "," + name;
    set += (set.empty() ? "" : ",") + name + "=NEW." + name;
    changed += (changed.empty() ? "" : " OR ") + ("OLD." + name + " IS DISTINCT FROM NEW." + name);
  }
  const auto is_row = [&](const std::string& row) { return same_key(t, search + ".", row + "."); };
  // A plan is kept for a session, and may have been made while the table was empty.
  constexpr std::string_view kPlans = " SET enable_seqscan TO off";
  std::vector<std::string> out;
  out.push_back(create_word(t) + search + " (" + declared + "PRIMARY KEY (" + key + "))");
  out.push_back("COMMENT ON TABLE " + search + " IS " +
                quoted_text("what " + std::string(view(t.name)) +
                            " is searched by, kept apart so that a row that changes otherwise "
                            "costs its indexes nothing; kept by triggers"));
  const auto trigger = [&](const std::string& event, const std::string& when,
                           std::string_view plans, const std::string& body) {
    const std::string name = quoted_name("z4j_" + search_table(t) + "_" + event);
    out.push_back("CREATE OR REPLACE FUNCTION " + name +
                  "() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT" +
                  std::string(plans) + " AS $search$ BEGIN " + body +
                  "; RETURN NULL; END $search$");
    out.push_back("CREATE OR REPLACE TRIGGER " + name + " AFTER " + event + " ON " + table + when +
                  " EXECUTE FUNCTION " + name + "()");
  };
  trigger("insert", " REFERENCING NEW TABLE AS z4j_fresh FOR EACH STATEMENT", {},
          "INSERT INTO " + search + "(" + all + ") SELECT " + all + " FROM z4j_fresh");
  if (!set.empty())
    trigger("update", " FOR EACH ROW WHEN (" + changed + ")", kPlans,
            "UPDATE " + search + " SET " + set + " WHERE " + is_row("OLD"));
  trigger("delete", " FOR EACH ROW", kPlans, "DELETE FROM " + search + " WHERE " + is_row("OLD"));
  trigger("truncate", " FOR EACH STATEMENT", {}, "TRUNCATE " + search);
  out.push_back("INSERT INTO " + search + "(" + all + ") SELECT " + all + " FROM " + table);
  return out;
}

std::string create_guard_function() {
  return "CREATE OR REPLACE FUNCTION z4j_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
         "$guard$ BEGIN "
         "RAISE EXCEPTION '% is append-only: %', TG_ARGV[0], CASE TG_OP WHEN 'UPDATE' THEN 'its "
         "rows never change' "
         "ELSE 'only retention may delete from it' END USING ERRCODE = 'ZJ001'; END $guard$";
}

std::vector<Guard> create_guards(const z4j_table& t) {
  if ((t.flags & Z4J_TBL_APPEND) == 0) return {};
  const std::string table(view(t.name));
  const auto guard = [&](const std::string& name, const std::string& event,
                         const std::string& each) {
    return Guard{name, "CREATE TRIGGER " + quoted_name(name) + " BEFORE " + event + " ON " +
                           quoted_name(table) + " FOR EACH " + each +
                           " EXECUTE FUNCTION z4j_refuse_change(" + quoted_text(table) + ")"};
  };
  return {guard(table + "_no_update", "UPDATE", "ROW"),
          guard(table + "_no_delete", "DELETE",
                "ROW WHEN (current_setting('z4j.retention',true) IS DISTINCT FROM 'on')"),
          guard(table + "_no_truncate", "TRUNCATE", "STATEMENT")};
}

Statement select(const z4j_table& t, const z4j_query& q) {
  if (const auto loose = store::loose_scan(t, q)) return loose_select(t, q, *loose);
  Builder b(t, kQueryClock);
  const bool fold = store::folds(q);
  if (has_search_table(t) && (q.flags & Z4J_QUERY_AMONG_FEW) == 0) b.ask_search_table(!fold);
  std::string list, groups;
  std::vector<std::string> outs;
  for (std::uint32_t i = 0; i < q.out_count; ++i) {
    outs.push_back(output(b, t, q.outs[i], fold, groups));
    list += (i == 0 ? "" : ",") + outs.back();
  }
  b.out.text = "SELECT " + list + " FROM ";
  const bool capped = fold && q.scan_limit > 0;
  if (capped) b.out.text += "(SELECT " + inner_columns(b, t, q) + " FROM ";
  b.out.text += quoted_name(view(t.name));
  b.where(q.preds, q.pred_count);
  if (capped) b.out.text += " LIMIT " + b.number(q.scan_limit) + ") AS capped";
  if (q.after_count > 0 && !fold) {
    b.out.text += q.pred_count > 0 ? " AND " : " WHERE ";
    behind(b, t, q, outs, fold);
  }
  if (!groups.empty()) b.out.text += " GROUP BY " + groups;
  if (q.after_count > 0 && fold) {
    b.out.text += " HAVING ";
    behind(b, t, q, outs, fold);
  }
  for (std::uint32_t i = 0; i < q.order_count; ++i) {
    b.out.text += i == 0 ? " ORDER BY " : ",";
    b.out.text += fold ? std::to_string(q.order[i] + 1) : b.column(q.order[i]);
    if (q.descending != 0) b.out.text += " DESC";
    // Groups may be null, and null comes before all values; rows are ordered by columns without
    // nulls, as indexes have them.
    if (fold && q.outs[q.order[i]].agg != Z4J_AGG_COUNT)
      b.out.text += q.descending != 0 ? " NULLS LAST" : " NULLS FIRST";
  }
  if (q.limit > 0) b.out.text += " LIMIT " + b.number(q.limit);
  return std::move(b.out);
}

Statement insert(const z4j_table& t, const z4j_rows& rows, std::uint32_t& bad_row) {
  Builder b(t, kCommitClock);
  insert_into(b, t, rows, bad_row);
  return std::move(b.out);
}

Statement insert_new(const z4j_table& t, const z4j_rows& rows, Outcome outcome,
                     std::uint32_t& bad_row) {
  Builder b(t, kCommitClock);
  insert_into(b, t, rows, bad_row);
  b.out.text += " ON CONFLICT(" + key_list(t, t.keys[0]) + ") DO NOTHING";
  if (outcome == Outcome::wanted) b.out.text += " RETURNING " + key_list(t, t.keys[0]);
  return std::move(b.out);
}

Statement merge(const z4j_table& t, const z4j_step& step, Outcome outcome, std::uint32_t& bad_row) {
  const std::string qualifier = quoted_name(view(t.name)) + ".";
  Builder b(t, kCommitClock, qualifier);
  insert_into(b, t, *step.rows, bad_row);
  b.out.text += " ON CONFLICT(" + key_list(t, t.keys[0]) + ") DO UPDATE SET " +
                assignments(t, *step.rows, qualifier, "excluded.");
  b.where(step.preds, step.pred_count);
  // A row version that replaces another carries the mark of whoever locked that one.
  if (outcome == Outcome::wanted)
    b.out.text += " RETURNING " + key_list(t, t.keys[0]) + ",(" + qualifier + "xmax=0)";
  return std::move(b.out);
}

Statement patch(const z4j_table& t, const z4j_step& step, Outcome outcome, std::uint32_t& bad_row) {
  const std::string qualifier = quoted_name(view(t.name)) + ".";
  Builder b(t, kCommitClock, qualifier);
  std::string names;
  const std::string from = arrays(b, t, *step.rows, names, bad_row);
  b.out.text = "UPDATE " + quoted_name(view(t.name)) + " SET " +
               assignments(t, *step.rows, qualifier, "z4j_fresh.") + " FROM " + from +
               " WITH ORDINALITY AS z4j_fresh(" + names + ",z4j_place) WHERE " +
               same_key(t, qualifier, "z4j_fresh.");
  b.where(step.preds, step.pred_count, " AND ");
  if (outcome == Outcome::wanted) b.out.text += " RETURNING z4j_fresh.z4j_place";
  return std::move(b.out);
}

Statement lock_rows(const z4j_table& t, const z4j_rows& rows, std::uint32_t& bad_row) {
  const std::string qualifier = quoted_name(view(t.name)) + ".";
  Builder b(t, kCommitClock, qualifier);
  std::string names, list;
  for (std::uint32_t i = 0; i < rows.col_count; ++i) {
    const z4j_col& col = rows.cols[i];
    if (!store::in_primary(t, col.column)) continue;
    names += (names.empty() ? "" : ",") + name_of(t, col.column);
    list += (list.empty() ? "" : ",") +
            b.param(column_param(col, t.columns[col.column].type, rows.rows, bad_row));
  }
  b.out.text = "SELECT " + key_list(t, t.keys[0], qualifier) + " FROM " +
               quoted_name(view(t.name)) + ",unnest(" + list + ") AS z4j_fresh(" + names +
               ") WHERE " + same_key(t, qualifier, "z4j_fresh.") + " ORDER BY " +
               key_list(t, t.keys[0], qualifier) + " FOR NO KEY UPDATE OF " +
               quoted_name(view(t.name));
  return std::move(b.out);
}

Statement update(const z4j_table& t, const z4j_step& step) {
  Builder b(t, kCommitClock);
  b.out.text = "UPDATE " + quoted_name(view(t.name)) + " SET ";
  for (std::uint32_t i = 0; i < step.set_count; ++i) {
    const z4j_set& set = step.sets[i];
    const std::string name = name_of(t, set.column);
    const std::string fresh = b.value(set.value, t.columns[set.column].type);
    b.out.text += (i == 0 ? "" : ",") + name + "=" +
                  merged(set.merge, t.columns[set.column].type, name, fresh, "", "");
  }
  limited_where(b, t, step);
  return std::move(b.out);
}

Statement erase(const z4j_table& t, const z4j_step& step) {
  Builder b(t, kCommitClock);
  b.out.text = "DELETE FROM " + quoted_name(view(t.name));
  limited_where(b, t, step);
  return std::move(b.out);
}

Statement count(const z4j_table& t, const z4j_step& step) {
  Builder b(t, kCommitClock);
  b.out.text = "SELECT count(*) FROM (SELECT 1 FROM " + quoted_name(view(t.name));
  b.where(step.preds, step.pred_count);
  if (step.limit > 0) b.out.text += " LIMIT " + b.number(step.limit);
  b.out.text += " FOR SHARE) AS held";
  return std::move(b.out);
}

}  // namespace z4j::sql::pg
