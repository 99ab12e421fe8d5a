// Ids that follow from what they name: every kernel and every rebuild gives the same thing the same
// id. UUIDv5 in the project's namespace; engine names hold no line break, so no two things share a
// name.
#pragma once

#include <string>
#include <string_view>

#include "base/uuid.hpp"

namespace z4j::model {

[[nodiscard]] inline base::Uuid derived_id(const base::Uuid& project, std::string_view kind,
                                           std::string_view engine, std::string_view name) {
  std::string text(kind);
  text += '\n';
  text += engine;
  text += '\n';
  text += name;
  return base::Uuid::named(project, text);
}

[[nodiscard]] inline base::Uuid task_row_id(const base::Uuid& project, std::string_view engine,
                                            std::string_view task_id) {
  return derived_id(project, "task", engine, task_id);
}
[[nodiscard]] inline base::Uuid worker_row_id(const base::Uuid& project, std::string_view engine,
                                              std::string_view name) {
  return derived_id(project, "worker", engine, name);
}
[[nodiscard]] inline base::Uuid queue_row_id(const base::Uuid& project, std::string_view engine,
                                             std::string_view name) {
  return derived_id(project, "queue", engine, name);
}

}  // namespace z4j::model
