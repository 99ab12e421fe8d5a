/* notifier-c: writes each alert to the log of z4j. The whole boundary in plain C, nothing hidden.
 */
#include <z4j/abi.h>

#include <stdlib.h>
#include <string.h>

/* A text that is known at compile time. */
#define TEXT(s) \
  { "" s, sizeof(s) - 1 }

#define MOST_FOR 100 /* bytes of a target's "for" */

struct z4j_instance {
  const z4j_host* host;
};

static z4j_status fail(z4j_error* e, z4j_status code, const char* message) {
  if (Z4J_REACHES(e, z4j_error, message)) {
    e->code = code;
    e->retry_after_ms = 0;
    e->where[0] = '\0';
    strncpy(e->message, message, sizeof e->message - 1);
    e->message[sizeof e->message - 1] = '\0';
  }
  return code;
}

/* ---- the life of an instance -------------------------------------------------------------- */

static z4j_status create(const z4j_host* host, z4j_str config_json, z4j_instance** out,
                         z4j_error* e) {
  z4j_instance* self = malloc(sizeof *self);
  (void)config_json; /* there are no settings */
  if (self == NULL) return fail(e, Z4J_NO_MEMORY, "out of memory");
  self->host = host;
  *out = self;
  return Z4J_OK;
}

static z4j_status start(z4j_instance* self, z4j_error* e) {
  (void)self;
  (void)e;
  return Z4J_OK;
}

static z4j_status stop(z4j_instance* self, uint32_t deadline_ms, z4j_error* e) {
  (void)self;
  (void)deadline_ms;
  (void)e;
  return Z4J_OK; /* no operation is ever left open */
}

static void destroy(z4j_instance* self) { free(self); }

/* ---- the notifier --------------------------------------------------------------------------- */

/* What stands at "for" of the target; empty when nothing does, or nothing short and plain: there is
 * no JSON reader here. */
static z4j_str reader_of(z4j_str target) {
  static const char key[] = "\"for\"";
  const size_t length = sizeof key - 1;
  z4j_str found = {NULL, 0};
  size_t at = 0;
  while (at + length <= target.len && memcmp(target.ptr + at, key, length) != 0) ++at;
  at += length;
  while (at < target.len && (target.ptr[at] == ' ' || target.ptr[at] == ':')) ++at;
  if (at >= target.len || target.ptr[at] != '"') return found;
  found.ptr = target.ptr + ++at;
  while (at < target.len && target.ptr[at] >= ' ' && target.ptr[at] <= '~' &&
         target.ptr[at] != '"' && target.ptr[at] != '\\') {
    ++at;
    ++found.len;
  }
  if (at == target.len || target.ptr[at] != '"' || found.len > MOST_FOR) found.len = 0;
  return found;
}

/* A final code answers the operation: op_complete() is for those who returned Z4J_PENDING. */
static z4j_status send(z4j_instance* self, z4j_op op, const z4j_notification* n, z4j_error* e) {
  char fields[MOST_FOR + 16];
  z4j_str reader, all;
  (void)op;
  if (n->title.len == 0) return fail(e, Z4J_INVALID, "an alert needs a title");
  reader = reader_of(n->target_json);
  if (reader.len == 0) return fail(e, Z4J_INVALID, "\"for\" says whom it is for, in plain letters");
  memcpy(fields, "{\"for\":\"", 8);
  memcpy(fields + 8, reader.ptr, reader.len);
  memcpy(fields + 8 + reader.len, "\"}", 2);
  all.ptr = fields;
  all.len = reader.len + 10;
  self->host->log(self->host->ctx, n->severity >= 3 ? Z4J_LOG_ERROR : Z4J_LOG_WARN, n->title, all);
  return Z4J_OK;
}

static const z4j_notifier notifier = {
    sizeof(z4j_notifier),
    65536, /* bytes of a body, at most */
    0,     /* no capability */
    TEXT("{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {"
         "\"for\": {\"type\": \"string\", \"maxLength\": 100, \"description\": \"whom it is "
         "for\"}}}"),
    TEXT(""), /* one type of target, called "c" after the id */
    send};

static const void* get_interface(z4j_str id) {
  const size_t length = sizeof Z4J_IFACE_NOTIFIER - 1;
  return id.len == length && memcmp(id.ptr, Z4J_IFACE_NOTIFIER, length) == 0 ? &notifier : NULL;
}

/* ---- what the file is ----------------------------------------------------------------------- */

static const z4j_plugin plugin = {
    sizeof(z4j_plugin),
    0,
    TEXT("org.example.notifier-c"),
    TEXT("1.0.0"),
    TEXT("Log notifier in C"),
    TEXT("Writes each alert to the log of z4j."),
    TEXT(""), /* vendor, license, url */
    TEXT(""),
    TEXT(""),
    TEXT("notifier"),
    TEXT("{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {}}"),
    TEXT(""), /* needs no service of the host */
    NULL,     /* validate: the schema says it all */
    create,
    start,
    stop,
    destroy,
    NULL, /* cancel: no operation is ever left open */
    get_interface};

static const z4j_plugin* const plugins[] = {&plugin};

const z4j_plugin_entry z4j_plugin_entry_v1 = {Z4J_PLUGIN_MAGIC,
                                              sizeof(z4j_plugin_entry),
                                              Z4J_ABI_MAJOR,
                                              Z4J_ABI_MINOR,
                                              0, /* any host of this major will do */
                                              0,
                                              1,
                                              plugins,
                                              TEXT("C")};
