// Which row and key made a commit fail? PostgreSQL names the constraint at most; the kernel wants
// to set one row aside.
#pragma once

#include <z4j/abi.h>

#include "connection.hpp"
#include "refusals.hpp"

namespace z4j::postgresql {

// Fills bad_row and bad_key of a commit that was rolled back, as far as they can be found: by
// looking at the rows, and for a taken key by asking the table. Never throws; what it does not find
// stays unknown.
void blame(Connection& connection, const z4j_schema& schema, const Refusal& refusal,
           z4j_commit& c) noexcept;

}  // namespace z4j::postgresql
