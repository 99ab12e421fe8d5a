#include "core/task_facets.hpp"

#include <algorithm>

#include "core/rollups.hpp"

namespace z4j::core {
namespace {

namespace task_col = model::tasks;

constexpr base::TimeUs kLeastFacetPieceUs = base::kSecondUs;

// Of the names; states that we do not know are left out.
std::optional<std::size_t> place_of_state(std::string_view state) {
  if (state.empty()) state = kTaskStateNames.front();
  const auto known = std::find(kTaskStateNames.begin(), kTaskStateNames.end(), state);
  if (known == kTaskStateNames.end()) return std::nullopt;
  return static_cast<std::size_t>(known - kTaskStateNames.begin());
}

// Does the index of states alone tell all that is asked?
bool is_indexed(const FacetQuery& asked) {
  return !asked.top && !asked.filter.has_text() && asked.filter.args.empty() &&
         !asked.filter.fingerprint;
}

}  // namespace

base::Result<TaskStates> count_states(Store& store, const base::Uuid& project,
                                      const TaskFilter& filter, std::uint64_t most,
                                      std::uint32_t timeout_ms) {
  Query query(Table::tasks);
  query.where = filter.where(project);
  query.group(task_col::state).count().scan_limit(most).timeout_ms(timeout_ms);
  TaskStates out;
  auto done = store.each(query, [&out](const Row& row) {
    if (const auto place = place_of_state(row.text(0))) out.by_state[*place] += row.num(1);
    out.total += row.num(1);
    return true;
  });
  if (!done) return std::move(done).error();
  out.is_capped = out.is_approximate = static_cast<std::uint64_t>(out.total) >= most;
  return out;
}

// One count under way.
struct TaskFacets::Count {
  base::Uuid project;
  const FacetQuery* asked;
  base::TimeUs bucket_us;
  std::map<base::TimeUs, Facets::States> series;
  std::map<std::string, std::int64_t> queues;
  std::int64_t total = 0;

  void add(const Row& row) {
    const std::int64_t count = row.num(asked->top ? 3 : 2);
    total += count;
    if (const auto place = place_of_state(row.text(1))) series[row.num(0)][*place] += count;
    if (asked->top) queues[std::string(row.text(2))] += count;
  }
  // Of the tasks that stand in that time, `until` included; `most` of them.
  [[nodiscard]] base::Status fold(Store& store, base::TimeUs since, base::TimeUs until,
                                  std::uint64_t most, std::int64_t timeout_ms, bool is_piece) {
    TaskFilter filter = asked->filter;
    filter.since = since;
    filter.until = until;
    const auto read = [&](Where where) {
      Query query(Table::tasks);
      query.where = std::move(where);
      query.group(task_col::sort_at, bucket_us).group(task_col::state);
      if (asked->top) query.group(task_col::queue);
      query.count().scan_limit(most).timeout_ms(
          static_cast<std::uint32_t>(std::max<std::int64_t>(1, timeout_ms)));
      if (is_piece) query.among_few();
      return store.each(query, [this](const Row& row) {
        add(row);
        return true;
      });
    };
    if (!is_indexed(*asked) || filter.state) return read(filter.where(project));
    // State by state the index of states is read, and no task.
    Where known = filter.where(project);
    std::vector<Cell> states(kTaskStateNames.begin() + 1, kTaskStateNames.end());
    known.in(task_col::state, std::move(states));
    if (auto done = read(std::move(known)); !done) return done;
    Where pending = filter.where(project);
    pending.is_null(task_col::state);
    return read(std::move(pending));
  }
  void merge(const Count& piece) {
    for (const auto& [at, states] : piece.series) {
      for (std::size_t i = 0; i < states.size(); ++i) series[at][i] += states[i];
    }
    for (const auto& [queue, count] : piece.queues) queues[queue] += count;
    total += piece.total;
  }
};

base::Result<Facets> TaskFacets::of(const base::Uuid& project, const FacetQuery& asked,
                                    const std::string& words) {
  return kept_.get(std::pair(project, words), [&] { return compute(project, asked); });
}

// Where the oldest task stands, or with `until` the last of so many before it.
base::Result<std::optional<base::TimeUs>> TaskFacets::edge(const base::Uuid& project,
                                                           const std::optional<base::TimeUs>& until,
                                                           std::uint32_t rows) {
  Query query(Table::tasks);
  query.where.eq(task_col::project_id, project);
  if (until) query.where.le(task_col::sort_at, *until);
  query.columns({task_col::sort_at})
      .order({task_col::sort_at, task_col::id}, until.has_value())
      .limit(rows);
  std::optional<base::TimeUs> found;
  auto read = store_.each(query, [&found](const Row& row) {
    found = row.num(task_col::sort_at);
    return true;
  });
  if (!read) return std::move(read).error();
  return found;
}

base::Result<Facets> TaskFacets::compute(const base::Uuid& project, const FacetQuery& asked) {
  const std::int64_t begun_ms = clock_.steady_ms();
  const auto left_ms = [&] { return options_.most_ms - (clock_.steady_ms() - begun_ms); };
  Facets out;
  out.until = asked.filter.until.value_or(clock_.now());
  if (asked.filter.since) {
    out.since = *asked.filter.since;
    if (out.since > out.until) return out;
  } else {
    auto oldest = edge(project, {}, 1);
    if (!oldest) return std::move(oldest).error();
    out.since = std::min(oldest->value_or(out.until), out.until);
  }
  const base::TimeUs width = out.until - out.since;
  out.bucket_s =
      std::max<std::int64_t>(1, (width / asked.buckets + base::kSecondUs - 1) / base::kSecondUs);
  const base::TimeUs bucket_us = out.bucket_s * base::kSecondUs;

  const std::uint64_t most = is_indexed(asked) ? options_.most_indexed_rows : options_.most_rows;
  Where range;
  range.eq(task_col::project_id, project)
      .ge(task_col::sort_at, out.since)
      .le(task_col::sort_at, out.until);
  auto rows = store_.count(Table::tasks, range, most);
  if (!rows) return std::move(rows).error();
  const bool is_small = *rows < most;
  Count whole{project, &asked, bucket_us, {}, {}, 0};
  bool is_whole = false;
  // Of a long time too, when an index finds the few that fit.
  if (is_small || !is_indexed(asked)) {
    auto done = whole.fold(store_, out.since, out.until, most,
                           is_small ? 4 * options_.most_ms : options_.most_ms / 3, is_small);
    if (!done && done.error().code != base::Code::timeout) return std::move(done).error();
    is_whole = done.ok() && static_cast<std::uint64_t>(whole.total) < most;
  }
  if (!is_whole) {
    whole = Count{project, &asked, bucket_us, {}, {}, 0};
    auto near = edge(project, out.until, options_.near_rows);
    if (!near) return std::move(near).error();
    base::TimeUs top = out.until;
    base::TimeUs piece_us = std::max(kLeastFacetPieceUs, top - near->value_or(out.since));
    while (static_cast<std::uint64_t>(whole.total) < most && left_ms() > 0) {
      const base::TimeUs from = std::max(out.since, top - piece_us);
      Count piece{project, &asked, bucket_us, {}, {}, 0};
      const std::int64_t before_ms = left_ms();
      auto done = piece.fold(store_, from, top, most, before_ms, true);
      if (!done && done.error().code != base::Code::timeout) return std::move(done).error();
      const bool is_cut = done.ok() && static_cast<std::uint64_t>(piece.total) >= most;
      if (!done || is_cut) {
        if (piece_us <= kLeastFacetPieceUs) break;
        piece_us = std::max(kLeastFacetPieceUs, piece_us / 16);
        continue;
      }
      whole.merge(piece);
      if (from == out.since) {
        is_whole = true;
        break;
      }
      top = from - 1;
      out.searched_until = from;
      if ((before_ms - left_ms()) * 8 < options_.most_ms) piece_us *= 2;
    }
  }
  out.approximate = !is_whole;
  if (is_whole)
    out.searched_until.reset();
  else if (!out.searched_until)
    out.searched_until = out.until;
  out.series = std::move(whole.series);
  out.total = whole.total;
  for (const auto& [at, states] : out.series) {
    for (std::size_t i = 0; i < states.size(); ++i) out.by_state[i] += states[i];
  }
  if (asked.top && is_whole) {
    auto& queues = out.by_queue.emplace(whole.queues.begin(), whole.queues.end());
    std::stable_sort(queues.begin(), queues.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    queues.resize(std::min(queues.size(), *asked.top));
  }
  return out;
}

}  // namespace z4j::core
