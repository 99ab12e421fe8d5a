// `/metrics`: figures of the process, of ingest, of the fleet, for Prometheus.
//
// Label sets are bounded: agents, queues and plugin instances by caps, routes by the table of
// routes. No figure needs a scan of tasks or events.
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <numeric>

#include "api/reply.hpp"
#include "api/site.hpp"

namespace z4j::api {
namespace {

constexpr std::uint32_t kMaxAgents = 1000, kMaxQueues = 2000;

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

void write_process(const Site& site, core::MetricText& out) {
  out.family("z4j_brain_build_info", "gauge", "always 1; the label tells the version")
      .sample({{"version", site.parts.version}}, std::int64_t{1});
  out.family("z4j_brain_rss_bytes", "gauge", "resident memory").sample({}, resident_bytes());
  out.family("z4j_brain_uptime_seconds", "gauge", "since the start")
      .sample({}, (site.parts.clock.now() - site.started_at) / base::kSecondUs);
  if (!site.parts.server_stats) return;
  const net::ServerStats s = site.parts.server_stats();
  const auto whole = [](std::uint64_t n) { return static_cast<std::int64_t>(n); };
  out.family("z4j_front_connections", "gauge", "open public connections")
      .sample({}, whole(s.connections_open));
  out.family("z4j_front_connections_total", "counter", "accepted public connections")
      .sample({}, whole(s.connections_total));
  out.family("z4j_front_connections_refused_total", "counter", "connections beyond the cap")
      .sample({}, whole(s.connections_refused));
  out.family("z4j_ws_connections", "gauge", "open WebSockets").sample({}, whole(s.sockets_open));
  out.family("z4j_ws_dropped_slow_total", "counter",
             "WebSockets closed because their peer read too slowly")
      .sample({}, whole(s.sockets_dropped_slow));
  out.family("z4j_ws_frames_in_total", "counter", "messages received by WebSockets")
      .sample({}, whole(s.socket_messages_in));
  out.family("z4j_ws_frames_out_total", "counter", "messages sent by WebSockets")
      .sample({}, whole(s.socket_messages_out));
  out.family("z4j_http_requests_total", "counter", "answered requests")
      .sample({}, whole(s.requests_total));
  out.family("z4j_http_requests_refused_total", "counter",
             "requests that the front answered itself")
      .sample({}, whole(s.requests_refused));
  out.family("z4j_brain_threads", "gauge", "threads of the front and the API pool")
      .sample({}, static_cast<std::int64_t>(s.threads));
}

base::Status write_agents(Site& site, core::MetricText& out) {
  auto agents = site.fleet.all_agents(kMaxAgents);
  if (!agents) return std::move(agents).error();
  out.family("z4j_events_persisted_total", "counter", "events stored, duplicates not counted");
  for (const core::FleetAgent& a : *agents) {
    out.sample({{"project", a.project_id.text()}, {"agent", a.name}, {"agent_id", a.id.text()}},
               a.events_persisted);
  }
  out.family("z4j_events_dropped_total", "counter", "events lost before they could be stored");
  for (const core::FleetAgent& a : *agents) {
    out.sample({{"project", a.project_id.text()}, {"agent", a.name}, {"agent_id", a.id.text()}},
               a.events_dropped);
  }
  std::map<std::string, std::int64_t> online;
  for (const core::FleetAgent& a : *agents)
    online[a.project_id.text()] += a.state == "online" ? 1 : 0;
  out.family("z4j_agents_online", "gauge", "agents that are online, at whichever brain");
  for (const auto& [project, count] : online) out.sample({{"project", project}}, count);
  out.family("z4j_agents_online_total", "gauge", "agents that are online, of all projects");
  out.sample({},
             std::accumulate(online.begin(), online.end(), std::int64_t{0},
                             [](std::int64_t sum, const auto& one) { return sum + one.second; }));
  return {};
}

base::Status write_workers(Site& site, core::MetricText& out) {
  auto workers = site.fleet.online_workers();
  if (!workers) return std::move(workers).error();
  out.family("z4j_workers_online", "gauge", "workers that are online");
  for (const auto& [project, count] : *workers) out.sample({{"project", project.text()}}, count);
  return {};
}

base::Status write_queues(Site& site, core::MetricText& out) {
  auto queues = site.fleet.all_queues(kMaxQueues);
  if (!queues) return std::move(queues).error();
  out.family("z4j_queue_depth", "gauge", "waiting messages, as last reported");
  for (const core::FleetQueue& q : *queues) {
    if (q.pending_count)
      out.sample({{"project", q.project_id.text()}, {"queue", q.name}, {"engine", q.engine}},
                 *q.pending_count);
  }
  const base::TimeUs now = site.parts.clock.now();
  out.family("z4j_queue_oldest_age_seconds", "gauge", "how long the oldest message has waited");
  for (const core::FleetQueue& q : *queues) {
    if (!q.oldest_at) continue;
    const std::int64_t age_s = std::max<std::int64_t>(0, (now - *q.oldest_at) / base::kSecondUs);
    out.sample({{"project", q.project_id.text()}, {"queue", q.name}, {"engine", q.engine}}, age_s);
  }
  return {};
}

base::Status write_commands(Site& site, core::MetricText& out) {
  auto counts = site.stats.commands_by_status();
  if (!counts) return std::move(counts).error();
  out.family("z4j_commands", "gauge", "stored commands by where they stand");
  for (const auto& [status, count] : *counts) out.sample({{"status", status}}, count);
  return {};
}

// What the storage driver says of itself, and the sessions for reading.
void write_store(Site& site, core::MetricText& out) {
  const core::Store::Pool pool = site.parts.store.pool();
  out.family("z4j_db_pool_size", "gauge", "database sessions for reading")
      .sample({}, std::int64_t{pool.size});
  out.family("z4j_db_pool_checked_out", "gauge", "of these at work")
      .sample({}, std::int64_t{pool.in_use});
  out.family("z4j_brain_db_pool_size", "gauge", "z4j_db_pool_size by its other name")
      .sample({}, std::int64_t{pool.size});
  out.family("z4j_brain_db_pool_in_use", "gauge", "z4j_db_pool_checked_out by its other name")
      .sample({}, std::int64_t{pool.in_use});
  const auto stats = site.parts.store.stats();
  const auto parsed =
      stats ? base::json::parse(*stats) : base::Result<base::json::Value>(stats.error());
  if (!parsed || !parsed->is_object()) return;
  const base::json::Object& of = parsed->get_object();
  out.family("z4j_db_size_bytes", "gauge", "size of the database")
      .sample({}, base::json::integer(of, "bytes"));
  out.family("z4j_db_connections", "gauge", "database connections of this brain")
      .sample({}, base::json::integer(of, "connections"));
  if (of.contains("deadlocks"))
    out.family("z4j_postgres_deadlocks_total", "counter",
               "commits that the server gave up to end a deadlock")
        .sample({}, base::json::integer(of, "deadlocks"));
}

void write_plugins(Site& site, core::MetricText& out) {
  const std::vector<plugin::Report> reports = site.parts.plugins.reports();
  const auto whole = [](std::uint64_t n) { return static_cast<std::int64_t>(n); };
  out.family("z4j_plugin_up", "gauge", "1 while the instance is started");
  for (const auto& r : reports)
    out.sample({{"instance", r.name}, {"plugin", r.plugin}},
               std::int64_t{r.state == plugin::State::started ? 1 : 0});
  out.family("z4j_plugin_health", "gauge", "0 ok, 1 degraded, 2 failing");
  for (const auto& r : reports)
    out.sample({{"instance", r.name}, {"plugin", r.plugin}}, static_cast<std::int64_t>(r.health));
  out.family("z4j_plugin_calls_total", "counter", "calls into the instance");
  for (const auto& r : reports)
    out.sample({{"instance", r.name}, {"plugin", r.plugin}}, whole(r.calls));
  out.family("z4j_plugin_errors_total", "counter", "calls that failed");
  for (const auto& r : reports)
    out.sample({{"instance", r.name}, {"plugin", r.plugin}}, whole(r.errors));
  out.family("z4j_plugin_process_deaths_total", "counter",
             "processes of the instance that ended unasked");
  for (const plugin::Report& r : reports) {
    if (r.isolation == "process")
      out.sample({{"instance", r.name}, {"plugin", r.plugin}}, whole(r.process_deaths));
  }
  out.family("z4j_plugin_process_memory_bytes", "gauge", "what the instance's process holds");
  for (const plugin::Report& r : reports) {
    if (r.isolation == "process")
      out.sample({{"instance", r.name}, {"plugin", r.plugin}}, whole(r.memory_bytes));
  }
  out.family("z4j_plugin_faults_total", "counter", "broken rules of the contract");
  for (const auto& r : reports)
    out.sample({{"instance", r.name}, {"plugin", r.plugin}}, whole(r.faults));
}

net::Response get_metrics(Site& site, Call&) {
  core::MetricText out;
  write_process(site, out);
  write_plugins(site, out);
  site.http_metrics.write(out);
  site.swallowed.write(out);
  site.policy_reports.write(out);
  out.family("z4j_inmemory_state_items", "gauge",
             "entries kept in memory, each kind with a ceiling")
      .sample({{"subsystem", "rate_limits"}}, static_cast<std::int64_t>(site.limits.keys()));
  // A store that is away takes its figures with it, not the others.
  base::Status stored = write_agents(site, out);
  if (stored) stored = write_workers(site, out);
  if (stored) stored = write_queues(site, out);
  if (stored) stored = write_commands(site, out);
  if (stored) write_store(site, out);
  out.family("z4j_store_up", "gauge", "1 when the store answered this scrape")
      .sample({}, std::int64_t{stored ? 1 : 0});
  if (site.parts.more_metrics) site.parts.more_metrics(out);
  net::Response r;
  r.content_type = "text/plain; version=0.0.4; charset=utf-8";
  r.body = out.text();
  return r;
}

}  // namespace

void add_metrics_route(Router& router) {
  router.add("GET", "/metrics", {Gate::metrics}, get_metrics)
      .does("Get the figures for Prometheus")
      .gives_file(200, "text/plain; version=0.0.4; charset=utf-8")
      .refuses(404);
}

}  // namespace z4j::api
