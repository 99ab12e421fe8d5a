// What PostgreSQL's error codes mean to the kernel: one sentence and a way out each.
//
// PostgreSQL's DETAIL and CONTEXT quote data, so they are never passed on; its message is passed on
// only where it tells of no data.
#pragma once

#include <libpq-fe.h>

#include <z4j/plugin.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace z4j::postgresql {

// An error that the server sent, with its SQLSTATE and the constraint it names ("" when none).
struct Refusal : Error {
  Refusal(const Error& error, std::string state_, std::string constraint_)
      : Error(error), state(std::move(state_)), constraint(std::move(constraint_)) {}
  std::string state, constraint;
};

// For a result that is an error.
[[nodiscard]] Refusal error_of(const PGresult* result, const std::string& where = {});
// By SQLSTATE; `said` is the server's message without detail, `object` the column or constraint it
// names.
[[nodiscard]] Error error_of_state(std::string_view state, std::string_view said,
                                   std::string_view object, const std::string& where);

// Deadlocks that the server has told this process of.
[[nodiscard]] std::uint64_t deadlocks_seen() noexcept;

// "Connection lost": nothing was stored, unless the commit itself was under way.
[[nodiscard]] Error connection_lost(const std::string& shown);

}  // namespace z4j::postgresql
