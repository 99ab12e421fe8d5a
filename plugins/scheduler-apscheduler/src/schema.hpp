// The config schema of the plugin; a literal, since the descriptor needs it at compile time.
#pragma once

// clang-format off
#define Z4J_SCHEDULER_APSCHEDULER_SCHEMA                                                                              \
  R"({"type":"object","additionalProperties":false,"properties":{)"                                                   \
  R"("redis_url":{"type":"string","minLength":1,"maxLength":4096,"x-z4j-secret":true,"description":)"                 \
  R"("the Redis of a RedisJobStore: redis://[user:password@]host[:port][/db], rediss:// for TLS"},)"                  \
  R"("sentinel_master":{"type":"string","maxLength":200,"description":"the master's name, with sentinel:// only"},)"  \
  R"("tls_ca_file":{"type":"string","maxLength":4096,"description":"PEM file with the authorities to trust"},)"       \
  R"("jobs_key":{"type":"string","minLength":1,"maxLength":200,"default":"apscheduler.jobs"},)"                       \
  R"("run_times_key":{"type":"string","minLength":1,"maxLength":200,"default":"apscheduler.run_times"},)"             \
  R"("database_url":{"type":"string","minLength":1,"maxLength":4096,"x-z4j-secret":true,"description":)"              \
  R"("instead, the database of an SQLAlchemyJobStore: postgresql://... or sqlite:////path/to/file"},)"                \
  R"("schema":{"type":"string","maxLength":63,"description":"the PostgreSQL schema of its table"},)"                  \
  R"("table":{"type":"string","minLength":1,"maxLength":63,"default":"apscheduler_jobs"}}})"
