// SQLite's own API, in the namespace SOCI's backend header puts it in, so that both can meet in one
// file.
#pragma once

#include <cstdarg>
#include <cstddef>

namespace sqlite_api {
#include <sqlite3.h>
}

namespace z4j::sqlite {

// Copy the bytes at bind time; the other choice, a null pointer, borrows them.
inline const sqlite_api::sqlite3_destructor_type kCopied =
    reinterpret_cast<sqlite_api::sqlite3_destructor_type>(-1);
inline constexpr sqlite_api::sqlite3_destructor_type kBorrowed = nullptr;

}  // namespace z4j::sqlite
