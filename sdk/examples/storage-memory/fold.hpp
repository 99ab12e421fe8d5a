// Answers a query over one table: select, or group and fold. Pure functions.
#pragma once

#include <vector>

#include "tables.hpp"

namespace z4j::memory {

// One row of cells per answer row, in the order of query.outs.
[[nodiscard]] std::vector<Row> answer(const z4j_table& table, const std::map<Key, Row>& rows,
                                      const z4j_query& query, std::int64_t now_us);

}  // namespace z4j::memory
