// storage-memory with one lie, which Z4J_BAD names: "storage/forgets".
#include <dlfcn.h>
#include <z4j/plugin.hpp>

#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

using z4j::same;

const z4j_plugin* under = nullptr;
const z4j_storage* driver = nullptr;
z4j_storage table;
z4j_plugin plugin;
const z4j_plugin* plugins[] = {&plugin};

bool is(std::string_view fault) {
  const char* const word = std::getenv("Z4J_BAD");
  return word != nullptr && std::string_view(word) == fault;
}

struct Lane {
  z4j_session* session;
  const z4j_host* host;
};
const z4j_host* host_of_all = nullptr;

z4j_status create(const z4j_host* host, z4j_str config, z4j_instance** out, z4j_error* e) {
  host_of_all = host;
  return under->create(host, config, out, e);
}

z4j_status commit(z4j_session* session, z4j_op op, z4j_commit* c, z4j_error* e) {
  if (is("storage/forgets")) {
    for (std::uint32_t i = 0; i < c->step_count; ++i)
      c->steps[i]->affected = c->steps[i]->rows != nullptr ? c->steps[i]->rows->rows : 0;
    host_of_all->op_complete(host_of_all->ctx, op, Z4J_OK, nullptr, z4j::lit(""));
    return Z4J_PENDING;
  }
  if (is("storage/ignores-guards")) {
    for (std::uint32_t i = 0; i < c->step_count; ++i) {
      if (c->steps[i]->verb == Z4J_STEP_PATCH || c->steps[i]->verb == Z4J_STEP_MERGE)
        c->steps[i]->pred_count = 0;
    }
  }
  if (is("storage/ignores-expectations")) {
    for (std::uint32_t i = 0; i < c->step_count; ++i) {
      c->steps[i]->expect_min = 0;
      c->steps[i]->expect_max = ~std::uint64_t{0};
    }
  }
  return driver->commit(session, op, c, e);
}

z4j_status read_open(z4j_session* session, const z4j_query* q, z4j_cursor** out, z4j_error* e) {
  z4j_query changed = *q;
  if (is("storage/ignores-after")) changed.after_count = 0;
  if (is("storage/ignores-order")) changed.descending = 0;
  return driver->read_open(session, &changed, out, e);
}

const void* get_interface(z4j_str id) { return same(id, Z4J_IFACE_STORAGE) ? &table : nullptr; }

extern "C" {
extern Z4J_EXPORT const z4j_plugin_entry z4j_plugin_entry_v1;
const z4j_plugin_entry z4j_plugin_entry_v1 __attribute__((section(".data"))) = {
    Z4J_PLUGIN_MAGIC, sizeof(z4j_plugin_entry), Z4J_ABI_MAJOR, Z4J_ABI_MINOR, 0, 0, 1, plugins,
    {nullptr, 0}};
}

struct Loading {
  Loading() {
    void* const library = ::dlopen(Z4J_MEMORY_DRIVER, RTLD_NOW | RTLD_LOCAL);
    const auto* entry =
        library != nullptr
            ? static_cast<const z4j_plugin_entry*>(::dlsym(library, Z4J_PLUGIN_SYMBOL))
            : nullptr;
    if (entry == nullptr) std::abort();
    under = entry->plugins[0];
    driver = static_cast<const z4j_storage*>(under->get_interface(z4j::lit(Z4J_IFACE_STORAGE)));
    plugin = *under;
    plugin.create = &create;
    plugin.get_interface = &get_interface;
    table = *driver;
    table.commit = &commit;
    table.read_open = &read_open;
  }
} loading;

}  // namespace
