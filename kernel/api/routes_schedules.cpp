// Schedules: when which task is sent, and by whom.
#include <algorithm>
#include <map>
#include <set>

#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"
#include "base/crypto.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::Value;

constexpr std::size_t kMostErrorText = 500;

Value text_of(const std::optional<std::string>& text) {
  return text ? Value(*text) : Value(nullptr);
}

// Why something can't be done with schedules at the moment, by whose they are.
class Standing {
 public:
  static base::Result<Standing> of(Site& site, const Call& call) {
    Standing out;
    auto agents = site.fleet.agents(call.project->id);
    if (!agents) return std::move(agents).error();
    for (const core::FleetAgent& agent : *agents)
      out.online_agents_[agent.id] = agent.state == "online";
    for (const core::SchedulerPlace& place : site.parts.schedules->places()) {
      if (!place.is_of_store) out.running_[place.instance] = place.is_running;
    }
    const auto may = [&](core::Action action) {
      return core::decide(*call.principal, action, &call.project->id).allowed();
    };
    out.manages_ = may(core::Action::manage_schedules);
    out.runs_ = may(core::Action::run_schedules);
    return out;
  }

  [[nodiscard]] bool manages() const noexcept { return manages_; }
  // A reason that passes, or another person would not have: "agent_offline", "role_viewer".
  [[nodiscard]] Value blocked(const core::Schedule& s) const {
    if (s.agent_id) {
      const auto agent = online_agents_.find(*s.agent_id);
      if (agent == online_agents_.end() || !agent->second) return "agent_offline";
    } else if (!s.is_of_store()) {
      const auto place = running_.find(s.owner);
      if (place == running_.end() || !place->second) return "agent_offline";
    }
    return runs_ ? Value(nullptr) : Value("role_viewer");
  }

 private:
  std::map<base::Uuid, bool> online_agents_;
  std::map<std::string, bool> running_;
  bool manages_ = false, runs_ = false;
};

Value pending_of(const core::Schedule& s) {
  if (!s.edit || s.edit->state == core::ScheduleEdit::State::applied) return nullptr;
  const core::ScheduleEdit& edit = *s.edit;
  return Object{{"change", edit.change},
                {"state", to_string(edit.state)},
                {"since", base::format_time(edit.since)},
                {"by", id_or_null(edit.by)},
                {"why", base::json::text_or_null(edit.why)},
                {"values", edit.values}};
}

Object schedule_json(const core::Schedule& s, const Standing& standing) {
  return {{"id", s.id.text()},
          {"project_id", s.project_id.text()},
          {"engine", s.engine},
          {"scheduler", s.scheduler},
          {"name", s.name},
          {"task_name", s.task_name},
          {"kind", s.kind},
          {"expression", s.expression},
          {"timezone", s.timezone},
          {"queue", text_of(s.queue)},
          {"priority", s.priority},
          {"args", s.args},
          {"kwargs", s.kwargs},
          {"is_enabled", s.is_enabled},
          {"last_run_at", time_or_null(s.last_run_at)},
          {"next_run_at", time_or_null(s.next_run_at)},
          {"total_runs", s.total_runs},
          {"external_id", text_of(s.external_id)},
          {"created_at", base::format_time(s.created_at)},
          {"updated_at", base::format_time(s.updated_at)},
          {"catch_up", s.catch_up},
          {"source", s.source},
          {"source_hash", text_of(s.source_hash)},
          {"instance", s.is_of_store() || s.agent_id ? Value(nullptr) : Value(s.owner)},
          {"owner_agent_id", id_or_null(s.agent_id)},
          {"revision", s.revision},
          {"description", text_of(s.description)},
          {"options", s.options},
          {"starts_at", time_or_null(s.starts_at)},
          {"ends_at", time_or_null(s.ends_at)},
          {"catch_up_limit", number_or_null(s.catch_up_limit)},
          {"catch_up_deadline_seconds", number_or_null(s.catch_up_deadline_seconds)},
          {"jitter_seconds", number_or_null(s.jitter_seconds)},
          {"overlap", text_of(s.overlap)},
          {"max_failures", number_or_null(s.max_failures)},
          {"failures", s.failures},
          {"stopped_why", text_of(s.stopped_why)},
          {"read_only", s.read_only},
          {"read_only_reason", text_of(s.read_only_reason)},
          {"capabilities", s.capabilities},
          {"blocked", standing.blocked(s)},
          {"pending", pending_of(s)},
          {"applied_at", s.edit ? time_or_null(s.edit->applied_at) : Value(nullptr)},
          {"drift", s.drift}};
}

Object fire_json(const core::ScheduleFire& f) {
  return {{"id", f.id.text()},
          {"fire_id", f.id.text()},
          {"schedule_id", f.schedule_id.text()},
          {"command_id", id_or_null(f.command_id)},
          {"status", f.status},
          {"scheduled_for", base::format_time(f.scheduled_for)},
          {"fired_at", base::format_time(f.fired_at)},
          {"acked_at", time_or_null(f.acked_at)},
          {"latency_ms", number_or_null(f.latency_ms)},
          {"error_code", text_of(f.error_code)},
          {"error_message", text_of(f.error_message)},
          {"reason", f.reason},
          {"engine", f.engine},
          {"task_id", text_of(f.task_id)},
          {"task_state", text_of(f.task_state)},
          {"created_by", id_or_null(f.created_by)}};
}

net::Response schedule_answer(Site& site, const Call& call, int status,
                              base::Result<core::Schedule> found) {
  if (!found) return refuse(call, found.error());
  auto standing = Standing::of(site, call);
  if (!standing) return refuse(call, standing.error());
  if (!standing->manages()) site.parts.schedules->redact(*found);
  return json_answer(status, schedule_json(*found, *standing));
}

std::optional<base::Uuid> schedule_id(const Call& call) {
  return base::Uuid::parse(call.param("schedule_id"));
}

net::Response no_schedule(const Call& call) {
  return refuse(call, core::refuse::not_found("schedule"));
}

// --- lists --------------------------------------------------------------------------------------

std::string write_schedule_cursor(const core::SchedulePlace& at) {
  return base::base64url("p" + std::string(at.id.view()) + at.name);
}

std::optional<core::SchedulePlace> read_schedule_cursor(std::string_view text) {
  constexpr std::size_t kId = 16;
  const auto plain = base::unbase64url(text);
  if (!plain || plain->size() < 1 + kId || plain->front() != 'p') return std::nullopt;
  const std::string_view bytes = std::string_view(*plain).substr(1);
  std::string name(bytes.substr(kId));
  if (!core::is_utf8(name)) return std::nullopt;
  return core::SchedulePlace{std::move(name), base::Uuid::from_bytes(bytes.substr(0, kId))};
}

core::ScheduleFilter read_schedule_filter(Input& query) {
  core::ScheduleFilter filter;
  filter.scheduler = query.text("scheduler", {1, 40});
  filter.engine = query.text("engine", {1, 40});
  filter.search = query.text("search", {1, 200});
  filter.source = query.text("source", {1, 64});
  if (query.has("is_enabled")) filter.is_enabled = query.boolean("is_enabled", true);
  return filter;
}

net::Response list_schedules(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const core::ScheduleFilter filter = read_schedule_filter(query);
  const auto limit = static_cast<std::uint32_t>(query.integer("limit", 1, 500).value_or(50));
  std::optional<core::SchedulePlace> after;
  if (const auto cursor = query.text("cursor", {1, 4096})) {
    after = read_schedule_cursor(*cursor);
    if (!after) query.problem("cursor", "value_error", "is not a next_cursor of this list");
  }
  if (!query.ok()) return query.refused(call.request);
  auto page = site.parts.schedules->list(call.project->id, filter, after, limit);
  if (!page) return refuse(call, page.error());
  auto standing = Standing::of(site, call);
  if (!standing) return refuse(call, standing.error());
  Array items;
  for (core::Schedule& s : page->items) {
    if (!standing->manages()) site.parts.schedules->redact(s);
    items.emplace_back(schedule_json(s, *standing));
  }
  return json_answer(
      200, Object{{"items", std::move(items)},
                  {"next_cursor",
                   page->next ? Value(write_schedule_cursor(*page->next)) : Value(nullptr)}});
}

net::Response get_schedule(Site& site, Call& call) {
  const auto id = schedule_id(call);
  if (!id) return no_schedule(call);
  return schedule_answer(site, call, 200, site.parts.schedules->find(call.project->id, *id));
}

net::Response list_fires(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const std::int64_t limit = query.integer("limit", -1'000'000, 1'000'000).value_or(100);
  if (!query.ok()) return query.refused(call.request);
  const auto id = schedule_id(call);
  if (!id) return no_schedule(call);
  auto fires = site.parts.schedules->fires(
      call.project->id, *id, static_cast<std::uint32_t>(std::clamp<std::int64_t>(limit, 1, 1000)));
  if (!fires) return refuse(call, fires.error());
  Array out;
  for (const core::ScheduleFire& fire : *fires) out.emplace_back(fire_json(fire));
  return json_answer(200, std::move(out));
}

// --- edits --------------------------------------------------------------------------------------

net::Response create_schedule(Site& site, Call& call) {
  const Input in = Input::of_body(call.request);
  if (!in.ok()) return in.refused(call.request);
  auto draft = core::read_schedule_draft(in.fields(), "dashboard");
  if (!draft) return refuse(call, draft.error());
  return schedule_answer(site, call, 201,
                         site.parts.schedules->create(*call.project, *draft, call.actor()));
}

net::Response patch_schedule(Site& site, Call& call) {
  const Input in = Input::of_body(call.request);
  if (!in.ok()) return in.refused(call.request);
  auto patch = core::read_schedule_patch(in.fields());
  if (!patch) return refuse(call, patch.error());
  const auto id = schedule_id(call);
  if (!id) return no_schedule(call);
  return schedule_answer(site, call, 200,
                         site.parts.schedules->patch(*call.project, *id, *patch, call.actor()));
}

net::Response delete_schedule(Site& site, Call& call) {
  const auto id = schedule_id(call);
  if (!id) return no_schedule(call);
  auto done = site.parts.schedules->remove(*call.project, *id, call.actor());
  return done ? no_content() : refuse(call, done.error());
}

net::Response switch_schedule(Site& site, Call& call, bool is_enabled) {
  const auto id = schedule_id(call);
  if (!id) return no_schedule(call);
  return schedule_answer(
      site, call, 200, site.parts.schedules->enable(*call.project, *id, is_enabled, call.actor()));
}

net::Response enable_schedule(Site& site, Call& call) { return switch_schedule(site, call, true); }

net::Response disable_schedule(Site& site, Call& call) {
  return switch_schedule(site, call, false);
}

net::Response trigger_schedule(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const auto key = in.text("idempotency_key", {1, 200});
  if (!in.ok()) return in.refused(call.request);
  const auto id = schedule_id(call);
  if (!id) return no_schedule(call);
  auto done = site.parts.schedules->trigger(*call.project, *id, call.actor(), key);
  if (!done) return refuse(call, done.error());
  auto standing = Standing::of(site, call);
  if (!standing) return refuse(call, standing.error());
  if (!standing->manages()) site.parts.schedules->redact(done->schedule);
  Object out = schedule_json(done->schedule, *standing);
  out["trigger"] = std::move(done->outcome);
  return json_answer(200, out);
}

// --- imports ------------------------------------------------------------------------------------

base::Result<core::ScheduleImport> read_import(Input& in) {
  core::ScheduleImport import;
  const std::string mode = in.text("mode", {1, 40}).value_or("upsert");
  if (mode == "replace_for_source")
    import.mode = core::ScheduleImport::Mode::replace_for_source;
  else if (mode != "upsert")
    in.problem("mode", "enum", "must be upsert or replace_for_source");
  import.source_filter = in.text("source_filter", {1, 64});
  const auto items = in.array("schedules");
  if (!items && in.ok()) in.problem("schedules", "missing", "this field is required");
  if (items && items->size() > core::Schedules::kMostImported)
    in.problem("schedules", "too_long", "must have at most 2000 members");
  if (!in.ok()) return core::refuse::invalid("schedules", "the import can't be read");
  for (const Value& item : *items) {
    if (item.is_object())
      import.items.push_back(core::read_schedule_draft(item.get_object(), "imported"));
    else
      import.items.emplace_back(core::refuse::invalid("schedules", "a schedule must be an object"));
  }
  return import;
}

Object errors_json(const std::map<std::size_t, std::string>& errors) {
  Object out;
  for (const auto& [index, why] : errors)
    out[std::to_string(index)] = core::clean_text(why, kMostErrorText);
  return out;
}

// The items of a backend's own form are given to it as they are.
std::vector<base::Result<core::OwnSchedule>> read_own(Input& in) {
  std::vector<base::Result<core::OwnSchedule>> out;
  const auto items = in.array("schedules");
  if (!items && in.ok()) in.problem("schedules", "missing", "this field is required");
  if (items && items->size() > core::Schedules::kMostImported)
    in.problem("schedules", "too_long", "must have at most 2000 members");
  if (!in.ok()) return out;
  for (const Value& item : *items) {
    const Object* one = item.if_object();
    const Value* own = one != nullptr ? one->if_contains("own") : nullptr;
    if (own != nullptr)
      out.emplace_back(core::OwnSchedule{std::string(base::json::text(*one, "name")), *own});
    else
      out.emplace_back(core::refuse::invalid("schedules", "it must be an object with own"));
  }
  return out;
}

base::Result<core::ImportReport> take_import(Site& site, Call& call, Input& in) {
  const std::string form = in.text("form", {1, 20}).value_or("z4j");
  const auto instance = in.text("instance", {1, 63});
  if (form != "z4j" && form != "own") in.problem("form", "enum", "must be z4j or own");
  if (form == "own" && !instance)
    in.problem("instance", "missing", "the form of a backend is that of one instance");
  if (form != "own") {
    auto import = read_import(in);
    if (!import) return std::move(import).error();
    return site.parts.schedules->import_all(*call.project, *import, call.actor());
  }
  const auto items = read_own(in);
  if (!in.ok()) return core::refuse::invalid("schedules", "the import can't be read");
  auto report = site.parts.schedules->import_own(*call.project, *instance, items, call.actor());
  if (report && site.parts.resync_schedules) (void)site.parts.resync_schedules(call.project->id);
  return report;
}

net::Response import_schedules(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  auto report = take_import(site, call, in);
  if (!in.ok()) return in.refused(call.request);
  if (!report) return refuse(call, report.error());
  return json_answer(200, Object{{"inserted", report->inserted},
                                 {"updated", report->updated},
                                 {"unchanged", report->unchanged},
                                 {"failed", report->failed},
                                 {"deleted", report->deleted},
                                 {"errors", errors_json(report->errors)}});
}

Array changes_json(const std::vector<core::ScheduleChange>& changes) {
  Array out;
  for (const core::ScheduleChange& change : changes) {
    out.push_back(Object{{"name", change.name},
                         {"scheduler", change.scheduler},
                         {"proposed", change.proposed},
                         {"current", change.current}});
  }
  return out;
}

net::Response diff_schedules(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  auto import = read_import(in);
  if (!import) return in.refused(call.request);
  auto diff = site.parts.schedules->diff(*call.project, *import);
  if (!diff) return refuse(call, diff.error());
  const std::size_t total =
      diff->inserted.size() + diff->updated.size() + diff->unchanged.size() + diff->deleted.size();
  return json_answer(200, Object{{"inserted", changes_json(diff->inserted)},
                                 {"updated", changes_json(diff->updated)},
                                 {"unchanged", changes_json(diff->unchanged)},
                                 {"deleted", changes_json(diff->deleted)},
                                 {"summary", Object{{"insert", diff->inserted.size()},
                                                    {"update", diff->updated.size()},
                                                    {"unchanged", diff->unchanged.size()},
                                                    {"delete", diff->deleted.size()},
                                                    {"total", total}}},
                                 {"errors", errors_json(diff->errors)}});
}

// Written down before it is shown.
net::Response send_schedules(Site& site, const Call& call, const Input& query, Object out) {
  core::AuditEntry entry = core::AuditEntry::of(call.actor(), "schedules.exported", "project",
                                                call.project->slug, call.project->id);
  entry.metadata = {{"query", query.fields()},
                    {"schedules", base::json::array(out, "schedules")->size()}};
  if (auto written = site.parts.audit.record_first(std::move(entry)); !written)
    return refuse(call, written.error());
  return json_answer(200, out);
}

// Everything that an import takes back; at most as many.
net::Response export_schedules(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  core::ScheduleFilter filter = read_schedule_filter(query);
  const std::string form = query.text("form", {1, 20}).value_or("z4j");
  const auto instance = query.text("instance", {1, 63});
  if (form != "z4j" && form != "own") query.problem("form", "enum", "must be z4j or own");
  if (form == "own" && !instance)
    query.problem("instance", "missing", "the form of a backend is that of one instance");
  if (!query.ok()) return query.refused(call.request);
  if (form == "own") {
    const std::vector<core::SchedulerPlace> places = site.parts.schedules->places();
    const auto place = std::find_if(places.begin(), places.end(), [&](const auto& each) {
      return each.instance == *instance && each.project_id == call.project->id && !each.is_of_store;
    });
    if (place == places.end() || !site.parts.own_schedules)
      return refuse(call, core::refuse::not_found("scheduler instance"));
    auto own = site.parts.own_schedules(*instance);
    if (!own) return refuse(call, own.error());
    return send_schedules(site, call, query,
                          Object{{"form", "own"},
                                 {"scheduler", place->scheduler},
                                 {"instance", *instance},
                                 {"schedules", std::move(*own)}});
  }
  filter.owner = instance;
  Array out;
  std::optional<core::SchedulePlace> after;
  do {
    auto page = site.parts.schedules->list(call.project->id, filter, after, 500);
    if (!page) return refuse(call, page.error());
    for (const core::Schedule& s : page->items) out.emplace_back(core::draft_json(s));
    after = page->next;
  } while (after && out.size() < core::Schedules::kMostImported);
  if (after) {
    return refuse(call, core::refuse::error(base::Code::too_large, "schedules",
                                            "more than 2000 schedules: export them by scheduler"));
  }
  return send_schedules(site, call, query, Object{{"form", "z4j"}, {"schedules", std::move(out)}});
}

net::Response resync_schedules(Site& site, Call& call) {
  auto asked = site.parts.resync_schedules
                   ? site.parts.resync_schedules(call.project->id)
                   : base::Result<core::ScheduleResync>(core::ScheduleResync{});
  if (!asked) return refuse(call, asked.error());
  if (asked->agents + asked->instances == 0) {
    auto agents = site.fleet.agents(call.project->id);
    if (!agents) return refuse(call, agents.error());
    const auto online = static_cast<std::int64_t>(std::count_if(
        agents->begin(), agents->end(),
        [](const core::FleetAgent& agent) { return !agent.is_local && agent.state == "online"; }));
    const std::string_view reason =
        online == 0 ? "no_online_agent" : "no_online_agent_with_scheduler";
    return error_answer(call.request, 404, "not_found",
                        "nobody who keeps schedules elsewhere is online",
                        Object{{"reason", reason}, {"online_agent_count", online}});
  }
  core::AuditEntry entry = core::AuditEntry::of(call.actor(), "schedule.resync", "project",
                                                call.project->slug, call.project->id);
  entry.metadata = {{"agents", asked->agents}, {"instances", asked->instances}};
  site.parts.audit.record(std::move(entry));
  Array schedulers;
  for (const std::string& name : asked->schedulers) schedulers.emplace_back(name);
  return json_answer(202, Object{{"agents_dispatched", asked->agents},
                                 {"schedulers_observed", std::move(schedulers)},
                                 {"instances_asked", asked->instances}});
}

constexpr std::string_view kScheduleShape =
    "{id: uuid, project_id: uuid, engine: text, scheduler: text, name: text, task_name: text, "
    "kind: text, expression: text, timezone: text, queue: text?, priority: text, args: [any], "
    "kwargs: object, is_enabled: bool, last_run_at: time?, next_run_at: time?, total_runs: int, "
    "external_id: text?, created_at: time, updated_at: time, catch_up: text, source: text, "
    "source_hash: text?, instance: text?, owner_agent_id: uuid?, revision: int, description: "
    "text?, options: any, starts_at: time?, ends_at: time?, catch_up_limit: int?, "
    "catch_up_deadline_seconds: int?, jitter_seconds: int?, overlap: text?, max_failures: int?, "
    "failures: int, stopped_why: text?, read_only: bool, read_only_reason: text?, capabilities: "
    "[text], blocked: text?, pending: SchedulePending?, applied_at: time?, drift: any}";

#define Z4J_SCHEDULE_MEMBERS                                                                  \
  "timezone?: text(0..64), queue?: text(0..200), priority?: "                                 \
  "\"critical\"|\"high\"|\"normal\"|\"low\", args?: [any], kwargs?: object, catch_up?: "      \
  "\"skip\"|\"fire_one_missed\"|\"fire_all_missed\", is_enabled?: bool, source_hash?: "       \
  "text(0..128), description?: text(0..2000), options?: object, starts_at?: time, ends_at?: " \
  "time, catch_up_limit?: int(1..10000), catch_up_deadline_seconds?: int(1..31536000), "      \
  "jitter_seconds?: int(0..86400), overlap?: \"allow\"|\"skip\", max_failures?: int(0..1000)"

constexpr std::string_view kDraftShape =
    "{name: text(1..200), engine: text(1..40), kind: "
    "\"cron\"|\"interval\"|\"clocked\"|\"one_shot\"|\"solar\", expression: text(1..1024), "
    "task_name: text(1..500), scheduler?: text(1..40), source?: "
    "text(1..64), " Z4J_SCHEDULE_MEMBERS "}";
constexpr std::string_view kPatchShape =
    "{engine?: text(1..40), kind?: \"cron\"|\"interval\"|\"clocked\"|\"one_shot\"|\"solar\", "
    "expression?: text(1..1024), task_name?: text(1..500), " Z4J_SCHEDULE_MEMBERS "}";
constexpr std::string_view kImportShape =
    "{schedules: [object], mode?: \"upsert\"|\"replace_for_source\", source_filter?: text(1..64)}";
constexpr std::string_view kChangesShape =
    "[{name: text, scheduler: text, proposed: object, current: object}]";

}  // namespace

void add_schedule_routes(Router& router) {
  using core::Action;
  constexpr std::string_view kAll = "/api/v1/projects/{slug}/schedules";
  constexpr std::string_view kOne = "/api/v1/projects/{slug}/schedules/{schedule_id}";
  const Policy viewer{Gate::signed_in, Action::read_project, nullptr, "schedules"};
  const Policy runner{Gate::signed_in, Action::run_schedules, nullptr, "schedules"};
  const Policy manager{Gate::signed_in, Action::manage_schedules, nullptr, "schedules"};
  router.shape("SchedulePending",
               "{change: text, state: \"waiting\"|\"sent\"|\"written\"|\"failed\"|\"unknown\", "
               "since: time, by: uuid?, why: text?, values: object}");
  router.shape("Schedule", kScheduleShape);
  router.shape("ScheduleChanges", kChangesShape);
  router.add("GET", kAll, viewer, list_schedules)
      .does("List schedules")
      .query(
          "{scheduler?: text(1..40), engine?: text(1..40), is_enabled?: bool, search?: "
          "text(1..200), source?: text(1..64), cursor?: text, limit?: int(1..500)}")
      .gives(200, "page(Schedule)");
  router.add("POST", kAll, manager, create_schedule)
      .does("Create a schedule")
      .body(kDraftShape)
      .gives(201, "Schedule")
      .refuses(409)
      .refuses(503);
  router.add("GET", kOne, viewer, get_schedule).does("Show a schedule").gives(200, "Schedule");
  router.add("PATCH", kOne, manager, patch_schedule)
      .does("Change a schedule")
      .body(kPatchShape)
      .gives(200, "Schedule")
      .refuses(409)
      .refuses(503);
  router.add("DELETE", kOne, manager, delete_schedule)
      .does("Delete a schedule")
      .gives_nothing()
      .refuses(409)
      .refuses(503);
  router.add("GET", "/api/v1/projects/{slug}/schedules/{schedule_id}/fires", viewer, list_fires)
      .does("List when a schedule fired")
      .query("{limit?: int}")
      .gives(200,
             "[{id: uuid, fire_id: uuid, schedule_id: uuid, command_id: uuid?, status: text, "
             "scheduled_for: time, fired_at: time, acked_at: time?, latency_ms: int?, error_code: "
             "text?, error_message: text?, reason: text, engine: text, task_id: text?, task_state: "
             "text?, created_by: uuid?}]");
  router
      .add("POST", "/api/v1/projects/{slug}/schedules/{schedule_id}/enable", runner,
           enable_schedule)
      .does("Switch a schedule on")
      .gives(200, "Schedule")
      .refuses(409)
      .refuses(503);
  router
      .add("POST", "/api/v1/projects/{slug}/schedules/{schedule_id}/disable", runner,
           disable_schedule)
      .does("Switch a schedule off")
      .gives(200, "Schedule")
      .refuses(409)
      .refuses(503);
  router
      .add("POST", "/api/v1/projects/{slug}/schedules/{schedule_id}/trigger",
           {Gate::signed_in, Action::run_schedules, &core::kBulkActionBucket, "schedules"},
           trigger_schedule)
      .does("Send a schedule's task now")
      .body("{idempotency_key?: text(1..200)}")
      .gives(200, "{..Schedule, trigger: object}")
      .refuses(409)
      .refuses(503);
  router.add("POST", "/api/v1/projects/{slug}/schedules:import", manager, import_schedules)
      .does("Take many schedules in, and delete those that their source has no more")
      .body(
          "{schedules: [object], mode?: \"upsert\"|\"replace_for_source\", source_filter?: "
          "text(1..64), form?: \"z4j\"|\"own\", instance?: text(1..63)}")
      .gives(200,
             "{inserted: int, updated: int, unchanged: int, failed: int, deleted: int, errors: {*: "
             "text}}")
      .refuses(409)
      .refuses(503);
  router.add("POST", "/api/v1/projects/{slug}/schedules:diff", manager, diff_schedules)
      .does("Show what an import would change")
      .body(kImportShape)
      .gives(200,
             "{inserted: ScheduleChanges, updated: ScheduleChanges, unchanged: ScheduleChanges, "
             "deleted: ScheduleChanges, summary: {insert: int, update: int, unchanged: int, "
             "delete: int, total: int}, errors: {*: text}}");
  router.add("GET", "/api/v1/projects/{slug}/schedules:export", manager, export_schedules)
      .does("Give schedules out in the form that an import takes, or in a backend's own")
      .query(
          "{form?: \"z4j\"|\"own\", instance?: text(1..63), scheduler?: text(1..40), engine?: "
          "text(1..40), is_enabled?: bool, search?: text(1..200), source?: text(1..64)}")
      .gives(200, "{form: text, scheduler?: text, instance?: text, schedules: [object]}")
      .refuses(413)
      .refuses(503);
  router
      .add("POST", "/api/v1/projects/{slug}/schedules:resync",
           {Gate::signed_in, Action::manage_schedules, &core::kBulkActionBucket, "schedules"},
           resync_schedules)
      .does("Ask all that keep schedules elsewhere to tell them anew")
      .gives(202, "{agents_dispatched: int, schedulers_observed: [text], instances_asked: int}")
      .refuses(404);
}

}  // namespace z4j::api
