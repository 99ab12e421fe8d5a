// When schedules will run, or would have run.
#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/simulation_json.hpp"
#include "api/site.hpp"
#include "core/refusal.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::Value;

constexpr std::int64_t kUsualWindowS = 86'400;

net::Response preview_schedule(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const auto count = static_cast<std::uint32_t>(query.integer("count", 1, 1000).value_or(10));
  const base::TimeUs from = query.time("from").value_or(site.parts.clock.now());
  if (!query.ok()) return query.refused(call.request);
  const auto id = base::Uuid::parse(call.param("schedule_id"));
  if (!id) return refuse(call, core::refuse::not_found("schedule"));
  auto schedule = site.parts.schedules->find(call.project->id, *id);
  if (!schedule) return refuse(call, schedule.error());
  auto times = site.simulator.next(*schedule, from, count);
  if (!times) return refuse(call, times.error());
  Array out;
  for (const base::TimeUs at : *times) out.emplace_back(base::format_time(at));
  return json_answer(200, Object{{"schedule_id", schedule->id.text()},
                                 {"is_enabled", schedule->is_enabled},
                                 {"from", base::format_time(from)},
                                 {"times", std::move(out)}});
}

core::SimulationQuery read_simulation(Input& in, base::TimeUs now) {
  in.only({"from", "until", "schedule_ids", "with_disabled", "what_if", "bucket_seconds", "most",
           "against_fires"});
  core::SimulationQuery out;
  const auto from = in.time("from"), until = in.time("until");
  // Of the past when only its end is told.
  out.from = from ? *from : until && *until <= now ? *until - kUsualWindowS * base::kSecondUs : now;
  out.until = until.value_or(out.from + kUsualWindowS * base::kSecondUs);
  out.with_disabled = in.boolean("with_disabled", false);
  out.against_fires = in.boolean("against_fires", false);
  out.bucket_s = in.integer("bucket_seconds", 60, 86'400).value_or(out.bucket_s);
  out.most = static_cast<std::uint32_t>(
      in.integer("most", 0, core::Simulator::kMostListed).value_or(out.most));
  for (const std::string& text : in.texts("schedule_ids", core::Simulator::kMostSchedules, {36, 36})
                                     .value_or(std::vector<std::string>())) {
    if (const auto id = base::Uuid::parse(text))
      out.schedules.push_back(*id);
    else
      in.problem("schedule_ids", "uuid_parsing", "must be UUIDs");
  }
  const Array what_if = in.array("what_if").value_or(Array());
  if (what_if.size() > core::Simulator::kMostWhatIfs)
    in.problem("what_if", "too_long", "must have at most 100 members");
  for (const Value& item : what_if) {
    if (!in.ok()) break;
    if (auto w = core::read_what_if(item); w)
      out.what_if.push_back(std::move(*w));
    else
      in.problem("what_if", "value_error", w.error().message);
  }
  return out;
}

net::Response simulate_schedules(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const core::SimulationQuery query = read_simulation(in, site.parts.clock.now());
  if (!in.ok()) return in.refused(call.request);
  auto simulation = site.simulator.run(call.project->id, query);
  if (!simulation) return refuse(call, simulation.error());
  return json_answer(200, simulation_json(*simulation, query.against_fires));
}

constexpr std::string_view kSimulation =
    "{from: time, until: time, schedules: [{schedule_id: uuid?, name: text, scheduler: text, "
    "engine: text, task_name: text, "
    "is_changed: bool, fires: int, is_cut: bool, runtime_ms: int?, why_not: text?}], fires: [{at: "
    "time, schedule: int}], "
    "fires_count: int, is_cut: bool, same_instant: [Collision], same_minute: [Collision], load: "
    "[{engine: text, concurrency: int, "
    "without_runtime: int, peak_running: int, buckets: [{at: time, fires: int, busy_ms: int, "
    "peak_running: int}]}], comparisons?: "
    "[{schedule: int, expected: int, fired: int, skipped: int, unexpected: int, missed_count: int, "
    "missed: [time], was_edited: bool}]}";

}  // namespace

void add_simulation_routes(Router& router) {
  const Policy viewer{Gate::signed_in, core::Action::read_project, nullptr, "schedules"};
  router.shape("Collision", "{at: time, fires: int, schedules: [int]}");
  router
      .add("GET", "/api/v1/projects/{slug}/schedules/{schedule_id}/preview", viewer,
           preview_schedule)
      .does("Show when a schedule runs next")
      .query("{count?: int(1..1000), from?: time}")
      .gives(200, "{schedule_id: uuid, is_enabled: bool, from: time, times: [time]}")
      .refuses(409)
      .refuses(503);
  router.add("POST", "/api/v1/projects/{slug}/schedules:simulate", viewer, simulate_schedules)
      .does("Show when schedules will run, what comes together, and what load it makes")
      .body(
          "{from?: time, until?: time, schedule_ids?: [uuid], with_disabled?: bool, what_if?: "
          "[object], bucket_seconds?: "
          "int(60..86400), most?: int(0..10000), against_fires?: bool}")
      .gives(200, kSimulation)
      .refuses(503);
}

}  // namespace z4j::api
