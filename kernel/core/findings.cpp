#include "core/findings.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/audit_forward.hpp"
#include "core/audit_keeper.hpp"
#include "core/rollups.hpp"
#include "core/schedule.hpp"
#include "plugin/host.hpp"

namespace z4j::core {
namespace {

namespace agent_row = model::agents;
namespace loss_row = model::worker_losses;
namespace queue_row = model::queues;
namespace schedule_row = model::schedules;
namespace hour_row = model::task_hours;

constexpr std::uint32_t kFindingTimeoutMs = 1'500;
constexpr std::uint32_t kQueuesLookedAt = 500, kSchedulesLookedAt = 100, kNamesLookedAt = 20;
constexpr std::size_t kAgentsNamed = 3, kMostProjectsKnown = 2'000;
constexpr base::TimeUs kFindingHourUs = kHourSpanS * base::kSecondUs;

constexpr std::array kFindingOrder = {
    kAuditBlocked, kAuditBroken,   kNoConsumer,      kWorkerLost,      kAgentAway,
    kFailuresUp,   kFailuresHigh,  kScheduleStopped, kScheduleFailing, kScheduleLate,
    kQueueGrowing, kCommandsStuck, kPluginUnhealthy};

std::size_t place_of_kind(std::string_view kind) {
  return static_cast<std::size_t>(std::find(kFindingOrder.begin(), kFindingOrder.end(), kind) -
                                  kFindingOrder.begin());
}

std::string counted(std::int64_t n, std::string_view one, std::string_view many) {
  return std::to_string(n) + " " + std::string(n == 1 ? one : many);
}

std::string long_words(base::TimeUs span) {
  const std::int64_t s = std::max<std::int64_t>(0, span / base::kSecondUs);
  if (s < 120) return std::to_string(s) + " s";
  if (s < 7'200) return std::to_string(s / 60) + " min";
  if (s < 172'800) return std::to_string(s / 3'600) + " h";
  return std::to_string(s / 86'400) + " days";
}

std::string percent_words(double share) {
  const auto tenths = static_cast<std::int64_t>(share * 1000);
  if (tenths >= 100 || tenths % 10 == 0) return std::to_string(tenths / 10) + " %";
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " %";
}

// Worst first, the heaviest of those; no more than are shown of a kind.
void keep_worst(std::vector<Finding>& found) {
  std::stable_sort(found.begin(), found.end(), [](const Finding& a, const Finding& b) {
    return std::pair(a.severity, -a.count.value_or(0)) <
           std::pair(b.severity, -b.count.value_or(0));
  });
  if (found.size() > Findings::kMostOfKind) found.resize(Findings::kMostOfKind);
}

// Of the runs of a name.
struct NameRuns {
  std::int64_t failed = 0, succeeded = 0;
  [[nodiscard]] std::int64_t all() const noexcept { return failed + succeeded; }
  [[nodiscard]] double ratio() const noexcept {
    return all() == 0 ? 0 : static_cast<double>(failed) / static_cast<double>(all());
  }
};

}  // namespace

std::string_view to_string(FindingSeverity severity) noexcept {
  return severity == FindingSeverity::critical ? "critical" : "warning";
}

void FindingList::add(std::string_view kind, base::Result<std::vector<Finding>> found) {
  if (!found) {
    unknown.push_back(kind);
    return;
  }
  checked.push_back(kind);
  keep_worst(*found);
  for (Finding& finding : *found) items.push_back(std::move(finding));
  std::stable_sort(items.begin(), items.end(), [](const Finding& a, const Finding& b) {
    return std::pair(a.severity, place_of_kind(a.kind)) <
           std::pair(b.severity, place_of_kind(b.kind));
  });
  if (!items.empty()) clear_since.reset();
}

// --- of figures ---------------------------------------------------------------------------------

std::vector<Finding> findings_of(const HomeFigures& f) {
  std::vector<Finding> out;
  const std::int64_t away = f.agents_total - f.agents_online;
  if (away > 0) {
    const bool is_all = f.agents_online == 0;
    out.push_back({.kind = kAgentAway,
                   .severity = is_all ? FindingSeverity::critical : FindingSeverity::warning,
                   .title = is_all ? "No agent is online"
                                   : std::to_string(away) + " of " +
                                         std::to_string(f.agents_total) + " agents are offline",
                   .count = away});
  }
  if (f.failure_rate() > Home::kHighRate && f.tasks > Home::kFewTasks) {
    out.push_back({.kind = kFailuresHigh,
                   .severity = f.failure_rate() > Home::kCriticalRate ? FindingSeverity::critical
                                                                      : FindingSeverity::warning,
                   .title = percent_words(f.failure_rate()) + " of the tasks of 24 hours failed",
                   .count = f.failures});
  }
  if (f.stuck_commands > 0) {
    out.push_back({.kind = kCommandsStuck,
                   .title = counted(f.stuck_commands, "command was", "commands were") +
                            " sent and never answered",
                   .count = f.stuck_commands});
  }
  return out;
}

// --- of plugins and the audit log ---------------------------------------------------------------

std::vector<Finding> findings_of(std::span<const plugin::Report> reports, std::string_view slug,
                                 bool with_others) {
  using plugin::State;
  std::vector<Finding> out;
  for (const plugin::Report& r : reports) {
    const bool is_of_projects = !r.engine_name.empty() || !r.scheduler_name.empty();
    if (is_of_projects ? r.project != slug : !with_others) continue;
    const bool is_down =
        r.state == State::refused || r.state == State::faulted || r.state == State::stuck;
    const bool is_failing = r.state == State::started && r.health == plugin::Health::failing;
    const bool is_degraded = r.state == State::started && r.health == plugin::Health::degraded;
    if (!is_down && !is_failing && !is_degraded) continue;
    out.push_back({.kind = kPluginUnhealthy,
                   .severity = is_degraded ? FindingSeverity::warning : FindingSeverity::critical,
                   .title = "Plugin " + r.name +
                            (is_down ? " does not run: it is " + std::string(to_string(r.state))
                             : is_failing ? std::string(" is failing")
                                          : std::string(" works only in part")),
                   .evidence = r.why,
                   .subject = FindingSubject{"plugin", r.engine_name, r.name}});
  }
  return out;
}

void add_audit_findings(FindingList& list, const AuditKeeper* keeper,
                        const AuditForwarder* forwarder) {
  if (forwarder != nullptr) {
    std::vector<Finding> found;
    if (const base::Status may = forwarder->may_change(); !may) {
      found.push_back({.kind = kAuditBlocked,
                       .severity = FindingSeverity::critical,
                       .title = "Changes are refused until a receiver takes the audit log",
                       .evidence = may.error().message,
                       .subject = FindingSubject{"audit", "", ""}});
    }
    list.add(kAuditBlocked, std::move(found));
  }
  if (keeper == nullptr) return;
  const AuditKeeper::State state = keeper->state();
  if (!state.check_trouble.empty()) {
    list.add(kAuditBroken, base::Error{base::Code::unavailable, state.check_trouble, {}, {}, 0});
    return;
  }
  if (!state.report) return;  // another brain checks, or none has yet
  std::vector<Finding> found;
  if (!state.report->ok) {
    const auto seq = state.report->first_broken_seq;
    found.push_back({.kind = kAuditBroken,
                     .severity = FindingSeverity::critical,
                     .title = "The audit log is broken" +
                              (seq ? " at entry " + std::to_string(*seq) : std::string()),
                     .evidence = std::string(to_string(state.report->reason)),
                     .since = state.report->first_broken_at,
                     .subject = FindingSubject{"audit", "", ""}});
  }
  list.add(kAuditBroken, std::move(found));
}

// --- of the store -------------------------------------------------------------------------------

base::Result<FindingList> Findings::of(const base::Uuid& project) {
  return kept_.get(project, [&]() -> base::Result<FindingList> { return compute(project); });
}

FindingList Findings::compute(const base::Uuid& project) {
  FindingList out;
  out.at = clock_.now();
  bool is_blind = false;
  look_at_figures(project, out, is_blind);
  out.add(kWorkerLost, lost_workers(project));
  look_at_queues(project, is_blind, out);
  look_at_schedules(project, out);
  out.add(kFailuresUp, failing_names(project));
  note_clear(project, out);
  return out;
}

void Findings::note_clear(const base::Uuid& project, FindingList& list) {
  const std::lock_guard lock(mutex_);
  if (!list.items.empty()) {
    clear_since_.erase(project);
    return;
  }
  if (clear_since_.size() > kMostProjectsKnown) clear_since_.clear();
  list.clear_since = clear_since_.emplace(project, list.at).first->second;
}

// `is_blind`: no agent is online, so what engines told last is old.
void Findings::look_at_figures(const base::Uuid& project, FindingList& out, bool& is_blind) {
  auto figures = home_.figures({project});
  std::vector<Finding> all;
  if (figures) {
    const HomeFigures& f = figures->at(project);
    is_blind = f.agents_total > 0 && f.agents_online == 0;
    all = findings_of(f);
  }
  for (const std::string_view kind : {kAgentAway, kFailuresHigh, kCommandsStuck}) {
    if (!figures) {
      out.add(kind, figures.error());
      continue;
    }
    std::vector<Finding> found;
    for (Finding& each : all) {
      if (each.kind == kind) found.push_back(std::move(each));
    }
    out.add(kind, kind == kAgentAway ? agents_away(project, std::move(found)) : Found(found));
  }
}

// Says which they are.
Findings::Found Findings::agents_away(const base::Uuid& project, std::vector<Finding> found) {
  if (found.empty()) return found;
  Finding& finding = found.front();
  Query query(Table::agents);
  query.where.eq(agent_row::project_id, project).ne(agent_row::state, "online");
  query.columns({agent_row::name, agent_row::state_reason, agent_row::last_seen_at})
      .order({agent_row::created_at, agent_row::id})
      .limit(kAgentsNamed)
      .timeout_ms(kFindingTimeoutMs);
  std::string names, reason;
  std::optional<base::TimeUs> since;
  std::string first;
  auto done = store_.each(query, [&](const Row& row) {
    if (names.empty()) first = row.text(agent_row::name);
    names += (names.empty() ? "" : ", ") + std::string(row.text(agent_row::name));
    if (reason.empty()) reason = row.text(agent_row::state_reason);
    if (const auto seen = row.num_or_none(agent_row::last_seen_at))
      since = std::min(*seen, since.value_or(*seen));
    return true;
  });
  if (!done) return std::move(done).error();
  const std::int64_t more = *finding.count - static_cast<std::int64_t>(kAgentsNamed);
  if (more > 0) names += " and " + std::to_string(more) + " more";
  finding.evidence = names + (reason.empty() ? "" : ": " + reason);
  finding.since = since;
  if (*finding.count == 1) finding.subject = FindingSubject{"agent", "", first};
  return found;
}

Findings::Found Findings::lost_workers(const base::Uuid& project) {
  std::vector<Finding> found;
  Query query(Table::worker_losses);
  query.where.eq(loss_row::project_id, project)
      .ge(loss_row::noticed_at, clock_.now() - kLossesUs)
      .is_null(loss_row::returned_at)
      .is_null(loss_row::closed_at);
  query
      .columns({loss_row::engine, loss_row::worker, loss_row::last_heartbeat, loss_row::task_count,
                loss_row::verdict})
      .order({loss_row::noticed_at, loss_row::id}, true)
      .limit(static_cast<std::uint32_t>(kMostOfKind))
      .timeout_ms(kFindingTimeoutMs);
  auto done = store_.each(query, [&](const Row& row) {
    const std::int64_t tasks = row.num(loss_row::task_count);
    const std::string verdict(row.text(loss_row::verdict));
    found.push_back(
        {.kind = kWorkerLost,
         .severity = tasks > 0 ? FindingSeverity::critical : FindingSeverity::warning,
         .title = "Worker " + std::string(row.text(loss_row::worker)) + " vanished" +
                  (tasks > 0 ? " with " + counted(tasks, "task", "tasks") + " in hand" : ""),
         .evidence = verdict,
         .since = row.num(loss_row::last_heartbeat),
         .subject = FindingSubject{"worker", std::string(row.text(loss_row::engine)),
                                   std::string(row.text(loss_row::worker))},
         .count = tasks});
    return true;
  });
  if (!done) return std::move(done).error();
  return found;
}

void Findings::look_at_queues(const base::Uuid& project, bool is_blind, FindingList& out) {
  std::vector<Finding> unserved, growing;
  const base::TimeUs now = clock_.now();
  Query query(Table::queues);
  query.where.eq(queue_row::project_id, project).gt(queue_row::pending_count, std::int64_t{0});
  query
      .columns({queue_row::engine, queue_row::name, queue_row::pending_count,
                queue_row::consumer_count, queue_row::oldest_at, queue_row::paused})
      .order({queue_row::name, queue_row::id})
      .limit(kQueuesLookedAt)
      .timeout_ms(kFindingTimeoutMs);
  base::Status done;
  if (is_blind)
    done = base::Error{base::Code::unavailable, "no agent of the project is online", {}, {}, 0};
  else
    done = store_.each(query, [&](const Row& row) {
      if (row.flag(queue_row::paused)) return true;  // somebody wants it so
      const std::int64_t waiting = row.num(queue_row::pending_count);
      const auto oldest = row.num_or_none(queue_row::oldest_at);
      const auto consumers = row.num_or_none(queue_row::consumer_count);
      Finding finding;
      finding.evidence = counted(waiting, "task waits", "tasks wait");
      if (oldest) finding.evidence += ", the oldest for " + long_words(now - *oldest);
      finding.since = oldest;
      finding.subject = FindingSubject{"queue", std::string(row.text(queue_row::engine)),
                                       std::string(row.text(queue_row::name))};
      finding.count = waiting;
      const std::string name = "ueue " + std::string(row.text(queue_row::name));
      if (consumers == 0) {
        finding.kind = kNoConsumer;
        finding.severity = FindingSeverity::critical;
        finding.title = "No worker takes from q" + name;
        unserved.push_back(std::move(finding));
      } else if ((oldest && now - *oldest > kLongWaitUs) || waiting > kDeepQueue) {
        finding.kind = kQueueGrowing;
        finding.title = "Q" + name + " falls behind";
        if (consumers)
          finding.evidence +=
              "; " + counted(*consumers, "worker takes", "workers take") + " from it";
        growing.push_back(std::move(finding));
      }
      return true;
    });
  out.add(kNoConsumer, done ? Found(std::move(unserved)) : Found(done.error()));
  out.add(kQueueGrowing, done ? Found(std::move(growing)) : Found(done.error()));
}

void Findings::look_at_schedules(const base::Uuid& project, FindingList& out) {
  std::vector<Finding> stopped, failing, late;
  const base::TimeUs now = clock_.now();
  const auto read = [&](Query query) {
    query
        .columns({schedule_row::id, schedule_row::engine, schedule_row::name,
                  schedule_row::is_enabled, schedule_row::failures, schedule_row::next_run_at,
                  schedule_row::last_run_at, schedule_row::updated_at})
        .order({schedule_row::name, schedule_row::id})
        .limit(kSchedulesLookedAt)
        .timeout_ms(kFindingTimeoutMs);
    return store_.each(query, [&](const Row& row) {
      const std::int64_t failures = row.num(schedule_row::failures);
      Finding finding;
      finding.title = "Schedule " + std::string(row.text(schedule_row::name));
      finding.subject = FindingSubject{"schedule", std::string(row.text(schedule_row::engine)),
                                       row.uuid(schedule_row::id).text()};
      if (!row.flag(schedule_row::is_enabled)) {
        finding.kind = kScheduleStopped;
        finding.severity = FindingSeverity::critical;
        finding.title += " was switched off by its failures";
        finding.evidence = counted(failures, "run", "runs") + " failed in a row";
        finding.since = row.num(schedule_row::updated_at);
        finding.count = failures;
        stopped.push_back(std::move(finding));
      } else if (failures >= kFailedInARow) {
        finding.kind = kScheduleFailing;
        finding.title += " fails";
        finding.evidence = "The last " + counted(failures, "run", "runs") + " failed";
        finding.since = row.num_or_none(schedule_row::last_run_at);
        finding.count = failures;
        failing.push_back(std::move(finding));
      } else {
        const base::TimeUs due = row.num(schedule_row::next_run_at);
        finding.kind = kScheduleLate;
        finding.title += " has not fired";
        finding.evidence = "It was due " + long_words(now - due) + " ago";
        finding.since = due;
        late.push_back(std::move(finding));
      }
      return true;
    });
  };
  Query off(Table::schedules), on(Table::schedules);
  off.where.eq(schedule_row::project_id, project)
      .eq(schedule_row::is_enabled, false)
      .eq(schedule_row::stopped_why, "failures");
  on.where.eq(schedule_row::project_id, project)
      .eq(schedule_row::is_enabled, true)
      .any([now](Where& any) {
        any.ge(schedule_row::failures, kFailedInARow).lt(schedule_row::next_run_at, now - kLateUs);
      });
  base::Status done = read(std::move(off));
  if (done) done = read(std::move(on));
  const auto found = [&done](std::vector<Finding>& of) {
    return done ? Found(std::move(of)) : Found(done.error());
  };
  out.add(kScheduleStopped, found(stopped));
  out.add(kScheduleFailing, found(failing));
  out.add(kScheduleLate, found(late));
}

// The names that fail most now, each against the day before.
Findings::Found Findings::failing_names(const base::Uuid& project) {
  const base::TimeUs now = clock_.now();
  const base::TimeUs recent = now - now % kFindingHourUs - kFindingHourUs;  // two hours at most
  Query most(Table::task_hours);
  most.where.eq(hour_row::project_id, project)
      .ge(hour_row::hour, recent)
      .eq(hour_row::kind, "task.failed")
      .ne(hour_row::task_name, "");
  most.group(hour_row::task_name)
      .fold(Z4J_AGG_SUM, hour_row::count)
      .order({1, 0}, true)
      .limit(kNamesLookedAt)
      .timeout_ms(kFindingTimeoutMs);
  std::vector<Cell> names;
  auto done = store_.each(most, [&](const Row& row) {
    if (row.num(1) >= kFewFailures) names.emplace_back(row.text(0));
    return true;
  });
  if (!done) return std::move(done).error();
  std::vector<Finding> found;
  if (names.empty()) return found;

  Query runs(Table::task_hours);
  runs.where.eq(hour_row::project_id, project)
      .in(hour_row::task_name, std::move(names))
      .ge(hour_row::hour, recent - base::kDayUs)
      .in(hour_row::kind, {Cell("task.failed"), Cell("task.succeeded")});
  runs.group(hour_row::task_name)
      .group(hour_row::hour)
      .group(hour_row::kind)
      .fold(Z4J_AGG_SUM, hour_row::count)
      .timeout_ms(kFindingTimeoutMs);
  struct OfName {
    NameRuns lately, usually;
    std::map<base::TimeUs, NameRuns> hours;
  };
  std::map<std::string, OfName> by_name;
  done = store_.each(runs, [&](const Row& row) {
    OfName& of = by_name[std::string(row.text(0))];
    const base::TimeUs hour = row.num(1);
    const bool is_failure = row.text(2) == "task.failed";
    for (NameRuns* const sum : {&of.hours[hour], hour >= recent ? &of.lately : &of.usually})
      (is_failure ? sum->failed : sum->succeeded) += row.num(3);
    return true;
  });
  if (!done) return std::move(done).error();
  for (const auto& [name, of] : by_name) {
    const double mark = std::max(Home::kHighRate, of.usually.ratio() * kTimesUsual);
    if (of.lately.all() < Home::kFewTasks || of.lately.failed < kFewFailures ||
        of.lately.ratio() <= mark)
      continue;
    Finding finding;
    finding.kind = kFailuresUp;
    finding.severity = of.lately.ratio() > Home::kCriticalRate ? FindingSeverity::critical
                                                               : FindingSeverity::warning;
    finding.title = name + " fails more than usual";
    finding.evidence =
        percent_words(of.lately.ratio()) + " of " + counted(of.lately.all(), "run", "runs") +
        " failed lately, " +
        (of.usually.all() == 0 ? std::string("none ran in the day before")
                               : percent_words(of.usually.ratio()) + " in the day before");
    for (auto hour = of.hours.rbegin(); hour != of.hours.rend() && hour->second.ratio() > mark;
         ++hour)
      finding.since = hour->first;
    finding.subject = FindingSubject{"task", "", name};
    finding.count = of.lately.failed;
    found.push_back(std::move(finding));
  }
  return found;
}

}  // namespace z4j::core
