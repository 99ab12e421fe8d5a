#include "refusals.hpp"

#include <atomic>

namespace z4j::postgresql {
namespace {

constexpr std::string_view kDeadlock = "40P01";
std::atomic<std::uint64_t> deadlocks{0};

std::string field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text != nullptr ? text : "";
}

// Codes whose class alone says too little.
const Error* known_state(std::string_view state) {
  struct Known {
    std::string_view state;
    Error error;
  };
  static const Known kKnown[] = {
      {"40001", Error(Z4J_BUSY, "another commit came first: nothing happened", {}, 20)},
      {kDeadlock,
       Error(Z4J_BUSY,
             "two commits waited for each other and this one was given up: nothing happened", {},
             20)},
      {"55P03",
       Error(Z4J_BUSY, "another transaction holds a lock for too long: nothing happened", {}, 100)},
      {"55006", Error(Z4J_BUSY, "another transaction uses the object: nothing happened", {}, 200)},
      {"57014", Error(Z4J_TIMEOUT, "the store did not finish in the given time")},
      {"53100",
       Error(
           Z4J_IO,
           "the database server's disk is full: nothing of this was stored; free some space there",
           {}, 5000)},
      {"53200", Error(Z4J_BUSY, "the database server is out of memory: nothing of this was stored",
                      {}, 1000)},
      {"53300", Error(Z4J_UNAVAILABLE,
                      "the database server takes no more connections: raise max_connections there, "
                      "or lower writers and readers here",
                      {}, 2000)},
      {"25006", Error(Z4J_UNAVAILABLE,
                      "the database takes no writes (a read-only replica, or "
                      "default_transaction_read_only is on): give the address of the primary",
                      {}, 5000)},
      {"22003", Error(Z4J_INVALID, "a sum leaves the range of 64 bits")},
      {"22008", Error(Z4J_INVALID, "a time lies outside what PostgreSQL can hold")},
      {"22021", Error(Z4J_INVALID, "a text is not UTF-8 or holds a NUL")},
      {"22P02",
       Error(Z4J_INVALID, "a value is not of its column's type, or a JSON text is not JSON")},
      {"22P05", Error(Z4J_INVALID, "a JSON text holds \\u0000, which PostgreSQL cannot store")},
      {"21000", Error(Z4J_INVALID, "a key stands twice in one batch")},
      {"54000", Error(Z4J_TOO_LARGE, "a value is longer than the database takes in this place")},
      {"42501",
       Error(Z4J_DENIED,
             "the database role lacks a right: grant it, or use the role that owns the schema")},
      {"42P01", Error(Z4J_CORRUPT,
                      "a table is missing: the schema was changed by hand; restore a backup, or "
                      "restart so that it is mended")},
      {"42703", Error(Z4J_CORRUPT,
                      "a column is missing: the schema was changed by hand; restore a backup, or "
                      "restart so that it is mended")},
      {"25P02", Error(Z4J_BAD_STATE, "the transaction has failed before")},
  };
  for (const Known& k : kKnown) {
    if (k.state == state) return &k.error;
  }
  return nullptr;
}

}  // namespace

std::uint64_t deadlocks_seen() noexcept { return deadlocks; }

Error error_of_state(std::string_view state, std::string_view said, std::string_view object,
                     const std::string& where) {
  if (state == kDeadlock) ++deadlocks;
  if (const Error* known = known_state(state))
    return Error(known->code, known->what(), where, known->retry_after_ms);
  const std::string name(object);
  const std::string_view family = state.substr(0, 2);
  if (state == "23505")
    return Error(Z4J_CONFLICT,
                 "another row has the same " + (name.empty() ? std::string("key") : name), where);
  if (state == "23502") return Error(Z4J_INVALID, "column " + name + " needs a value", where);
  if (state == "ZJ001") return Error(Z4J_DENIED, std::string(said), where);
  if (family == "22" || family == "23")
    return Error(Z4J_INVALID, "the store does not take a value (" + std::string(state) + ")",
                 where);
  if (family == "08" || family == "57")
    return Error(Z4J_UNAVAILABLE,
                 "the database server ended the connection: nothing of this was stored", where,
                 500);
  if (family == "53" || family == "58") {
    return Error(Z4J_IO,
                 "the database server has trouble (" + std::string(state) +
                     "): nothing of this was stored; see its log",
                 where, 2000);
  }
  if (family == "XX")
    return Error(Z4J_CORRUPT,
                 "the database is damaged (" + std::string(state) +
                     "): see the server's log, restore a backup",
                 where);
  return Error(Z4J_INTERNAL,
               "unexpected answer of PostgreSQL (" + std::string(state) + "): " + std::string(said),
               where);
}

Refusal error_of(const PGresult* result, const std::string& where) {
  const std::string state = field(result, PG_DIAG_SQLSTATE),
                    constraint = field(result, PG_DIAG_CONSTRAINT_NAME);
  std::string object = field(result, PG_DIAG_COLUMN_NAME);
  if (const std::string table = field(result, PG_DIAG_TABLE_NAME);
      !object.empty() && !table.empty())
    object = table + "." + object;
  if (object.empty()) object = constraint;
  return Refusal(error_of_state(state, field(result, PG_DIAG_MESSAGE_PRIMARY), object, where),
                 state, constraint);
}

Error connection_lost(const std::string& shown) {
  return Error(Z4J_UNAVAILABLE, "lost the connection to " + shown + ": nothing of this was stored",
               {}, 500);
}

}  // namespace z4j::postgresql
