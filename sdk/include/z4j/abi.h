/* z4j/abi.h - the z4j plugin ABI, version 1.
 * Plain C. No dependency but <stddef.h> and <stdint.h>. LP64, little endian.
 * The words in [brackets] are the threading contract, docs/abi/plugin.md. */
/* clang-format off */
#ifndef Z4J_ABI_H
#define Z4J_ABI_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef char z4j_needs_lp64[sizeof(void*) == 8 && sizeof(size_t) == 8 ? 1 : -1];

#define Z4J_ABI_MAJOR 1
#define Z4J_ABI_MINOR 0
#define Z4J_PLUGIN_MAGIC 0x5a344a2d504c5547u /* "Z4J-PLUG" */
#define Z4J_PLUGIN_SYMBOL "z4j_plugin_entry_v1"
#if defined(_WIN32)
#define Z4J_EXPORT __declspec(dllexport)
#else
#define Z4J_EXPORT __attribute__((visibility("default")))
#endif

/* ---- 1. Values ------------------------------------------------------- */

/* Borrowed bytes. Never owned, never NUL-terminated by contract. Text is
 * UTF-8; a parameter named *_json holds one JSON value. {NULL,0} is empty. */
typedef struct z4j_str { const char* ptr; size_t len; } z4j_str;

typedef int32_t  z4j_status;  /* Z4J_OK or a code below. Enums never cross. */
typedef uint64_t z4j_op;      /* one asynchronous operation; slot+generation */
typedef struct z4j_instance z4j_instance; /* plugin's own object, opaque */
typedef struct z4j_session  z4j_session;  /* storage driver's, opaque */
typedef struct z4j_cursor   z4j_cursor;   /* storage driver's, opaque */

enum {                      /* who should act */
  Z4J_OK = 0,
  Z4J_PENDING = 1,          /* accepted; op will be completed later */
  Z4J_END = 2,              /* cursor has no more rows */
  /* 100..199 the caller is wrong: do not retry */
  Z4J_INVALID = 100, Z4J_NOT_FOUND = 101, Z4J_CONFLICT = 102,
  Z4J_UNSUPPORTED = 103, Z4J_DENIED = 104, Z4J_BAD_CONFIG = 105,
  Z4J_BAD_STATE = 106, Z4J_TOO_LARGE = 107,
  /* 200..299 the world is wrong: retry may help */
  Z4J_BUSY = 200, Z4J_UNAVAILABLE = 201, Z4J_TIMEOUT = 202, Z4J_IO = 203,
  Z4J_CANCELLED = 204,
  Z4J_UNKNOWN = 205,        /* may have happened: look before trying again */
  /* 300..399 the plugin is wrong: count it, maybe disable it */
  Z4J_INTERNAL = 300, Z4J_NO_MEMORY = 301, Z4J_CORRUPT = 302
};

/* Caller-allocated, text inline: nothing to free, nothing to outlive. */
typedef struct z4j_error {
  uint32_t struct_size;
  z4j_status code;
  uint32_t retry_after_ms;  /* 0 = the caller's own backoff */
  uint32_t reserved0;
  char where[128];          /* JSON pointer into config or request, or "" */
  char message[880];        /* UTF-8, NUL-terminated, truncated, no secrets */
} z4j_error;

/* The callee's way to hand back bytes or many small records: it calls the
 * sink during the call, the receiver copies. Returns Z4J_OK to go on.
 * [any-thread, no-block] */
typedef struct z4j_sink {
  uint32_t struct_size;
  uint32_t reserved0;
  void* ctx;
  z4j_status (*put)(void* ctx, z4j_str bytes);
} z4j_sink;

/* True if the struct *p is long enough to have member m. What each minor appends makes sizeof
 * grow: ask for the last member that you need, never for sizeof(type). */
#define Z4J_REACHES(p, type, m) \
  ((p) && (p)->struct_size >= offsetof(type, m) + sizeof((p)->m))
/* ... and m is set. */
#define Z4J_HAS(p, type, m) (Z4J_REACHES(p, type, m) && (p)->m)

/* ---- 2. The event batch: what engines emit ----------------------------- */
/* Struct of arrays. Physical layout equals Arrow's (little endian, offsets of
 * rows+1 non-negative 32-bit values, dictionary indices 32-bit), so its columns
 * can be handed on to storage, or wrapped as Arrow arrays, without a copy. All arrays are 8-byte
 * aligned. New columns are appended at the end; an old reader ignores them. */
typedef struct z4j_strcol  { const uint32_t* offsets; const char* data; } z4j_strcol;
typedef struct z4j_dictcol {            /* entry 0 is always "" and means absent */
  const uint32_t* index; z4j_strcol dict; uint32_t dict_rows; uint32_t reserved0;
} z4j_dictcol;

enum { Z4J_EV_UNKNOWN = 0, Z4J_EV_SENT = 1, Z4J_EV_RECEIVED = 2,
       Z4J_EV_STARTED = 3, Z4J_EV_SUCCEEDED = 4, Z4J_EV_FAILED = 5,
       Z4J_EV_RETRIED = 6, Z4J_EV_REVOKED = 7, Z4J_EV_REJECTED = 8,
       Z4J_EV_PROGRESS = 9, Z4J_EV_WORKER_UP = 32, Z4J_EV_WORKER_BEAT = 33,
       Z4J_EV_WORKER_DOWN = 34 };

typedef struct z4j_event_batch {
  uint32_t struct_size;
  uint32_t rows;                 /* >= 1; <= the receiver's max_rows */
  uint64_t bytes;                /* sum of all column bytes, for budgets */
  const uint8_t*  event_id;      /* rows * 16; unique, the idempotency key */
  const int64_t*  time_us;       /* UTC microseconds since 1970 */
  const uint16_t* kind;          /* Z4J_EV_*; unknown values are kept as is */
  const uint32_t* attempt;       /* 0 = unknown */
  const int64_t*  runtime_us;    /* -1 = absent */
  z4j_dictcol project;           /* the tenant */
  z4j_dictcol source;            /* engine instance, or agent */
  z4j_dictcol engine;            /* "celery", "rq", ... */
  z4j_dictcol task;              /* task name */
  z4j_dictcol queue;
  z4j_dictcol worker;
  z4j_strcol  task_id;
  z4j_strcol  parent_id, root_id; /* "" = absent */
  z4j_strcol  attrs_json;        /* "" or one JSON object: arguments, result, .. */
} z4j_event_batch;

/* ---- 3. What the host offers --------------------------------------------- */

enum { Z4J_LOG_TRACE = 0, Z4J_LOG_DEBUG, Z4J_LOG_INFO, Z4J_LOG_WARN, Z4J_LOG_ERROR };
enum { Z4J_HEALTH_OK = 0, Z4J_HEALTH_DEGRADED = 1, Z4J_HEALTH_FAILING = 2 };
enum { Z4J_METRIC_ADD = 0, /* so many more */
       Z4J_METRIC_SET = 1  /* so many now */ };

/* One table per instance; append-only; valid from create() to the return of
 * destroy(). Every function is [any-thread, no-block] unless marked. */
typedef struct z4j_host {
  uint32_t struct_size;
  uint16_t abi_major, abi_minor;
  void* ctx;
  z4j_str instance_id;           /* as the operator named it */
  z4j_str host_version;

  int32_t (*log_level)(void* ctx);                     /* lowest level kept */
  void (*log)(void* ctx, int32_t level, z4j_str msg, z4j_str fields_json);

  /* Finish an op exactly once. A second, late or foreign call is refused with
   * Z4J_BAD_STATE and counted against the plugin; it is never memory-unsafe. */
  z4j_status (*op_complete)(void* ctx, z4j_op op, z4j_status st,
                            const z4j_error* err, z4j_str result_json);
  int64_t (*op_remaining_ms)(void* ctx, z4j_op op);    /* <=0: expired */
  int32_t (*op_cancelled)(void* ctx, z4j_op op);       /* 1: please stop */

  /* Engines push here. Z4J_OK: copied. Z4J_BUSY: keep the batch, slow down,
   * try again after err->retry_after_ms. */
  z4j_status (*emit)(void* ctx, const z4j_event_batch* batch, z4j_error* err);

  /* state: Z4J_HEALTH_*; why is for people, "" when all is well. */
  void (*health)(void* ctx, int32_t state, z4j_str why);

  /* Run fn(arg) on this instance's strand, now or after delay_ms; on stop the
   * pending ones are dropped and drop(arg) is called instead. */
  z4j_status (*post)(void* ctx, uint32_t delay_ms, void (*fn)(void* arg),
                     void (*drop)(void* arg), void* arg);

  /* The value behind a secret reference of the settings, in one put(). */
  z4j_status (*secret)(void* ctx, z4j_str name, const z4j_sink* out, z4j_error* err);
  /* kind: Z4J_METRIC_*. Names and where they show: docs/abi/plugin.md. */
  void (*metric)(void* ctx, z4j_str name, z4j_str labels_json, double value, int32_t kind);

  /* Optional services by name and revision, the Z4J_SERVICE_* below. NULL if this host has none of
   * that name, or none for this kind. Their functions take this table's ctx. */
  const void* (*service)(void* ctx, z4j_str id);
} z4j_host;

/* ---- 4. What every plugin is ---------------------------------------------- */

typedef struct z4j_plugin {
  uint32_t struct_size;
  uint32_t flags;                /* Z4J_PLUGIN_* */
  z4j_str id;                    /* "org.example.telegram"; stable for ever */
  z4j_str version;               /* semver of the plugin */
  z4j_str name, summary, vendor, license, url;
  z4j_str kinds;                 /* "engine scheduler": checked at load */
  z4j_str config_schema_json;    /* JSON Schema subset; see the config chapter */
  z4j_str needs;                 /* services it cannot do without, by id */

  /* Cross-field checks beyond the schema; no I/O. One problem per put():
   * {"at":"/smtp/port","message":"...","hint":"..."}. [any-thread, no-block] */
  z4j_status (*validate)(z4j_str config_json, const z4j_sink* problems, z4j_error* err);
  /* Build the object; no I/O, no threads. [loader] */
  z4j_status (*create)(const z4j_host* host, z4j_str config_json,
                       z4j_instance** out, z4j_error* err);
  /* Connect, start own threads. [serial, may-block] */
  z4j_status (*start)(z4j_instance*, z4j_error* err);
  /* Finish or give up own work, join own threads; every op is completed when
   * it returns. deadline_ms is a budget. [serial, may-block] */
  z4j_status (*stop)(z4j_instance*, uint32_t deadline_ms, z4j_error* err);
  void (*destroy)(z4j_instance*);                       /* [loader] */
  void (*cancel)(z4j_instance*, z4j_op);                /* [any-thread, no-block] or NULL */
  /* "z4j.engine/1" and so on; constant for the life of the process. [any-thread] */
  const void* (*get_interface)(z4j_str id);
} z4j_plugin;

enum { Z4J_PLUGIN_CONCURRENT = 1u << 0,   /* [serial] calls may overlap */
       Z4J_PLUGIN_SINGLETON  = 1u << 1,   /* at most one instance */
       Z4J_PLUGIN_WANTS_PROCESS = 1u << 2 /* ask for an own process by default */ };

typedef struct z4j_plugin_entry {
  uint64_t magic;
  uint32_t struct_size;
  uint16_t abi_major, abi_minor;   /* what it was compiled against */
  uint16_t min_host_minor;         /* oldest host it can live with */
  uint16_t reserved0;
  uint32_t plugin_count;
  const z4j_plugin* const* plugins;
  z4j_str build_info;              /* compiler, flags; for bug reports only */
} z4j_plugin_entry;

/* The only symbol a plugin exports. Data, not code: the host can refuse it
 * before any plugin function has run. */
extern Z4J_EXPORT const z4j_plugin_entry z4j_plugin_entry_v1;

/* ---- 5. The kinds ---------------------------------------------------------- */
/* Every function that takes an op answers Z4J_PENDING, or answers at once with
 * a final code and *err filled. With Z4J_OK at once the result is empty. What
 * takes an instance, a session or a cursor and has no word is [serial, may-block]. */

#define Z4J_IFACE_ENGINE "z4j.engine/1"
/* Capability bits; a bit is also the verb passed to command(). What each verb
 * takes and answers, and the shape of each snapshot: docs/abi/engine.md. */
enum { Z4J_ENGINE_EVENTS = 1u << 0, Z4J_ENGINE_SNAPSHOT = 1u << 1,
       Z4J_ENGINE_ENQUEUE = 1u << 2, Z4J_ENGINE_RETRY = 1u << 3,
       Z4J_ENGINE_REVOKE = 1u << 4, Z4J_ENGINE_TERMINATE = 1u << 5,
       Z4J_ENGINE_PURGE = 1u << 6, Z4J_ENGINE_POOL = 1u << 7,
       Z4J_ENGINE_RATE = 1u << 8, Z4J_ENGINE_PAUSE = 1u << 9,
       Z4J_ENGINE_STREAM = 1u << 10, /* no verb: its events come from a stream that
                                        goes on while emit() answers busy */
       Z4J_ENGINE_RESTART = 1u << 11, Z4J_ENGINE_SHUTDOWN = 1u << 12,
       Z4J_ENGINE_TIME_LIMIT = 1u << 13, Z4J_ENGINE_AUTOSCALE = 1u << 14,
       Z4J_ENGINE_DEAD_LETTERS = 1u << 15, /* and the snapshot "dead_letters" */
       Z4J_ENGINE_MANY = 1u << 16, /* no verb: RETRY and REVOKE take many targets at once */
       Z4J_ENGINE_COPY = 1u << 17, /* takes, keeps and puts back what waits in a queue */
       Z4J_ENGINE_DELETE = 1u << 18 /* forgets a task that is over or waits */ };
typedef struct z4j_engine {
  uint32_t struct_size; uint32_t reserved0;
  z4j_str engine_name;                       /* "celery": what the API calls it */
  uint64_t (*capabilities)(z4j_instance*);   /* [any-thread] after start; may depend on the broker */
  /* verb is one capability bit; target and arguments as in the verb's contract. */
  z4j_status (*command)(z4j_instance*, z4j_op, uint64_t verb, z4j_str target,
                        z4j_str args_json, z4j_error*);            /* [serial] */
  /* what: "workers", "queues", "waiting", "state", "registry"; a JSON page. */
  z4j_status (*snapshot)(z4j_instance*, z4j_op, z4j_str what,
                         z4j_str page_json, z4j_error*);           /* [serial] */
} z4j_engine;

#define Z4J_IFACE_SCHEDULER "z4j.scheduler/1"
enum { Z4J_SCHED_READ = 1u << 0, Z4J_SCHED_WRITE = 1u << 1,
       Z4J_SCHED_TRIGGER = 1u << 2, Z4J_SCHED_PAUSE = 1u << 3,
       Z4J_SCHED_CRON = 1u << 4, Z4J_SCHED_INTERVAL = 1u << 5,
       Z4J_SCHED_ONCE = 1u << 6, Z4J_SCHED_TIMEZONE = 1u << 7,
       Z4J_SCHED_SOLAR = 1u << 8,
       Z4J_SCHED_STORE = 1u << 9 /* its schedules lie in the kernel's store: no list, put, remove
                                    and trigger; it works through "z4j.schedule-store/1" */ };
/* The JSON of schedules, pages and answers: docs/abi/scheduler.md. */
typedef struct z4j_scheduler {
  uint32_t struct_size; uint32_t reserved0;
  z4j_str scheduler_name;                                /* "celery-beat": what the API calls it */
  uint64_t (*capabilities)(z4j_instance*);               /* [any-thread], once started */
  z4j_status (*list)(z4j_instance*, z4j_op, z4j_str page_json, z4j_error*);
  /* etag "" creates; otherwise must match or Z4J_CONFLICT. */
  z4j_status (*put)(z4j_instance*, z4j_op, z4j_str schedule_json, z4j_str etag, z4j_error*);
  z4j_status (*remove)(z4j_instance*, z4j_op, z4j_str id, z4j_str etag, z4j_error*);
  z4j_status (*trigger)(z4j_instance*, z4j_op, z4j_str id, z4j_error*);
  /* The next fire times behind from_us, earliest first. *n: in, the room in out; back, how many
   * there are, fewer when it has no more. [any-thread] */
  z4j_status (*preview)(z4j_instance*, z4j_str schedule_json, int64_t from_us,
                        int64_t* out, uint32_t* n, z4j_error*);
} z4j_scheduler;

/* Host services for schedulers: a task sent by an engine, and the schedules that the kernel keeps. */
#define Z4J_SERVICE_SUBMIT "z4j.submit/1"
typedef struct z4j_submission {
  uint32_t struct_size;
  uint32_t deadline_ms;           /* for the engine; 0 = 30 s, at most 300 s */
  z4j_str project;                /* slug; "" = the instance's own */
  z4j_str engine, task;
  z4j_str queue, priority;        /* "" = the engine's own */
  z4j_str args_json, kwargs_json; /* "" = none */
  z4j_str idempotency_key;        /* 1..200 bytes: the same key sends nothing twice */
  int64_t eta_us;                 /* 0 = at once */
  z4j_str more_json;              /* "" = none; {"headers","periodic_task_name"} of ENQUEUE */
} z4j_submission;
typedef struct z4j_submit {
  uint32_t struct_size; uint32_t reserved0;
  /* Copies. Z4J_PENDING: done(arg, ...) comes exactly once, on a thread of the host, at the latest
   * before stop(), with {"outcome":"done|sent|refused|unknown","reason"?,"command_id",
   * "new_task_id"?}; any other code: it never comes. [any-thread, no-block] */
  z4j_status (*submit)(void* ctx, const z4j_submission*,
                       void (*done)(void* arg, z4j_status, z4j_str answer_json), void* arg,
                       z4j_error*);
} z4j_submit;

#define Z4J_SERVICE_SCHEDULE_STORE "z4j.schedule-store/1"
typedef struct z4j_stored_schedule {      /* valid during the call that hands it over */
  uint32_t struct_size;
  uint32_t is_enabled, is_planned;        /* planned: next_run_us belongs to this revision */
  uint32_t is_deleted;                    /* only id, revision and changed_us say something */
  uint8_t id[16];
  uint64_t revision;                      /* grows with each edit */
  int64_t next_run_us, last_run_us;       /* 0 = none */
  int64_t changed_us;                     /* of the last edit, the store's clock */
  z4j_str schedule_json;                  /* all of it, docs/abi/scheduler.md */
} z4j_stored_schedule;
typedef struct z4j_schedule_rows {        /* put() returns Z4J_OK to go on; [any-thread] */
  uint32_t struct_size; uint32_t reserved0;
  void* ctx;
  z4j_status (*put)(void* ctx, const z4j_stored_schedule*);
} z4j_schedule_rows;
typedef struct z4j_plan {                 /* when it runs next */
  uint8_t id[16];
  uint64_t revision;
  int64_t next_run_us;                    /* 0 = never again */
} z4j_plan;
enum { Z4J_FIRE_DUE = 0, Z4J_FIRE_CATCH_UP = 1 };
enum { Z4J_FIRE_LAST = 1u << 0 };         /* switch the schedule off: it has no other time */
typedef struct z4j_fire {
  uint8_t id[16];                         /* of the schedule */
  uint64_t revision;                      /* as it was read: an edit since then refuses the fire */
  int64_t due_us;                         /* which time it is; one fire for each, ever */
  int64_t next_run_us;                    /* 0 = none */
  uint32_t reason, flags;                 /* Z4J_FIRE_* */
} z4j_fire;
enum { Z4J_FIRED = 1, Z4J_FIRE_SKIPPED = 2 /* its last run goes on, overlap "skip": recorded */,
       Z4J_FIRE_TAKEN = 3 /* that time has fired before */,
       Z4J_FIRE_STALE = 4 /* edited, switched off or gone: read it again */,
       Z4J_FIRE_FAILED = 5 /* recorded; no engine could take it */ };
/* Calls block on the store, but for watch and now_us. [any-thread] */
typedef struct z4j_schedule_store {
  uint32_t struct_size; uint32_t reserved0;
  int64_t (*now_us)(void* ctx);           /* the kernel's clock */
  /* Take or renew the right to fire, for ttl_ms. Z4J_CONFLICT: somebody else has it. */
  z4j_status (*lead)(void* ctx, uint32_t ttl_ms, uint64_t* fence, z4j_error*);
  void (*resign)(void* ctx, uint64_t fence);
  /* Enabled and planned ones with next_run_us <= until_us, earliest first, behind (after_us,
   * after_id); after_id NULL: from the start. */
  z4j_status (*due)(void* ctx, int64_t until_us, int64_t after_us, const uint8_t* after_id,
                    uint32_t limit, const z4j_schedule_rows*, z4j_error*);
  /* Those edited since, earliest first; the like for the place. Deleted ones are not kept: watch. */
  z4j_status (*changed)(void* ctx, int64_t since_us, const uint8_t* after_id, uint32_t limit,
                        const z4j_schedule_rows*, z4j_error*);
  z4j_status (*read)(void* ctx, const uint8_t* ids /* count * 16 */, uint32_t count,
                     const z4j_schedule_rows*, z4j_error*);
  /* fn(arg, id) after an edit, on any brain; id NULL: some may be missed, look at all. Quick, no
   * calls back. NULL ends it; none comes after that returned. */
  z4j_status (*watch)(void* ctx, void (*fn)(void* arg, const uint8_t* id), void* arg);
  /* outcomes[i]: 1, or Z4J_FIRE_STALE. Z4J_CONFLICT: the fence is over, nothing happened. */
  z4j_status (*plan)(void* ctx, uint64_t fence, const z4j_plan* plans, uint32_t count,
                     uint8_t* outcomes, z4j_error*);
  /* In one commit: the fence, the fires' records, the commands, the next times. outcomes[i]:
   * Z4J_FIRED and its like. Z4J_CONFLICT: the fence is over, nothing happened. At most 1,000. */
  z4j_status (*fire)(void* ctx, uint64_t fence, const z4j_fire* fires, uint32_t count,
                     uint8_t* outcomes, z4j_error*);
} z4j_schedule_store;

#define Z4J_IFACE_NOTIFIER "z4j.notifier/1"
typedef struct z4j_notification {
  uint32_t struct_size;
  int32_t severity;               /* 0 info .. 4 critical */
  int32_t is_test, attempt;
  z4j_str id;                     /* idempotency key: same id, same message */
  z4j_str dedup_key;              /* groups open/update/resolve */
  z4j_str title, body_text, url;
  z4j_str target_type;            /* a member of types_json; "": the only type */
  z4j_str target_json;            /* from the rule, checked by that type's schema */
  z4j_str context_json;
} z4j_notification;
typedef struct z4j_notifier {
  uint32_t struct_size; uint32_t max_body_bytes;
  uint64_t capabilities;          /* no bit is defined yet: 0 */
  z4j_str target_schema_json;     /* of its only type, or "" */
  /* "" or {"webhook":{target schema},...}: the types of targets it serves. */
  z4j_str types_json;
  /* With Z4J_OK the result says what became of it, docs/abi/notifier.md. */
  z4j_status (*send)(z4j_instance*, z4j_op, const z4j_notification*, z4j_error*);
} z4j_notifier;

#define Z4J_IFACE_STORAGE "z4j.storage/1"
/* The kernel declares tables; a driver keeps them and knows no domain rule.
 * Eight functions are required. Text orders by bytes everywhere. */
enum { Z4J_STORE_NOTICES = 1u << 0,     /* listen() works between kernels */
       Z4J_STORE_SHARED = 1u << 1,      /* many kernels may open it at once */
       Z4J_STORE_SNAPSHOT = 1u << 2,    /* Z4J_SESSION_SNAPSHOT */
       Z4J_STORE_FAST_TEXT = 1u << 3,   /* CONTAINS is served by an index */
       Z4J_STORE_FAST_PATH = 1u << 4,   /* so are paths into JSON columns */
       Z4J_STORE_DROPS_TIME = 1u << 5   /* DELETE by time costs no row work */ };
typedef struct z4j_store_info {
  uint32_t struct_size;
  uint32_t best_rows, max_rows;         /* per batch: what it likes; hard limit */
  uint32_t writers, readers;            /* useful number of sessions */
  uint32_t reserved0;
  uint64_t capabilities, max_bytes;     /* Z4J_STORE_*; bytes per commit */
} z4j_store_info;

/* 5a. Declaration. Tables, columns and keys are named by their place in these
 * arrays; places are never reused. Growth: tables, nullable columns and
 * non-unique keys are appended. A driver must not touch what it does not know. */
enum { Z4J_T_BOOL = 1, Z4J_T_INT, Z4J_T_REAL, Z4J_T_TIME /* UTC microseconds */,
       Z4J_T_UUID, Z4J_T_TEXT, Z4J_T_BYTES, Z4J_T_JSON };
/* What MERGE does to a stored value; a column not in the batch stays. */
enum { Z4J_M_SET = 0,                   /* replaced, also by null */
       Z4J_M_KEEP = 1,                  /* only fills a null */
       Z4J_M_MIN = 2, Z4J_M_MAX = 3, Z4J_M_ADD = 4, /* null in the row: no change */
       Z4J_M_LAST = 5 /* replaced, also by null, if the row's stamp column is not
                         null and >= the stored one or that is null */ };
enum { Z4J_COL_REQUIRED = 1u << 0,      /* never null */
       Z4J_COL_RETIRED = 1u << 1, Z4J_COL_SECRET = 1u << 2 /* keep out of logs */ };
typedef struct z4j_column {
  z4j_str name, comment;                /* lower_case words, for people too */
  uint16_t type, flags, merge, stamp;   /* stamp: column, merged by MAX */
} z4j_column;
enum { Z4J_K_PRIMARY = 1, Z4J_K_UNIQUE /* a row with a null part is free */,
       Z4J_K_ORDER /* plain index */, Z4J_K_TEXT /* CONTAINS on these columns */,
       Z4J_K_PATH /* paths into this JSON column */ };
enum { Z4J_KEY_SPARSE = 1u << 0 /* ORDER: a row with a null part is never looked for by
                                   this key, and need not be in it */ };
typedef struct z4j_key {
  z4j_str name;
  const uint16_t* columns; uint32_t column_count;
  uint16_t kind, flags;                 /* Z4J_K_*, Z4J_KEY_* */
} z4j_key;
enum { Z4J_TBL_APPEND = 1u << 0,        /* no change ever; DELETE needs RETENTION */
       Z4J_TBL_BY_TIME = 1u << 1,       /* first primary column is its time: may be
                                           kept in days and dropped by day */
       Z4J_TBL_HOT = 1u << 2,           /* rows change often */
       Z4J_TBL_VOLATILE = 1u << 3,      /* may be lost in a crash */
       Z4J_TBL_RETIRED = 1u << 4 };
typedef struct z4j_table {
  z4j_str name, comment;
  const z4j_column* columns; const z4j_key* keys;   /* keys[0] is the primary */
  uint32_t column_count, key_count, flags, reserved0;
} z4j_table;
typedef struct z4j_schema {
  uint32_t struct_size; uint32_t version;           /* the program's; only grows */
  const z4j_table* tables; uint32_t table_count; uint32_t reserved0;
} z4j_schema;

/* 5b. Rows, both ways. Same physical layout as the event batch (Arrow's, with
 * validity bitmaps), so the columns of one can be handed on in the other. */
enum { Z4J_FORM_NUM = 1 /* int64_t: BOOL, INT, TIME */, Z4J_FORM_REAL /* double */,
       Z4J_FORM_16 /* 16 bytes: UUID */, Z4J_FORM_VAR /* text: TEXT, BYTES, JSON */,
       Z4J_FORM_DICT /* uint32_t index into text, which has dict_rows entries */ };
typedef struct z4j_col {
  uint16_t column, form;
  uint32_t dict_rows;
  const uint8_t* valid;                 /* bit i set: row i has a value; NULL: all */
  const void* data;                     /* by form; NULL for VAR */
  z4j_strcol text;
} z4j_col;
typedef struct z4j_rows {
  uint32_t struct_size; uint32_t rows;
  const z4j_col* cols; uint32_t col_count; uint32_t reserved0;
  uint64_t bytes;
} z4j_rows;
enum { Z4J_V_NULL = 0, Z4J_V_NUM, Z4J_V_REAL, Z4J_V_TEXT /* TEXT, JSON */,
       Z4J_V_BYTES /* BYTES, UUID */,
       Z4J_V_NOW /* the store's clock, one reading per call, plus num microseconds */ };
typedef struct z4j_value {
  uint32_t kind; uint32_t reserved0;
  int64_t num; double real; z4j_str text;
} z4j_value;

/* 5c. Which rows. Predicates with the same any are joined by OR, the groups by
 * AND; any 0 stands alone. A null matches IS_NULL and NE only. */
enum { Z4J_CMP_EQ = 1 /* any of values */, Z4J_CMP_NE /* none of values */,
       Z4J_CMP_LT, Z4J_CMP_LE, Z4J_CMP_GT, Z4J_CMP_GE, Z4J_CMP_PREFIX,
       Z4J_CMP_CONTAINS /* ASCII case folded at least */,
       Z4J_CMP_HAS /* JSON array has any of values */,
       Z4J_CMP_IS_NULL, Z4J_CMP_NOT_NULL };
typedef struct z4j_pred {
  uint16_t column, cmp, any, reserved0;
  uint32_t value_count; uint32_t reserved1;
  const z4j_value* values;
  z4j_str path;                         /* JSON pointer into the column, or "" */
} z4j_pred;

/* 5d. Reading: select, or group and fold. */
enum { Z4J_AGG_COUNT = 1, Z4J_AGG_SUM, Z4J_AGG_MIN, Z4J_AGG_MAX };
typedef struct z4j_out {                /* one output column */
  uint16_t column, agg;                 /* agg 0: the value, or the group */
  uint32_t reserved0;
  int64_t bucket;                       /* >0: floor(v / bucket) * bucket; INT, TIME */
} z4j_out;
enum { Z4J_QUERY_AMONG_FEW = 1u << 0    /* the range of the order leaves few rows: look
                                           at each, ask no index of words or paths */ };
typedef struct z4j_query {
  uint32_t struct_size;
  uint16_t table, reserved0;
  const z4j_pred* preds; const z4j_out* outs;
  const uint16_t* order;                /* columns; with aggregates: places in outs */
  const z4j_value* after;               /* as many as order: start behind this row */
  uint32_t pred_count, out_count, order_count, after_count;
  int32_t descending;                   /* all order columns alike, none null */
  uint32_t limit;                       /* 0 = all */
  uint64_t scan_limit;                  /* fold at most so many rows; 0 = all */
  uint32_t timeout_ms; uint32_t flags;  /* Z4J_QUERY_* */
} z4j_query;

/* 5e. Changing: steps in order, all or none; a step sees those before it. */
enum { Z4J_STEP_INSERT = 1,             /* a taken key fails the commit */
       Z4J_STEP_INSERT_NEW,             /* a taken primary key skips the row */
       Z4J_STEP_MERGE,                  /* insert, or merge by the columns' rules */
       Z4J_STEP_PATCH,                  /* merge into rows that exist; no insert */
       Z4J_STEP_UPDATE, Z4J_STEP_DELETE, /* rows matching preds, at most limit */
       Z4J_STEP_CHECK,                  /* count rows matching preds, and hold them */
       Z4J_STEP_NOTICE                  /* tell kernels, if and once committed */ };
enum { Z4J_ROW_UNTOUCHED = 0, Z4J_ROW_INSERTED = 1, Z4J_ROW_CHANGED = 2 };
typedef struct z4j_set { uint16_t column, merge; uint32_t reserved0;
                         z4j_value value; } z4j_set;  /* SET, MIN, MAX, ADD */
typedef struct z4j_step {
  uint32_t struct_size;
  uint16_t verb, table;
  const z4j_rows* rows;                 /* keys unique and sorted in MERGE, PATCH */
  const z4j_pred* preds;                /* MERGE, PATCH: guard on the stored row */
  const z4j_set* sets;
  uint32_t pred_count, set_count, limit, reserved0;
  uint64_t expect_min, expect_max;      /* rows affected or counted, else CONFLICT */
  z4j_str channel, payload;             /* NOTICE; payload at most 4000 bytes */
  uint8_t* outcome;                     /* NULL, or one Z4J_ROW_* per row, filled */
  uint64_t affected;                    /* filled */
} z4j_step;
enum { Z4J_COMMIT_RELAXED = 1u << 0,    /* may be lost if the power fails */
       Z4J_COMMIT_RETENTION = 1u << 1   /* may delete from APPEND tables */ };
typedef struct z4j_commit {
  uint32_t struct_size; uint32_t flags;
  z4j_step* const* steps; uint32_t step_count; uint32_t timeout_ms;
  z4j_str serial;                       /* not "": commits with equal text run one
                                           after another, over all kernels */
  uint32_t bad_step, bad_row, bad_key;  /* filled on CONFLICT and INVALID; ~0 =
                                           not known; bad_key: place in keys */
  uint32_t reserved0;
} z4j_commit;

enum { Z4J_SESSION_WRITE = 1u << 0,
       Z4J_SESSION_SNAPSHOT = 1u << 1   /* all reads see one moment */ };
typedef struct z4j_storage {
  uint32_t struct_size; uint32_t reserved0;
  void (*info)(z4j_instance*, z4j_store_info*);         /* [any-thread], once started */
  /* Make the store fit the schema; resumable. dry_run only reports. The result
   * is JSON: {"from":3,"to":4,"steps":["add column ..."]}. A store of a newer
   * version is Z4J_UNSUPPORTED. The schema lives as long as the instance. */
  z4j_status (*migrate)(z4j_instance*, z4j_op, const z4j_schema*, int32_t dry_run,
                        z4j_error*);
  /* A session is one lane: calls on it never overlap. [any-thread] */
  z4j_status (*session_open)(z4j_instance*, uint32_t flags, z4j_session**, z4j_error*);
  void (*session_close)(z4j_session*);
  /* One at a time per session. The commit and all it points to stay valid until the op is
   * completed. OK = durable. Z4J_CONFLICT and Z4J_BUSY: nothing happened. Z4J_UNKNOWN: look. */
  z4j_status (*commit)(z4j_session*, z4j_op, z4j_commit*, z4j_error*);
  /* One cursor per session at a time, no commit meanwhile. Rows are valid until
   * the next read_next() or read_close(); columns as in outs, aggregates with
   * column = place in outs. Z4J_END after the last. */
  z4j_status (*read_open)(z4j_session*, const z4j_query*, z4j_cursor**, z4j_error*);
  z4j_status (*read_next)(z4j_cursor*, uint32_t max_rows, const z4j_rows**, z4j_error*);
  void (*read_close)(z4j_cursor*);
  /* The rest is optional. Replace the set of channels; answers come through
   * the service below. */
  z4j_status (*listen)(z4j_instance*, const z4j_str* channels, uint32_t count, z4j_error*);
  /* {"product":..,"version":..,"bytes":..,"connections":..} for people. */
  z4j_status (*stats)(z4j_session*, const z4j_sink*, z4j_error*);
  /* {"indexed":true,"plan":".."}: for tests and the slow-query log. */
  z4j_status (*explain)(z4j_session*, const z4j_query*, const z4j_sink*, z4j_error*);
  /* A consistent native copy, under load, to a new file or folder. */
  z4j_status (*backup)(z4j_session*, z4j_op, z4j_str target, z4j_error*);
} z4j_storage;
#define Z4J_SERVICE_NOTICES "z4j.notices/1"
typedef struct z4j_notices {            /* host service; [any-thread, no-block] */
  uint32_t struct_size; uint32_t reserved0;
  void (*notice)(void* ctx, z4j_str channel, z4j_str payload);
  void (*gap)(void* ctx);               /* some may be lost: sweep */
} z4j_notices;

/* Host services for plugins that speak to other machines. The host resolves
 * names itself, refuses what the operator has not opened (private, loopback,
 * link-local and reserved addresses) and dials the address that it checked. */
#define Z4J_SERVICE_HTTP_CLIENT "z4j.http-client/1"
typedef struct z4j_http_header { z4j_str name, value; } z4j_http_header;
typedef struct z4j_http_call {
  uint32_t struct_size; uint32_t header_count;
  z4j_str method, url;            /* https; http if the operator allows it */
  const z4j_http_header* headers; /* none of those that frame or route a message */
  z4j_str body;
  uint32_t deadline_ms;           /* for all of it; 0 = 10 s, at most 60 s */
  uint32_t max_answer_bytes;      /* the rest is cut off; 0 = 8 KiB, at most 8 MiB */
  uint32_t max_redirects;         /* each is checked like the first; 0 = none followed */
  uint32_t reserved0;
} z4j_http_call;
typedef struct z4j_http_answer {
  uint32_t struct_size;
  z4j_status status;              /* Z4J_OK: the other side answered; else why not */
  uint32_t http_status; uint32_t header_count;
  const z4j_http_header* headers; /* names in lower case */
  z4j_str body;
  uint32_t is_cut; uint32_t reserved0;
  z4j_str message;                /* for people, when status is not Z4J_OK */
} z4j_http_answer;
typedef struct z4j_http_client {
  uint32_t struct_size; uint32_t reserved0;
  /* Copies the call. Z4J_PENDING: done(arg, ...) comes exactly once, on a thread
   * of the host, at the latest before stop(), then with Z4J_CANCELLED; any other
   * code: it never comes. [any-thread, no-block] */
  z4j_status (*send)(void* ctx, const z4j_http_call*,
                     void (*done)(void* arg, const z4j_http_answer*), void* arg, z4j_error*);
} z4j_http_client;
#define Z4J_SERVICE_RESOLVER "z4j.resolver/1"
typedef struct z4j_resolver {
  uint32_t struct_size; uint32_t reserved0;
  /* One put() for each address of the host that may be dialled on that port;
   * Z4J_DENIED when one of them may not. [any-thread, may-block] */
  z4j_status (*addresses)(void* ctx, z4j_str host, uint32_t port, uint32_t deadline_ms,
                          const z4j_sink* out, z4j_error*);
} z4j_resolver;

#define Z4J_IFACE_HTTP "z4j.http/1"
#define Z4J_SERVICE_HTTP_REPLY "z4j.http-reply/1"
enum { Z4J_ROUTE_PUBLIC = 1u << 0 };       /* nobody has to sign in */
typedef struct z4j_route {
  z4j_str method, path;           /* path below /ext/<instance>/, "{x}" binds */
  z4j_str permission;             /* the kernel has checked it before the call */
  uint32_t flags, max_body;       /* Z4J_ROUTE_*; bytes, 0 = no body */
} z4j_route;
typedef struct z4j_http_request {
  uint32_t struct_size; uint32_t route;      /* index into routes */
  z4j_str path, query, body, content_type;
  z4j_str params_json, headers_json;         /* headers: an allow-list */
  z4j_str user_id, permissions_json, trace_id;
} z4j_http_request;
typedef struct z4j_http_reply {              /* host service; [any-thread, no-block] */
  uint32_t struct_size; uint32_t reserved0;
  z4j_status (*begin)(void* ctx, z4j_op, uint32_t code, z4j_str content_type, z4j_str headers_json);
  z4j_status (*write)(void* ctx, z4j_op, z4j_str chunk);       /* Z4J_BUSY = wait */
} z4j_http_reply;
typedef struct z4j_asset { z4j_str path, content_type, etag, bytes; } z4j_asset;
typedef struct z4j_http {
  uint32_t struct_size; uint32_t route_count;
  const z4j_route* routes;
  uint32_t asset_count; uint32_t reserved0;
  const z4j_asset* assets;                   /* immutable for the process' life */
  z4j_status (*handle)(z4j_instance*, z4j_op, const z4j_http_request*, z4j_error*);
} z4j_http;

#ifdef __cplusplus
}
#endif
#endif
