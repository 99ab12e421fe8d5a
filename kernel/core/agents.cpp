#include "core/agents.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "core/agents_inside.hpp"
#include "core/gaps.hpp"
#include "core/live.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"
#include "model/ids.hpp"
#include "wire/action.hpp"

namespace z4j::core {
namespace {

namespace agent_col = model::agents;
namespace json = base::json;

constexpr base::TimeUs kGapWorthShowing = 15 * base::kSecondUs;
constexpr std::int64_t kLookEveryMs = 1'000, kTimesEveryMs = 5'000, kSweepEveryMs = 12'000;
constexpr auto kRoundEvery = std::chrono::milliseconds(250);
constexpr std::uint32_t kBusyRetryMs = 500;
constexpr std::size_t kTargetBytes = 4096, kArgumentBytes = std::size_t{2} << 20;
constexpr double kMostDropped = 1e15;

json::Object facts_json(const LocalEngine& engine) {
  json::Array names;
  for (const std::string_view name : wire::capability_names(engine.capabilities))
    names.emplace_back(name);
  json::Array engines{json::Object{{"name", engine.engine},
                                   {"version", engine.version},
                                   {"state", engine.state},
                                   {"health", engine.health},
                                   {"reason", json::text_or_null(engine.reason)},
                                   {"capabilities", std::move(names)}}};
  return {{"engines", std::move(engines)}, {"registry_size", engine.registry_size}};
}

json::Array registry_json(const Snapshots::Registry& registry) {
  json::Array tasks;
  for (const RegistryReport& known : registry) {
    json::Array workers;
    for (const std::string& worker : known.workers) workers.emplace_back(worker);
    tasks.emplace_back(json::Object{{"name", known.name}, {"workers", std::move(workers)}});
  }
  return tasks;
}

}  // namespace

std::string engine_lease(const config::PluginEntry& entry) {
  return "engine/" + entry.project + "/" + entry.name;
}

LocalAgents::LocalAgents(plugin::Host& host, Store& store, const base::Clock& clock, base::Log& log,
                         Options options)
    : host_(host),
      store_(store),
      clock_(clock),
      log_(log),
      options_(std::move(options)),
      inbox_(std::make_shared<Inbox>()) {
  Z4J_CHECK(options_.push != nullptr);
}

LocalAgents::~LocalAgents() { stop(); }

// --- who is there -------------------------------------------------------------------------------

LocalAgents::SourcePtr LocalAgents::find(const std::string& instance) const {
  const std::shared_lock lock(sources_mutex_);
  const auto at = sources_.find(instance);
  return at != sources_.end() ? at->second : nullptr;
}

LocalAgents::SourcePtr LocalAgents::find(const base::Uuid& agent_id) const {
  const std::shared_lock lock(sources_mutex_);
  const auto at = std::find_if(sources_.begin(), sources_.end(), [&](const auto& s) {
    return s.second->events.agent_id == agent_id;
  });
  return at != sources_.end() ? at->second : nullptr;
}

std::vector<LocalAgents::SourcePtr> LocalAgents::sources() const {
  const std::shared_lock lock(sources_mutex_);
  std::vector<SourcePtr> out;
  for (const auto& [instance, source] : sources_) out.push_back(source);
  return out;
}

base::Result<base::Uuid> LocalAgents::project_of(const config::PluginEntry& entry) {
  namespace project_col = model::projects;
  Query query(Table::projects);
  query.where.eq(project_col::slug, entry.project).eq(project_col::is_active, true);
  auto row = store_.first(query.columns({project_col::id}));
  if (!row) return std::move(row).error();
  if (!row->has_value()) {
    return base::Error{.code = base::Code::bad_config,
                       .message = "plugin instance \"" + entry.name + "\" works for project \"" +
                                  clean_text(entry.project, 60) + "\", which is not there",
                       .where = entry.where,
                       .hint = "make the project, or name another"};
  }
  return (*row)->uuid(project_col::id);
}

base::Status LocalAgents::prepare(const config::PluginEntry& entry,
                                  const std::optional<Fence>& fence) {
  auto project = project_of(entry);
  if (!project) return std::move(project).error();
  auto described = host_.describe(entry.plugin, entry.sha256);
  if (!described) return std::move(described).error();
  if (described->engine_name.empty()) {
    return base::Error{.code = base::Code::unsupported,
                       .message = "plugin \"" + entry.plugin + "\" is no engine",
                       .where = entry.where,
                       .hint = {}};
  }
  auto known = find_local_agent(store_, *project, entry.name);
  if (!known) return std::move(known).error();
  LocalAgentRow row;
  row.id = *known ? (*known)->id : model::derived_id(*project, "agent", "local", entry.name);
  row.project_id = *project;
  row.instance = entry.name;
  row.engine = described->engine_name;
  row.version = described->version;
  row.host_name = options_.host_name;
  row.fence = fence;
  const SourcePtr before = find(entry.name);
  {
    const std::lock_guard lock(presence_mutex_);
    if (before) before->phase = Source::Phase::removed;
    if (auto saved = save_local_agent(store_, row, "starting", clock_.now()); !saved) return saved;
  }
  EventSource events{row.project_id, row.id, entry.name};
  if (fence) events.fence = std::make_shared<const Fence>(*fence);
  auto source = std::make_shared<Source>(store_, clock_, log_, options_.redact, std::move(events),
                                         row.engine, row.version);
  source->seen_before = *known ? (*known)->last_seen_at : std::nullopt;
  source->is_restart = before != nullptr;
  if (before && before->events.agent_id == row.id && before->seen_at > 0) {
    source->seen_at = before->seen_at.load();
    source->seen_before = std::max(source->seen_before.value_or(0), before->seen_at.load());
  }
  source->presence.reason = "starting";
  const std::lock_guard lock(sources_mutex_);
  sources_[entry.name] = std::move(source);
  return {};
}

base::Status LocalAgents::add(const config::PluginEntry& entry) {
  const SourcePtr source = find(entry.name);
  if (!source) {
    return base::Error{.code = base::Code::bad_state,
                       .message = "engine instance \"" + entry.name + "\" was not prepared",
                       .where = {},
                       .hint = {}};
  }
  base::Status written;
  {
    const std::lock_guard lock(work_mutex_);
    source->phase = Source::Phase::running;
    sample(*source);
    source->reconcile.look_at_all();
    written = write_presence({source}, true, source);
  }
  {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->is_poked = true;
  }
  inbox_->arrived.notify_all();
  if (options_.on_held) options_.on_held();
  return written;
}

void LocalAgents::remove(const std::string& instance) {
  const SourcePtr source = find(instance);
  if (!source || source->phase == Source::Phase::removed) return;
  {
    const std::lock_guard lock(source->facts_mutex);
    source->presence.is_online = false;
    source->presence.reason = "stopped";
  }
  source->phase = Source::Phase::removed;
  if (auto written = write_presence({source}, true); !written) {
    log_.warn("agent not stored", {{"instance", instance}, {"why", written.error().text()}});
  }
}

// --- between engines and kernel -----------------------------------------------------------------

base::Status LocalAgents::emit(const std::string& instance, const z4j_event_batch& batch) {
  const SourcePtr source = find(instance);
  if (!source) {
    return base::Error{.code = base::Code::busy,
                       .message = "this instance has no agent yet",
                       .where = {},
                       .hint = "try again",
                       .retry_after_ms = kBusyRetryMs};
  }
  // The store would refuse what was heard under a lost lease, and it would be counted as dropped,
  // though its new holder has heard it. So a brain that slept asks first.
  if (const auto& fence = source->events.fence; fence && options_.belief) {
    const Leases::Belief belief = options_.belief(*fence);
    if (belief == Leases::Belief::unsure) {
      return base::Error{.code = base::Code::busy,
                         .message = "this brain slept and asks whether it still holds the instance",
                         .where = {},
                         .hint = "try again",
                         .retry_after_ms = kBusyRetryMs};
    }
    if (belief == Leases::Belief::lost) {
      return base::Error{.code = base::Code::bad_state,
                         .message = "another brain runs this instance",
                         .where = {},
                         .hint = {}};
    }
  }
  EventSource from = source->events;
  from.is_stream = source->is_stream;
  if (!store_.is_shared()) from.fence = nullptr;  // nobody else can have heard it
  auto pushed = options_.push(from, batch);
  if (pushed) source->seen(clock_.now());
  return pushed;
}

void LocalAgents::health(const std::string& instance) {
  const SourcePtr source = find(instance);
  if (!source) return;
  source->look_now = true;
  {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->is_poked = true;
  }
  inbox_->arrived.notify_all();
}

void LocalAgents::metric(const std::string& instance, std::string_view name,
                         std::string_view labels_json, double value, int kind) {
  if (name != "events_dropped" || kind != 0 || !(value >= 1) || value > kMostDropped ||
      !options_.dropped)
    return;
  const SourcePtr source = find(instance);
  if (!source) return;
  std::string why = "not said";
  if (auto labels = json::parse(labels_json, {.max_bytes = 4096, .max_depth = 4});
      labels && labels->is_object()) {
    if (const std::string_view said = json::text(labels->get_object(), "why"); !said.empty())
      why = clean_text(said, 60);
  }
  options_.dropped(source->events, static_cast<std::uint64_t>(value), why);
}

std::vector<EngineRoute> LocalAgents::routes(const base::Uuid& project) {
  std::vector<EngineRoute> out;
  for (const SourcePtr& source : sources()) {
    if (source->events.project_id != project) continue;
    const std::lock_guard lock(source->facts_mutex);
    out.push_back({source->events.agent_id, source->engine, source->presence.capabilities,
                   source->presence.is_online});
  }
  return out;
}

void LocalAgents::command(const base::Uuid& agent_id, const std::string& engine, std::uint64_t verb,
                          std::string target, std::string args_json, int deadline_ms,
                          plugin::Answer answer) {
  const SourcePtr source = find(agent_id);
  if (!source || source->engine != engine || source->phase != Source::Phase::running) {
    return answer(refuse::error(base::Code::unavailable, refuse::kAgentOffline,
                                "the engine of this agent does not run; nothing was sent"));
  }
  if (target.size() > kTargetBytes || args_json.size() > kArgumentBytes) {
    return answer(refuse::error(
        base::Code::too_large, "command",
        "the command has more than 2 MiB of arguments, or a target of more than 4 KiB"));
  }
  if (++source->open_commands > options_.max_open_commands) {
    --source->open_commands;
    return answer(base::Error{
        .code = base::Code::busy,
        .message = "engine instance \"" + source->events.instance + "\" has too many commands open",
        .where = {},
        .hint = "try again in a moment",
        .retry_after_ms = 1000});
  }
  host_.command(source->events.instance, verb, std::move(target), std::move(args_json), deadline_ms,
                [source, answer = std::move(answer)](base::Result<std::string> result) {
                  --source->open_commands;
                  answer(std::move(result));
                });
}

std::vector<base::Uuid> LocalAgents::held() const {
  std::vector<base::Uuid> out;
  for (const SourcePtr& source : sources()) {
    if (source->phase == Source::Phase::running && !source->is_lost)
      out.push_back(source->events.agent_id);
  }
  return out;
}

bool LocalAgents::holds(const base::Uuid& agent_id) const {
  const SourcePtr source = find(agent_id);
  return source && source->phase == Source::Phase::running && !source->is_lost;
}

std::optional<Fence> LocalAgents::fence(const base::Uuid& agent_id) const {
  const SourcePtr source = find(agent_id);
  return source ? source->fence() : std::nullopt;
}

void LocalAgents::read(const base::Uuid& agent_id, std::string_view what, std::string page_json,
                       int deadline_ms, plugin::Answer answer) {
  const SourcePtr source = find(agent_id);
  if (!source || source->phase != Source::Phase::running) {
    return answer(refuse::error(base::Code::unavailable, refuse::kAgentOffline,
                                "the engine of this agent does not run"));
  }
  constexpr std::array<std::string_view, 5> kSnapshots = {"waiting", "dead_letters", "copy",
                                                          "abilities", "state"};
  if (std::find(kSnapshots.begin(), kSnapshots.end(), what) != kSnapshots.end()) {
    return host_.snapshot(source->events.instance, std::string(what), std::move(page_json),
                          deadline_ms, std::move(answer));
  }
  if (what == "facts") {
    const auto known = engine(agent_id);
    return answer(known ? json::write(facts_json(*known)) : std::string("{}"));
  }
  if (what == "registry") {
    const auto known = registry(agent_id);
    return answer(known ? json::write(registry_json(*known)) : std::string("[]"));
  }
  answer(refuse::error(base::Code::unsupported, "what", "nobody knows how to answer this"));
}

std::optional<LocalEngine> LocalAgents::engine(const base::Uuid& agent_id) const {
  const SourcePtr source = find(agent_id);
  if (!source) return std::nullopt;
  LocalEngine out;
  out.instance = source->events.instance;
  out.engine = source->engine;
  out.version = source->version;
  out.registry_size = source->snapshots.registry()->size();
  out.lost_candidates = source->reconcile.lost_candidates();
  const std::lock_guard lock(source->facts_mutex);
  out.state = source->plugin_state;
  out.health = source->health;
  out.reason = source->presence.reason;
  out.capabilities = source->presence.capabilities;
  return out;
}

std::shared_ptr<const Snapshots::Registry> LocalAgents::registry(const base::Uuid& agent_id) const {
  const SourcePtr source = find(agent_id);
  return source ? source->snapshots.registry() : nullptr;
}

std::size_t LocalAgents::lost_candidates() const {
  std::size_t n = 0;
  for (const SourcePtr& source : sources()) n += source->reconcile.lost_candidates();
  return n;
}

void LocalAgents::changed(const base::Uuid& project, std::string_view topic) const {
  if (options_.on_changed) options_.on_changed(project, topic);
}

// --- one round ----------------------------------------------------------------------------------

bool LocalAgents::work() {
  const std::lock_guard lock(work_mutex_);
  bool any = take_answers();
  const std::vector<SourcePtr> all = sources();
  const std::int64_t now_ms = clock_.steady_ms();
  for (const SourcePtr& source : all) {
    if (source->phase == Source::Phase::removed) continue;
    if (source->look_now.exchange(false) || now_ms >= source->next_look_ms) {
      source->next_look_ms = now_ms + kLookEveryMs;
      sample(*source);
      const bool is_well = source->health == "ok" && source->plugin_state == "started";
      if (is_well && !source->was_well) source->reconcile.look_at_all();
      source->was_well = is_well;
    }
    if (source->phase == Source::Phase::running) any = ask(source) || any;
  }
  const bool with_times = now_ms >= next_times_ms_;
  if (with_times) next_times_ms_ = now_ms + kTimesEveryMs;
  if (auto written = write_presence(all, with_times); !written)
    log_.warn("agents not stored", {{"why", written.error().text()}});
  if (now_ms >= next_sweep_ms_) {
    next_sweep_ms_ = now_ms + kSweepEveryMs;
    sweep();
  }
  return any;
}

bool LocalAgents::take_answers() {
  std::deque<Inbox::Item> items;
  {
    const std::lock_guard lock(inbox_->mutex);
    items.swap(inbox_->items);
    inbox_->is_poked = false;
  }
  for (const Inbox::Item& item : items) {
    Source& source = *item.source;
    if (item.answer) source.seen(clock_.now());
    if (item.kind == SnapshotKind::states) {
      source.reconcile.take(item.answer);
      continue;
    }
    const Snapshots::News news = source.snapshots.take(item.kind, item.answer);
    if (news.workers) changed(source.events.project_id, kWorkerChanged);
    if (news.queues) changed(source.events.project_id, kQueueChanged);
  }
  return !items.empty();
}

void LocalAgents::put(const SourcePtr& source, const SnapshotQuestion& question) {
  host_.snapshot(source->events.instance, std::string(to_string(question.kind)), question.page_json,
                 question.deadline_ms,
                 [inbox = inbox_, source, kind = question.kind](base::Result<std::string> answer) {
                   {
                     const std::lock_guard lock(inbox->mutex);
                     inbox->items.push_back({source, kind, std::move(answer)});
                   }
                   inbox->arrived.notify_all();
                 });
}

bool LocalAgents::ask(const SourcePtr& source) {
  bool any = push_proven(*source);
  for (const SnapshotQuestion& question : source->snapshots.ask()) {
    put(source, question);
    any = true;
  }
  if (const auto question = source->reconcile.ask()) {
    put(source, *question);
    ++questions_;
    any = true;
  }
  if (options_.on_lost) {
    const std::vector<LostTask> lost = source->reconcile.newly_lost();
    if (!lost.empty()) {
      if (auto noted =
              options_.on_lost(source->events.project_id, source->engine, lost, source->fence());
          !noted) {
        log_.warn("lost tasks not noted",
                  {{"instance", source->events.instance}, {"why", noted.error().text()}});
        source->reconcile.again(lost);
      }
    }
  }
  if (const auto rebuilt = source->reconcile.looked_at_all()) {
    if (*rebuilt > 0)
      log_.info("task states read back",
                {{"instance", source->events.instance}, {"tasks", *rebuilt}});
    if (source->gap) {
      if (auto noted = note_rebuilt(store_, source->fence(), *source->gap, *rebuilt); !noted) {
        log_.warn("gap not completed",
                  {{"instance", source->events.instance}, {"why", noted.error().text()}});
      }
      source->gap.reset();
    }
  }
  return any;
}

bool LocalAgents::push_proven(Source& source) {
  const z4j_event_batch* batch = source.reconcile.events();
  if (batch == nullptr || clock_.steady_ms() < source.next_push_ms) return false;
  if (auto pushed = options_.push(source.events, *batch); !pushed) {
    if (pushed.error().is_world()) {
      source.next_push_ms =
          clock_.steady_ms() + std::max(kBusyRetryMs, pushed.error().retry_after_ms);
      return false;
    }
    log_.error("reconciled events not taken",
               {{"instance", source.events.instance}, {"why", pushed.error().text()}});
  }
  source.reconcile.events_gone();
  return true;
}

// What the plugin host says of it, as people see it.
void LocalAgents::sample(Source& source) {
  const auto report = host_.report(source.events.instance);
  Presence now;
  std::string state = "listed", health = "failing";
  const bool is_before_start = source.phase == Source::Phase::prepared &&
                               (!report || report->state <= plugin::State::created);
  if (is_before_start) {
    now.reason = "starting";
  } else if (!report) {
    now.reason = report.error().message;
  } else {
    state = plugin::to_string(report->state);
    health = plugin::to_string(report->health);
    const bool is_started = report->state == plugin::State::started;
    now.is_online = is_started && source.phase == Source::Phase::running &&
                    report->health != plugin::Health::failing;
    now.capabilities = report->capabilities;
    if (is_started)
      now.reason = report->health == plugin::Health::ok ? "" : report->why;
    else
      now.reason = report->why.empty() ? "plugin is " + state : report->why;
    if (is_started && now.reason.empty() && report->health != plugin::Health::ok)
      now.reason = "health is " + health;
    if (now.is_online && report->health == plugin::Health::ok &&
        (now.capabilities & Z4J_ENGINE_SNAPSHOT) == 0)
      source.seen(clock_.now());
  }
  const std::lock_guard lock(source.facts_mutex);
  if (source.phase == Source::Phase::removed) return;
  if (!now.is_online && now.capabilities == 0) now.capabilities = source.presence.capabilities;
  source.is_stream = (now.capabilities & Z4J_ENGINE_STREAM) != 0;
  source.presence = std::move(now);
  source.plugin_state = std::move(state);
  source.health = std::move(health);
}

base::Status LocalAgents::write_presence(const std::vector<SourcePtr>& sources, bool with_times,
                                         const SourcePtr& regained) {
  const std::lock_guard lock(presence_mutex_);
  const base::TimeUs now = clock_.now();
  struct Written {
    SourcePtr source;
    Presence presence;
    base::TimeUs seen_at;
    bool has_news;
  };
  std::vector<Written> writes;
  std::vector<SeenAgent> rows;
  std::vector<RoutedAgent> routed;
  Commit commit;
  std::vector<SourcePtr> fenced;  // by step
  const auto guard = [&](const SourcePtr& source) {
    if (!source->events.fence) return;
    source->events.fence->guard(commit);
    fenced.push_back(source);
  };
  for (const SourcePtr& source : sources) {
    if (source->is_lost || find(source->events.instance) != source) continue;  // or prepared anew
    Written w{source, {}, source->seen_at, false};
    {
      const std::lock_guard facts(source->facts_mutex);
      w.presence = source->presence;
    }
    w.has_news = !source->written || *source->written != w.presence;
    // The first sign of life is written at once: without it, an early end would leave no gap to
    // show.
    const bool writes_time = with_times || source->written_seen_at == 0;
    if (!w.has_news && !(writes_time && w.seen_at > source->written_seen_at)) continue;
    guard(source);
    rows.push_back({source->events.agent_id, source->engine, w.presence,
                    w.seen_at > 0 ? std::optional(w.seen_at) : std::nullopt});
    if (w.has_news && !options_.brain.is_nil()) {
      routed.push_back(
          {source->events.agent_id, source->events.project_id, source->engine, w.presence});
    }
    writes.push_back(std::move(w));
  }
  if (rows.empty() && !regained) return {};
  if (rows.empty()) guard(regained);
  patch_presence(commit, std::move(rows), now);
  merge_routes(commit, options_.brain, routed);
  std::optional<base::Uuid> gap;
  if (regained) {
    Where self;
    self.eq(agent_col::id, regained->events.agent_id);
    commit.update(Table::agents, std::move(self), {{agent_col::last_connect_at, now, Z4J_M_MAX}});
    const bool is_takeover = regained->events.fence && regained->events.fence->is_takeover;
    if (regained->seen_before && (is_takeover || now - *regained->seen_before > kGapWorthShowing)) {
      gap = base::Uuid::random();
      add_gap(commit,
              {*gap, regained->events.project_id, regained->events.agent_id, regained->engine,
               regained->is_restart ? "engine plugin did not run" : "brain down",
               *regained->seen_before, now},
              now);
    }
  }
  if (!regained) commit.relaxed();
  if (auto done = store_.commit(commit); !done) {
    if (const auto refused = refused_fence(done, commit, fenced.size()))
      fenced[*refused]->is_lost = true;
    return done;
  }
  for (const Written& w : writes) {
    w.source->written = w.presence;
    w.source->written_seen_at = w.seen_at;
    if (w.has_news) changed(w.source->events.project_id, kAgentChanged);
  }
  if (regained) {
    regained->seen_before.reset();
    regained->gap = gap;
  }
  return {};
}

void LocalAgents::sweep() {
  std::optional<Fence> fence;
  if (options_.may_sweep && !(fence = options_.may_sweep())) return;
  std::vector<base::Uuid> mine;
  for (const SourcePtr& source : sources()) mine.push_back(source->events.agent_id);
  if (options_.held_besides) {
    const std::vector<base::Uuid> others = options_.held_besides();
    mine.insert(mine.end(), others.begin(), others.end());
  }
  const base::TimeUs now = clock_.now();
  const auto stale = sweep_stale_agents(store_, fence, mine,
                                        now - options_.offline_timeout_s * base::kSecondUs, now);
  if (!stale) {
    log_.warn("stale agents not swept", {{"why", stale.error().text()}});
  } else {
    for (const base::Uuid& project : *stale) changed(project, kAgentChanged);
  }
  if (const auto silent = sweep_silent_workers(store_, now, fence); !silent) {
    log_.warn("silent workers not swept", {{"why", silent.error().text()}});
  }
  if (options_.on_sweep) options_.on_sweep(fence);
}

// --- thread -------------------------------------------------------------------------------------

void LocalAgents::start() {
  if (thread_.joinable()) return;
  {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->is_stopping = false;
  }
  thread_ = std::thread([this] { run(); });
}

void LocalAgents::stop() {
  {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->is_stopping = true;
  }
  inbox_->arrived.notify_all();
  if (thread_.joinable()) thread_.join();
}

void LocalAgents::run() {
  for (;;) {
    {
      std::unique_lock lock(inbox_->mutex);
      inbox_->arrived.wait_for(lock, kRoundEvery, [this] {
        return inbox_->is_stopping || inbox_->is_poked || !inbox_->items.empty();
      });
      if (inbox_->is_stopping) return;
    }
    work();
  }
}

}  // namespace z4j::core
