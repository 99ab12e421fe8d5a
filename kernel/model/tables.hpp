// The tables that the kernel declares to a storage driver: names, types, merge rules, keys.
//
// A column's number is its place in its list and is never reused; growth is appending (nullable
// columns, plain keys, tables at the end of kTables). The lists are macros so that numbers, names,
// types and comments can't drift apart. Merge rules: docs/abi/storage.md. JSON columns hold
// redacted payloads.
//
// Stamps: LAST columns travel in groups with one stamp column each; see model/fold.hpp.
#pragma once

#include <z4j/abi.h>

#include <cstdint>

namespace z4j::model {

inline constexpr std::uint32_t kSchemaVersion = 8;
inline constexpr std::uint16_t kNoStamp = 0;

// X(name, type, flags, merge, stamp, comment)
#define Z4J_META_COLUMNS(X)                                          \
  X(key, TEXT, REQUIRED, KEEP, kNoStamp, "what the value is called") \
  X(value, TEXT, NONE, SET, kNoStamp, "the value")                   \
  X(updated_at, TIME, NONE, SET, kNoStamp, "last write")

#define Z4J_USERS_COLUMNS(X)                                                              \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "user")                                           \
  X(email, TEXT, REQUIRED, SET, kNoStamp, "normalised address, the sign-in name")         \
  X(password_hash, TEXT, SECRET, SET, kNoStamp, "argon2id, PHC text")                     \
  X(display_name, TEXT, NONE, SET, kNoStamp, "name to show")                              \
  X(first_name, TEXT, NONE, SET, kNoStamp, "first name")                                  \
  X(last_name, TEXT, NONE, SET, kNoStamp, "last name")                                    \
  X(is_admin, BOOL, REQUIRED, SET, kNoStamp, "admin of the whole installation")           \
  X(is_active, BOOL, REQUIRED, SET, kNoStamp, "may sign in")                              \
  X(timezone, TEXT, REQUIRED, SET, kNoStamp, "IANA zone for showing times")               \
  X(failed_login_count, INT, REQUIRED, ADD, kNoStamp, "failures in a row")                \
  X(locked_until, TIME, NONE, SET, kNoStamp, "no sign-in before")                         \
  X(last_failed_login_at, TIME, NONE, MAX, kNoStamp, "latest failure")                    \
  X(last_login_at, TIME, NONE, MAX, kNoStamp, "latest success")                           \
  X(password_changed_at, TIME, NONE, MAX, kNoStamp, "sessions issued before are void")    \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "created")                                \
  X(updated_at, TIME, REQUIRED, MAX, kNoStamp, "last change")                             \
  X(force_password_change, BOOL, NONE, SET, kNoStamp, "must choose a new password first") \
  X(last_failed_login_ip, TEXT, NONE, SET, kNoStamp, "from where")                        \
  X(mfa_secret, TEXT, SECRET, SET, kNoStamp, "TOTP secret, sealed")                       \
  X(mfa_pending_secret, TEXT, SECRET, SET, kNoStamp, "of an enrolment under way, sealed") \
  X(mfa_enrolled_at, TIME, NONE, SET, kNoStamp, "second factor confirmed")                \
  X(mfa_enforcement_started_at, TIME, NONE, SET, kNoStamp, "grace began")                 \
  X(mfa_last_step, INT, NONE, SET, kNoStamp, "latest TOTP step used: none works twice")   \
  X(mfa_failed_count, INT, NONE, SET, kNoStamp, "wrong codes in a row")                   \
  X(mfa_locked_until, TIME, NONE, SET, kNoStamp, "no code before")                        \
  X(sso_provider, TEXT, NONE, SET, kNoStamp, "who vouches for it")                        \
  X(external_id, TEXT, NONE, SET, kNoStamp, "subject there")

#define Z4J_SESSIONS_COLUMNS(X)                                                   \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "session; the cookie carries it signed")  \
  X(user_id, UUID, REQUIRED, KEEP, kNoStamp, "whose")                             \
  X(csrf_token, TEXT, SECRET, SET, kNoStamp, "what X-CSRF-Token must say")        \
  X(issued_at, TIME, REQUIRED, KEEP, kNoStamp, "sign-in")                         \
  X(expires_at, TIME, REQUIRED, SET, kNoStamp, "absolute end")                    \
  X(last_seen_at, TIME, REQUIRED, MAX, kNoStamp, "latest request, to the minute") \
  X(revoked_at, TIME, NONE, MIN, kNoStamp, "ended before its time")               \
  X(revocation_reason, TEXT, NONE, KEEP, kNoStamp, "why")                         \
  X(remember_me, BOOL, REQUIRED, KEEP, kNoStamp, "no idle time-out")              \
  X(ip_at_issue, TEXT, NONE, KEEP, kNoStamp, "client address at sign-in")         \
  X(user_agent_at_issue, TEXT, NONE, KEEP, kNoStamp, "browser at sign-in")        \
  X(mfa_verified_at, TIME, NONE, MAX, kNoStamp, "latest second factor")

#define Z4J_FIRST_BOOT_TOKENS_COLUMNS(X)                              \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "token")                      \
  X(token_hash, TEXT, SECRET, KEEP, kNoStamp, "keyed hash, hex")      \
  X(expires_at, TIME, REQUIRED, KEEP, kNoStamp, "not accepted after") \
  X(consumed_at, TIME, NONE, SET, kNoStamp, "used")                   \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "minted")

#define Z4J_PROJECTS_COLUMNS(X)                                                           \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "project")                                        \
  X(slug, TEXT, REQUIRED, KEEP, kNoStamp, "name in URLs")                                 \
  X(name, TEXT, REQUIRED, SET, kNoStamp, "name to show")                                  \
  X(description, TEXT, NONE, SET, kNoStamp, "what it is")                                 \
  X(environment, TEXT, REQUIRED, SET, kNoStamp, "production, staging, ...")               \
  X(timezone, TEXT, REQUIRED, SET, kNoStamp, "IANA zone")                                 \
  X(retention_days, INT, REQUIRED, SET, kNoStamp, "days to keep tasks")                   \
  X(is_active, BOOL, REQUIRED, SET, kNoStamp, "false: archived")                          \
  X(default_scheduler_owner, TEXT, REQUIRED, SET, kNoStamp, "scheduler of new schedules") \
  X(allowed_schedulers, JSON, NONE, SET, kNoStamp, "names, or null: no limit")            \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "created")                                \
  X(updated_at, TIME, REQUIRED, MAX, kNoStamp, "last change")

#define Z4J_MEMBERSHIPS_COLUMNS(X)                                  \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "membership")               \
  X(user_id, UUID, REQUIRED, KEEP, kNoStamp, "who")                 \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "where")            \
  X(role, TEXT, REQUIRED, SET, kNoStamp, "viewer, operator, admin") \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "granted")          \
  X(updated_at, TIME, REQUIRED, MAX, kNoStamp, "last change")

#define Z4J_AGENTS_COLUMNS(X)                                                                \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "agent")                                             \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                                   \
  X(name, TEXT, REQUIRED, SET, kNoStamp,                                                     \
    "unique in its project; local:INSTANCE for engine plugins")                              \
  X(is_local, BOOL, REQUIRED, KEEP, kNoStamp, "an engine instance of a brain")               \
  X(token_hash, TEXT, SECRET, SET, kNoStamp, "keyed hash of its token, null for local ones") \
  X(protocol_version, TEXT, REQUIRED, SET, kNoStamp, "0: never connected")                   \
  X(framework_adapter, TEXT, REQUIRED, SET, kNoStamp, "framework it runs in")                \
  X(engine_adapters, JSON, NONE, SET, kNoStamp, "engine names")                              \
  X(scheduler_adapters, JSON, NONE, SET, kNoStamp, "scheduler names")                        \
  X(capabilities, JSON, NONE, SET, kNoStamp, "adapter -> capability names")                  \
  X(state, TEXT, REQUIRED, SET, kNoStamp, "online, offline, unknown")                        \
  X(state_reason, TEXT, NONE, SET, kNoStamp, "why it is not well")                           \
  X(last_seen_at, TIME, NONE, MAX, kNoStamp, "latest sign of life, our clock")               \
  X(last_connect_at, TIME, NONE, MAX, kNoStamp, "latest connect")                            \
  X(last_event_at, TIME, NONE, MAX, kNoStamp, "latest stored event, its clock")              \
  X(host_name, TEXT, NONE, SET, kNoStamp, "where it runs")                                   \
  X(agent_version, TEXT, NONE, SET, kNoStamp, "its version")                                 \
  X(events_persisted, INT, REQUIRED, ADD, kNoStamp, "events stored, duplicates not counted") \
  X(events_dropped, INT, REQUIRED, ADD, kNoStamp, "events lost before they could be stored") \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "minted")                                    \
  X(updated_at, TIME, REQUIRED, MAX, kNoStamp, "last change")                                \
  X(previous_token_hash, TEXT, SECRET, SET, kNoStamp,                                        \
    "keyed hash of the token before, while both are good")                                   \
  X(previous_token_until, TIME, NONE, SET, kNoStamp, "end of that overlap")                  \
  X(token_changed_at, TIME, NONE, SET, kNoStamp, "minted, rotated or revoked")               \
  X(clock_skew_ms, INT, NONE, SET, kNoStamp, "its clock minus ours; null: not known")        \
  X(transport, TEXT, NONE, SET, kNoStamp, "ws, longpoll; null for local ones")               \
  X(runtime_features, JSON, NONE, SET, kNoStamp, "names it said at its latest hello")        \
  X(telemetry, JSON, NONE, SET, kNoStamp, "what it says of its buffer and its losses")

#define Z4J_WORKERS_COLUMNS(X)                                                             \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "derived from project, engine and name")           \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                                 \
  X(engine, TEXT, REQUIRED, KEEP, kNoStamp, "engine")                                      \
  X(name, TEXT, REQUIRED, KEEP, kNoStamp, "name in its engine")                            \
  X(agent_id, UUID, NONE, SET, kNoStamp, "who reported it last")                           \
  X(hostname, TEXT, NONE, SET, kNoStamp, "host")                                           \
  X(pid, INT, NONE, SET, kNoStamp, "process")                                              \
  X(concurrency, INT, NONE, SET, kNoStamp, "tasks at once")                                \
  X(queues, JSON, NONE, SET, kNoStamp, "queue names it consumes")                          \
  X(state, TEXT, REQUIRED, SET, kNoStamp, "online, offline, draining, unknown")            \
  X(last_heartbeat, TIME, NONE, MAX, kNoStamp, "latest sign of life")                      \
  X(load_average, JSON, NONE, SET, kNoStamp, "three numbers")                              \
  X(memory_bytes, INT, NONE, SET, kNoStamp, "resident memory")                             \
  X(active_tasks, INT, REQUIRED, SET, kNoStamp, "running now")                             \
  X(metadata, JSON, NONE, SET, kNoStamp, "stats, active, active_queues, registered, conf") \
  X(sort_at, TIME, REQUIRED, MAX, kNoStamp, "last_heartbeat or created_at, for paging")    \
  X(created_at, TIME, REQUIRED, MIN, kNoStamp, "first seen")                               \
  X(updated_at, TIME, REQUIRED, MAX, kNoStamp, "last change")

#define Z4J_QUEUES_COLUMNS(X)                                                        \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "derived from project, engine and name")     \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                           \
  X(engine, TEXT, REQUIRED, KEEP, kNoStamp, "engine")                                \
  X(name, TEXT, REQUIRED, KEEP, kNoStamp, "name in its engine")                      \
  X(agent_id, UUID, NONE, SET, kNoStamp, "who reported it last")                     \
  X(broker_type, TEXT, NONE, SET, kNoStamp, "redis, amqp")                           \
  X(broker_url_hint, TEXT, NONE, SET, kNoStamp, "address without user and password") \
  X(last_seen_at, TIME, NONE, MAX, kNoStamp, "latest report")                        \
  X(pending_count, INT, NONE, SET, kNoStamp, "waiting messages")                     \
  X(unacked_count, INT, NONE, SET, kNoStamp, "taken and not acknowledged")           \
  X(scheduled_count, INT, NONE, SET, kNoStamp, "waiting for their time")             \
  X(consumer_count, INT, NONE, SET, kNoStamp, "workers that consume it")             \
  X(oldest_at, TIME, NONE, SET, kNoStamp, "since when its oldest message waits")     \
  X(paused, BOOL, NONE, SET, kNoStamp, "nothing is taken from it")                   \
  X(created_at, TIME, REQUIRED, MIN, kNoStamp, "first seen")                         \
  X(updated_at, TIME, REQUIRED, MAX, kNoStamp, "last change")

#define Z4J_TASKS_COLUMNS(X)                                                                 \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "derived from project, engine and task id")          \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                                   \
  X(engine, TEXT, REQUIRED, KEEP, kNoStamp, "engine")                                        \
  X(task_id, TEXT, REQUIRED, KEEP, kNoStamp, "the engine's id")                              \
  X(name, TEXT, NONE, KEEP, kNoStamp, "task name; null: not known yet")                      \
  X(state, TEXT, NONE, LAST, state_stamp, "where it stands; null: pending")                  \
  X(finished_at, TIME, NONE, LAST, state_stamp, "end of the run that state tells of")        \
  X(runtime_ms, INT, NONE, LAST, state_stamp, "of that run")                                 \
  X(result, JSON, NONE, LAST, state_stamp, "what it returned")                               \
  X(exception, TEXT, NONE, LAST, state_stamp, "what it died of")                             \
  X(traceback, TEXT, NONE, LAST, state_stamp, "where")                                       \
  X(state_stamp, INT, NONE, MAX, kNoStamp, "order of the state columns")                     \
  X(received_at, TIME, NONE, LAST, received_stamp, "taken by a worker, latest time")         \
  X(received_stamp, INT, NONE, MAX, kNoStamp, "order of received_at")                        \
  X(args, JSON, NONE, LAST, args_stamp, "positional arguments")                              \
  X(kwargs, JSON, NONE, LAST, args_stamp, "named arguments")                                 \
  X(eta, TIME, NONE, LAST, args_stamp, "not before")                                         \
  X(args_flags, INT, NONE, LAST, args_stamp,                                                 \
    "1 args is repr, 2 kwargs is repr, 4 redacted, 8 cut")                                   \
  X(args_stamp, INT, NONE, MAX, kNoStamp, "order of the argument columns")                   \
  X(started_at, TIME, NONE, LAST, started_stamp, "latest start")                             \
  X(started_stamp, INT, NONE, MAX, kNoStamp, "order of started_at")                          \
  X(worker_name, TEXT, NONE, LAST, worker_stamp, "latest worker")                            \
  X(worker_stamp, INT, NONE, MAX, kNoStamp, "order of worker_name")                          \
  X(queue, TEXT, NONE, LAST, queue_stamp, "latest queue known")                              \
  X(queue_stamp, INT, NONE, MAX, kNoStamp, "order of queue")                                 \
  X(priority, TEXT, NONE, LAST, priority_stamp, "critical, high, normal, low; null: normal") \
  X(priority_stamp, INT, NONE, MAX, kNoStamp, "order of priority")                           \
  X(sort_at, TIME, REQUIRED, LAST, sort_stamp,                                               \
    "started, else received, else first seen; lists order by it")                            \
  X(sort_stamp, INT, NONE, MAX, kNoStamp, "order of sort_at")                                \
  X(retry_count, INT, NONE, MAX, kNoStamp, "retries so far")                                 \
  X(parent_task_id, TEXT, NONE, KEEP, kNoStamp, "the task that sent it")                     \
  X(root_task_id, TEXT, NONE, KEEP, kNoStamp, "first task of its workflow")                  \
  X(tags, JSON, NONE, KEEP, kNoStamp, "words")                                               \
  X(retry_of, TEXT, NONE, KEEP, kNoStamp, "task id that this one repeats")                   \
  X(retried_as, TEXT, NONE, SET, kNoStamp, "task id of its latest repetition")               \
  X(agent_id, UUID, NONE, KEEP, kNoStamp, "who reported it first")                           \
  X(created_at, TIME, REQUIRED, MIN, kNoStamp, "earliest event")                             \
  X(updated_at, TIME, REQUIRED, MAX, kNoStamp, "latest event")                               \
  X(reconciled_as, TEXT, NONE, SET, kNoStamp,                                                \
    "lost: no source knows it any more; null: nothing to say")                               \
  X(reconciled_at, TIME, NONE, SET, kNoStamp, "when that was found")                         \
  X(evidence, JSON, NONE, SET, kNoStamp, "what each source said then")                       \
  X(fingerprint, TEXT, NONE, LAST, failure_stamp, "error group of its latest failure")       \
  X(failure_stamp, INT, NONE, MAX, kNoStamp, "order of fingerprint")

#define Z4J_EVENTS_COLUMNS(X)                                                                      \
  X(occurred_at, TIME, REQUIRED, KEEP, kNoStamp, "when, by the reporter's clock, clamped")         \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "derived from its content: the same fact has the same id") \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                                         \
  X(agent_id, UUID, REQUIRED, KEEP, kNoStamp, "who reported it")                                   \
  X(engine, TEXT, REQUIRED, KEEP, kNoStamp, "engine")                                              \
  X(task_id, TEXT, REQUIRED, KEEP, kNoStamp, "the engine's id, or empty")                          \
  X(kind, TEXT, REQUIRED, KEEP, kNoStamp, "task.started and so on")                                \
  X(task_name, TEXT, NONE, KEEP, kNoStamp, "task name")                                            \
  X(queue, TEXT, NONE, KEEP, kNoStamp, "queue")                                                    \
  X(worker, TEXT, NONE, KEEP, kNoStamp, "worker")                                                  \
  X(attempt, INT, NONE, KEEP, kNoStamp, "1 for the first run")                                     \
  X(runtime_us, INT, NONE, KEEP, kNoStamp, "microseconds")                                         \
  X(payload, JSON, NONE, KEEP, kNoStamp, "the rest, redacted")                                     \
  X(stored_at, TIME, REQUIRED, KEEP, kNoStamp, "when we took it")

// What is counted of events and their runs, last in each roll-up. Histogram columns count runs up
// to that many seconds.
#define Z4J_RUN_COLUMNS(X)                                                                       \
  X(lane, INT, REQUIRED, KEEP, kNoStamp, "writer lane, so that lanes never wait for each other") \
  X(count, INT, REQUIRED, ADD, kNoStamp, "events")                                               \
  X(runtime_count, INT, REQUIRED, ADD, kNoStamp, "events that carried a runtime")                \
  X(runtime_sum_us, INT, REQUIRED, ADD, kNoStamp, "their sum")                                   \
  X(le_10ms, INT, REQUIRED, ADD, kNoStamp, "runs up to 0.01 s")                                  \
  X(le_50ms, INT, REQUIRED, ADD, kNoStamp, "0.01 to 0.05 s")                                     \
  X(le_100ms, INT, REQUIRED, ADD, kNoStamp, "to 0.1 s")                                          \
  X(le_250ms, INT, REQUIRED, ADD, kNoStamp, "to 0.25 s")                                         \
  X(le_500ms, INT, REQUIRED, ADD, kNoStamp, "to 0.5 s")                                          \
  X(le_1s, INT, REQUIRED, ADD, kNoStamp, "to 1 s")                                               \
  X(le_2500ms, INT, REQUIRED, ADD, kNoStamp, "to 2.5 s")                                         \
  X(le_5s, INT, REQUIRED, ADD, kNoStamp, "to 5 s")                                               \
  X(le_10s, INT, REQUIRED, ADD, kNoStamp, "to 10 s")                                             \
  X(le_30s, INT, REQUIRED, ADD, kNoStamp, "to 30 s")                                             \
  X(le_60s, INT, REQUIRED, ADD, kNoStamp, "to 60 s")                                             \
  X(le_120s, INT, REQUIRED, ADD, kNoStamp, "to 120 s")                                           \
  X(le_inf, INT, REQUIRED, ADD, kNoStamp, "longer")

// Roll-ups: one row per minute and key.
#define Z4J_TASK_MINUTES_COLUMNS(X)                                                          \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                                   \
  X(minute, TIME, REQUIRED, KEEP, kNoStamp, "start of the minute")                           \
  X(engine, TEXT, REQUIRED, KEEP, kNoStamp, "engine")                                        \
  X(task_name, TEXT, REQUIRED, KEEP, kNoStamp, "task name or empty")                         \
  X(queue, TEXT, REQUIRED, KEEP, kNoStamp, "queue or empty")                                 \
  X(worker, TEXT, REQUIRED, KEEP, kNoStamp, "always empty: workers have hours of their own") \
  X(kind, TEXT, REQUIRED, KEEP, kNoStamp, "event kind")                                      \
  Z4J_RUN_COLUMNS(X)

#define Z4J_COMMANDS_COLUMNS(X)                                                      \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "command")                                   \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                           \
  X(agent_id, UUID, NONE, SET, kNoStamp, "who carries it out")                       \
  X(issued_by, UUID, NONE, KEEP, kNoStamp, "user")                                   \
  X(action, TEXT, REQUIRED, KEEP, kNoStamp, "retry_task, cancel_task, ...")          \
  X(target_type, TEXT, REQUIRED, KEEP, kNoStamp, "task, queue, bulk, worker")        \
  X(target_id, TEXT, NONE, KEEP, kNoStamp, "ENGINE:TASK, queue, ...")                \
  X(payload, JSON, NONE, KEEP, kNoStamp, "what was asked")                           \
  X(idempotency_key, TEXT, NONE, KEEP, kNoStamp, "unique in the project when given") \
  X(payload_hash, TEXT, NONE, KEEP, kNoStamp,                                        \
    "SHA-256 of action, target and payload: the key is bound to it")                 \
  X(status, TEXT, REQUIRED, SET, kNoStamp,                                           \
    "pending, dispatched, completed, failed, timeout, cancelled")                    \
  X(result, JSON, NONE, SET, kNoStamp, "what came back, with its outcome")           \
  X(error, TEXT, NONE, SET, kNoStamp, "why it failed")                               \
  X(issued_at, TIME, REQUIRED, KEEP, kNoStamp, "asked")                              \
  X(dispatched_at, TIME, NONE, SET, kNoStamp, "sent to the agent")                   \
  X(completed_at, TIME, NONE, SET, kNoStamp, "answered")                             \
  X(timeout_at, TIME, REQUIRED, KEEP, kNoStamp, "given up after")                    \
  X(source_ip, TEXT, NONE, KEEP, kNoStamp, "client address")

#define Z4J_AUDIT_LOG_COLUMNS(X)                                                              \
  X(seq, INT, REQUIRED, KEEP, kNoStamp, "place in the chain, from 1")                         \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "entry")                                              \
  X(occurred_at, TIME, REQUIRED, KEEP, kNoStamp, "when; grows along the chain")               \
  X(action, TEXT, REQUIRED, KEEP, kNoStamp, "what was done")                                  \
  X(target_type, TEXT, REQUIRED, KEEP, kNoStamp, "to what kind of thing")                     \
  X(target_id, TEXT, NONE, KEEP, kNoStamp, "to which")                                        \
  X(result, TEXT, REQUIRED, KEEP, kNoStamp, "success, failed, denied")                        \
  X(outcome, TEXT, NONE, KEEP, kNoStamp, "allow, deny, failure, error")                       \
  X(event_id, UUID, NONE, KEEP, kNoStamp, "groups entries of one act")                        \
  X(user_id, UUID, NONE, KEEP, kNoStamp, "who")                                               \
  X(api_key_id, UUID, NONE, KEEP, kNoStamp, "with which key")                                 \
  X(project_id, UUID, NONE, KEEP, kNoStamp, "where")                                          \
  X(source_ip, TEXT, NONE, KEEP, kNoStamp, "from which address")                              \
  X(user_agent, TEXT, NONE, KEEP, kNoStamp, "with which program")                             \
  X(metadata, JSON, NONE, KEEP, kNoStamp, "more")                                             \
  X(canonical, TEXT, REQUIRED, KEEP, kNoStamp, "the text that the MAC covers, exact")         \
  X(prev_row_hmac, TEXT, NONE, KEEP, kNoStamp, "MAC of the entry before; null for the first") \
  X(row_hmac, TEXT, REQUIRED, KEEP, kNoStamp, "HMAC-SHA256 of canonical, hex")

#define Z4J_AUDIT_HEAD_COLUMNS(X)                                    \
  X(id, INT, REQUIRED, KEEP, kNoStamp, "always 1")                   \
  X(seq, INT, REQUIRED, SET, kNoStamp, "newest place, 0 when empty") \
  X(row_hmac, TEXT, NONE, SET, kNoStamp, "newest MAC")               \
  X(occurred_at, TIME, REQUIRED, SET, kNoStamp, "newest time")       \
  X(mac, TEXT, NONE, SET, kNoStamp, "HMAC-SHA256 of this row, hex: a cut tail can't be covered up")

#define Z4J_PLUGIN_OVERRIDES_COLUMNS(X)                                            \
  X(instance, TEXT, REQUIRED, KEEP, kNoStamp, "plugin instance")                   \
  X(enabled, BOOL, NONE, SET, kNoStamp, "instead of the file's; null: the file's") \
  X(settings, JSON, NONE, SET, kNoStamp, "merged over the file's; null: none")     \
  X(updated_by, UUID, NONE, SET, kNoStamp, "user")                                 \
  X(updated_at, TIME, REQUIRED, SET, kNoStamp, "last change")

#define Z4J_DEAD_LETTERS_COLUMNS(X)                                           \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "entry, sorts by time")               \
  X(project_id, UUID, NONE, KEEP, kNoStamp, "project")                        \
  X(agent_id, UUID, NONE, KEEP, kNoStamp, "who sent it")                      \
  X(reason, TEXT, REQUIRED, KEEP, kNoStamp, "why it could not be stored")     \
  X(body, TEXT, NONE, KEEP, kNoStamp, "what it was, redacted, cut at 16 KiB") \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "when")

#define Z4J_GAPS_COLUMNS(X)                                                           \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "gap")                                        \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                            \
  X(agent_id, UUID, REQUIRED, KEEP, kNoStamp, "whose sight was lost")                 \
  X(engine, TEXT, REQUIRED, KEEP, kNoStamp, "engine")                                 \
  X(from_at, TIME, REQUIRED, KEEP, kNoStamp, "last known good")                       \
  X(to_at, TIME, REQUIRED, SET, kNoStamp, "sight regained")                           \
  X(why, TEXT, NONE, SET, kNoStamp, "broker away, brain down, events dropped")        \
  X(rebuilt, INT, NONE, SET, kNoStamp, "tasks whose state was read back")             \
  X(lost, INT, NONE, SET, kNoStamp, "events known to be lost; null: nobody can know") \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "recorded")

// Coarser roll-ups, so that a month is answered from as few rows as an hour.
#define Z4J_TASK_HOURS_COLUMNS(X)                                    \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")           \
  X(hour, TIME, REQUIRED, KEEP, kNoStamp, "start of the hour")       \
  X(engine, TEXT, REQUIRED, KEEP, kNoStamp, "engine")                \
  X(task_name, TEXT, REQUIRED, KEEP, kNoStamp, "task name or empty") \
  X(queue, TEXT, REQUIRED, KEEP, kNoStamp, "queue or empty")         \
  X(kind, TEXT, REQUIRED, KEEP, kNoStamp, "event kind")              \
  Z4J_RUN_COLUMNS(X)

#define Z4J_PROJECT_SPANS_COLUMNS(X)                                        \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                  \
  X(seconds, INT, REQUIRED, KEEP, kNoStamp, "length of the span: 60, 3600") \
  X(begins, TIME, REQUIRED, KEEP, kNoStamp, "start of the span")            \
  X(kind, TEXT, REQUIRED, KEEP, kNoStamp, "event kind")                     \
  Z4J_RUN_COLUMNS(X)

#define Z4J_WORKER_HOURS_COLUMNS(X)                                                              \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                                       \
  X(hour, TIME, REQUIRED, KEEP, kNoStamp, "start of the hour")                                   \
  X(engine, TEXT, REQUIRED, KEEP, kNoStamp, "engine")                                            \
  X(worker, TEXT, REQUIRED, KEEP, kNoStamp, "worker")                                            \
  X(kind, TEXT, REQUIRED, KEEP, kNoStamp, "event kind")                                          \
  X(lane, INT, REQUIRED, KEEP, kNoStamp, "writer lane, so that lanes never wait for each other") \
  X(count, INT, REQUIRED, ADD, kNoStamp, "events")

// What several brains on one store share. Times are the store's clock.
#define Z4J_BRAINS_COLUMNS(X)                                 \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "one run of a brain") \
  X(host_name, TEXT, NONE, SET, kNoStamp, "where it runs")    \
  X(pid, INT, NONE, SET, kNoStamp, "its process there")       \
  X(version, TEXT, NONE, SET, kNoStamp, "its version")        \
  X(started_at, TIME, REQUIRED, KEEP, kNoStamp, "began")      \
  X(expires_at, TIME, REQUIRED, SET, kNoStamp, "gone, if not heard of until then")

#define Z4J_LEASES_COLUMNS(X)                                                                    \
  X(name, TEXT, REQUIRED, KEEP, kNoStamp, "work that one brain at a time does")                  \
  X(owner, UUID, NONE, SET, kNoStamp, "brain; null when it was given back")                      \
  X(fence, INT, REQUIRED, SET, kNoStamp, "grows with each taking; the holder's writes check it") \
  X(expires_at, TIME, REQUIRED, SET, kNoStamp, "anybody's after that")                           \
  X(taken_at, TIME, NONE, SET, kNoStamp, "latest taking")                                        \
  X(was_left, BOOL, NONE, SET, kNoStamp, "its holder before did not give it back")

#define Z4J_ROUTES_COLUMNS(X)                                        \
  X(agent_id, UUID, REQUIRED, KEEP, kNoStamp, "agent")               \
  X(project_id, UUID, REQUIRED, SET, kNoStamp, "project")            \
  X(engine, TEXT, REQUIRED, SET, kNoStamp, "engine")                 \
  X(brain_id, UUID, REQUIRED, SET, kNoStamp, "who holds it")         \
  X(capabilities, INT, REQUIRED, SET, kNoStamp, "Z4J_ENGINE_* bits") \
  X(is_online, BOOL, REQUIRED, SET, kNoStamp, "takes commands")      \
  X(engines, JSON, NONE, SET, kNoStamp,                              \
    "engine -> bits, of an agent with several; null: the one engine")

// Rows live from the asking to the answer: arguments in them are whole, not redacted.
#define Z4J_ENGINE_REQUESTS_COLUMNS(X)                                                   \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "request; the command's id when it is one")      \
  X(agent_id, UUID, REQUIRED, KEEP, kNoStamp, "whose engine is asked")                   \
  X(engine, TEXT, REQUIRED, KEEP, kNoStamp, "engine")                                    \
  X(what, TEXT, REQUIRED, KEEP, kNoStamp, "command, verb, waiting, facts, registry")     \
  X(verb, INT, REQUIRED, KEEP, kNoStamp, "Z4J_ENGINE_* bit, 0 for a question")           \
  X(target, TEXT, NONE, KEEP, kNoStamp, "task id, queue")                                \
  X(args, TEXT, SECRET, KEEP, kNoStamp, "arguments for the engine")                      \
  X(more, TEXT, SECRET, KEEP, kNoStamp, "what the one who stores the outcome must know") \
  X(asked_by, UUID, REQUIRED, KEEP, kNoStamp, "brain that waits for the answer")         \
  X(expires_at, TIME, REQUIRED, KEEP, kNoStamp, "nobody waits any longer")               \
  X(deadline_ms, INT, REQUIRED, KEEP, kNoStamp, "for the engine")                        \
  X(claimed_by, UUID, NONE, SET, kNoStamp, "brain that carries it out, once")            \
  X(answer, TEXT, SECRET, SET, kNoStamp, "what came of it, JSON")

// Remote agents.
#define Z4J_AGENT_WORKERS_COLUMNS(X)                                                   \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "derived from agent and worker_id")            \
  X(agent_id, UUID, REQUIRED, KEEP, kNoStamp, "agent")                                 \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                             \
  X(worker_id, TEXT, NONE, KEEP, kNoStamp, "slot; null: the only one of an old agent") \
  X(role, TEXT, NONE, SET, kNoStamp, "web, task, scheduler, beat, other")              \
  X(framework, TEXT, NONE, SET, kNoStamp, "framework it runs in")                      \
  X(pid, INT, NONE, SET, kNoStamp, "its process")                                      \
  X(started_at, TIME, NONE, SET, kNoStamp, "its start, its clock")                     \
  X(state, TEXT, REQUIRED, SET, kNoStamp, "online, offline")                           \
  X(last_seen_at, TIME, NONE, MAX, kNoStamp, "latest sign of life, our clock")         \
  X(last_connect_at, TIME, NONE, MAX, kNoStamp, "latest connect")                      \
  X(created_at, TIME, REQUIRED, MIN, kNoStamp, "first connect")                        \
  X(updated_at, TIME, REQUIRED, MAX, kNoStamp, "last change")

#define Z4J_AGENT_CONNECTIONS_COLUMNS(X)                                                       \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "the session, sorts by time")                          \
  X(agent_id, UUID, REQUIRED, KEEP, kNoStamp, "agent")                                         \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                                     \
  X(worker_id, TEXT, NONE, KEEP, kNoStamp, "slot")                                             \
  X(transport, TEXT, REQUIRED, KEEP, kNoStamp, "ws, longpoll")                                 \
  X(source_ip, TEXT, NONE, KEEP, kNoStamp, "client address")                                   \
  X(agent_version, TEXT, NONE, KEEP, kNoStamp, "what it said")                                 \
  X(brain_id, UUID, REQUIRED, KEEP, kNoStamp, "who held it")                                   \
  X(connected_at, TIME, REQUIRED, KEEP, kNoStamp, "hello was answered")                        \
  X(disconnected_at, TIME, NONE, SET, kNoStamp, "end; null: goes on, or its brain was killed") \
  X(close_code, INT, NONE, SET, kNoStamp, "of the WebSocket")                                  \
  X(reason, TEXT, NONE, SET, kNoStamp, "why it ended")

#define Z4J_AGENT_TASKS_COLUMNS(X)                                           \
  X(agent_id, UUID, REQUIRED, KEEP, kNoStamp, "agent")                       \
  X(engine, TEXT, REQUIRED, KEEP, kNoStamp, "engine")                        \
  X(name, TEXT, REQUIRED, KEEP, kNoStamp, "task name that its workers know") \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                   \
  X(workers, JSON, NONE, SET, kNoStamp, "which workers, as far as known")    \
  X(first_seen_at, TIME, REQUIRED, MIN, kNoStamp, "first told")              \
  X(last_seen_at, TIME, REQUIRED, MAX, kNoStamp, "last told")

// Cancels that must hold for workers which come later.
#define Z4J_REVOCATIONS_COLUMNS(X)                                                  \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "derived from project, engine and task id") \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                          \
  X(engine, TEXT, REQUIRED, KEEP, kNoStamp, "engine")                               \
  X(task_id, TEXT, REQUIRED, KEEP, kNoStamp, "task")                                \
  X(command_id, UUID, NONE, SET, kNoStamp, "latest cancel")                         \
  X(args, JSON, NONE, SET, kNoStamp, "of the verb")                                 \
  X(created_at, TIME, REQUIRED, MAX, kNoStamp, "latest cancel")                     \
  X(expires_at, TIME, REQUIRED, MAX, kNoStamp, "forgotten after")                   \
  X(asserted_at, TIME, NONE, MAX, kNoStamp, "latest repetition")                    \
  X(asserted, INT, REQUIRED, ADD, kNoStamp, "repetitions")

// Accounts.
#define Z4J_API_KEYS_COLUMNS(X)                                                                   \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "key")                                                    \
  X(user_id, UUID, REQUIRED, KEEP, kNoStamp, "whose")                                             \
  X(name, TEXT, REQUIRED, KEEP, kNoStamp, "what it is for")                                       \
  X(prefix, TEXT, REQUIRED, KEEP, kNoStamp, "first characters of its token")                      \
  X(token_hash, TEXT, SECRET, KEEP, kNoStamp, "keyed hash, hex")                                  \
  X(scopes, JSON, NONE, KEEP, kNoStamp, "scope names")                                            \
  X(project_id, UUID, NONE, KEEP, kNoStamp, "the one project it opens; null: all of its owner's") \
  X(allowed_ips, JSON, NONE, KEEP, kNoStamp, "networks it may come from; null: all")              \
  X(last_used_at, TIME, NONE, MAX, kNoStamp, "latest use, to the minute")                         \
  X(last_used_ip, TEXT, NONE, SET, kNoStamp, "from where")                                        \
  X(expires_at, TIME, NONE, KEEP, kNoStamp, "not accepted after")                                 \
  X(revoked_at, TIME, NONE, MIN, kNoStamp, "ended")                                               \
  X(revoked_reason, TEXT, NONE, KEEP, kNoStamp, "why")                                            \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "created")                                        \
  X(updated_at, TIME, REQUIRED, MAX, kNoStamp, "last change")

#define Z4J_PASSWORD_RESET_TOKENS_COLUMNS(X)                          \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "token")                      \
  X(user_id, UUID, REQUIRED, KEEP, kNoStamp, "whose password")        \
  X(token_hash, TEXT, SECRET, KEEP, kNoStamp, "keyed hash, hex")      \
  X(expires_at, TIME, REQUIRED, KEEP, kNoStamp, "not accepted after") \
  X(consumed_at, TIME, NONE, SET, kNoStamp, "used or voided")         \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "minted")

#define Z4J_MFA_RECOVERY_CODES_COLUMNS(X)                          \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "code")                    \
  X(user_id, UUID, REQUIRED, KEEP, kNoStamp, "whose")              \
  X(code_hash, TEXT, SECRET, KEEP, kNoStamp, "argon2id, PHC text") \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "shown")           \
  X(consumed_at, TIME, NONE, SET, kNoStamp, "used")

#define Z4J_TRUSTED_DEVICES_COLUMNS(X)                                          \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "device")                               \
  X(user_id, UUID, REQUIRED, KEEP, kNoStamp, "whose")                           \
  X(cookie_id_hash, TEXT, SECRET, KEEP, kNoStamp, "SHA-256 of its cookie, hex") \
  X(label, TEXT, REQUIRED, SET, kNoStamp, "name to show")                       \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "trusted")                      \
  X(last_seen_at, TIME, REQUIRED, MAX, kNoStamp, "latest sign-in with it")      \
  X(expires_at, TIME, REQUIRED, KEEP, kNoStamp, "not trusted after")            \
  X(revoked_at, TIME, NONE, MIN, kNoStamp, "ended")

#define Z4J_INVITATIONS_COLUMNS(X)                                            \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "invitation")                         \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "to which project")           \
  X(email, TEXT, REQUIRED, KEEP, kNoStamp, "normalised address of the guest") \
  X(role, TEXT, REQUIRED, KEEP, kNoStamp, "viewer, operator, admin")          \
  X(invited_by, UUID, NONE, KEEP, kNoStamp, "by whom")                        \
  X(token_hash, TEXT, SECRET, KEEP, kNoStamp, "keyed hash, hex")              \
  X(expires_at, TIME, REQUIRED, KEEP, kNoStamp, "not accepted after")         \
  X(accepted_at, TIME, NONE, SET, kNoStamp, "accepted")                       \
  X(accepted_by_user_id, UUID, NONE, SET, kNoStamp, "as which user")          \
  X(revoked_at, TIME, NONE, SET, kNoStamp, "taken back")                      \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "created")                    \
  X(updated_at, TIME, REQUIRED, MAX, kNoStamp, "last change")

// Notifications.
#define Z4J_NOTIFICATION_CHANNELS_COLUMNS(X)                                                    \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "channel")                                              \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                                      \
  X(name, TEXT, REQUIRED, SET, kNoStamp, "name to show")                                        \
  X(type, TEXT, REQUIRED, KEEP, kNoStamp, "email, webhook, or what a notifier plugin declares") \
  X(config, JSON, NONE, SET, kNoStamp, "settings without secrets")                              \
  X(secrets, TEXT, SECRET, SET, kNoStamp, "secret settings, sealed")                            \
  X(is_active, BOOL, REQUIRED, SET, kNoStamp, "delivers")                                       \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "created")                                      \
  X(updated_at, TIME, REQUIRED, MAX, kNoStamp, "last change")

#define Z4J_USER_CHANNELS_COLUMNS(X)                                        \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "channel")                          \
  X(user_id, UUID, REQUIRED, KEEP, kNoStamp, "whose")                       \
  X(name, TEXT, REQUIRED, SET, kNoStamp, "name to show")                    \
  X(type, TEXT, REQUIRED, KEEP, kNoStamp, "as of notification_channels")    \
  X(config, JSON, NONE, SET, kNoStamp, "settings without secrets")          \
  X(secrets, TEXT, SECRET, SET, kNoStamp, "secret settings, sealed")        \
  X(is_verified, BOOL, REQUIRED, SET, kNoStamp, "a test reached its owner") \
  X(is_active, BOOL, REQUIRED, SET, kNoStamp, "delivers")                   \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "created")                  \
  X(updated_at, TIME, REQUIRED, MAX, kNoStamp, "last change")

#define Z4J_USER_SUBSCRIPTIONS_COLUMNS(X)                                                \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "subscription")                                  \
  X(user_id, UUID, REQUIRED, KEEP, kNoStamp, "who")                                      \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "where")                                 \
  X(trigger, TEXT, REQUIRED, KEEP, kNoStamp, "of what: task.failed, ...")                \
  X(filters, JSON, NONE, SET, kNoStamp, "priority, task_name, task_name_pattern, queue") \
  X(in_app, BOOL, REQUIRED, SET, kNoStamp, "rings the bell")                             \
  X(project_channel_ids, JSON, NONE, SET, kNoStamp, "channels of the project")           \
  X(user_channel_ids, JSON, NONE, SET, kNoStamp, "channels of its own")                  \
  X(muted_until, TIME, NONE, SET, kNoStamp, "silent before")                             \
  X(cooldown_seconds, INT, REQUIRED, SET, kNoStamp, "silent after a firing")             \
  X(last_fired_at, TIME, NONE, SET, kNoStamp, "latest firing")                           \
  X(is_active, BOOL, REQUIRED, SET, kNoStamp, "fires")                                   \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "created")                               \
  X(updated_at, TIME, REQUIRED, MAX, kNoStamp, "last change")

#define Z4J_PROJECT_DEFAULT_SUBSCRIPTIONS_COLUMNS(X)                           \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "default")                             \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "where")                       \
  X(trigger, TEXT, REQUIRED, KEEP, kNoStamp, "of what")                        \
  X(filters, JSON, NONE, SET, kNoStamp, "as of user_subscriptions")            \
  X(in_app, BOOL, REQUIRED, SET, kNoStamp, "rings the bell")                   \
  X(project_channel_ids, JSON, NONE, SET, kNoStamp, "channels of the project") \
  X(cooldown_seconds, INT, REQUIRED, SET, kNoStamp, "silent after a firing")   \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "created")                     \
  X(updated_at, TIME, REQUIRED, MAX, kNoStamp, "last change")

#define Z4J_USER_NOTIFICATIONS_COLUMNS(X)                                            \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "notification")                              \
  X(user_id, UUID, REQUIRED, KEEP, kNoStamp, "for whom")                             \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "where")                             \
  X(subscription_id, UUID, NONE, KEEP, kNoStamp, "why")                              \
  X(trigger, TEXT, REQUIRED, KEEP, kNoStamp, "of what")                              \
  X(reason, TEXT, REQUIRED, KEEP, kNoStamp, "subscribed, default, mentioned")        \
  X(title, TEXT, REQUIRED, KEEP, kNoStamp, "one line")                               \
  X(body, TEXT, NONE, KEEP, kNoStamp, "a few more")                                  \
  X(data, JSON, NONE, KEEP, kNoStamp, "task_id, task_name, engine, queue, priority") \
  X(read_at, TIME, NONE, SET, kNoStamp, "read")                                      \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "rang")

// Messages on their way out. A row goes when its delivery is written.
#define Z4J_OUTBOX_COLUMNS(X)                                                                  \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "message, and the delivery that it becomes")           \
  X(project_id, UUID, NONE, KEEP, kNoStamp, "project")                                         \
  X(subscription_id, UUID, NONE, KEEP, kNoStamp, "why")                                        \
  X(channel_id, UUID, NONE, KEEP, kNoStamp, "channel of the project")                          \
  X(user_channel_id, UUID, NONE, KEEP, kNoStamp, "channel of a user")                          \
  X(user_id, UUID, NONE, KEEP, kNoStamp, "whose subscription or mail")                         \
  X(trigger, TEXT, REQUIRED, KEEP, kNoStamp, "of what")                                        \
  X(task_id, TEXT, NONE, KEEP, kNoStamp, "task")                                               \
  X(task_name, TEXT, NONE, KEEP, kNoStamp, "its name")                                         \
  X(channel_name, TEXT, NONE, KEEP, kNoStamp, "its name then")                                 \
  X(channel_type, TEXT, NONE, KEEP, kNoStamp, "its type")                                      \
  X(message, TEXT, SECRET, KEEP, kNoStamp, "what is sent, sealed: it may hold one-time links") \
  X(attempts, INT, REQUIRED, SET, kNoStamp, "tries so far")                                    \
  X(next_attempt_at, TIME, REQUIRED, SET, kNoStamp,                                            \
    "not before; a try holds it by moving this on")                                            \
  X(expires_at, TIME, REQUIRED, KEEP, kNoStamp, "given up after")                              \
  X(last_error, TEXT, NONE, SET, kNoStamp, "of the latest try")                                \
  X(response_code, INT, NONE, SET, kNoStamp, "of the latest try")                              \
  X(triggered_by_user_id, UUID, NONE, KEEP, kNoStamp, "who asked, of a test")                  \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "queued")

#define Z4J_NOTIFICATION_DELIVERIES_COLUMNS(X)                                \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "delivery")                           \
  X(project_id, UUID, NONE, KEEP, kNoStamp, "project")                        \
  X(subscription_id, UUID, NONE, KEEP, kNoStamp, "why")                       \
  X(channel_id, UUID, NONE, KEEP, kNoStamp, "channel of the project")         \
  X(user_channel_id, UUID, NONE, KEEP, kNoStamp, "channel of a user")         \
  X(user_id, UUID, NONE, KEEP, kNoStamp, "whose subscription or mail")        \
  X(trigger, TEXT, REQUIRED, KEEP, kNoStamp, "of what")                       \
  X(task_id, TEXT, NONE, KEEP, kNoStamp, "task")                              \
  X(task_name, TEXT, NONE, KEEP, kNoStamp, "its name")                        \
  X(channel_name, TEXT, NONE, KEEP, kNoStamp, "its name then")                \
  X(channel_type, TEXT, NONE, KEEP, kNoStamp, "its type")                     \
  X(status, TEXT, REQUIRED, SET, kNoStamp, "sent, failed, skipped")           \
  X(response_code, INT, NONE, SET, kNoStamp, "what the other side said")      \
  X(response_body, TEXT, NONE, SET, kNoStamp, "its words, cut and cleaned")   \
  X(error, TEXT, NONE, SET, kNoStamp, "what went wrong")                      \
  X(attempts, INT, NONE, SET, kNoStamp, "tries")                              \
  X(triggered_by_user_id, UUID, NONE, KEEP, kNoStamp, "who asked, of a test") \
  X(sent_at, TIME, REQUIRED, SET, kNoStamp, "end")

// The audit log as a Merkle tree (RFC 6962), in tiles of 256 hashes.
#define Z4J_AUDIT_TILES_COLUMNS(X)                                                                 \
  X(level, INT, REQUIRED, KEEP, kNoStamp, "0: hashes of entries, n: of full tiles one level down") \
  X(number, INT, REQUIRED, KEEP, kNoStamp, "place in its level, from 0")                           \
  X(width, INT, REQUIRED, MAX, kNoStamp, "hashes in it, at most 256")                              \
  X(hashes, TEXT, REQUIRED, SET, kNoStamp, "SHA-256, hex, one after another")

#define Z4J_AUDIT_CHECKPOINTS_COLUMNS(X)                                                           \
  X(size, INT, REQUIRED, KEEP, kNoStamp, "entries covered")                                        \
  X(root_hash, TEXT, REQUIRED, KEEP, kNoStamp, "root of the tree of them, base64")                 \
  X(note, TEXT, REQUIRED, SET, kNoStamp, "signed note (C2SP tlog-checkpoint), with co-signatures") \
  X(is_witnessed, BOOL, REQUIRED, SET, kNoStamp, "a witness has co-signed")                        \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "signed")

// Entries that retention took: their hashes stay in audit_tiles.
#define Z4J_AUDIT_PRUNES_COLUMNS(X)                                                \
  X(last_seq, INT, REQUIRED, KEEP, kNoStamp, "newest place whose entry is gone")   \
  X(first_seq, INT, REQUIRED, KEEP, kNoStamp, "oldest of this pass")               \
  X(last_row_hmac, TEXT, REQUIRED, KEEP, kNoStamp, "MAC of the entry at last_seq") \
  X(cutoff, TIME, REQUIRED, KEEP, kNoStamp, "older ones went")                     \
  X(pruned_at, TIME, REQUIRED, KEEP, kNoStamp, "when")                             \
  X(mac, TEXT, REQUIRED, KEEP, kNoStamp, "HMAC-SHA256 of this row, hex")

#define Z4J_AUDIT_BREAKS_COLUMNS(X)                                        \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "acknowledgement")                 \
  X(row_id, UUID, NONE, KEEP, kNoStamp, "entry where the chain is broken") \
  X(seq, INT, NONE, KEEP, kNoStamp, "its place")                           \
  X(reason, TEXT, REQUIRED, KEEP, kNoStamp, "as verification names it")    \
  X(note, TEXT, NONE, KEEP, kNoStamp, "what is known of it")               \
  X(acknowledged_by, UUID, NONE, KEEP, kNoStamp, "who")                    \
  X(acknowledged_at, TIME, REQUIRED, KEEP, kNoStamp, "when")               \
  X(mac, TEXT, REQUIRED, KEEP, kNoStamp, "HMAC-SHA256 of this row, hex")

#define Z4J_AUDIT_CURSORS_COLUMNS(X)                                         \
  X(sink, TEXT, REQUIRED, KEEP, kNoStamp, "syslog, webhook, ...")            \
  X(seq, INT, REQUIRED, SET, kNoStamp, "newest place that it has")           \
  X(blocked_since, TIME, NONE, SET, kNoStamp, "since when it takes nothing") \
  X(last_error, TEXT, NONE, SET, kNoStamp, "why")                            \
  X(updated_at, TIME, REQUIRED, SET, kNoStamp, "latest step")

// Actions on many tasks. What a selection means is frozen when it is made.
#define Z4J_SELECTIONS_COLUMNS(X)                                                             \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "selection")                                          \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                                    \
  X(created_by, UUID, NONE, KEEP, kNoStamp, "user")                                           \
  X(action, TEXT, REQUIRED, KEEP, kNoStamp, "what it is meant for: retry, cancel, ...")       \
  X(filter, JSON, NONE, KEEP, kNoStamp, "what was asked for")                                 \
  X(state, TEXT, REQUIRED, SET, kNoStamp, "building, ready, used, failed")                    \
  X(total, INT, REQUIRED, SET, kNoStamp, "tasks in it")                                       \
  X(summary, JSON, NONE, SET, kNoStamp, "split by task and queue, ends, samples, exclusions") \
  X(error, TEXT, NONE, SET, kNoStamp, "why it could not be built")                            \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "asked")                                      \
  X(built_at, TIME, NONE, SET, kNoStamp, "frozen")                                            \
  X(expires_at, TIME, REQUIRED, SET, kNoStamp, "forgotten after")

#define Z4J_SELECTION_ITEMS_COLUMNS(X)                                                            \
  X(selection_id, UUID, REQUIRED, KEEP, kNoStamp, "selection")                                    \
  X(number, INT, REQUIRED, KEEP, kNoStamp, "place in it, from 0")                                 \
  X(engine, TEXT, REQUIRED, KEEP, kNoStamp, "engine")                                             \
  X(task_id, TEXT, REQUIRED, KEEP, kNoStamp, "the engine's id")                                   \
  X(task_name, TEXT, NONE, KEEP, kNoStamp, "its name then")                                       \
  X(queue, TEXT, NONE, KEEP, kNoStamp, "its queue then")                                          \
  X(state, TEXT, NONE, KEEP, kNoStamp, "its state then; null: pending")                           \
  X(exclusion, TEXT, NONE, KEEP, kNoStamp, "why nothing will be done to it")                      \
  X(outcome, TEXT, NONE, SET, kNoStamp,                                                           \
    "done, sent, refused, unknown, changed, started: tried and not answered yet; null: its turn " \
    "has not come")                                                                               \
  X(reason, TEXT, NONE, SET, kNoStamp, "why")                                                     \
  X(new_task_id, TEXT, NONE, SET, kNoStamp, "task that repeats it")                               \
  X(finished_at, TIME, NONE, SET, kNoStamp, "when that was known")

#define Z4J_BULK_JOBS_COLUMNS(X)                                                               \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "job")                                                 \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                                     \
  X(selection_id, UUID, REQUIRED, KEEP, kNoStamp, "what it works off")                         \
  X(command_id, UUID, NONE, SET, kNoStamp, "command that stands for it")                       \
  X(created_by, UUID, NONE, KEEP, kNoStamp, "user")                                            \
  X(source_ip, TEXT, NONE, KEEP, kNoStamp, "client address")                                   \
  X(action, TEXT, REQUIRED, KEEP, kNoStamp, "retry, cancel, ...")                              \
  X(params, JSON, NONE, KEEP, kNoStamp, "what each item gets")                                 \
  X(agent_id, UUID, NONE, KEEP, kNoStamp, "who carries it out; null: who can")                 \
  X(state, TEXT, REQUIRED, SET, kNoStamp, "waiting, running, paused, cancelled, done, failed") \
  X(rate_per_second, REAL, NONE, SET, kNoStamp, "at most so many; null: no limit")             \
  X(next_number, INT, REQUIRED, MAX, kNoStamp, "place of the first item not tried")            \
  X(total, INT, REQUIRED, SET, kNoStamp, "items")                                              \
  X(done, INT, REQUIRED, ADD, kNoStamp, "verified")                                            \
  X(sent, INT, REQUIRED, ADD, kNoStamp, "published, not confirmed")                            \
  X(refused, INT, REQUIRED, ADD, kNoStamp, "nothing was changed")                              \
  X(unknown, INT, REQUIRED, ADD, kNoStamp, "may have happened")                                \
  X(changed, INT, REQUIRED, ADD, kNoStamp, "left alone: not as it was previewed")              \
  X(error, TEXT, NONE, SET, kNoStamp, "why it stopped")                                        \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "asked")                                       \
  X(started_at, TIME, NONE, KEEP, kNoStamp, "first item")                                      \
  X(finished_at, TIME, NONE, SET, kNoStamp, "end")                                             \
  X(updated_at, TIME, REQUIRED, MAX, kNoStamp, "last change")

// What purges took, kept for a while.
#define Z4J_QUEUE_COPIES_COLUMNS(X)                                                               \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "copy")                                                   \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                                        \
  X(engine, TEXT, REQUIRED, KEEP, kNoStamp, "engine")                                             \
  X(queue, TEXT, REQUIRED, KEEP, kNoStamp, "queue")                                               \
  X(agent_id, UUID, REQUIRED, KEEP, kNoStamp, "who purged it")                                    \
  X(command_id, UUID, NONE, SET, kNoStamp, "purge")                                               \
  X(created_by, UUID, NONE, KEEP, kNoStamp, "user")                                               \
  X(state, TEXT, REQUIRED, SET, kNoStamp, "copying, kept, restoring, restored, expired, failed")  \
  X(messages, INT, REQUIRED, ADD, kNoStamp, "messages in it")                                     \
  X(bytes, INT, REQUIRED, ADD, kNoStamp, "their size")                                            \
  X(restored, INT, REQUIRED, ADD, kNoStamp, "messages put back")                                  \
  X(untouched, JSON, NONE, SET, kNoStamp, "what the purge did not reach: unacked, reserved, ...") \
  X(cursor, TEXT, NONE, SET, kNoStamp, "where copying or restoring stands")                       \
  X(error, TEXT, NONE, SET, kNoStamp, "why it failed")                                            \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "purged")                                         \
  X(expires_at, TIME, REQUIRED, SET, kNoStamp, "destroyed after")                                 \
  X(restored_at, TIME, NONE, SET, kNoStamp, "put back")                                           \
  X(updated_at, TIME, REQUIRED, MAX, kNoStamp, "last change")

#define Z4J_QUEUE_COPY_PARTS_COLUMNS(X)                           \
  X(copy_id, UUID, REQUIRED, KEEP, kNoStamp, "copy")              \
  X(number, INT, REQUIRED, KEEP, kNoStamp, "place in it, from 0") \
  X(messages, INT, REQUIRED, KEEP, kNoStamp, "messages in it")    \
  X(body, TEXT, SECRET, KEEP, kNoStamp, "the messages, sealed")   \
  X(restored_at, TIME, NONE, SET, kNoStamp, "put back")

// A worker that vanished, as it was last seen.
#define Z4J_WORKER_LOSSES_COLUMNS(X)                                                         \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "derived from the worker and its last sign of life") \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                                   \
  X(engine, TEXT, REQUIRED, KEEP, kNoStamp, "engine")                                        \
  X(worker, TEXT, REQUIRED, KEEP, kNoStamp, "worker")                                        \
  X(hostname, TEXT, NONE, KEEP, kNoStamp, "host")                                            \
  X(pid, INT, NONE, KEEP, kNoStamp, "process")                                               \
  X(last_heartbeat, TIME, REQUIRED, KEEP, kNoStamp, "last sign of life")                     \
  X(noticed_at, TIME, REQUIRED, KEEP, kNoStamp, "found missing")                             \
  X(facts, JSON, NONE, SET, kNoStamp, "load, memory, queues, neighbours on the host")        \
  X(tasks, JSON, NONE, SET, kNoStamp, "tasks in hand: id, name, age, what to do with each")  \
  X(task_count, INT, REQUIRED, SET, kNoStamp, "tasks in hand, also those not listed")        \
  X(verdict, TEXT, NONE, SET, kNoStamp, "what most likely happened")                         \
  X(returned_at, TIME, NONE, SET, kNoStamp, "came back")                                     \
  X(closed_at, TIME, NONE, SET, kNoStamp, "seen to")                                         \
  X(closed_by, UUID, NONE, SET, kNoStamp, "by whom")

// What operators wished of workers, said again to those that come later.
#define Z4J_WORKER_WISHES_COLUMNS(X)                                                       \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "derived from the next five columns")              \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                                 \
  X(engine, TEXT, REQUIRED, KEEP, kNoStamp, "engine")                                      \
  X(kind, TEXT, REQUIRED, KEEP, kNoStamp, "rate_limit, time_limit, pause, consumer, pool") \
  X(target, TEXT, REQUIRED, KEEP, kNoStamp, "task name or queue, or empty")                \
  X(worker, TEXT, REQUIRED, KEEP, kNoStamp, "worker, or empty: all of them")               \
  X(args, JSON, NONE, SET, kNoStamp, "of the verb")                                        \
  X(command_id, UUID, NONE, SET, kNoStamp, "latest command")                               \
  X(asserted_at, TIME, NONE, MAX, kNoStamp, "latest repetition")                           \
  X(asserted, INT, REQUIRED, ADD, kNoStamp, "repetitions")                                 \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "first wished")                            \
  X(updated_at, TIME, REQUIRED, MAX, kNoStamp, "latest wish")

// Schedules, our own and those that a backend elsewhere keeps.
#define Z4J_SCHEDULES_COLUMNS(X)                                                                   \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "schedule")                                                \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                                         \
  X(scheduler, TEXT, REQUIRED, KEEP, kNoStamp, "z4j-scheduler, celery-beat, ...")                  \
  X(owner, TEXT, REQUIRED, KEEP, kNoStamp,                                                         \
    "plugin instance or agent that has it; empty: this table")                                     \
  X(name, TEXT, REQUIRED, KEEP, kNoStamp, "name in its scheduler")                                 \
  X(engine, TEXT, REQUIRED, SET, kNoStamp, "engine that runs the task")                            \
  X(task_name, TEXT, REQUIRED, SET, kNoStamp, "task")                                              \
  X(kind, TEXT, REQUIRED, SET, kNoStamp, "cron, interval, clocked, solar")                         \
  X(expression, TEXT, REQUIRED, SET, kNoStamp, "when, in the words of its kind")                   \
  X(timezone, TEXT, REQUIRED, SET, kNoStamp, "IANA zone")                                          \
  X(queue, TEXT, NONE, SET, kNoStamp, "queue; null: the engine's default")                         \
  X(priority, TEXT, REQUIRED, SET, kNoStamp, "critical, high, normal, low")                        \
  X(args, JSON, NONE, SET, kNoStamp, "positional arguments")                                       \
  X(kwargs, JSON, NONE, SET, kNoStamp, "named arguments")                                          \
  X(is_enabled, BOOL, REQUIRED, SET, kNoStamp, "fires")                                            \
  X(catch_up, TEXT, REQUIRED, SET, kNoStamp,                                                       \
    "of missed times: skip, fire_one_missed, fire_all_missed")                                     \
  X(source, TEXT, REQUIRED, SET, kNoStamp, "dashboard, imported, agent, ...")                      \
  X(source_hash, TEXT, NONE, SET, kNoStamp, "what its source looked like")                         \
  X(external_id, TEXT, NONE, SET, kNoStamp, "the backend's id")                                    \
  X(last_run_at, TIME, NONE, SET, kNoStamp, "latest fire")                                         \
  X(next_run_at, TIME, NONE, SET, kNoStamp, "next due time; null: none")                           \
  X(total_runs, INT, REQUIRED, SET, kNoStamp, "fires so far")                                      \
  X(last_fire_id, UUID, NONE, SET, kNoStamp, "latest fire of ours")                                \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "created")                                         \
  X(updated_at, TIME, REQUIRED, SET, kNoStamp, "last change, not counting fires")                  \
  X(revision, INT, REQUIRED, SET, kNoStamp,                                                        \
    "grows with each change; a fire says which one it saw")                                        \
  X(is_planned, BOOL, REQUIRED, SET, kNoStamp, "next_run_at belongs to this revision")             \
  X(description, TEXT, NONE, SET, kNoStamp, "what it is for")                                      \
  X(options, JSON, NONE, SET, kNoStamp, "what only its backend knows: headers, routing, ...")      \
  X(starts_at, TIME, NONE, SET, kNoStamp, "not before")                                            \
  X(ends_at, TIME, NONE, SET, kNoStamp, "not after")                                               \
  X(catch_up_limit, INT, NONE, SET, kNoStamp, "of fire_all_missed: at most so many")               \
  X(catch_up_deadline_seconds, INT, NONE, SET, kNoStamp, "a time missed by more is forgotten")     \
  X(jitter_seconds, INT, NONE, SET, kNoStamp, "fires up to so much later")                         \
  X(overlap, TEXT, NONE, SET, kNoStamp, "while the last run goes on: allow, skip; null: allow")    \
  X(max_failures, INT, NONE, SET, kNoStamp,                                                        \
    "switched off after so many in a row; null: the default, 0: never")                            \
  X(failures, INT, REQUIRED, SET, kNoStamp, "failed runs in a row")                                \
  X(stopped_why, TEXT, NONE, SET, kNoStamp,                                                        \
    "switched off by itself: failures, ended, once, archived")                                     \
  X(read_only, BOOL, REQUIRED, SET, kNoStamp, "can't be edited from here")                         \
  X(read_only_reason, TEXT, NONE, SET, kNoStamp, "why")                                            \
  X(capabilities, JSON, NONE, SET, kNoStamp, "what can be done: update, delete, enable, trigger")  \
  X(etag, TEXT, NONE, SET, kNoStamp, "the backend's version of it")                                \
  X(pending, JSON, NONE, SET, kNoStamp,                                                            \
    "edit that the backend has not confirmed: what, since, why not")                               \
  X(drift, JSON, NONE, SET, kNoStamp, "what the backend has that is not as it was asked for here") \
  X(agent_id, UUID, NONE, SET, kNoStamp, "agent that told of it")                                  \
  X(seen_at, TIME, NONE, MAX, kNoStamp, "the backend last showed it")

#define Z4J_SCHEDULE_FIRES_COLUMNS(X)                                                              \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "fire; derived from schedule and due time unless by hand") \
  X(schedule_id, UUID, REQUIRED, KEEP, kNoStamp, "schedule")                                       \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                                         \
  X(command_id, UUID, NONE, SET, kNoStamp, "command that it became")                               \
  X(status, TEXT, REQUIRED, SET, kNoStamp,                                                         \
    "pending, delivered, buffered, skipped, acked_success, acked_failed, failed")                  \
  X(reason, TEXT, REQUIRED, KEEP, kNoStamp, "due, catch_up, trigger")                              \
  X(scheduled_for, TIME, REQUIRED, KEEP, kNoStamp, "due time")                                     \
  X(fired_at, TIME, REQUIRED, KEEP, kNoStamp, "when it was fired")                                 \
  X(acked_at, TIME, NONE, SET, kNoStamp, "when the engine had taken it")                           \
  X(latency_ms, INT, NONE, SET, kNoStamp, "fired after its due time")                              \
  X(error_code, TEXT, NONE, SET, kNoStamp, "why not")                                              \
  X(error_message, TEXT, NONE, SET, kNoStamp, "the same for people")                               \
  X(engine, TEXT, REQUIRED, KEEP, kNoStamp, "engine")                                              \
  X(task_id, TEXT, NONE, SET, kNoStamp, "task that it became")                                     \
  X(task_state, TEXT, NONE, SET, kNoStamp, "how that ended")                                       \
  X(created_by, UUID, NONE, KEEP, kNoStamp, "who triggered it")

// Streams of schedules that remote agents send, one per agent and scheduler.
#define Z4J_SCHEDULE_STREAMS_COLUMNS(X)                                               \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "stream; derived from agent and scheduler")   \
  X(agent_id, UUID, REQUIRED, KEEP, kNoStamp, "agent")                                \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                            \
  X(scheduler, TEXT, REQUIRED, KEEP, kNoStamp, "scheduler")                           \
  X(epoch_uuid, UUID, REQUIRED, SET, kNoStamp, "of the agent's process")              \
  X(epoch_number, INT, REQUIRED, SET, kNoStamp, "grows with each process")            \
  X(adapter_instance_id, TEXT, REQUIRED, SET, kNoStamp, "process as we named it")     \
  X(sequence, INT, REQUIRED, SET, kNoStamp, "newest that was accepted in this epoch") \
  X(snapshot_digest, TEXT, NONE, SET, kNoStamp, "of it")                              \
  X(updated_at, TIME, REQUIRED, SET, kNoStamp, "last change")

// Entries of the audit log that lost what they told of a person.
#define Z4J_AUDIT_ERASURES_COLUMNS(X)                                                         \
  X(seq, INT, REQUIRED, KEEP, kNoStamp, "place of the entry")                                 \
  X(leaf, TEXT, REQUIRED, KEEP, kNoStamp, "hash that its whole text has in the tree, base64") \
  X(erased_at, TIME, REQUIRED, KEEP, kNoStamp, "when")                                        \
  X(mac, TEXT, REQUIRED, KEEP, kNoStamp, "HMAC-SHA256 of this row and of what is left, hex")

// People whose data the audit log still tells; a row goes when nothing is left.
#define Z4J_ERASURES_COLUMNS(X)                                                       \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "the user who was deleted")                   \
  X(requested_at, TIME, REQUIRED, KEEP, kNoStamp, "when")                             \
  X(words, JSON, REQUIRED, KEEP, kNoStamp, "email and names that entries may hold")   \
  X(next_seq, INT, REQUIRED, SET, kNoStamp, "place of the audit log to look at next") \
  X(entries, INT, REQUIRED, SET, kNoStamp, "entries that lost something so far")

// Groups of errors: failures that look alike. One row per group and writer lane.
#define Z4J_ERROR_GROUPS_COLUMNS(X)                                                              \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                                       \
  X(fingerprint, TEXT, REQUIRED, KEEP, kNoStamp, "16 hex digits; see core/fingerprint.hpp")      \
  X(lane, INT, REQUIRED, KEEP, kNoStamp, "writer lane, so that lanes never wait for each other") \
  X(first_seen_at, TIME, REQUIRED, MIN, kNoStamp, "earliest failure")                            \
  X(last_seen_at, TIME, REQUIRED, MAX, kNoStamp, "latest failure, which the rest tells of")      \
  X(exception, TEXT, NONE, LAST, last_seen_at, "type of the exception")                          \
  X(message, TEXT, NONE, LAST, last_seen_at, "what it said, cut")                                \
  X(traceback, TEXT, NONE, LAST, last_seen_at, "where, cut at the front")                        \
  X(engine, TEXT, NONE, LAST, last_seen_at, "engine of the sample")                              \
  X(task_id, TEXT, NONE, LAST, last_seen_at, "task that is the sample")

#define Z4J_ERROR_HOURS_COLUMNS(X)                                                               \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                                       \
  X(hour, TIME, REQUIRED, KEEP, kNoStamp, "start of the hour")                                   \
  X(fingerprint, TEXT, REQUIRED, KEEP, kNoStamp, "group")                                        \
  X(task_name, TEXT, REQUIRED, KEEP, kNoStamp, "task name or empty")                             \
  X(queue, TEXT, REQUIRED, KEEP, kNoStamp, "queue or empty")                                     \
  X(lane, INT, REQUIRED, KEEP, kNoStamp, "writer lane, so that lanes never wait for each other") \
  X(count, INT, REQUIRED, ADD, kNoStamp, "failures, and retries after an exception")

// Queries of lists under names that people gave them.
#define Z4J_SAVED_VIEWS_COLUMNS(X)                                                  \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "view")                                     \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")                          \
  X(user_id, UUID, REQUIRED, KEEP, kNoStamp, "whose")                               \
  X(screen, TEXT, REQUIRED, KEEP, kNoStamp, "list that it is of: tasks, ...")       \
  X(name, TEXT, REQUIRED, KEEP, kNoStamp, "name, one per person and list")          \
  X(query, TEXT, REQUIRED, KEEP, kNoStamp, "query of the list's address")           \
  X(is_shared, BOOL, REQUIRED, KEEP, kNoStamp, "all members of the project see it") \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "saved")

// When something new went out, as people and pipelines tell it.
#define Z4J_DEPLOYS_COLUMNS(X)                                      \
  X(id, UUID, REQUIRED, KEEP, kNoStamp, "deploy")                   \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")          \
  X(at, TIME, REQUIRED, KEEP, kNoStamp, "when it went out")         \
  X(label, TEXT, REQUIRED, KEEP, kNoStamp, "version, or what else") \
  X(note, TEXT, NONE, KEEP, kNoStamp, "what is new")                \
  X(created_by, UUID, NONE, KEEP, kNoStamp, "who told")             \
  X(created_at, TIME, REQUIRED, KEEP, kNoStamp, "told")

// How deep queues were, by the minute; see core/queue_depths.hpp.
#define Z4J_QUEUE_MINUTES_COLUMNS(X)                                 \
  X(project_id, UUID, REQUIRED, KEEP, kNoStamp, "project")           \
  X(queue_id, UUID, REQUIRED, KEEP, kNoStamp, "queue")               \
  X(minute, TIME, REQUIRED, KEEP, kNoStamp, "start of the minute")   \
  X(pending, INT, REQUIRED, SET, kNoStamp, "waiting messages")       \
  X(unacked, INT, NONE, SET, kNoStamp, "taken and not acknowledged") \
  X(oldest_s, INT, NONE, SET, kNoStamp, "seconds that its oldest message waited")

// Counted up by every brain that asked the instance.
#define Z4J_PLUGIN_CAPABILITIES_COLUMNS(X)                                               \
  X(instance, TEXT, REQUIRED, KEEP, kNoStamp, "plugin instance")                         \
  X(plugin_id, TEXT, REQUIRED, KEEP, kNoStamp, "whose it is")                            \
  X(version, TEXT, REQUIRED, KEEP, kNoStamp, "of the plugin")                            \
  X(kind, TEXT, REQUIRED, KEEP, kNoStamp, "engine, scheduler, notifier, http")           \
  X(name, TEXT, REQUIRED, KEEP, kNoStamp, "what was asked for")                          \
  X(done, INT, REQUIRED, ADD, kNoStamp, "times it was done")                             \
  X(sent, INT, REQUIRED, ADD, kNoStamp, "times it was sent, and nobody can confirm it")  \
  X(refused, INT, REQUIRED, ADD, kNoStamp, "times nothing was done, as the plugin said") \
  X(unsupported, INT, REQUIRED, ADD, kNoStamp, "times it was answered as unsupported")   \
  X(unknown, INT, REQUIRED, ADD, kNoStamp, "times it may have happened")                 \
  X(failed, INT, REQUIRED, ADD, kNoStamp, "times it failed")                             \
  X(undeclared, INT, REQUIRED, ADD, kNoStamp, "calls that served it while not declared") \
  X(first_at, TIME, NONE, MIN, kNoStamp, "first seen")                                   \
  X(last_at, TIME, NONE, MAX, kNoStamp, "last seen")                                     \
  X(last_outcome, TEXT, NONE, LAST, last_at, "how it ended then")                        \
  X(last_code, TEXT, NONE, LAST, last_at, "the plugin's code then")                      \
  X(last_text, TEXT, NONE, LAST, last_at, "its words then, redacted, cut")

// The tables in their order.
#define Z4J_TABLES(T)                                             \
  T(meta, META)                                                   \
  T(users, USERS)                                                 \
  T(sessions, SESSIONS)                                           \
  T(first_boot_tokens, FIRST_BOOT_TOKENS)                         \
  T(projects, PROJECTS)                                           \
  T(memberships, MEMBERSHIPS)                                     \
  T(agents, AGENTS)                                               \
  T(workers, WORKERS)                                             \
  T(queues, QUEUES)                                               \
  T(tasks, TASKS)                                                 \
  T(events, EVENTS)                                               \
  T(task_minutes, TASK_MINUTES)                                   \
  T(commands, COMMANDS)                                           \
  T(audit_log, AUDIT_LOG)                                         \
  T(audit_head, AUDIT_HEAD)                                       \
  T(plugin_overrides, PLUGIN_OVERRIDES)                           \
  T(dead_letters, DEAD_LETTERS)                                   \
  T(gaps, GAPS)                                                   \
  T(task_hours, TASK_HOURS)                                       \
  T(project_spans, PROJECT_SPANS)                                 \
  T(worker_hours, WORKER_HOURS)                                   \
  T(brains, BRAINS)                                               \
  T(leases, LEASES)                                               \
  T(routes, ROUTES)                                               \
  T(engine_requests, ENGINE_REQUESTS)                             \
  T(agent_workers, AGENT_WORKERS)                                 \
  T(agent_connections, AGENT_CONNECTIONS)                         \
  T(agent_tasks, AGENT_TASKS)                                     \
  T(revocations, REVOCATIONS)                                     \
  T(api_keys, API_KEYS)                                           \
  T(password_reset_tokens, PASSWORD_RESET_TOKENS)                 \
  T(mfa_recovery_codes, MFA_RECOVERY_CODES)                       \
  T(trusted_devices, TRUSTED_DEVICES)                             \
  T(invitations, INVITATIONS)                                     \
  T(notification_channels, NOTIFICATION_CHANNELS)                 \
  T(user_channels, USER_CHANNELS)                                 \
  T(user_subscriptions, USER_SUBSCRIPTIONS)                       \
  T(project_default_subscriptions, PROJECT_DEFAULT_SUBSCRIPTIONS) \
  T(user_notifications, USER_NOTIFICATIONS)                       \
  T(outbox, OUTBOX)                                               \
  T(notification_deliveries, NOTIFICATION_DELIVERIES)             \
  T(audit_tiles, AUDIT_TILES)                                     \
  T(audit_checkpoints, AUDIT_CHECKPOINTS)                         \
  T(audit_prunes, AUDIT_PRUNES)                                   \
  T(audit_breaks, AUDIT_BREAKS)                                   \
  T(audit_cursors, AUDIT_CURSORS)                                 \
  T(selections, SELECTIONS)                                       \
  T(selection_items, SELECTION_ITEMS)                             \
  T(bulk_jobs, BULK_JOBS)                                         \
  T(queue_copies, QUEUE_COPIES)                                   \
  T(queue_copy_parts, QUEUE_COPY_PARTS)                           \
  T(worker_losses, WORKER_LOSSES)                                 \
  T(worker_wishes, WORKER_WISHES)                                 \
  T(schedules, SCHEDULES)                                         \
  T(schedule_fires, SCHEDULE_FIRES)                               \
  T(schedule_streams, SCHEDULE_STREAMS)                           \
  T(audit_erasures, AUDIT_ERASURES)                               \
  T(erasures, ERASURES)                                           \
  T(error_groups, ERROR_GROUPS)                                   \
  T(error_hours, ERROR_HOURS)                                     \
  T(saved_views, SAVED_VIEWS)                                     \
  T(deploys, DEPLOYS)                                             \
  T(queue_minutes, QUEUE_MINUTES)                                 \
  T(plugin_capabilities, PLUGIN_CAPABILITIES)

// Table numbers: Table::tasks; column numbers: tasks::state.
enum class Table : std::uint16_t {
#define Z4J_ENUM_TABLE(name, Name) name,
  Z4J_TABLES(Z4J_ENUM_TABLE)
#undef Z4J_ENUM_TABLE
};

#define Z4J_ENUM_COLUMN(name, type, flags, merge, stamp, comment) name,
#define Z4J_COLUMN_ENUM(table, Name)                                                  \
  namespace table {                                                                   \
  enum Column : std::uint16_t { Z4J_##Name##_COLUMNS(Z4J_ENUM_COLUMN) kColumnCount }; \
  inline constexpr Table kTable = Table::table;                                       \
  }
Z4J_TABLES(Z4J_COLUMN_ENUM)
#undef Z4J_COLUMN_ENUM
#undef Z4J_ENUM_COLUMN

// The declaration as drivers take it; lives as long as the process.
[[nodiscard]] const z4j_schema& schema();
[[nodiscard]] const z4j_table& table(Table t);

}  // namespace z4j::model
