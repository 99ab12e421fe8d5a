// Schedules as people write them: members of a request, an item of an import, a table of a file,
// all of one form and under the same rules. Values and pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "core/schedule.hpp"

namespace z4j::core {

// Nothing: leave as it is. An empty queue, description or overlap takes it away.
struct SchedulePatch {
  std::optional<std::string> engine = {}, kind = {}, expression = {}, task_name = {}, timezone = {},
                             queue = {}, priority = {}, catch_up = {}, source_hash = {},
                             description = {}, overlap = {};
  std::optional<base::json::Array> args = {};
  std::optional<base::json::Object> kwargs = {};
  std::optional<bool> is_enabled = {};
  std::optional<base::json::Object> options = {};
  std::optional<base::TimeUs> starts_at = {}, ends_at = {};
  std::optional<std::int64_t> catch_up_limit = {}, catch_up_deadline_seconds = {},
                              jitter_seconds = {}, max_failures = {};
};

struct ScheduleDraft {
  std::string name, source;
  std::optional<std::string> scheduler;  // none: the project's usual one
  SchedulePatch members;
};

// Error: invalid, `where` is the member. Members of other names are ignored, as is null.
[[nodiscard]] base::Result<SchedulePatch> read_schedule_patch(const base::json::Object& from);
[[nodiscard]] base::Result<ScheduleDraft> read_schedule_draft(const base::json::Object& from,
                                                              std::string_view usual_source);

void apply(const SchedulePatch& patch, Schedule& schedule);

// The members that a draft can have, as imports and diffs show them.
[[nodiscard]] base::json::Object draft_json(const Schedule& schedule);

}  // namespace z4j::core
