// The config schema of the plugin; a literal, since the descriptor needs it at compile time.
#pragma once

#define Z4J_ENGINE_RQ_SCHEMA                                                                                         \
  R"({"type":"object","required":["redis_url"],"additionalProperties":false,"properties":{)"                         \
  R"("redis_url":{"type":"string","minLength":1,"maxLength":4096,"x-z4j-secret":true,"description":)"                \
  R"("where RQ keeps its jobs: redis://[user:password@]host[:port][/db], rediss:// for TLS, unix:///path?db=n )"     \
  R"(or sentinel://host:port[;sentinel://host:port]/db"},)"                                                          \
  R"("sentinel_master":{"type":"string","maxLength":200,"description":"the master's name, with sentinel:// only"},)" \
  R"("sentinel_password":{"type":"string","maxLength":1000,"x-z4j-secret":true,"description":)"                      \
  R"("password of the sentinels themselves"},)"                                                                      \
  R"("tls_ca_file":{"type":"string","maxLength":4096,"description":"PEM file with the authorities to trust"},)"      \
  R"("prefix":{"type":"string","minLength":1,"maxLength":200,"default":"rq:","description":"start of RQ's keys"},)"  \
  R"("poll_seconds":{"type":"number","minimum":0.1,"maximum":60,"default":0.5,"description":)"                       \
  R"("how often to look for changes; twice as often while there are some"},)"                                        \
  R"("queues":{"type":"array","items":{"type":"string","minLength":1,"maxLength":200},"description":)"               \
  R"("queues to show even when RQ has not made them yet"},)"                                                         \
  R"("serializer":{"type":"string","enum":["auto","pickle","json"],"default":"auto","description":)"                 \
  R"("how submitted jobs are written; auto does as the other jobs of the queue do"}}})"
