#include "core/tasks.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>

#include "core/refusal.hpp"
#include "core/task_states.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace task_col = model::tasks;
namespace event_col = model::events;

constexpr std::size_t kTreeNodes = 500;
// Of so many tasks one at least waits, when any do: else they are rare.
constexpr base::TimeUs kTasksPerPending = 50;
// So many lists are read one by one whatever else is asked for.
constexpr std::size_t kFewNames = 4;
constexpr base::TimeUs kQuietUs = 3600 * base::kSecondUs;

constexpr std::initializer_list<std::uint16_t> kTaskViewColumns = {task_col::id,
                                                                   task_col::project_id,
                                                                   task_col::engine,
                                                                   task_col::task_id,
                                                                   task_col::name,
                                                                   task_col::state,
                                                                   task_col::finished_at,
                                                                   task_col::runtime_ms,
                                                                   task_col::result,
                                                                   task_col::exception,
                                                                   task_col::traceback,
                                                                   task_col::received_at,
                                                                   task_col::args,
                                                                   task_col::kwargs,
                                                                   task_col::eta,
                                                                   task_col::started_at,
                                                                   task_col::worker_name,
                                                                   task_col::queue,
                                                                   task_col::priority,
                                                                   task_col::sort_at,
                                                                   task_col::retry_count,
                                                                   task_col::parent_task_id,
                                                                   task_col::root_task_id,
                                                                   task_col::tags,
                                                                   task_col::retry_of,
                                                                   task_col::retried_as,
                                                                   task_col::created_at,
                                                                   task_col::updated_at,
                                                                   task_col::reconciled_as,
                                                                   task_col::reconciled_at,
                                                                   task_col::evidence,
                                                                   task_col::fingerprint};

constexpr std::initializer_list<std::uint16_t> kTaskNodeColumns = {
    task_col::task_id,      task_col::name,        task_col::state,      task_col::parent_task_id,
    task_col::root_task_id, task_col::received_at, task_col::finished_at};

// A column that is null until something is known of it.
std::string task_text_or(const Row& row, std::uint16_t column, std::string_view if_null) {
  const std::string_view text = row.text(column);
  return std::string(text.empty() ? if_null : text);
}

TaskView task_view_of(const Row& row) {
  TaskView t;
  t.id = row.uuid(task_col::id);
  t.project_id = row.uuid(task_col::project_id);
  t.engine = row.text(task_col::engine);
  t.task_id = row.text(task_col::task_id);
  t.name = row.text(task_col::name);
  t.queue = row.text(task_col::queue);
  t.state = task_text_or(row, task_col::state, "pending");
  t.priority = task_text_or(row, task_col::priority, "normal");
  t.exception = row.text(task_col::exception);
  t.traceback = row.text(task_col::traceback);
  t.worker_name = row.text(task_col::worker_name);
  t.parent_task_id = row.text(task_col::parent_task_id);
  t.root_task_id = row.text(task_col::root_task_id);
  t.retry_of = row.text(task_col::retry_of);
  t.retried_as = row.text(task_col::retried_as);
  t.fingerprint = row.text(task_col::fingerprint);
  t.args = row.json(task_col::args);
  t.kwargs = row.json(task_col::kwargs);
  t.result = row.json(task_col::result);
  if (base::json::Value tags = row.json(task_col::tags); tags.is_array())
    t.tags = std::move(tags.get_array());
  t.retry_count = row.num(task_col::retry_count);
  t.eta = row.num_or_none(task_col::eta);
  t.received_at = row.num_or_none(task_col::received_at);
  t.started_at = row.num_or_none(task_col::started_at);
  t.finished_at = row.num_or_none(task_col::finished_at);
  t.runtime_ms = row.num_or_none(task_col::runtime_ms);
  t.sort_at = row.num(task_col::sort_at);
  t.created_at = row.num(task_col::created_at);
  t.updated_at = row.num(task_col::updated_at);
  if (row.num(task_col::reconciled_at) >= t.updated_at && !is_over(t.state)) {
    t.reconciled_as = row.text(task_col::reconciled_as);
    t.reconciled_at = row.num_or_none(task_col::reconciled_at);
    t.evidence = row.json(task_col::evidence);
  }
  for (const std::uint16_t column : {task_col::args, task_col::kwargs, task_col::result,
                                     task_col::exception, task_col::traceback}) {
    t.bytes += row.text(column).size();
  }
  return t;
}

TaskNode task_node_of(const Row& row) {
  return TaskNode{std::string(row.text(task_col::task_id)),
                  std::string(row.text(task_col::name)),
                  task_text_or(row, task_col::state, "pending"),
                  std::string(row.text(task_col::parent_task_id)),
                  std::string(row.text(task_col::root_task_id)),
                  row.num_or_none(task_col::received_at),
                  row.num_or_none(task_col::finished_at)};
}

// Of the time that a search looks through at once; it grows while the store is quick.
constexpr base::TimeUs kFirstPieceUs = 3600 * base::kSecondUs, kLeastPieceUs = base::kSecondUs;

// The next page begins below this time: the nil id comes before all others.
Place task_place_below(base::TimeUs at) { return Place{at, {}}; }

// Latest first.
bool task_stands_before(const Place& a, const Place& b) {
  return std::tie(a.at, a.id) > std::tie(b.at, b.id);
}
Place task_place_of(const TaskView& t) { return Place{t.sort_at, t.id}; }

bool is_word_alone(const TaskFilter& filter) {
  TaskFilter others = filter;
  others.search.reset();
  return filter.search && !filter.state && !others.has_text() && !filter.fingerprint &&
         filter.args.empty();
}

bool is_timeout(const base::Error& why) { return why.code == base::Code::timeout; }

base::Result<Page<TaskView>> read_task_page(Store& store, Query query, std::uint32_t limit) {
  return read_page<TaskView>(store, std::move(query), limit, task_view_of, task_place_of,
                             [](const TaskView& t) { return t.bytes; });
}

// The group of facts that an event of this kind tells; empty for others.
std::string_view facts_of(std::string_view kind) {
  if (kind == "task.sent") return "sent";
  if (kind == "task.received") return "received";
  if (kind == "task.started") return "started";
  if (kind == "task.retried") return "retried";
  if (kind == "task.succeeded" || kind == "task.failed" || kind == "task.revoked" ||
      kind == "task.rejected")
    return "ended";
  return {};
}

constexpr std::uint32_t kMostSourceEvents = 200;

}  // namespace

base::Result<Page<TaskView>> Tasks::list(const base::Uuid& project, const TaskFilter& filter,
                                         const std::optional<Place>& after, std::uint32_t limit) {
  Query query(Table::tasks);
  query.where = filter.where(project);
  query.columns(kTaskViewColumns).order({task_col::sort_at, task_col::id}, true);
  std::uint64_t needs = 0;
  if (filter.has_text()) needs |= Z4J_STORE_FAST_TEXT;
  if (!filter.args.empty()) needs |= Z4J_STORE_FAST_PATH;
  const bool is_plain = needs == 0;
  const bool is_served = (store_.info().capabilities & needs) == needs;
  // Without an index of queues all tasks would be looked through for what is not there.
  if (!is_served && filter.queue) {
    auto found = has_queue(project, *filter.queue);
    if (!found) return std::move(found).error();
    if (!*found) return Page<TaskView>();
  }
  std::optional<std::vector<Name>> names;
  if (filter.name) {
    auto found = names_with(project, *filter.name);
    if (!found) return std::move(found).error();
    names = std::move(*found);
  }
  TaskFilter others = filter;
  others.name.reset();
  if (is_served && (filter.search || !filter.args.empty() || (filter.name && filter.state))) {
    TaskFilter of = filter;
    if (names && !names->empty() && is_quiet(names->front()))
      of.until = std::min(of.until.value_or(names->front().newest), names->front().newest);
    auto page = list_nearby(query, of, project, after, limit);
    if (!page) return std::move(page).error();
    if (page->has_value()) return std::move(**page);
  }
  if (is_served && is_word_alone(filter)) {
    auto page = list_of_word(query, filter, project, after, limit);
    if (!page) return std::move(page).error();
    if (page->has_value()) return std::move(**page);
  }
  // With other conditions beside many names, one index may serve them all at once.
  const bool is_by_name = names && (names->size() <= kFewNames ||
                                    (!others.has_text() && others.args.empty() && !others.state));
  if (is_by_name) {
    auto page = list_of_names(*names, query, filter, project, after, limit);
    if (page || !is_timeout(page.error())) return page;
    return search_back(query, filter, project, after, limit);
  }
  if (!is_served) return search_back(query, filter, project, after, limit);
  Query direct = query;
  if (after) direct.after({Cell(after->at), Cell(after->id)});
  if (!is_plain)
    direct.timeout_ms(static_cast<std::uint32_t>(names ? options_.quick_ms : options_.direct_ms));
  auto page = read_task_page(store_, std::move(direct), limit);
  // An index serves what is rare and the order what is common; rows that are neither, such as many
  // that all lie far back, can defeat both.
  const auto is_late = [&page] { return !page && is_timeout(page.error()); };
  if (is_late() && names) page = list_of_names(*names, query, filter, project, after, limit);
  if (is_late() && !is_plain) return search_back(query, filter, project, after, limit);
  return page;
}

base::Result<bool> Tasks::has_queue(const base::Uuid& project, std::string_view name) {
  Query query(Table::queues);
  query.where.eq(model::queues::project_id, project).eq(model::queues::name, name);
  auto row = store_.first(query.columns({model::queues::id}));
  if (!row) return std::move(row).error();
  return row->has_value();
}

bool Tasks::is_quiet(const Name& name) const { return name.newest < clock_.now() - kQuietUs; }

base::Result<std::optional<std::vector<Tasks::Name>>> Tasks::names_with(const base::Uuid& project,
                                                                        std::string_view part) {
  Query query(Table::tasks);
  query.where.eq(task_col::project_id, project).contains(task_col::name, part);
  query.group(task_col::name)
      .fold(Z4J_AGG_MAX, task_col::sort_at)
      .limit(options_.max_names + 1)
      .timeout_ms(static_cast<std::uint32_t>(options_.quick_ms));
  std::vector<Name> names;
  auto done = store_.each(query, [&names](const Row& row) {
    names.push_back(Name{std::string(row.text(0)), row.num(1)});
    return true;
  });
  using Found = std::optional<std::vector<Name>>;
  if (!done)
    return is_timeout(done.error()) ? base::Result<Found>(Found()) : std::move(done).error();
  if (names.size() > options_.max_names) return Found();
  std::sort(names.begin(), names.end(),
            [](const Name& a, const Name& b) { return a.newest > b.newest; });
  return Found(std::move(names));
}

base::Result<Page<TaskView>> Tasks::list_of_names(const std::vector<Name>& names,
                                                  const Query& query, const TaskFilter& filter,
                                                  const base::Uuid& project,
                                                  const std::optional<Place>& after,
                                                  std::uint32_t limit) {
  const std::int64_t until_ms = clock_.steady_ms() + options_.direct_ms;
  TaskFilter others = filter;
  others.name.reset();
  std::vector<Place> places;  // the first of all names, one more than a page has
  for (const Name& name : names) {
    const bool is_full = places.size() > limit;
    if (is_full && name.newest < places.back().at) break;
    const std::int64_t left_ms = until_ms - clock_.steady_ms();
    if (left_ms <= 0) return refuse::error(base::Code::timeout, {}, "the search took too long");
    Query of_name(Table::tasks);
    of_name.where = others.where(project);
    of_name.where.eq(task_col::name, name.name);
    if (is_full) of_name.where.ge(task_col::sort_at, places.back().at);
    if (is_quiet(name)) of_name.where.le(task_col::sort_at, name.newest);
    of_name.columns({task_col::sort_at, task_col::id})
        .order({task_col::sort_at, task_col::id}, true)
        .limit(limit + 1)
        .timeout_ms(static_cast<std::uint32_t>(left_ms));
    if (after) of_name.after({Cell(after->at), Cell(after->id)});
    auto done = store_.each(of_name, [&places](const Row& row) {
      places.push_back(Place{row.num(task_col::sort_at), row.uuid(task_col::id)});
      return true;
    });
    if (!done) return std::move(done).error();
    std::sort(places.begin(), places.end(), task_stands_before);
    places.resize(std::min<std::size_t>(places.size(), limit + 1));
  }
  Page<TaskView> page;
  if (places.empty()) return page;
  const bool has_more = places.size() > limit;
  places.resize(std::min<std::size_t>(places.size(), limit));
  Query rows = query;
  std::vector<Cell> ids;
  for (const Place& place : places) ids.emplace_back(place.id);
  rows.where.in(task_col::id, std::move(ids));
  auto read = read_task_page(store_, std::move(rows), limit);
  if (read && !read->next && has_more) read->next = places.back();
  return read;
}

base::Result<std::optional<Page<TaskView>>> Tasks::list_nearby(const Query& query,
                                                               const TaskFilter& filter,
                                                               const base::Uuid& project,
                                                               const std::optional<Place>& after,
                                                               std::uint32_t limit) {
  using Found = std::optional<Page<TaskView>>;
  // No key orders what has no state.
  const bool is_stateless = filter.state == "pending";
  const auto quick_ms = static_cast<std::uint32_t>(options_.quick_ms);
  TaskFilter ordered;
  if (!is_stateless) ordered.state = filter.state;
  ordered.since = filter.since;
  ordered.until = filter.until;
  Query stretch(Table::tasks);
  stretch.where = ordered.where(project);
  stretch.columns({task_col::sort_at})
      .order({task_col::sort_at, task_col::id}, true)
      .limit(options_.near_rows)
      .timeout_ms(quick_ms);
  if (after) stretch.after({Cell(after->at), Cell(after->id)});
  std::uint32_t rows = 0;
  base::TimeUs top = 0, bottom = 0;
  auto done = store_.each(stretch, [&](const Row& row) {
    bottom = row.num(task_col::sort_at);
    if (rows++ == 0) top = bottom;
    return true;
  });
  if (!done)
    return is_timeout(done.error()) ? base::Result<Found>(Found()) : std::move(done).error();
  const bool is_all = rows < options_.near_rows;
  if (rows == 0) return Found(Page<TaskView>());
  if (is_stateless && !is_all)
    bottom = std::max<base::TimeUs>(0, top - (top - bottom) * kTasksPerPending);
  for (const bool is_first : {true, false}) {
    Query piece = query;
    piece.where = filter.where(project);
    piece.where.ge(task_col::sort_at, bottom).le(task_col::sort_at, top);
    piece.among_few().timeout_ms(3 * quick_ms);
    if (after) piece.after({Cell(after->at), Cell(after->id)});
    auto page = read_task_page(store_, std::move(piece), limit);
    if (!page)
      return is_timeout(page.error()) ? base::Result<Found>(Found()) : std::move(page).error();
    const std::size_t found = page->items.size();
    if (found == limit && !page->next && !is_all) page->next = task_place_below(bottom);
    if (page->next || is_all) return Found(std::move(*page));
    if (!is_first || found * options_.far_rows < std::size_t{options_.near_rows} * (limit + 1))
      break;
    // Half as far again as these rows lie apart.
    const auto times = static_cast<base::TimeUs>((limit + 1) * 3 / (found * 2) + 1);
    bottom = std::max<base::TimeUs>(0, top - (top - bottom) * times);
  }
  return Found();
}

base::Result<std::optional<Page<TaskView>>> Tasks::list_of_word(const Query& query,
                                                                const TaskFilter& filter,
                                                                const base::Uuid& project,
                                                                const std::optional<Place>& after,
                                                                std::uint32_t limit) {
  using Found = std::optional<Page<TaskView>>;
  auto names = names_with(project, *filter.search);
  if (!names) return std::move(names).error();
  if (!names->has_value() || (*names)->empty()) return Found();
  TaskFilter times;
  times.since = filter.since;
  times.until = filter.until;
  auto named = list_of_names(**names, query, times, project, after, limit);
  if (!named)
    return is_timeout(named.error()) ? base::Result<Found>(Found()) : std::move(named).error();
  Query others = query;
  others.where = times.where(project);
  others.where.any([&](Where& any) {
    any.contains(task_col::queue, *filter.search)
        .contains(task_col::worker_name, *filter.search)
        .contains(task_col::task_id, *filter.search);
  });
  if (after) others.after({Cell(after->at), Cell(after->id)});
  others.timeout_ms(static_cast<std::uint32_t>(options_.direct_ms));
  auto rest = read_task_page(store_, std::move(others), limit);
  if (!rest)
    return is_timeout(rest.error()) ? base::Result<Found>(Found()) : std::move(rest).error();

  Page<TaskView> page = std::move(*named);
  const bool has_more = page.next || rest->next;
  // Behind the end of either page stands what the other does not know of.
  std::optional<Place> end = page.next;
  if (rest->next && (!end || task_stands_before(*rest->next, *end))) end = rest->next;
  std::set<base::Uuid> ids;
  for (const TaskView& task : page.items) ids.insert(task.id);
  for (TaskView& task : rest->items) {
    if (!ids.contains(task.id)) page.items.push_back(std::move(task));
  }
  std::sort(page.items.begin(), page.items.end(), [](const TaskView& a, const TaskView& b) {
    return task_stands_before(task_place_of(a), task_place_of(b));
  });
  const auto behind = [&](const TaskView& task) {
    return task_stands_before(*end, task_place_of(task));
  };
  if (end)
    page.items.erase(std::find_if(page.items.begin(), page.items.end(), behind), page.items.end());
  const bool is_over = page.items.size() > limit;
  if (is_over) page.items.erase(page.items.begin() + limit, page.items.end());
  page.next.reset();
  if (is_over)
    page.next = task_place_of(page.items.back());
  else if (has_more)
    page.next = end;
  return Found(std::move(page));
}

base::Result<std::optional<base::TimeUs>> Tasks::edge(const base::Uuid& project, bool newest) {
  Query query(Table::tasks);
  query.where.eq(task_col::project_id, project);
  auto row = store_.first(
      query.columns({task_col::sort_at}).order({task_col::sort_at, task_col::id}, newest));
  if (!row) return std::move(row).error();
  if (!row->has_value()) return std::optional<base::TimeUs>();
  return std::optional<base::TimeUs>((*row)->num(task_col::sort_at));
}

base::Result<Page<TaskView>> Tasks::search_back(const Query& query, const TaskFilter& filter,
                                                const base::Uuid& project,
                                                const std::optional<Place>& after,
                                                std::uint32_t limit) {
  const std::int64_t begun_ms = clock_.steady_ms();
  auto newest = edge(project, true);
  if (!newest) return std::move(newest).error();
  auto oldest = edge(project, false);
  if (!oldest) return std::move(oldest).error();
  Page<TaskView> page;
  if (!newest->has_value() || !oldest->has_value()) return page;
  const base::TimeUs last = std::max(**oldest, filter.since.value_or(**oldest));
  base::TimeUs top = after ? after->at : std::min(**newest, filter.until.value_or(**newest));
  base::TimeUs width = kFirstPieceUs;
  std::size_t bytes = 0;
  for (bool is_first = true; top >= last; is_first = false) {
    const base::TimeUs from = std::max(last, top - width);
    Query piece = query;
    piece.where.ge(task_col::sort_at, from);
    if (is_first) {
      piece.where.le(task_col::sort_at, top);
      if (after) piece.after({Cell(after->at), Cell(after->id)});
    } else {
      piece.where.lt(task_col::sort_at, top);
    }
    piece.among_few().timeout_ms(static_cast<std::uint32_t>(options_.direct_ms));
    const std::int64_t piece_begun_ms = clock_.steady_ms();
    auto part =
        read_task_page(store_, piece, limit - static_cast<std::uint32_t>(page.items.size()));
    const std::int64_t now_ms = clock_.steady_ms();
    if (!part) {
      if (part.error().code != base::Code::timeout || width <= kLeastPieceUs)
        return std::move(part).error();
      width = std::max(kLeastPieceUs, width / 16);
      if (now_ms - begun_ms < options_.search_ms + options_.direct_ms) continue;
      if (is_first) return std::move(part).error();
      page.searched_until = top;
      page.next = task_place_below(top);
      return page;
    }
    for (TaskView& task : part->items) {
      bytes += task.bytes;
      page.items.push_back(std::move(task));
    }
    if (part->next) {
      page.next = part->next;
      return page;
    }
    top = from;
    if (from == last) return page;
    if (page.items.size() >= limit || bytes > kPageBytes) {
      page.next = task_place_below(from);
      return page;
    }
    if (now_ms - begun_ms >= options_.search_ms) {
      page.searched_until = from;
      page.next = task_place_below(from);
      return page;
    }
    const std::int64_t took_ms = now_ms - piece_begun_ms;
    if (took_ms * 8 < options_.search_ms)
      width *= 4;
    else if (took_ms * 3 > options_.search_ms)
      width = std::max(kLeastPieceUs, width / 2);
  }
  return page;
}

base::Result<TaskView> Tasks::find(const base::Uuid& project, std::string_view engine,
                                   std::string_view task_id) {
  Query query(Table::tasks);
  query.where.eq(task_col::id, model::task_row_id(project, engine, task_id))
      .eq(task_col::project_id, project);
  auto row = store_.first(query.columns(kTaskViewColumns));
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("task");
  return task_view_of(**row);
}

base::Result<Query> Tasks::events_of(const base::Uuid& project, std::string_view engine,
                                     std::string_view task_id) {
  Query query(Table::events);
  query.where.eq(event_col::project_id, project)
      .eq(event_col::task_id, task_id)
      .eq(event_col::engine, engine);
  // A store that keeps events in days then looks at the task's days only, and those beside them: an
  // event of a kind that we don't know does not move the task's times.
  Query life(Table::tasks);
  life.where.eq(task_col::id, model::task_row_id(project, engine, task_id));
  auto task = store_.first(life.columns({task_col::created_at, task_col::updated_at}));
  if (!task) return std::move(task).error();
  if (task->has_value()) {
    query.where.ge(event_col::occurred_at, (*task)->num(task_col::created_at) - base::kDayUs)
        .le(event_col::occurred_at, (*task)->num(task_col::updated_at) + base::kDayUs);
  }
  query.order({event_col::occurred_at, event_col::id}, true);
  return query;
}

base::Result<std::vector<TaskSource>> Tasks::sources(const base::Uuid& project,
                                                     std::string_view engine,
                                                     std::string_view task_id) {
  auto query = events_of(project, engine, task_id);
  if (!query) return std::move(query).error();
  query->columns({event_col::kind, event_col::agent_id}).limit(kMostSourceEvents);
  std::vector<TaskSource> out;
  auto read = store_.each(*query, [&out](const Row& row) {
    const std::string_view facts = facts_of(row.text(event_col::kind));
    const TaskSource source{facts, row.uuid(event_col::agent_id)};
    if (!facts.empty() && std::find(out.begin(), out.end(), source) == out.end())
      out.push_back(source);
    return true;
  });
  if (!read) return std::move(read).error();
  return out;
}

base::Result<Page<TaskEventView>> Tasks::events(const base::Uuid& project, std::string_view engine,
                                                std::string_view task_id,
                                                const std::optional<Place>& after,
                                                std::uint32_t limit) {
  auto found = events_of(project, engine, task_id);
  if (!found) return std::move(found).error();
  Query query = std::move(found).value();
  query.columns({event_col::id, event_col::project_id, event_col::agent_id, event_col::engine,
                 event_col::task_id, event_col::kind, event_col::occurred_at, event_col::payload});
  if (after) query.after({Cell(after->at), Cell(after->id)});
  const auto make = [](const Row& row) {
    TaskEventView e;
    e.id = row.uuid(event_col::id);
    e.project_id = row.uuid(event_col::project_id);
    e.agent_id = row.uuid(event_col::agent_id);
    e.engine = row.text(event_col::engine);
    e.task_id = row.text(event_col::task_id);
    e.kind = row.text(event_col::kind);
    e.occurred_at = row.num(event_col::occurred_at);
    if (base::json::Value payload = row.json(event_col::payload); payload.is_object())
      e.payload = std::move(payload.get_object());
    e.bytes = row.text(event_col::payload).size();
    return e;
  };
  return read_page<TaskEventView>(
      store_, std::move(query), limit, make,
      [](const TaskEventView& e) {
        return Place{e.occurred_at, e.id};
      },
      [](const TaskEventView& e) { return e.bytes; });
}

base::Result<TaskTree> Tasks::tree(const base::Uuid& project, std::string_view engine,
                                   std::string_view task_id) {
  auto anchor = find(project, engine, task_id);
  if (!anchor) return std::move(anchor).error();
  TaskTree tree;
  tree.root_task_id = anchor->root_task_id.empty() ? anchor->task_id : anchor->root_task_id;

  Query root(Table::tasks);
  root.where.eq(task_col::id, model::task_row_id(project, engine, tree.root_task_id))
      .eq(task_col::project_id, project);
  auto root_row = store_.first(root.columns(kTaskNodeColumns));
  if (!root_row) return std::move(root_row).error();
  if (root_row->has_value()) tree.nodes.push_back(task_node_of(**root_row));

  Query others(Table::tasks);
  others.where.eq(task_col::project_id, project)
      .eq(task_col::root_task_id, tree.root_task_id)
      .eq(task_col::engine, engine)
      .ne(task_col::task_id, tree.root_task_id);
  auto rows = store_.read(others.columns(kTaskNodeColumns).limit(kTreeNodes + 1));
  if (!rows) return std::move(rows).error();
  for (const Row& row : *rows) {
    if (tree.nodes.size() < kTreeNodes)
      tree.nodes.push_back(task_node_of(row));
    else
      tree.truncated = true;
  }
  const auto when = [](const TaskNode& n) {
    return n.received_at.value_or(std::numeric_limits<base::TimeUs>::max());
  };
  std::stable_sort(tree.nodes.begin(), tree.nodes.end(),
                   [&](const TaskNode& a, const TaskNode& b) { return when(a) < when(b); });
  return tree;
}

}  // namespace z4j::core
