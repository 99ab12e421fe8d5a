#include "gateway/ledger.hpp"

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "core/live.hpp"
#include "core/presence.hpp"
#include "core/snapshots_read.hpp"
#include "core/text.hpp"
#include "gateway/session.hpp"
#include "model/ids.hpp"
#include "wire/time.hpp"

namespace z4j::gateway {
namespace {

namespace json = base::json;
namespace agent_col = model::agents;
namespace worker_col = model::agent_workers;
namespace link_col = model::agent_connections;
namespace task_col = model::agent_tasks;
using core::Cell;
using core::Commit;
using core::Rows;
using core::Table;
using core::Where;

constexpr std::size_t kMovesPerCommit = 100, kRowsPerCommit = 500, kReportsAtOnce = 250;
constexpr std::size_t kMaxMoves = 50'000, kMaxDeltas = 1'000;
constexpr std::size_t kMaxNames = 10'000, kMaxWorkersPerName = 256;
constexpr std::size_t kNameBytes = 500;
constexpr std::int64_t kRoutesEveryMs = 60'000;
// Times of an agent whose state did not change; at most half of the offline timeout, so that a
// brain that takes over does not find it silent.
constexpr std::int64_t kTimesEveryMs = 15'000, kWorkersEveryMs = 30'000;
constexpr std::int64_t kSkewJitterMs = 1000;
constexpr auto kLedgerRound = std::chrono::milliseconds(250);

json::Array names_json(const std::vector<std::string>& names) {
  json::Array out;
  for (const std::string& name : names) out.emplace_back(core::clean_text(name, 80));
  return out;
}

json::Object capabilities_json(const Facts& facts) {
  json::Object out;
  for (const auto& [adapter, names] : facts.capabilities)
    out[core::clean_text(adapter, 80)] = names_json(names);
  return out;
}

// What is told beside other news: it would make a write of every heartbeat.
bool always_moves(std::string_view telemetry) noexcept {
  return telemetry == "last_flush_at" || telemetry == "buffer_oldest_age_seconds";
}

base::Uuid worker_row(const base::Uuid& agent, const std::optional<std::string>& worker) {
  return model::derived_id(agent, worker ? "agent_worker" : "agent", "", worker.value_or(""));
}

Cell number_or_null(const std::optional<std::int64_t>& n) { return n ? Cell(*n) : Cell(); }

std::optional<std::int64_t> skew_of(const std::vector<SessionPtr>& sessions) {
  std::optional<std::int64_t> skew;
  base::TimeUs heard = 0;
  for (const SessionPtr& session : sessions) {
    if (!session->skew_ms() || session->heard_at() < heard) continue;
    skew = session->skew_ms();
    heard = session->heard_at();
  }
  return skew;
}

}  // namespace

Ledger::Ledger(const base::Clock& clock, base::Log& log, Options options)
    : clock_(clock), log_(log), options_(std::move(options)) {
  Z4J_CHECK(options_.roster != nullptr);
}

Ledger::~Ledger() { stop(); }

// --- what sessions tell -------------------------------------------------------------------------

void Ledger::arrived(const Session& session) {
  Coming coming{session.who(),
                session.id(),
                session.facts(),
                session.client_ip(),
                std::string(session.transport()),
                clock_.now()};
  {
    const std::lock_guard lock(mutex_);
    if (comings_.size() >= kMaxMoves) {
      comings_.pop_front();
      ++lost_moves_;
    }
    if (!coming.facts->versions.empty()) {
      Telemetry& kept = telemetry_[coming.who.agent_id];
      kept.told["versions"] = coming.facts->versions;
      kept.is_new = true;
    }
    comings_.push_back(std::move(coming));
  }
  poke();
}

void Ledger::departed(const Session& session, std::uint16_t close_code, std::string_view reason) {
  Going going{
      session.who(), session.id(),       session.worker_id(), session.skew_ms(),
      clock_.now(),  session.heard_at(), close_code,          core::clean_text(reason, 200)};
  {
    const std::lock_guard lock(mutex_);
    if (goings_.size() >= kMaxMoves) {
      goings_.pop_front();
      ++lost_moves_;
    }
    goings_.push_back(std::move(going));
  }
  poke();
}

void Ledger::beat(const Session& session, wire::Heartbeat beat, const json::Object& payload) {
  const base::Uuid& agent = session.who().agent_id;
  json::Object told{{"buffer_size", beat.buffer_size}, {"dropped_events", beat.dropped_events}};
  told["last_flush_at"] =
      beat.last_flush_at ? json::Value(base::format_time(*beat.last_flush_at)) : json::Value();
  if (beat.telemetry_loss) {
    if (const json::Object* loss = json::object(payload, "telemetry_loss"))
      told["telemetry_loss"] = *loss;
  }
  bool has_reports = false;
  {
    const std::lock_guard lock(mutex_);
    Telemetry& kept = telemetry_[agent];
    for (auto& [name, value] : told) {
      json::Value& before = kept.told[name];
      if (before == value) continue;
      before = value;
      kept.is_new = kept.is_new || !always_moves(name);
    }
    for (wire::EngineHealth& health : beat.engines) {
      const EngineKey key{agent, health.engine};
      if (health.queues.empty() && health.workers.empty()) {  // as most beats are
        if (health.tells_queues && !depths_.empty()) depths_.erase(key);
        continue;
      }
      if (health.tells_queues) {
        auto& depths = depths_[key];
        depths.clear();
        for (const json::Value& queue : health.queues) {
          if (!queue.is_object()) continue;
          const std::string name(json::text(queue.get_object(), "name"));
          depths[name] = json::integer(queue.get_object(), "pending");
        }
      }
      has_reports = true;
      reports_[key] = Report{session.who(), std::move(health), clock_.now()};
    }
  }
  if (has_reports) poke();
}

void Ledger::status(const Session& session, const json::Object& payload) {
  static constexpr std::string_view kKept[] = {
      "auth_failure_streak", "protocol_failure_streak",   "connection_failure_streak",
      "buffer_depth",        "buffer_oldest_age_seconds", "last_successful_connect_at"};
  const wire::AgentStatus status = wire::read_agent_status(payload);
  const json::Object clean = wire::write_agent_status(status);
  const std::lock_guard lock(mutex_);
  Telemetry& kept = telemetry_[session.who().agent_id];
  for (const std::string_view name : kKept) {
    const json::Value* const told = clean.if_contains(name);
    if (told == nullptr) continue;
    json::Value& before = kept.told[name];
    if (before == *told) continue;
    before = *told;
    kept.is_new = kept.is_new || !always_moves(name);
  }
}

void Ledger::registry(const Session& session, const json::Object& payload) {
  json::Object kept;  // in memory of its own: the frame's goes
  for (const auto& [name, value] : payload) kept[name] = value;
  {
    const std::lock_guard lock(mutex_);
    if (deltas_.size() >= kMaxDeltas) deltas_.pop_front();
    deltas_.emplace_back(session.who(), std::move(kept));
  }
  poke();
}

std::optional<std::int64_t> Ledger::queue_depth(const base::Uuid& agent, const std::string& engine,
                                                const std::string& queue) const {
  const std::lock_guard lock(mutex_);
  const auto depths = depths_.find({agent, engine});
  if (depths == depths_.end()) return std::nullopt;
  const auto depth = depths->second.find(queue);
  return depth == depths->second.end() ? std::nullopt : std::optional(depth->second);
}

// --- comings and goings -------------------------------------------------------------------------

base::Status Ledger::write_moves(const std::vector<Coming>& comings,
                                 const std::vector<Going>& goings) {
  const base::TimeUs now = clock_.now();
  std::map<base::Uuid, const Coming*> facts;  // by agent, the latest
  std::map<base::Uuid, const Coming*> workers, links;
  for (const Coming& coming : comings) {
    facts[coming.who.agent_id] = &coming;
    workers[worker_row(coming.who.agent_id, coming.facts->worker_id)] = &coming;
    links[coming.session] = &coming;
  }
  Rows link_rows(Table::agent_connections);
  for (const auto& [id, c] : links) {
    link_rows.begin()
        .uuid(link_col::id, id)
        .uuid(link_col::agent_id, c->who.agent_id)
        .uuid(link_col::project_id, c->who.project_id)
        .text_or_null(link_col::worker_id, c->facts->worker_id.value_or(""))
        .text(link_col::transport, c->transport)
        .text_or_null(link_col::source_ip, c->client_ip)
        .text_or_null(link_col::agent_version, core::clean_text(c->facts->agent_version, 64))
        .uuid(link_col::brain_id, options_.brain)
        .num(link_col::connected_at, c->at);
  }
  Rows worker_rows(Table::agent_workers);
  for (const auto& [id, c] : workers) {
    const Facts& f = *c->facts;
    worker_rows.begin()
        .uuid(worker_col::id, id)
        .uuid(worker_col::agent_id, c->who.agent_id)
        .uuid(worker_col::project_id, c->who.project_id)
        .cell(worker_col::worker_id,
              f.worker_id ? Cell(core::clean_text(*f.worker_id, 128)) : Cell())
        .text_or_null(worker_col::role, core::clean_text(f.worker_role.value_or(""), 32))
        .text_or_null(worker_col::framework, core::clean_text(f.framework, 40))
        .cell(worker_col::pid, number_or_null(f.worker_pid))
        .cell(worker_col::started_at, number_or_null(f.worker_started_at))
        .text(worker_col::state, "online")
        .num(worker_col::last_seen_at, c->at)
        .num(worker_col::last_connect_at, c->at)
        .num(worker_col::created_at, c->at)
        .num(worker_col::updated_at, now);
  }
  Rows agent_rows(Table::agents);
  for (const auto& [id, c] : facts) {
    const Facts& f = *c->facts;
    agent_rows.begin()
        .uuid(agent_col::id, id)
        .text(agent_col::protocol_version, wire::kProtocolVersion)
        .text(agent_col::framework_adapter, core::clean_text(f.framework, 40))
        .text(agent_col::engine_adapters, json::write(names_json(f.engine_names)))
        .text(agent_col::scheduler_adapters, json::write(names_json(f.schedulers)))
        .text(agent_col::capabilities, json::write(capabilities_json(f)))
        .text_or_null(agent_col::host_name, core::clean_text(f.host_name, 255))
        .text_or_null(agent_col::agent_version, core::clean_text(f.agent_version, 64))
        .text(agent_col::transport, c->transport)
        .text(agent_col::runtime_features, json::write(names_json(f.features)))
        .num(agent_col::last_seen_at, c->at)
        .num(agent_col::last_connect_at, c->at)
        .num(agent_col::updated_at, now);
  }
  struct State {
    bool is_online = false;
    std::optional<std::int64_t> skew_ms;
    base::TimeUs seen_at = 0;
    base::Uuid project_id;
  };
  std::map<base::Uuid, State> states;
  for (const Coming& c : comings) {
    State& state = states[c.who.agent_id];
    state.project_id = c.who.project_id;
    state.seen_at = std::max(state.seen_at, c.at);
  }
  for (const Going& g : goings) {
    State& state = states[g.who.agent_id];
    state.project_id = g.who.project_id;
    state.seen_at = std::max(state.seen_at, g.heard_at);
    if (g.skew_ms) state.skew_ms = g.skew_ms;
  }
  Rows state_rows(Table::agents);
  std::vector<core::RoutedAgent> held;
  std::vector<base::Uuid> left;
  for (auto& [id, state] : states) {
    state.is_online = options_.roster->has(id);
    Written& written = written_[id];
    written = Written{state.is_online, clock_.steady_ms(), written.skew_ms};
    state_rows.begin()
        .uuid(agent_col::id, id)
        .text(agent_col::state, state.is_online ? "online" : "offline")
        .text_or_null(agent_col::state_reason, state.is_online ? "" : "not connected")
        .num(agent_col::last_seen_at, state.seen_at)
        .num(agent_col::updated_at, now);
    if (!state.is_online) {
      written_.erase(id);
      left.push_back(id);
      continue;
    }
    const auto engines = options_.roster->engines(id);
    core::RoutedAgent routed{id, state.project_id, {}, {}, {engines.begin(), engines.end()}};
    routed.presence.is_online = true;
    if (!engines.empty()) {
      routed.engine = engines.begin()->first;
      routed.presence.capabilities = engines.begin()->second;
    }
    held.push_back(std::move(routed));
  }
  Commit commit;
  if (link_rows.size() > 0) commit.insert_new(std::move(link_rows));
  if (worker_rows.size() > 0) commit.merge(std::move(worker_rows));
  if (agent_rows.size() > 0) commit.patch(std::move(agent_rows));
  if (state_rows.size() > 0) commit.patch(std::move(state_rows));
  for (const Going& g : goings) {
    Where link;
    link.eq(link_col::id, g.session);
    commit.update(Table::agent_connections, std::move(link),
                  {{link_col::disconnected_at, g.at},
                   {link_col::close_code, static_cast<std::int64_t>(g.close_code)},
                   {link_col::reason, Cell::text_or_null(g.reason)}});
    if (options_.roster->has(g.who.agent_id, g.worker_id)) continue;
    Where worker;
    worker.eq(worker_col::id, worker_row(g.who.agent_id, g.worker_id));
    commit.update(Table::agent_workers, std::move(worker),
                  {{worker_col::state, "offline"}, {worker_col::updated_at, now}});
  }
  for (const auto& [id, state] : states) {
    if (!state.skew_ms) continue;
    Where self;
    self.eq(agent_col::id, id);
    commit.update(Table::agents, std::move(self), {{agent_col::clock_skew_ms, *state.skew_ms}});
  }
  if (options_.store->is_shared()) {
    core::merge_routes(commit, options_.brain, held);
    core::drop_routes(commit, options_.brain, left);
  }
  commit.relaxed();
  if (auto done = options_.store->commit(commit); !done) return done;
  for (const auto& [id, state] : states) changed(state.project_id, core::kAgentChanged);
  for (const base::Uuid& id : left) {
    std::erase_if(rows_, [&](const auto& one) { return one.first.first == id; });
    std::erase_if(names_, [&](const auto& one) { return one.first.first == id; });
    const std::lock_guard lock(mutex_);
    telemetry_.erase(id);
    std::erase_if(depths_, [&](const auto& one) { return one.first.first == id; });
    std::erase_if(reports_, [&](const auto& one) { return one.first.first == id; });
  }
  if (!held.empty() && options_.on_held) options_.on_held();
  return {};
}

bool Ledger::write_moves() {
  bool any = false;
  for (;;) {
    std::vector<Coming> comings;
    std::vector<Going> goings;
    std::uint64_t lost = 0;
    {
      const std::lock_guard lock(mutex_);
      const auto take = [](auto& from, auto& to) {
        const std::size_t n = std::min(from.size(), kMovesPerCommit);
        to.assign(std::make_move_iterator(from.begin()),
                  std::make_move_iterator(from.begin() + static_cast<std::ptrdiff_t>(n)));
        from.erase(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(n));
      };
      take(comings_, comings);
      // A going never overtakes its coming.
      if (comings_.empty()) take(goings_, goings);
      lost = std::exchange(lost_moves_, 0);
    }
    if (lost > 0) log_.warn("the history of agents' connections has a hole", {{"entries", lost}});
    if (comings.empty() && goings.empty()) return any;
    if (auto done = write_moves(comings, goings); !done) {
      if (++failures_ % 20 == 1)
        log_.warn("agents' connections not stored", {{"why", done.error().text()}});
      if (!done.error().is_world()) return any;  // the next ones may be better
      const std::lock_guard lock(mutex_);
      comings_.insert(comings_.begin(), std::make_move_iterator(comings.begin()),
                      std::make_move_iterator(comings.end()));
      goings_.insert(goings_.begin(), std::make_move_iterator(goings.begin()),
                     std::make_move_iterator(goings.end()));
      return any;
    }
    failures_ = 0;
    any = true;
  }
}

// --- reports ------------------------------------------------------------------------------------

bool Ledger::write_reports() {
  std::map<EngineKey, Report> reports;
  std::deque<std::pair<Identity, json::Object>> deltas;
  {
    const std::lock_guard lock(mutex_);
    reports.swap(reports_);
    deltas.swap(deltas_);
  }
  const bool any = !reports.empty() || !deltas.empty();
  while (!reports.empty()) {
    std::map<EngineKey, Report> some;
    while (!reports.empty() && some.size() < kReportsAtOnce)
      some.insert(reports.extract(reports.begin()));
    write_reports(some);
  }
  for (const auto& [who, delta] : deltas) take_delta(who, delta);
  return write_names() || any;
}

void Ledger::take_delta(const Identity& who, const json::Object& delta) {
  Names& names = names_[{who.agent_id, core::clean_text(json::text(delta, "engine"), 40)}];
  names.who = who;
  for (const char* member : {"added", "updated"}) {
    const json::Array* tasks = json::array(delta, member);
    if (tasks == nullptr) continue;
    for (const json::Value& task : *tasks) {
      if (!task.is_object() || names.workers.size() >= kMaxNames) continue;
      const std::string name = core::clean_text(json::text(task.get_object(), "name"), kNameBytes);
      if (!name.empty() && names.workers.try_emplace(name).second) names.changed.insert(name);
    }
  }
  const json::Array* gone = json::array(delta, "removed");
  if (gone == nullptr) return;
  for (const json::Value& name : *gone) {
    if (!name.is_string() || names.removed.size() >= kMaxNames) continue;
    const std::string clean = core::clean_text(
        std::string_view(name.get_string().data(), name.get_string().size()), kNameBytes);
    names.workers.erase(clean);
    names.changed.erase(clean);
    names.removed.insert(clean);
  }
}

void Ledger::write_reports(std::map<EngineKey, Report>& reports) {
  struct Told {
    core::SnapshotPage<core::QueueReport> queues;
    core::SnapshotPage<core::WorkerReport> workers;
  };
  const auto page_of = [](json::Array& list) {
    return json::write(json::Object{{"items", std::move(list)}, {"next", nullptr}});
  };
  std::deque<Told> told;  // does not move what is in it
  std::vector<core::SnapshotRows::QueuesOf> queues;
  std::vector<core::SnapshotRows::WorkersOf> workers;
  for (auto& [key, report] : reports) {
    const Identity& who = report.who;
    if (!options_.roster->has(who.agent_id)) continue;
    std::unique_ptr<core::SnapshotRows>& rows = rows_[key];
    if (!rows) {
      rows = std::make_unique<core::SnapshotRows>(
          *options_.store, clock_,
          core::SnapshotRows::Owner{who.project_id, who.agent_id, key.second, std::nullopt});
    }
    Told& one = told.emplace_back();
    if (report.health.tells_queues) {
      if (auto page = core::read_queues(page_of(report.health.queues), clock_.now())) {
        one.queues = std::move(page).value();
        queues.push_back({rows.get(), &one.queues.items, false});
      }
    }
    if (report.health.tells_workers) {
      if (auto page =
              core::read_workers(page_of(report.health.workers), clock_.now(), options_.redact)) {
        one.workers = std::move(page).value();
        workers.push_back({rows.get(), &one.workers.items, report.at, false});
        learn_names(key, who, one.workers.items);
      }
    }
  }
  const auto tell = [&](const base::Status& done, const auto& all, std::string_view topic) {
    if (!done) log_.debug("reports of agents not stored", {{"why", done.error().text()}});
    std::set<base::Uuid> projects;
    for (const auto& one : all) {
      if (done && one.is_changed) projects.insert(one.rows->owner().project_id);
    }
    for (const base::Uuid& project : projects) changed(project, topic);
  };
  tell(core::SnapshotRows::queues_of_many(*options_.store, queues), queues, core::kQueueChanged);
  tell(core::SnapshotRows::workers_of_many(*options_.store, workers), workers,
       core::kWorkerChanged);
}

void Ledger::learn_names(const EngineKey& key, const Identity& who,
                         const std::vector<core::WorkerReport>& workers) {
  for (const core::WorkerReport& worker : workers) {
    if (!worker.metadata.is_object()) continue;
    const json::Array* registered = json::array(worker.metadata.get_object(), "registered");
    if (registered == nullptr) continue;
    Names& names = names_[key];
    names.who = who;
    for (const json::Value& told : *registered) {
      if (!told.is_string()) continue;
      std::string_view name(told.get_string().data(), told.get_string().size());
      name = name.substr(0, name.find(" ["));  // Celery adds the task's options
      const auto at = names.workers.find(std::string(name));
      if (at == names.workers.end() && names.workers.size() >= kMaxNames) continue;
      auto& known = names.workers[core::clean_text(name, kNameBytes)];
      if (known.size() < kMaxWorkersPerName && known.insert(worker.name).second)
        names.changed.insert(core::clean_text(name, kNameBytes));
    }
  }
}

bool Ledger::write_names() {
  Rows rows(Table::agent_tasks);
  std::vector<Names*> written;
  Commit commit;
  const base::TimeUs now = clock_.now();
  for (auto& [key, names] : names_) {
    if (names.changed.empty() && names.removed.empty()) continue;
    if (rows.size() >= kRowsPerCommit) break;
    written.push_back(&names);
    if (!names.removed.empty()) {
      std::vector<Cell> gone(names.removed.begin(), names.removed.end());
      Where where;
      where.eq(task_col::agent_id, key.first)
          .eq(task_col::engine, key.second)
          .in(task_col::name, std::move(gone));
      commit.erase(Table::agent_tasks, std::move(where));
    }
    for (const std::string& name : names.changed) {
      json::Array workers;
      for (const std::string& worker : names.workers[name]) workers.emplace_back(worker);
      rows.begin()
          .uuid(task_col::agent_id, key.first)
          .text(task_col::engine, key.second)
          .text(task_col::name, name)
          .uuid(task_col::project_id, names.who.project_id)
          .text(task_col::workers, json::write(workers))
          .num(task_col::first_seen_at, now)
          .num(task_col::last_seen_at, now);
    }
  }
  if (written.empty()) return false;
  if (rows.size() > 0) commit.merge(std::move(rows));
  commit.relaxed();
  if (auto done = options_.store->commit(commit); !done) {
    log_.debug("agents' task names not stored", {{"why", done.error().text()}});
    return false;
  }
  for (Names* names : written) {
    names->changed.clear();
    names->removed.clear();
    changed(names->who.project_id, core::kAgentChanged);
  }
  return true;
}

// --- signs of life ------------------------------------------------------------------------------

std::optional<std::string> Ledger::new_telemetry(const base::Uuid& agent) {
  const std::lock_guard lock(mutex_);
  const auto at = telemetry_.find(agent);
  if (at == telemetry_.end() || !std::exchange(at->second.is_new, false)) return std::nullopt;
  return json::write(at->second.told);
}

bool Ledger::write_presence() {
  const std::int64_t times_every_ms =
      std::min<std::int64_t>(kTimesEveryMs, options_.offline_timeout_s * std::int64_t{500});
  const base::TimeUs now = clock_.now();
  const std::int64_t now_ms = clock_.steady_ms();
  const base::TimeUs silent_since =
      now - static_cast<base::TimeUs>(options_.offline_timeout_s) * base::kSecondUs;
  // What we don't read can't be blamed for being silent.
  const auto heard_at = [now](const Session& session) {
    return session.is_paused() ? now : session.heard_at();
  };
  Rows agents(Table::agents), telemetry(Table::agents), workers(Table::agent_workers);
  std::set<base::Uuid> projects;
  std::vector<base::Uuid> in_commit;
  std::vector<core::RoutedAgent> held;
  const bool tell_routes = options_.store->is_shared() && now_ms >= next_routes_ms_;
  const bool tell_workers = now_ms >= next_workers_ms_;
  bool is_well = true;
  const auto flush = [&] {
    Commit commit;
    if (agents.size() > 0) commit.patch(std::exchange(agents, Rows(Table::agents)));
    if (telemetry.size() > 0) commit.patch(std::exchange(telemetry, Rows(Table::agents)));
    if (workers.size() > 0) commit.patch(std::exchange(workers, Rows(Table::agent_workers)));
    if (tell_routes) core::merge_routes(commit, options_.brain, std::exchange(held, {}));
    const std::vector<base::Uuid> written = std::exchange(in_commit, {});
    if (commit.steps() == 0) return;
    commit.relaxed();
    if (auto done = options_.store->commit(commit); !done) {
      if (is_well) log_.warn("agents' signs of life not stored", {{"why", done.error().text()}});
      is_well = false;
      for (const base::Uuid& id : written) written_.erase(id);
      const std::lock_guard lock(mutex_);
      for (const base::Uuid& id : written) {
        if (const auto at = telemetry_.find(id); at != telemetry_.end()) at->second.is_new = true;
      }
    }
  };
  const std::vector<SessionPtr> all = options_.roster->all();  // those of an agent side by side
  std::map<base::Uuid, SessionPtr> by_row;
  for (auto first = all.begin(); first != all.end();) {
    const Identity& who = (*first)->who();
    const auto last = std::find_if(first, all.end(), [&who](const SessionPtr& session) {
      return session->who().agent_id != who.agent_id;
    });
    base::TimeUs seen = 0;
    for (auto at = first; at != last; ++at) {
      seen = std::max(seen, heard_at(**at));
      if (tell_workers) by_row[worker_row(who.agent_id, (*at)->worker_id())] = *at;
    }
    const bool is_online = seen >= silent_since;
    const auto skew_ms = skew_of({first, last});
    first = last;
    Written& written = written_[who.agent_id];
    const bool has_turned = written.at_ms && written.is_online != is_online;
    if (has_turned) projects.insert(who.project_id);
    const auto skew_before = written.skew_ms.value_or(skew_ms.value_or(0));
    if (has_turned || !written.at_ms || now_ms - *written.at_ms >= times_every_ms ||
        std::abs(skew_ms.value_or(0) - skew_before) >= kSkewJitterMs) {
      written = Written{is_online, now_ms, skew_ms};
      agents.begin()
          .uuid(agent_col::id, who.agent_id)
          .text(agent_col::state, is_online ? "online" : "offline")
          .text_or_null(agent_col::state_reason,
                        is_online ? "" : "connected, but it does not say anything")
          .num(agent_col::last_seen_at, seen)
          .cell(agent_col::clock_skew_ms, number_or_null(skew_ms))
          .num(agent_col::updated_at, now);
    }
    if (const auto text = new_telemetry(who.agent_id)) {
      telemetry.begin()
          .uuid(agent_col::id, who.agent_id)
          .text(agent_col::telemetry, *text)
          .num(agent_col::updated_at, now);
    }
    if (tell_routes) {
      const auto engines = options_.roster->engines(who.agent_id);
      core::RoutedAgent routed{
          who.agent_id, who.project_id, {}, {}, {engines.begin(), engines.end()}};
      routed.presence.is_online = is_online;
      if (!engines.empty()) {
        routed.engine = engines.begin()->first;
        routed.presence.capabilities = engines.begin()->second;
      }
      held.push_back(std::move(routed));
    }
    in_commit.push_back(who.agent_id);
    if (in_commit.size() >= kRowsPerCommit) flush();
  }
  for (const auto& [row, session] : by_row) {
    workers.begin()
        .uuid(worker_col::id, row)
        .text(worker_col::state, "online")
        .num(worker_col::last_seen_at, heard_at(*session))
        .num(worker_col::updated_at, now);
    if (workers.size() >= kRowsPerCommit) flush();
  }
  flush();
  if (tell_routes && is_well) next_routes_ms_ = now_ms + kRoutesEveryMs;
  if (tell_workers && is_well) next_workers_ms_ = now_ms + kWorkersEveryMs;
  for (auto at = written_.begin(); at != written_.end();)
    at = options_.roster->has(at->first) ? std::next(at) : written_.erase(at);
  for (const base::Uuid& project : projects) changed(project, core::kAgentChanged);
  return is_well;
}

bool Ledger::check_tokens() {
  const std::vector<base::Uuid> agents = options_.roster->agents();
  for (std::size_t from = 0; from < agents.size(); from += kRowsPerCommit) {
    std::vector<Cell> ids;
    std::set<base::Uuid> missing;
    for (std::size_t i = from; i < std::min(agents.size(), from + kRowsPerCommit); ++i) {
      ids.emplace_back(agents[i]);
      missing.insert(agents[i]);
    }
    core::Query query(Table::agents);
    query.where.in(agent_col::id, std::move(ids)).not_null(agent_col::token_hash);
    auto read = options_.store->each(query.columns({agent_col::id}), [&](const core::Row& row) {
      missing.erase(row.uuid(agent_col::id));
      return true;
    });
    if (!read) return false;
    for (const base::Uuid& agent : missing) {
      if (options_.on_gone) options_.on_gone(agent);
    }
  }
  return true;
}

// --- thread -------------------------------------------------------------------------------------

bool Ledger::work() {
  if (options_.store == nullptr) return false;
  const std::int64_t now_ms = clock_.steady_ms();
  bool any = write_moves();
  any = write_reports() || any;
  if (now_ms >= next_flush_ms_) {
    next_flush_ms_ = now_ms + options_.flush_every.count();
    any = write_presence() || any;
  }
  if (now_ms >= next_check_ms_) {
    next_check_ms_ = now_ms + options_.check_every.count();
    check_tokens();
  }
  return any;
}

void Ledger::changed(const base::Uuid& project, std::string_view topic) const {
  if (options_.on_changed) options_.on_changed(project, topic);
}

void Ledger::poke() {
  const std::lock_guard lock(mutex_);
  is_poked_ = true;
  wake_.notify_one();
}

void Ledger::start() {
  thread_ = std::thread([this] { run(); });
}

void Ledger::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (is_stopping_) return;
    is_stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (options_.store != nullptr) static_cast<void>(write_moves());
}

void Ledger::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, kLedgerRound, [this] { return is_stopping_ || is_poked_; });
      if (is_stopping_) return;
      is_poked_ = false;
    }
    work();
  }
}

}  // namespace z4j::gateway
