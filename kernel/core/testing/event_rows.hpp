// Events as tests write them: one batch of the ABI out of readable rows.
#pragma once

#include <z4j/plugin.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace z4j::core::testing {

struct EventRow {
  std::uint16_t kind = Z4J_EV_STARTED;
  base::TimeUs at = 0;
  std::string task_id = "t";
  std::string task = {}, queue = {}, worker = {}, parent_id = {}, root_id = {}, attrs = {};
  std::int64_t runtime_us = -1;
  std::uint32_t attempt = 0;
  std::string engine = "celery";
};

inline void fill(BatchBuilder& builder, const std::vector<EventRow>& rows) {
  builder.clear();
  for (const EventRow& row : rows) {
    builder.begin_row(row.at, row.kind);
    builder.attempt(row.attempt);
    builder.runtime_us(row.runtime_us);
    builder.engine(row.engine);
    builder.task(row.task);
    builder.queue(row.queue);
    builder.worker(row.worker);
    builder.task_id(row.task_id);
    builder.parent_id(row.parent_id);
    builder.root_id(row.root_id);
    builder.attrs_json(row.attrs);
  }
}

}  // namespace z4j::core::testing
