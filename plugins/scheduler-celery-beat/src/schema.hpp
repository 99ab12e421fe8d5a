// The config schema of the plugin; a literal, since the descriptor needs it at compile time.
#pragma once

// clang-format off
#define Z4J_SCHEDULER_CELERY_BEAT_SCHEMA                                                                              \
  R"({"type":"object","required":["store"],"additionalProperties":false,"properties":{)"                              \
  R"("store":{"type":"string","enum":["django","redbeat","persistent"],"description":)"                               \
  R"("where this beat keeps its schedules: django-celery-beat's tables, RedBeat's keys, or the file of the )"         \
  R"(PersistentScheduler"},)"                                                                                         \
  R"("database_url":{"type":"string","minLength":1,"maxLength":4096,"x-z4j-secret":true,"description":)"              \
  R"("django: the application's database, postgresql://user:password@host:5432/name or sqlite:////path/to/file"},)"   \
  R"("schema":{"type":"string","maxLength":63,"description":"django: the PostgreSQL schema of its tables, when )"     \
  R"(the server's search_path does not lead there: one instance for each tenant"},)"                                  \
  R"("naive_times_in":{"type":"string","maxLength":100,"description":)"                                               \
  R"("django with USE_TZ off: the TIME_ZONE of its settings"},)"                                                      \
  R"("redis_url":{"type":"string","minLength":1,"maxLength":4096,"x-z4j-secret":true,"description":)"                 \
  R"("redbeat: redis://[user:password@]host[:port][/db], rediss:// for TLS, unix:///path?db=n or sentinel://"},)"     \
  R"("sentinel_master":{"type":"string","maxLength":200,"description":"the master's name, with sentinel:// only"},)"  \
  R"("tls_ca_file":{"type":"string","maxLength":4096,"description":"PEM file with the authorities to trust"},)"       \
  R"("prefix":{"type":"string","minLength":1,"maxLength":200,"default":"redbeat:","description":)"                    \
  R"("redbeat: redbeat_key_prefix of the application"},)"                                                             \
  R"("expects_lock":{"type":"boolean","default":true,"description":)"                                                 \
  R"("redbeat: say that no beat runs when its lock is not there; off for beats without a lock"},)"                    \
  R"("timezone":{"type":"string","maxLength":100,"default":"UTC","description":)"                                     \
  R"("redbeat, persistent: the application's timezone, in which its crontabs are"},)"                                 \
  R"("path":{"type":"string","minLength":1,"maxLength":4096,"description":)"                                          \
  R"("persistent: the file named by beat's --schedule, without the ending that its database adds"}}})"
