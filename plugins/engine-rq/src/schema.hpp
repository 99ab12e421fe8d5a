// The config schema of the plugin; a literal, since the descriptor needs it at compile time.
#pragma once

#include "lib/rq/redis_setting.hpp"

#define Z4J_ENGINE_RQ_SCHEMA                                                                                         \
  R"({"type":"object","required":["redis_url"],"additionalProperties":false,"properties":{)" Z4J_RQ_REDIS_PROPERTIES \
  R"(,)"                                                                                                             \
  R"("poll_seconds":{"type":"number","minimum":0.1,"maximum":60,"default":0.5,"description":)"                       \
  R"("how often to look for changes; twice as often while there are some"},)"                                        \
  R"("queues":{"type":"array","items":{"type":"string","minLength":1,"maxLength":200},"description":)"               \
  R"("queues to show even when RQ has not made them yet"},)"                                                         \
  R"("serializer":{"type":"string","enum":["auto","pickle","json"],"default":"auto","description":)"                 \
  R"("how submitted jobs are written; auto does as the other jobs of the queue do"}}})"
