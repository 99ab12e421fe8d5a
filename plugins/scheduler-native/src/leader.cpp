#include "src/leader.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <string>
#include <utility>

namespace z4j::native {
namespace {

constexpr std::uint32_t kPage = 500;
constexpr std::int64_t kFillAnewEvery = 60'000'000, kScanEvery = 120'000'000;
// How far the clocks of two brains may differ for an edit to be found by its time.
constexpr std::int64_t kSkew = 120'000'000;
constexpr std::int64_t kAskEvery = 1'000'000;  // for the lease of another
constexpr int kLongestWaitMs = 1000, kReadAgainMs = 20;

Id id_of(const std::uint8_t (&bytes)[16]) {
  Id out;
  std::memcpy(out.data(), bytes, sizeof bytes);
  return out;
}

ScheduleStore::Place place(std::int64_t us, const std::optional<Id>& id) {
  return {us, id ? id->data() : nullptr};
}

bool is_callers_fault(z4j_status code) { return code >= 100 && code < 200; }

}  // namespace

Leader::Leader(Host host, ScheduleStore store, Options options)
    : host_(host), store_(store), options_(std::move(options)) {}

int Leader::round() {
  try {
    const std::int64_t steady = options_.steady_us();
    if (!keep_lease(steady)) {
      (void)edits_.take();  // who takes over looks at all of them
      return kLongestWaitMs;
    }
    now_ = store_.now_us();
    bool more = read_edits();
    more = fire_due() || more;
    more = fill(steady) || more;
    more = scan(steady) || more;
    if (failures_ > 0) host_.health(Z4J_HEALTH_OK, {});
    failures_ = 0;
    return more ? 0 : wait_ms();
  } catch (const std::exception& e) {
    if (failures_ == 0) {
      host_.warn(std::string("schedules wait for their store: ") + e.what());
      host_.health(Z4J_HEALTH_DEGRADED, e.what());
    }
    const int wait = std::min(100 << std::min(failures_, 5), 2000);
    ++failures_;
    return wait;
  }
}

void Leader::resign() {
  if (fence_) store_.resign(*fence_);
  lose();
}

bool Leader::keep_lease(std::int64_t steady) {
  if (steady < renew_at_) return fence_.has_value();
  renew_at_ = steady + kAskEvery;
  const std::optional<std::uint64_t> got = store_.lead(options_.lease_ms);
  if (!got) {
    if (fence_) host_.warn("another brain fires the schedules now");
    lose();
    return false;
  }
  renew_at_ = steady + std::int64_t{options_.lease_ms} * 1000 / 3;
  if (fence_ != got) {  // also when somebody else has led in between
    lose();
    fence_ = got;
    host_.info("fires the schedules");
  }
  return true;
}

// What it knows may be out of date when it leads again.
void Leader::lose() {
  fence_.reset();
  window_.clear();
  filled_us_ = 0;
  filled_id_.reset();
  fill_anew_at_ = 0;
  scanning_ = false;
  scan_at_ = 0;
  seen_until_us_ = 0;
  read_again_.clear();
}

std::shared_ptr<const Schedule> Leader::schedule_in(const z4j_stored_schedule& row) const {
  try {
    return std::make_shared<const Schedule>(Schedule::read(view(row.schedule_json)));
  } catch (const Error& e) {
    host_.warn(std::string("a schedule that can't be understood does not fire: ") + e.what());
    return nullptr;
  }
}

// What lies behind the place that was read up to is read in its turn: kept now, it would take the
// room of what is due before it.
bool Leader::is_soon(std::int64_t due_us, const Id& id) const {
  return due_us < filled_us_ || (due_us == filled_us_ && filled_id_ && id <= *filled_id_);
}

void Leader::keep_if_soon(Entry entry) {
  if (is_soon(entry.due_us, entry.id)) {
    window_.put(std::move(entry));
  } else {
    window_.remove(entry.id);
  }
}

void Leader::plan(Entry entry, std::optional<std::int64_t> next_us, Plans& plans) const {
  z4j_plan row{};
  std::memcpy(row.id, entry.id.data(), sizeof row.id);
  row.revision = entry.revision;
  row.next_run_us = entry.due_us = next_us.value_or(0);
  plans.rows.push_back(row);
  plans.entries.push_back(std::move(entry));
}

void Leader::write(Plans& plans) {
  if (plans.rows.empty() || !fence_) return;
  std::vector<std::uint8_t> outcomes;
  if (!store_.plan(*fence_, plans.rows, outcomes)) return lose();
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    Entry& entry = plans.entries[i];
    if (outcomes[i] == Z4J_FIRE_STALE) {
      read_again_.push_back(entry.id);
    } else if (entry.due_us == 0) {
      window_.remove(entry.id);
    } else {
      keep_if_soon(std::move(entry));
    }
  }
}

// A row that was edited, or may have been.
void Leader::see(const z4j_stored_schedule& row, Plans& plans) {
  Entry entry{id_of(row.id), row.revision, row.next_run_us, nullptr};
  if (row.is_deleted != 0 || row.is_enabled == 0) return window_.remove(entry.id);
  if (row.is_planned != 0) {
    if (row.next_run_us == 0 || !is_soon(row.next_run_us, entry.id))
      return window_.remove(entry.id);
    entry.schedule = schedule_in(row);
    if (entry.schedule != nullptr) window_.put(std::move(entry));
    return;
  }
  entry.schedule = schedule_in(row);
  if (entry.schedule == nullptr) return plan(std::move(entry), std::nullopt, plans);
  std::optional<std::int64_t> first;
  if (row.next_run_us != 0 && row.next_run_us <= row.changed_us) {
    // The edit came before that time was fired; if it still is one, it is not lost.
    first = entry.schedule->next(row.next_run_us - 1);
    if (first != row.next_run_us) first.reset();
  }
  if (!first) first = entry.schedule->next(row.changed_us);
  plan(std::move(entry), first, plans);
}

bool Leader::read_edits() {
  if (edits_.take_many()) scan_at_ = 0;
  std::vector<Id> ids = edits_.take();
  ids.insert(ids.end(), read_again_.begin(), read_again_.end());
  read_again_.clear();
  if (ids.empty()) return false;
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  try {
    for (std::size_t at = 0; at < ids.size() && fence_; at += kPage) {
      const std::size_t count = std::min<std::size_t>(kPage, ids.size() - at);
      // What does not come back is gone.
      for (std::size_t i = at; i < at + count; ++i) window_.remove(ids[i]);
      Plans plans;
      store_.read(ids[at].data(), static_cast<std::uint32_t>(count),
                  [&](const z4j_stored_schedule& row) {
                    see(row, plans);
                    return true;
                  });
      write(plans);
    }
  } catch (const Error&) {
    read_again_ = std::move(ids);
    throw;
  }
  return false;
}

bool Leader::fire_due() {
  if (!fence_) return false;
  struct Fired {
    Entry entry;
    std::optional<std::int64_t> next_us;
  };
  std::vector<Fired> fired;
  std::vector<z4j_fire> fires;
  Plans plans;
  while (fires.size() < batch_ && plans.rows.size() < kMostFires) {
    std::optional<Entry> entry = window_.take(now_);
    if (!entry) break;
    const Turn turn = take_turn(*entry->schedule, entry->due_us, now_, options_.rules);
    if (!turn.fires) {
      plan(std::move(*entry), turn.next_us, plans);
      continue;
    }
    z4j_fire fire{};
    std::memcpy(fire.id, entry->id.data(), sizeof fire.id);
    fire.revision = entry->revision;
    fire.due_us = turn.due_us;
    fire.next_run_us = turn.next_us.value_or(0);
    fire.reason = turn.was_missed ? Z4J_FIRE_CATCH_UP : Z4J_FIRE_DUE;
    fire.flags = turn.next_us ? 0u : static_cast<std::uint32_t>(Z4J_FIRE_LAST);
    fires.push_back(fire);
    fired.push_back({std::move(*entry), turn.next_us});
  }
  if (fires.empty() && plans.rows.empty()) return false;

  std::vector<std::uint8_t> outcomes;
  try {
    if (!fires.empty() && !store_.fire(*fence_, fires, outcomes)) {
      lose();
      return false;
    }
  } catch (const Error& e) {
    // Whatever the store has of it, it says so when it is asked again.
    const bool is_refused = is_callers_fault(e.code);
    if (is_refused && fires.size() == 1) {
      host_.error(std::string("a schedule was not fired: ") + e.what());
    } else {
      for (Fired& f : fired) window_.put(std::move(f.entry));
    }
    for (Entry& entry : plans.entries) read_again_.push_back(entry.id);
    if (!is_refused) throw;
    batch_ = 1;
    return true;
  }
  batch_ = std::min(batch_ * 2, kMostFires);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    Fired& f = fired[i];
    if (outcomes[i] == Z4J_FIRE_STALE) {
      read_again_.push_back(f.entry.id);
    } else if (outcomes[i] == Z4J_FIRE_TAKEN) {
      plan(std::move(f.entry), f.next_us, plans);
    } else if (f.next_us) {
      f.entry.due_us = *f.next_us;
      keep_if_soon(std::move(f.entry));
    }
  }
  try {
    write(plans);
  } catch (const Error&) {
    for (const Entry& entry : plans.entries) read_again_.push_back(entry.id);
    throw;
  }
  const std::optional<std::int64_t> first = window_.first_due();
  return first && *first <= now_;
}

bool Leader::fill(std::int64_t steady) {
  if (!fence_) return false;
  if (steady >= fill_anew_at_) {
    fill_anew_at_ = steady + kFillAnewEvery;
    window_.clear();
    filled_us_ = 0;
    filled_id_.reset();
  }
  const std::int64_t until = now_ + options_.window_us;
  if (filled_us_ > until - options_.window_us / 2 || window_.size() >= options_.most_in_window)
    return false;
  std::uint32_t count = 0;
  const std::optional<Id> from_id = filled_id_;
  store_.due(until, place(filled_us_, from_id), kPage, [&](const z4j_stored_schedule& row) {
    ++count;
    Entry entry{id_of(row.id), row.revision, row.next_run_us, schedule_in(row)};
    filled_us_ = row.next_run_us;
    filled_id_ = entry.id;
    if (entry.schedule != nullptr) window_.put(std::move(entry));
    return true;
  });
  if (count < kPage) {
    filled_us_ = until;
    filled_id_.emplace().fill(0xFF);
  }
  return count > 0;
}

bool Leader::scan(std::int64_t steady) {
  if (!fence_) return false;
  if (!scanning_) {
    if (steady < scan_at_) return false;
    scanning_ = true;
    scan_us_ = seen_until_us_;
    scan_id_.reset();
    scan_began_us_ = now_;
    scan_at_ = steady + kScanEvery;
  }
  std::uint32_t count = 0;
  const std::optional<Id> from_id = scan_id_;
  std::int64_t at_us = scan_us_;
  std::optional<Id> at_id = scan_id_;
  Plans plans;
  store_.changed(place(scan_us_, from_id), kPage, [&](const z4j_stored_schedule& row) {
    ++count;
    at_us = row.changed_us;
    at_id = id_of(row.id);
    see(row, plans);
    return true;
  });
  write(plans);
  scan_us_ = at_us;
  scan_id_ = at_id;
  if (count < kPage) {
    scanning_ = false;
    seen_until_us_ = std::max<std::int64_t>(0, scan_began_us_ - kSkew);
  }
  return scanning_;
}

int Leader::wait_ms() const {
  const std::int64_t longest = read_again_.empty() ? kLongestWaitMs : kReadAgainMs;
  const std::optional<std::int64_t> first = window_.first_due();
  if (!first) return static_cast<int>(longest);
  const std::int64_t left = (*first - store_.now_us() + 999) / 1000;
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, longest));
}

}  // namespace z4j::native
