#include "core/fold_fleet.hpp"

#include <algorithm>
#include <iterator>

#include "core/text.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace w = model::workers;
namespace q = model::queues;
namespace g = model::gaps;

constexpr std::size_t kWhyCharacters = 500;

// The columns that a worker's own words fill, one bit each.
enum : unsigned {
  kState = 1,
  kHostname = 2,
  kPid = 4,
  kConcurrency = 8,
  kQueues = 16,
  kLoad = 32,
  kActive = 64,
  kMemory = 128,
  kMetadata = 256
};

unsigned columns_of(const WorkerFacts* f, bool is_fresh) {
  if (!is_fresh) return 0;
  unsigned columns = kState;
  if (f == nullptr) return columns;
  if (!f->hostname.empty()) columns |= kHostname;
  if (f->pid) columns |= kPid;
  if (f->concurrency) columns |= kConcurrency;
  if (!f->queues.empty()) columns |= kQueues;
  if (!f->load_average.empty()) columns |= kLoad;
  if (f->active_tasks) columns |= kActive;
  if (f->memory_bytes) columns |= kMemory;
  if (!f->metadata.empty()) columns |= kMetadata;
  return columns;
}

template <class Entry>
std::vector<const Entry*> sorted_by_id(const auto& map) {
  std::vector<const Entry*> sorted;
  sorted.reserve(map.size());
  for (const auto& [key, entry] : map) sorted.push_back(&entry);
  std::sort(sorted.begin(), sorted.end(),
            [](const Entry* one, const Entry* other) { return one->id < other->id; });
  return sorted;
}

}  // namespace

std::string_view FleetFold::Worker::state() const noexcept {
  if (!is_fresh()) return "unknown";
  return last_kind == Z4J_EV_WORKER_DOWN ? "offline" : "online";
}

FleetMemory::Note FleetFold::Worker::note() const {
  return {id, agent_id, is_there ? there_at : taken_at, first, last, state() == "online"};
}

void FleetFold::add(const Event& e) {
  saw_worker_events_ = saw_worker_events_ || e.is_worker();
  if (e.gap) gaps_.push_back(&e);
  // What is sent has no worker yet: an engine may name the sender there.
  if (!e.worker.empty() && e.kind != Z4J_EV_SENT) see_worker(e);
  if (!e.queue.empty()) see_queue(e);
}

void FleetFold::see_worker(const Event& e) {
  const auto [found, is_new] = workers_.try_emplace(Key{e.project_id, e.engine, e.worker});
  Worker& worker = found->second;
  if (is_new) {
    worker.id = model::worker_row_id(e.project_id, e.engine, e.worker);
    worker.project_id = e.project_id;
    worker.engine = e.engine;
    worker.name = e.worker;
    worker.first = e.at;
  }
  worker.first = std::min(worker.first, e.at);
  worker.taken_at = std::max(worker.taken_at, e.taken_at);
  // Going down is the last word of its instant.
  if (e.at > worker.last || (e.at == worker.last && e.kind == Z4J_EV_WORKER_DOWN) || is_new) {
    worker.last = e.at;
    worker.last_kind = e.kind;
    worker.agent_id = e.agent_id;
  }
  if (e.worker_facts && e.at >= worker.facts_at) {
    worker.facts = e.worker_facts.get();
    worker.facts_at = e.at;
  }
}

void FleetFold::see_queue(const Event& e) {
  const auto [found, is_new] = queues_.try_emplace(Key{e.project_id, e.engine, e.queue});
  Queue& queue = found->second;
  if (is_new) {
    queue = Queue{model::queue_row_id(e.project_id, e.engine, e.queue),
                  e.project_id,
                  e.agent_id,
                  e.engine,
                  e.queue,
                  e.at,
                  e.at,
                  e.taken_at};
  }
  queue.first = std::min(queue.first, e.at);
  queue.last = std::max(queue.last, e.at);
}

void FleetFold::leave_out(const FleetMemory& told) {
  for (auto at = workers_.begin(); at != workers_.end();) {
    Worker& worker = at->second;
    const FleetMemory::Note* note = told.find(worker.id);
    worker.is_there = note != nullptr && note->is_there(worker.taken_at);
    if (worker.is_there) worker.there_at = note->there_at;
    const bool says_nothing =
        worker.is_there && worker.facts == nullptr && note->covers(worker.note());
    at = says_nothing ? workers_.erase(at) : std::next(at);
  }
  std::erase_if(queues_, [&](const auto& entry) {
    const FleetMemory::Note* note = told.find(entry.second.id);
    return note != nullptr && note->is_there(entry.second.taken_at);
  });
}

std::vector<FleetMemory::Note> FleetFold::notes() const {
  std::vector<FleetMemory::Note> notes;
  notes.reserve(workers_.size() + queues_.size());
  for (const auto& [key, worker] : workers_) notes.push_back(worker.note());
  for (const auto& [key, queue] : queues_)
    notes.push_back({queue.id, queue.agent_id, queue.taken_at, queue.first, queue.last, false});
  return notes;
}

Rows FleetFold::new_workers() const {
  Rows rows(Table::workers);
  for (const Worker* worker : sorted_by_id<Worker>(workers_)) {
    if (worker->is_there) continue;
    rows.begin()
        .uuid(w::id, worker->id)
        .uuid(w::project_id, worker->project_id)
        .text(w::engine, worker->engine)
        .text(w::name, worker->name)
        .uuid(w::agent_id, worker->agent_id)
        .text(w::state, worker->state())
        .num(w::last_heartbeat, worker->last)
        .num(w::active_tasks, 0)
        .num(w::sort_at, worker->last)
        .num(w::created_at, worker->first)
        .num(w::updated_at, worker->last);
  }
  return rows;
}

std::vector<Rows> FleetFold::worker_changes() const {
  std::map<unsigned, Rows> groups;
  for (const Worker* worker : sorted_by_id<Worker>(workers_)) {
    const unsigned columns = columns_of(worker->facts, worker->is_fresh());
    Rows& rows = groups.try_emplace(columns, Table::workers).first->second;
    rows.begin()
        .uuid(w::id, worker->id)
        .num(w::last_heartbeat, worker->last)
        .num(w::sort_at, worker->last)
        .num(w::created_at, worker->first)
        .num(w::updated_at, worker->last);
    if ((columns & kState) != 0)
      rows.text(w::state, worker->state()).uuid(w::agent_id, worker->agent_id);
    if ((columns & kHostname) != 0) rows.text(w::hostname, worker->facts->hostname);
    if ((columns & kPid) != 0) rows.num(w::pid, *worker->facts->pid);
    if ((columns & kConcurrency) != 0) rows.num(w::concurrency, *worker->facts->concurrency);
    if ((columns & kQueues) != 0) rows.text(w::queues, worker->facts->queues);
    if ((columns & kLoad) != 0) rows.text(w::load_average, worker->facts->load_average);
    if ((columns & kActive) != 0) rows.num(w::active_tasks, *worker->facts->active_tasks);
    if ((columns & kMemory) != 0) rows.num(w::memory_bytes, *worker->facts->memory_bytes);
    if ((columns & kMetadata) != 0) rows.text(w::metadata, worker->facts->metadata);
  }
  std::vector<Rows> changes;
  for (auto& [columns, rows] : groups) changes.push_back(std::move(rows));
  return changes;
}

Rows FleetFold::new_queues() const {
  Rows rows(Table::queues);
  for (const Queue* queue : sorted_by_id<Queue>(queues_)) {
    rows.begin()
        .uuid(q::id, queue->id)
        .uuid(q::project_id, queue->project_id)
        .text(q::engine, queue->engine)
        .text(q::name, queue->name)
        .uuid(q::agent_id, queue->agent_id)
        .num(q::last_seen_at, queue->last)
        .num(q::created_at, queue->first)
        .num(q::updated_at, queue->last);
  }
  return rows;
}

Rows FleetFold::gaps() const {
  Rows rows(Table::gaps);
  for (const Event* e : gaps_) {
    rows.begin()
        .uuid(g::id, e->id)
        .uuid(g::project_id, e->project_id)
        .uuid(g::agent_id, e->agent_id)
        .text(g::engine, e->engine)
        .num(g::from_at, e->gap->from)
        .num(g::to_at, e->gap->to)
        .num(g::created_at, e->taken_at)
        .text_or_null(g::why, clean_text(e->gap->why, kWhyCharacters));
    if (e->gap->rebuilt) rows.num(g::rebuilt, *e->gap->rebuilt);
    if (e->gap->lost) rows.num(g::lost, *e->gap->lost);
  }
  return rows;
}

}  // namespace z4j::core
