#include "migration.hpp"

#include <cstdlib>
#include <map>
#include <set>

#include <z4j/plugin.hpp>

#include <z4j/storage_check.hpp>
#include "lib/sql/pg_text.hpp"

namespace z4j::postgresql {
namespace {

namespace pg = sql::pg;

constexpr std::uint32_t kLongestStepMs = 3600000;  // an index over many rows
constexpr int kTriesForTurn = 600;                 // 100 ms each
constexpr std::string_view kNoTrigrams = "no extension pg_trgm, so text search reads whole tables";

// Held by whoever migrates; a session's lock, since some steps cannot stand in a transaction.
class Turn {
 public:
  Turn(Connection& connection, const std::string& schema)
      : connection_(connection),
        key_("hashtextextended(" + pg::quoted_text("z4j migrate " + schema) + ",0)") {
    for (int i = 0; i < kTriesForTurn; ++i) {
      if (connection_.value("SELECT pg_try_advisory_lock(" + key_ + ")") == "t") return;
      connection_.run("SELECT pg_sleep(0.1)");
    }
    throw Error(Z4J_BUSY,
                "another brain has been changing the schema for a minute: it will be tried again",
                {}, 5000);
  }
  ~Turn() {
    try {
      if (connection_.is_open()) connection_.run("SELECT pg_advisory_unlock(" + key_ + ")");
    } catch (const Error&) {
      return;  // the lock ends with the session
    }
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Connection& connection_;
  std::string key_;
};

class Migrator {
 public:
  Migrator(Connection& connection, const z4j_schema& schema, Days& days, bool dry_run)
      : connection_(connection),
        settings_(connection.settings()),
        schema_(schema),
        days_(days),
        dry_run_(dry_run) {}

  Migration run() {
    look();
    result_.from = version();
    result_.to = schema_.version;
    prepare();
    for (std::uint32_t i = 0; i < schema_.table_count; ++i) {
      if ((schema_.tables[i].flags & Z4J_TBL_RETIRED) == 0) table(schema_.tables[i]);
    }
    result_.fast_text = !trigram_schema_.empty();
    if (!dry_run_ && result_.from != result_.to) {
      connection_.run("INSERT INTO z4j_store(name,value) VALUES('schema'," +
                      std::to_string(schema_.version) +
                      ") ON CONFLICT(name) DO UPDATE SET value=excluded.value");
    }
    return std::move(result_);
  }

 private:
  // What the schema holds, and half-made indexes of a run that was cut short.
  void look() {
    const std::string schema = pg::quoted_text(settings_.schema);
    const Result r = connection_.run(
        "SELECT c.relname,coalesce(x.indisvalid,true) FROM pg_class c JOIN pg_namespace n ON "
        "n.oid=c.relnamespace "
        "LEFT JOIN pg_index x ON x.indexrelid=c.oid WHERE n.nspname=" +
        schema + " AND c.relkind IN ('r','p','i','I','v','m','f')");
    for (int row = 0; row < PQntuples(r.get()); ++row) {
      (cell(r.get(), row, 1) == "t" ? names_ : broken_).emplace(cell(r.get(), row, 0));
    }
    const Result t = connection_.run(
        "SELECT g.tgname FROM pg_trigger g JOIN pg_class c ON c.oid=g.tgrelid JOIN pg_namespace n "
        "ON n.oid=c.relnamespace "
        "WHERE n.nspname=" +
        schema + " AND NOT g.tgisinternal");
    for (int row = 0; row < PQntuples(t.get()); ++row) triggers_.emplace(cell(t.get(), row, 0));
  }

  std::uint32_t version() {
    if (names_.count("z4j_store") == 0) {
      for (std::uint32_t i = 0; i < schema_.table_count; ++i) {
        const std::string name(view(schema_.tables[i].name));
        if (names_.count(name) == 0) continue;
        throw Error(Z4J_BAD_CONFIG,
                    "schema " + settings_.schema + " already holds a table " + name +
                        " of another program: give a schema of its own",
                    "/schema");
      }
      return 0;
    }
    const auto found = static_cast<std::uint32_t>(std::strtoul(
        connection_.value("SELECT value FROM z4j_store WHERE name='schema'").c_str(), nullptr, 10));
    if (found > schema_.version) {
      throw Error(Z4J_UNSUPPORTED,
                  "the database was written by a newer program (schema " + std::to_string(found) +
                      ", this one knows " + std::to_string(schema_.version) +
                      "): start the newer program, or restore the backup from before the upgrade");
    }
    return found;
  }

  // The schema itself, our note in it, the guard and the extension for text search.
  void prepare() {
    const std::string schema = pg::quoted_name(settings_.schema);
    if (names_.count("z4j_store") == 0 && !dry_run_) {
      // IF NOT EXISTS would ask for the right to make one although it is there.
      if (!has_schema()) connection_.run("CREATE SCHEMA " + schema);
      connection_.run(
          "CREATE TABLE z4j_store (name text PRIMARY KEY, value bigint NOT NULL);"
          "COMMENT ON TABLE z4j_store IS 'facts about this schema; written by z4j'");
      connection_.run(pg::create_guard_function());
      grant("USAGE ON SCHEMA " + schema);
      grant("SELECT ON TABLE z4j_store");
    }
    if (!wants_text()) return;
    trigram_schema_ = trigram_schema();
    if (!trigram_schema_.empty()) return;
    if (dry_run_ && !may_have_trigrams()) {
      result_.steps.emplace_back(kNoTrigrams);
      return;
    }
    const std::string text = "CREATE EXTENSION pg_trgm WITH SCHEMA " + schema;
    try {
      step("create extension pg_trgm", text);
      trigram_schema_ = dry_run_ ? settings_.schema : trigram_schema();
    } catch (const Error& e) {
      if (!connection_.is_open()) throw;
      result_.steps.back() = std::string(kNoTrigrams) + " (" + e.what() + ")";
    }
  }

  bool has_schema() {
    return connection_.value("SELECT count(*) FROM pg_namespace WHERE nspname=" +
                             pg::quoted_text(settings_.schema)) == "1";
  }

  bool wants_text() const {
    for (std::uint32_t i = 0; i < schema_.table_count; ++i) {
      for (std::uint32_t k = 0; k < schema_.tables[i].key_count; ++k) {
        if (schema_.tables[i].keys[k].kind == Z4J_K_TEXT) return true;
      }
    }
    return false;
  }

  std::string trigram_schema() {
    return connection_.value(
        "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid=e.extnamespace WHERE "
        "e.extname='pg_trgm'");
  }

  // Would the server make the extension for us? Its package may be missing, and not every role may.
  bool may_have_trigrams() {
    return connection_.value(
               "SELECT count(*) FROM pg_available_extensions e JOIN "
               "pg_available_extension_versions v ON v.name=e.name AND "
               "v.version=e.default_version JOIN pg_roles r ON r.rolname=current_user WHERE "
               "e.name='pg_trgm' AND (r.rolsuper OR (v.trusted AND "
               "has_database_privilege(current_database(),'CREATE')))") == "1";
  }

  void step(const std::string& what, const std::string& text) {
    result_.steps.push_back(what);
    if (!dry_run_) connection_.run(text);
  }

  void grant(const std::string& what) {
    if (!dry_run_ && !settings_.grant_to.empty())
      connection_.run("GRANT " + what + " TO " + pg::quoted_name(settings_.grant_to));
  }

  void table(const z4j_table& t) {
    const std::string name(view(t.name));
    const bool fresh = names_.count(name) == 0;
    if (fresh) {
      create(t);
    } else {
      columns(t);
    }
    if (pg::has_search_table(t) && names_.count(pg::search_table(t)) == 0) search(t);
    for (std::uint32_t k = 1; k < t.key_count; ++k) index(t, t.keys[k], fresh);
    for (const pg::Guard& guard : pg::create_guards(t)) {
      if (triggers_.count(guard.name) == 0) step("create trigger " + guard.name, guard.text);
    }
    if (!pg::is_by_day(t)) return;
    if (dry_run_ && fresh) return;
    if (dry_run_) return days_.load(connection_, t);
    for (const std::string& day : days_.make_ahead(connection_, t))
      result_.steps.push_back("create table " + day);
  }

  void create(const z4j_table& t) {
    const std::string name = pg::quoted_name(view(t.name));
    std::string text = "BEGIN;" + pg::create_table(t);
    for (const std::string& comment : pg::comments(t)) text += ";" + comment;
    if (pg::is_by_day(t))
      text += ";CREATE TABLE " + pg::quoted_name(Days::rest_of(t)) + " PARTITION OF " + name +
              " DEFAULT";
    try {
      step("create table " + std::string(view(t.name)), text);
      grant(((t.flags & Z4J_TBL_APPEND) != 0 ? "SELECT,INSERT ON TABLE "
                                             : "SELECT,INSERT,UPDATE,DELETE ON TABLE ") +
            name);
      if (!dry_run_) connection_.run("COMMIT");
    } catch (const Error&) {
      connection_.roll_back();
      throw;
    }
  }

  // The table beside this one that has its indexes of words and paths, which older programs made on
  // the table itself.
  void search(const z4j_table& t) {
    const std::string name = pg::search_table(t);
    std::string text = "BEGIN;";
    for (std::uint32_t k = 0; k < t.key_count; ++k) {
      const z4j_key& key = t.keys[k];
      if (!store::is_search_key(key)) continue;
      text += "DROP INDEX IF EXISTS " + pg::quoted_name(view(key.name)) + ";";
      names_.erase(std::string(view(key.name)));
      broken_.erase(std::string(view(key.name)));
    }
    for (const std::string& one : pg::create_search_table(t)) text += one + ";";
    try {
      step("create table " + name, text);
      grant("SELECT,INSERT,UPDATE,DELETE ON TABLE " + pg::quoted_name(name));
      if (!dry_run_) connection_.run("COMMIT");
    } catch (const Error&) {
      connection_.roll_back();
      throw;
    }
  }

  // An index on a table that has rows already is made without locking out writers.
  void index(const z4j_table& t, const z4j_key& key, bool fresh) {
    const std::string name(view(key.name));
    const pg::Locking locking =
        fresh || pg::is_by_day(t) ? pg::Locking::table : pg::Locking::concurrently;
    const std::string text = pg::create_index(t, key, trigram_schema_, locking);
    if (text.empty() || names_.count(name) != 0) return;
    if (broken_.count(name) != 0)
      step("drop index " + name + ", which was only half made",
           "DROP INDEX " + pg::quoted_name(name));
    step("create index " + name, text);
  }

  void columns(const z4j_table& t) {
    std::map<std::string, std::string, std::less<>> types;
    const Result r = connection_.run(
        "SELECT a.attname,format_type(a.atttypid,a.atttypmod) FROM pg_attribute a WHERE "
        "a.attrelid=to_regclass(" +
        pg::quoted_text(pg::quoted_name(settings_.schema) + "." + pg::quoted_name(view(t.name))) +
        ") AND a.attnum>0 AND NOT a.attisdropped");
    for (int row = 0; row < PQntuples(r.get()); ++row)
      types.emplace(cell(r.get(), row, 0), cell(r.get(), row, 1));
    for (std::uint32_t i = 0; i < t.column_count; ++i) {
      const z4j_column& c = t.columns[i];
      if ((c.flags & Z4J_COL_RETIRED) != 0) continue;
      const std::string name = store::full_name(t, static_cast<std::uint16_t>(i));
      const auto found = types.find(view(c.name));
      if (found == types.end()) {
        if ((c.flags & Z4J_COL_REQUIRED) != 0) {
          throw Error(
              Z4J_INVALID,
              "column " + name + " is new and must be nullable: stored rows have no value for it");
        }
        step("add column " + name, pg::add_column(t, c) + ";" + pg::comment_on(t, c));
      } else if (found->second != pg::type_name(c.type)) {
        throw Error(Z4J_CORRUPT,
                    "column " + name + " is " + found->second + " in the database, declared as " +
                        std::string(pg::type_name(c.type)) +
                        ": the schema was changed by hand; restore a backup",
                    "/schema");
      }
    }
  }

  Connection& connection_;
  const Settings& settings_;
  const z4j_schema& schema_;
  Days& days_;
  bool dry_run_;
  std::set<std::string, std::less<>> names_, broken_, triggers_;
  std::string trigram_schema_;
  Migration result_;
};

}  // namespace

Migration migrate(Connection& connection, const z4j_schema& schema, Days& days, bool dry_run) {
  connection.open();
  connection.limit_time(kLongestStepMs);
  const Turn turn(connection, connection.settings().schema);
  return Migrator(connection, schema, days, dry_run).run();
}

}  // namespace z4j::postgresql
