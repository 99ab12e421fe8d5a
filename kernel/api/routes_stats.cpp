// Figures of a project and how they went over time.
#include <algorithm>
#include <array>
#include <span>

#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;

constexpr std::array<std::int64_t, 5> kWindows = {1, 6, 24, 72, 168};
constexpr std::int64_t kUsualWindow = 24;
constexpr std::int64_t kMaxBuckets = 500;

struct Span {
  std::string_view name;
  std::int64_t seconds;
};
constexpr std::array<Span, 6> kTrendWindows{{{"1h", 3600},
                                             {"6h", 21'600},
                                             {"24h", 86'400},
                                             {"72h", 259'200},
                                             {"7d", 604'800},
                                             {"30d", 2'592'000}}};
constexpr std::array<Span, 5> kTrendBuckets{
    {{"1m", 60}, {"5m", 300}, {"15m", 900}, {"1h", 3600}, {"1d", 86'400}}};

const Span* read_span(Input& query, std::string_view name, std::span<const Span> known,
                      std::string_view usual) {
  const std::string text = query.text(name, {0, 20}).value_or(std::string(usual));
  const auto found =
      std::find_if(known.begin(), known.end(), [&](const Span& s) { return s.name == text; });
  if (found != known.end()) return &*found;
  std::string expected = "must be one of";
  for (const Span& s : known) expected += " " + std::string(s.name);
  query.problem(name, "literal_error", expected);
  return nullptr;
}

net::Response get_stats(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  std::int64_t hours = query.integer("hours", INT32_MIN, INT32_MAX).value_or(kUsualWindow);
  if (!query.ok()) return query.refused(call.request);
  if (std::find(kWindows.begin(), kWindows.end(), hours) == kWindows.end()) hours = kUsualWindow;
  auto stats = site.stats.project(call.project->id, static_cast<int>(hours));
  if (!stats) return refuse(call, stats.error());
  Object by_state;
  for (std::size_t i = 0; i < core::kTaskStateNames.size(); ++i)
    by_state[core::kTaskStateNames[i]] = stats->tasks_by_state[i];
  Array depths;
  for (const core::FleetQueue& q : stats->queues) {
    depths.push_back(Object{{"name", q.name},
                            {"engine", q.engine},
                            {"pending_count", q.pending_count.value_or(0)},
                            {"broker_type", base::json::text_or_null(q.broker_type)},
                            {"last_seen_at", offset_time_or_null(q.last_seen_at)}});
  }
  return json_answer(
      200, Object{{"tasks_by_state", std::move(by_state)},
                  {"tasks_total", stats->tasks_total},
                  {"tasks_failed_24h", stats->tasks_failed},
                  {"tasks_succeeded_24h", stats->tasks_succeeded},
                  {"failure_rate_24h", stats->failure_rate()},
                  {"agents_online", stats->agents_online},
                  {"agents_offline", stats->agents_offline},
                  {"workers_online", stats->workers_online},
                  {"workers_offline", stats->workers_offline},
                  {"commands_pending", stats->commands_pending},
                  {"commands_completed_24h", stats->commands_completed},
                  {"commands_failed_24h", stats->commands_failed},
                  {"commands_timeout_24h", stats->commands_timeout},
                  {"queue_depths", std::move(depths)},
                  {"system_health",
                   Object{{"status", stats->health()},
                          {"agents_all_online", stats->are_agents_online()},
                          {"queue_depth_ok", stats->are_queues_short()},
                          {"failure_rate_ok", stats->failure_rate() < core::kHighFailureRate},
                          {"brain_db_ok", true}}},
                  {"tasks_capped", stats->tasks_capped},
                  {"tasks_approximate", stats->tasks_approximate}});
}

net::Response get_trends(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const Span* window = read_span(query, "window", kTrendWindows, "24h");
  const Span* bucket = read_span(query, "bucket", kTrendBuckets, "1h");
  core::TrendQuery asked;
  asked.task_name = query.text("name", {0, 500}).value_or("");
  asked.queue = query.text("queue", {0, 200}).value_or("");
  if (!query.ok()) return query.refused(call.request);
  if (window->seconds / bucket->seconds > kMaxBuckets)
    return detail_answer(
        400, "this window has more than 500 buckets of that size; take a larger bucket");
  asked.window_s = window->seconds;
  asked.bucket_s = bucket->seconds;
  auto points = site.stats.trends(call.project->id, asked);
  if (!points) return refuse(call, points.error());
  Array series;
  for (const core::TrendPoint& p : *points) {
    series.push_back(Object{{"t", offset_time_or_null(p.at)},
                            {"success", p.success},
                            {"failure", p.failure},
                            {"retry", p.retry},
                            {"revoked", p.revoked},
                            {"total", p.success + p.failure + p.retry + p.revoked},
                            {"avg_runtime_ms", number_or_null(p.avg_runtime_ms)},
                            {"p50_runtime_ms", number_or_null(p.p50_runtime_ms)},
                            {"p95_runtime_ms", number_or_null(p.p95_runtime_ms)},
                            {"p99_runtime_ms", number_or_null(p.p99_runtime_ms)}});
  }
  return json_answer(
      200,
      Object{{"window", window->name}, {"bucket", bucket->name}, {"series", std::move(series)}});
}

}  // namespace

void add_stats_routes(Router& router) {
  router
      .add("GET", "/api/v1/projects/{slug}/stats",
           {Gate::signed_in, core::Action::read_project, nullptr, "tasks"}, get_stats)
      .does("Show the figures of a project")
      .query("{hours?: int}")
      .gives(200,
             "{tasks_by_state: {*: int}, tasks_total: int, tasks_failed_24h: int, "
             "tasks_succeeded_24h: int, failure_rate_24h: number, agents_online: int, "
             "agents_offline: int, workers_online: int, workers_offline: int, commands_pending: "
             "int, commands_completed_24h: int, commands_failed_24h: int, commands_timeout_24h: "
             "int, queue_depths: [{name: text, engine: text, pending_count: int, broker_type: "
             "text?, last_seen_at: time?}], system_health: {status: "
             "\"healthy\"|\"degraded\"|\"critical\", agents_all_online: bool, queue_depth_ok: "
             "bool, failure_rate_ok: bool, brain_db_ok: bool}, tasks_capped: bool, "
             "tasks_approximate: bool}");
  router
      .add("GET", "/api/v1/projects/{slug}/trends", {Gate::signed_in, core::Action::read_project},
           get_trends)
      .does("Show how tasks ended over time")
      .query(
          "{window?: \"1h\"|\"6h\"|\"24h\"|\"72h\"|\"7d\"|\"30d\", bucket?: "
          "\"1m\"|\"5m\"|\"15m\"|\"1h\"|\"1d\", name?: text(0..500), queue?: text(0..200)}")
      .gives(200,
             "{window: text, bucket: text, series: [{t: time, success: int, failure: int, retry: "
             "int, revoked: int, total: int, avg_runtime_ms: int?, p50_runtime_ms: int?, "
             "p95_runtime_ms: int?, p99_runtime_ms: int?}]}");
}

}  // namespace z4j::api
