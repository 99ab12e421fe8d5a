/* Files that the loader must refuse: FAULT says what is wrong with this one's entry. */
#include <z4j/abi.h>

#define FAULT_MAGIC 1
#define FAULT_MAJOR 2
#define FAULT_MINOR 3
#define FAULT_V2 4
#define FAULT_KIND 5

#define TEXT(s) \
  { s, sizeof(s) - 1 }

static z4j_status create(const z4j_host* host, z4j_str config, z4j_instance** out,
                         z4j_error* error) {
  (void)host;
  (void)config;
  (void)out;
  (void)error;
  return Z4J_INTERNAL;
}
static z4j_status start(z4j_instance* i, z4j_error* error) {
  (void)i;
  (void)error;
  return Z4J_OK;
}
static z4j_status stop(z4j_instance* i, uint32_t deadline_ms, z4j_error* error) {
  (void)i;
  (void)deadline_ms;
  (void)error;
  return Z4J_OK;
}
static void destroy(z4j_instance* i) { (void)i; }
static const void* get_interface(z4j_str id) {
  (void)id;
  return NULL;
}

static const z4j_plugin plugin = {sizeof(z4j_plugin),
                                  0,
                                  TEXT("org.z4j.faulty"),
                                  TEXT("1.0.0"),
                                  TEXT("Faulty"),
                                  TEXT(""),
                                  TEXT(""),
                                  TEXT(""),
                                  TEXT(""),
                                  TEXT("engine"),
                                  TEXT("{\"type\":\"object\"}"),
                                  TEXT(""),
                                  NULL,
                                  create,
                                  start,
                                  stop,
                                  destroy,
                                  NULL,
                                  get_interface};
static const z4j_plugin* const plugins[] = {&plugin};

#if FAULT == FAULT_V2
extern Z4J_EXPORT const z4j_plugin_entry z4j_plugin_entry_v2;
#define ENTRY z4j_plugin_entry_v2
#else
#define ENTRY z4j_plugin_entry_v1
#endif
const z4j_plugin_entry ENTRY = {FAULT == FAULT_MAGIC ? 7u : Z4J_PLUGIN_MAGIC,
                                sizeof(z4j_plugin_entry),
                                FAULT == FAULT_MAJOR ? 9 : Z4J_ABI_MAJOR,
                                Z4J_ABI_MINOR,
                                FAULT == FAULT_MINOR ? 99 : 0,
                                0,
                                1,
                                plugins,
                                TEXT("")};
