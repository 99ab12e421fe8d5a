#include "functions.hpp"

#include <string_view>
#include <vector>

#include <z4j/plugin.hpp>

#include "lib/sql/json_at.hpp"

namespace z4j::sqlite {
namespace {

using sqlite_api::sqlite3_context;
using sqlite_api::sqlite3_value;

std::string_view text_of(sqlite3_value* v) {
  const auto* text = static_cast<const char*>(sqlite_api::sqlite3_value_blob(v));
  return text == nullptr
             ? std::string_view()
             : std::string_view(text, static_cast<std::size_t>(sqlite_api::sqlite3_value_bytes(v)));
}

// (json, pointer, kind): kind 0 any scalar, 1 numbers, 2 texts. An array or object is an empty
// blob, which equals nothing and is not null.
void sql_json_at(sqlite3_context* ctx, int, sqlite3_value** args) {
  if (sqlite_api::sqlite3_value_type(args[0]) == SQLITE_NULL) return;
  const z4j_status st = guard(nullptr, [&]() -> z4j_status {
    using Kind = store::JsonScalar::Kind;
    const store::JsonScalar at = store::json_at(text_of(args[0]), text_of(args[1]));
    const int wanted = sqlite_api::sqlite3_value_int(args[2]);
    const bool number = at.kind == Kind::number || at.kind == Kind::real;
    if (at.kind == Kind::absent || (wanted == 1 && !number) ||
        (wanted == 2 && at.kind != Kind::text))
      return Z4J_OK;
    switch (at.kind) {
      case Kind::number:
        sqlite_api::sqlite3_result_int64(ctx, at.num);
        break;
      case Kind::real:
        sqlite_api::sqlite3_result_double(ctx, at.real);
        break;
      case Kind::text:
        sqlite_api::sqlite3_result_text(ctx, at.text.data(), static_cast<int>(at.text.size()),
                                        kCopied);
        break;
      default:
        sqlite_api::sqlite3_result_zeroblob(ctx, 0);
    }
    return Z4J_OK;
  });
  if (st != Z4J_OK) sqlite_api::sqlite3_result_error_nomem(ctx);
}

// (json, pointer, value...)
void sql_json_has(sqlite3_context* ctx, int count, sqlite3_value** args) {
  bool has = false;
  const z4j_status st = guard(nullptr, [&]() -> z4j_status {
    if (count < 3 || sqlite_api::sqlite3_value_type(args[0]) == SQLITE_NULL) return Z4J_OK;
    std::vector<z4j_value> values;
    for (int i = 2; i < count; ++i) {
      z4j_value v{};
      switch (sqlite_api::sqlite3_value_type(args[i])) {
        case SQLITE_INTEGER:
          v.kind = Z4J_V_NUM;
          v.num = sqlite_api::sqlite3_value_int64(args[i]);
          break;
        case SQLITE_FLOAT:
          v.kind = Z4J_V_REAL;
          v.real = sqlite_api::sqlite3_value_double(args[i]);
          break;
        case SQLITE_TEXT:
          v.kind = Z4J_V_TEXT;
          v.text = str(text_of(args[i]));
          break;
        default:
          continue;
      }
      values.push_back(v);
    }
    has = store::json_has(text_of(args[0]), text_of(args[1]), values.data(),
                          static_cast<std::uint32_t>(values.size()));
    return Z4J_OK;
  });
  if (st != Z4J_OK) {
    sqlite_api::sqlite3_result_error_nomem(ctx);
  } else {
    sqlite_api::sqlite3_result_int(ctx, has ? 1 : 0);
  }
}

void sql_may_delete(sqlite3_context* ctx, int, sqlite3_value**) {
  sqlite_api::sqlite3_result_int(
      ctx, *static_cast<const bool*>(sqlite_api::sqlite3_user_data(ctx)) ? 1 : 0);
}

}  // namespace

int add_functions(sqlite_api::sqlite3* db, const bool* may_delete) {
  constexpr int kPure = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  int rc = sqlite_api::sqlite3_create_function_v2(db, "z4j_json_at", 3, kPure, nullptr, sql_json_at,
                                                  nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) return rc;
  rc = sqlite_api::sqlite3_create_function_v2(db, "z4j_json_has", -1, kPure, nullptr, sql_json_has,
                                              nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) return rc;
  return sqlite_api::sqlite3_create_function_v2(
      db, "z4j_may_delete", 0, SQLITE_UTF8 | SQLITE_INNOCUOUS, const_cast<bool*>(may_delete),
      sql_may_delete, nullptr, nullptr, nullptr);
}

}  // namespace z4j::sqlite
