// Makes the schema fit a declaration: creates what is missing, drops nothing, sets the version
// last, so a run that was cut short is simply run again. Every step is a transaction of its own.
// Brains that start together take turns.
#pragma once

#include <z4j/abi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "connection.hpp"
#include "days.hpp"

namespace z4j::postgresql {

struct Migration {
  std::uint32_t from = 0, to = 0;
  std::vector<std::string> steps;  // for people
  bool fast_text = false;          // text keys have their index
};

// Throws z4j::Error: Z4J_UNSUPPORTED for a newer store, Z4J_BAD_CONFIG for the schema of another
// program or one that this role may not use, Z4J_CORRUPT when a table is not what it was declared
// to be, Z4J_BUSY while another brain migrates.
[[nodiscard]] Migration migrate(Connection& connection, const z4j_schema& schema, Days& days,
                                bool dry_run);

}  // namespace z4j::postgresql
