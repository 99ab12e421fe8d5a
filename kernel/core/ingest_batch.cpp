#include "core/ingest_batch.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>
#include <unordered_map>

#include "core/error_fold.hpp"
#include "core/fold.hpp"
#include "core/fold_fleet.hpp"
#include "core/live.hpp"
#include "core/rollups.hpp"
#include "core/text.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace ev = model::events;
namespace a = model::agents;
namespace d = model::dead_letters;

constexpr std::size_t kTasksPerRead = 500;
// A store may try each time with each id, so few of both are asked for at once.
constexpr std::size_t kEventsPerRead = 64;
// How much earlier than it happened an engine may tell afterwards that it did.
constexpr base::TimeUs kEarlyRebuild = 3600 * base::kSecondUs;

Rows event_rows(const EventRefs& events) {
  Rows rows(Table::events);
  for (const Event* e : events) {
    rows.begin()
        .num(ev::occurred_at, e->at)
        .uuid(ev::id, e->id)
        .uuid(ev::project_id, e->project_id)
        .uuid(ev::agent_id, e->agent_id)
        .text(ev::engine, e->engine)
        .text(ev::task_id, e->task_id)
        .text(ev::kind, kind_name(e->kind))
        .num(ev::stored_at, e->taken_at);
    if (!e->task.empty()) rows.text(ev::task_name, e->task);
    if (!e->queue.empty()) rows.text(ev::queue, e->queue);
    if (!e->worker.empty()) rows.text(ev::worker, e->worker);
    if (e->attempt != 0) rows.num(ev::attempt, e->attempt);
    if (e->runtime_us >= 0) rows.num(ev::runtime_us, e->runtime_us);
    if (!e->payload.empty()) rows.text(ev::payload, e->payload);
  }
  return rows;
}

void dead_letter_row(Rows& rows, const Event& e, std::string_view reason, std::string_view body,
                     base::TimeUs now) {
  rows.begin()
      .uuid(d::id, base::Uuid::ordered(now / 1000))
      .uuid(d::project_id, e.project_id)
      .uuid(d::agent_id, e.agent_id)
      .text(d::reason, clean_text(reason, 1000))
      .num(d::created_at, now)
      .text_or_null(d::body, clean_text(body.substr(0, kDeadLetterBytes), kDeadLetterBytes));
}

struct AgentCounts {
  std::int64_t persisted = 0, dropped = 0;
  base::TimeUs last_event_at = 0;
};

// A column speaks for all rows of its step, but ADD and MAX leave alone what a null meets.
Rows agent_rows(const EventRefs& stored, const std::map<base::Uuid, std::uint64_t>& drops) {
  std::map<base::Uuid, AgentCounts> counts;
  for (const Event* e : stored) {
    AgentCounts& c = counts[e->agent_id];
    ++c.persisted;
    c.last_event_at = std::max(c.last_event_at, e->at);
  }
  for (const auto& [agent, n] : drops) counts[agent].dropped += static_cast<std::int64_t>(n);
  Rows rows(Table::agents);
  for (const auto& [agent, c] : counts) {
    rows.begin().uuid(a::id, agent);
    if (c.persisted > 0)
      rows.num(a::events_persisted, c.persisted).num(a::last_event_at, c.last_event_at);
    if (c.dropped > 0) rows.num(a::events_dropped, c.dropped);
  }
  return rows;
}

}  // namespace

BatchCommit make_commit(const EventRefs& events, const std::map<base::Uuid, std::uint64_t>& drops,
                        unsigned lane, std::vector<const Fence*> guards, const FleetMemory& told) {
  BatchCommit made;
  TaskFold tasks;
  FleetFold fleet;
  RollUps roll_ups;
  ErrorFold errors;
  Rows letters(Table::dead_letters);
  for (const Event* e : events) {
    if (e->is_stored()) made.stored.push_back(e);
    tasks.add(*e);
    fleet.add(*e);
    roll_ups.add(*e);
    errors.add(*e);
    if (!e->trouble.empty() && e->is_stored())
      dead_letter_row(letters, *e, e->trouble, e->trouble_body, e->taken_at);
    if (e->is_task()) made.topics[e->project_id].insert("task.changed");
    if (e->is_worker()) made.topics[e->project_id].insert("worker.changed");
    if (e->kind == Z4J_EV_WORKER_UP) made.topics[e->project_id].insert(kWorkerCame);
    if (e->gap) made.topics[e->project_id].insert("gap.changed");
  }
  fleet.leave_out(told);
  made.fleet = fleet.notes();
  Commit& commit = made.commit;
  if (!made.stored.empty()) {
    made.events_step = static_cast<std::uint32_t>(commit.steps());
    commit.insert_new(event_rows(made.stored), true);
  }
  const auto put = [](Rows rows, auto&& how) {
    if (rows.size() > 0) how(std::move(rows));
  };
  const auto merge = [&](Rows rows) { commit.merge(std::move(rows)); };
  const auto insert_new = [&](Rows rows) { commit.insert_new(std::move(rows)); };
  const auto patch = [&](Rows rows) { commit.patch(std::move(rows)); };
  put(tasks.rows(), merge);
  for (Rows& rows : roll_ups.rows(lane)) merge(std::move(rows));
  put(errors.groups(lane), merge);
  put(errors.hours(lane), merge);
  put(fleet.new_workers(), insert_new);
  for (Rows& rows : fleet.worker_changes()) put(std::move(rows), patch);
  put(fleet.new_queues(), insert_new);
  put(fleet.gaps(), insert_new);
  put(std::move(letters), insert_new);
  put(agent_rows(made.stored, drops), patch);
  made.first_guard = static_cast<std::uint32_t>(commit.steps());
  if (commit.steps() > 0) made.guards = std::move(guards);
  for (const Fence* fence : made.guards) fence->guard(commit);
  return made;
}

Commit make_dead_letter(const Event& e, std::string_view reason, base::TimeUs now,
                        const Redactor& redactor) {
  base::json::Object told;
  told["kind"] = kind_name(e.kind);
  told["engine"] = e.engine;
  told["task_id"] = e.task_id;
  told["task_name"] = e.task;
  told["occurred_at"] = base::format_time(e.at);
  std::string body = base::json::write(told);
  if (!e.payload.empty()) body += '\n' + e.payload;
  Rows rows(Table::dead_letters);
  dead_letter_row(rows, e, redactor.scrub_text(reason), body, now);
  Commit commit;
  commit.insert(std::move(rows));
  return commit;
}

base::Result<EventRefs> not_stored_yet(Store& store, const EventRefs& events) {
  std::set<std::pair<base::TimeUs, base::Uuid>> there;
  for (std::size_t from = 0; from < events.size(); from += kEventsPerRead) {
    std::vector<Cell> times, ids;
    for (std::size_t i = from; i < std::min(events.size(), from + kEventsPerRead); ++i) {
      times.emplace_back(events[i]->at);
      ids.emplace_back(events[i]->id);
    }
    Query query(Table::events);
    query.where.in(ev::occurred_at, std::move(times)).in(ev::id, std::move(ids));
    auto read = store.each(query.columns({ev::occurred_at, ev::id}), [&](const Row& row) {
      there.emplace(row.num(ev::occurred_at), row.uuid(ev::id));
      return true;
    });
    if (!read) return std::move(read).error();
  }
  EventRefs missing;
  std::copy_if(events.begin(), events.end(), std::back_inserter(missing), [&](const Event* e) {
    return !there.contains({e->at, e->id});
  });
  return missing;
}

base::Status drop_known_rebuilds(Store& store, std::vector<Event>& events,
                                 std::vector<Event>& dropped) {
  namespace t = model::tasks;
  std::vector<base::Uuid> ids;
  for (const Event& e : events) {
    if (e.facts.rebuilt && e.is_task())
      ids.push_back(model::task_row_id(e.project_id, e.engine, e.task_id));
  }
  if (ids.empty()) return {};
  struct Stands {
    std::string state;
    std::int64_t stamp = 0;
  };
  std::unordered_map<base::Uuid, Stands, UuidHash> stands;
  for (std::size_t from = 0; from < ids.size(); from += kTasksPerRead) {
    Query query(Table::tasks);
    const std::size_t to = std::min(ids.size(), from + kTasksPerRead);
    std::vector<Cell> some;
    for (std::size_t i = from; i < to; ++i) some.emplace_back(ids[i]);
    query.where.in(t::id, std::move(some));
    auto read = store.each(query.columns({t::id, t::state, t::state_stamp}), [&](const Row& row) {
      stands[row.uuid(t::id)] = Stands{std::string(row.text(t::state)), row.num(t::state_stamp)};
      return true;
    });
    if (!read) return read;
  }
  std::vector<Event> kept;
  kept.reserve(events.size());
  std::size_t next = 0;
  for (Event& e : events) {
    if (e.facts.rebuilt && e.is_task()) {
      if (const auto found = stands.find(ids[next++]); found != stands.end()) {
        if (found->second.state == state_of(e.kind)) {
          dropped.push_back(std::move(e));
          continue;
        }
        if (e.attempt == 0 && found->second.stamp != 0) e.attempt = attempt_of(found->second.stamp);
      }
    }
    kept.push_back(std::move(e));
  }
  events = std::move(kept);
  return {};
}

base::Result<EventRefs> told_by_rebuilds(Store& store, const EventRefs& events) {
  using Fact = std::tuple<base::Uuid, std::string, std::string, std::string>;
  std::set<Fact> rebuilt;
  for (std::size_t from = 0; from < events.size(); from += kEventsPerRead) {
    std::vector<Cell> projects, tasks, kinds;
    base::TimeUs since = events[from]->at;
    for (std::size_t i = from; i < std::min(events.size(), from + kEventsPerRead); ++i) {
      projects.emplace_back(events[i]->project_id);
      tasks.emplace_back(events[i]->task_id);
      kinds.emplace_back(kind_name(events[i]->kind));
      since = std::min(since, events[i]->at);
    }
    Query query(Table::events);
    query.where.in(ev::project_id, std::move(projects))
        .in(ev::task_id, std::move(tasks))
        .in(ev::kind, std::move(kinds))
        .ge(ev::occurred_at, since - kEarlyRebuild);
    query.columns({ev::project_id, ev::engine, ev::task_id, ev::kind, ev::payload});
    auto read = store.each(query, [&](const Row& row) {
      const base::json::Value told = row.json(ev::payload);
      if (told.is_object() && base::json::boolean(told.get_object(), "rebuilt")) {
        rebuilt.emplace(row.uuid(ev::project_id), row.text(ev::engine), row.text(ev::task_id),
                        row.text(ev::kind));
      }
      return true;
    });
    if (!read) return std::move(read).error();
  }
  EventRefs told;
  std::copy_if(events.begin(), events.end(), std::back_inserter(told), [&](const Event* e) {
    return rebuilt.contains(Fact(e->project_id, e->engine, e->task_id, kind_name(e->kind)));
  });
  return told;
}

}  // namespace z4j::core
