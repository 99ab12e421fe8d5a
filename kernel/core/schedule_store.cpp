#include "core/schedule_store.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "core/refusal.hpp"
#include "core/schedule.hpp"

namespace z4j::core {
namespace {

namespace col = model::schedules;

constexpr int kPlanTries = 5;
constexpr std::size_t kMostSchedulesAtOnce = 1'000, kSchedulesAtOnce = 500;

// Runs `put` on a row; false when it wants no more.
bool hand_over_schedule(const Row& row, const plugin::ScheduleStore::Put& put) {
  const Schedule schedule = schedule_of(row);
  const std::string text = base::json::write(schedule_json(schedule));
  z4j_stored_schedule out{};
  out.struct_size = sizeof out;
  out.is_enabled = schedule.is_enabled ? 1 : 0;
  out.is_planned = schedule.is_planned ? 1 : 0;
  std::copy(schedule.id.bytes.begin(), schedule.id.bytes.end(), out.id);
  out.revision = static_cast<std::uint64_t>(schedule.revision);
  out.next_run_us = schedule.next_run_at.value_or(0);
  out.last_run_us = schedule.last_run_at.value_or(0);
  out.changed_us = schedule.updated_at;
  out.schedule_json = z4j_str{text.data(), text.size()};
  return put(out);
}

Query own_schedules(const std::string& scheduler) {
  Query query(Table::schedules);
  query.where.eq(col::scheduler, scheduler).eq(col::owner, "");
  return query;
}

base::Uuid id_of(const z4j_plan& plan) {
  return base::Uuid::from_bytes({reinterpret_cast<const char*>(plan.id), sizeof plan.id});
}

base::Error somebody_else_leads() {
  return refuse::conflict("fence", "somebody else leads this scheduler");
}

}  // namespace

std::string schedule_lease(const std::string& scheduler) { return "schedules: " + scheduler; }

Fence ScheduleStore::fence_of(const std::string& scheduler, std::uint64_t number) const {
  return Fence{schedule_lease(scheduler), leases_.brain(), static_cast<std::int64_t>(number),
               false};
}

base::Result<std::uint64_t> ScheduleStore::lead(const std::string& scheduler, int ttl_ms) {
  const std::string lease = schedule_lease(scheduler);
  bool is_new = false;
  {
    const std::lock_guard lock(mutex_);
    const auto [at, added] = leads_until_ms_.try_emplace(scheduler, 0);
    at->second = clock_.steady_ms() + ttl_ms;
    is_new = added;
  }
  leases_.want(lease);
  std::optional<Fence> held = leases_.held(lease);
  // Asked for the first time, or slept through: the store knows.
  if ((!held && is_new) || (held && leases_.belief(*held) == Leases::Belief::unsure)) {
    if (auto asked = leases_.work(); !asked) return std::move(asked).error();
    held = leases_.held(lease);
  }
  if (!held || leases_.belief(*held) != Leases::Belief::held) return somebody_else_leads();
  return static_cast<std::uint64_t>(held->number);
}

void ScheduleStore::resign(const std::string& scheduler, std::uint64_t fence) {
  const std::string lease = schedule_lease(scheduler);
  const auto held = leases_.held(lease);
  if (held && held->number != static_cast<std::int64_t>(fence)) return;  // of an earlier leader
  {
    const std::lock_guard lock(mutex_);
    leads_until_ms_.erase(scheduler);
  }
  leases_.give_back(lease);
}

void ScheduleStore::end_leads() {
  std::vector<std::string> ended;
  {
    const std::lock_guard lock(mutex_);
    const std::int64_t now_ms = clock_.steady_ms();
    for (auto at = leads_until_ms_.begin(); at != leads_until_ms_.end();) {
      if (now_ms < at->second) {
        ++at;
        continue;
      }
      ended.push_back(at->first);
      at = leads_until_ms_.erase(at);
    }
  }
  for (const std::string& scheduler : ended) {
    if (leases_.held(schedule_lease(scheduler)))
      log_.warn("a scheduler did not renew its lead", {{"scheduler", scheduler}});
    leases_.give_back(schedule_lease(scheduler));
  }
}

base::Status ScheduleStore::due(const std::string& scheduler, std::int64_t until_us,
                                const Place& after, std::uint32_t limit, const Put& put) {
  Query query = own_schedules(scheduler);
  query.where.eq(col::is_enabled, true).eq(col::is_planned, true).le(col::next_run_at, until_us);
  if (after.id)
    query.after({Cell(after.us), Cell(*after.id)});
  else if (after.us > 0)
    query.where.ge(col::next_run_at, after.us);
  query.all().order({col::next_run_at, col::id}).limit(limit);
  return store_.each(query, [&put](const Row& row) { return hand_over_schedule(row, put); });
}

base::Status ScheduleStore::changed(const std::string& scheduler, const Place& since,
                                    std::uint32_t limit, const Put& put) {
  Query query = own_schedules(scheduler);
  if (since.id)
    query.after({Cell(since.us), Cell(*since.id)});
  else if (since.us > 0)
    query.where.ge(col::updated_at, since.us);
  query.all().order({col::updated_at, col::id}).limit(limit);
  return store_.each(query, [&put](const Row& row) { return hand_over_schedule(row, put); });
}

base::Status ScheduleStore::read(const std::string& scheduler, std::span<const base::Uuid> ids,
                                 const Put& put) {
  std::set<base::Uuid> gone(ids.begin(), ids.end());
  bool goes_on = true;
  for (std::size_t from = 0; from < ids.size() && goes_on; from += kSchedulesAtOnce) {
    const auto some = ids.subspan(from, std::min(kSchedulesAtOnce, ids.size() - from));
    Query query = own_schedules(scheduler);
    query.where.in(col::id, std::vector<Cell>(some.begin(), some.end()));
    auto done = store_.each(query.all(), [&](const Row& row) {
      gone.erase(row.uuid(col::id));
      return goes_on = hand_over_schedule(row, put);
    });
    if (!done) return done;
  }
  for (auto id = gone.begin(); id != gone.end() && goes_on; ++id) {
    z4j_stored_schedule out{};
    out.struct_size = sizeof out;
    out.is_deleted = 1;
    std::copy(id->bytes.begin(), id->bytes.end(), out.id);
    goes_on = put(out);
  }
  return {};
}

base::Status ScheduleStore::plan(const std::string& scheduler, std::uint64_t fence,
                                 std::span<const z4j_plan> plans,
                                 std::span<std::uint8_t> outcomes) {
  if (plans.empty()) return {};
  if (plans.size() > kMostSchedulesAtOnce || outcomes.size() != plans.size())
    return refuse::invalid("plans", "at most 1000 plans at once");
  const Fence held = fence_of(scheduler, fence);
  for (int i = 0; i < kPlanTries; ++i) {
    std::map<base::Uuid, std::int64_t> revisions;
    for (std::size_t from = 0; from < plans.size(); from += kSchedulesAtOnce) {
      std::vector<Cell> ids;
      for (const z4j_plan& plan :
           plans.subspan(from, std::min(kSchedulesAtOnce, plans.size() - from)))
        ids.emplace_back(id_of(plan));
      Query query = own_schedules(scheduler);
      query.where.in(col::id, std::move(ids));
      auto read = store_.each(query.columns({col::id, col::revision}), [&](const Row& row) {
        revisions[row.uuid(col::id)] = row.num(col::revision);
        return true;
      });
      if (!read) return read;
    }
    // In the order of their ids; of two plans of one schedule the last counts.
    std::map<base::Uuid, const z4j_plan*> fresh;
    std::map<std::int64_t, std::set<base::Uuid>> by_revision;
    for (std::size_t at = 0; at < plans.size(); ++at) {
      const auto revision = static_cast<std::int64_t>(plans[at].revision);
      const auto found = revisions.find(id_of(plans[at]));
      outcomes[at] = Z4J_FIRE_STALE;
      if (found == revisions.end() || found->second != revision) continue;
      outcomes[at] = Z4J_FIRED;
      fresh[found->first] = &plans[at];
      by_revision[revision].insert(found->first);
    }
    Commit commit;
    held.guard(commit);
    for (const auto& [revision, ids] : by_revision) {
      Where unchanged;
      unchanged.in(col::id, std::vector<Cell>(ids.begin(), ids.end())).eq(col::revision, revision);
      commit.check(Table::schedules, std::move(unchanged), ids.size(), ids.size());
    }
    Rows rows(Table::schedules);
    for (const auto& [id, plan] : fresh) {
      rows.begin()
          .uuid(col::id, id)
          .cell(col::next_run_at, plan->next_run_us > 0 ? Cell(plan->next_run_us) : Cell())
          .num(col::is_planned, 1);
    }
    if (rows.size() > 0) commit.patch(std::move(rows));
    auto done = store_.commit(commit);
    if (done || done.error().code != base::Code::conflict) return done;
    if (refused_fence(done, commit)) return somebody_else_leads();
    auto still = still_holds(store_, held);
    if (!still) return std::move(still).error();
    if (!*still) return somebody_else_leads();
  }
  return base::Error{.code = base::Code::busy,
                     .message = "the schedules are being edited all the time; nothing was planned",
                     .where = {},
                     .hint = {},
                     .retry_after_ms = 100};
}

base::Status ScheduleStore::fire(const std::string& scheduler, std::uint64_t fence,
                                 std::span<const z4j_fire> fires,
                                 std::span<std::uint8_t> outcomes) {
  return fires_.fire(scheduler, fence_of(scheduler, fence), fires, outcomes);
}

void ScheduleStore::write_metrics(MetricText& out) const {
  out.family("z4j_schedule_leader", "gauge", "this brain fires the schedules of that scheduler");
  const std::lock_guard lock(mutex_);
  for (const auto& [scheduler, until_ms] : leads_until_ms_) {
    const bool leads = leases_.held(schedule_lease(scheduler)).has_value();
    out.sample({{"scheduler", scheduler}}, static_cast<std::int64_t>(leads ? 1 : 0));
  }
}

}  // namespace z4j::core
