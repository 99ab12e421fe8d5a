#include "core/home.hpp"

#include <algorithm>
#include <tuple>

#include "core/rollups.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

constexpr base::TimeUs kHomeDayUs = base::kDayUs, kHomeHourUs = kHourSpanS * base::kSecondUs;
constexpr base::TimeUs kLongAgoUs = 30 * base::kDayUs;
constexpr std::uint64_t kMostStuck = 10'000;
constexpr std::size_t kMostException = 500;

std::vector<Cell> home_cells(const std::vector<base::Uuid>& ids) {
  return std::vector<Cell>(ids.begin(), ids.end());
}

}  // namespace

double HomeFigures::failure_rate() const noexcept {
  if (tasks == 0) return 0;
  return std::min(1.0, static_cast<double>(failures) / static_cast<double>(tasks));
}

std::string_view HomeFigures::health() const noexcept {
  if (agents_total > 0 && agents_online == 0) return "offline";
  if (failure_rate() > Home::kHighRate || stuck_commands > 0 || agents_online < agents_total)
    return "degraded";
  return tasks == 0 && workers_online == 0 ? "idle" : "healthy";
}

HomeFigures& HomeFigures::operator+=(const HomeFigures& more) noexcept {
  tasks += more.tasks;
  failures += more.failures;
  workers_online += more.workers_online;
  workers_total += more.workers_total;
  agents_online += more.agents_online;
  agents_total += more.agents_total;
  stuck_commands += more.stuck_commands;
  return *this;
}

base::Result<Home::Figures> Home::figures(const std::vector<base::Uuid>& projects) {
  return kept_.get(projects, [&] { return compute(projects); });
}

base::Result<Home::Figures> Home::compute(const std::vector<base::Uuid>& projects) {
  Figures out;
  for (const base::Uuid& project : projects) out[project];
  if (projects.empty()) return out;
  const std::vector<Cell> cells = home_cells(projects);
  if (auto done = count_tasks(cells, out); !done) return std::move(done).error();
  if (auto done = count_fleet(cells, out); !done) return std::move(done).error();
  if (auto done = count_stuck(cells, out); !done) return std::move(done).error();
  return out;
}

// Whole hours from their own roll-up, the broken one before them from the minutes.
base::Status Home::count_tasks(const std::vector<Cell>& projects, Figures& out) {
  namespace span = model::project_spans;
  const base::TimeUs since = clock_.now() - kHomeDayUs;
  const base::TimeUs hours_since = since - since % kHomeHourUs + kHomeHourUs;
  std::map<base::Uuid, std::int64_t> ended;
  for (const bool by_hour : {false, true}) {
    Query query(Table::project_spans);
    query.where.in(span::project_id, projects)
        .eq(span::seconds, by_hour ? kHourSpanS : kMinuteSpanS)
        .ge(span::begins, by_hour ? hours_since : since)
        .in(span::kind, {Cell("task.received"), Cell("task.failed"), Cell("task.succeeded")});
    if (!by_hour) query.where.lt(span::begins, hours_since);
    query.group(span::project_id).group(span::kind).fold(Z4J_AGG_SUM, span::count);
    auto done = store_.each(query, [&](const Row& row) {
      HomeFigures& of = out[row.uuid(0)];
      const std::string_view kind = row.text(1);
      if (kind == "task.received") of.tasks += row.num(2);
      if (kind == "task.failed") of.failures += row.num(2);
      if (kind != "task.received") ended[row.uuid(0)] += row.num(2);
      return true;
    });
    if (!done) return done;
  }
  // Not every engine tells of a receipt.
  for (auto& [project, count] : ended) out[project].tasks = std::max(out[project].tasks, count);
  return {};
}

base::Status Home::count_fleet(const std::vector<Cell>& projects, Figures& out) {
  namespace agent = model::agents;
  namespace worker = model::workers;
  const base::TimeUs long_ago = clock_.now() - kLongAgoUs;
  Query agents(Table::agents);
  agents.where.in(agent::project_id, projects);
  agents.group(agent::project_id)
      .group(agent::state)
      .count()
      .fold(Z4J_AGG_MAX, agent::last_event_at);
  auto done = store_.each(agents, [&](const Row& row) {
    HomeFigures& of = out[row.uuid(0)];
    of.agents_total += row.num(2);
    if (row.text(1) == "online") of.agents_online += row.num(2);
    const auto latest = row.num_or_none(3);
    if (latest && *latest >= long_ago)
      of.last_activity_at = std::max(*latest, of.last_activity_at.value_or(*latest));
    return true;
  });
  if (!done) return done;
  Query workers(Table::workers);
  workers.where.in(worker::project_id, projects);
  workers.group(worker::project_id).group(worker::state).count();
  return store_.each(workers, [&](const Row& row) {
    HomeFigures& of = out[row.uuid(0)];
    of.workers_total += row.num(2);
    if (row.text(1) == "online") of.workers_online += row.num(2);
    return true;
  });
}

base::Status Home::count_stuck(const std::vector<Cell>& projects, Figures& out) {
  namespace command = model::commands;
  Query query(Table::commands);
  query.where.eq(command::status, "dispatched")
      .lt(command::timeout_at, clock_.now())
      .in(command::project_id, projects);
  query.group(command::project_id).count().scan_limit(kMostStuck);
  return store_.each(query, [&](const Row& row) {
    out[row.uuid(0)].stuck_commands += row.num(1);
    return true;
  });
}

base::Result<Page<RecentFailure>> Home::failures(const std::vector<base::Uuid>& projects,
                                                 const std::optional<Place>& after,
                                                 std::uint32_t limit) {
  namespace task = model::tasks;
  Page<RecentFailure> page;
  std::vector<RecentFailure>& found = page.items;
  const auto is_before = [](const RecentFailure& a, const RecentFailure& b) {
    return std::tie(a.sort_at, a.id) > std::tie(b.sort_at, b.id);
  };
  for (const base::Uuid& project : projects) {
    Query query(Table::tasks);
    query.where.eq(task::project_id, project).eq(task::state, "failure");
    if (found.size() > limit) query.where.ge(task::sort_at, found.back().sort_at);
    query
        .columns({task::id, task::engine, task::task_id, task::name, task::worker_name,
                  task::exception, task::priority, task::finished_at, task::sort_at})
        .order({task::sort_at, task::id}, true)
        .limit(limit + 1);
    if (after) query.after({Cell(after->at), Cell(after->id)});
    auto done = store_.each(query, [&](const Row& row) {
      RecentFailure f;
      f.id = row.uuid(task::id);
      f.project_id = project;
      f.engine = row.text(task::engine);
      f.task_id = row.text(task::task_id);
      f.name = row.text(task::name);
      f.worker = row.text(task::worker_name);
      f.exception = clean_text(row.text(task::exception), kMostException);
      f.priority = row.text(task::priority).empty() ? "normal" : row.text(task::priority);
      f.sort_at = row.num(task::sort_at);
      f.occurred_at = row.num(task::finished_at, f.sort_at);
      found.push_back(std::move(f));
      return true;
    });
    if (!done) return std::move(done).error();
    std::sort(found.begin(), found.end(), is_before);
    if (found.size() > limit + 1) found.resize(limit + 1);
  }
  if (found.size() > limit) {
    found.resize(limit);
    page.next = Place{found.back().sort_at, found.back().id};
  }
  return page;
}

}  // namespace z4j::core
