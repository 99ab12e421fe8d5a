#include "migration.hpp"

#include <functional>
#include <map>
#include <set>

#include <z4j/plugin.hpp>

#include "lib/sql/sql_text.hpp"

namespace z4j::sqlite {
namespace {

constexpr std::int64_t kApplicationId = 0x7a346a31;  // "z4j1" in the file's header

using Visit = std::function<void(sqlite_api::sqlite3_stmt*)>;

void each_row(Connection& connection, const std::string& text, const Visit& visit) {
  sqlite_api::sqlite3_stmt* stmt = connection.prepared(text);
  int rc = SQLITE_ROW;
  while ((rc = sqlite_api::sqlite3_step(stmt)) == SQLITE_ROW) visit(stmt);
  sqlite_api::sqlite3_reset(stmt);
  connection.must(rc);
}

std::string column_text(sqlite_api::sqlite3_stmt* stmt, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite_api::sqlite3_column_text(stmt, column));
  return text != nullptr ? text : "";
}

class Migrator {
 public:
  Migrator(Connection& connection, const z4j_schema& schema, bool dry_run)
      : connection_(connection), schema_(schema), dry_run_(dry_run) {}

  Migration run() {
    each_row(connection_, "SELECT name FROM sqlite_schema",
             [&](auto* stmt) { names_.insert(column_text(stmt, 0)); });
    result_.from = version();
    result_.to = schema_.version;
    if (!dry_run_ && names_.count("z4j_store") == 0) {
      connection_.run(("PRAGMA application_id=" + std::to_string(kApplicationId)).c_str());
      connection_.run(
          "CREATE TABLE IF NOT EXISTS z4j_store (name TEXT PRIMARY KEY, value INTEGER NOT NULL) "
          "STRICT, WITHOUT ROWID");
    }
    for (std::uint32_t i = 0; i < schema_.table_count; ++i) {
      if ((schema_.tables[i].flags & Z4J_TBL_RETIRED) == 0) table(schema_.tables[i]);
    }
    if (!dry_run_ && result_.from != result_.to) {
      connection_.run(("INSERT INTO z4j_store(name,value) VALUES('schema'," +
                       std::to_string(schema_.version) +
                       ") ON CONFLICT(name) DO UPDATE SET value=excluded.value")
                          .c_str());
    }
    return std::move(result_);
  }

 private:
  std::uint32_t version() {
    if (names_.count("z4j_store") == 0) {
      if (!names_.empty() && connection_.number("PRAGMA application_id", 0) != kApplicationId) {
        throw Error(Z4J_BAD_CONFIG,
                    "the file is the SQLite database of another program: give a path of its own",
                    "/path");
      }
      return 0;
    }
    const auto found = static_cast<std::uint32_t>(
        connection_.number("SELECT value FROM z4j_store WHERE name='schema'", 0));
    if (found > schema_.version) {
      throw Error(Z4J_UNSUPPORTED,
                  "the database was written by a newer program (schema " + std::to_string(found) +
                      ", this one knows " + std::to_string(schema_.version) +
                      "): start the newer program, or restore the backup from before the upgrade");
    }
    return found;
  }

  void step(const std::string& what, const std::string& text) {
    result_.steps.push_back(what);
    if (!dry_run_) connection_.run(text.c_str());
  }

  void table(const z4j_table& t) {
    const std::string name(view(t.name));
    const sql::Dialect& d = sql::sqlite();
    if (names_.count(name) == 0) {
      step("create table " + name, sql::create_table(d, t));
    } else {
      columns(t);
    }
    for (std::uint32_t k = 1; k < t.key_count; ++k) {
      const std::string text = sql::create_index(t, t.keys[k]);
      const std::string key(view(t.keys[k].name));
      if (!text.empty() && names_.count(key) == 0) step("create index " + key, text);
    }
    for (const sql::Trigger& guard : sql::create_guards(d, t)) {
      if (names_.count(guard.name) == 0) step("create trigger " + guard.name, guard.text);
    }
  }

  void columns(const z4j_table& t) {
    std::map<std::string, std::string> types;
    each_row(connection_,
             "SELECT name,type FROM pragma_table_info('" + std::string(view(t.name)) + "')",
             [&](auto* stmt) { types[column_text(stmt, 0)] = column_text(stmt, 1); });
    for (std::uint32_t i = 0; i < t.column_count; ++i) {
      const z4j_column& c = t.columns[i];
      if ((c.flags & Z4J_COL_RETIRED) != 0) continue;
      const std::string name = std::string(view(t.name)) + "." + std::string(view(c.name));
      const auto found = types.find(std::string(view(c.name)));
      if (found == types.end()) {
        if ((c.flags & Z4J_COL_REQUIRED) != 0) {
          throw Error(
              Z4J_INVALID,
              "column " + name + " is new and must be nullable: stored rows have no value for it");
        }
        step("add column " + name, sql::add_column(sql::sqlite(), t, c));
      } else if (found->second != sql::sqlite().type_names[c.type]) {
        throw Error(Z4J_CORRUPT,
                    "column " + name + " is " + found->second + " in the file, declared as " +
                        std::string(sql::sqlite().type_names[c.type]) +
                        ": the file was changed by hand; restore a backup",
                    "/path");
      }
    }
  }

  Connection& connection_;
  const z4j_schema& schema_;
  bool dry_run_;
  std::set<std::string> names_;
  Migration result_;
};

}  // namespace

Migration migrate(Connection& connection, const z4j_schema& schema, bool dry_run) {
  return Migrator(connection, schema, dry_run).run();
}

}  // namespace z4j::sqlite
