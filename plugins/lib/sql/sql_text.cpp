#include "lib/sql/sql_text.hpp"

#include <algorithm>

namespace z4j::sql {
namespace {

std::string_view sv(z4j_str s) { return s.ptr != nullptr ? std::string_view(s.ptr, s.len) : std::string_view(); }

const z4j_key& primary(const z4j_table& t) { return t.keys[0]; }

bool in_primary(const z4j_table& t, std::uint16_t column) {
  const z4j_key& key = primary(t);
  return std::find(key.columns, key.columns + key.column_count, column) != key.columns + key.column_count;
}

std::string name_of(const z4j_table& t, std::uint16_t column) { return quoted(sv(t.columns[column].name)); }

const char* type_name(std::uint16_t type) {
  switch (type) {
    case Z4J_T_BOOL: case Z4J_T_INT: case Z4J_T_TIME: return "INTEGER";
    case Z4J_T_REAL: return "REAL";
    case Z4J_T_UUID: case Z4J_T_BYTES: return "BLOB";
    default: return "TEXT";
  }
}

std::string literal(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c;
    if (c == '\'') out += c;
  }
  return out + "'";
}

// JSON pointer -> the SQLite paths it may mean: a number is a key or an index.
std::vector<std::string> json_paths(std::string_view pointer) {
  std::vector<std::string> paths{"$"};
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const std::size_t end = std::min(pointer.find('/'), pointer.size());
    std::string segment;
    for (std::size_t i = 0; i < end; ++i) {
      if (pointer[i] == '~' && i + 1 < end) {
        segment += pointer[++i] == '1' ? '/' : '~';
      } else if (pointer[i] != '"') {
        segment += pointer[i];
      }
    }
    pointer.remove_prefix(end);
    const bool number = !segment.empty() && segment.size() < 10 && segment.find_first_not_of("0123456789") == std::string::npos;
    std::vector<std::string> next;
    for (const std::string& path : paths) {
      next.push_back(path + ".\"" + segment + "\"");
      if (number && next.size() < 8) next.push_back(path + "[" + segment + "]");
    }
    paths = std::move(next);
  }
  return paths;
}

// The smallest text greater than all texts with this prefix; "" when there is none.
std::string after_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

class Builder {
 public:
  explicit Builder(const z4j_table& t, std::string qualifier = {}) : table_(t), qualifier_(std::move(qualifier)) {}

  Statement out;

  void bind(const z4j_value& value, std::uint16_t column_type) {
    Bind b;
    b.value = value;
    b.column_type = column_type;
    out.binds.push_back(std::move(b));
  }
  void bind_made(std::string text) {
    Bind b;
    b.made = std::move(text);
    b.is_made = true;
    out.binds.push_back(std::move(b));
  }

  void where(const z4j_pred* preds, std::uint32_t n) {
    bool first = true;
    std::vector<bool> done(n, false);
    for (std::uint32_t i = 0; i < n; ++i) {
      if (done[i]) continue;
      out.text += first ? " WHERE " : " AND ";
      first = false;
      if (preds[i].any == 0) {
        one(preds[i]);
        continue;
      }
      out.text += '(';
      bool first_in_group = true;
      for (std::uint32_t j = i; j < n; ++j) {
        if (preds[j].any != preds[i].any) continue;
        if (!first_in_group) out.text += " OR ";
        first_in_group = false;
        done[j] = true;
        one(preds[j]);
      }
      out.text += ')';
    }
  }

  std::string column(std::uint16_t c) const { return qualifier_ + name_of(table_, c); }

 private:
  void list(const z4j_pred& p, std::uint16_t type) {
    for (std::uint32_t i = 0; i < p.value_count; ++i) {
      out.text += i == 0 ? "?" : ",?";
      bind(p.values[i], type);
    }
  }

  void one(const z4j_pred& p) {
    const std::string_view path = sv(p.path);
    if (!path.empty()) {
      out.text += '(';
      const auto paths = json_paths(path);
      for (std::size_t i = 0; i < paths.size(); ++i) {
        if (i > 0) out.text += p.cmp == Z4J_CMP_NE || p.cmp == Z4J_CMP_IS_NULL ? " AND " : " OR ";
        compare("json_extract(" + column(p.column) + "," + literal(paths[i]) + ")", p, 0);
      }
      out.text += ')';
      return;
    }
    compare(column(p.column), p, table_.columns[p.column].type);
  }

  void compare(const std::string& what, const z4j_pred& p, std::uint16_t type) {
    switch (p.cmp) {
      case Z4J_CMP_EQ:
        if (p.value_count == 0) {
          out.text += "0";
        } else {
          out.text += what + (p.value_count == 1 ? "=" : " IN (");
          list(p, type);
          if (p.value_count > 1) out.text += ')';
        }
        return;
      case Z4J_CMP_NE:
        if (p.value_count == 0) {
          out.text += "1";
        } else {
          out.text += "(" + what + " IS NULL OR " + what + " NOT IN (";
          list(p, type);
          out.text += "))";
        }
        return;
      case Z4J_CMP_LT: case Z4J_CMP_LE: case Z4J_CMP_GT: case Z4J_CMP_GE: {
        static constexpr const char* kSigns[] = {"<", "<=", ">", ">="};
        if (p.value_count == 0) {
          out.text += "0";
          return;
        }
        out.text += what + kSigns[p.cmp - Z4J_CMP_LT] + "?";
        bind(p.values[0], type);
        return;
      }
      case Z4J_CMP_PREFIX: {
        const std::string prefix(p.value_count > 0 ? sv(p.values[0].text) : std::string_view());
        const std::string end = after_prefix(prefix);
        if (prefix.empty() || end.empty()) {
          out.text += what + " IS NOT NULL";
          return;
        }
        out.text += "(" + what + ">=? AND " + what + "<?)";
        bind_made(prefix);
        bind_made(end);
        return;
      }
      case Z4J_CMP_CONTAINS:
        out.text += "instr(lower(" + what + "),lower(?))>0";
        bind_made(std::string(p.value_count > 0 ? sv(p.values[0].text) : std::string_view()));
        return;
      case Z4J_CMP_HAS:
        out.text += "EXISTS(SELECT 1 FROM json_each(" + what + ") AS j WHERE j.value IN (";
        list(p, 0);
        out.text += "))";
        return;
      case Z4J_CMP_IS_NULL: out.text += what + " IS NULL"; return;
      case Z4J_CMP_NOT_NULL: out.text += what + " IS NOT NULL"; return;
      default: out.text += "0";
    }
  }

  const z4j_table& table_;
  std::string qualifier_;
};

std::string column_list(const z4j_table& t, const std::vector<std::uint16_t>& columns) {
  std::string out;
  for (const std::uint16_t c : columns) out += (out.empty() ? "" : ",") + name_of(t, c);
  return out;
}

std::string key_list(const z4j_table& t, const z4j_key& key) {
  std::string out;
  for (std::uint32_t i = 0; i < key.column_count; ++i) out += (i == 0 ? "" : ",") + name_of(t, key.columns[i]);
  return out;
}

std::string placeholders(std::size_t n) {
  std::string out;
  for (std::size_t i = 1; i <= n; ++i) out += (i == 1 ? "?" : ",?") + std::to_string(i);
  return out;
}

// column = what a merge makes of the old value (`old`) and the new one (`fresh`).
std::string merged(const z4j_column& column, const std::string& old, const std::string& fresh, const std::string& old_stamp,
                   const std::string& fresh_stamp) {
  switch (column.merge) {
    case Z4J_M_KEEP: return "coalesce(" + old + "," + fresh + ")";
    case Z4J_M_MIN: return "CASE WHEN " + fresh + " IS NULL THEN " + old + " WHEN " + old + " IS NULL OR " + fresh + "<" + old + " THEN " + fresh + " ELSE " + old + " END";
    case Z4J_M_MAX: return "CASE WHEN " + fresh + " IS NULL THEN " + old + " WHEN " + old + " IS NULL OR " + fresh + ">" + old + " THEN " + fresh + " ELSE " + old + " END";
    case Z4J_M_ADD: return "CASE WHEN " + fresh + " IS NULL THEN " + old + " ELSE coalesce(" + old + ",0)+" + fresh + " END";
    case Z4J_M_LAST: return "CASE WHEN " + fresh_stamp + " IS NOT NULL AND (" + old_stamp + " IS NULL OR " + fresh_stamp + ">=" + old_stamp + ") THEN " + fresh + " ELSE " + old + " END";
    default: return fresh;
  }
}

// "a=..., b=..." for the columns that are not the primary key; empty when there is none.
template <class Fresh>
std::string assignments(const z4j_table& t, const std::vector<std::uint16_t>& columns, const std::string& qualifier, Fresh fresh) {
  std::string out;
  for (const std::uint16_t c : columns) {
    if (in_primary(t, c)) continue;
    const z4j_column& column = t.columns[c];
    std::string old_stamp, fresh_stamp;
    if (column.merge == Z4J_M_LAST) {
      if (std::find(columns.begin(), columns.end(), column.stamp) == columns.end()) continue;
      old_stamp = qualifier + name_of(t, column.stamp);
      fresh_stamp = fresh(column.stamp);
    }
    out += (out.empty() ? "" : ",") + name_of(t, c) + "=" + merged(column, qualifier + name_of(t, c), fresh(c), old_stamp, fresh_stamp);
  }
  return out;
}

}  // namespace

std::string quoted(std::string_view name) { return "\"" + std::string(name) + "\""; }

std::string create_table(const z4j_table& t) {
  std::string out = "CREATE TABLE IF NOT EXISTS " + quoted(sv(t.name)) + " (  -- " + std::string(sv(t.comment)) + "\n";
  for (std::uint32_t i = 0; i < t.column_count; ++i) {
    const z4j_column& c = t.columns[i];
    const bool required = (c.flags & Z4J_COL_REQUIRED) != 0 || in_primary(t, static_cast<std::uint16_t>(i));
    out += "  " + quoted(sv(c.name)) + " " + type_name(c.type) + (required ? " NOT NULL" : "") + ",  -- " + std::string(sv(c.comment)) + "\n";
  }
  out += "  PRIMARY KEY (" + key_list(t, primary(t)) + ")\n)";
  if ((t.flags & Z4J_TBL_BY_TIME) != 0) out += " WITHOUT ROWID";
  return out;
}

std::string add_column(const z4j_table& t, const z4j_column& c) {
  return "ALTER TABLE " + quoted(sv(t.name)) + " ADD COLUMN " + quoted(sv(c.name)) + " " + type_name(c.type);
}

std::string create_index(const z4j_table& t, const z4j_key& key) {
  if (key.kind != Z4J_K_UNIQUE && key.kind != Z4J_K_ORDER) return {};
  return std::string("CREATE ") + (key.kind == Z4J_K_UNIQUE ? "UNIQUE " : "") + "INDEX IF NOT EXISTS " + quoted(sv(key.name)) + " ON " +
         quoted(sv(t.name)) + "(" + key_list(t, key) + ")";
}

Statement select(const z4j_table& t, const z4j_query& q) {
  Builder b(t);
  bool folds = false;
  for (std::uint32_t i = 0; i < q.out_count; ++i) folds = folds || q.outs[i].agg != 0 || q.outs[i].bucket > 0;
  std::string outs, groups;
  for (std::uint32_t i = 0; i < q.out_count; ++i) {
    const z4j_out& o = q.outs[i];
    std::string text = o.agg == Z4J_AGG_COUNT ? std::string("count(*)") : b.column(o.column);
    switch (o.agg) {
      case Z4J_AGG_SUM: text = "sum(" + text + ")"; break;
      case Z4J_AGG_MIN: text = "min(" + text + ")"; break;
      case Z4J_AGG_MAX: text = "max(" + text + ")"; break;
      case Z4J_AGG_COUNT: break;
      default:
        if (o.bucket > 0) {
          const std::string n = std::to_string(o.bucket);
          text = "(" + text + "-((" + text + "%" + n + ")+" + n + ")%" + n + ")";
        }
        if (folds) groups += (groups.empty() ? "" : ",") + text;
    }
    outs += (i == 0 ? "" : ",") + text;
  }
  b.out.text = "SELECT " + outs + " FROM ";
  if (folds && q.scan_limit > 0) {
    b.out.text += "(SELECT * FROM " + quoted(sv(t.name));
    b.where(q.preds, q.pred_count);
    b.out.text += " LIMIT " + std::to_string(q.scan_limit) + ")";
  } else {
    b.out.text += quoted(sv(t.name));
    b.where(q.preds, q.pred_count);
  }
  if (q.after_count > 0 && !folds) {
    b.out.text += q.pred_count > 0 ? " AND " : " WHERE ";
    std::string left, right;
    for (std::uint32_t i = 0; i < q.after_count; ++i) {
      left += (i == 0 ? "" : ",") + b.column(q.order[i]);
      right += i == 0 ? "?" : ",?";
      b.bind(q.after[i], t.columns[q.order[i]].type);
    }
    b.out.text += q.after_count == 1 ? left + (q.descending != 0 ? "<" : ">") + right
                                     : "(" + left + ")" + (q.descending != 0 ? "<" : ">") + "(" + right + ")";
  }
  if (!groups.empty()) b.out.text += " GROUP BY " + groups;
  for (std::uint32_t i = 0; i < q.order_count; ++i) {
    b.out.text += i == 0 ? " ORDER BY " : ",";
    b.out.text += folds ? std::to_string(q.order[i] + 1) : b.column(q.order[i]);
    if (q.descending != 0) b.out.text += " DESC";
  }
  if (q.limit > 0) b.out.text += " LIMIT " + std::to_string(q.limit);
  return std::move(b.out);
}

Statement insert(const z4j_table& t, const std::vector<std::uint16_t>& columns) {
  Statement s;
  s.text = "INSERT INTO " + quoted(sv(t.name)) + "(" + column_list(t, columns) + ") VALUES(" + placeholders(columns.size()) + ")";
  return s;
}

Statement insert_new(const z4j_table& t, const std::vector<std::uint16_t>& columns) {
  Statement s = insert(t, columns);
  s.text += " ON CONFLICT(" + key_list(t, primary(t)) + ") DO NOTHING";
  return s;
}

Statement merge(const z4j_table& t, const std::vector<std::uint16_t>& columns, const z4j_pred* guard, std::uint32_t guards) {
  const std::string qualifier = quoted(sv(t.name)) + ".";
  Builder b(t, qualifier);
  b.out.text = insert(t, columns).text + " ON CONFLICT(" + key_list(t, primary(t)) + ") DO ";
  const std::string sets = assignments(t, columns, qualifier, [&](std::uint16_t c) { return "excluded." + name_of(t, c); });
  if (sets.empty()) {
    b.out.text += "NOTHING";
    return std::move(b.out);
  }
  b.out.text += "UPDATE SET " + sets;
  b.where(guard, guards);
  return std::move(b.out);
}

Statement patch(const z4j_table& t, const std::vector<std::uint16_t>& columns, const z4j_pred* guard, std::uint32_t guards) {
  Builder b(t);
  const auto place = [&](std::uint16_t c) {
    return "?" + std::to_string(std::find(columns.begin(), columns.end(), c) - columns.begin() + 1);
  };
  std::string sets = assignments(t, columns, "", place);
  if (sets.empty()) sets = name_of(t, primary(t).columns[0]) + "=" + name_of(t, primary(t).columns[0]);
  b.out.text = "UPDATE " + quoted(sv(t.name)) + " SET " + sets;
  b.where(guard, guards);
  const z4j_key& key = primary(t);
  for (std::uint32_t i = 0; i < key.column_count; ++i) {
    b.out.text += (i == 0 && guards == 0 ? " WHERE " : " AND ") + name_of(t, key.columns[i]) + "=" + place(key.columns[i]);
  }
  return std::move(b.out);
}

Statement exists(const z4j_table& t) {
  Statement s;
  s.text = "SELECT 1 FROM " + quoted(sv(t.name));
  const z4j_key& key = primary(t);
  for (std::uint32_t i = 0; i < key.column_count; ++i) s.text += (i == 0 ? " WHERE " : " AND ") + name_of(t, key.columns[i]) + "=?" + std::to_string(i + 1);
  return s;
}

namespace {

// WHERE for a statement that may touch at most step.limit rows.
void limited_where(Builder& b, const z4j_table& t, const z4j_step& step) {
  if (step.limit == 0) {
    b.where(step.preds, step.pred_count);
    return;
  }
  const std::string key = key_list(t, primary(t));
  b.out.text += " WHERE (" + key + ") IN (SELECT " + key + " FROM " + quoted(sv(t.name));
  b.where(step.preds, step.pred_count);
  b.out.text += " ORDER BY " + key + " LIMIT " + std::to_string(step.limit) + ")";
}

}  // namespace

Statement update(const z4j_table& t, const z4j_step& step) {
  Builder b(t);
  b.out.text = "UPDATE " + quoted(sv(t.name)) + " SET ";
  for (std::uint32_t i = 0; i < step.set_count; ++i) {
    const z4j_set& set = step.sets[i];
    z4j_column rule = t.columns[set.column];
    rule.merge = set.merge;
    const std::string name = name_of(t, set.column);
    // One placeholder per use: bind the value as often as the expression names it.
    const std::string expression = merged(rule, name, "?", "", "");
    for (const char c : expression) {
      if (c == '?') b.bind(set.value, rule.type);
    }
    b.out.text += (i == 0 ? "" : ",") + name + "=" + expression;
  }
  limited_where(b, t, step);
  return std::move(b.out);
}

Statement erase(const z4j_table& t, const z4j_step& step) {
  Builder b(t);
  b.out.text = "DELETE FROM " + quoted(sv(t.name));
  limited_where(b, t, step);
  return std::move(b.out);
}

Statement count(const z4j_table& t, const z4j_step& step) {
  Builder b(t);
  b.out.text = "SELECT count(*) FROM " + quoted(sv(t.name));
  b.where(step.preds, step.pred_count);
  return std::move(b.out);
}

}  // namespace z4j::sql
