// The agent that events of a test come from.
#pragma once

#include <string_view>

#include "core/event_source.hpp"
#include "core/store.hpp"

namespace z4j::core::testing {

// As the kernel keeps an engine instance's agent.
[[nodiscard]] inline Rows agent_row(const EventSource& source, base::TimeUs now,
                                    std::string_view name = "local:celery") {
  namespace a = model::agents;
  Rows rows(Table::agents);
  rows.begin()
      .uuid(a::id, source.agent_id)
      .uuid(a::project_id, source.project_id)
      .text(a::name, name)
      .num(a::is_local, 1)
      .text(a::protocol_version, "2")
      .text(a::framework_adapter, "bare")
      .text(a::state, "online")
      .num(a::events_persisted, 0)
      .num(a::events_dropped, 0)
      .num(a::created_at, now)
      .num(a::updated_at, now);
  return rows;
}

}  // namespace z4j::core::testing
