#include "core/snapshots_rows.hpp"

#include <algorithm>
#include <cstdlib>
#include <functional>

#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace worker_col = model::workers;
namespace queue_col = model::queues;
namespace json = base::json;

constexpr base::TimeUs kBeatEvery = 5 * base::kSecondUs, kMetadataEvery = 15 * base::kSecondUs;
constexpr base::TimeUs kQueueSeenEvery = 10 * base::kSecondUs;
constexpr base::TimeUs kMissedGrace = 10 * base::kSecondUs;  // a busy worker may miss one question
constexpr base::TimeUs kAgeJitter = 2 * base::kSecondUs;
constexpr std::uint32_t kRowsPerCommit = 500, kRowsRead = 5000;
constexpr std::size_t kBytesPerCommit = std::size_t{4} << 20;

std::size_t hash_of(const json::Value& facts) {
  return std::hash<std::string>{}(json::write(facts));
}

Cell number_or_null(const std::optional<std::int64_t>& n) { return n ? Cell(*n) : Cell(); }
Cell json_or_null(const json::Value& v) { return v.is_null() ? Cell() : Cell(v); }
json::Value number_value(const std::optional<std::int64_t>& n) {
  return n ? json::Value(*n) : json::Value(nullptr);
}

// Writes what has gathered in `merged` and `patched`, both of one table, once it is worth it.
class SnapshotWriter {
 public:
  SnapshotWriter(Store& store, Table table, const std::optional<Fence>& fence)
      : store_(store), fence_(fence), merged_(table), patched_(table) {}
  Rows& merged() { return merged_; }
  Rows& patched() { return patched_; }

  base::Status flush_when_full() {
    const bool is_full = merged_.size() + patched_.size() >= kRowsPerCommit ||
                         merged_.bytes() + patched_.bytes() >= kBytesPerCommit;
    return is_full ? flush() : base::Status();
  }
  base::Status flush() {
    if (merged_.size() + patched_.size() == 0) return {};
    const Table table = merged_.table();
    Commit commit;
    if (fence_) fence_->guard(commit);
    if (merged_.size() > 0) commit.merge(std::exchange(merged_, Rows(table)));
    if (patched_.size() > 0) commit.patch(std::exchange(patched_, Rows(table)));
    commit.relaxed();
    return store_.commit(commit);
  }

 private:
  Store& store_;
  const std::optional<Fence>& fence_;
  Rows merged_, patched_;
};

std::vector<Cell> id_cells(const std::vector<base::Uuid>& ids) {
  std::vector<Cell> cells;
  cells.reserve(ids.size());
  for (const base::Uuid& id : ids) cells.emplace_back(id);
  return cells;
}

// By row id: commits want rows in their order, each once; of two reports with one name the first
// counts.
template <class T, class F>
std::map<base::Uuid, const T*> by_row_id(const std::vector<T>& reports, F&& id_of) {
  std::map<base::Uuid, const T*> out;
  for (const T& report : reports) out.emplace(id_of(report.name), &report);
  return out;
}

base::Result<std::map<base::Uuid, base::TimeUs>> heartbeats(Store& store, const Query& query) {
  std::map<base::Uuid, base::TimeUs> out;
  auto done = store.each(query, [&out](const Row& row) {
    out.emplace(row.uuid(worker_col::id), row.num(worker_col::last_heartbeat));
    return true;
  });
  if (!done) return std::move(done).error();
  return out;
}

bool says_alive(const WorkerReport& w, base::TimeUs now) {
  return (w.state == "online" || w.state == "draining") &&
         w.last_heartbeat.value_or(now) >= now - kWorkerSilence;
}

}  // namespace

base::Result<SnapshotRows::Heartbeats> SnapshotRows::living_workers() {
  Query query(Table::workers);
  query.where.eq(worker_col::project_id, owner_.project_id)
      .eq(worker_col::engine, owner_.engine)
      .eq(worker_col::agent_id, owner_.agent_id)
      .ne(worker_col::state, "offline");
  query.columns({worker_col::id, worker_col::last_heartbeat}).limit(kRowsRead);
  return heartbeats(store_, query);
}

base::Result<SnapshotRows::Heartbeats> SnapshotRows::dead_workers(
    const std::vector<base::Uuid>& ids) {
  if (ids.empty()) return Heartbeats{};
  Query query(Table::workers);
  query.where.in(worker_col::id, id_cells(ids)).eq(worker_col::state, "offline");
  query.columns({worker_col::id, worker_col::last_heartbeat});
  return heartbeats(store_, query);
}

Commit SnapshotRows::fenced() const {
  Commit commit;
  if (owner_.fence) owner_.fence->guard(commit);
  return commit;
}

base::Status SnapshotRows::lose_workers(const std::vector<base::Uuid>& gone,
                                        base::TimeUs silent_since) {
  Where where;
  where.in(worker_col::id, id_cells(gone))
      .any([silent_since](Where& w) {  // an event may have come meanwhile
        w.lt(worker_col::last_heartbeat, silent_since).is_null(worker_col::last_heartbeat);
      });
  Commit commit = fenced();
  commit.update(Table::workers, std::move(where),
                {{worker_col::state, "offline"},
                 {worker_col::active_tasks, 0},
                 {worker_col::updated_at, clock_.now()}});
  commit.relaxed();
  return store_.commit(commit);
}

void SnapshotRows::plan(const WorkersById& reported, base::TimeUs asked_at,
                        const Heartbeats& living, const Heartbeats& dead, WorkerWrites& writes) {
  const base::TimeUs now = clock_.now();
  is_changed_ = false;
  next_worker_marks_.clear();  // only of what is reported: names that come and go don't pile up
  for (const auto& [id, report] : reported) {
    const WorkerReport& w = *report;
    // The answer may be older than the news that it went.
    if (const auto died = dead.find(id); died != dead.end() && died->second >= asked_at) continue;
    const bool lives = says_alive(w, now);
    WorkerWrite write{&w, this, {}, {}, false};
    write.heartbeat = w.last_heartbeat ? w.last_heartbeat
                      : lives          ? std::optional(asked_at)
                                       : std::nullopt;
    write.state = !lives && w.state != "unknown" ? "offline" : w.state;
    WorkerMark mark;
    if (const auto known = worker_marks_.find(id); known != worker_marks_.end())
      mark = known->second;
    const std::size_t facts = hash_of({w.hostname, number_value(w.pid), number_value(w.concurrency),
                                       w.queues, write.state, w.active_tasks});
    const std::size_t metadata = hash_of(w.metadata);
    const bool is_new = mark.written_at == 0 || (lives && living.count(id) == 0);
    const bool has_news = is_new || facts != mark.facts;
    if (has_news || (metadata != mark.metadata && now - mark.metadata_at >= kMetadataEvery)) {
      is_changed_ = is_changed_ || has_news;
      mark = WorkerMark{facts, metadata, write.heartbeat.value_or(0), now, now};
      write.is_whole = true;
      writes.insert_or_assign(id, std::move(write));
    } else if (write.heartbeat && *write.heartbeat > mark.heartbeat &&
               now - mark.written_at >= kBeatEvery) {
      mark.heartbeat = *write.heartbeat;
      mark.written_at = now;
      writes.emplace(id, std::move(write));
    }
    next_worker_marks_.emplace(id, mark);
  }
}

base::Status SnapshotRows::write(Store& store, const std::optional<Fence>& fence, base::TimeUs now,
                                 const WorkerWrites& writes) {
  SnapshotWriter writer(store, Table::workers, fence);
  for (const auto& [id, write] : writes) {
    const WorkerReport& w = *write.report;
    const Owner& owner = write.rows->owner_;
    if (write.is_whole) {
      writer.merged()
          .begin()
          .uuid(worker_col::id, id)
          .uuid(worker_col::project_id, owner.project_id)
          .text(worker_col::engine, owner.engine)
          .text(worker_col::name, w.name)
          .uuid(worker_col::agent_id, owner.agent_id)
          .text_or_null(worker_col::hostname, w.hostname)
          .cell(worker_col::pid, number_or_null(w.pid))
          .cell(worker_col::concurrency, number_or_null(w.concurrency))
          .text(worker_col::queues, json::write(w.queues))
          .text(worker_col::state, write.state)
          .cell(worker_col::last_heartbeat, number_or_null(write.heartbeat))
          .cell(worker_col::load_average, json_or_null(w.load_average))
          .cell(worker_col::memory_bytes, number_or_null(w.memory_bytes))
          .num(worker_col::active_tasks, w.active_tasks)
          .cell(worker_col::metadata, json_or_null(w.metadata))
          .num(worker_col::sort_at, write.heartbeat.value_or(now))
          .num(worker_col::created_at, now)
          .num(worker_col::updated_at, now);
    } else {
      writer.patched()
          .begin()
          .uuid(worker_col::id, id)
          .num(worker_col::last_heartbeat, write.heartbeat.value_or(now))
          .cell(worker_col::load_average, json_or_null(w.load_average))
          .cell(worker_col::memory_bytes, number_or_null(w.memory_bytes))
          .num(worker_col::sort_at, write.heartbeat.value_or(now))
          .num(worker_col::updated_at, now);
    }
    if (auto written = writer.flush_when_full(); !written) return written;
  }
  return writer.flush();
}

SnapshotRows::WorkersById SnapshotRows::by_worker(const std::vector<WorkerReport>& reports) const {
  return by_row_id(reports, [this](std::string_view name) {
    return model::worker_row_id(owner_.project_id, owner_.engine, name);
  });
}

base::Result<bool> SnapshotRows::workers(const std::vector<WorkerReport>& reports, bool is_whole,
                                         base::TimeUs asked_at) {
  const auto reported = by_worker(reports);
  auto living = living_workers();
  if (!living) return std::move(living).error();
  const base::TimeUs now = clock_.now();
  std::vector<base::Uuid> risen;
  for (const auto& [id, report] : reported) {
    if (says_alive(*report, now) && living->count(id) == 0) risen.push_back(id);
  }
  auto dead = dead_workers(risen);
  if (!dead) return std::move(dead).error();
  WorkerWrites writes;
  plan(reported, asked_at, *living, *dead, writes);
  if (auto done = write(store_, owner_.fence, now, writes); !done) return std::move(done).error();
  worker_marks_.swap(next_worker_marks_);
  if (!is_whole) return is_changed_;
  std::vector<base::Uuid> gone;
  const base::TimeUs silent_since = asked_at - kMissedGrace;
  for (const auto& [id, heartbeat] : *living) {
    if (reported.count(id) == 0 && heartbeat < silent_since) gone.push_back(id);
  }
  if (gone.empty()) return is_changed_;
  if (auto done = lose_workers(gone, silent_since); !done) return std::move(done).error();
  return true;
}

base::Status SnapshotRows::workers_of_many(Store& store, std::vector<WorkersOf>& all) {
  if (all.empty()) return {};
  std::vector<base::Uuid> ids;
  std::vector<WorkersById> reported;
  for (const WorkersOf& one : all) {
    reported.push_back(one.rows->by_worker(*one.reports));
    for (const auto& [id, report] : reported.back()) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  Heartbeats living, dead;
  for (std::size_t from = 0; from < ids.size(); from += kRowsPerCommit) {
    const auto first = ids.begin() + static_cast<std::ptrdiff_t>(from);
    const auto count = std::min<std::size_t>(kRowsPerCommit, ids.size() - from);
    Query query(Table::workers);
    query.where.in(worker_col::id, id_cells({first, first + static_cast<std::ptrdiff_t>(count)}));
    query.columns({worker_col::id, worker_col::state, worker_col::last_heartbeat});
    auto read = store.each(query, [&](const Row& row) {
      (row.text(worker_col::state) == "offline" ? dead : living)
          .emplace(row.uuid(worker_col::id), row.num(worker_col::last_heartbeat));
      return true;
    });
    if (!read) return read;
  }
  WorkerWrites writes;
  for (std::size_t i = 0; i < all.size(); ++i) {
    WorkersOf& one = all[i];
    one.rows->plan(reported[i], one.asked_at, living, dead, writes);
    one.is_changed = one.rows->is_changed_;
  }
  if (auto done = write(store, std::nullopt, all.front().rows->clock_.now(), writes); !done)
    return done;
  for (WorkersOf& one : all) one.rows->worker_marks_.swap(one.rows->next_worker_marks_);
  return {};
}

base::Result<std::vector<base::Uuid>> SnapshotRows::filled_queues() {
  Query query(Table::queues);
  query.where.eq(queue_col::project_id, owner_.project_id)
      .eq(queue_col::engine, owner_.engine)
      .eq(queue_col::agent_id, owner_.agent_id)
      .any([](Where& w) {
        w.gt(queue_col::pending_count, 0)
            .gt(queue_col::unacked_count, 0)
            .gt(queue_col::scheduled_count, 0)
            .gt(queue_col::consumer_count, 0)
            .not_null(queue_col::oldest_at);
      });
  query.columns({queue_col::id}).limit(kRowsRead);
  std::vector<base::Uuid> out;
  auto done = store_.each(query, [&out](const Row& row) {
    out.push_back(row.uuid(queue_col::id));
    return true;
  });
  if (!done) return std::move(done).error();
  return out;
}

base::Status SnapshotRows::empty_queues(const std::vector<base::Uuid>& gone) {
  Where where;
  where.in(queue_col::id, id_cells(gone));
  Commit commit = fenced();
  commit.update(Table::queues, std::move(where),
                {{queue_col::pending_count, 0},
                 {queue_col::unacked_count, 0},
                 {queue_col::scheduled_count, 0},
                 {queue_col::consumer_count, 0},
                 {queue_col::oldest_at, nullptr},
                 {queue_col::updated_at, clock_.now()}});
  commit.relaxed();
  return store_.commit(commit);
}

void SnapshotRows::plan(const QueuesById& reported, QueueWrites& writes) {
  const base::TimeUs now = clock_.now();
  is_changed_ = false;
  next_queue_marks_.clear();
  for (const auto& [id, report] : reported) {
    const QueueReport& q = *report;
    QueueMark mark;
    if (const auto known = queue_marks_.find(id); known != queue_marks_.end()) mark = known->second;
    const std::size_t facts =
        hash_of({number_value(q.pending), number_value(q.unacked), number_value(q.scheduled),
                 number_value(q.consumers), q.oldest_at.has_value(),
                 q.paused ? json::Value(*q.paused) : json::Value(nullptr), q.broker_type,
                 q.broker_url_hint});
    const base::TimeUs oldest_at = q.oldest_at.value_or(0);
    if (mark.written_at == 0 || facts != mark.facts ||
        std::abs(oldest_at - mark.oldest_at) > kAgeJitter) {
      is_changed_ = true;
      mark = QueueMark{facts, oldest_at, now};
      writes.insert_or_assign(id, QueueWrite{&q, this, true});
    } else if (now - mark.written_at >= kQueueSeenEvery) {
      mark.written_at = now;
      writes.emplace(id, QueueWrite{&q, this, false});
    }
    next_queue_marks_.emplace(id, mark);
  }
}

base::Status SnapshotRows::write(Store& store, const std::optional<Fence>& fence, base::TimeUs now,
                                 const QueueWrites& writes) {
  SnapshotWriter writer(store, Table::queues, fence);
  for (const auto& [id, write] : writes) {
    const QueueReport& q = *write.report;
    const Owner& owner = write.rows->owner_;
    if (write.is_whole) {
      writer.merged()
          .begin()
          .uuid(queue_col::id, id)
          .uuid(queue_col::project_id, owner.project_id)
          .text(queue_col::engine, owner.engine)
          .text(queue_col::name, q.name)
          .uuid(queue_col::agent_id, owner.agent_id)
          .text_or_null(queue_col::broker_type, q.broker_type)
          .text_or_null(queue_col::broker_url_hint, q.broker_url_hint)
          .num(queue_col::last_seen_at, now)
          .cell(queue_col::pending_count, number_or_null(q.pending))
          .cell(queue_col::unacked_count, number_or_null(q.unacked))
          .cell(queue_col::scheduled_count, number_or_null(q.scheduled))
          .cell(queue_col::consumer_count, number_or_null(q.consumers))
          .cell(queue_col::oldest_at, number_or_null(q.oldest_at))
          .cell(queue_col::paused, q.paused ? Cell(*q.paused) : Cell())
          .num(queue_col::created_at, now)
          .num(queue_col::updated_at, now);
    } else {
      writer.patched()
          .begin()
          .uuid(queue_col::id, id)
          .num(queue_col::last_seen_at, now)
          .num(queue_col::updated_at, now);
    }
    if (auto written = writer.flush_when_full(); !written) return written;
  }
  return writer.flush();
}

SnapshotRows::QueuesById SnapshotRows::by_queue(const std::vector<QueueReport>& reports) const {
  return by_row_id(reports, [this](std::string_view name) {
    return model::queue_row_id(owner_.project_id, owner_.engine, name);
  });
}

base::Result<bool> SnapshotRows::queues(const std::vector<QueueReport>& reports, bool is_whole) {
  const auto reported = by_queue(reports);
  QueueWrites writes;
  plan(reported, writes);
  if (auto done = write(store_, owner_.fence, clock_.now(), writes); !done)
    return std::move(done).error();
  queue_marks_.swap(next_queue_marks_);
  if (!is_whole) return is_changed_;
  auto filled = filled_queues();
  if (!filled) return std::move(filled).error();
  std::vector<base::Uuid> gone;
  for (const base::Uuid& id : *filled) {
    if (reported.count(id) == 0) gone.push_back(id);
  }
  if (gone.empty()) return is_changed_;
  if (auto done = empty_queues(gone); !done) return std::move(done).error();
  return true;
}

base::Status SnapshotRows::queues_of_many(Store& store, std::vector<QueuesOf>& all) {
  if (all.empty()) return {};
  QueueWrites writes;
  for (QueuesOf& one : all) {
    one.rows->plan(one.rows->by_queue(*one.reports), writes);
    one.is_changed = one.rows->is_changed_;
  }
  if (auto done = write(store, std::nullopt, all.front().rows->clock_.now(), writes); !done)
    return done;
  for (QueuesOf& one : all) one.rows->queue_marks_.swap(one.rows->next_queue_marks_);
  return {};
}

base::Result<std::size_t> sweep_silent_workers(Store& store, base::TimeUs now,
                                               const std::optional<Fence>& fence) {
  // Looked for first: a write for nothing would hold up others.
  const auto silent = [now](Where& where) {
    where.in(worker_col::state, {Cell("online"), Cell("draining")})
        .lt(worker_col::sort_at, now - kWorkerSilence);
  };
  Query query(Table::workers);
  silent(query.where);
  query.columns({worker_col::id}).limit(1);
  auto any = store.first(query);
  if (!any) return std::move(any).error();
  if (!any->has_value()) return std::size_t{0};
  Where where;
  silent(where);
  Commit commit;
  if (fence) fence->guard(commit);
  commit.update(Table::workers, std::move(where),
                {{worker_col::state, "offline"},
                 {worker_col::active_tasks, 0},
                 {worker_col::updated_at, now}});
  commit.relaxed();
  if (auto done = store.commit(commit); !done) return std::move(done).error();
  return static_cast<std::size_t>(commit.affected(commit.steps() - 1));
}

}  // namespace z4j::core
