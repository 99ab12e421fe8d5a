#include "core/fleet.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "core/refusal.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace agent_col = model::agents;
namespace worker_col = model::workers;
namespace queue_col = model::queues;
namespace hour_col = model::worker_hours;
namespace gap_col = model::gaps;

constexpr std::uint64_t kMostTaskNames = 1'000'000;
constexpr std::size_t kMaxCounted = 20'000;  // workers, gone ones included

constexpr std::initializer_list<std::uint16_t> kFleetAgentColumns = {
    agent_col::id,
    agent_col::project_id,
    agent_col::name,
    agent_col::is_local,
    agent_col::state,
    agent_col::state_reason,
    agent_col::protocol_version,
    agent_col::framework_adapter,
    agent_col::engine_adapters,
    agent_col::scheduler_adapters,
    agent_col::capabilities,
    agent_col::last_seen_at,
    agent_col::last_connect_at,
    agent_col::last_event_at,
    agent_col::host_name,
    agent_col::agent_version,
    agent_col::events_persisted,
    agent_col::events_dropped,
    agent_col::created_at,
    agent_col::token_hash,
    agent_col::token_changed_at,
    agent_col::previous_token_until,
    agent_col::clock_skew_ms,
    agent_col::transport,
    agent_col::runtime_features,
    agent_col::telemetry};

constexpr std::initializer_list<std::uint16_t> kFleetWorkerColumns = {
    worker_col::id,           worker_col::project_id,
    worker_col::engine,       worker_col::name,
    worker_col::hostname,     worker_col::pid,
    worker_col::concurrency,  worker_col::queues,
    worker_col::state,        worker_col::last_heartbeat,
    worker_col::load_average, worker_col::memory_bytes,
    worker_col::active_tasks, worker_col::created_at};

base::json::Array fleet_array(const Row& row, std::uint16_t column) {
  base::json::Value value = row.json(column);
  return value.is_array() ? std::move(value.get_array()) : base::json::Array();
}

base::json::Object fleet_object(const Row& row, std::uint16_t column) {
  base::json::Value value = row.json(column);
  return value.is_object() ? std::move(value.get_object()) : base::json::Object();
}

FleetAgent fleet_agent_of(const Row& row) {
  FleetAgent a;
  a.id = row.uuid(agent_col::id);
  a.project_id = row.uuid(agent_col::project_id);
  a.name = row.text(agent_col::name);
  a.state = row.text(agent_col::state);
  a.state_reason = row.text(agent_col::state_reason);
  a.protocol_version = row.text(agent_col::protocol_version);
  a.framework_adapter = row.text(agent_col::framework_adapter);
  a.host_name = row.text(agent_col::host_name);
  a.agent_version = row.text(agent_col::agent_version);
  a.is_local = row.flag(agent_col::is_local);
  a.engine_adapters = fleet_array(row, agent_col::engine_adapters);
  a.scheduler_adapters = fleet_array(row, agent_col::scheduler_adapters);
  a.capabilities = fleet_object(row, agent_col::capabilities);
  a.last_seen_at = row.num_or_none(agent_col::last_seen_at);
  a.last_connect_at = row.num_or_none(agent_col::last_connect_at);
  a.last_event_at = row.num_or_none(agent_col::last_event_at);
  a.events_persisted = row.num(agent_col::events_persisted);
  a.events_dropped = row.num(agent_col::events_dropped);
  a.created_at = row.num(agent_col::created_at);
  a.has_token = !row.is_null(agent_col::token_hash);
  a.token_changed_at = row.num_or_none(agent_col::token_changed_at);
  a.previous_token_until = row.num_or_none(agent_col::previous_token_until);
  a.clock_skew_ms = row.num_or_none(agent_col::clock_skew_ms);
  a.transport = row.text(agent_col::transport);
  a.runtime_features = fleet_array(row, agent_col::runtime_features);
  a.telemetry = fleet_object(row, agent_col::telemetry);
  return a;
}

FleetConnection fleet_connection_of(const Row& row) {
  namespace c = model::agent_connections;
  FleetConnection out;
  out.id = row.uuid(c::id);
  out.agent_id = row.uuid(c::agent_id);
  out.worker_id = row.text(c::worker_id);
  out.transport = row.text(c::transport);
  out.source_ip = row.text(c::source_ip);
  out.agent_version = row.text(c::agent_version);
  out.reason = row.text(c::reason);
  out.connected_at = row.num(c::connected_at);
  out.disconnected_at = row.num_or_none(c::disconnected_at);
  out.close_code = row.num_or_none(c::close_code);
  return out;
}

FleetSlot fleet_slot_of(const Row& row) {
  namespace s = model::agent_workers;
  FleetSlot out;
  out.id = row.uuid(s::id);
  out.agent_id = row.uuid(s::agent_id);
  out.project_id = row.uuid(s::project_id);
  out.worker_id = row.text(s::worker_id);
  out.role = row.text(s::role);
  out.framework = row.text(s::framework);
  out.state = row.text(s::state);
  out.pid = row.num_or_none(s::pid);
  out.started_at = row.num_or_none(s::started_at);
  out.last_seen_at = row.num_or_none(s::last_seen_at);
  out.last_connect_at = row.num_or_none(s::last_connect_at);
  out.created_at = row.num(s::created_at);
  out.updated_at = row.num(s::updated_at);
  return out;
}

FleetTaskName fleet_task_name_of(const Row& row) {
  namespace t = model::agent_tasks;
  FleetTaskName out;
  out.engine = row.text(t::engine);
  out.name = row.text(t::name);
  out.workers = fleet_array(row, t::workers);
  out.first_seen_at = row.num(t::first_seen_at);
  out.last_seen_at = row.num(t::last_seen_at);
  return out;
}

FleetWorker fleet_worker_of(const Row& row) {
  FleetWorker w;
  w.id = row.uuid(worker_col::id);
  w.project_id = row.uuid(worker_col::project_id);
  w.engine = row.text(worker_col::engine);
  w.name = row.text(worker_col::name);
  w.hostname = row.text(worker_col::hostname);
  w.state = row.text(worker_col::state);
  w.pid = row.num_or_none(worker_col::pid);
  w.concurrency = row.num_or_none(worker_col::concurrency);
  w.memory_bytes = row.num_or_none(worker_col::memory_bytes);
  w.queues = fleet_array(row, worker_col::queues);
  if (base::json::Value load = row.json(worker_col::load_average); load.is_array())
    w.load_average = std::move(load);
  w.last_heartbeat = row.num_or_none(worker_col::last_heartbeat);
  w.active_tasks = row.num(worker_col::active_tasks);
  w.created_at = row.num(worker_col::created_at);
  return w;
}

FleetQueue fleet_queue_of(const Row& row) {
  FleetQueue q;
  q.id = row.uuid(queue_col::id);
  q.project_id = row.uuid(queue_col::project_id);
  q.engine = row.text(queue_col::engine);
  q.name = row.text(queue_col::name);
  q.broker_type = row.text(queue_col::broker_type);
  q.broker_url_hint = row.text(queue_col::broker_url_hint);
  q.last_seen_at = row.num_or_none(queue_col::last_seen_at);
  q.oldest_at = row.num_or_none(queue_col::oldest_at);
  q.pending_count = row.num_or_none(queue_col::pending_count);
  q.unacked_count = row.num_or_none(queue_col::unacked_count);
  q.scheduled_count = row.num_or_none(queue_col::scheduled_count);
  q.consumer_count = row.num_or_none(queue_col::consumer_count);
  q.is_paused = row.flag(queue_col::paused);
  q.created_at = row.num(queue_col::created_at);
  return q;
}

FleetGap fleet_gap_of(const Row& row) {
  FleetGap g;
  g.id = row.uuid(gap_col::id);
  g.project_id = row.uuid(gap_col::project_id);
  g.agent_id = row.uuid(gap_col::agent_id);
  g.engine = row.text(gap_col::engine);
  g.why = row.text(gap_col::why);
  g.from_at = row.num(gap_col::from_at);
  g.to_at = row.num(gap_col::to_at);
  g.created_at = row.num(gap_col::created_at);
  g.rebuilt = row.num_or_none(gap_col::rebuilt);
  g.lost = row.num_or_none(gap_col::lost);
  return g;
}

template <class T, class Make>
base::Result<std::vector<T>> read_fleet(Store& store, const Query& query, Make make) {
  std::vector<T> out;
  auto done = store.each(query, [&](const Row& row) {
    out.push_back(make(row));
    return true;
  });
  if (!done) return std::move(done).error();
  return out;
}

}  // namespace

base::Result<std::vector<FleetAgent>> Fleet::agents(const base::Uuid& project) {
  Query query(Table::agents);
  query.where.eq(agent_col::project_id, project);
  query.columns(kFleetAgentColumns)
      .order({agent_col::created_at, agent_col::id}, true)
      .limit(kFleetCap);
  auto out = read_fleet<FleetAgent>(store_, query, fleet_agent_of);
  if (out)
    std::stable_partition(out->begin(), out->end(),
                          [](const FleetAgent& a) { return a.state == "online"; });
  return out;
}

base::Result<FleetAgent> Fleet::agent(const base::Uuid& project, const base::Uuid& id) {
  Query query(Table::agents);
  query.where.eq(agent_col::id, id).eq(agent_col::project_id, project);
  auto row = store_.first(query.columns(kFleetAgentColumns));
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("agent");
  return fleet_agent_of(**row);
}

base::Result<Page<FleetConnection>> Fleet::connections(const base::Uuid& agent,
                                                       const std::optional<Place>& after,
                                                       std::uint32_t limit) {
  namespace c = model::agent_connections;
  Query query(Table::agent_connections);
  query.where.eq(c::agent_id, agent);
  query.all().order({c::connected_at, c::id}, true);
  if (after) query.after({Cell(after->at), Cell(after->id)});
  return read_page<FleetConnection>(
      store_, std::move(query), limit, fleet_connection_of,
      [](const FleetConnection& one) {
        return Place{one.connected_at, one.id};
      },
      [](const FleetConnection& one) { return one.reason.size(); });
}

base::Result<std::vector<FleetSlot>> Fleet::slots(const base::Uuid& project,
                                                  std::optional<std::string_view> state,
                                                  std::optional<std::string_view> role,
                                                  std::uint32_t limit) {
  namespace s = model::agent_workers;
  std::vector<FleetSlot> out;
  for (const std::string_view each : {"online", "offline"}) {
    if ((state && *state != each) || out.size() >= limit) continue;
    Query query(Table::agent_workers);
    query.where.eq(s::project_id, project).eq(s::state, each);
    if (role) query.where.eq(s::role, *role);
    query.all()
        .order({s::last_seen_at, s::id}, true)
        .limit(limit - static_cast<std::uint32_t>(out.size()));
    auto some = read_fleet<FleetSlot>(store_, query, fleet_slot_of);
    if (!some) return some;
    out.insert(out.end(), std::make_move_iterator(some->begin()),
               std::make_move_iterator(some->end()));
  }
  return out;
}

base::Result<std::vector<FleetTaskName>> Fleet::task_names(
    const base::Uuid& agent, const std::optional<std::pair<std::string, std::string>>& after,
    std::uint32_t limit) {
  namespace t = model::agent_tasks;
  Query query(Table::agent_tasks);
  query.where.eq(t::agent_id, agent);
  query.all().order({t::engine, t::name}).limit(limit);
  if (after) query.after({Cell(after->first), Cell(after->second)});
  return read_fleet<FleetTaskName>(store_, query, fleet_task_name_of);
}

base::Result<std::uint64_t> Fleet::count_task_names(const base::Uuid& agent) {
  Where of;
  of.eq(model::agent_tasks::agent_id, agent);
  return store_.count(Table::agent_tasks, of, kMostTaskNames);
}

base::Result<Fleet::Counts> Fleet::count_work(const base::Uuid& project, const FleetWorker* only) {
  Query query(Table::worker_hours);
  query.where.eq(hour_col::project_id, project)
      .ge(hour_col::hour, clock_.now() - base::kDayUs)
      .in(hour_col::kind, {Cell("task.succeeded"), Cell("task.failed"), Cell("task.retried")});
  if (only != nullptr)
    query.where.eq(hour_col::engine, only->engine).eq(hour_col::worker, only->name);
  query.group(hour_col::engine)
      .group(hour_col::worker)
      .group(hour_col::kind)
      .fold(Z4J_AGG_SUM, hour_col::count);
  Counts counts;
  auto done = store_.each(query, [&](const Row& row) {
    WorkerCounts& of = counts[{std::string(row.text(0)), std::string(row.text(1))}];
    const std::string_view kind = row.text(2);
    (kind == "task.succeeded" ? of.succeeded
     : kind == "task.failed"  ? of.failed
                              : of.retried) = row.num(3);
    return counts.size() < kMaxCounted;
  });
  if (!done) return std::move(done).error();
  return counts;
}

base::Result<std::vector<FleetWorker>> Fleet::workers(const base::Uuid& project) {
  Query query(Table::workers);
  query.where.eq(worker_col::project_id, project);
  query.columns(kFleetWorkerColumns)
      .order({worker_col::sort_at, worker_col::id}, true)
      .limit(kFleetCap);
  auto out = read_fleet<FleetWorker>(store_, query, fleet_worker_of);
  if (!out) return out;
  const auto counts = counts_.get(project, [&] { return count_work(project, nullptr); });
  if (!counts) return counts.error();
  for (FleetWorker& w : *out) {
    if (const auto found = counts->find({w.engine, w.name}); found != counts->end())
      w.counts = found->second;
  }
  std::stable_sort(out->begin(), out->end(), [](const FleetWorker& a, const FleetWorker& b) {
    const base::TimeUs seen_a = a.last_heartbeat.value_or(0), seen_b = b.last_heartbeat.value_or(0);
    return seen_a != seen_b ? seen_a > seen_b
                            : std::tie(a.name, a.engine) < std::tie(b.name, b.engine);
  });
  return out;
}

base::Result<FleetWorker> Fleet::worker(const base::Uuid& project, const base::Uuid& id) {
  Query query(Table::workers);
  query.where.eq(worker_col::id, id).eq(worker_col::project_id, project);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("worker");
  FleetWorker w = fleet_worker_of(**row);
  w.metadata = fleet_object(**row, worker_col::metadata);
  const auto counts = count_work(project, &w);
  if (!counts) return counts.error();
  if (!counts->empty()) w.counts = counts->begin()->second;
  return w;
}

base::Result<std::vector<FleetQueue>> Fleet::queues(const base::Uuid& project) {
  Query query(Table::queues);
  query.where.eq(queue_col::project_id, project);
  query.all().order({queue_col::name, queue_col::id}).limit(kFleetCap);
  return read_fleet<FleetQueue>(store_, query, fleet_queue_of);
}

base::Result<std::optional<FleetQueue>> Fleet::queue(const base::Uuid& project,
                                                     std::string_view engine,
                                                     std::string_view name) {
  Query query(Table::queues);
  query.where.eq(queue_col::id, model::queue_row_id(project, engine, name))
      .eq(queue_col::project_id, project);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return std::optional<FleetQueue>();
  return std::optional(fleet_queue_of(**row));
}

base::Result<Page<FleetGap>> Fleet::gaps(const base::Uuid& project,
                                         const std::optional<Place>& after, std::uint32_t limit) {
  Query query(Table::gaps);
  query.where.eq(gap_col::project_id, project);
  query.all().order({gap_col::from_at, gap_col::id}, true);
  if (after) query.after({Cell(after->at), Cell(after->id)});
  return read_page<FleetGap>(
      store_, std::move(query), limit, fleet_gap_of,
      [](const FleetGap& g) {
        return Place{g.from_at, g.id};
      },
      [](const FleetGap& g) { return g.why.size(); });
}

base::Result<std::vector<FleetAgent>> Fleet::all_agents(std::uint32_t cap) {
  Query query(Table::agents);
  query.columns(kFleetAgentColumns).order({agent_col::id}).limit(cap);
  return read_fleet<FleetAgent>(store_, query, fleet_agent_of);
}

base::Result<std::vector<FleetQueue>> Fleet::all_queues(std::uint32_t cap) {
  Query query(Table::queues);
  query.all().order({queue_col::id}).limit(cap);
  return read_fleet<FleetQueue>(store_, query, fleet_queue_of);
}

base::Result<std::vector<std::pair<base::Uuid, std::int64_t>>> Fleet::online_workers() {
  Query query(Table::workers);
  query.where.eq(worker_col::state, "online");
  query.group(worker_col::project_id).count();
  return read_fleet<std::pair<base::Uuid, std::int64_t>>(
      store_, query, [](const Row& row) { return std::pair(row.uuid(0), row.num(1)); });
}

}  // namespace z4j::core
