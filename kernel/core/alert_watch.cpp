#include "core/alert_watch.hpp"

#include <algorithm>
#include <utility>

#include "core/text.hpp"

namespace z4j::core {
namespace {

constexpr std::uint32_t kMostAgentsSeen = 20'000, kMostWorkersSeen = 20'000,
                        kMostQueuesSeen = 5'000, kMostSlow = 200, kMostTimedOut = 200;
constexpr std::size_t kMostSlowKept = 20'000;
constexpr base::TimeUs kWatchMillisecondUs = 1'000;
constexpr base::TimeUs kCommandsBack = 3'600 * base::kSecondUs;  // time-outs are swept within
constexpr base::TimeUs kLongestRun = 7 * base::kDayUs;

}  // namespace

void AlertWatch::forget() {
  agents_.clear();
  workers_.clear();
  deep_.clear();
  slow_.clear();
  commands_since_ = 0;
}

base::Result<std::vector<Occasion>> AlertWatch::look(const AlertIndex& index) {
  std::vector<Occasion> out;
  using Look = base::Status (AlertWatch::*)(const AlertIndex&, std::vector<Occasion>&);
  for (const Look part :
       {&AlertWatch::look_at_agents, &AlertWatch::look_at_workers, &AlertWatch::look_at_queues,
        &AlertWatch::look_at_tasks, &AlertWatch::look_at_commands}) {
    if (auto done = (this->*part)(index, out); !done) return std::move(done).error();
  }
  return out;
}

base::Status AlertWatch::look_at_agents(const AlertIndex& index, std::vector<Occasion>& out) {
  namespace a = model::agents;
  std::vector<base::Uuid> projects = index.projects(kAgentOffline);
  for (const base::Uuid& each : index.projects(kAgentOnline)) projects.push_back(each);
  std::sort(projects.begin(), projects.end());
  projects.erase(std::unique(projects.begin(), projects.end()), projects.end());
  std::map<base::Uuid, States> now;
  for (const base::Uuid& project : projects) {
    const auto before = agents_.find(project);
    States& states = now[project];
    Query query(Table::agents);
    query.where.eq(a::project_id, project);
    query.columns({a::id, a::name, a::state, a::state_reason, a::is_local, a::host_name})
        .limit(kMostAgentsSeen);
    auto read = store_.each(query, [&](const Row& row) {
      const base::Uuid id = row.uuid(a::id);
      const std::string state(row.text(a::state));
      states[id] = state;
      if (before == agents_.end()) return true;
      const auto known = before->second.find(id);
      const std::string_view was =
          known == before->second.end() ? std::string_view("unknown") : known->second;
      const bool went = state == "offline" && was == "online";
      const bool came = state == "online" && was != "online";
      if (!went && !came) return true;
      Occasion o;
      o.trigger = went ? kAgentOffline : kAgentOnline;
      o.project_id = project;
      o.at = clock_.now();
      o.subject = row.text(a::name);
      o.state = state;
      o.worker = row.text(a::host_name);
      if (went) o.detail = row.text(a::state_reason);
      out.push_back(std::move(o));
      return true;
    });
    if (!read) return read;
  }
  agents_.swap(now);
  return {};
}

base::Status AlertWatch::look_at_workers(const AlertIndex& index, std::vector<Occasion>& out) {
  namespace w = model::workers;
  std::map<base::Uuid, States> now;
  for (const base::Uuid& project : index.projects(kWorkerOffline)) {
    const auto before = workers_.find(project);
    States& states = now[project];
    Query query(Table::workers);
    query.where.eq(w::project_id, project);
    query.columns({w::id, w::name, w::engine, w::state, w::hostname}).limit(kMostWorkersSeen);
    auto read = store_.each(query, [&](const Row& row) {
      const base::Uuid id = row.uuid(w::id);
      const std::string state(row.text(w::state));
      states[id] = state;
      if (before == workers_.end() || state != "offline") return true;
      const auto known = before->second.find(id);
      if (known == before->second.end() || known->second == "offline") return true;
      Occasion o;
      o.trigger = kWorkerOffline;
      o.project_id = project;
      o.at = clock_.now();
      o.subject = o.worker = row.text(w::name);
      o.engine = row.text(w::engine);
      o.state = state;
      out.push_back(std::move(o));
      return true;
    });
    if (!read) return read;
  }
  workers_.swap(now);
  return {};
}

// Told when it grows beyond the mark, and not again before it was below four fifths of it.
base::Status AlertWatch::look_at_queues(const AlertIndex& index, std::vector<Occasion>& out) {
  namespace q = model::queues;
  std::set<std::pair<base::Uuid, base::Uuid>> deep;
  for (const base::Uuid& project : index.projects(kQueueDepthHigh)) {
    const AlertEntries* entries = index.find(project, kQueueDepthHigh);
    Query query(Table::queues);
    query.where.eq(q::project_id, project).gt(q::pending_count, std::int64_t{0});
    query.columns({q::id, q::name, q::engine, q::pending_count}).limit(kMostQueuesSeen);
    auto read = store_.each(query, [&](const Row& row) {
      const base::Uuid id = row.uuid(q::id);
      const std::int64_t depth = row.num(q::pending_count);
      for (const auto& entry : *entries) {
        const Subscription& s = entry->subscription;
        if (!entry->filter.queue.empty() && entry->filter.queue != row.text(q::name)) continue;
        const std::int64_t mark = entry->filter.depth_over.value_or(options_.deep_queue);
        const std::pair key(s.id, id);
        const bool was_deep = deep_.contains(key);
        if (depth <= (was_deep ? mark * 4 / 5 : mark)) continue;
        deep.insert(key);
        if (was_deep) continue;
        Occasion o;
        o.trigger = kQueueDepthHigh;
        o.project_id = project;
        o.at = clock_.now();
        o.subject = o.queue = row.text(q::name);
        o.engine = row.text(q::engine);
        o.detail = std::to_string(depth) + " tasks wait in it, more than " + std::to_string(mark);
        o.subscription_id = s.id;
        out.push_back(std::move(o));
      }
      return true;
    });
    if (!read) return read;
  }
  deep_.swap(deep);
  return {};
}

// Those that run still. One that ended is told by its event, under the same name.
base::Status AlertWatch::look_at_tasks(const AlertIndex& index, std::vector<Occasion>& out) {
  namespace t = model::tasks;
  const base::TimeUs now = clock_.now();
  if (slow_.size() > kMostSlowKept) slow_.clear();
  for (const base::Uuid& project : index.projects(kTaskSlow)) {
    const auto least_ms = index.slow_ms(project, options_.slow_task_ms);
    if (!least_ms) continue;
    Query query(Table::tasks);
    query.where.eq(t::project_id, project)
        .eq(t::state, "started")
        .gt(t::sort_at, now - kLongestRun)
        .lt(t::started_at, now - *least_ms * kWatchMillisecondUs);
    query
        .columns({t::id, t::engine, t::task_id, t::name, t::queue, t::priority, t::worker_name,
                  t::started_at})
        .order({t::sort_at, t::id}, true)
        .limit(kMostSlow);
    auto read = store_.each(query, [&](const Row& row) {
      const base::TimeUs started = row.num(t::started_at);
      const std::string once = slow_task_name(row.uuid(t::id), started);
      Occasion o;
      o.trigger = kTaskSlow;
      o.project_id = project;
      o.at = now;
      o.task_id = row.text(t::task_id);
      o.task_name = row.text(t::name);
      o.engine = row.text(t::engine);
      o.queue = row.text(t::queue);
      o.priority = row.text(t::priority);
      o.worker = row.text(t::worker_name);
      o.state = "started";
      o.runtime_ms = (now - started) / kWatchMillisecondUs;
      o.detail = "it has been running for " + std::to_string(*o.runtime_ms / 1'000) + " s";
      o.once = once;
      for (const auto& entry : *index.find(project, kTaskSlow)) {
        const std::int64_t mark_ms = entry->filter.slower_than_seconds
                                         ? *entry->filter.slower_than_seconds * 1'000
                                         : options_.slow_task_ms;
        if (*o.runtime_ms < mark_ms) continue;
        if (!slow_.emplace(once + entry->subscription.id.text(), now).second) continue;
        o.subscription_id = entry->subscription.id;
        out.push_back(o);
      }
      return true;
    });
    if (!read) return read;
  }
  return {};
}

base::Status AlertWatch::look_at_commands(const AlertIndex& index, std::vector<Occasion>& out) {
  namespace c = model::commands;
  const base::TimeUs now = clock_.now();
  const base::TimeUs since = std::exchange(commands_since_, now);
  if (since == 0) return {};
  for (const base::Uuid& project : index.projects(kCommandTimeout)) {
    Query query(Table::commands);
    query.where.eq(c::status, "timeout")
        .gt(c::timeout_at, now - kCommandsBack)
        .eq(c::project_id, project)
        .ge(c::completed_at, since)
        .lt(c::completed_at, now);
    query.columns({c::id, c::action, c::target_id, c::error}).limit(kMostTimedOut);
    auto read = store_.each(query, [&](const Row& row) {
      Occasion o;
      o.trigger = kCommandTimeout;
      o.project_id = project;
      o.at = now;
      o.subject = std::string(row.text(c::action));
      if (!row.is_null(c::target_id)) o.subject += " " + clean_text(row.text(c::target_id), 200);
      o.detail = row.text(c::error);
      o.once = "command " + row.uuid(c::id).text();
      out.push_back(std::move(o));
      return true;
    });
    if (!read) {
      commands_since_ = since;
      return read;
    }
  }
  return {};
}

}  // namespace z4j::core
