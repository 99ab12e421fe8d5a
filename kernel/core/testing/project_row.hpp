// The row of an active project, for fixtures.
#pragma once

#include <string_view>

#include "base/clock.hpp"
#include "base/uuid.hpp"
#include "core/store.hpp"

namespace z4j::core::testing {

[[nodiscard]] inline Rows project_row(const base::Uuid& id, std::string_view slug,
                                      base::TimeUs now) {
  namespace p = model::projects;
  Rows rows(Table::projects);
  rows.begin()
      .uuid(p::id, id)
      .text(p::slug, slug)
      .text(p::name, slug)
      .text(p::environment, "production")
      .text(p::timezone, "UTC")
      .num(p::retention_days, 30)
      .num(p::is_active, 1)
      .text(p::default_scheduler_owner, "z4j-scheduler")
      .num(p::created_at, now)
      .num(p::updated_at, now);
  return rows;
}

}  // namespace z4j::core::testing
