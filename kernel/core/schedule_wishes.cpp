#include "core/schedule_wishes.hpp"

#include <array>
#include <utility>
#include <vector>

#include "core/refusal.hpp"

namespace z4j::core {
namespace {

namespace col = model::schedules;
namespace json = base::json;

Cell text_cell(const std::optional<std::string>& text) { return text ? Cell(*text) : Cell(); }
Cell num_cell(const std::optional<std::int64_t>& number) { return number ? Cell(*number) : Cell(); }
Cell json_cell(const json::Value& value) { return value.is_null() ? Cell() : Cell(value); }

Cell edit_cell(const Schedule& s) { return s.edit ? Cell(json::Value(to_json(*s.edit))) : Cell(); }

Where as_seen(const Schedule& before) {
  Where self;
  self.eq(col::id, before.id).eq(col::revision, before.revision);
  return self;
}

}  // namespace

ScheduleEdit edit_for(std::string_view change, const Actor& actor, base::TimeUs now) {
  ScheduleEdit edit;
  edit.id = base::Uuid::random();
  edit.change = change;
  edit.since = now;
  edit.by = actor.user_id;
  return edit;
}

ScheduleEdit creation(const Schedule& schedule, const Actor& actor, base::TimeUs now) {
  ScheduleEdit edit = edit_for("create", actor, now);
  edit.values = schedule_json(schedule);
  for (const std::string_view member : {"id", "etag", "last_run_at", "next_run_at", "total_runs",
                                        "read_only", "read_only_reason", "capabilities"})
    edit.values.erase(member);
  return edit;
}

base::Error error_of(const ScheduleEdit& edit) {
  static constexpr std::array kCodes{
      base::Code::invalid, base::Code::not_found, base::Code::conflict,    base::Code::unsupported,
      base::Code::denied,  base::Code::too_large, base::Code::unavailable, base::Code::timeout};
  base::Code code = base::Code::conflict;
  for (const base::Code each : kCodes) {
    if (edit.code == base::to_string(each)) code = each;
  }
  std::string message = edit.why.empty() ? "the scheduler refused the change" : edit.why;
  switch (code) {
    case base::Code::invalid:
      return refuse::invalid("expression", std::move(message));
    case base::Code::unavailable:
    case base::Code::timeout:
      return refuse::error(base::Code::unavailable, refuse::kAgentOffline, std::move(message));
    case base::Code::denied:
      return refuse::conflict("not_permitted", std::move(message));
    case base::Code::not_found:
      return refuse::conflict("gone", std::move(message));
    default:
      return refuse::error(code, "backend_refused", std::move(message));
  }
}

void edit_row(Commit& commit, const Schedule& before, const Schedule& s) {
  commit.update(Table::schedules, as_seen(before),
                {{col::engine, s.engine},
                 {col::task_name, s.task_name},
                 {col::kind, s.kind},
                 {col::expression, s.expression},
                 {col::timezone, s.timezone},
                 {col::queue, text_cell(s.queue)},
                 {col::priority, s.priority},
                 {col::args, Cell(json::Value(s.args))},
                 {col::kwargs, Cell(json::Value(s.kwargs))},
                 {col::is_enabled, s.is_enabled},
                 {col::catch_up, s.catch_up},
                 {col::source, s.source},
                 {col::source_hash, text_cell(s.source_hash)},
                 {col::next_run_at, num_cell(s.next_run_at)},
                 {col::updated_at, s.updated_at},
                 {col::revision, s.revision},
                 {col::is_planned, s.is_planned},
                 {col::description, text_cell(s.description)},
                 {col::options, json_cell(s.options)},
                 {col::starts_at, num_cell(s.starts_at)},
                 {col::ends_at, num_cell(s.ends_at)},
                 {col::catch_up_limit, num_cell(s.catch_up_limit)},
                 {col::catch_up_deadline_seconds, num_cell(s.catch_up_deadline_seconds)},
                 {col::jitter_seconds, num_cell(s.jitter_seconds)},
                 {col::overlap, text_cell(s.overlap)},
                 {col::max_failures, num_cell(s.max_failures)},
                 {col::failures, s.failures},
                 {col::stopped_why, text_cell(s.stopped_why)}},
                1, 1);
}

void put_wish(Commit& commit, const Schedule& before, const Schedule& after) {
  commit.update(Table::schedules, as_seen(before),
                {{col::pending, edit_cell(after)},
                 {col::drift, json_cell(after.drift)},
                 {col::revision, after.revision},
                 {col::updated_at, after.updated_at}},
                1, 1);
}

void forget_creation(Store& store, const Schedule& schedule) {
  Where self;
  self.eq(col::id, schedule.id).eq(col::revision, schedule.revision);
  Commit commit;
  commit.erase(Table::schedules, std::move(self));
  static_cast<void>(store.commit(commit));  // a later look at the backend does it too
}

}  // namespace z4j::core
