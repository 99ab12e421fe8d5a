// The plugin: z4j.storage/1 over one schema of a PostgreSQL database.
#include <z4j/plugin.hpp>

#include "driver.hpp"
#include "schema.hpp"

namespace {

using PostgresqlGlue = z4j::store::StorageGlue<z4j::postgresql::Driver>;

z4j_status postgresql_listen(z4j_instance* i, const z4j_str* channels, std::uint32_t count,
                             z4j_error* e) {
  return z4j::guard(e, [&]() -> z4j_status {
    z4j::box<z4j::postgresql::Driver>(i)->obj.listen(channels, count);
    return Z4J_OK;
  });
}

z4j_status postgresql_explain(z4j_session* s, const z4j_query* q, const z4j_sink* sink,
                              z4j_error* e) {
  return z4j::guard(e, [&]() -> z4j_status {
    const std::string text = PostgresqlGlue::lane(s).session->explain(*q);
    return sink->put(sink->ctx, z4j::str(text));
  });
}

z4j_status postgresql_backup(z4j_session*, z4j_op, z4j_str, z4j_error* e) {
  return z4j::guard(e, [&]() -> z4j_status {
    throw z4j::Error(Z4J_UNSUPPORTED,
                     "a PostgreSQL database is backed up with its own tools: pg_dump --schema, or "
                     "pg_basebackup for the whole server");
  });
}

const z4j_storage z4j_postgresql_storage = {sizeof(z4j_storage),
                                            0,
                                            &PostgresqlGlue::info,
                                            &PostgresqlGlue::migrate,
                                            &PostgresqlGlue::session_open,
                                            &PostgresqlGlue::session_close,
                                            &PostgresqlGlue::commit,
                                            &PostgresqlGlue::read_open,
                                            &PostgresqlGlue::read_next,
                                            &PostgresqlGlue::read_close,
                                            &postgresql_listen,
                                            &PostgresqlGlue::stats,
                                            &postgresql_explain,
                                            &postgresql_backup};

const void* postgresql_interface(z4j_str id) {
  return z4j::same(id, Z4J_IFACE_STORAGE) ? &z4j_postgresql_storage : nullptr;
}

}  // namespace

Z4J_DESCRIPTOR(z4j::postgresql::Driver, "org.z4j.storage-postgresql", "0.1.0", "PostgreSQL storage",
               "Keeps everything in one schema of a PostgreSQL database, for many brains at once.",
               "storage", z4j::postgresql::kSettingsSchema, 0, postgresql_interface)
Z4J_PLUGIN_ENTRY(z4j_descriptor_of_this_file)
