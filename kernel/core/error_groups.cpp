#include "core/error_groups.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "core/fingerprint.hpp"
#include "core/refusal.hpp"
#include "core/rollups.hpp"

namespace z4j::core {
namespace {

namespace error_group_col = model::error_groups;
namespace error_hour_col = model::error_hours;

constexpr std::uint32_t kErrorsTimeoutMs = 3000, kMostPairs = 4000;
constexpr std::size_t kShownNames = 5, kShownQueues = 5, kDetailNames = 50;
constexpr std::uint64_t kMostOpenFailures = 10'000;

ErrorWindow window_of(base::TimeUs now, std::int64_t hours, std::int64_t buckets) {
  ErrorWindow window;
  window.until = now;
  if (buckets > 0)
    window.bucket_s = std::max<std::int64_t>(1, (hours + buckets - 1) / buckets) * kHourSpanS;
  window.since = start_of_span(now - hours * kHourSpanS * base::kSecondUs, window.bucket_s);
  return window;
}

Where hours_of(const base::Uuid& project, base::TimeUs since) {
  Where where;
  where.eq(error_hour_col::project_id, project).ge(error_hour_col::hour, since);
  return where;
}

// A fingerprint is as long as an id, so a place in the list can hold it.
Place error_place(std::int64_t value, std::string_view fingerprint) {
  return Place{value, base::Uuid::from_bytes(fingerprint)};
}

// The texts of a map, the most counted first.
std::vector<CountedText> most_first(const std::map<std::string, std::int64_t>& counts) {
  std::vector<CountedText> out;
  for (const auto& [value, count] : counts) out.push_back({value, count});
  std::stable_sort(out.begin(), out.end(),
                   [](const CountedText& a, const CountedText& b) { return a.count > b.count; });
  return out;
}

}  // namespace

Errors::Errors(Store& store, const base::Clock& clock, std::int64_t keep_ms)
    : store_(store), clock_(clock), kept_(clock, keep_ms) {}

base::Result<std::shared_ptr<const Errors::Listed>> Errors::compute(const Key& key) {
  const ErrorQuery& asked = key.asked;
  Query counting(Table::error_hours);
  counting.where = hours_of(key.project, key.since);
  if (!asked.name.empty()) counting.where.eq(error_hour_col::task_name, asked.name);
  if (!asked.queue.empty()) counting.where.eq(error_hour_col::queue, asked.queue);
  counting.group(error_hour_col::fingerprint)
      .fold(Z4J_AGG_SUM, error_hour_col::count)
      .order({1, 0}, true)
      .limit(kMostErrorGroups + 1)
      .timeout_ms(kErrorsTimeoutMs);
  std::map<std::string, std::int64_t, std::less<>> counts;
  auto counted = store_.each(counting, [&counts](const Row& row) {
    counts.emplace(row.text(0), row.num(1));
    return true;
  });
  if (!counted) return std::move(counted).error();

  Query groups(Table::error_groups);
  groups.where.eq(error_group_col::project_id, key.project)
      .ge(error_group_col::last_seen_at, key.since);
  if (!asked.exception.empty()) groups.where.eq(error_group_col::exception, asked.exception);
  if (!asked.search.empty()) {
    groups.where.any([&asked](Where& any) {
      any.contains(error_group_col::exception, asked.search)
          .contains(error_group_col::message, asked.search);
    });
  }
  groups.group(error_group_col::fingerprint)
      .fold(Z4J_AGG_MIN, error_group_col::first_seen_at)
      .fold(Z4J_AGG_MAX, error_group_col::last_seen_at)
      .order({2, 0}, true)
      .limit(kMostErrorGroups + 1)
      .timeout_ms(kErrorsTimeoutMs);
  auto listed = std::make_shared<Listed>();
  std::size_t rows = 0;
  auto read = store_.each(groups, [&](const Row& row) {
    ++rows;
    const std::string_view fingerprint = row.text(0);
    const auto count = counts.find(fingerprint);
    if (count == counts.end() || fingerprint.size() != kFingerprintBytes) return true;
    const std::int64_t value = asked.order == ErrorOrder::count        ? count->second
                               : asked.order == ErrorOrder::first_seen ? row.num(1)
                                                                       : row.num(2);
    listed->groups.push_back({std::string(fingerprint), value, count->second});
    return true;
  });
  if (!read) return std::move(read).error();
  listed->truncated = counts.size() > kMostErrorGroups || rows > kMostErrorGroups;
  std::sort(listed->groups.begin(), listed->groups.end(), [](const Found& a, const Found& b) {
    return std::tie(a.value, a.fingerprint) > std::tie(b.value, b.fingerprint);
  });
  return std::shared_ptr<const Listed>(std::move(listed));
}

base::Result<ErrorGroups> Errors::list(const base::Uuid& project, const ErrorQuery& asked,
                                       std::int64_t buckets, const std::optional<Place>& after,
                                       std::uint32_t limit) {
  ErrorGroups out;
  out.window = window_of(clock_.now(), asked.hours, buckets);
  const Key key{project, asked, out.window.since};
  auto listed = kept_.get(key, [&] { return compute(key); });
  if (!listed) return std::move(listed).error();
  const std::vector<Found>& all = (*listed)->groups;
  out.total = all.size();
  out.truncated = (*listed)->truncated;
  Place last;
  for (const Found& found : all) {
    const Place place = error_place(found.value, found.fingerprint);
    if (after && std::tie(place.at, place.id) >= std::tie(after->at, after->id)) continue;
    if (out.items.size() == limit) {
      out.next = last;
      break;
    }
    ErrorGroup& group = out.items.emplace_back();
    group.fingerprint = found.fingerprint;
    group.count = found.count;
    last = place;
  }
  if (out.items.empty()) return out;
  if (auto done = describe(project, out.window, out.items); !done) return std::move(done).error();
  Where which = hours_of(project, out.window.since);
  std::vector<Cell> prints;
  for (const ErrorGroup& group : out.items) prints.emplace_back(group.fingerprint);
  which.in(error_hour_col::fingerprint, std::move(prints));
  if (!asked.name.empty()) which.eq(error_hour_col::task_name, asked.name);
  if (!asked.queue.empty()) which.eq(error_hour_col::queue, asked.queue);
  if (buckets > 0) {
    if (auto done = count_over_time(which, out.window, out.items); !done)
      return std::move(done).error();
  }
  Query pairs(Table::error_hours);
  pairs.where = which;
  pairs.group(error_hour_col::fingerprint)
      .group(error_hour_col::task_name)
      .group(error_hour_col::queue)
      .fold(Z4J_AGG_SUM, error_hour_col::count)
      .order({3, 0, 1, 2}, true)
      .limit(kMostPairs)
      .timeout_ms(kErrorsTimeoutMs);
  auto read = store_.each(pairs, [&out](const Row& row) {
    const auto group =
        std::find_if(out.items.begin(), out.items.end(),
                     [&row](const ErrorGroup& one) { return one.fingerprint == row.text(0); });
    if (group == out.items.end()) return true;
    const auto has = [](const std::vector<std::string>& list, std::string_view text) {
      return std::find(list.begin(), list.end(), text) != list.end();
    };
    const std::string_view name = row.text(1), queue = row.text(2);
    if (!has(group->task_names, name)) {
      if (group->task_names.size() < kShownNames)
        group->task_names.emplace_back(name);
      else
        group->task_names_more = true;
    }
    if (!queue.empty() && group->queues.size() < kShownQueues && !has(group->queues, queue))
      group->queues.emplace_back(queue);
    return true;
  });
  if (!read) return std::move(read).error();
  return out;
}

base::Status Errors::describe(const base::Uuid& project, const ErrorWindow& window,
                              std::vector<ErrorGroup>& groups, std::string* traceback) {
  std::vector<Cell> prints;
  for (const ErrorGroup& group : groups) prints.emplace_back(group.fingerprint);
  Query query(Table::error_groups);
  query.where.eq(error_group_col::project_id, project)
      .in(error_group_col::fingerprint, std::move(prints));
  if (traceback != nullptr) {
    query.all();
  } else {
    query.columns({error_group_col::fingerprint, error_group_col::first_seen_at,
                   error_group_col::last_seen_at, error_group_col::exception,
                   error_group_col::message, error_group_col::engine, error_group_col::task_id});
  }
  query.timeout_ms(kErrorsTimeoutMs);
  std::map<std::string, ErrorGroup*, std::less<>> by_print;
  for (ErrorGroup& group : groups) by_print.emplace(group.fingerprint, &group);
  std::map<std::string, bool, std::less<>> seen;
  auto read = store_.each(query, [&](const Row& row) {
    const auto found = by_print.find(row.text(error_group_col::fingerprint));
    if (found == by_print.end()) return true;
    ErrorGroup& group = *found->second;
    const bool is_first = seen.emplace(group.fingerprint, true).second;
    const base::TimeUs first = row.num(error_group_col::first_seen_at);
    const base::TimeUs last = row.num(error_group_col::last_seen_at);
    group.first_seen_at = is_first ? first : std::min(group.first_seen_at, first);
    if (!is_first && last < group.last_seen_at) return true;
    group.last_seen_at = last;
    group.exception = row.text(error_group_col::exception);
    group.message = row.text(error_group_col::message);
    group.engine = row.text(error_group_col::engine);
    group.task_id = row.text(error_group_col::task_id);
    if (traceback != nullptr) *traceback = row.text(error_group_col::traceback);
    return true;
  });
  for (ErrorGroup& group : groups) group.is_new = group.first_seen_at >= window.since;
  return read;
}

base::Status Errors::count_over_time(const Where& which, const ErrorWindow& window,
                                     std::vector<ErrorGroup>& groups) {
  const base::TimeUs bucket = window.bucket_s * base::kSecondUs;
  const auto places = static_cast<std::size_t>((window.until - window.since) / bucket + 1);
  std::map<std::string, ErrorGroup*, std::less<>> by_print;
  for (ErrorGroup& group : groups) {
    group.series.assign(places, 0);
    by_print.emplace(group.fingerprint, &group);
  }
  Query query(Table::error_hours);
  query.where = which;
  query.group(error_hour_col::fingerprint)
      .group(error_hour_col::hour, bucket)
      .fold(Z4J_AGG_SUM, error_hour_col::count)
      .timeout_ms(kErrorsTimeoutMs);
  return store_.each(query, [&](const Row& row) {
    const auto found = by_print.find(row.text(0));
    const base::TimeUs place = (row.num(1) - window.since) / bucket;
    // A report's clock may be ahead.
    if (found != by_print.end() && place >= 0)
      found->second->series[std::min(static_cast<std::size_t>(place), places - 1)] += row.num(2);
    return true;
  });
}

base::Result<ErrorGroupDetail> Errors::find(const base::Uuid& project, std::string_view fingerprint,
                                            std::int64_t hours, std::int64_t buckets) {
  if (!is_fingerprint(fingerprint)) return refuse::not_found("error group");
  ErrorGroupDetail out;
  out.window = window_of(clock_.now(), hours, buckets);
  std::vector<ErrorGroup> one(1);
  one.front().fingerprint = fingerprint;
  if (auto done = describe(project, out.window, one, &out.traceback); !done)
    return std::move(done).error();
  if (one.front().last_seen_at == 0) return refuse::not_found("error group");
  Where which = hours_of(project, out.window.since);
  which.eq(error_hour_col::fingerprint, fingerprint);
  if (buckets > 0) {
    if (auto done = count_over_time(which, out.window, one); !done) return std::move(done).error();
  }
  Query pairs(Table::error_hours);
  pairs.where = which;
  pairs.group(error_hour_col::task_name)
      .group(error_hour_col::queue)
      .fold(Z4J_AGG_SUM, error_hour_col::count)
      .order({2, 0, 1}, true)
      .limit(kMostPairs)
      .timeout_ms(kErrorsTimeoutMs);
  std::map<std::string, std::int64_t> names, queues;
  ErrorGroup& group = one.front();
  auto read = store_.each(pairs, [&](const Row& row) {
    names[std::string(row.text(0))] += row.num(2);
    queues[std::string(row.text(1))] += row.num(2);
    group.count += row.num(2);
    return true;
  });
  if (!read) return std::move(read).error();
  out.by_name = most_first(names);
  out.by_queue = most_first(queues);
  for (const CountedText& name : out.by_name) {
    if (group.task_names.size() < kShownNames) group.task_names.push_back(name.value);
  }
  group.task_names_more = out.by_name.size() > kShownNames;
  for (const CountedText& queue : out.by_queue) {
    if (!queue.value.empty() && group.queues.size() < kShownQueues)
      group.queues.push_back(queue.value);
  }
  out.by_name.resize(std::min(out.by_name.size(), kDetailNames));
  out.by_queue.resize(std::min(out.by_queue.size(), kDetailNames));

  namespace task_col = model::tasks;
  Where open;
  open.eq(task_col::project_id, project)
      .eq(task_col::fingerprint, fingerprint)
      .eq(task_col::state, "failure");
  auto failures = store_.count(Table::tasks, open, kMostOpenFailures + 1);
  if (!failures) return std::move(failures).error();
  out.open_failures = std::min(*failures, kMostOpenFailures);
  out.open_failures_capped = *failures > kMostOpenFailures;
  out.group = std::move(group);
  return out;
}

}  // namespace z4j::core
