// The SQL functions that statements of lib/sql expect: z4j_json_at, z4j_json_has, z4j_may_delete.
#pragma once

#include "native.hpp"

namespace z4j::sqlite {

// `may_delete` outlives the connection. Returns an SQLite code.
[[nodiscard]] int add_functions(sqlite_api::sqlite3* db, const bool* may_delete);

}  // namespace z4j::sqlite
