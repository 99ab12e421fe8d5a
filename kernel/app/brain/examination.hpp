// Looks at everything that a brain needs, one step after another, and changes nothing.
#pragma once

#include <string>
#include <vector>

#include "app/brain/command_line.hpp"
#include "base/json.hpp"

namespace z4j::app {

struct Finding {
  enum class Verdict { good, warning, failed };
  std::string
      name;  // config, home, secrets, disk, plugins, database, administrator, exposure, certificate
  Verdict verdict = Verdict::good;
  std::string detail, hint;
};

struct Examination {
  std::vector<Finding> findings;
  int code = 0;  // 0, 1 the config is bad, 2 the database does not open, 3 nobody can sign in yet
  base::json::Object store;  // what the storage driver says of itself
  base::json::Object rows;   // table -> number of rows, counted to a million
};

// Opens the database as serve would (and so fits it to this program). A brain that runs on the same
// SQLite file keeps it from opening; that is said, and not a failure.
[[nodiscard]] Examination examine(const Given& given);

[[nodiscard]] std::string text_of(const Examination& examination);
[[nodiscard]] base::json::Array json_of(const Examination& examination);

}  // namespace z4j::app
