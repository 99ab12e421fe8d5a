// Groups of errors: the list, and one of them.
#include <algorithm>
#include <array>
#include <string>

#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::text_or_null;

constexpr std::int64_t kMostErrorHours = 720, kMostErrorBuckets = 200;
constexpr int kUsualErrors = 50, kMostErrors = 200;

constexpr std::array<std::pair<std::string_view, core::ErrorOrder>, 3> kErrorOrders{
    {{"count", core::ErrorOrder::count},
     {"last_seen", core::ErrorOrder::last_seen},
     {"first_seen", core::ErrorOrder::first_seen}}};

Object group_json(const core::ErrorGroup& g) {
  Array series(g.series.begin(), g.series.end());
  base::json::Value sample(nullptr);
  if (!g.task_id.empty()) sample = Object{{"engine", g.engine}, {"task_id", g.task_id}};
  return Object{{"fingerprint", g.fingerprint},
                {"exception", text_or_null(g.exception)},
                {"message", text_or_null(g.message)},
                {"count", g.count},
                {"first_seen_at", time_or_null(g.first_seen_at)},
                {"last_seen_at", time_or_null(g.last_seen_at)},
                {"is_new", g.is_new},
                {"task_names", Array(g.task_names.begin(), g.task_names.end())},
                {"task_names_more", g.task_names_more},
                {"queues", Array(g.queues.begin(), g.queues.end())},
                {"sample", std::move(sample)},
                {"series", std::move(series)}};
}

void add_window(Object& out, const core::ErrorWindow& window) {
  out["since"] = time_or_null(window.since);
  out["until"] = time_or_null(window.until);
  out["bucket_seconds"] = window.bucket_s;
}

Array counted_json(const std::vector<core::CountedText>& counted) {
  Array out;
  for (const core::CountedText& one : counted)
    out.push_back(Object{{"value", one.value}, {"count", one.count}});
  return out;
}

net::Response list_errors(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  core::ErrorQuery asked;
  asked.hours = query.integer("hours", 1, kMostErrorHours).value_or(asked.hours);
  asked.name = query.text("name", {0, 500}).value_or("");
  asked.queue = query.text("queue", {0, 200}).value_or("");
  asked.exception = query.text("exception", {0, 200}).value_or("");
  asked.search = query.text("q", {0, 200}).value_or("");
  const std::string order = query.text("order", {0, 20}).value_or("count");
  const auto known = std::find_if(kErrorOrders.begin(), kErrorOrders.end(),
                                  [&](const auto& one) { return one.first == order; });
  if (known == kErrorOrders.end())
    query.problem("order", "literal_error", "must be one of count last_seen first_seen");
  else
    asked.order = known->second;
  const std::int64_t buckets = query.integer("buckets", 0, kMostErrorBuckets).value_or(24);
  const Paging paging = read_paging(query, List::errors, kUsualErrors, kMostErrors);
  if (!query.ok()) return query.refused(call.request);
  auto groups = site.errors.list(call.project->id, asked, buckets, paging.after, paging.limit);
  if (!groups) return refuse(call, groups.error());
  Array items;
  for (const core::ErrorGroup& group : groups->items) items.push_back(group_json(group));
  Object out = page_json(std::move(items), List::errors, groups->next);
  add_window(out, groups->window);
  out["total_groups"] = groups->total;
  out["truncated"] = groups->truncated;
  return json_answer(200, out);
}

net::Response get_error(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const std::int64_t hours = query.integer("hours", 1, kMostErrorHours).value_or(24);
  const std::int64_t buckets = query.integer("buckets", 0, kMostErrorBuckets).value_or(24);
  if (!query.ok()) return query.refused(call.request);
  auto found = site.errors.find(call.project->id, call.param("fingerprint"), hours, buckets);
  if (!found) return refuse(call, found.error());
  Object out = group_json(found->group);
  add_window(out, found->window);
  out["traceback"] = text_or_null(found->traceback);
  out["by_name"] = counted_json(found->by_name);
  out["by_queue"] = counted_json(found->by_queue);
  out["open_failures"] = found->open_failures;
  out["open_failures_capped"] = found->open_failures_capped;
  return json_answer(200, out);
}

}  // namespace

void add_error_routes(Router& router) {
  router.shape(
      "ErrorGroup",
      "{fingerprint: text, exception: text?, message: text?, count: int, first_seen_at: time, "
      "last_seen_at: time, is_new: bool, task_names: [text], task_names_more: bool, queues: "
      "[text], sample: {engine: text, task_id: text}?, series: [int]}");
  const Policy viewer{Gate::signed_in, core::Action::read_project, nullptr, "tasks"};
  router.add("GET", "/api/v1/projects/{slug}/errors", viewer, list_errors)
      .does("List the groups of errors of a project")
      .query(
          "{hours?: int(1..720), name?: text(0..500), queue?: text(0..200), exception?: "
          "text(0..200), q?: text(0..200), order?: \"count\"|\"last_seen\"|\"first_seen\", "
          "buckets?: int(0..200), cursor?: text, limit?: int(1..5000)}")
      .gives(200,
             "{items: [ErrorGroup], next_cursor: text?, since: time, until: time, "
             "bucket_seconds: int, total_groups: int, truncated: bool}");
  router.add("GET", "/api/v1/projects/{slug}/errors/{fingerprint}", viewer, get_error)
      .does("Show a group of errors")
      .query("{hours?: int(1..720), buckets?: int(0..200)}")
      .gives(200,
             "{..ErrorGroup, since: time, until: time, bucket_seconds: int, traceback: text?, "
             "by_name: [{value: text, count: int}], by_queue: [{value: text, count: int}], "
             "open_failures: int, open_failures_capped: bool}");
}

}  // namespace z4j::api
