#include "core/schedule_fires.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "core/live.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace cmd = model::commands;
namespace col = model::schedules;
namespace fire_col = model::schedule_fires;
namespace task_col = model::tasks;
namespace json = base::json;

constexpr std::size_t kFiresReadAtOnce = 500;
constexpr int kFireTries = 5;
constexpr base::TimeUs kEarlyUs = base::kSecondUs;  // clocks and timers are not that exact
// A task whose engine has told nothing of it counts as running for so long.
constexpr base::TimeUs kUnseenUs = 300 * base::kSecondUs;
constexpr std::int64_t kWaitSeconds = 7 * 86'400, kLongestWaitSeconds = 20 * 86'400;
constexpr std::int64_t kMostBuffered = 100;  // of one schedule that says no number
constexpr int kFireNowWaitMs = 5'000;
constexpr std::string_view kNotSent = "not_sent";  // task_state of a fire that makes no task

const base::Uuid& fire_namespace() {
  static const base::Uuid ns = base::Uuid::named(
      *base::Uuid::parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), "z4j-scheduler.fire-id.v1");
  return ns;
}

// 2026-05-13T10:42:18+00:00; the fraction only when there is one.
std::string utc_text(base::TimeUs t) {
  std::string text = base::format_time(t);
  text.pop_back();
  return text + "+00:00";
}

std::vector<Cell> fire_cells(const std::vector<base::Uuid>& ids, std::size_t from) {
  const std::size_t to = std::min(ids.size(), from + kFiresReadAtOnce);
  return std::vector<Cell>(ids.begin() + static_cast<std::ptrdiff_t>(from),
                           ids.begin() + static_cast<std::ptrdiff_t>(to));
}

std::string bound_text(double seconds) {
  std::string out;
  json::append_float(out, seconds);
  return out;
}

bool is_task_over(std::string_view task_state) {
  constexpr std::array<std::string_view, 4> kOver = {"success", "failure", "revoked", "rejected"};
  return std::find(kOver.begin(), kOver.end(), task_state) != kOver.end();
}

}  // namespace

base::Uuid fire_id(const base::Uuid& schedule, base::TimeUs due) {
  return base::Uuid::named(fire_namespace(), schedule.text() + ":" + utc_text(due));
}

// One fire on its way into the store.
struct ScheduleFires::Shot {
  enum class Way {
    here,       // an engine that this brain holds
    elsewhere,  // one that another brain holds
    waits,      // until one comes
    nobody,     // failed
    skipped
  };
  std::size_t place = 0;  // in the caller's list
  const Schedule* schedule = nullptr;
  base::Uuid id;
  base::TimeUs due = 0, next = 0;
  std::string_view reason = "due";
  bool is_last = false, by_hand = false;
  std::optional<base::Uuid> by;
  Way way = Way::nobody;
  EngineRoute route;
  std::string_view code;  // why it was not sent
  std::string why;

  [[nodiscard]] bool has_command() const noexcept {
    return way == Way::here || way == Way::elsewhere || way == Way::waits;
  }
  [[nodiscard]] std::string_view status() const noexcept {
    switch (way) {
      case Way::here:
        return "delivered";
      case Way::elsewhere:
        return "pending";
      case Way::waits:
        return "buffered";
      case Way::nobody:
        return "failed";
      case Way::skipped:
        return "skipped";
    }
    return "failed";
  }
  [[nodiscard]] std::uint8_t outcome() const noexcept {
    if (way == Way::skipped) return Z4J_FIRE_SKIPPED;
    return way == Way::nobody ? Z4J_FIRE_FAILED : Z4J_FIRED;
  }
  [[nodiscard]] std::int64_t timeout_s(int sent_s) const {
    if (way != Way::waits) return sent_s;
    return std::min(schedule->catch_up_deadline_seconds.value_or(kWaitSeconds),
                    kLongestWaitSeconds);
  }
  [[nodiscard]] std::string args_json() const {
    json::Object args{{"args", schedule->args},
                      {"kwargs", schedule->kwargs},
                      {"task_id", id.text()},
                      {"fire", json::Object{{"schedule_id", schedule->id.text()},
                                            {"schedule_name", schedule->name},
                                            {"fire_id", id.text()},
                                            {"scheduled_for", utc_text(due)}}},
                      {"periodic_task_name", schedule->name}};
    if (const json::Object* options = schedule->options.if_object()) {
      if (const json::Object* headers = json::object(*options, "headers"))
        args["headers"] = *headers;
    }
    if (schedule->queue) args["queue"] = *schedule->queue;
    if (schedule->priority != "normal") args["priority"] = schedule->priority;
    return json::write(args);
  }
};

// Who could take it now, each question asked once.
struct ScheduleFires::Routing {
  EngineRoutes& routes;
  std::map<base::Uuid, std::vector<EngineRoute>> by_project;

  const EngineRoute* best(const base::Uuid& project, const std::string& engine, bool& has_unable) {
    auto known = by_project.find(project);
    if (known == by_project.end())
      known = by_project.emplace(project, routes.routes(project)).first;
    const EngineRoute* found = nullptr;
    for (const EngineRoute& route : known->second) {
      if (route.engine != engine || !route.is_online) continue;
      if ((route.capabilities & Z4J_ENGINE_ENQUEUE) == 0)
        has_unable = true;
      else if (found == nullptr || (route.is_here && !found->is_here))
        found = &route;
    }
    return found;
  }
};

ScheduleFires::ScheduleFires(Store& store, Audit& audit, EngineRoutes& routes,
                             FireCommands& commands, CommandWaits& waits, const base::Clock& clock,
                             Options options)
    : store_(store),
      audit_(audit),
      routes_(routes),
      commands_(commands),
      waits_(waits),
      clock_(clock),
      options_(std::move(options)) {}

base::Result<ScheduleFires::Known> ScheduleFires::read(const std::vector<base::Uuid>& ids) {
  Known out;
  for (std::size_t from = 0; from < ids.size(); from += kFiresReadAtOnce) {
    Query query(Table::schedules);
    query.where.in(col::id, fire_cells(ids, from));
    auto rows = store_.each(query.all(), [&out](const Row& row) {
      Schedule schedule = schedule_of(row);
      const base::Uuid id = schedule.id;
      out.emplace(id, std::move(schedule));
      return true;
    });
    if (!rows) return std::move(rows).error();
  }
  return out;
}

// Of schedules whose runs may not overlap: does the last one go on?
base::Result<std::map<base::Uuid, bool>> ScheduleFires::runs_on(const Shots& shots) {
  std::map<base::Uuid, bool> out;
  std::vector<base::Uuid> asked;
  for (const Shot& shot : shots) {
    const Schedule& s = *shot.schedule;
    if (!shot.by_hand && s.overlap == "skip" && s.last_fire_id) asked.push_back(*s.last_fire_id);
  }
  std::vector<ScheduleFire> fires;
  for (std::size_t from = 0; from < asked.size(); from += kFiresReadAtOnce) {
    Query query(Table::schedule_fires);
    query.where.in(fire_col::id, fire_cells(asked, from));
    auto read = store_.each(query.all(), [&](const Row& row) {
      fires.push_back(fire_of(row));
      return true;
    });
    if (!read) return std::move(read).error();
  }
  std::map<base::Uuid, const ScheduleFire*> by_task;
  std::vector<base::Uuid> tasks;
  for (const ScheduleFire& fire : fires) {
    const bool is_under_way =
        fire.status == "pending" || fire.status == "delivered" || fire.status == "buffered";
    if (is_under_way) out[fire.schedule_id] = true;
    if (is_under_way || fire.status != "acked_success" || !fire.task_id || fire.task_state)
      continue;
    out[fire.schedule_id] = fire.fired_at > clock_.now() - kUnseenUs;
    tasks.push_back(model::task_row_id(fire.project_id, fire.engine, *fire.task_id));
    by_task[tasks.back()] = &fire;
  }
  for (std::size_t from = 0; from < tasks.size(); from += kFiresReadAtOnce) {
    Query query(Table::tasks);
    query.where.in(task_col::id, fire_cells(tasks, from));
    auto read = store_.each(query.columns({task_col::id, task_col::state}), [&](const Row& row) {
      const auto fire = by_task.find(row.uuid(task_col::id));
      if (fire != by_task.end() && !row.is_null(task_col::state))
        out[fire->second->schedule_id] = !is_task_over(row.text(task_col::state));
      return true;
    });
    if (!read) return std::move(read).error();
  }
  return out;
}

// Of those that wait for an engine to come.
base::Result<bool> ScheduleFires::has_enough_waiting(const Schedule& schedule) {
  const std::int64_t most = schedule.catch_up == "fire_one_missed"
                                ? 1
                                : std::min(schedule.catch_up_limit.value_or(kMostBuffered),
                                           static_cast<std::int64_t>(kMost));
  if (most <= 0) return true;
  std::int64_t waiting = 0;
  Query query(Table::schedule_fires);
  query.where.eq(fire_col::schedule_id, schedule.id);
  query.columns({fire_col::status}).order({fire_col::fired_at, fire_col::id}, true);
  auto read =
      store_.each(query.limit(static_cast<std::uint32_t>(kMost)), [&waiting, most](const Row& row) {
        const std::string_view status = row.text(fire_col::status);
        if (status == "buffered") ++waiting;
        return (status == "buffered" || status == "skipped") && waiting < most;
      });
  if (!read) return std::move(read).error();
  return waiting >= most;
}

// Which way each goes.
base::Status ScheduleFires::aim(Shots& shots) {
  auto running = runs_on(shots);
  if (!running) return std::move(running).error();
  Routing routing{routes_, {}};
  for (Shot& shot : shots) {
    const Schedule& schedule = *shot.schedule;
    bool& is_running = (*running)[schedule.id];
    if (is_running && schedule.overlap == "skip" && !shot.by_hand) {
      shot.way = Shot::Way::skipped;
      shot.code = "overlap";
      shot.why = "its last run goes on";
      continue;
    }
    bool has_unable = false;
    const EngineRoute* const route = routing.best(schedule.project_id, schedule.engine, has_unable);
    if (route != nullptr) {
      shot.way = route->is_here ? Shot::Way::here : Shot::Way::elsewhere;
      shot.route = *route;
      is_running = true;
      continue;
    }
    shot.way = Shot::Way::nobody;
    shot.code = has_unable ? std::string_view("capability_missing") : refuse::kAgentOffline;
    shot.why = has_unable ? "no agent of this engine that is online can send tasks"
                          : "no agent of this engine is online";
    if (has_unable || shot.by_hand || schedule.catch_up == "skip") continue;
    auto enough = has_enough_waiting(schedule);
    if (!enough) return std::move(enough).error();
    if (*enough) {
      shot.way = Shot::Way::skipped;
      shot.code = "catch_up_limit";
      shot.why = "as many of it as may be wait for the engine already";
      continue;
    }
    shot.way = Shot::Way::waits;
    shot.route.engine = schedule.engine;
    is_running = true;
  }
  return {};
}

json::Object ScheduleFires::payload_of(const Shot& shot, base::TimeUs now) const {
  const Schedule& s = *shot.schedule;
  json::Value args(s.args), kwargs(s.kwargs);
  if (options_.redact) {
    args = options_.redact(std::move(args));
    kwargs = options_.redact(std::move(kwargs));
  } else {
    args = kwargs = "[given]";
  }
  return {{"schedule_id", s.id.text()},
          {"schedule_name", s.name},
          {"task_name", s.task_name},
          {"engine", s.engine},
          {"queue", s.queue ? json::Value(*s.queue) : json::Value(nullptr)},
          {"args", std::move(args)},
          {"kwargs", std::move(kwargs)},
          {"fire_id", shot.id.text()},
          {"scheduled_for", utc_text(shot.due)},
          {"fired_at", utc_text(now)}};
}

// The fires and their commands.
void ScheduleFires::add_rows(Commit& commit, const Shots& shots, base::TimeUs now) const {
  Rows fires(Table::schedule_fires), commands(Table::commands);
  for (const Shot& shot : shots) {
    const Schedule& s = *shot.schedule;
    const bool has_command = shot.has_command();
    fires.begin()
        .uuid(fire_col::id, shot.id)
        .uuid(fire_col::schedule_id, s.id)
        .uuid(fire_col::project_id, s.project_id)
        .cell(fire_col::command_id, has_command ? Cell(shot.id) : Cell())
        .text(fire_col::status, shot.status())
        .text(fire_col::reason, shot.reason)
        .num(fire_col::scheduled_for, shot.due)
        .num(fire_col::fired_at, now)
        .text_or_null(fire_col::error_code, shot.code)
        .text_or_null(fire_col::error_message, shot.why)
        .text(fire_col::engine, s.engine)
        .text_or_null(fire_col::task_id, has_command ? shot.id.text() : std::string())
        .text_or_null(fire_col::task_state, has_command ? std::string_view() : kNotSent)
        .cell(fire_col::created_by, shot.by ? Cell(*shot.by) : Cell());
    if (!has_command) continue;
    const bool is_here = shot.way == Shot::Way::here;
    commands.begin()
        .uuid(cmd::id, shot.id)
        .uuid(cmd::project_id, s.project_id)
        .cell(cmd::agent_id, shot.way == Shot::Way::waits ? Cell() : Cell(shot.route.agent_id))
        .cell(cmd::issued_by, shot.by ? Cell(*shot.by) : Cell())
        .text(cmd::action, kScheduleFire)
        .text(cmd::target_type, "schedule")
        .text(cmd::target_id, s.id.text())
        .text(cmd::payload, json::write(payload_of(shot, now)))
        .text(cmd::idempotency_key, "schedule:" + s.id.text() + ":fire:" + shot.id.text())
        .text(cmd::payload_hash, "")
        .text(cmd::status, is_here ? "dispatched" : "pending")
        .num(cmd::issued_at, now)
        .num(cmd::timeout_at, now + shot.timeout_s(options_.timeout_s) * base::kSecondUs)
        .cell(cmd::dispatched_at, is_here ? Cell(now) : Cell());
  }
  commit.insert(std::move(fires));
  if (commands.size() > 0) commit.insert(std::move(commands));
  std::map<std::int64_t, std::vector<HandedCommand>> handed;  // by how long they last
  for (const Shot& shot : shots) {
    if (shot.way != Shot::Way::elsewhere && shot.way != Shot::Way::waits) continue;
    HandedCommand command;
    command.id = shot.id;
    command.engine = shot.route.engine;
    command.verb = Z4J_ENGINE_ENQUEUE;
    command.target = shot.schedule->task_name;
    command.args_json = shot.args_json();
    command.more = {{"task_name", shot.schedule->task_name}, {"due", shot.due}};
    command.waits = shot.way == Shot::Way::waits;
    if (!command.waits) command.agent_id = shot.route.agent_id;
    command.deadline_ms = std::max(1000, options_.timeout_s * 1000 - 2000);
    const std::int64_t lasts_ms =
        command.waits ? shot.timeout_s(options_.timeout_s) * 1000 : command.deadline_ms;
    handed[lasts_ms].push_back(std::move(command));
  }
  for (const auto& [lasts_ms, commands_of] : handed)
    routes_.hand_over_all(commit, commands_of, static_cast<int>(lasts_ms));
}

// Each schedule as it was read, held until the commit is done.
void ScheduleFires::add_checks(Commit& commit, const std::string& scheduler,
                               const Shots& shots) const {
  std::map<std::int64_t, std::set<base::Uuid>> by_revision;
  for (const Shot& shot : shots) by_revision[shot.schedule->revision].insert(shot.schedule->id);
  for (const auto& [revision, ids] : by_revision) {
    Where unchanged;
    unchanged.in(col::id, std::vector<Cell>(ids.begin(), ids.end()))
        .eq(col::revision, revision)
        .eq(col::is_enabled, true)
        .eq(col::scheduler, scheduler)
        .eq(col::owner, "");
    commit.check(Table::schedules, std::move(unchanged), ids.size(), ids.size());
  }
}

void ScheduleFires::add_next_times(Commit& commit, const Shots& shots, base::TimeUs now) const {
  // What becomes of a schedule; of several fires of one, the last says it.
  struct After {
    const Shot* shot = nullptr;
    std::optional<base::Uuid> fired;
    std::int64_t runs = 0;
    bool is_last = false;
  };
  std::map<base::Uuid, After> after;
  for (const Shot& shot : shots) {
    if (shot.by_hand && !shot.has_command()) continue;
    After& one = after[shot.schedule->id];
    one.shot = &shot;
    one.is_last = one.is_last || shot.is_last;
    if (!shot.has_command()) continue;
    one.fired = shot.id;
    ++one.runs;
  }
  for (const bool has_fired : {true, false}) {
    for (const bool is_last : {false, true}) {
      Rows rows(Table::schedules);
      for (const auto& [id, one] : after) {
        if (one.fired.has_value() != has_fired || one.is_last != is_last) continue;
        rows.begin().uuid(col::id, id);
        if (!one.shot->by_hand) {
          const base::TimeUs next = is_last ? 0 : one.shot->next;
          rows.cell(col::next_run_at, next > 0 ? Cell(next) : Cell()).num(col::is_planned, 1);
        }
        if (has_fired) rows.num(col::last_run_at, now).uuid(col::last_fire_id, *one.fired);
        if (!is_last) continue;
        const bool is_once = one.shot->schedule->kind == "clocked";
        rows.num(col::is_enabled, 0)
            .text(col::stopped_why, is_once ? "once" : "ended")
            .num(col::revision, one.shot->schedule->revision + 1)
            .num(col::updated_at, now);
        if (options_.tell_others) options_.tell_others(commit, id);
      }
      if (rows.size() > 0) commit.patch(std::move(rows));
    }
  }
  std::map<std::int64_t, std::vector<Cell>> by_runs;
  for (const auto& [id, one] : after) {
    if (one.runs > 0) by_runs[one.runs].emplace_back(id);
  }
  for (auto& [runs, ids] : by_runs) {
    Where fired;
    fired.in(col::id, std::move(ids));
    commit.update(Table::schedules, std::move(fired), {{col::total_runs, runs, Z4J_M_ADD}});
  }
}

std::vector<AuditEntry> ScheduleFires::entries_of(const Shots& shots) const {
  std::map<base::Uuid, Shots> by_project;
  for (const Shot& shot : shots) by_project[shot.schedule->project_id].push_back(shot);
  std::vector<AuditEntry> out;
  for (const auto& [project, some] : by_project) {
    std::vector<base::Uuid> ids;
    std::map<std::string_view, std::int64_t> counts;
    for (const Shot& shot : some) {
      ids.push_back(shot.id);
      ++counts[shot.status()];
    }
    AuditEntry entry = AuditEntry::of(
        Actor(), kScheduleFire, "schedule",
        some.size() == 1 ? some.front().schedule->id.text() : std::string(), project);
    entry.metadata = fires_metadata(std::move(ids));
    for (const auto& [status, n] : counts) entry.metadata[status] = n;
    if (counts.size() == 1 && counts.begin()->first == "failed") entry.result = "failed";
    out.push_back(std::move(entry));
  }
  return out;
}

void ScheduleFires::send(const Shots& shots, base::TimeUs now) {
  std::vector<FireCommand> commands;
  std::set<base::Uuid> projects;
  for (const Shot& shot : shots) {
    projects.insert(shot.schedule->project_id);
    if (shot.way != Shot::Way::here) continue;
    commands.push_back({shot.id, shot.schedule->project_id, shot.schedule->id, shot.route.agent_id,
                        shot.route.engine, shot.schedule->task_name, shot.args_json(), shot.due,
                        now + options_.timeout_s * base::kSecondUs});
  }
  commands_.send(std::move(commands));
  if (options_.on_changed) {
    for (const base::Uuid& project : projects) {
      options_.on_changed(project, kCommandChanged);
      options_.on_changed(project, kScheduleFired);
    }
  }
  for (const Shot& shot : shots) {
    if (shot.is_last && options_.on_edited) options_.on_edited(shot.schedule->id);
    if (shot.way != Shot::Way::nobody || !options_.on_occasion) continue;
    Occasion occasion;
    occasion.trigger = "schedule.fire.failed";
    occasion.project_id = shot.schedule->project_id;
    occasion.at = now;
    occasion.subject = shot.schedule->name;
    occasion.detail = shot.why;
    occasion.task_name = shot.schedule->task_name;
    occasion.engine = shot.schedule->engine;
    occasion.queue = shot.schedule->queue.value_or("");
    occasion.priority = shot.schedule->priority;
    options_.on_occasion(std::move(occasion));
  }
}

void ScheduleFires::count(const Shots& shots, base::TimeUs now) {
  for (const Shot& shot : shots) {
    fired_.add({shot.schedule->project_id.text(), shot.status()});
    if (shot.by_hand || shot.reason != "due") continue;
    const double late =
        static_cast<double>(std::max<base::TimeUs>(0, now - shot.due)) / base::kSecondUs;
    const auto bound = std::lower_bound(kLatenessBounds.begin(), kLatenessBounds.end(), late);
    const std::lock_guard lock(mutex_);
    ++lateness_[static_cast<std::size_t>(bound - kLatenessBounds.begin())];
    lateness_sum_ += late;
  }
}

base::Status ScheduleFires::fire(const std::string& scheduler, const Fence& fence,
                                 std::span<const z4j_fire> fires,
                                 std::span<std::uint8_t> outcomes) {
  if (fires.empty()) return {};
  if (fires.size() > kMost || outcomes.size() != fires.size())
    return refuse::invalid("fires", "at most " + std::to_string(kMost) + " fires at once");
  if (!commands_.has_room(fires.size())) {
    return base::Error{.code = base::Code::busy,
                       .message = "engines have not kept up with the fires that were sent",
                       .where = {},
                       .hint = {},
                       .retry_after_ms = 200};
  }
  const base::TimeUs now = clock_.now();
  std::set<base::Uuid> all;
  std::vector<base::Uuid> places;
  for (const z4j_fire& fire : fires) {
    if (fire.due_us <= 0 || fire.due_us > now + kEarlyUs)
      return refuse::invalid("due_us", "a fire before its time, or at none");
    places.push_back(
        base::Uuid::from_bytes({reinterpret_cast<const char*>(fire.id), sizeof fire.id}));
    all.insert(places.back());
  }
  const std::vector<base::Uuid> ids(all.begin(), all.end());
  std::set<base::Uuid> taken;  // fires that are there already
  for (int i = 0; i < kFireTries; ++i) {
    auto known = read(ids);
    if (!known) return std::move(known).error();
    Shots shots;
    std::set<base::Uuid> seen = taken;
    for (std::size_t at = 0; at < fires.size(); ++at) {
      const z4j_fire& fire = fires[at];
      const auto found = known->find(places[at]);
      const bool is_there = found != known->end() && found->second.is_of_store() &&
                            found->second.scheduler == scheduler && found->second.is_enabled &&
                            found->second.revision == static_cast<std::int64_t>(fire.revision);
      outcomes[at] = Z4J_FIRE_STALE;
      if (!is_there) continue;
      outcomes[at] = Z4J_FIRE_TAKEN;
      Shot shot;
      shot.id = fire_id(places[at], fire.due_us);
      if (fire.due_us < now - options_.retention_days * base::kDayUs ||
          !seen.insert(shot.id).second)
        continue;
      shot.place = at;
      shot.schedule = &found->second;
      shot.due = fire.due_us;
      shot.next = fire.next_run_us;
      shot.reason = fire.reason == Z4J_FIRE_CATCH_UP ? "catch_up" : "due";
      shot.is_last = (fire.flags & Z4J_FIRE_LAST) != 0;
      shots.push_back(std::move(shot));
    }
    if (auto aimed = aim(shots); !aimed) return aimed;
    if (shots.empty()) return {};
    Commit commit;
    auto done = audit_.commit(
        entries_of(shots),
        [&](Commit& steps) {
          fence.guard(steps);
          add_checks(steps, scheduler, shots);
          add_next_times(steps, shots, now);
          add_rows(steps, shots, now);
        },
        commit);
    if (done) {
      for (const Shot& shot : shots) outcomes[shot.place] = shot.outcome();
      send(shots, now);
      count(shots, now);
      return {};
    }
    if (done.error().code != base::Code::conflict || refused_fence(done, commit)) return done;
    auto still = still_holds(store_, fence);
    if (!still) return std::move(still).error();
    if (!*still) return done;
    for (std::size_t from = 0; from < shots.size(); from += kFiresReadAtOnce) {
      std::vector<Cell> some;
      for (std::size_t n = from; n < std::min(shots.size(), from + kFiresReadAtOnce); ++n)
        some.emplace_back(shots[n].id);
      Query query(Table::schedule_fires);
      query.where.in(fire_col::id, std::move(some));
      auto read = store_.each(query.columns({fire_col::id}), [&taken](const Row& row) {
        taken.insert(row.uuid(fire_col::id));
        return true;
      });
      if (!read) return read;
    }
  }
  return base::Error{.code = base::Code::busy,
                     .message = "the schedules are being edited all the time; nothing was fired",
                     .where = {},
                     .hint = {},
                     .retry_after_ms = 100};
}

base::Result<json::Object> ScheduleFires::fire_now(const base::Uuid& project,
                                                   const base::Uuid& schedule, const Actor& actor,
                                                   const std::optional<std::string>& key) {
  if (key && (key->empty() || count_characters(*key) > 200))
    return refuse::invalid("idempotency_key", "idempotency_key must have 1 to 200 characters");
  auto known = read({schedule});
  if (!known) return std::move(known).error();
  const auto found = known->find(schedule);
  if (found == known->end() || found->second.project_id != project)
    return refuse::not_found("schedule");
  if (!found->second.is_of_store())
    return refuse::error(base::Code::unsupported, "schedule", "another scheduler keeps it");
  const base::TimeUs now = clock_.now();
  Shots shots(1);
  Shot& shot = shots.front();
  shot.schedule = &found->second;
  shot.id = key ? base::Uuid::named(fire_namespace(), schedule.text() + ":key:" + *key)
                : base::Uuid::random();
  shot.due = now;
  shot.reason = "trigger";
  shot.by_hand = true;
  shot.by = actor.user_id;
  if (auto aimed = aim(shots); !aimed) return std::move(aimed).error();
  AuditEntry entry = AuditEntry::of(actor, "schedule.trigger_now.via_scheduler", "schedule",
                                    schedule.text(), project);
  entry.metadata = {{"fire_id", shot.id.text()}, {"status", shot.status()}};
  if (!shot.has_command()) {
    entry.result = "failed";
    entry.metadata["reason"] = shot.code;
  }
  auto done = audit_.commit({std::move(entry)}, [&](Commit& steps) {
    add_next_times(steps, shots, now);
    add_rows(steps, shots, now);
  });
  const bool is_repeated = !done && done.error().code == base::Code::conflict && key.has_value();
  if (!done && !is_repeated) return std::move(done).error();
  if (done) {
    send(shots, now);
    count(shots, now);
  }
  std::string refused(shot.has_command() ? std::string_view() : shot.code);
  if (is_repeated) {
    Query query(Table::schedule_fires);
    query.where.eq(fire_col::id, shot.id);
    auto before = store_.first(query.columns({fire_col::command_id, fire_col::error_code}));
    if (!before) return std::move(before).error();
    if (!before->has_value()) return std::move(done).error();  // some other conflict
    refused = (*before)->is_null(fire_col::command_id) ? (*before)->text(fire_col::error_code)
                                                       : std::string_view();
  }
  json::Object out;
  if (!refused.empty()) {
    out = {{"outcome", "refused"}, {"reason", refused}};
  } else {
    out = outcome_json(waits_.wait(shot.id, kFireNowWaitMs), shot.id);
  }
  out["fire_id"] = shot.id.text();
  return out;
}

void ScheduleFires::write_metrics(MetricText& out) const {
  fired_.write(out);
  const std::lock_guard lock(mutex_);
  out.family("z4j_schedule_fire_lateness_seconds", "histogram",
             "how long after its due time a fire was stored and sent");
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < lateness_.size(); ++i) {
    below += lateness_[i];
    const std::string bound =
        i < kLatenessBounds.size() ? bound_text(kLatenessBounds[i]) : std::string("+Inf");
    out.part("_bucket", {{"le", bound}}, static_cast<double>(below));
  }
  out.part("_sum", {}, lateness_sum_).part("_count", {}, static_cast<double>(below));
}

}  // namespace z4j::core
