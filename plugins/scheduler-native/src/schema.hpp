// The schema of the plugin's settings; a literal, since the descriptor needs it at compile time.
#pragma once

#define Z4J_NATIVE_SETTINGS                                                           \
  R"({"type":"object","additionalProperties":false,"properties":{)"                   \
  R"("grace_seconds":{"type":"integer","minimum":6,"maximum":3600,"default":15,)"     \
  R"("description":"a time fired by at most so much too late is no missed one"},)"    \
  R"("catch_up_limit":{"type":"integer","minimum":1,"maximum":10000,"default":1000,)" \
  R"("description":"how many missed times fire_all_missed fires, unless a schedule says"}}})"
