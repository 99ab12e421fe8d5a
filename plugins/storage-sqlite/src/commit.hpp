// The steps of one commit on a writing connection.
#pragma once

#include <z4j/abi.h>

#include "connection.hpp"

namespace z4j::sqlite {

// All or none, within c.timeout_ms. Fills affected, outcome and bad_*. Expects checked steps and
// the writer's mutex held. Throws z4j::Error; then nothing happened, but for Z4J_UNKNOWN.
void run_commit(Connection& connection, const z4j_schema& schema, z4j_commit& c, bool full_sync);

}  // namespace z4j::sqlite
