// storage-sqlite: the ABI side. All work is in Database and Session.
#include <z4j/plugin.hpp>

#include "database.hpp"
#include "lib/json/json.hpp"
#include "session.hpp"

namespace z4j::sqlite {
namespace {

constexpr std::string_view kConfigSchema = R"({
  "type": "object", "additionalProperties": false, "required": ["path"],
  "properties": {
    "path": {"type": "string", "minLength": 1, "description": "the database file; its folder must exist"},
    "cache": {"type": "string", "format": "bytes", "default": "64MiB", "description": "page cache of each connection"},
    "busy_timeout": {"type": "string", "format": "duration", "default": "5s", "description": "how long to wait for a lock"},
    "synchronous": {"type": "string", "enum": ["full", "normal"], "default": "full",
                    "description": "normal may lose the last commits when the power fails"}}})";

class SqliteStorage {
 public:
  SqliteStorage(Host host, std::string_view config) : database_(std::make_unique<Database>(host, options_of(config))) {}
  void start() { database_->open(); }
  void stop(std::uint32_t) { database_->close(); }
  Database& database() { return *database_; }

 private:
  static Options options_of(std::string_view config) {
    const json::Value parsed = json::parse(config);
    const json::Object& o = parsed.get_object();
    Options options;
    options.path = json::text(o, "path");
    options.cache_bytes = json::integer(o, "cache", options.cache_bytes);
    options.busy_timeout_ms = json::integer(o, "busy_timeout", options.busy_timeout_ms);
    options.full_sync = json::text(o, "synchronous") != "normal";
    return options;
  }
  std::unique_ptr<Database> database_;
};

Session* lane(z4j_session* s) { return reinterpret_cast<Session*>(s); }
Session::Cursor* cursor_of(z4j_cursor* c) { return reinterpret_cast<Session::Cursor*>(c); }

void info(z4j_instance*, z4j_store_info* out) {
  out->best_rows = 2000;
  out->max_rows = 50'000;
  out->writers = 1;
  out->readers = 4;
  out->max_in_flight = 1;
  out->capabilities = 0;
  out->max_bytes = 64u << 20;
}

z4j_status migrate(z4j_instance* i, z4j_op id, const z4j_schema* schema, int32_t dry_run, z4j_error* e) {
  return answer_once<SqliteStorage>(i, id, e, [&](Op& op) { op.ok(box<SqliteStorage>(i)->obj.database().migrate(*schema, dry_run != 0)); });
}

z4j_status session_open(z4j_instance* i, uint32_t, z4j_session** out, z4j_error* e) {
  return guard(e, [&]() -> z4j_status {
    *out = reinterpret_cast<z4j_session*>(new Session(box<SqliteStorage>(i)->obj.database()));
    return Z4J_OK;
  });
}

void session_close(z4j_session* s) { delete lane(s); }

z4j_status commit(z4j_session* s, z4j_op, z4j_commit* c, z4j_error* e) {
  return guard(e, [&]() -> z4j_status { lane(s)->commit(*c); return Z4J_OK; });
}

z4j_status read_open(z4j_session* s, const z4j_query* q, z4j_cursor** out, z4j_error* e) {
  return guard(e, [&]() -> z4j_status { *out = reinterpret_cast<z4j_cursor*>(lane(s)->read(*q).release()); return Z4J_OK; });
}

z4j_status read_next(z4j_cursor* c, uint32_t max_rows, const z4j_rows** out, z4j_error* e) {
  return guard(e, [&]() -> z4j_status {
    *out = cursor_of(c)->next(max_rows);
    return *out != nullptr ? Z4J_OK : Z4J_END;
  });
}

void read_close(z4j_cursor* c) { delete cursor_of(c); }

z4j_status stats(z4j_session* s, const z4j_sink* out, z4j_error* e) {
  return guard(e, [&]() -> z4j_status { lane(s)->stats(*out); return Z4J_OK; });
}

z4j_status explain(z4j_session* s, const z4j_query* q, const z4j_sink* out, z4j_error* e) {
  return guard(e, [&]() -> z4j_status { lane(s)->explain(*q, *out); return Z4J_OK; });
}

z4j_status backup(z4j_session* s, z4j_op, z4j_str target, z4j_error* e) {
  return guard(e, [&]() -> z4j_status { lane(s)->backup(std::string(view(target))); return Z4J_OK; });
}

const z4j_storage kStorage = {sizeof(z4j_storage), 0, info, migrate, session_open, session_close, commit, read_open, read_next,
                              read_close, nullptr, stats, explain, backup};

const void* interface_by_id(z4j_str id) { return same(id, Z4J_IFACE_STORAGE) ? &kStorage : nullptr; }

}  // namespace
}  // namespace z4j::sqlite

Z4J_DESCRIPTOR(z4j::sqlite::SqliteStorage, "org.z4j.storage-sqlite", "0.1.0", "SQLite storage", "The embedded default store", "storage",
               z4j::sqlite::kConfigSchema, 0, z4j::sqlite::interface_by_id)
Z4J_PLUGIN_ENTRY(z4j_descriptor_of_this_file)
