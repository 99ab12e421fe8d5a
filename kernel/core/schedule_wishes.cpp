#include "core/schedule_wishes.hpp"

#include <algorithm>
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

bool is_equal_json(const json::Value& a, const json::Value& b) {
  return json::write_canonical(a) == json::write_canonical(b);
}

// Members that the backend has otherwise than was asked: {member: {asked, has}}.
json::Object otherwise(const json::Object& asked, const json::Object& has) {
  json::Object out;
  for (const auto& member : asked) {
    const json::Value* value = has.if_contains(member.key());
    if (value == nullptr || is_equal_json(*value, member.value())) continue;
    out[member.key()] = json::Object{{"asked", member.value()}, {"has", *value}};
  }
  return out;
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

void scrub_schedule(const Redact& redact, Schedule& s) {
  const auto scrubbed = [&](json::Value value) {
    return redact ? redact(std::move(value)) : std::move(value);
  };
  if (json::Value args = scrubbed(std::move(s.args)); args.is_array())
    s.args = std::move(args.get_array());
  if (json::Value kwargs = scrubbed(std::move(s.kwargs)); kwargs.is_object())
    s.kwargs = std::move(kwargs.get_object());
  if (!s.options.is_null()) s.options = scrubbed(std::move(s.options));
}

void confirm_edit(Schedule& s, const Redact& redact, base::TimeUs now) {
  if (!s.edit) return;
  ScheduleEdit& edit = *s.edit;
  json::Object has = schedule_json(s);
  const auto differs = [&] {
    json::Value asked(edit.values);
    if (redact && edit.state != ScheduleEdit::State::written &&
        edit.state != ScheduleEdit::State::applied)
      asked = redact(std::move(asked));
    return otherwise(asked.get_object(), has);
  };
  if (edit.state == ScheduleEdit::State::applied || edit.state == ScheduleEdit::State::written) {
    json::Object drift = differs();
    if (edit.state == ScheduleEdit::State::written) {
      edit.state = ScheduleEdit::State::applied;
      edit.applied_at = now;
    }
    const std::string was = s.drift.is_object() ? json::write(s.drift.at("members")) : "";
    if (drift.empty())
      s.drift = nullptr;
    else if (json::write(drift) != was)
      s.drift = json::Object{{"since", base::format_time(now)}, {"members", std::move(drift)}};
    return;
  }
  const bool is_lost = edit.state == ScheduleEdit::State::unknown ||
                       (edit.state == ScheduleEdit::State::sent &&
                        now - edit.since > kWishTimeoutS * base::kSecondUs);
  if (!is_lost || edit.change == "trigger" || edit.change == "delete") {
    if (is_lost && edit.state == ScheduleEdit::State::sent) {
      edit.state = ScheduleEdit::State::unknown;
      edit.why = "no answer came";
    }
    return;
  }
  if (differs().empty()) {
    edit.state = ScheduleEdit::State::applied;
    edit.applied_at = now;
    edit.why.clear();
  } else if (edit.state == ScheduleEdit::State::sent) {
    edit.state = ScheduleEdit::State::unknown;
    edit.why = "no answer came, and the backend does not show the change";
  }
}

void update_shown(Commit& commit, const Schedule& before, const Schedule& s) {
  Where self;
  self.eq(col::id, before.id).eq(col::revision, before.revision);
  std::vector<Set> sets{{col::engine, s.engine},
                        {col::task_name, s.task_name},
                        {col::kind, s.kind},
                        {col::expression, s.expression},
                        {col::timezone, s.timezone},
                        {col::queue, text_cell(s.queue)},
                        {col::priority, s.priority},
                        {col::args, Cell(json::Value(s.args))},
                        {col::kwargs, Cell(json::Value(s.kwargs))},
                        {col::is_enabled, s.is_enabled},
                        {col::external_id, text_cell(s.external_id)},
                        {col::last_run_at, num_cell(s.last_run_at)},
                        {col::next_run_at, num_cell(s.next_run_at)},
                        {col::total_runs, s.total_runs},
                        {col::updated_at, s.updated_at},
                        {col::revision, s.revision},
                        {col::description, text_cell(s.description)},
                        {col::options, json_cell(s.options)},
                        {col::starts_at, num_cell(s.starts_at)},
                        {col::ends_at, num_cell(s.ends_at)},
                        {col::read_only, s.read_only},
                        {col::read_only_reason, text_cell(s.read_only_reason)},
                        {col::capabilities, Cell(json::Value(s.capabilities))},
                        {col::etag, Cell::text_or_null(s.etag)},
                        {col::pending, s.edit ? Cell(json::Value(to_json(*s.edit))) : Cell()},
                        {col::drift, json_cell(s.drift)},
                        {col::seen_at, num_cell(s.seen_at), Z4J_M_MAX}};
  commit.update(Table::schedules, std::move(self), std::move(sets));
}

void erase_shown(Commit& commit, const Schedule& s) {
  Where self;
  self.eq(col::id, s.id).eq(col::revision, s.revision);
  commit.erase(Table::schedules, std::move(self));
}

bool tells_other_things(const Schedule& a, const Schedule& b) {
  json::Object before = schedule_json(a), after = schedule_json(b);
  for (const std::string_view moving : {"last_run_at", "next_run_at", "total_runs"}) {
    before.erase(moving);
    after.erase(moving);
  }
  return !is_equal_json(before, after);
}

}  // namespace z4j::core
