#include "core/ingest_lane.hpp"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <set>
#include <unordered_set>
#include <utility>

#include "model/ids.hpp"

namespace z4j::core {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kShortestBackOff{50};
constexpr milliseconds kLongestBackOff{5000};
constexpr milliseconds kDropsDelay{1000};  // how long counted drops wait for a batch to ride on
constexpr unsigned kOddConflicts =
    3;  // races with another kernel before a conflict counts as a defect
// How long a live report may come behind the one that was read back, and how much later the fact
// may be by its clock.
constexpr base::TimeUs kRebuildsKept = 600 * base::kSecondUs, kSameFact = 5 * base::kSecondUs;
constexpr std::size_t kMostRebuilds = 8192;
// Two reports of one transition: how far apart by their clocks, and how long the second may take.
constexpr base::TimeUs kSameTransition = 2 * base::kSecondUs, kEchoesKept = 10 * base::kSecondUs;
constexpr std::size_t kMostFacts = 65'536;
constexpr std::string_view kGivenUp = "stopped before it was stored";
constexpr std::string_view kOvertaken = "another brain runs this instance and reads it back";

// The rows are at fault, not the world: trying again can't help.
bool is_refusal(base::Code code) noexcept {
  using base::Code;
  return code == Code::invalid || code == Code::unsupported || code == Code::too_large ||
         code == Code::not_found || code == Code::internal;
}

// Batches that came back from disk bring each a copy.
bool is_same(const Fence& a, const Fence& b) {
  return a.number == b.number && a.owner == b.owner && a.name == b.name;
}

// How much a report of an end says. A monitor of Celery's events knows no class of the exception.
int fullness(const Event& e) {
  return (e.worker.empty() ? 0 : 1) + (e.runtime_us < 0 ? 0 : 1) +
         (e.facts.traceback.empty() ? 0 : 1) + (e.facts.result.empty() ? 0 : 1) +
         (e.facts.has_args() ? 1 : 0) + (e.task.empty() ? 0 : 1) +
         (e.facts.exception.empty() || e.facts.exception == "RuntimeError" ? 0 : 2);
}

base::Uuid row_id_of(const Event& e) {
  return model::task_row_id(e.project_id, e.engine, e.task_id);
}

}  // namespace

void IngestLane::start() {
  thread_ = std::thread([this] { run(); });
}

void IngestLane::push(std::shared_ptr<WaitingParcel> parcel, std::vector<std::uint32_t> rows) {
  const std::lock_guard lock(mutex_);
  const bool was_empty = waiting_.rows() == 0;
  waiting_.push(std::move(parcel), std::move(rows));
  if (was_empty || waiting_.has(full())) changed_.notify_one();
}

void IngestLane::ask_to_stop(SteadyClock::time_point until) {
  const std::lock_guard lock(mutex_);
  if (!stop_at_) stop_at_ = until;
  changed_.notify_one();
}

void IngestLane::join() {
  if (thread_.joinable()) thread_.join();
}

void IngestLane::run() {
  while (wait_for_work()) {
    Batch batch;
    take(batch);
    process(batch);
  }
}

bool IngestLane::wait_for_work() {
  std::unique_lock lock(mutex_);
  const auto stopping = [this] { return stop_at_.has_value(); };
  while (waiting_.rows() == 0 && !stopping()) {
    if (changed_.wait_for(lock, kDropsDelay) == std::cv_status::timeout &&
        shared_.ledger.has_drops())
      return true;
  }
  if (waiting_.rows() == 0) {
    return (shared_.ledger.has_drops() || !drops_.empty()) && SteadyClock::now() < *stop_at_;
  }
  if (stopping() && SteadyClock::now() >= *stop_at_) {
    abandon();
    return false;
  }
  changed_.wait_until(lock, waiting_.since() + options_.linger,
                      [&] { return stopping() || waiting_.has(full()); });
  return true;
}

void IngestLane::abandon() {
  for (const auto& [parcel, rows] : waiting_.take_all()) {
    if (parcel->keep()) continue;
    shared_.ledger.dropped(parcel->parcel->source.agent_id, {}, rows.size(), kGivenUp);
  }
}

void IngestLane::take(Batch& batch) {
  std::vector<IngestQueue::Taken> taken;
  {
    const std::lock_guard lock(mutex_);
    taken = waiting_.take(full());
  }
  std::size_t rows = 0;
  for (const auto& one : taken) rows += one.rows.size();
  batch.events.reserve(rows);
  for (auto& one : taken) {
    const Parcel& parcel = *one.parcel->parcel;
    const auto place = static_cast<std::uint32_t>(batch.parcels.size());
    for (const std::uint32_t row : one.rows) {
      batch.events.push_back(
          decode(parcel.events[row], parcel.source, parcel.taken_at, shared_.redactor));
      batch.events.back().parcel = place;
    }
    batch.parcels.push_back(std::move(one.parcel));
  }
}

void IngestLane::drop_repeats(Batch& batch) {
  std::unordered_set<base::Uuid, UuidHash> seen;
  seen.reserve(batch.events.size());
  const auto is_repeated = [&](const Event& e) {
    if (!e.is_stored() || seen.insert(e.id).second) return false;
    repeated(e);
    return true;
  };
  // In order, so that the first report stays.
  std::size_t kept = 0;
  for (std::size_t i = 0; i < batch.events.size(); ++i) {
    if (is_repeated(batch.events[i])) continue;
    if (kept != i) batch.events[kept] = std::move(batch.events[i]);
    ++kept;
  }
  batch.events.resize(kept);
}

// Lets go of facts that are too old, or too many.
void IngestLane::forget_facts(base::TimeUs now) {
  while (!facts_order_.empty() &&
         (facts_order_.size() > kMostFacts || now - facts_order_.front().first > kEchoesKept)) {
    const auto& [noted_at, key] = facts_order_.front();
    const auto known = facts_.find(key);
    if (known != facts_.end() && known->second.noted_at == noted_at) facts_.erase(known);
    facts_order_.pop_front();
  }
}

void IngestLane::drop_echoes(Batch& batch) {
  const base::TimeUs now = shared_.clock.now();
  ++batches_;
  forget_facts(now);
  const auto is_remote = [&](const Event& e) { return parcel_of(e).parcel->source.is_remote; };
  if (std::any_of(batch.events.begin(), batch.events.end(), is_remote)) remote_at_ = now;
  if (now - remote_at_ > kEchoesKept) return;

  std::vector<bool> is_echo(batch.events.size(), false);
  for (std::size_t i = 0; i < batch.events.size(); ++i) {
    Event& e = batch.events[i];
    if (!e.is_task() || e.kind == Z4J_EV_PROGRESS || e.facts.rebuilt) continue;
    const base::Uuid row = row_id_of(e);
    const auto known = facts_.find({row, e.kind});
    const bool is_far = is_remote(e);
    if (known != facts_.end() && (is_far || known->second.is_remote) &&
        std::abs(e.at - known->second.at) <= kSameTransition) {
      if (known->second.batch == batches_ &&
          fullness(e) > fullness(batch.events[known->second.place]))
        std::swap(e, batch.events[known->second.place]);
      is_echo[i] = true;
      continue;
    }
    // What comes after a retry, or before the next, is a transition of its own.
    if (e.kind == Z4J_EV_RETRIED) {
      facts_.erase({row, Z4J_EV_RECEIVED});
      facts_.erase({row, Z4J_EV_STARTED});
    } else if (e.kind == Z4J_EV_STARTED) {
      facts_.erase({row, Z4J_EV_RETRIED});
    }
    facts_[{row, e.kind}] = {e.at, now, batches_, i, is_far};
    facts_order_.emplace_back(now, FactKey{row, e.kind});
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < batch.events.size(); ++i) {
    if (is_echo[i]) {
      repeated(batch.events[i]);
      continue;
    }
    if (kept != i) batch.events[kept] = std::move(batch.events[i]);
    ++kept;
  }
  batch.events.resize(kept);
}

void IngestLane::weigh_rebuilds(Batch& batch) {
  const auto is_rebuild = [](const Event& e) { return e.facts.rebuilt && e.is_task(); };
  const base::TimeUs now = shared_.clock.now();
  std::erase_if(rebuilt_,
                [now](const auto& one) { return now - one.second.noted_at > kRebuildsKept; });
  if (std::none_of(batch.events.begin(), batch.events.end(), is_rebuild)) return;
  std::set<std::pair<base::Uuid, std::uint16_t>> seen;
  for (const Event& e : batch.events) {
    if (!e.facts.rebuilt && e.is_task()) seen.emplace(row_id_of(e), e.kind);
  }
  std::erase_if(batch.events, [&](const Event& e) {
    if (!is_rebuild(e)) return false;
    const base::Uuid row = row_id_of(e);
    if (seen.contains({row, e.kind})) {
      repeated(e);
      return true;
    }
    if (rebuilt_.size() < kMostRebuilds) rebuilt_[row] = {e.at, now, e.kind};
    return false;
  });
}

bool IngestLane::may_be_rebuilt(const Event& event) const {
  if (rebuilt_.empty() || event.facts.rebuilt) return false;
  const auto at = rebuilt_.find(row_id_of(event));
  return at != rebuilt_.end() && at->second.kind == event.kind &&
         event.at <= at->second.at + kSameFact;
}

void IngestLane::process(Batch& batch) {
  batch_ = &batch;
  drop_repeats(batch);
  drop_echoes(batch);
  std::vector<Event> known;
  const auto refs = [](const std::vector<Event>& events) {
    EventRefs all;
    all.reserve(events.size());
    for (const Event& e : events) all.push_back(&e);
    return all;
  };
  for (;;) {
    auto looked = drop_known_rebuilds(shared_.store, batch.events, known);
    if (looked) break;
    known.clear();
    if (!back_off(looked.error())) return give_up(refs(batch.events));
  }
  for (const Event& e : known) repeated(e);
  weigh_rebuilds(batch);
  memory_.begin();
  for (Event& e : batch.events) memory_.complete(e);
  EventRefs events = refs(batch.events);
  if (drop_told(events, {}) == Done::given_up) return give_up(events);
  store(std::move(events));
}

IngestLane::Done IngestLane::store(EventRefs events) {
  unsigned odd_conflicts = 0;
  bool may_be_ours = false;  // an earlier try of this very batch had an unknown outcome
  Fences lost;
  for (;;) {
    for (const auto& [agent, count] : shared_.ledger.take_drops()) drops_[agent] += count;
    BatchCommit made =
        make_commit(events, drops_, options_.number, fences_of(events, lost), fleet_);
    if (made.commit.steps() == 0) return Done::yes;
    const base::Status done = shared_.store.commit_on(options_.number, made.commit);
    shared_.ledger.commit_done(done.ok());
    if (done) {
      succeeded(made);
      return Done::yes;
    }
    const base::Error& why = done.error();
    if (const Fence* refused = why.code == base::Code::conflict ? made.refused() : nullptr) {
      refuse(events, *refused);
      lost.push_back(refused);
      if (drop_told(events, lost) == Done::given_up) return give_up(events), Done::given_up;
      continue;
    }
    const bool at_events =
        made.commit.bad_step() == made.events_step || made.commit.bad_step() == ~std::uint32_t{0};

    if (why.code == base::Code::unknown || (why.code == base::Code::conflict && at_events)) {
      may_be_ours = may_be_ours || why.code == base::Code::unknown;
      auto missing = not_stored_yet(shared_.store, made.stored);
      if (!missing) {
        if (!back_off(missing.error())) return give_up(events), Done::given_up;
        continue;  // repeating is safe: events that were stored make the commit a conflict
      }
      if (may_be_ours && !made.stored.empty() && missing->empty()) {
        succeeded(made);
        return Done::yes;
      }
      if (why.code == base::Code::unknown) {
        // Whether a lone count of drops was stored can't be seen; shown a little low beats shown
        // twice.
        if (made.stored.empty()) drops_.clear();
        if (!back_off(why)) return give_up(events), Done::given_up;
        continue;
      }
      if (missing->size() == made.stored.size() && ++odd_conflicts > kOddConflicts)
        return store_halves(events, why);
      const std::set<const Event*> fresh(missing->begin(), missing->end());
      std::erase_if(events, [&](const Event* e) {
        if (!e->is_stored() || fresh.contains(e)) return false;
        repeated(*e);
        return true;
      });
      continue;
    }

    if (!is_refusal(why.code) && why.code != base::Code::conflict) {
      if (!back_off(why)) return give_up(events), Done::given_up;
      continue;
    }
    if (events.empty()) {
      drops_.clear();
      shared_.log.error("the count of dropped events could not be stored", {{"error", why.text()}});
      return Done::yes;
    }
    if (why.code != base::Code::conflict && made.commit.bad_step() == made.events_step &&
        events.size() > 1 && made.commit.bad_row() < made.stored.size()) {
      const Event* poison = made.stored[made.commit.bad_row()];
      if (bury(*poison, why) == Done::given_up) return give_up(events), Done::given_up;
      std::erase(events, poison);
      continue;
    }
    return store_halves(events, why);
  }
}

const Fence* IngestLane::fence_of(const Event& event, const Fences& lost) const {
  const WaitingParcel& parcel = parcel_of(event);
  const Fence* fence = parcel.parcel->source.fence.get();
  if (fence == nullptr || !parcel.is_from_disk()) return fence;
  const auto is_it = [&](const Fence* other) { return is_same(*fence, *other); };
  return std::any_of(lost.begin(), lost.end(), is_it) ? nullptr : fence;
}

void IngestLane::repeated(const Event& event) {
  shared_.ledger.duplicates(event.agent_id, 1);
  parcel_of(event).repeated();
}

IngestLane::Fences IngestLane::fences_of(const EventRefs& events, const Fences& lost) const {
  Fences all;
  for (const Event* e : events) {
    const Fence* one = fence_of(*e, lost);
    const auto is_it = [&](const Fence* other) { return is_same(*one, *other); };
    if (one != nullptr && std::none_of(all.begin(), all.end(), is_it)) all.push_back(one);
  }
  return all;
}

void IngestLane::refuse(EventRefs& events, const Fence& lost) {
  std::map<base::Uuid, std::uint64_t> refused;
  std::erase_if(events, [&](const Event* e) {
    const Fence* one = fence_of(*e, {});
    if (one == nullptr || !is_same(*one, lost) || parcel_of(*e).is_from_disk()) return false;
    ++refused[e->agent_id];
    parcel_of(*e).left();
    return true;
  });
  for (const auto& [agent, count] : refused) shared_.ledger.dropped(agent, {}, count, kOvertaken);
}

IngestLane::Done IngestLane::drop_told(EventRefs& events, const Fences& lost) {
  EventRefs late;
  std::copy_if(events.begin(), events.end(), std::back_inserter(late), [&](const Event* e) {
    const WaitingParcel& parcel = parcel_of(*e);
    const bool is_lost = parcel.parcel->source.fence != nullptr && fence_of(*e, lost) == nullptr;
    return e->is_task() && (parcel.is_old() || is_lost || may_be_rebuilt(*e));
  });
  while (!late.empty()) {
    const auto told = told_by_rebuilds(shared_.store, late);
    if (!told) {
      if (!back_off(told.error())) return Done::given_up;
      continue;
    }
    for (const Event* e : *told) repeated(*e);
    const std::set<const Event*> known(told->begin(), told->end());
    std::erase_if(events, [&](const Event* e) { return known.contains(e); });
    break;
  }
  return Done::yes;
}

IngestLane::Done IngestLane::store_halves(const EventRefs& events, const base::Error& why) {
  if (events.size() == 1) return bury(*events.front(), why);
  const auto middle = events.begin() + static_cast<std::ptrdiff_t>(events.size() / 2);
  const EventRefs second(middle, events.end());
  if (store(EventRefs(events.begin(), middle)) == Done::given_up)
    return give_up(second), Done::given_up;
  return store(second);
}

IngestLane::Done IngestLane::bury(const Event& event, const base::Error& why) {
  for (;;) {
    Commit letter = make_dead_letter(event, why.text(), shared_.clock.now(), shared_.redactor);
    const base::Status done = shared_.store.commit_on(options_.number, letter);
    shared_.ledger.commit_done(done.ok());
    if (done || done.error().code == base::Code::unknown) {
      failures_ = 0;
      shared_.ledger.dead_letter(event.agent_id);
      parcel_of(event).set_aside();
      shared_.log.warn("an event could not be stored and went to the dead letters",
                       {{"error", why.text()}});
      return Done::yes;
    }
    // A refused letter has nothing in it that the store could object to: the store itself is not
    // well.
    if (!back_off(done.error())) return give_up({&event}), Done::given_up;
  }
}

void IngestLane::succeeded(const BatchCommit& made) {
  failures_ = 0;
  drops_.clear();
  fleet_.written(made.fleet);
  shared_.ledger.persisted(made.stored);
  for (const Event* e : made.stored) parcel_of(*e).inserted();
  if (shared_.on_stored && !made.stored.empty()) shared_.on_stored(made.stored);
  if (!shared_.on_changed) return;
  for (const auto& [project, topics] : made.topics) {
    for (const std::string_view topic : topics) shared_.on_changed(project, topic);
  }
}

bool IngestLane::back_off(const base::Error& why) {
  ++failures_;
  if (failures_ == 1 || failures_ % 20 == 0) {
    shared_.log.warn("events wait because the store did not take them",
                     {{"error", why.text()}, {"tries", failures_}});
  }
  auto delay = std::min(kLongestBackOff, kShortestBackOff * (1u << std::min(failures_ - 1, 7u)));
  if (why.retry_after_ms > 0) delay = std::min(kLongestBackOff, milliseconds(why.retry_after_ms));
  auto until = SteadyClock::now() + delay;
  std::unique_lock lock(mutex_);
  // A stop that comes meanwhile may end sooner than the delay.
  for (;;) {
    const auto now = SteadyClock::now();
    if (stop_at_) {
      if (now >= *stop_at_) return false;
      until = std::min(until, *stop_at_);
    }
    if (now >= until) return true;
    changed_.wait_until(lock, until);
  }
}

void IngestLane::give_up(const EventRefs& events) {
  std::map<base::Uuid, std::uint64_t> lost;
  for (const Event* e : events) {
    if (!parcel_of(*e).keep()) ++lost[e->agent_id];
  }
  for (const auto& [agent, count] : lost) shared_.ledger.dropped(agent, {}, count, kGivenUp);
}

}  // namespace z4j::core
