#include "core/stats.hpp"

#include <algorithm>

#include "core/rollups.hpp"

namespace z4j::core {
namespace {

namespace minute_col = model::task_minutes;
namespace hour_col = model::task_hours;
namespace span_col = model::project_spans;
namespace command_col = model::commands;

constexpr std::int64_t kStatsHourUs = 3600 * base::kSecondUs;
constexpr std::int64_t kLongQueues = 10'000;
constexpr std::uint64_t kMaxCommandsCounted = 200'000;
// A command ends within its time-out; the longest is a bulk retry's.
constexpr std::int64_t kLongestCommandUs = base::kDayUs;

// Where a roll-up keeps what trends read.
struct RunColumns {
  Table table;
  std::uint16_t project, at, name, queue, kind, count;
};
constexpr RunColumns kSpanRuns = {
    Table::project_spans, span_col::project_id, span_col::begins, 0, 0,
    span_col::kind,       span_col::count};
constexpr RunColumns kMinuteRuns = {
    Table::task_minutes, minute_col::project_id, minute_col::minute, minute_col::task_name,
    minute_col::queue,   minute_col::kind,       minute_col::count};
constexpr RunColumns kHourRuns = {Table::task_hours,   hour_col::project_id, hour_col::hour,
                                  hour_col::task_name, hour_col::queue,      hour_col::kind,
                                  hour_col::count};

}  // namespace

double ProjectStats::failure_rate() const noexcept {
  const std::int64_t finished = tasks_failed + tasks_succeeded;
  return finished == 0 ? 0 : static_cast<double>(tasks_failed) / static_cast<double>(finished);
}

bool ProjectStats::are_queues_short() const noexcept {
  std::int64_t total = 0;
  for (const FleetQueue& q : queues)
    total += std::clamp<std::int64_t>(q.pending_count.value_or(0), 0, kLongQueues);
  return total < kLongQueues;
}

std::string_view ProjectStats::health() const noexcept {
  if (agents_online == 0) return "critical";
  return are_agents_online() && are_queues_short() && failure_rate() < kHighFailureRate
             ? "healthy"
             : "degraded";
}

Stats::Stats(Store& store, const base::Clock& clock, Options options)
    : store_(store),
      clock_(clock),
      fleet_(store, clock),
      kept_(clock, options.keep_ms),
      kept_trends_(clock, options.keep_ms),
      task_counts_(store, clock, {.keep = options.keep_ms > 0}) {}

base::Result<ProjectStats> Stats::project(const base::Uuid& project, int hours) {
  return kept_.get(std::pair(project, hours), [&] { return compute(project, hours); });
}

base::Result<ProjectStats> Stats::compute(const base::Uuid& project, int hours) {
  ProjectStats out;
  const base::TimeUs since = clock_.now() - hours * kStatsHourUs;
  if (auto done = count_tasks(project, out); !done) return std::move(done).error();
  if (auto done = count_finished(project, since, out); !done) return std::move(done).error();
  if (auto done = count_states(Table::agents, project, out.agents_online, out.agents_offline);
      !done)
    return std::move(done).error();
  if (auto done = count_states(Table::workers, project, out.workers_online, out.workers_offline);
      !done)
    return std::move(done).error();
  if (auto done = count_commands(project, since, out); !done) return std::move(done).error();
  auto queues = fleet_.queues(project);
  if (!queues) return std::move(queues).error();
  out.queues = std::move(*queues);
  return out;
}

base::Status Stats::count_tasks(const base::Uuid& project, ProjectStats& out) {
  auto states = task_counts_.of(project);
  if (!states) return std::move(states).error();
  out.tasks_by_state = states->by_state;
  out.tasks_total = states->total;
  out.tasks_capped = states->is_capped;
  out.tasks_approximate = states->is_approximate;
  return {};
}

base::Status Stats::count_finished(const base::Uuid& project, base::TimeUs since,
                                   ProjectStats& out) {
  Query query(Table::project_spans);
  query.where.eq(span_col::project_id, project)
      .eq(span_col::seconds, kMinuteSpanS)
      .ge(span_col::begins, since)
      .in(span_col::kind, {Cell("task.succeeded"), Cell("task.failed")});
  query.group(span_col::kind).fold(Z4J_AGG_SUM, span_col::count);
  return store_.each(query, [&](const Row& row) {
    (row.text(0) == "task.failed" ? out.tasks_failed : out.tasks_succeeded) = row.num(1);
    return true;
  });
}

base::Status Stats::count_states(Table table, const base::Uuid& project, std::int64_t& online,
                                 std::int64_t& offline) {
  const bool is_agents = table == Table::agents;
  Query query(table);
  query.where.eq(is_agents ? std::uint16_t{model::agents::project_id}
                           : std::uint16_t{model::workers::project_id},
                 project);
  query
      .group(is_agents ? std::uint16_t{model::agents::state} : std::uint16_t{model::workers::state})
      .count();
  return store_.each(query, [&](const Row& row) {
    (row.text(0) == "online" ? online : offline) += row.num(1);
    return true;
  });
}

base::Status Stats::count_commands(const base::Uuid& project, base::TimeUs since,
                                   ProjectStats& out) {
  Query open(Table::commands);
  open.where.in(command_col::status, {Cell("pending"), Cell("dispatched")})
      .eq(command_col::project_id, project);
  open.count().scan_limit(kMaxCommandsCounted);
  auto done = store_.each(open, [&](const Row& row) {
    out.commands_pending = row.num(0);
    return true;
  });
  if (!done) return done;

  // Without completed_at: a command that timed out.
  Query ended(Table::commands);
  ended.where.eq(command_col::project_id, project)
      .ge(command_col::issued_at, since - kLongestCommandUs)
      .in(command_col::status, {Cell("completed"), Cell("failed"), Cell("timeout")})
      .any([since](Where& any) {
        any.ge(command_col::completed_at, since).ge(command_col::timeout_at, since);
      });
  ended.group(command_col::status).count().scan_limit(kMaxCommandsCounted);
  return store_.each(ended, [&](const Row& row) {
    const std::string_view status = row.text(0);
    (status == "completed" ? out.commands_completed
     : status == "failed"  ? out.commands_failed
                           : out.commands_timeout) = row.num(1);
    return true;
  });
}

base::Result<std::map<std::string, std::int64_t>> Stats::commands_by_status() {
  Query query(Table::commands);
  query.group(command_col::status).count().scan_limit(kMaxCommandsCounted);
  std::map<std::string, std::int64_t> out;
  auto done = store_.each(query, [&](const Row& row) {
    out.emplace(row.text(0), row.num(1));
    return true;
  });
  if (!done) return std::move(done).error();
  return out;
}

base::Result<std::vector<TrendPoint>> Stats::trends(const base::Uuid& project,
                                                    const TrendQuery& asked) {
  return kept_trends_.get(std::pair(project, asked),
                          [&] { return compute_trends(project, asked); });
}

base::Result<std::vector<TrendPoint>> Stats::compute_trends(const base::Uuid& project,
                                                            const TrendQuery& asked) {
  const bool by_hour = asked.bucket_s % kHourSpanS == 0;
  const bool of_project = asked.task_name.empty() && asked.queue.empty();
  const RunColumns columns = of_project ? kSpanRuns : by_hour ? kHourRuns : kMinuteRuns;
  // The first bucket is whole.
  base::TimeUs since = clock_.now() - asked.window_s * base::kSecondUs;
  since -= since % (asked.bucket_s * base::kSecondUs);

  Query query(columns.table);
  query.where.eq(columns.project, project);
  if (of_project) query.where.eq(span_col::seconds, by_hour ? kHourSpanS : kMinuteSpanS);
  query.where.ge(columns.at, since)
      .in(columns.kind, {Cell("task.succeeded"), Cell("task.failed"), Cell("task.retried"),
                         Cell("task.revoked")});
  if (!asked.task_name.empty()) query.where.eq(columns.name, asked.task_name);
  if (!asked.queue.empty()) query.where.eq(columns.queue, asked.queue);
  query.group(columns.at, asked.bucket_s * base::kSecondUs).group(columns.kind);
  // Counts, runs, their sum and the buckets stand side by side.
  for (std::uint16_t i = 0; i < 3 + RollUps::kBuckets; ++i)
    query.fold(Z4J_AGG_SUM, static_cast<std::uint16_t>(columns.count + i));

  struct Runs {
    std::int64_t sum_us = 0, count = 0;
    RollUps::Buckets buckets{};
  };
  std::map<base::TimeUs, std::pair<TrendPoint, Runs>> points;
  auto done = store_.each(query, [&](const Row& row) {
    auto& [point, runs] = points[row.num(0)];
    point.at = row.num(0);
    const std::string_view kind = row.text(1);
    (kind == "task.succeeded" ? point.success
     : kind == "task.failed"  ? point.failure
     : kind == "task.retried" ? point.retry
                              : point.revoked) = row.num(2);
    runs.count += row.num(3);
    runs.sum_us += row.num(4);
    for (std::size_t i = 0; i < RollUps::kBuckets; ++i)
      runs.buckets[i] += row.num(static_cast<std::uint16_t>(5 + i));
    return true;
  });
  if (!done) return std::move(done).error();
  std::vector<TrendPoint> out;
  for (auto& [at, entry] : points) {
    auto& [point, runs] = entry;
    if (runs.count > 0) {
      point.avg_runtime_ms = runs.sum_us / runs.count / 1000;
      point.p50_runtime_ms = RollUps::quantile_us(runs.buckets, 0.50) / 1000;
      point.p95_runtime_ms = RollUps::quantile_us(runs.buckets, 0.95) / 1000;
      point.p99_runtime_ms = RollUps::quantile_us(runs.buckets, 0.99) / 1000;
    }
    out.push_back(point);
  }
  return out;
}

}  // namespace z4j::core
