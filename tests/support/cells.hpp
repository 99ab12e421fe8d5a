// What a contract test found out about one cell of the capability matrix: one JSON line in the file
// named by Z4J_CELLS, when it is set.
#pragma once

#include <cstdlib>
#include <fstream>
#include <string>

#include "base/json.hpp"

namespace z4j::testing {

struct Cell {
  std::string engine, broker, version, action, how;
  std::string result;  // "works" or "refused"
  std::string reason;
};

inline void note_cell(const Cell& cell) {
  const char* path = std::getenv("Z4J_CELLS");
  if (path == nullptr || *path == '\0') return;
  const base::json::Object line{{"engine", cell.engine},   {"broker", cell.broker},
                                {"version", cell.version}, {"action", cell.action},
                                {"how", cell.how},         {"result", cell.result},
                                {"reason", cell.reason}};
  // Opened to append and written at once: programs that run side by side share the file.
  std::ofstream(path, std::ios::app) << base::json::write(base::json::Value(line)) + "\n"
                                     << std::flush;
}

}  // namespace z4j::testing
