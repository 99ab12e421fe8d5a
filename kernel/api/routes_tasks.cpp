// Tasks: list, export, one of them, its events, its workflow.
#include <algorithm>

#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"
#include "api/task_export.hpp"
#include "api/task_query.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::text_or_null;

net::Response list_tasks(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const config::Settings& settings = site.parts.settings;
  const core::TaskFilter filter = read_task_filter(query);
  const Paging paging =
      read_paging(query, List::tasks, settings.rest_default_page_size, settings.rest_max_page_size);
  const auto format = read_format(query);
  const auto fields = query.text("fields", {0, 500});
  if (!query.ok()) return query.refused(call.request);
  if (format) {
    return export_tasks(site, call, filter, paging.after, *format, fields.value_or(""),
                        query.fields());
  }
  auto page = site.tasks.list(call.project->id, filter, paging.after, paging.limit);
  if (!page) return refuse(call, page.error());
  Object out = page_json(to_json_array(page->items), List::tasks, page->next);
  if (page->searched_until) out["searched_until"] = time_or_null(page->searched_until);
  return json_answer(200, out);
}

Object states_json(const core::Facets::States& counts, bool with_none) {
  Object out;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (with_none || counts[i] > 0) out[core::kTaskStateNames[i]] = counts[i];
  }
  return out;
}

net::Response get_facets(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  core::FacetQuery asked;
  asked.filter = read_task_filter(query);
  asked.buckets = query.integer("buckets", 1, 200).value_or(60);
  if (const auto top = query.integer("top", 1, 200)) asked.top = static_cast<std::size_t>(*top);
  if (!query.ok()) return query.refused(call.request);
  auto facets = site.facets.of(call.project->id, asked, base::json::write(query.fields()));
  if (!facets) return refuse(call, facets.error());
  Array series;
  for (const auto& [at, states] : facets->series)
    series.push_back(Object{{"t", time_or_null(at)}, {"counts", states_json(states, false)}});
  base::json::Value by_queue(nullptr);
  if (facets->by_queue) {
    Array queues;
    for (const auto& [queue, count] : *facets->by_queue)
      queues.push_back(Object{{"value", queue}, {"count", count}});
    by_queue = std::move(queues);
  }
  return json_answer(200, Object{{"since", time_or_null(facets->since)},
                                 {"until", time_or_null(facets->until)},
                                 {"bucket_seconds", facets->bucket_s},
                                 {"series", std::move(series)},
                                 {"by_state", states_json(facets->by_state, true)},
                                 {"by_queue", std::move(by_queue)},
                                 {"total", facets->total},
                                 {"approximate", facets->approximate},
                                 {"searched_until", time_or_null(facets->searched_until)}});
}

net::Response get_task(Site& site, Call& call) {
  auto task = site.tasks.find(call.project->id, call.param("engine"), call.param("task_id"));
  if (!task) return refuse(call, task.error());
  auto sources = site.tasks.sources(call.project->id, task->engine, task->task_id);
  if (!sources) return refuse(call, sources.error());
  auto agents = site.fleet.agents(call.project->id);
  if (!agents) return refuse(call, agents.error());
  Object told;
  for (const core::TaskSource& source : *sources) {
    const auto agent = std::find_if(agents->begin(), agents->end(),
                                    [&](const auto& one) { return one.id == source.agent_id; });
    base::json::Value& list = told[source.facts];
    if (list.is_null()) list = Array();
    list.get_array().push_back(
        Object{{"agent_id", source.agent_id.text()},
               {"name", text_or_null(agent == agents->end() ? "" : agent->name)}});
  }
  Object out = to_json(*task);
  out["sources"] = std::move(told);
  return json_answer(200, out);
}

net::Response get_task_tree(Site& site, Call& call) {
  auto tree = site.tasks.tree(call.project->id, call.param("engine"), call.param("task_id"));
  if (!tree) return refuse(call, tree.error());
  Array nodes;
  for (const core::TaskNode& n : tree->nodes) {
    nodes.push_back(Object{{"task_id", n.task_id},
                           {"name", n.name},
                           {"state", n.state},
                           {"parent_task_id", text_or_null(n.parent_task_id)},
                           {"root_task_id", text_or_null(n.root_task_id)},
                           {"received_at", time_or_null(n.received_at)},
                           {"finished_at", time_or_null(n.finished_at)}});
  }
  return json_answer(200, Object{{"root_task_id", tree->root_task_id},
                                 {"node_count", tree->nodes.size()},
                                 {"truncated", tree->truncated},
                                 {"nodes", std::move(nodes)}});
}

net::Response list_events(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const config::Settings& settings = site.parts.settings;
  const auto engine = query.text("engine", {1, 40}, Need::required);
  const auto task_id = query.text("task_id", {1, 200}, Need::required);
  const Paging paging = read_paging(query, List::events, settings.rest_default_page_size,
                                    settings.rest_max_page_size);
  if (!query.ok()) return query.refused(call.request);
  auto page = site.tasks.events(call.project->id, *engine, *task_id, paging.after, paging.limit);
  return page ? json_answer(200, page_json(to_json_array(page->items), List::events, page->next))
              : refuse(call, page.error());
}

// Which tasks a deletion means; a filter that would mean all of them is refused.
struct Removal {
  std::vector<base::Uuid> ids;
  core::TaskFilter filter;
  Object said;
};

Removal read_removal(Input& in) {
  in.only(
      {"task_ids", "filter_state", "filter_name", "filter_queue", "filter_since", "filter_until"});
  Removal removal;
  const auto ids = in.texts("task_ids", core::TaskRemoval::kMostIds, {1, 64});
  for (const std::string& text : ids.value_or(std::vector<std::string>())) {
    const auto id = base::Uuid::parse(text);
    if (!id) {
      in.problem("task_ids", "uuid_parsing", "each member must be a UUID: the `id` of a task");
      break;
    }
    removal.ids.push_back(*id);
  }
  core::TaskFilter& filter = removal.filter;
  filter.state = in.text("filter_state", {1, 40});
  filter.name = in.text("filter_name", {1, 500});
  filter.queue = in.text("filter_queue", {1, 200});
  filter.since = in.time("filter_since");
  filter.until = in.time("filter_until");
  if (filter.state && std::find(core::kTaskStateNames.begin(), core::kTaskStateNames.end(),
                                *filter.state) == core::kTaskStateNames.end())
    in.problem("filter_state", "literal_error", "is no state of a task");
  if (filter.state) removal.said["state"] = *filter.state;
  if (filter.name) removal.said["name"] = *filter.name;
  if (filter.queue) removal.said["queue"] = *filter.queue;
  if (filter.since) removal.said["since"] = base::format_time(*filter.since);
  if (filter.until) removal.said["until"] = base::format_time(*filter.until);
  if (ids && !removal.said.empty())
    in.problem("task_ids", "value_error", "give ids or a filter, not both");
  if (!ids && removal.said.empty())
    in.problem({}, "value_error", "say which tasks: task_ids, or a filter");
  return removal;
}

net::Response delete_tasks(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  Removal removal = read_removal(in);
  if (!in.ok()) return in.refused(call.request);
  const base::Uuid& project = call.project->id;
  auto count = removal.said.empty()
                   ? site.task_removal.by_ids(project, removal.ids, call.actor())
                   : site.task_removal.by_filter(project, removal.filter, std::move(removal.said),
                                                 call.actor());
  if (!count) return refuse(call, count.error());
  if (*count > 0) site.parts.live.publish(project, core::kTaskChanged);
  return json_answer(200, Object{{"deleted_count", *count}});
}

constexpr std::string_view kTaskShape =
    "{id: uuid, project_id: uuid, engine: text, task_id: text, name: text, queue: text?, state: "
    "\"pending\"|\"received\"|\"started\"|\"success\"|\"failure\"|\"retry\"|\"revoked\"|"
    "\"rejected\"|\"unknown\", priority: \"critical\"|\"high\"|\"normal\"|\"low\", args: any, "
    "kwargs: any, result: any, exception: text?, traceback: text?, retry_count: int, eta: time?, "
    "received_at: time?, started_at: time?, finished_at: time?, runtime_ms: int?, worker_name: "
    "text?, parent_task_id: text?, root_task_id: text?, tags: [any], created_at: time, "
    "updated_at: time, sort_at: time, retry_of: text?, retried_as: text?, reconciled_as: text?, "
    "reconciled_at: "
    "time?, evidence: any, fingerprint: text?}";

}  // namespace

void add_task_routes(Router& router) {
  router.shape("Task", kTaskShape);
  const Policy viewer{Gate::signed_in, core::Action::read_project, nullptr, "tasks"};
  router.add("GET", "/api/v1/projects/{slug}/tasks", viewer, list_tasks)
      .does("List, search or export tasks")
      .query(
          "{state?: text(0..40), priority?: text(0..200), name?: text(0..200), search?: "
          "text(0..200), queue?: text(0..200), worker?: text(0..200), engine?: text(0..40), "
          "fingerprint?: text(0..16), arg?: text(0..1000), since?: time, until?: time, cursor?: "
          "text, limit?: int(1..5000), format?: \"csv\"|\"xlsx\"|\"json\", fields?: text(0..500)}")
      .gives(200, "{items: [Task], next_cursor: text?, searched_until?: time}")
      .gives(200, "[object]")
      .gives_file(200, "text/csv; charset=utf-8")
      .gives_file(200, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
  router.add("GET", "/api/v1/projects/{slug}/tasks:facets", viewer, get_facets)
      .does("Count the tasks of a filter by state, over time and by queue")
      .query(
          "{state?: text(0..40), priority?: text(0..200), name?: text(0..200), search?: "
          "text(0..200), queue?: text(0..200), worker?: text(0..200), engine?: text(0..40), "
          "fingerprint?: text(0..16), arg?: text(0..1000), since?: time, until?: time, buckets?: "
          "int(1..200), top?: int(1..200)}")
      .gives(200,
             "{since: time, until: time, bucket_seconds: int, series: [{t: time, counts: {*: "
             "int}}], by_state: {*: int}, by_queue: [{value: text, count: int}]?, total: int, "
             "approximate: bool, "
             "searched_until: time?}");
  router.add("GET", "/api/v1/projects/{slug}/tasks/{engine}/{task_id}", viewer, get_task)
      .does("Show a task")
      .gives(200, "{..Task, sources: {*: [{agent_id: uuid, name: text?}]}}");
  router.add("GET", "/api/v1/projects/{slug}/tasks/{engine}/{task_id}/tree", viewer, get_task_tree)
      .does("Show the workflow of a task")
      .gives(200,
             "{root_task_id: text, node_count: int, truncated: bool, nodes: [{task_id: text, name: "
             "text, state: text, parent_task_id: text?, root_task_id: text?, received_at: time?, "
             "finished_at: time?}]}");
  router
      .add("POST", "/api/v1/projects/{slug}/tasks/bulk-delete",
           {Gate::signed_in, core::Action::delete_tasks, &core::kBulkActionBucket, "tasks"},
           delete_tasks)
      .does("Delete the rows of tasks, by ids or by a filter")
      .body(
          "{task_ids?: [uuid], filter_state?: text(1..40), filter_name?: text(1..500), "
          "filter_queue?: text(1..200), filter_since?: time, filter_until?: time}")
      .gives(200, "{deleted_count: int}");
  router.add("GET", "/api/v1/projects/{slug}/events", viewer, list_events)
      .does("List the events of a task")
      .query("{engine: text(1..40), task_id: text(1..200), cursor?: text, limit?: int(1..5000)}")
      .gives(200,
             "page({id: uuid, project_id: uuid, agent_id: uuid, engine: text, task_id: text, kind: "
             "text, occurred_at: time, payload: object})");
}

}  // namespace z4j::api
