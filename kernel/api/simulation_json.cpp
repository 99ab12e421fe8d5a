#include "api/simulation_json.hpp"

#include <utility>

#include "api/shapes.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;

Array times_json(const std::vector<base::TimeUs>& times) {
  Array out;
  for (const base::TimeUs at : times) out.emplace_back(base::format_time(at));
  return out;
}

Array collisions_json(const std::vector<core::Collision>& collisions) {
  Array out;
  for (const core::Collision& c : collisions) {
    out.emplace_back(Object{{"at", base::format_time(c.at)},
                            {"fires", c.fires},
                            {"schedules", Array(c.schedules.begin(), c.schedules.end())}});
  }
  return out;
}

}  // namespace

Object simulation_json(const core::Simulation& s, bool is_compared) {
  Array schedules, fires, load, comparisons;
  for (const core::SimulatedSchedule& each : s.schedules) {
    schedules.emplace_back(Object{{"schedule_id", id_or_null(each.id)},
                                  {"name", each.name},
                                  {"scheduler", each.scheduler},
                                  {"engine", each.engine},
                                  {"task_name", each.task_name},
                                  {"is_changed", each.is_changed},
                                  {"fires", each.fires},
                                  {"is_cut", each.is_cut},
                                  {"runtime_ms", number_or_null(each.runtime_ms)},
                                  {"why_not", base::json::text_or_null(each.why_not)}});
  }
  for (const core::SimulatedFire& fire : s.fires)
    fires.emplace_back(Object{{"at", base::format_time(fire.at)}, {"schedule", fire.schedule}});
  for (const core::EngineLoad& engine : s.load) {
    Array buckets;
    for (const core::LoadBucket& b : engine.buckets) {
      buckets.emplace_back(Object{{"at", base::format_time(b.at)},
                                  {"fires", b.fires},
                                  {"busy_ms", b.busy_ms},
                                  {"peak_running", b.peak_running}});
    }
    load.emplace_back(Object{{"engine", engine.engine},
                             {"concurrency", engine.concurrency},
                             {"without_runtime", engine.without_runtime},
                             {"peak_running", engine.peak_running},
                             {"buckets", std::move(buckets)}});
  }
  Object out{{"from", base::format_time(s.from)},
             {"until", base::format_time(s.until)},
             {"schedules", std::move(schedules)},
             {"fires", std::move(fires)},
             {"fires_count", s.fires_count},
             {"is_cut", s.is_cut},
             {"same_instant", collisions_json(s.instants)},
             {"same_minute", collisions_json(s.minutes)},
             {"load", std::move(load)}};
  if (!is_compared) return out;
  for (const core::FireComparison& c : s.comparisons) {
    comparisons.emplace_back(Object{{"schedule", c.schedule},
                                    {"expected", c.expected},
                                    {"fired", c.fired},
                                    {"skipped", c.skipped},
                                    {"unexpected", c.unexpected},
                                    {"missed_count", c.missed_count},
                                    {"missed", times_json(c.missed)},
                                    {"was_edited", c.was_edited}});
  }
  out["comparisons"] = std::move(comparisons);
  return out;
}

}  // namespace z4j::api
