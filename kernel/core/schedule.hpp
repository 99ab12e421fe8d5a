// A schedule and one of its fires, as their rows have them, and the schedule as plugins know it
// (docs/abi/scheduler.md). Values and free functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/store.hpp"

namespace z4j::core {

// The scheduler whose schedules lie in the kernel's tables.
inline constexpr std::string_view kOwnScheduler = "z4j-scheduler";

// An edit of a schedule elsewhere: what was asked, and what became of it.
struct ScheduleEdit {
  enum class State {
    waiting,  // nobody has taken it yet
    sent,     // somebody asked the backend
    written,  // the backend took it; a listing is to confirm it
    applied,  // a listing confirmed it
    failed,   // nothing was changed, `why` says why
    unknown   // nobody can say
  };
  base::Uuid id;
  std::string change;  // create, update, delete, enable, disable, trigger
  State state = State::waiting;
  base::TimeUs since = 0;
  std::optional<base::Uuid> by;
  base::json::Object values;  // members as asked for; once written, as the backend has them
  std::string why, code;      // code: the word of base::Code
  base::json::Value answer;   // what a trigger gave; null: nothing
  std::optional<base::TimeUs> applied_at;

  // Neither over nor given up.
  [[nodiscard]] bool is_open() const noexcept {
    return state == State::waiting || state == State::sent || state == State::written;
  }
};
[[nodiscard]] std::string_view to_string(ScheduleEdit::State state) noexcept;
[[nodiscard]] base::json::Object to_json(const ScheduleEdit& edit);
[[nodiscard]] std::optional<ScheduleEdit> edit_of(const base::json::Value& stored);

struct Schedule {
  base::Uuid id, project_id;
  std::string scheduler, owner, name, engine, task_name, kind, expression, timezone = "UTC";
  std::optional<std::string> queue;
  std::string priority = "normal";
  base::json::Array args;
  base::json::Object kwargs;
  bool is_enabled = true;
  std::string catch_up = "skip", source = "dashboard";
  std::optional<std::string> source_hash, external_id;
  std::optional<base::TimeUs> last_run_at, next_run_at;
  std::int64_t total_runs = 0;
  std::optional<base::Uuid> last_fire_id;
  base::TimeUs created_at = 0, updated_at = 0;
  std::int64_t revision = 1;
  bool is_planned = false;
  std::optional<std::string> description;
  base::json::Value options;  // object, or null
  std::optional<base::TimeUs> starts_at, ends_at;
  std::optional<std::int64_t> catch_up_limit, catch_up_deadline_seconds, jitter_seconds;
  std::optional<std::string> overlap;
  std::optional<std::int64_t> max_failures;
  std::int64_t failures = 0;
  std::optional<std::string> stopped_why;
  bool read_only = false;
  std::optional<std::string> read_only_reason;
  base::json::Array capabilities;
  std::string etag;
  std::optional<ScheduleEdit> edit;  // the latest, of a schedule elsewhere
  base::json::Value drift;           // object, or null
  std::optional<base::Uuid> agent_id;
  std::optional<base::TimeUs> seen_at;

  // Its row is the truth.
  [[nodiscard]] bool is_of_store() const noexcept { return owner.empty(); }
  [[nodiscard]] bool can(std::string_view capability) const;
};

[[nodiscard]] Schedule schedule_of(const Row& row);  // of a Query on schedules with all()
// The whole row, next in `rows`.
void put_schedule(Rows& rows, const Schedule& schedule);
// As plugins know it; those of the store with what only they have.
[[nodiscard]] base::json::Object schedule_json(const Schedule& schedule);
// What a backend lists, read with suspicion: texts bounded, words of the lists only. `schedule` has
// what the item doesn't tell. Error: invalid, `where` is the member.
[[nodiscard]] base::Status read_schedule(const base::json::Object& item, Schedule& schedule);

struct ScheduleFire {
  base::Uuid id, schedule_id, project_id;
  std::optional<base::Uuid> command_id;
  std::string status, reason;
  base::TimeUs scheduled_for = 0, fired_at = 0;
  std::optional<base::TimeUs> acked_at;
  std::optional<std::int64_t> latency_ms;
  std::optional<std::string> error_code, error_message, task_id, task_state;
  std::string engine;
  std::optional<base::Uuid> created_by;
};
[[nodiscard]] ScheduleFire fire_of(const Row& row);  // of a Query on schedule_fires with all()

[[nodiscard]] bool is_schedule_kind(std::string_view text) noexcept;
[[nodiscard]] bool is_catch_up(std::string_view text) noexcept;

}  // namespace z4j::core
