// One value of a Python shelf, whatever kind of dbm file that Python made of it: Berkeley DB (hash
// 9, Debian's), gdbm, dumb, or SQLite (Python 3.13). Read as bytes; nothing of it is run, locked or
// written, so what its owner is just rewriting may come out torn, which is Z4J_CORRUPT.
#pragma once

#include <string>
#include <string_view>

namespace z4j::celery_beat {

// `path` as it was given to shelve.open(). Throws Z4J_UNAVAILABLE when there is no such file,
// Z4J_NOT_FOUND when it has no such key, Z4J_CORRUPT, Z4J_TOO_LARGE.
[[nodiscard]] std::string shelf_value(const std::string& path, std::string_view key);

// For tests and fuzzers.
[[nodiscard]] std::string berkeley_value(std::string_view file, std::string_view key);
[[nodiscard]] std::string gdbm_value(std::string_view file, std::string_view key);

}  // namespace z4j::celery_beat
