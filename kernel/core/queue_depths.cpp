#include "core/queue_depths.hpp"

#include <algorithm>
#include <utility>

#include "core/rollups.hpp"

namespace z4j::core {
namespace {

namespace depth_queue_col = model::queues;
namespace depth_col = model::queue_minutes;

constexpr base::TimeUs kDepthMinute = kMinuteSpanS * base::kSecondUs;
constexpr base::TimeUs kToldLately = 3 * kDepthMinute, kHoldsUs = 10 * kDepthMinute;
constexpr std::uint32_t kQueuesAtOnce = 2000, kDepthsTimeoutMs = 3000;

}  // namespace

base::Result<std::size_t> DepthSampler::sample(base::TimeUs now,
                                               const std::optional<Fence>& fence) {
  const base::TimeUs minute = start_of_span(now, kMinuteSpanS);
  const bool is_whole = minute % kHoldsUs == 0;
  std::map<base::Uuid, Depth> seen;
  std::size_t written = 0;
  std::optional<base::Uuid> after;
  for (bool is_more = true; is_more && seen.size() < kMostQueues;) {
    Query query(Table::queues);
    query.where.not_null(depth_queue_col::pending_count);
    query.columns({depth_queue_col::id, depth_queue_col::project_id, depth_queue_col::last_seen_at,
                   depth_queue_col::pending_count, depth_queue_col::unacked_count,
                   depth_queue_col::oldest_at});
    query.order({depth_queue_col::id}).limit(kQueuesAtOnce);
    if (after) query.after({Cell(*after)});
    Rows rows(Table::queue_minutes);
    std::size_t read = 0, added = 0;
    auto done = store_.each(query, [&](const Row& row) {
      ++read;
      const base::Uuid id = row.uuid(depth_queue_col::id);
      after = id;
      if (row.num(depth_queue_col::last_seen_at) < now - kToldLately) return true;
      Depth depth;
      depth.pending = row.num(depth_queue_col::pending_count);
      depth.unacked = row.num_or_none(depth_queue_col::unacked_count);
      if (const auto oldest = row.num_or_none(depth_queue_col::oldest_at))
        depth.oldest_s = std::max<std::int64_t>(0, (now - *oldest) / base::kSecondUs);
      const auto known = last_.find(id);
      const bool is_news = known == last_.end() || known->second != depth;
      seen.insert_or_assign(id, depth);
      if (!is_news && !is_whole) return true;
      rows.begin()
          .uuid(depth_col::project_id, row.uuid(depth_queue_col::project_id))
          .uuid(depth_col::queue_id, id)
          .num(depth_col::minute, minute)
          .num(depth_col::pending, depth.pending);
      if (depth.unacked) rows.num(depth_col::unacked, *depth.unacked);
      if (depth.oldest_s) rows.num(depth_col::oldest_s, *depth.oldest_s);
      ++added;
      return true;
    });
    if (!done) return std::move(done).error();
    is_more = read == kQueuesAtOnce;
    if (added == 0) continue;
    Commit commit;
    if (fence) fence->guard(commit);
    commit.merge(std::move(rows)).relaxed();
    if (auto stored = store_.commit(commit); !stored) return std::move(stored).error();
    written += added;
  }
  last_.swap(seen);
  return written;
}

base::Result<QueueDepthsFound> queue_depths(Store& store, const base::Uuid& project,
                                            const QueueDepthsAsked& asked, base::TimeUs now) {
  QueueDepthsFound out;
  const std::int64_t window_s = asked.hours * kHourSpanS;
  out.bucket_s = ((window_s + asked.buckets - 1) / asked.buckets + kMinuteSpanS - 1) /
                 kMinuteSpanS * kMinuteSpanS;
  const base::TimeUs bucket = out.bucket_s * base::kSecondUs;
  out.since = start_of_span(now - window_s * base::kSecondUs, out.bucket_s);
  out.until = now;
  const auto buckets = static_cast<std::size_t>((now - out.since) / bucket) + 1;

  Query named(Table::queues);
  named.where.eq(depth_queue_col::project_id, project);
  if (!asked.engine.empty()) named.where.eq(depth_queue_col::engine, asked.engine);
  if (!asked.queue.empty()) named.where.eq(depth_queue_col::name, asked.queue);
  named.columns({depth_queue_col::id, depth_queue_col::engine, depth_queue_col::name})
      .order({depth_queue_col::name, depth_queue_col::id})
      .limit(QueueDepthsFound::kMostQueues + 1)
      .timeout_ms(kDepthsTimeoutMs);
  std::map<base::Uuid, std::size_t> places;
  std::vector<Cell> ids;
  auto read = store.each(named, [&](const Row& row) {
    out.is_truncated = out.queues.size() == QueueDepthsFound::kMostQueues;
    if (out.is_truncated) return false;
    const base::Uuid id = row.uuid(depth_queue_col::id);
    places.emplace(id, out.queues.size());
    ids.emplace_back(id);
    QueueDepths& one = out.queues.emplace_back();
    one.engine = row.text(depth_queue_col::engine);
    one.name = row.text(depth_queue_col::name);
    one.pending.resize(buckets);
    one.oldest_s.resize(buckets);
    return true;
  });
  if (!read) return std::move(read).error();
  if (ids.empty()) return out;

  // What a sample before the window still holds for is read too.
  const base::TimeUs first = start_of_span(out.since - kHoldsUs, out.bucket_s);
  std::vector<std::optional<std::pair<std::int64_t, std::optional<std::int64_t>>>> before(
      out.queues.size());
  std::vector<base::TimeUs> before_at(out.queues.size(), 0);
  Query samples(Table::queue_minutes);
  samples.where.eq(depth_col::project_id, project)
      .in(depth_col::queue_id, std::move(ids))
      .ge(depth_col::minute, first);
  samples.group(depth_col::queue_id)
      .group(depth_col::minute, bucket)
      .fold(Z4J_AGG_MAX, depth_col::pending)
      .fold(Z4J_AGG_MAX, depth_col::oldest_s)
      .timeout_ms(kDepthsTimeoutMs);
  read = store.each(samples, [&](const Row& row) {
    const auto place = places.find(row.uuid(0));
    if (place == places.end()) return true;
    QueueDepths& one = out.queues[place->second];
    const base::TimeUs at = row.num(1);
    const std::int64_t pending = row.num(2);
    const std::optional<std::int64_t> oldest_s = row.num_or_none(3);
    if (at < out.since) {
      if (at >= before_at[place->second]) {
        before_at[place->second] = at;
        before[place->second] = std::pair(pending, oldest_s);
      }
      return true;
    }
    const auto i = static_cast<std::size_t>((at - out.since) / bucket);
    if (i >= buckets) return true;
    one.pending[i] = pending;
    one.oldest_s[i] = oldest_s;
    return true;
  });
  if (!read) return std::move(read).error();

  const auto holds = static_cast<std::size_t>(std::max<base::TimeUs>(1, kHoldsUs / bucket));
  for (std::size_t q = 0; q < out.queues.size(); ++q) {
    QueueDepths& one = out.queues[q];
    auto last = before[q];
    std::size_t held = last ? static_cast<std::size_t>((out.since - before_at[q]) / bucket) : 0;
    for (std::size_t i = 0; i < buckets; ++i, ++held) {
      if (one.pending[i]) {
        last = std::pair(*one.pending[i], one.oldest_s[i]);
        held = 0;
      } else if (last && held <= holds) {
        one.pending[i] = last->first;
        one.oldest_s[i] = last->second;
      }
    }
  }
  return out;
}

}  // namespace z4j::core
