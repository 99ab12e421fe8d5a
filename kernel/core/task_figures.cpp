#include "core/task_figures.hpp"

#include <algorithm>
#include <map>

namespace z4j::core {
namespace {

namespace minute_col = model::task_minutes;
namespace hour_col = model::task_hours;
namespace task_col = model::tasks;

constexpr std::uint32_t kFiguresTimeoutMs = 3000;
constexpr std::uint32_t kMostFigureRows = kMostTaskNames * 5;
// Up to so many hours a window is counted by the minute.
constexpr std::int64_t kNamesByMinuteHours = 2, kNameByMinuteHours = 24;
constexpr base::Uuid kNamePlaces = {{0x5a, 0x34, 0x6a, 0x6e, 0x61, 0x6d, 0x45, 0x73, 0x8a, 0x11,
                                     0x0c, 0x2f, 0x91, 0x7e, 0x40, 0x01}};

// Where a roll-up keeps what figures are made of.
struct FigureColumns {
  Table table;
  std::uint16_t project, at, engine, name, kind, count;
};
constexpr FigureColumns kOfMinutes = {
    Table::task_minutes,   minute_col::project_id, minute_col::minute, minute_col::engine,
    minute_col::task_name, minute_col::kind,       minute_col::count};
constexpr FigureColumns kOfHours = {Table::task_hours, hour_col::project_id, hour_col::hour,
                                    hour_col::engine,  hour_col::task_name,  hour_col::kind,
                                    hour_col::count};

Query figures_query(const FigureColumns& columns, const base::Uuid& project, base::TimeUs since) {
  Query query(columns.table);
  query.where.eq(columns.project, project)
      .ge(columns.at, since)
      .in(columns.kind, {Cell("task.sent"), Cell("task.succeeded"), Cell("task.failed"),
                         Cell("task.retried"), Cell("task.revoked")});
  query.timeout_ms(kFiguresTimeoutMs);
  return query;
}

// Counts, runs, their sum and the buckets stand side by side in the roll-ups.
void fold_figures(Query& query, const FigureColumns& columns) {
  for (std::uint16_t i = 0; i < 3 + RollUps::kBuckets; ++i)
    query.fold(Z4J_AGG_SUM, static_cast<std::uint16_t>(columns.count + i));
}

void add_runs(RunTimes& runs, const Row& row, std::uint16_t first) {
  runs.runs += row.num(first);
  runs.sum_us += row.num(static_cast<std::uint16_t>(first + 1));
  for (std::size_t i = 0; i < RollUps::kBuckets; ++i)
    runs.buckets[i] += row.num(static_cast<std::uint16_t>(first + 2 + i));
}

// `first` is the place of the count; runs stand behind it.
void add_figures(NameFigures& figures, std::string_view kind, const Row& row, std::uint16_t first) {
  (kind == "task.sent"        ? figures.sent
   : kind == "task.succeeded" ? figures.succeeded
   : kind == "task.failed"    ? figures.failed
   : kind == "task.retried"   ? figures.retried
                              : figures.revoked) += row.num(first);
  add_runs(figures.runtime, row, static_cast<std::uint16_t>(first + 1));
}

std::int64_t order_value(const NameFigures& figures, NameOrder order) {
  switch (order) {
    case NameOrder::failures:
      return figures.failed;
    case NameOrder::failure_rate:
      return static_cast<std::int64_t>(figures.failure_rate() * 1e6);
    case NameOrder::runtime:
      return figures.runtime.sum_us;
    case NameOrder::p95:
      return RollUps::quantile_us(figures.runtime.buckets, 0.95);
    default:
      return figures.ended();
  }
}

Place name_place(const NameFigures& figures, NameOrder order) {
  return Place{order_value(figures, order),
               base::Uuid::named(kNamePlaces, figures.engine + '\n' + figures.name)};
}

// From when the run could begin to when it began; none while that is not known.
std::optional<std::int64_t> wait_ms(const Row& row) {
  const auto started = row.num_or_none(task_col::started_at);
  if (!started) return std::nullopt;
  const auto received = row.num_or_none(task_col::received_at);
  const base::TimeUs created = row.num(task_col::created_at);
  // What came again waits from when it came.
  base::TimeUs seen = received.value_or(created);
  if (row.num(task_col::retry_count) == 0) seen = std::min(seen, created);
  // While it retries, the eta is that of the run to come.
  const auto eta = row.num_or_none(task_col::eta);
  if (eta && *eta <= *started) seen = std::max(seen, *eta);
  return std::max<std::int64_t>(0, (*started - seen) / 1000);
}

}  // namespace

double NameFigures::failure_rate() const noexcept {
  return ended() == 0 ? 0 : static_cast<double>(failed) / static_cast<double>(ended());
}

double NameFigures::retry_share() const noexcept {
  const std::int64_t runs = ended() + retried;
  return runs == 0 ? 0 : static_cast<double>(retried) / static_cast<double>(runs);
}

Figures::Figures(Store& store, const base::Clock& clock, std::int64_t keep_ms)
    : store_(store), clock_(clock), kept_(clock, keep_ms), kept_names_(clock, keep_ms) {}

base::Result<std::shared_ptr<const Figures::Listed>> Figures::compute(const base::Uuid& project,
                                                                      const NameQuery& asked) {
  const bool by_minute = asked.hours <= kNamesByMinuteHours;
  const FigureColumns& columns = by_minute ? kOfMinutes : kOfHours;
  auto listed = std::make_shared<Listed>();
  listed->until = clock_.now();
  listed->since = start_of_span(listed->until - asked.hours * kHourSpanS * base::kSecondUs,
                                by_minute ? kMinuteSpanS : kHourSpanS);
  Query query = figures_query(columns, project, listed->since);
  query.where.ne(columns.name, "");
  if (!asked.search.empty()) query.where.contains(columns.name, asked.search);
  query.group(columns.engine).group(columns.name).group(columns.kind);
  fold_figures(query, columns);
  query.order({3, 0, 1, 2}, true).limit(kMostFigureRows + 1);
  std::map<std::pair<std::string, std::string>, NameFigures> names;
  std::uint32_t rows = 0;
  auto read = store_.each(query, [&](const Row& row) {
    ++rows;
    NameFigures& figures = names[{std::string(row.text(0)), std::string(row.text(1))}];
    add_figures(figures, row.text(2), row, 3);
    return true;
  });
  if (!read) return std::move(read).error();
  for (auto& [key, figures] : names) {
    figures.engine = key.first;
    figures.name = key.second;
    listed->names.push_back(std::move(figures));
  }
  std::sort(listed->names.begin(), listed->names.end(),
            [&asked](const NameFigures& a, const NameFigures& b) {
              const Place left = name_place(a, asked.order), right = name_place(b, asked.order);
              return std::tie(left.at, left.id) > std::tie(right.at, right.id);
            });
  listed->truncated = rows > kMostFigureRows || listed->names.size() > kMostTaskNames;
  if (listed->names.size() > kMostTaskNames)
    listed->names.erase(listed->names.begin() + kMostTaskNames, listed->names.end());
  return std::shared_ptr<const Listed>(std::move(listed));
}

base::Result<NamePage> Figures::names(const base::Uuid& project, const NameQuery& asked,
                                      const std::optional<Place>& after, std::uint32_t limit) {
  auto listed = kept_.get(std::pair(project, asked), [&] { return compute(project, asked); });
  if (!listed) return std::move(listed).error();
  NamePage out;
  out.since = (*listed)->since;
  out.until = (*listed)->until;
  out.truncated = (*listed)->truncated;
  for (const NameFigures& figures : (*listed)->names) {
    const Place place = name_place(figures, asked.order);
    if (after && std::tie(place.at, place.id) >= std::tie(after->at, after->id)) continue;
    if (out.items.size() == limit) {
      out.next = name_place(out.items.back(), asked.order);
      break;
    }
    out.items.push_back(figures);
  }
  return out;
}

base::Result<TaskFigures> Figures::of_name(const base::Uuid& project, std::string_view name,
                                           std::int64_t hours, std::int64_t buckets) {
  const OneName asked{project, name, hours, buckets};
  return kept_names_.get(asked, [&] { return compute_name(asked); });
}

base::Result<TaskFigures> Figures::compute_name(const OneName& asked) {
  const auto& [project, name, hours, buckets] = asked;
  const bool by_minute = hours <= kNameByMinuteHours;
  const FigureColumns& columns = by_minute ? kOfMinutes : kOfHours;
  const std::int64_t step = by_minute ? kMinuteSpanS : kHourSpanS;
  TaskFigures out;
  const std::int64_t steps = hours * kHourSpanS / step;
  out.bucket_s = std::max<std::int64_t>(1, (steps + buckets - 1) / buckets) * step;
  out.until = clock_.now();
  out.since = start_of_span(out.until - hours * kHourSpanS * base::kSecondUs, out.bucket_s);

  Query query = figures_query(columns, project, out.since);
  query.where.eq(columns.name, name);
  query.group(columns.at, out.bucket_s * base::kSecondUs).group(columns.engine).group(columns.kind);
  fold_figures(query, columns);
  std::map<base::TimeUs, FigurePoint> points;
  std::map<std::string, std::int64_t> engines;
  auto read = store_.each(query, [&](const Row& row) {
    const std::string_view kind = row.text(2);
    add_figures(out.all, kind, row, 3);
    engines[std::string(row.text(1))] += row.num(3);
    if (kind == "task.sent") return true;
    FigurePoint& point = points[row.num(0)];
    point.at = row.num(0);
    (kind == "task.succeeded" ? point.succeeded
     : kind == "task.failed"  ? point.failed
     : kind == "task.retried" ? point.retried
                              : point.revoked) += row.num(3);
    add_runs(point.runtime, row, 4);
    return true;
  });
  if (!read) return std::move(read).error();
  out.all.name = name;
  const auto most =
      std::max_element(engines.begin(), engines.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most != engines.end()) out.all.engine = most->first;
  for (auto& [at, point] : points) out.series.push_back(point);

  Query earlier =
      figures_query(columns, project, start_of_span(out.since - (out.until - out.since), step));
  earlier.where.eq(columns.name, name).lt(columns.at, out.since);
  earlier.group(columns.kind);
  fold_figures(earlier, columns);
  read = store_.each(earlier, [&out](const Row& row) {
    add_figures(out.before, row.text(0), row, 1);
    return true;
  });
  if (!read) return std::move(read).error();
  auto waited = waits(project, name, out.since);
  if (!waited) return std::move(waited).error();
  out.waits_ms = std::move(*waited);
  return out;
}

base::Result<std::vector<std::int64_t>> Figures::waits(const base::Uuid& project,
                                                       std::string_view name, base::TimeUs since) {
  Query query(Table::tasks);
  query.where.eq(task_col::project_id, project)
      .eq(task_col::name, name)
      .ge(task_col::sort_at, since);
  query
      .columns({task_col::started_at, task_col::received_at, task_col::created_at, task_col::eta,
                task_col::retry_count})
      .order({task_col::sort_at, task_col::id}, true)
      .limit(kMostWaits)
      .timeout_ms(kFiguresTimeoutMs);
  std::vector<std::int64_t> out;
  auto read = store_.each(query, [&out](const Row& row) {
    if (const auto waited = wait_ms(row)) out.push_back(*waited);
    return true;
  });
  if (!read) return std::move(read).error();
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace z4j::core
