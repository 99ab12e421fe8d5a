#include "plugin/batch_check.hpp"

#include <string>
#include <utility>

namespace z4j::plugin {
namespace {

base::Error malformed(const std::string& what) {
  return base::Error{.code = base::Code::invalid, .message = "malformed event batch: " + what, .where = {}, .hint = {}};
}

base::Status check_text(const z4j_strcol& column, std::uint32_t rows, const std::string& name) {
  if (column.offsets == nullptr) return malformed(name + " has no offsets");
  std::uint32_t last = column.offsets[0];
  for (std::uint32_t i = 1; i <= rows; ++i) {
    if (column.offsets[i] < last) return malformed(name + " has offsets that go back at row " + std::to_string(i - 1));
    last = column.offsets[i];
  }
  if (last > kMaxBatchTextBytes) return malformed(name + " is larger than " + std::to_string(kMaxBatchTextBytes) + " bytes");
  if (last > 0 && column.data == nullptr) return malformed(name + " has no data");
  return {};
}

base::Status check_dictionary(const z4j_dictcol& column, std::uint32_t rows, const std::string& name) {
  if (column.index == nullptr || column.dict_rows == 0 || column.dict_rows > rows + 1) {
    return malformed(name + " has a dictionary of " + std::to_string(column.dict_rows) + " entries for " + std::to_string(rows) + " rows");
  }
  if (auto good = check_text(column.dict, column.dict_rows, name); !good) return good;
  for (std::uint32_t i = 0; i < rows; ++i) {
    if (column.index[i] >= column.dict_rows) {
      return malformed(name + " has index " + std::to_string(column.index[i]) + " of " + std::to_string(column.dict_rows) + " at row " + std::to_string(i));
    }
  }
  return {};
}

}  // namespace

base::Status check_batch(const z4j_event_batch& batch) {
  if (batch.struct_size < sizeof(z4j_event_batch)) return malformed("it is too short");
  if (batch.rows == 0 || batch.rows > kMaxBatchRows) return malformed(std::to_string(batch.rows) + " rows, expected 1 to " + std::to_string(kMaxBatchRows));
  if (batch.event_id == nullptr || batch.time_us == nullptr || batch.kind == nullptr || batch.attempt == nullptr || batch.runtime_us == nullptr) {
    return malformed("a column is missing");
  }
  const std::pair<const z4j_dictcol*, const char*> dictionaries[] = {{&batch.project, "project"}, {&batch.source, "source"}, {&batch.engine, "engine"},
                                                                     {&batch.task, "task"}, {&batch.queue, "queue"}, {&batch.worker, "worker"}};
  for (const auto& [column, name] : dictionaries) {
    if (auto good = check_dictionary(*column, batch.rows, name); !good) return good;
  }
  const std::pair<const z4j_strcol*, const char*> texts[] = {{&batch.task_id, "task_id"}, {&batch.parent_id, "parent_id"},
                                                             {&batch.root_id, "root_id"}, {&batch.attrs_json, "attrs_json"}};
  for (const auto& [column, name] : texts) {
    if (auto good = check_text(*column, batch.rows, name); !good) return good;
  }
  return {};
}

}  // namespace z4j::plugin
