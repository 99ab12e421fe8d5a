// The steps of one commit on a writing connection.
#pragma once

#include <z4j/abi.h>

#include <string_view>

#include "connection.hpp"
#include "days.hpp"

namespace z4j::postgresql {

// All or none, within c.timeout_ms. Fills affected, outcome and bad_*. Expects checked steps.
// `origin` marks this instance's notices. Throws z4j::Error; then nothing happened, but for
// Z4J_UNKNOWN.
void run_commit(Connection& connection, const z4j_schema& schema, Days& days,
                std::string_view origin, z4j_commit& c);

}  // namespace z4j::postgresql
