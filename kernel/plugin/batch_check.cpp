#include "plugin/batch_check.hpp"

#include <cstddef>
#include <string>
#include <utility>

namespace z4j::plugin {
namespace {

base::Error malformed_batch(const std::string& what) {
  base::Error error;
  error.code = base::Code::invalid;
  error.message = "malformed event batch: " + what;
  error.hint = "this is a defect of the plugin; report it to its author";
  return error;
}

template <class T>
bool aligned(const T* array) {
  return array != nullptr && reinterpret_cast<std::uintptr_t>(array) % alignof(T) == 0;
}

base::Status check_text_column(const z4j_strcol& column, std::uint32_t rows,
                               const std::string& name, std::uint64_t& bytes) {
  if (!aligned(column.offsets)) return malformed_batch(name + " has no aligned offsets");
  const std::uint32_t first = column.offsets[0];
  std::uint32_t last = first;
  for (std::uint32_t i = 1; i <= rows; ++i) {
    if (column.offsets[i] < last) {
      return malformed_batch(name + " has offsets that go back at row " + std::to_string(i - 1) +
                             ", expected them in rising order");
    }
    last = column.offsets[i];
  }
  bytes += last;
  if (bytes > kMaxBatchTextBytes) {
    return malformed_batch(name + " ends at byte " + std::to_string(last) +
                           ", expected all texts within " + std::to_string(kMaxBatchTextBytes) +
                           " bytes");
  }
  if (last > first && column.data == nullptr) return malformed_batch(name + " has no data");
  return {};
}

base::Status check_dictionary(const z4j_dictcol& column, std::uint32_t rows,
                              const std::string& name, std::uint64_t& bytes) {
  if (column.dict_rows == 0 || column.dict_rows > kMaxBatchRows + 1) {
    return malformed_batch(name + " has a dictionary of " + std::to_string(column.dict_rows) +
                           " entries, expected 1 to " + std::to_string(kMaxBatchRows + 1));
  }
  if (auto good = check_text_column(column.dict, column.dict_rows, name, bytes); !good) return good;
  if (column.dict.offsets[1] != column.dict.offsets[0]) {
    return malformed_batch(name + " has a text as entry 0, which means absent");
  }
  if (!aligned(column.index)) return malformed_batch(name + " has no aligned indices");
  for (std::uint32_t i = 0; i < rows; ++i) {
    if (column.index[i] >= column.dict_rows) {
      return malformed_batch(name + " has index " + std::to_string(column.index[i]) + " at row " +
                             std::to_string(i) + ", expected less than " +
                             std::to_string(column.dict_rows));
    }
  }
  return {};
}

}  // namespace

base::Result<std::uint64_t> check_batch(const z4j_event_batch& batch) {
  constexpr std::size_t kLeast = offsetof(z4j_event_batch, attrs_json) + sizeof(z4j_strcol);
  if (batch.struct_size < kLeast) {
    return malformed_batch("it is " + std::to_string(batch.struct_size) +
                           " bytes long, expected at least " + std::to_string(kLeast));
  }
  if (batch.rows == 0 || batch.rows > kMaxBatchRows) {
    return malformed_batch(std::to_string(batch.rows) + " rows, expected 1 to " +
                           std::to_string(kMaxBatchRows));
  }
  if (batch.event_id == nullptr || !aligned(batch.time_us) || !aligned(batch.kind) ||
      !aligned(batch.attempt) || !aligned(batch.runtime_us)) {
    return malformed_batch("a column of numbers is missing or not aligned");
  }
  // id, time, kind, attempt, runtime; six indices; four offsets.
  std::uint64_t bytes = std::uint64_t{batch.rows} * (16 + 8 + 2 + 4 + 8 + 6 * 4 + 4 * 4);
  std::uint64_t texts = 0;
  const std::pair<const z4j_dictcol*, const char*> dictionaries[] = {
      {&batch.project, "project"}, {&batch.source, "source"}, {&batch.engine, "engine"},
      {&batch.task, "task"},       {&batch.queue, "queue"},   {&batch.worker, "worker"}};
  for (const auto& [column, name] : dictionaries) {
    if (auto good = check_dictionary(*column, batch.rows, name, texts); !good) return good.error();
    bytes += std::uint64_t{column->dict_rows} * 4;
  }
  const std::pair<const z4j_strcol*, const char*> columns[] = {{&batch.task_id, "task_id"},
                                                               {&batch.parent_id, "parent_id"},
                                                               {&batch.root_id, "root_id"},
                                                               {&batch.attrs_json, "attrs_json"}};
  for (const auto& [column, name] : columns) {
    if (auto good = check_text_column(*column, batch.rows, name, texts); !good) return good.error();
  }
  return bytes + texts;
}

}  // namespace z4j::plugin
