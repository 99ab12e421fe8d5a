// libpq's results with an owner.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string_view>

namespace z4j::postgresql {

struct ClearResult {
  void operator()(PGresult* r) const noexcept { PQclear(r); }
};
using Result = std::unique_ptr<PGresult, ClearResult>;

[[nodiscard]] inline std::string_view cell(const PGresult* r, int row, int column) noexcept {
  return {PQgetvalue(r, row, column), static_cast<std::size_t>(PQgetlength(r, row, column))};
}

}  // namespace z4j::postgresql
