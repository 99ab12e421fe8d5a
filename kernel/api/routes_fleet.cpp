// Workers, queues, gaps, and who sends how much.
#include <algorithm>

#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"
#include "core/queue_depths.hpp"
#include "core/refusal.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::Value;

net::Response list_workers(Site& site, Call& call) {
  auto workers = site.fleet.workers(call.project->id);
  return workers ? json_answer(200, to_json_array(*workers)) : refuse(call, workers.error());
}

net::Response get_worker(Site& site, Call& call) {
  const auto id = base::Uuid::parse(call.param("worker_id"));
  auto worker = id ? site.fleet.worker(call.project->id, *id)
                   : base::Result<core::FleetWorker>(core::refuse::not_found("worker"));
  if (!worker) return refuse(call, worker.error());
  Object out = to_json(*worker);
  out["metadata"] = worker->metadata;
  return json_answer(200, out);
}

net::Response list_queues(Site& site, Call& call) {
  auto queues = site.fleet.queues(call.project->id);
  if (!queues) return refuse(call, queues.error());
  Array out;
  for (const core::FleetQueue& q : *queues) out.push_back(to_json(q, site.parts.clock.now()));
  return json_answer(200, std::move(out));
}

// What the engine has in a queue, as it tells it.
net::Response list_queued(Site& site, Call& call, std::string_view what, const std::string& queue) {
  Input query = Input::of_query(call.request);
  const std::int64_t limit =
      query.integer("limit", 1, 500).value_or(site.parts.settings.rest_default_page_size);
  const auto cursor = query.text("cursor", {1, 1000});
  if (!query.ok()) return query.refused(call.request);
  if (!site.parts.queued_tasks) {
    return refuse(call, core::refuse::error(base::Code::unavailable, core::refuse::kAgentOffline,
                                            "no engine can be asked for this queue"));
  }
  auto tasks = site.parts.queued_tasks(call.project->id, what, call.param("engine"), queue,
                                       static_cast<std::uint32_t>(limit), cursor.value_or(""));
  if (!tasks) return refuse(call, tasks.error());
  const Array* items = base::json::array(*tasks, "items");
  core::AuditEntry entry =
      core::AuditEntry::of(call.actor(), "queue.messages_read", "queue", queue, call.project->id);
  entry.metadata = {{"engine", call.param("engine")},
                    {"what", what},
                    {"query", query.fields()},
                    {"messages", items != nullptr ? items->size() : 0}};
  if (auto written = site.parts.audit.record_first(std::move(entry)); !written)
    return refuse(call, written.error());
  return json_answer(
      200, Object{{"items", items != nullptr ? *items : Array()},
                  {"next_cursor", base::json::text_or_null(base::json::text(*tasks, "next"))}});
}

net::Response list_waiting(Site& site, Call& call) {
  return list_queued(site, call, "waiting", call.param("queue"));
}

net::Response list_dead_letters(Site& site, Call& call) {
  return list_queued(site, call, "dead_letters", call.param("queue"));
}

Array depths_json(const std::vector<std::optional<std::int64_t>>& depths) {
  Array out;
  for (const auto& depth : depths) out.push_back(depth ? Value(*depth) : Value(nullptr));
  return out;
}

net::Response list_depths(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  core::QueueDepthsAsked asked;
  asked.hours = query.integer("hours", 1, 192).value_or(1);
  asked.buckets = query.integer("buckets", 1, 200).value_or(60);
  asked.engine = query.text("engine", {0, 40}).value_or("");
  asked.queue = query.text("queue", {0, 200}).value_or("");
  if (!query.ok()) return query.refused(call.request);
  auto found =
      core::queue_depths(site.parts.store, call.project->id, asked, site.parts.clock.now());
  if (!found) return refuse(call, found.error());
  Array items;
  for (const core::QueueDepths& queue : found->queues) {
    items.push_back(Object{{"engine", queue.engine},
                           {"queue", queue.name},
                           {"pending", depths_json(queue.pending)},
                           {"oldest_seconds", depths_json(queue.oldest_s)}});
  }
  return json_answer(200, Object{{"items", std::move(items)},
                                 {"since", base::format_time(found->since)},
                                 {"until", base::format_time(found->until)},
                                 {"bucket_seconds", found->bucket_s},
                                 {"truncated", found->is_truncated}});
}

net::Response list_capabilities(Site& site, Call& call) {
  return json_answer(
      200,
      Object{{"items", site.parts.abilities ? site.parts.abilities(call.project->id) : Array()},
             {"next_cursor", nullptr}});
}

net::Response list_gaps(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const config::Settings& settings = site.parts.settings;
  const Paging paging =
      read_paging(query, List::gaps, settings.rest_default_page_size, settings.rest_max_page_size);
  if (!query.ok()) return query.refused(call.request);
  auto page = site.fleet.gaps(call.project->id, paging.after, paging.limit);
  return page ? json_answer(200, page_json(to_json_array(page->items), List::gaps, page->next))
              : refuse(call, page.error());
}

// Who sends most, first: where to look when the brain is busy.
net::Response list_event_sources(Site& site, Call& call) {
  auto agents = site.fleet.agents(call.project->id);
  if (!agents) return refuse(call, agents.error());
  std::stable_sort(agents->begin(), agents->end(), [](const auto& a, const auto& b) {
    return a.events_persisted > b.events_persisted;
  });
  Array items;
  for (const core::FleetAgent& a : *agents) {
    Object ingest;
    if (site.parts.ingest_stats) ingest = site.parts.ingest_stats(a.id);
    items.push_back(Object{{"agent_id", a.id.text()},
                           {"name", a.name},
                           {"state", a.state},
                           {"events_persisted", a.events_persisted},
                           {"events_dropped", a.events_dropped},
                           {"last_event_at", time_or_null(a.last_event_at)},
                           {"ingest", std::move(ingest)}});
  }
  return json_answer(200, Object{{"items", std::move(items)}, {"next_cursor", nullptr}});
}

}  // namespace

void add_fleet_routes(Router& router) {
  router.shape(
      "Worker",
      "{id: uuid, project_id: uuid, engine: text, name: text, hostname: text?, pid: int?, "
      "concurrency: int?, queues: [text], state: text, last_heartbeat: time?, load_average: any, "
      "active_tasks: int, processed: int, failed: int, succeeded: int, retried: int, created_at: "
      "time, memory_bytes: int?}");
  const auto viewer = [](std::string_view scope) {
    return Policy{Gate::signed_in, core::Action::read_project, nullptr, scope};
  };
  router.add("GET", "/api/v1/projects/{slug}/workers", viewer("workers"), list_workers)
      .does("List the engines' workers")
      .gives(200, "[Worker]");
  router.add("GET", "/api/v1/projects/{slug}/workers/{worker_id}", viewer("workers"), get_worker)
      .does("Show a worker and what it says of itself")
      .gives(200, "{..Worker, metadata: object}");
  router.add("GET", "/api/v1/projects/{slug}/queues", viewer("queues"), list_queues)
      .does("List queues")
      .gives(200,
             "[{id: uuid, project_id: uuid, name: text, engine: text, broker_type: text?, "
             "broker_url_hint: text?, last_seen_at: time?, created_at: time, pending_count: int?, "
             "unacked_count: int?, scheduled_count: int?, consumer_count: int?, oldest_at: time?, "
             "oldest_age_seconds: int?, is_paused: bool}]");
  router.add("GET", "/api/v1/projects/{slug}/queue-depths", viewer("queues"), list_depths)
      .does("Show how deep queues were over time")
      .query(
          "{hours?: int(1..192), buckets?: int(1..200), engine?: text(0..40), queue?: "
          "text(0..200)}")
      .gives(200,
             "{items: [{engine: text, queue: text, pending: [int?], oldest_seconds: [int?]}], "
             "since: time, until: time, bucket_seconds: int, truncated: bool}");
  router
      .add("GET", "/api/v1/projects/{slug}/queues/{engine}/{queue}/waiting", viewer("queues"),
           list_waiting)
      .does("List what waits in a queue, as the engine tells it")
      .query("{limit?: int(1..500), cursor?: text(1..1000)}")
      .gives(200, "page(object)")
      .refuses(409);
  router
      .add("GET", "/api/v1/projects/{slug}/queues/{engine}/{queue}/dead-letters", viewer("queues"),
           list_dead_letters)
      .does("List what was thrown away from a queue, newest first, as the engine tells it")
      .query("{limit?: int(1..500), cursor?: text(1..1000)}")
      .gives(200, "page(object)")
      .refuses(409);
  router.add("GET", "/api/v1/projects/{slug}/capabilities", viewer("agents"), list_capabilities)
      .does("Show what can be done with each engine, and why not what can't")
      .gives(200,
             "page({engine: text, agent_id: uuid, is_online: bool, abilities: [{action: text, how: "
             "\"native\"|\"emulated\"|\"conditional\"|\"impossible\", available: bool, reason?: "
             "text?, workers?: object}]})");
  router.add("GET", "/api/v1/projects/{slug}/gaps", viewer("agents"), list_gaps)
      .does("List when an engine was out of sight")
      .query("{cursor?: text, limit?: int(1..5000)}")
      .gives(200,
             "page({id: uuid, project_id: uuid, agent_id: uuid, engine: text, from_at: time, "
             "to_at: time, why: text?, rebuilt: int?, lost: int?, created_at: time})");
  router.add("GET", "/api/v1/projects/{slug}/event-sources", viewer("agents"), list_event_sources)
      .does("List agents by the events they sent")
      .gives(200,
             "page({agent_id: uuid, name: text, state: text, events_persisted: int, "
             "events_dropped: int, last_event_at: time?, ingest: object})");
}

}  // namespace z4j::api
