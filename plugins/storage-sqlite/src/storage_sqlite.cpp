// The plugin: z4j.storage/1 over one SQLite file.
#include <z4j/plugin.hpp>

#include "driver.hpp"

namespace {

using SqliteGlue = z4j::store::StorageGlue<z4j::sqlite::Driver>;

z4j_status sqlite_explain(z4j_session* s, const z4j_query* q, const z4j_sink* sink, z4j_error* e) {
  return z4j::guard(e, [&]() -> z4j_status {
    const std::string text = SqliteGlue::lane(s).session->explain(*q);
    return sink->put(sink->ctx, z4j::str(text));
  });
}

z4j_status sqlite_backup(z4j_session* s, z4j_op op, z4j_str target, z4j_error* e) {
  return z4j::guard(e, [&]() -> z4j_status {
    const z4j_host* host = SqliteGlue::lane(s).host;
    SqliteGlue::lane(s).session->backup(std::string(z4j::view(target)), [host, op]() -> z4j_status {
      if (host->op_cancelled(host->ctx, op) != 0) return Z4J_CANCELLED;
      return host->op_remaining_ms(host->ctx, op) <= 0 ? Z4J_TIMEOUT : Z4J_OK;
    });
    return Z4J_OK;
  });
}

const z4j_storage z4j_sqlite_storage = {sizeof(z4j_storage),       0,
                                        &SqliteGlue::info,         &SqliteGlue::migrate,
                                        &SqliteGlue::session_open, &SqliteGlue::session_close,
                                        &SqliteGlue::commit,       &SqliteGlue::read_open,
                                        &SqliteGlue::read_next,    &SqliteGlue::read_close,
                                        &SqliteGlue::listen,       &SqliteGlue::stats,
                                        &sqlite_explain,           &sqlite_backup};

const void* sqlite_interface(z4j_str id) {
  return z4j::same(id, Z4J_IFACE_STORAGE) ? &z4j_sqlite_storage : nullptr;
}

constexpr char kSqliteSchema[] =
    R"({"type":"object","additionalProperties":false,"required":["path"],"properties":{
"path":{"type":"string","minLength":1,"description":"The database file; made when missing. A local disk, not a network one.",
"examples":["/var/lib/z4j/z4j.db"]},
"cache_mib":{"type":"integer","minimum":1,"maximum":16384,"default":64,"description":"Page cache of the writer; each reader has an eighth."},
"busy_timeout_ms":{"type":"integer","minimum":0,"maximum":60000,"default":5000,
"description":"How long to wait when another program has the file locked."},
"synchronous":{"type":"string","enum":["full","normal"],"default":"full",
"description":"normal is faster on slow disks and may lose the last commits when power fails."},
"checkpoint_pages":{"type":"integer","minimum":100,"maximum":1000000,"default":4000,
"description":"Pages in the write-ahead log before it is folded into the file."},
"read_only":{"type":"boolean","default":false,
"description":"Read what a brain keeps there, also while it runs. Takes no lock and changes nothing."}}})";

}  // namespace

Z4J_DESCRIPTOR(z4j::sqlite::Driver, "org.z4j.storage-sqlite", "0.1.0", "SQLite storage",
               "Keeps everything in one SQLite file, for one brain at a time.", "storage",
               kSqliteSchema, 0, sqlite_interface)
Z4J_PLUGIN_ENTRY(z4j_descriptor_of_this_file)
