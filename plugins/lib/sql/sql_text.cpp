#include "lib/sql/sql_text.hpp"

#include <algorithm>

#include <z4j/plugin.hpp>

#include <z4j/storage_check.hpp>
#include "lib/sql/loose_scan.hpp"

namespace z4j::sql {
namespace {

// A call of the driver's JSON functions takes so many values at most (SQLite: 127 arguments).
constexpr std::uint32_t kValuesPerCall = 64;

std::string name_of(const z4j_table& t, std::uint16_t column) {
  return quoted(view(t.columns[column].name));
}

std::string comment_line(z4j_str text) {
  std::string out = "  -- ";
  for (const char c : view(text)) out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  return out + "\n";
}

// The smallest text greater than all texts with this prefix; "" when there is none.
std::string after_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty())
    prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

std::string key_list(const z4j_table& t, const z4j_key& key) {
  std::string out;
  for (std::uint32_t i = 0; i < key.column_count; ++i)
    out += (i == 0 ? "" : ",") + name_of(t, key.columns[i]);
  return out;
}

// The rows that an index of a sparse key holds.
std::string whole_rows(const z4j_table& t, const z4j_key& key) {
  std::string out;
  for (const std::uint16_t column : store::sparse_columns(t, key))
    out += (out.empty() ? " WHERE " : " AND ") + name_of(t, column) + " IS NOT NULL";
  return out;
}

// Collects text and values of one statement over one table.
class Builder {
 public:
  Builder(const Dialect& d, const z4j_table& t, std::uint32_t cells = 0, std::string qualifier = {})
      : dialect_(d), table_(t), qualifier_(std::move(qualifier)) {
    out.cells = cells;
  }

  Statement out;

  std::string cell(std::size_t i) const { return dialect_.placeholder + std::to_string(i + 1); }

  std::string value(const z4j_value& v, std::uint16_t column_type) {
    Bind b;
    b.value = v;
    b.column_type = column_type;
    return push(std::move(b));
  }
  std::string number(std::uint64_t n) {
    z4j_value v{};
    v.kind = Z4J_V_NUM;
    v.num = static_cast<std::int64_t>(std::min<std::uint64_t>(n, INT64_MAX));
    return value(v, 0);
  }
  std::string text(std::string_view made) {
    Bind b;
    b.made = made;
    b.is_made = true;
    return push(std::move(b));
  }

  std::string column(std::uint16_t c) const { return qualifier_ + name_of(table_, c); }

  // Predicates of one `any` become a group of OR where the first of them stands.
  void where(const z4j_pred* preds, std::uint32_t n) {
    std::vector<bool> done(n, false);
    bool first = true;
    for (std::uint32_t i = 0; i < n; ++i) {
      if (done[i]) continue;
      out.text += first ? " WHERE " : " AND ";
      first = false;
      if (preds[i].any == 0) {
        out.text += one(preds[i]);
        continue;
      }
      std::string group;
      for (std::uint32_t j = i; j < n; ++j) {
        if (preds[j].any != preds[i].any) continue;
        done[j] = true;
        group += (group.empty() ? "" : " OR ") + one(preds[j]);
      }
      out.text += "(" + group + ")";
    }
  }

 private:
  std::string push(Bind b) {
    out.binds.push_back(std::move(b));
    return dialect_.placeholder + std::to_string(out.cells + out.binds.size());
  }

  // The values that are not null, their number padded to a power of two with the last one.
  static std::vector<const z4j_value*> real_values(const z4j_pred& p) {
    std::vector<const z4j_value*> values;
    for (std::uint32_t i = 0; i < p.value_count; ++i) {
      if (p.values[i].kind != Z4J_V_NULL) values.push_back(&p.values[i]);
    }
    std::size_t room = 1;
    while (room < values.size()) room *= 2;
    while (!values.empty() && values.size() < room) values.push_back(values.back());
    return values;
  }

  std::string list(const std::vector<const z4j_value*>& values, std::uint16_t type) {
    std::string text_list;
    for (const z4j_value* v : values) text_list += (text_list.empty() ? "" : ",") + value(*v, type);
    return text_list;
  }

  std::string at(const z4j_pred& p, char kind) {
    return std::string(dialect_.json_at) + "(" + column(p.column) + "," + text(view(p.path)) + "," +
           kind + ")";
  }

  // A kind for which only comparable scalars answer.
  static char kind_of(const z4j_value& v) { return v.kind == Z4J_V_TEXT ? '2' : '1'; }

  std::string equal(const z4j_pred& p) {
    const auto values = real_values(p);
    if (values.empty()) return "0";
    const bool inside = p.path.len != 0;
    const std::uint16_t type = inside ? std::uint16_t{0} : table_.columns[p.column].type;
    const std::string what = inside ? at(p, '0') : column(p.column);
    if (values.size() == 1) return what + "=" + value(*values[0], type);
    return what + " IN (" + list(values, type) + ")";
  }

  std::string has(const z4j_pred& p) {
    const auto values = real_values(p);
    if (values.empty()) return "0";
    std::string out_text;
    for (std::size_t i = 0; i < values.size(); i += kValuesPerCall) {
      const std::size_t end = std::min<std::size_t>(values.size(), i + kValuesPerCall);
      out_text += (i == 0 ? "" : " OR ") + std::string(dialect_.json_has) + "(" + column(p.column) +
                  "," + text(view(p.path));
      for (std::size_t j = i; j < end; ++j) out_text += "," + value(*values[j], 0);
      out_text += ")";
    }
    return "(" + out_text + ")";
  }

  std::string one(const z4j_pred& p) {
    const bool inside = p.path.len != 0;
    const std::uint16_t type = inside ? std::uint16_t{0} : table_.columns[p.column].type;
    switch (p.cmp) {
      case Z4J_CMP_EQ:
        return equal(p);
      case Z4J_CMP_NE:
        return "((" + equal(p) + ") IS NOT TRUE)";
      case Z4J_CMP_HAS:
        return has(p);
      case Z4J_CMP_IS_NULL:
        return (inside ? at(p, '0') : column(p.column)) + " IS NULL";
      case Z4J_CMP_NOT_NULL:
        return (inside ? at(p, '0') : column(p.column)) + " IS NOT NULL";
      case Z4J_CMP_PREFIX: {
        const std::string prefix(view(p.values[0].text));
        const std::string end = after_prefix(prefix);
        std::string what = inside ? at(p, '2') : column(p.column);
        if (prefix.empty()) return what + " IS NOT NULL";
        std::string range = "(" + what + ">=" + text(prefix);
        if (!end.empty()) range += " AND " + (inside ? at(p, '2') : what) + "<" + text(end);
        return range + ")";
      }
      case Z4J_CMP_CONTAINS:
        return "instr(lower(" + (inside ? at(p, '2') : column(p.column)) + "),lower(" +
               text(view(p.values[0].text)) + "))>0";
      default: {
        static constexpr std::string_view kSigns[] = {"<", "<=", ">", ">="};
        if (p.values[0].kind == Z4J_V_NULL) return "0";
        const std::string what = inside ? at(p, kind_of(p.values[0])) : column(p.column);
        return what + std::string(kSigns[p.cmp - Z4J_CMP_LT]) + value(p.values[0], type);
      }
    }
  }

  const Dialect& dialect_;
  const z4j_table& table_;
  std::string qualifier_;
};

// What a merge makes of the stored value and the new one. All names mean the state before the
// statement.
std::string merged(std::uint16_t rule, const std::string& old, const std::string& fresh,
                   const std::string& old_stamp, const std::string& fresh_stamp) {
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
    case Z4J_M_ADD:
      return "CASE WHEN " + fresh + " IS NULL THEN " + old + " ELSE coalesce(" + old + ",0)+" +
             fresh + " END";
    case Z4J_M_LAST:
      return "CASE WHEN " + fresh_stamp + " IS NOT NULL AND (" + old_stamp + " IS NULL OR " +
             fresh_stamp + ">=" + old_stamp + ") THEN " + fresh + " ELSE " + old + " END";
    default:
      return fresh;
  }
}

// "a=..., b=..." for the columns outside the primary key. Never empty: a row that merges nothing
// still counts as changed.
template <class Fresh>
std::string assignments(const z4j_table& t, const Columns& columns, const std::string& qualifier,
                        Fresh fresh) {
  std::string out;
  for (const std::uint16_t c : columns) {
    if (store::in_primary(t, c)) continue;
    const z4j_column& column = t.columns[c];
    std::string old_stamp, fresh_stamp;
    if (column.merge == Z4J_M_LAST) {
      if (std::find(columns.begin(), columns.end(), column.stamp) == columns.end()) continue;
      old_stamp = qualifier + name_of(t, column.stamp);
      fresh_stamp = fresh(column.stamp);
    }
    out += (out.empty() ? "" : ",") + name_of(t, c) + "=" +
           merged(column.merge, qualifier + name_of(t, c), fresh(c), old_stamp, fresh_stamp);
  }
  if (!out.empty()) return out;
  const std::string key = name_of(t, t.keys[0].columns[0]);
  return key + "=" + qualifier + key;
}

std::size_t place_of(const Columns& columns, std::uint16_t c) {
  return static_cast<std::size_t>(std::find(columns.begin(), columns.end(), c) - columns.begin());
}

// WHERE for a statement that touches at most step.limit rows.
void limited_where(Builder& b, const z4j_table& t, const z4j_step& step) {
  if (step.limit == 0) {
    b.where(step.preds, step.pred_count);
    return;
  }
  const std::string key = key_list(t, t.keys[0]);
  b.out.text += " WHERE " + (t.keys[0].column_count > 1 ? "(" + key + ")" : key) + " IN (SELECT " +
                key + " FROM " + quoted(view(t.name));
  b.where(step.preds, step.pred_count);
  b.out.text += " LIMIT " + b.number(step.limit) + ")";
}

// The text of one output; groups are collected.
std::string output(Builder& b, const z4j_out& o, bool fold, std::string& groups) {
  if (o.agg == Z4J_AGG_COUNT) return "count(*)";
  const std::string column = b.column(o.column);
  switch (o.agg) {
    case Z4J_AGG_SUM:
      return "sum(" + column + ")";
    case Z4J_AGG_MIN:
      return "min(" + column + ")";
    case Z4J_AGG_MAX:
      return "max(" + column + ")";
    default:
      break;
  }
  std::string text = column;
  if (o.bucket > 0) {
    const std::string n = std::to_string(o.bucket);
    text = "(" + column + "-((" + column + "%" + n + ")+" + n + ")%" + n + ")";
  }
  if (fold) groups += (groups.empty() ? "" : ",") + text;
  return text;
}

// Behind the row of `after`, in the direction of the order.
void behind(Builder& b, const z4j_table& t, const z4j_query& q,
            const std::vector<std::string>& outs, bool fold) {
  std::string left, right;
  for (std::uint32_t i = 0; i < q.after_count; ++i) {
    const std::uint16_t column = fold ? q.outs[q.order[i]].column : q.order[i];
    const bool counted = fold && q.outs[q.order[i]].agg == Z4J_AGG_COUNT;
    left += (i == 0 ? "" : ",") + (fold ? outs[q.order[i]] : b.column(column));
    right += (i == 0 ? "" : ",") +
             b.value(q.after[i], counted ? std::uint16_t{Z4J_T_INT} : t.columns[column].type);
  }
  if (q.after_count > 1) {
    left = "(" + left + ")";
    right = "(" + right + ")";
  }
  b.out.text += left + (q.descending != 0 ? "<" : ">") + right;
}

// From group to group, each by one look into the key.
Statement loose_select(const Dialect& d, const z4j_table& t, const z4j_query& q,
                       const store::LooseScan& scan) {
  Builder b(d, t);
  const std::string group = b.column(scan.group), edge = b.column(scan.edge);
  const std::string way = scan.is_newest ? " DESC" : "";
  const auto one = [&](const std::string& column, const std::string& beyond) {
    b.out.text += "(SELECT " + column + " FROM " + quoted(view(t.name));
    b.where(scan.fixed.data(), static_cast<std::uint32_t>(scan.fixed.size()));
    b.out.text += (scan.fixed.empty() ? " WHERE " : " AND ") + group + beyond + " ORDER BY " +
                  group + way + "," + edge + way + " LIMIT 1)";
  };
  b.out.text = "WITH RECURSIVE z4j_group(" + group + ") AS (SELECT ";
  one(group, " IS NOT NULL");
  b.out.text += " UNION ALL SELECT ";
  one(group, (scan.is_newest ? "<" : ">") + ("z4j_group." + group));
  b.out.text += " FROM z4j_group WHERE z4j_group." + group + " IS NOT NULL) SELECT " + group + ",";
  one(edge, "=z4j_group." + group);
  b.out.text += " FROM z4j_group";
  b.where(scan.of_group.data(), static_cast<std::uint32_t>(scan.of_group.size()));
  if (q.limit > 0) b.out.text += " LIMIT " + b.number(q.limit);
  return std::move(b.out);
}

}  // namespace

const Dialect& sqlite() {
  static const Dialect dialect = {
      '?',
      {"", "INTEGER", "INTEGER", "REAL", "INTEGER", "BLOB", "TEXT", "BLOB", "TEXT"},
      " STRICT",
      ", WITHOUT ROWID",
      "z4j_json_at",
      "z4j_json_has",
      "z4j_may_delete()"};
  return dialect;
}

std::string quoted(std::string_view name) { return "\"" + std::string(name) + "\""; }

std::string create_table(const Dialect& d, const z4j_table& t) {
  std::string out =
      "CREATE TABLE IF NOT EXISTS " + quoted(view(t.name)) + " (" + comment_line(t.comment);
  for (std::uint32_t i = 0; i < t.column_count; ++i) {
    const z4j_column& c = t.columns[i];
    if ((c.flags & Z4J_COL_RETIRED) != 0) continue;
    const bool required =
        (c.flags & Z4J_COL_REQUIRED) != 0 || store::in_primary(t, static_cast<std::uint16_t>(i));
    out += "  " + quoted(view(c.name)) + " " + std::string(d.type_names[c.type]) +
           (required ? " NOT NULL" : "") + "," + comment_line(c.comment);
  }
  out += "  PRIMARY KEY (" + key_list(t, t.keys[0]) + ")\n)" + std::string(d.table_options);
  if ((t.flags & Z4J_TBL_BY_TIME) != 0) out += d.clustered;
  return out;
}

std::string add_column(const Dialect& d, const z4j_table& t, const z4j_column& c) {
  return "ALTER TABLE " + quoted(view(t.name)) + " ADD COLUMN " + quoted(view(c.name)) + " " +
         std::string(d.type_names[c.type]);
}

std::string create_index(const z4j_table& t, const z4j_key& key) {
  if (key.kind != Z4J_K_UNIQUE && key.kind != Z4J_K_ORDER) return {};
  return std::string("CREATE ") + (key.kind == Z4J_K_UNIQUE ? "UNIQUE " : "") +
         "INDEX IF NOT EXISTS " + quoted(view(key.name)) + " ON " + quoted(view(t.name)) + "(" +
         key_list(t, key) + ")" + whole_rows(t, key);
}

std::vector<Trigger> create_guards(const Dialect& d, const z4j_table& t) {
  if ((t.flags & Z4J_TBL_APPEND) == 0) return {};
  const auto guard = [&](const std::string& name, const std::string& when,
                         const std::string& what) {
    return Trigger{name, "CREATE TRIGGER IF NOT EXISTS " + quoted(name) + " BEFORE " + when +
                             " BEGIN SELECT RAISE(ABORT, '" + std::string(view(t.name)) +
                             " is append-only: " + what + "'); END"};
  };
  const std::string name(view(t.name));
  return {guard(name + "_no_update", "UPDATE ON " + quoted(name), "its rows never change"),
          guard(name + "_no_delete",
                "DELETE ON " + quoted(name) + " WHEN NOT " + std::string(d.may_delete),
                "only retention may delete from it")};
}

Statement select(const Dialect& d, const z4j_table& t, const z4j_query& q) {
  if (const auto loose = store::loose_scan(t, q)) return loose_select(d, t, q, *loose);
  Builder b(d, t);
  const bool fold = store::folds(q);
  std::string list, groups;
  std::vector<std::string> outs;
  for (std::uint32_t i = 0; i < q.out_count; ++i) {
    outs.push_back(output(b, q.outs[i], fold, groups));
    list += (i == 0 ? "" : ",") + outs.back();
  }
  b.out.text = "SELECT " + list + " FROM ";
  const bool capped = fold && q.scan_limit > 0;
  if (capped) {
    std::string inner;
    std::vector<bool> seen(t.column_count, false);
    for (std::uint32_t i = 0; i < q.out_count; ++i) {
      if (q.outs[i].agg == Z4J_AGG_COUNT || seen[q.outs[i].column]) continue;
      seen[q.outs[i].column] = true;
      inner += (inner.empty() ? "" : ",") + b.column(q.outs[i].column);
    }
    b.out.text += "(SELECT " + (inner.empty() ? "1" : inner) + " FROM ";
  }
  b.out.text += quoted(view(t.name));
  b.where(q.preds, q.pred_count);
  if (capped) b.out.text += " LIMIT " + b.number(q.scan_limit) + ")";
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
  }
  if (q.limit > 0) b.out.text += " LIMIT " + b.number(q.limit);
  return std::move(b.out);
}

Statement insert(const Dialect& d, const z4j_table& t, const Columns& columns) {
  Builder b(d, t, static_cast<std::uint32_t>(columns.size()));
  std::string names, cells;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    names += (i == 0 ? "" : ",") + name_of(t, columns[i]);
    cells += (i == 0 ? "" : ",") + b.cell(i);
  }
  b.out.text = "INSERT INTO " + quoted(view(t.name)) + "(" + names + ") VALUES(" + cells + ")";
  return std::move(b.out);
}

Statement insert_new(const Dialect& d, const z4j_table& t, const Columns& columns) {
  Statement s = insert(d, t, columns);
  s.text += " ON CONFLICT(" + key_list(t, t.keys[0]) + ") DO NOTHING";
  return s;
}

Statement merge(const Dialect& d, const z4j_table& t, const Columns& columns, const z4j_pred* guard,
                std::uint32_t guards) {
  const std::string qualifier = quoted(view(t.name)) + ".";
  Builder b(d, t, static_cast<std::uint32_t>(columns.size()), qualifier);
  b.out.text = insert(d, t, columns).text + " ON CONFLICT(" + key_list(t, t.keys[0]) +
               ") DO UPDATE SET " + assignments(t, columns, qualifier, [&](std::uint16_t c) {
                 return "excluded." + name_of(t, c);
               });
  b.where(guard, guards);
  return std::move(b.out);
}

Statement patch(const Dialect& d, const z4j_table& t, const Columns& columns, const z4j_pred* guard,
                std::uint32_t guards) {
  Builder b(d, t, static_cast<std::uint32_t>(columns.size()));
  b.out.text =
      "UPDATE " + quoted(view(t.name)) + " SET " +
      assignments(t, columns, "", [&](std::uint16_t c) { return b.cell(place_of(columns, c)); });
  b.where(guard, guards);
  const z4j_key& key = t.keys[0];
  for (std::uint32_t i = 0; i < key.column_count; ++i) {
    b.out.text += i == 0 && guards == 0 ? " WHERE " : " AND ";
    b.out.text += name_of(t, key.columns[i]) + "=" + b.cell(place_of(columns, key.columns[i]));
  }
  return std::move(b.out);
}

Statement exists(const Dialect& d, const z4j_table& t, const Columns& columns) {
  Builder b(d, t, static_cast<std::uint32_t>(columns.size()));
  b.out.text = "SELECT 1 FROM " + quoted(view(t.name));
  const z4j_key& key = t.keys[0];
  for (std::uint32_t i = 0; i < key.column_count; ++i) {
    b.out.text += (i == 0 ? " WHERE " : " AND ") + name_of(t, key.columns[i]) + "=" +
                  b.cell(place_of(columns, key.columns[i]));
  }
  return std::move(b.out);
}

Statement update(const Dialect& d, const z4j_table& t, const z4j_step& step) {
  Builder b(d, t);
  b.out.text = "UPDATE " + quoted(view(t.name)) + " SET ";
  for (std::uint32_t i = 0; i < step.set_count; ++i) {
    const z4j_set& set = step.sets[i];
    const std::string name = name_of(t, set.column);
    const std::string fresh = b.value(set.value, t.columns[set.column].type);
    b.out.text += (i == 0 ? "" : ",") + name + "=" + merged(set.merge, name, fresh, "", "");
  }
  limited_where(b, t, step);
  return std::move(b.out);
}

Statement erase(const Dialect& d, const z4j_table& t, const z4j_step& step) {
  Builder b(d, t);
  b.out.text = "DELETE FROM " + quoted(view(t.name));
  limited_where(b, t, step);
  return std::move(b.out);
}

Statement count(const Dialect& d, const z4j_table& t, const z4j_step& step) {
  Builder b(d, t);
  b.out.text = step.limit > 0 ? "SELECT count(*) FROM (SELECT 1 FROM " : "SELECT count(*) FROM ";
  b.out.text += quoted(view(t.name));
  b.where(step.preds, step.pred_count);
  if (step.limit > 0) b.out.text += " LIMIT " + b.number(step.limit) + ")";
  return std::move(b.out);
}

}  // namespace z4j::sql
