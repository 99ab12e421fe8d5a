// Figures by task name: all names, and one over time.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::Value;

constexpr std::int64_t kMostFigureHours = 720, kMostFigureBuckets = 200;
constexpr int kUsualNames = 100, kMostNames = 500;

constexpr std::array<std::pair<std::string_view, core::NameOrder>, 5> kNameOrders{
    {{"count", core::NameOrder::count},
     {"failures", core::NameOrder::failures},
     {"failure_rate", core::NameOrder::failure_rate},
     {"runtime", core::NameOrder::runtime},
     {"p95", core::NameOrder::p95}}};

double to_ms(std::int64_t us) { return static_cast<double>(us) / 1000; }

Value runtime_json(const core::RunTimes& runs) {
  if (runs.runs == 0) return nullptr;
  return Object{{"avg", to_ms(runs.sum_us / runs.runs)},
                {"p50", runs.share_ms(0.50)},
                {"p95", runs.share_ms(0.95)},
                {"p99", runs.share_ms(0.99)},
                {"total", to_ms(runs.sum_us)}};
}

Object figures_json(const core::NameFigures& f, base::TimeUs since, base::TimeUs until) {
  const double minutes = static_cast<double>(until - since) / (60.0 * base::kSecondUs);
  return Object{{"name", f.name},
                {"engine", f.engine},
                {"sent", f.sent},
                {"succeeded", f.succeeded},
                {"failed", f.failed},
                {"retried", f.retried},
                {"revoked", f.revoked},
                {"failure_rate", f.failure_rate()},
                {"retry_share", f.retry_share()},
                {"per_minute", minutes > 0 ? static_cast<double>(f.ended()) / minutes : 0.0},
                {"runtime_ms", runtime_json(f.runtime)}};
}

Array histogram_json(const core::RunTimes& runs) {
  Array out;
  for (std::size_t i = 0; i < core::RollUps::kBuckets; ++i) {
    const std::int64_t bound_us = core::RollUps::bound_us(i);
    out.push_back(Object{{"le_ms", bound_us == 0 ? Value(nullptr) : Value(bound_us / 1000)},
                         {"count", runs.buckets[i]}});
  }
  return out;
}

Array series_json(const std::vector<core::FigurePoint>& series) {
  Array out;
  for (const core::FigurePoint& p : series) {
    const auto share = [&p](double of) {
      return p.runtime.runs == 0 ? Value(nullptr) : Value(p.runtime.share_ms(of));
    };
    out.push_back(Object{{"t", time_or_null(p.at)},
                         {"succeeded", p.succeeded},
                         {"failed", p.failed},
                         {"retried", p.retried},
                         {"revoked", p.revoked},
                         {"p50", share(0.50)},
                         {"p95", share(0.95)},
                         {"p99", share(0.99)}});
  }
  return out;
}

// Of rising values: the smallest that so many stay at or below.
Value waits_json(const std::vector<std::int64_t>& waits_ms) {
  if (waits_ms.empty()) return nullptr;
  const auto share = [&waits_ms](double of) {
    const auto rank =
        static_cast<std::size_t>(std::ceil(of * static_cast<double>(waits_ms.size())));
    return waits_ms[std::max<std::size_t>(rank, 1) - 1];
  };
  return Object{{"p50", share(0.50)},
                {"p95", share(0.95)},
                {"p99", share(0.99)},
                {"sampled", waits_ms.size()}};
}

net::Response list_names(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  core::NameQuery asked;
  asked.hours = query.integer("hours", 1, kMostFigureHours).value_or(asked.hours);
  asked.search = query.text("q", {0, 200}).value_or("");
  const std::string order = query.text("order", {0, 20}).value_or("count");
  const auto known = std::find_if(kNameOrders.begin(), kNameOrders.end(),
                                  [&](const auto& one) { return one.first == order; });
  if (known == kNameOrders.end())
    query.problem("order", "literal_error",
                  "must be one of count failures failure_rate runtime p95");
  else
    asked.order = known->second;
  const Paging paging = read_paging(query, List::names, kUsualNames, kMostNames);
  if (!query.ok()) return query.refused(call.request);
  auto page = site.figures.names(call.project->id, asked, paging.after, paging.limit);
  if (!page) return refuse(call, page.error());
  Array items;
  for (const core::NameFigures& one : page->items)
    items.push_back(figures_json(one, page->since, page->until));
  Object out = page_json(std::move(items), List::names, page->next);
  out["since"] = time_or_null(page->since);
  out["until"] = time_or_null(page->until);
  out["truncated"] = page->truncated;
  return json_answer(200, out);
}

net::Response get_figures(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const auto name = query.text("name", {1, 500}, Need::required);
  const std::int64_t hours = query.integer("hours", 1, kMostFigureHours).value_or(24);
  const std::int64_t buckets = query.integer("buckets", 1, kMostFigureBuckets).value_or(60);
  if (!query.ok()) return query.refused(call.request);
  auto figures = site.figures.of_name(call.project->id, *name, hours, buckets);
  if (!figures) return refuse(call, figures.error());
  Object out = figures_json(figures->all, figures->since, figures->until);
  out["histogram"] = histogram_json(figures->all.runtime);
  out["wait_ms"] = waits_json(figures->waits_ms);
  out["series"] = series_json(figures->series);
  out["bucket_seconds"] = figures->bucket_s;
  out["since"] = time_or_null(figures->since);
  out["until"] = time_or_null(figures->until);
  out["before"] = Object{{"succeeded", figures->before.succeeded},
                         {"failed", figures->before.failed},
                         {"failure_rate", figures->before.failure_rate()},
                         {"runtime_ms", runtime_json(figures->before.runtime)}};
  return json_answer(200, out);
}

}  // namespace

void add_figure_routes(Router& router) {
  router.shape("RunTimes", "{avg: number, p50: number, p95: number, p99: number, total: number}");
  router.shape("NameFigures",
               "{name: text, engine: text, sent: int, succeeded: int, failed: int, retried: int, "
               "revoked: int, failure_rate: number, retry_share: number, per_minute: number, "
               "runtime_ms: RunTimes?}");
  const Policy viewer{Gate::signed_in, core::Action::read_project, nullptr, "tasks"};
  router.add("GET", "/api/v1/projects/{slug}/task-names", viewer, list_names)
      .does("List the names of tasks with how often, how long and how well they ran")
      .query(
          "{hours?: int(1..720), q?: text(0..200), order?: "
          "\"count\"|\"failures\"|\"failure_rate\"|\"runtime\"|\"p95\", cursor?: text, limit?: "
          "int(1..5000)}")
      .gives(200,
             "{items: [NameFigures], next_cursor: text?, since: time, until: time, truncated: "
             "bool}");
  router.add("GET", "/api/v1/projects/{slug}/task-figures", viewer, get_figures)
      .does("Show how the tasks of a name ran over time")
      .query("{name: text(1..500), hours?: int(1..720), buckets?: int(1..200)}")
      .gives(200,
             "{..NameFigures, histogram: [{le_ms: int?, count: int}], wait_ms: {p50: int, p95: "
             "int, p99: int, sampled: int}?, series: [{t: time, succeeded: int, failed: int, "
             "retried: int, revoked: int, p50: number?, p95: number?, p99: number?}], "
             "bucket_seconds: int, since: time, until: time, before: {succeeded: int, failed: "
             "int, failure_rate: number, runtime_ms: RunTimes?}}");
}

}  // namespace z4j::api
