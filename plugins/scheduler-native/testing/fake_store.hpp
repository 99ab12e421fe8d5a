// The kernel's side of z4j.schedule-store/1 in memory, with a clock that tests set and faults that
// they ask for. One thread.
#pragma once

#include <z4j/scheduler.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace z4j::native::testing {

using Id = std::array<std::uint8_t, 16>;

struct FakeSchedule {
  std::string json;
  bool is_enabled = true, is_planned = false;
  std::uint64_t revision = 1;
  std::int64_t next_us = 0, changed_us = 0;
};

struct FakeFire {
  Id id{};
  std::int64_t due_us = 0, fired_us = 0;
  std::uint32_t reason = 0;
};

class FakeStore {
 public:
  enum class Fault { kNone, kBefore, kAfter };  // an answer is lost before or after the commit

  std::int64_t now = 0, steady = 0;
  std::map<Id, FakeSchedule> schedules;
  std::vector<FakeFire> fires;
  std::set<std::pair<Id, std::int64_t>> fired;
  std::function<Fault()> fault;  // of each write
  std::size_t rows_read = 0;

  static Id id(std::uint32_t n) {
    Id out{};
    for (std::size_t i = 0; i < 4; ++i) out[i] = static_cast<std::uint8_t>(n >> (24 - 8 * i));
    return out;
  }
  FakeSchedule& add(std::uint32_t n, const std::string& members) {
    FakeSchedule& s = schedules[id(n)];
    s.json = R"({"schedule_id":")" + std::to_string(n) + R"(",)" + members + "}";
    s.changed_us = now;
    return s;
  }
  void edit(std::uint32_t n, const std::string& members) {
    FakeSchedule& s = schedules.at(id(n));
    s.json = R"({"schedule_id":")" + std::to_string(n) + R"(",)" + members + "}";
    s.changed_us = now;
    s.is_planned = false;
    ++s.revision;
  }
  void advance(std::int64_t us) {
    now += us;
    steady += us;
  }
  [[nodiscard]] std::vector<std::int64_t> times_of(std::uint32_t n) const {
    std::vector<std::int64_t> out;
    for (const FakeFire& f : fires) {
      if (f.id == id(n)) out.push_back(f.due_us);
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  // Of the `who`th scheduler; each has a lease of its own.
  Host host(std::size_t who) { return Host(&peers_.at(who).host); }

  FakeStore() {
    for (Peer& peer : peers_) {
      peer.store = this;
      peer.host = z4j_host{};
      peer.host.struct_size = sizeof(z4j_host);
      peer.host.ctx = &peer;
      peer.host.log_level = [](void*) -> std::int32_t { return 99; };
      peer.host.log = [](void*, std::int32_t, z4j_str, z4j_str) {};
      peer.host.health = [](void*, std::int32_t, z4j_str) {};
      peer.host.service = [](void*, z4j_str) -> const void* { return &table(); };
    }
  }

 private:
  struct Peer {
    FakeStore* store = nullptr;
    z4j_host host{};
  };

  static FakeStore& of(void* ctx) { return *static_cast<Peer*>(ctx)->store; }
  static Id id_at(const std::uint8_t* bytes) {
    Id out{};
    std::memcpy(out.data(), bytes, out.size());
    return out;
  }

  z4j_status put(const z4j_schedule_rows* rows, const Id& id, const FakeSchedule& s) {
    ++rows_read;
    z4j_stored_schedule row{};
    row.struct_size = sizeof row;
    row.is_enabled = s.is_enabled ? 1 : 0;
    row.is_planned = s.is_planned ? 1 : 0;
    std::memcpy(row.id, id.data(), id.size());
    row.revision = s.revision;
    row.next_run_us = s.next_us;
    row.changed_us = s.changed_us;
    row.schedule_json = str(s.json);
    return rows->put(rows->ctx, &row);
  }
  // In the order of a time, behind a place.
  template <class Time>
  z4j_status page(Time time, std::int64_t after_us, const std::uint8_t* after_id,
                  std::uint32_t limit, const z4j_schedule_rows* rows) {
    std::vector<std::pair<std::int64_t, Id>> found;
    for (const auto& [id, s] : schedules) {
      const std::int64_t at = time(s);
      if (at < after_us || (at == after_us && after_id != nullptr && id <= id_at(after_id)))
        continue;
      found.emplace_back(at, id);
    }
    std::sort(found.begin(), found.end());
    if (found.size() > limit) found.resize(limit);
    for (const auto& [at, id] : found) {
      if (put(rows, id, schedules.at(id)) != Z4J_OK) break;
    }
    return Z4J_OK;
  }
  bool holds(std::uint64_t fence) const { return fence == fence_ && now < lease_until_; }

  template <class Write>
  z4j_status write(std::uint64_t fence, z4j_error* e, Write&& change) {
    const Fault what = fault ? fault() : Fault::kNone;
    if (what == Fault::kBefore) {
      fill(e, Z4J_UNAVAILABLE, "away");
      return Z4J_UNAVAILABLE;
    }
    if (!holds(fence)) return Z4J_CONFLICT;
    change();
    if (what == Fault::kNone) return Z4J_OK;
    fill(e, Z4J_UNKNOWN, "the answer was lost");
    return Z4J_UNKNOWN;
  }

  std::uint8_t plan_one(const z4j_plan& p) {
    const auto found = schedules.find(id_at(p.id));
    if (found == schedules.end() || !found->second.is_enabled ||
        found->second.revision != p.revision)
      return Z4J_FIRE_STALE;
    found->second.is_planned = true;
    found->second.next_us = p.next_run_us;
    return 1;
  }
  std::uint8_t fire_one(const z4j_fire& f) {
    const auto found = schedules.find(id_at(f.id));
    if (found == schedules.end() || !found->second.is_enabled ||
        found->second.revision != f.revision)
      return Z4J_FIRE_STALE;
    if (!fired.emplace(found->first, f.due_us).second) return Z4J_FIRE_TAKEN;
    fires.push_back({found->first, f.due_us, now, f.reason});
    found->second.next_us = f.next_run_us;
    if ((f.flags & Z4J_FIRE_LAST) != 0) found->second.is_enabled = false;
    return Z4J_FIRED;
  }

  static const z4j_schedule_store& table() {
    static const z4j_schedule_store kTable{
        sizeof(z4j_schedule_store),
        0,
        [](void* ctx) -> std::int64_t { return of(ctx).now; },
        [](void* ctx, std::uint32_t ttl_ms, std::uint64_t* fence, z4j_error*) -> z4j_status {
          FakeStore& s = of(ctx);
          if (s.holder_ != ctx || s.now >= s.lease_until_) {
            if (s.now < s.lease_until_) return Z4J_CONFLICT;
            ++s.fence_;
          }
          s.holder_ = ctx;
          s.lease_until_ = s.now + std::int64_t{ttl_ms} * 1000;
          *fence = s.fence_;
          return Z4J_OK;
        },
        [](void* ctx, std::uint64_t fence) {
          if (of(ctx).holds(fence)) of(ctx).lease_until_ = 0;
        },
        [](void* ctx, std::int64_t until, std::int64_t after_us, const std::uint8_t* after_id,
           std::uint32_t limit, const z4j_schedule_rows* rows, z4j_error*) -> z4j_status {
          return of(ctx).page(
              [until](const FakeSchedule& s) {
                const bool is_due =
                    s.is_enabled && s.is_planned && s.next_us != 0 && s.next_us <= until;
                return is_due ? s.next_us : std::int64_t{-1};
              },
              std::max<std::int64_t>(after_us, 0), after_id, limit, rows);
        },
        [](void* ctx, std::int64_t since, const std::uint8_t* after_id, std::uint32_t limit,
           const z4j_schedule_rows* rows, z4j_error*) -> z4j_status {
          return of(ctx).page([](const FakeSchedule& s) { return s.changed_us; }, since, after_id,
                              limit, rows);
        },
        [](void* ctx, const std::uint8_t* ids, std::uint32_t count, const z4j_schedule_rows* rows,
           z4j_error*) -> z4j_status {
          for (std::uint32_t i = 0; i < count; ++i) {
            const auto found = of(ctx).schedules.find(id_at(ids + 16 * i));
            if (found != of(ctx).schedules.end())
              (void)of(ctx).put(rows, found->first, found->second);
          }
          return Z4J_OK;
        },
        [](void*, void (*)(void*, const std::uint8_t*), void*) -> z4j_status { return Z4J_OK; },
        [](void* ctx, std::uint64_t fence, const z4j_plan* plans, std::uint32_t count,
           std::uint8_t* outcomes, z4j_error* e) -> z4j_status {
          return of(ctx).write(fence, e, [&] {
            for (std::uint32_t i = 0; i < count; ++i) outcomes[i] = of(ctx).plan_one(plans[i]);
          });
        },
        [](void* ctx, std::uint64_t fence, const z4j_fire* asked, std::uint32_t count,
           std::uint8_t* outcomes, z4j_error* e) -> z4j_status {
          return of(ctx).write(fence, e, [&] {
            for (std::uint32_t i = 0; i < count; ++i) outcomes[i] = of(ctx).fire_one(asked[i]);
          });
        }};
    return kTable;
  }

  std::array<Peer, 3> peers_;
  void* holder_ = nullptr;
  std::uint64_t fence_ = 0;
  std::int64_t lease_until_ = 0;
};

}  // namespace z4j::native::testing
