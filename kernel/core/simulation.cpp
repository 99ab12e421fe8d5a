#include "core/simulation.hpp"

#include <algorithm>
#include <set>

#include "core/refusal.hpp"

namespace z4j::core {
namespace {

namespace schedule_col = model::schedules;
namespace fired_col = model::schedule_fires;

constexpr std::int64_t kLongestMs = 10'000;  // of a whole simulation
constexpr std::size_t kMostCollisions = 50, kMostNames = 10, kMostMissed = 50;
constexpr std::uint32_t kMostFiresCompared = 200'000;

base::Status check_window(const SimulationQuery& query) {
  if (query.until <= query.from) return refuse::invalid("until", "until must be later than from");
  if (query.until - query.from > Simulator::kLongestWindow)
    return refuse::invalid("until", "a window has at most 400 days");
  if (query.what_if.size() > Simulator::kMostWhatIfs)
    return refuse::invalid("what_if", "at most 100 schedules can be changed");
  if (query.schedules.size() > Simulator::kMostSchedules)
    return refuse::invalid("schedule_ids", "at most 2000 schedules can be named");
  if (query.bucket_s < 60 || (query.until - query.from) / base::kSecondUs / query.bucket_s >=
                                 static_cast<std::int64_t>(Simulator::kMostBuckets))
    return refuse::invalid("bucket_seconds",
                           "must be at least 60, and the window have at most 1000 buckets");
  if (query.most > Simulator::kMostListed)
    return refuse::invalid("most", "at most 10000 fires can be listed");
  return {};
}

// Fires of the same multiple of `span`, where there are several.
std::vector<Collision> collisions(const std::vector<SimulatedFire>& fires, base::TimeUs span) {
  std::vector<Collision> out;
  for (std::size_t i = 0; i < fires.size();) {
    const base::TimeUs at = fires[i].at / span * span;
    std::set<std::size_t> schedules;
    std::size_t end = i;
    for (; end < fires.size() && fires[end].at / span * span == at; ++end)
      schedules.insert(fires[end].schedule);
    if (schedules.size() > 1) {
      Collision& c = out.emplace_back();
      c.at = at;
      c.fires = end - i;
      for (const std::size_t s : schedules) {
        if (c.schedules.size() < kMostNames) c.schedules.push_back(s);
      }
    }
    i = end;
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Collision& a, const Collision& b) { return a.fires > b.fires; });
  if (out.size() > kMostCollisions) out.resize(kMostCollisions);
  return out;
}

}  // namespace

base::Result<WhatIf> read_what_if(const base::json::Value& item) {
  if (!item.is_object()) return refuse::invalid("what_if", "must be a list of objects");
  const base::json::Object& members = item.get_object();
  const auto named = [](base::Error error) {
    return refuse::invalid("what_if", error.where + ": " + error.message);
  };
  WhatIf out;
  if (const base::json::Value* id = members.if_contains("schedule_id");
      id != nullptr && !id->is_null()) {
    out.schedule = base::Uuid::parse(base::json::text(members, "schedule_id"));
    if (!out.schedule) return refuse::invalid("what_if", "schedule_id must be a UUID");
    auto patch = read_schedule_patch(members);
    if (!patch) return named(patch.error());
    out.members = std::move(*patch);
    return out;
  }
  auto draft = read_schedule_draft(members, "dashboard");
  if (!draft) return named(draft.error());
  out.name = draft->name;
  out.scheduler = draft->scheduler.value_or("");
  out.members = std::move(draft->members);
  return out;
}

base::Result<std::vector<base::TimeUs>> Simulator::next(const Schedule& schedule, base::TimeUs from,
                                                        std::uint32_t most) const {
  if (!preview_)
    return base::Error{
        base::Code::unsupported, "no scheduler is there to say when schedules run", {}, {}, 0};
  Schedule bare = schedule;  // its arguments have no say in when it runs
  bare.args.clear();
  bare.kwargs.clear();
  return preview_(bare.scheduler, bare.project_id, schedule_json(bare), from, most);
}

base::Result<std::vector<Schedule>> Simulator::chosen(const base::Uuid& project,
                                                      const SimulationQuery& query,
                                                      Simulation& out) const {
  Query rows(Table::schedules);
  rows.where.eq(schedule_col::project_id, project);
  if (!query.schedules.empty()) {
    std::vector<Cell> ids(query.schedules.begin(), query.schedules.end());
    for (const WhatIf& w : query.what_if) {
      if (w.schedule) ids.emplace_back(*w.schedule);
    }
    rows.where.in(schedule_col::id, std::move(ids));
  } else if (!query.with_disabled && query.what_if.empty()) {
    rows.where.eq(schedule_col::is_enabled, true);
  }
  rows.all().order({schedule_col::name, schedule_col::id});
  std::map<base::Uuid, const WhatIf*> changes;
  for (const WhatIf& w : query.what_if) {
    if (w.schedule) changes[*w.schedule] = &w;
  }
  std::vector<Schedule> found;
  const auto add = [&](Schedule schedule, bool is_changed) {
    if (found.size() >= kMostSchedules) {
      out.is_cut = true;
      return false;
    }
    SimulatedSchedule s;
    if (!schedule.id.is_nil()) s.id = schedule.id;
    s.name = schedule.name;
    s.scheduler = schedule.scheduler;
    s.engine = schedule.engine;
    s.task_name = schedule.task_name;
    s.is_changed = is_changed;
    out.schedules.push_back(std::move(s));
    found.push_back(std::move(schedule));
    return true;
  };
  auto done = store_.each(rows, [&](const Row& row) {
    Schedule schedule = schedule_of(row);
    const auto change = changes.find(schedule.id);
    if (change == changes.end()) {
      const bool is_in = schedule.is_enabled || query.with_disabled || !query.schedules.empty();
      return is_in ? add(std::move(schedule), false) : true;
    }
    apply(change->second->members, schedule);
    changes.erase(change);
    return schedule.is_enabled ? add(std::move(schedule), true) : true;
  });
  if (!done) return std::move(done).error();
  if (!changes.empty() && !out.is_cut)
    return refuse::invalid("what_if",
                           "no schedule " + changes.begin()->first.text() + " in this project");
  for (const WhatIf& w : query.what_if) {
    if (w.schedule) continue;
    Schedule schedule;
    schedule.project_id = project;
    schedule.name = w.name;
    schedule.scheduler = w.scheduler.empty() ? std::string(kOwnScheduler) : w.scheduler;
    apply(w.members, schedule);
    if (!add(std::move(schedule), true)) break;
  }
  return found;
}

// Asked for in growing pages: most have few times in a window, and some have many.
void Simulator::add_times(const Schedule& schedule, std::size_t index, std::size_t most,
                          Simulation& out) const {
  SimulatedSchedule& of = out.schedules[index];
  base::TimeUs from = out.from;
  std::size_t count = 0;
  for (std::uint32_t page = 16;; page = std::min<std::uint32_t>(page * 4, 4096)) {
    auto times = next(schedule, from, page);
    if (!times) {
      of.why_not = times.error().message;
      break;
    }
    for (const base::TimeUs at : *times) {
      if (at > out.until) break;
      if (count == most) {
        of.is_cut = out.is_cut = true;
        break;
      }
      out.fires.push_back({at, index});
      ++count;
    }
    // One that answers with no later time than before would never come to an end.
    if (times->size() < page || times->back() > out.until || times->back() <= from || of.is_cut)
      break;
    from = times->back();
  }
  of.fires = static_cast<std::int64_t>(count);
}

base::Result<Simulation> Simulator::run(const base::Uuid& project,
                                        const SimulationQuery& query) const {
  if (auto good = check_window(query); !good) return std::move(good).error();
  Simulation out;
  out.from = query.from;
  out.until = query.until;
  auto schedules = chosen(project, query, out);
  if (!schedules) return std::move(schedules).error();
  const std::int64_t deadline_ms = clock_.steady_ms() + kLongestMs;
  for (std::size_t i = 0; i < schedules->size(); ++i) {
    if (clock_.steady_ms() > deadline_ms) {
      out.schedules[i].why_not = "there was no time left for it";
      out.is_cut = true;
      continue;
    }
    add_times((*schedules)[i], i, kMostTimes / schedules->size(), out);
  }
  std::sort(out.fires.begin(), out.fires.end(), [](const SimulatedFire& a, const SimulatedFire& b) {
    return a.at != b.at ? a.at < b.at : a.schedule < b.schedule;
  });
  out.fires_count = static_cast<std::int64_t>(out.fires.size());
  out.instants = collisions(out.fires, 1);
  out.minutes = collisions(out.fires, 60 * base::kSecondUs);
  if (auto done = add_load(project, query.bucket_s, out); !done) return std::move(done).error();
  if (query.against_fires) {
    if (auto done = compare(project, *schedules, out); !done) return std::move(done).error();
  }
  if (out.fires.size() > query.most) out.fires.resize(query.most);
  return out;
}

base::Status Simulator::compare(const base::Uuid& project, const std::vector<Schedule>& schedules,
                                Simulation& out) const {
  const base::TimeUs until = std::min(out.until, clock_.now());
  struct Fired {
    std::map<base::TimeUs, bool> times;  // whether it was skipped
  };
  std::map<base::Uuid, Fired> fired;
  Query query(Table::schedule_fires);
  query.where.eq(fired_col::project_id, project)
      .gt(fired_col::scheduled_for, out.from)
      .le(fired_col::scheduled_for, until);
  query
      .columns(
          {fired_col::schedule_id, fired_col::scheduled_for, fired_col::status, fired_col::reason})
      .limit(kMostFiresCompared);
  std::uint32_t rows = 0;
  auto done = store_.each(query, [&](const Row& row) {
    ++rows;
    if (row.text(fired_col::reason) == "trigger")
      return true;  // by hand: no time of the schedule's
    fired[row.uuid(fired_col::schedule_id)].times[row.num(fired_col::scheduled_for)] =
        row.text(fired_col::status) == "skipped";
    return true;
  });
  if (!done) return done;
  if (rows == kMostFiresCompared) out.is_cut = true;

  std::vector<std::vector<base::TimeUs>> expected(schedules.size());
  for (const SimulatedFire& f : out.fires) {
    if (f.at <= until) expected[f.schedule].push_back(f.at);
  }
  for (std::size_t i = 0; i < schedules.size(); ++i) {
    const Schedule& s = schedules[i];
    if (s.id.is_nil() || !s.is_of_store() || !out.schedules[i].why_not.empty()) continue;
    FireComparison c;
    c.schedule = i;
    c.expected = static_cast<std::int64_t>(expected[i].size());
    c.was_edited = s.updated_at > out.from;
    std::map<base::TimeUs, bool>& times = fired[s.id].times;
    for (const base::TimeUs at : expected[i]) {
      const auto found = times.find(at);
      if (found == times.end()) {
        ++c.missed_count;
        if (c.missed.size() < kMostMissed) c.missed.push_back(at);
        continue;
      }
      ++(found->second ? c.skipped : c.fired);
      times.erase(found);
    }
    c.unexpected = static_cast<std::int64_t>(times.size());
    out.comparisons.push_back(std::move(c));
  }
  return {};
}

}  // namespace z4j::core
