// The config schema of the plugin; a literal, since the descriptor needs it at compile time.
#pragma once

#include "lib/rq/redis_setting.hpp"

#define Z4J_SCHEDULER_RQ_CRON_SCHEMA                                                                                 \
  R"({"type":"object","required":["redis_url"],"additionalProperties":false,"properties":{)" Z4J_RQ_REDIS_PROPERTIES \
  R"(,"timezone":{"type":"string","maxLength":100,"default":"UTC","description":)"                                   \
  R"("the IANA zone of the machine that rq cron runs on: its crons go by local time"}}})"
