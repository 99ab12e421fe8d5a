// The settings that say where RQ keeps its things, the same in every plugin for it.
#pragma once

#include "lib/json/json.hpp"
#include "lib/redis/redis.hpp"
#include "lib/rq/records.hpp"

#include <z4j/plugin.hpp>

namespace z4j::rq {

struct RedisSetting {
  redis::Options redis;
  Keys keys;
};

// Throws Z4J_BAD_CONFIG with the place. A redis_url "secret:NAME" is resolved by the host; without
// a host it is taken as good.
[[nodiscard]] RedisSetting read_redis_setting(const json::Object& config, const Host* host);

}  // namespace z4j::rq

// Their part of a config schema, members of "properties".
#define Z4J_RQ_REDIS_PROPERTIES                                                                                      \
  R"("redis_url":{"type":"string","minLength":1,"maxLength":4096,"x-z4j-secret":true,"description":)"                \
  R"("where RQ keeps its jobs: redis://[user:password@]host[:port][/db], rediss:// for TLS, unix:///path?db=n )"     \
  R"(or sentinel://host:port[;sentinel://host:port]/db"},)"                                                          \
  R"("sentinel_master":{"type":"string","maxLength":200,"description":"the master's name, with sentinel:// only"},)" \
  R"("sentinel_password":{"type":"string","maxLength":1000,"x-z4j-secret":true,"description":)"                      \
  R"("password of the sentinels themselves"},)"                                                                      \
  R"("tls_ca_file":{"type":"string","maxLength":4096,"description":"PEM file with the authorities to trust"},)"      \
  R"("prefix":{"type":"string","minLength":1,"maxLength":200,"default":"rq:","description":"start of RQ's keys"})"
