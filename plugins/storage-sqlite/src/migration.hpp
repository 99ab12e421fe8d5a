// Makes the file fit a declared schema: creates what is missing, drops nothing, sets the version
// last, so a run that was cut short is simply run again.
#pragma once

#include <z4j/abi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "connection.hpp"

namespace z4j::sqlite {

struct Migration {
  std::uint32_t from = 0, to = 0;
  std::vector<std::string> steps;  // for people
};

// Throws z4j::Error: Z4J_UNSUPPORTED for a newer store, Z4J_BAD_CONFIG for the file of another
// program, Z4J_CORRUPT when a table is not what it was declared to be.
[[nodiscard]] Migration migrate(Connection& connection, const z4j_schema& schema, bool dry_run);

}  // namespace z4j::sqlite
