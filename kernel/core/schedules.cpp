#include "core/schedules.hpp"

#include <z4j/abi.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "core/live.hpp"
#include "core/refusal.hpp"
#include "core/schedule_wishes.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace col = model::schedules;
namespace fire_col = model::schedule_fires;
namespace json = base::json;

constexpr std::string_view kDuplicate = "conflict_duplicate_name";
constexpr auto kLookForOutcome = std::chrono::milliseconds(25);

base::Error name_taken(const Schedule& s) {
  return refuse::conflict(kDuplicate, s.scheduler + " has a schedule called \"" + s.name +
                                          "\" in this project already");
}

base::Error changed_meanwhile() {
  return refuse::conflict("schedule_changed",
                          "somebody else changed this schedule at the same moment");
}

bool is_same_json(const json::Value& a, const json::Value& b) {
  return json::write_canonical(a) == json::write_canonical(b);
}

// The members that differ, as the second has them.
json::Object difference(const json::Object& before, const json::Object& after) {
  json::Object out;
  for (const auto& member : after) {
    const json::Value* was = before.if_contains(member.key());
    if (was == nullptr || !is_same_json(*was, member.value())) out[member.key()] = member.value();
  }
  return out;
}

// What only the kernel's own schedules have, and a backend elsewhere would not heed.
std::string_view foreign_member(const Schedule& s) {
  if (s.catch_up != "skip") return "catch_up";
  if (s.catch_up_limit) return "catch_up_limit";
  if (s.catch_up_deadline_seconds) return "catch_up_deadline_seconds";
  if (s.jitter_seconds && *s.jitter_seconds > 0) return "jitter_seconds";
  if (s.overlap && *s.overlap != "allow") return "overlap";
  if (s.max_failures) return "max_failures";
  return {};
}

std::string_view audit_action(std::string_view change) {
  if (change == "create") return "schedule.create";
  if (change == "delete") return "schedule.delete";
  if (change == "enable") return "schedule.enable";
  if (change == "disable") return "schedule.disable";
  if (change == "trigger") return "schedule.trigger_now";
  return "schedule.update";
}

AuditEntry edit_entry(const Actor& actor, std::string_view change, const Schedule& s) {
  AuditEntry entry =
      AuditEntry::of(actor, audit_action(change), "schedule", s.id.text(), s.project_id);
  entry.metadata = {{"name", s.name}, {"scheduler", s.scheduler}};
  return entry;
}

// Arguments may hold secrets: which of the members changed is told, not to what.
json::Array names_of(const json::Object& members) {
  json::Array out;
  for (const auto& member : members) out.emplace_back(member.key());
  return out;
}

bool runs_otherwise(const Schedule& a, const Schedule& b) {
  return a.kind != b.kind || a.expression != b.expression || a.timezone != b.timezone ||
         a.starts_at != b.starts_at || a.ends_at != b.ends_at ||
         a.jitter_seconds != b.jitter_seconds || a.is_enabled != b.is_enabled;
}

}  // namespace

std::vector<SchedulerPlace> Schedules::places() const {
  return options_.places ? options_.places() : std::vector<SchedulerPlace>();
}

void Schedules::told(const base::Uuid& project, const base::Uuid& schedule) const {
  if (options_.on_edited) options_.on_edited(schedule);
  if (options_.on_changed) options_.on_changed(project, kScheduleChanged);
}

void Schedules::redact(Schedule& schedule) const {
  if (!options_.redact) return;
  if (json::Value args = options_.redact(json::Value(std::move(schedule.args))); args.is_array())
    schedule.args = std::move(args.get_array());
  if (json::Value kwargs = options_.redact(json::Value(std::move(schedule.kwargs)));
      kwargs.is_object())
    schedule.kwargs = std::move(kwargs.get_object());
  if (!schedule.options.is_null()) schedule.options = options_.redact(std::move(schedule.options));
  if (!schedule.drift.is_null()) schedule.drift = options_.redact(std::move(schedule.drift));
  if (schedule.edit) schedule.edit->values.clear();
}

// A refused attempt is recorded, too.
base::Error Schedules::refused(const Actor& actor, std::string_view change,
                               const Schedule& schedule, base::Error why) {
  if (why.is_world() && why.where != refuse::kAgentOffline) return why;
  AuditEntry entry = edit_entry(actor, change, schedule);
  entry.result = "failed";
  entry.metadata["reason"] = why.where.empty() ? base::to_string(why.code) : why.where.c_str();
  if (schedule.id.is_nil()) entry.target_id.reset();
  audit_.record(std::move(entry));
  return why;
}

// --- reading ------------------------------------------------------------------------------------

base::Result<SchedulePage> Schedules::list(const base::Uuid& project, const ScheduleFilter& filter,
                                           const std::optional<SchedulePlace>& after,
                                           std::uint32_t limit) {
  Query query(Table::schedules);
  query.where.eq(col::project_id, project);
  if (filter.scheduler) query.where.eq(col::scheduler, *filter.scheduler);
  if (filter.engine) query.where.eq(col::engine, *filter.engine);
  if (filter.source) query.where.eq(col::source, *filter.source);
  if (filter.owner) query.where.eq(col::owner, *filter.owner);
  if (filter.is_enabled) query.where.eq(col::is_enabled, *filter.is_enabled);
  if (filter.search) {
    query.where.any([&](Where& any) {
      any.contains(col::name, *filter.search).contains(col::task_name, *filter.search);
    });
  }
  query.all().order({col::name, col::id}).limit(limit + 1);
  if (after) query.after({Cell(after->name), Cell(after->id)});
  SchedulePage page;
  bool has_more = false;
  auto done = store_.each(query, [&](const Row& row) {
    if (page.items.size() == limit) {
      has_more = true;
      return false;
    }
    page.items.push_back(schedule_of(row));
    return true;
  });
  if (!done) return std::move(done).error();
  if (has_more) page.next = SchedulePlace{page.items.back().name, page.items.back().id};
  return page;
}

base::Result<std::optional<Schedule>> Schedules::row_of(const base::Uuid& project,
                                                        const base::Uuid& id) {
  Query query(Table::schedules);
  query.where.eq(col::id, id).eq(col::project_id, project);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return std::optional<Schedule>{};
  return std::optional<Schedule>(schedule_of(**row));
}

base::Result<Schedule> Schedules::find(const base::Uuid& project, const base::Uuid& id) {
  auto found = row_of(project, id);
  if (!found) return std::move(found).error();
  if (!found->has_value()) return refuse::not_found("schedule");
  return std::move(**found);
}

base::Result<std::vector<ScheduleFire>> Schedules::fires(const base::Uuid& project,
                                                         const base::Uuid& schedule,
                                                         std::uint32_t limit) {
  if (auto found = find(project, schedule); !found) return std::move(found).error();
  Query query(Table::schedule_fires);
  query.where.eq(fire_col::schedule_id, schedule);
  query.all().order({fire_col::fired_at, fire_col::id}, true).limit(limit);
  std::vector<ScheduleFire> out;
  auto done = store_.each(query, [&out](const Row& row) {
    out.push_back(fire_of(row));
    return true;
  });
  if (!done) return std::move(done).error();
  return out;
}

// --- whose it is, and what may be done ----------------------------------------------------------

base::Result<Schedules::Target> Schedules::target_of(
    const Project& project, const std::optional<std::string>& scheduler) const {
  const std::string name = scheduler.value_or(project.default_scheduler_owner);
  std::vector<SchedulerPlace> found;
  bool is_own = name == kOwnScheduler;
  for (SchedulerPlace& place : places()) {
    if (place.is_of_store) {
      is_own = is_own || place.scheduler == name;
    } else if (place.project_id == project.id) {
      if (place.instance == name) {  // the very one
        found.assign(1, std::move(place));
        break;
      }
      if (place.scheduler == name) found.push_back(std::move(place));
    }
  }
  const std::string& known_as = found.size() == 1 ? found.front().scheduler : name;
  if (project.allowed_schedulers &&
      std::find(project.allowed_schedulers->begin(), project.allowed_schedulers->end(), known_as) ==
          project.allowed_schedulers->end()) {
    return refuse::invalid("scheduler", "this project does not allow the scheduler \"" +
                                            clean_text(known_as, 40) + "\"");
  }
  if (is_own) return Target{name, ""};
  if (found.empty()) {
    return refuse::invalid("scheduler", "no plugin of this project serves the scheduler \"" +
                                            clean_text(name, 40) + "\"");
  }
  if (found.size() > 1) {
    return refuse::invalid("scheduler", "several instances serve \"" + clean_text(name, 40) +
                                            "\" here: give the name of one of them");
  }
  const SchedulerPlace& place = found.front();
  if (place.capabilities != 0 && (place.capabilities & Z4J_SCHED_WRITE) == 0) {
    return refuse::conflict("read_only", place.scheduler + " (" + place.instance +
                                             ") can only be read: its schedules are made where "
                                             "they are declared");
  }
  return Target{place.scheduler, place.instance};
}

base::Status Schedules::may(const Schedule& s, std::string_view capability) {
  if (s.is_of_store()) return {};
  const std::string reason = s.read_only_reason.value_or("");
  if (s.read_only && !s.can(capability)) {
    const std::size_t colon = reason.find(':');
    return refuse::conflict(
        colon != std::string::npos && colon > 0 ? reason.substr(0, colon) : "read_only",
        colon != std::string::npos
            ? std::string(trimmed(std::string_view(reason).substr(colon + 1)))
            : s.scheduler + " does not let this schedule be changed");
  }
  if (!s.can(capability)) {
    return refuse::conflict("not_supported", s.scheduler + " can't do this with the schedule: " +
                                                 std::string(capability));
  }
  if (s.agent_id) {
    Query query(Table::agents);
    query.where.eq(model::agents::id, *s.agent_id);
    auto row = store_.first(query.columns({model::agents::state, model::agents::name}));
    if (!row) return std::move(row).error();
    if (!row->has_value() || (*row)->text(model::agents::state) != "online") {
      return refuse::error(base::Code::unavailable, refuse::kAgentOffline,
                           "the agent that has this schedule is not online; nothing was sent");
    }
    return {};
  }
  for (const SchedulerPlace& place : places()) {
    if (place.instance != s.owner) continue;
    if (place.is_running) return {};
    return refuse::error(base::Code::unavailable, refuse::kAgentOffline,
                         "the plugin instance " + place.instance + " does not run: " +
                             (place.why_not.empty() ? "see its state" : place.why_not));
  }
  return options_.places
             ? refuse::conflict("backend_offline", "no plugin instance has this schedule any more")
             : base::Status();
}

base::Status Schedules::plan(Schedule& s) const {
  if (!s.is_of_store()) {
    if (const std::string_view member = foreign_member(s); !member.empty()) {
      return refuse::invalid(member, s.scheduler + " knows no " + std::string(member) +
                                         ": only the kernel's own schedules have it");
    }
  }
  if (s.starts_at && s.ends_at && *s.starts_at >= *s.ends_at)
    return refuse::invalid("ends_at", "ends_at must be later than starts_at");
  s.is_planned = false;
  if (!options_.preview) return {};
  auto next = options_.preview(s.scheduler, s.project_id, schedule_json(s), clock_.now(), 1);
  if (!next) {
    base::Error error = std::move(next).error();
    // Who checks it runs elsewhere: the backend has the last word anyway.
    if (!s.is_of_store() && error.code != base::Code::invalid) return {};
    if (error.code != base::Code::invalid)
      return refuse::invalid("scheduler", "the schedule can't be checked: " + error.message);
    while (error.where.starts_with('/')) error.where.erase(0, 1);
    if (error.where.empty() || error.where == "task") error.where = "expression";
    return error;
  }
  if (s.is_of_store())
    s.next_run_at = s.is_enabled && !next->empty() ? std::optional(next->front()) : std::nullopt;
  return {};
}

base::Result<Schedule> Schedules::drafted(const Project& project, const ScheduleDraft& draft,
                                          const Target& target) const {
  Schedule s;
  s.id = base::Uuid::random();
  s.project_id = project.id;
  s.scheduler = target.scheduler;
  s.owner = target.owner;
  s.name = draft.name;
  s.source = draft.source;
  apply(draft.members, s);
  s.created_at = s.updated_at = clock_.now();
  s.capabilities = {"update", "delete", "enable", "trigger"};
  if (auto good = plan(s); !good) return std::move(good).error();
  return s;
}

// --- edits --------------------------------------------------------------------------------------

base::Result<Schedule> Schedules::create(const Project& project, const ScheduleDraft& draft,
                                         const Actor& actor) {
  Schedule asked;  // for the record
  asked.project_id = project.id;
  asked.name = draft.name;
  asked.scheduler = draft.scheduler.value_or(project.default_scheduler_owner);
  auto target = target_of(project, draft.scheduler);
  if (!target) return refused(actor, "create", asked, std::move(target).error());
  auto made = drafted(project, draft, *target);
  if (!made) return refused(actor, "create", asked, std::move(made).error());
  Schedule& s = *made;
  AuditEntry entry = edit_entry(actor, "create", s);
  entry.metadata["kind"] = s.kind;
  entry.metadata["expression"] = s.expression;
  entry.metadata["task_name"] = s.task_name;
  entry.metadata["source"] = s.source;
  if (!s.is_of_store()) s.edit = creation(s, actor, clock_.now());
  Commit commit;
  auto done = audit_.commit(
      {std::move(entry)},
      [&](Commit& c) {
        Rows rows(Table::schedules);
        put_schedule(rows, s);
        c.insert_new(std::move(rows), true);
        check_project_is_active(c, project.id);
        if (options_.tell_others) options_.tell_others(c, s.id);
      },
      commit);
  if (!done) {
    if (done.error().code == base::Code::conflict && commit.bad_step() == 0)
      return refused(actor, "create", s, name_taken(s));
    if (done.error().code == base::Code::conflict && commit.bad_step() == 1)
      return refuse::not_found("project");  // archived at the same moment
    return std::move(done).error();
  }
  told(project.id, s.id);
  return s.is_of_store() ? std::move(made) : settled(s);
}

base::Result<Schedule> Schedules::edit(const Schedule& before, Schedule after,
                                       std::string_view change, const Actor& actor) {
  if (auto good = plan(after); !good)
    return refused(actor, change, before, std::move(good).error());
  const json::Object differs = difference(draft_json(before), draft_json(after));
  AuditEntry entry = edit_entry(actor, change, before);
  entry.metadata["changed"] = names_of(differs);
  if (!before.is_of_store()) {
    ScheduleEdit asked = edit_for(change, actor, clock_.now());
    asked.values = difference(schedule_json(before), schedule_json(after));
    for (const std::string_view own : {"next_run_at", "last_run_at", "total_runs"})
      asked.values.erase(own);
    return wish(before, std::move(asked), std::move(entry));
  }
  after.revision = before.revision + 1;
  after.updated_at = std::max(clock_.now(), before.updated_at + 1);
  if (after.is_enabled && !before.is_enabled) {
    after.failures = 0;
    after.stopped_why.reset();
  }
  if (!runs_otherwise(before, after)) after.next_run_at = before.next_run_at;
  Commit commit;
  auto done = audit_.commit(
      {std::move(entry)},
      [&](Commit& c) {
        edit_row(c, before, after);
        if (options_.tell_others) options_.tell_others(c, after.id);
      },
      commit);
  if (!done) {
    if (done.error().code == base::Code::conflict && commit.bad_step() == 0)
      return changed_meanwhile();
    return std::move(done).error();
  }
  told(after.project_id, after.id);
  return after;
}

base::Result<Schedule> Schedules::patch(const Project& project, const base::Uuid& id,
                                        const SchedulePatch& patch, const Actor& actor) {
  auto before = find(project.id, id);
  if (!before) return before;
  Schedule after = *before;
  apply(patch, after);
  if (is_same_json(draft_json(*before), draft_json(after))) return before;
  const bool only_switches = [&] {
    Schedule switched = *before;
    switched.is_enabled = after.is_enabled;
    return is_same_json(draft_json(switched), draft_json(after));
  }();
  const std::string_view change = !only_switches     ? "update"
                                  : after.is_enabled ? "enable"
                                                     : "disable";
  if (auto may_it = may(*before, only_switches ? "enable" : "update"); !may_it)
    return refused(actor, change, *before, std::move(may_it).error());
  return edit(*before, std::move(after), change, actor);
}

base::Result<Schedule> Schedules::enable(const Project& project, const base::Uuid& id,
                                         bool is_enabled, const Actor& actor) {
  SchedulePatch patch;
  patch.is_enabled = is_enabled;
  return this->patch(project, id, patch, actor);
}

base::Status Schedules::remove(const Project& project, const base::Uuid& id, const Actor& actor) {
  auto before = find(project.id, id);
  if (!before) return std::move(before).error();
  // A wish that nobody has heard yet is taken back.
  const bool is_wish = before->edit && before->edit->change == "create" &&
                       (before->edit->state == ScheduleEdit::State::waiting ||
                        before->edit->state == ScheduleEdit::State::failed);
  if (!before->is_of_store() && !is_wish) {
    if (auto may_it = may(*before, "delete"); !may_it)
      return refused(actor, "delete", *before, std::move(may_it).error());
    auto left = wish(*before, edit_for("delete", actor, clock_.now()),
                     edit_entry(actor, "delete", *before));
    if (!left && left.error().code != base::Code::not_found) return std::move(left).error();
    return {};
  }
  Commit commit;
  auto done = audit_.commit(
      {edit_entry(actor, "delete", *before)},
      [&](Commit& c) {
        Where there, self;
        there.eq(col::id, id).eq(col::revision, before->revision);
        self.eq(col::id, id);
        c.check(Table::schedules, std::move(there), 1, 1);
        c.erase(Table::schedules, std::move(self));
        if (options_.tell_others) options_.tell_others(c, id);
      },
      commit);
  if (!done) {
    if (done.error().code == base::Code::conflict && commit.bad_step() == 0)
      return changed_meanwhile();
    return done;
  }
  told(project.id, id);
  return {};
}

base::Result<Schedules::Triggered> Schedules::trigger(const Project& project, const base::Uuid& id,
                                                      const Actor& actor,
                                                      const std::optional<std::string>& key) {
  auto before = find(project.id, id);
  if (!before) return std::move(before).error();
  if (before->is_of_store()) {
    if (!options_.fire_now) {
      return refused(actor, "trigger", *before,
                     refuse::error(base::Code::unsupported, "trigger",
                                   "this brain can't fire schedules by hand"));
    }
    auto outcome = options_.fire_now(project.id, id, actor, key);
    if (!outcome) return refused(actor, "trigger", *before, std::move(outcome).error());
    auto after = find(project.id, id);
    return Triggered{after ? std::move(*after) : std::move(*before), std::move(*outcome)};
  }
  if (auto may_it = may(*before, "trigger"); !may_it)
    return refused(actor, "trigger", *before, std::move(may_it).error());
  ScheduleEdit asked = edit_for("trigger", actor, clock_.now());
  if (before->edit) asked.values = before->edit->values;  // drift is still told from them
  auto after = wish(*before, std::move(asked), edit_entry(actor, "trigger", *before));
  if (!after) return std::move(after).error();
  json::Object outcome{{"outcome", "unknown"}};
  if (after->edit && after->edit->answer.is_object()) outcome = after->edit->answer.get_object();
  return Triggered{std::move(*after), std::move(outcome)};
}

// --- wishes -------------------------------------------------------------------------------------

base::Result<Schedule> Schedules::wish(const Schedule& before, ScheduleEdit asked,
                                       AuditEntry entry) {
  if (before.edit && before.edit->is_open()) {
    const ScheduleEdit& open = *before.edit;
    const bool is_young = clock_.now() - open.since < kWishTimeoutS * base::kSecondUs;
    const bool joins = open.state == ScheduleEdit::State::waiting && asked.change != "delete" &&
                       asked.change != "trigger" && open.change != "delete" &&
                       open.change != "trigger";
    if (joins) {
      json::Object values = open.values;
      for (auto& member : asked.values) values[member.key()] = std::move(member.value());
      asked.values = std::move(values);
      if (open.change == "create") asked.change = "create";
    } else if (open.state != ScheduleEdit::State::written && is_young) {
      return refuse::conflict("edit_under_way", before.scheduler +
                                                    " was asked for another change (" +
                                                    open.change + ") and has not answered yet");
    }
  }
  Schedule after = before;
  after.edit = std::move(asked);
  after.drift = nullptr;
  after.revision = before.revision + 1;
  after.updated_at = clock_.now();
  Commit commit;
  auto done = audit_.commit(
      {std::move(entry)},
      [&](Commit& c) {
        put_wish(c, before, after);
        if (options_.tell_others) options_.tell_others(c, after.id);
      },
      commit);
  if (!done) {
    if (done.error().code == base::Code::conflict && commit.bad_step() == 0)
      return changed_meanwhile();
    return std::move(done).error();
  }
  told(after.project_id, after.id);
  return settled(after);
}

// Looks a while for what became of the wish; who runs the backend may be another brain.
base::Result<Schedule> Schedules::settled(const Schedule& asked) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.wait_ms);
  for (;;) {
    auto now = row_of(asked.project_id, asked.id);
    if (!now) return std::move(now).error();
    if (!now->has_value()) return refuse::not_found("schedule");
    Schedule& s = **now;
    const bool is_ours = s.edit && s.edit->id == asked.edit->id;
    if (!is_ours) return std::move(s);  // another came after it
    if (s.edit->state == ScheduleEdit::State::failed) {
      base::Error why = error_of(*s.edit);
      if (s.edit->change == "create") forget_creation(store_, s);
      return why;
    }
    if ((s.edit->state != ScheduleEdit::State::waiting &&
         s.edit->state != ScheduleEdit::State::sent) ||
        std::chrono::steady_clock::now() >= until)
      return std::move(s);
    std::this_thread::sleep_for(kLookForOutcome);
  }
}

}  // namespace z4j::core
