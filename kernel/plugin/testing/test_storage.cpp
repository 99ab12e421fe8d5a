// test-storage: storage-memory behind commits that are never answered.
//
// The first commit whose events hold task id "never-answered" is taken and owed for ever; what it
// holds is not stored. Everything else goes to the driver itself, with two lanes.
#include <dlfcn.h>

#include <z4j/plugin.hpp>

#include <atomic>
#include <string_view>

namespace {

using namespace z4j;

const z4j_plugin* driver() {
  static const z4j_plugin* const found = [] {
    void* library = ::dlopen(Z4J_MEMORY_DRIVER, RTLD_NOW | RTLD_LOCAL);
    const void* entry = library != nullptr ? ::dlsym(library, Z4J_PLUGIN_SYMBOL) : nullptr;
    return entry != nullptr ? static_cast<const z4j_plugin_entry*>(entry)->plugins[0] : nullptr;
  }();
  return found;
}

const z4j_storage* tables() {
  return static_cast<const z4j_storage*>(driver()->get_interface(lit(Z4J_IFACE_STORAGE)));
}

bool holds(const z4j_commit& c, std::string_view task_id) {
  for (std::uint32_t s = 0; s < c.step_count; ++s) {
    if (c.steps[s]->verb != Z4J_STEP_INSERT_NEW) continue;
    const z4j_rows& rows = *c.steps[s]->rows;
    for (std::uint32_t i = 0; i < rows.col_count; ++i) {
      const z4j_col& col = rows.cols[i];
      if (col.form != Z4J_FORM_VAR) continue;
      for (std::uint32_t r = 0; r < rows.rows; ++r) {
        if (std::string_view(col.text.data + col.text.offsets[r],
                             col.text.offsets[r + 1] - col.text.offsets[r]) == task_id)
          return true;
      }
    }
  }
  return false;
}

z4j_status commit(z4j_session* session, z4j_op op, z4j_commit* c, z4j_error* error) {
  static std::atomic<bool> is_owed{false};
  if (holds(*c, "never-answered") && !is_owed.exchange(true)) return Z4J_PENDING;
  return tables()->commit(session, op, c, error);
}

void info(z4j_instance* instance, z4j_store_info* out) {
  tables()->info(instance, out);
  out->writers = 2;
}

const void* get_interface(z4j_str id) {
  static const z4j_storage table = [] {
    z4j_storage t = *tables();
    t.info = &info;
    t.commit = &commit;
    return t;
  }();
  return same(id, Z4J_IFACE_STORAGE) ? &table : nullptr;
}

z4j_status validate(z4j_str config, const z4j_sink* problems, z4j_error* error) {
  return driver()->validate(config, problems, error);
}
z4j_status create(const z4j_host* host, z4j_str config, z4j_instance** out, z4j_error* error) {
  return driver()->create(host, config, out, error);
}
z4j_status start(z4j_instance* instance, z4j_error* error) {
  return driver()->start(instance, error);
}
z4j_status stop(z4j_instance* instance, std::uint32_t deadline_ms, z4j_error* error) {
  return driver()->stop(instance, deadline_ms, error);
}
void destroy(z4j_instance* instance) { driver()->destroy(instance); }

const z4j_plugin kDescriptor = {
    sizeof(z4j_plugin),
    0,
    lit("org.z4j.test-storage"),
    lit("0.1.0"),
    lit("Test storage"),
    lit("A driver that owes an answer."),
    lit(""),
    lit(""),
    lit(""),
    lit("storage"),
    lit(R"({"type":"object","additionalProperties":false,"properties":{}})"),
    lit(""),
    &validate,
    &create,
    &start,
    &stop,
    &destroy,
    nullptr,
    &get_interface};

}  // namespace

Z4J_PLUGIN_ENTRY(kDescriptor)
