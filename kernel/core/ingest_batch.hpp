// One batch on its way into the store: the events of a lane and the commit that they make.
//
// Order of the steps: events first, all of which must be new, so that nothing behind them
// (counters, roll-ups, gaps, dead letters) can happen twice; then tasks, minutes, workers, queues,
// agents. The leases under which the events were heard are looked at last: their rows stay locked
// until the commit is over, and renewals must not wait long.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "core/event_decode.hpp"
#include "core/fleet_memory.hpp"
#include "core/leases.hpp"
#include "core/store.hpp"

namespace z4j::core {

// Derived ids are hashes already.
struct UuidHash {
  std::size_t operator()(const base::Uuid& id) const noexcept {
    std::size_t head = 0;
    std::memcpy(&head, id.bytes.data(), sizeof head);
    return head;
  }
};

using EventRefs = std::vector<const Event*>;

struct BatchCommit {
  Commit commit;
  std::uint32_t events_step =
      ~std::uint32_t{0};  // the place of the events' step; ~0: it holds none
  EventRefs stored;       // by row of that step
  std::map<base::Uuid, std::set<std::string_view>> topics;  // what to tell, by project
  std::vector<FleetMemory::Note> fleet;                     // what it writes of workers and queues
  std::uint32_t first_guard = 0;                            // the place of the first guard
  std::vector<const Fence*> guards;

  // After a conflict: the fence that does not hold any more, if that is why.
  [[nodiscard]] const Fence* refused() const {
    const std::uint32_t bad = commit.bad_step();
    return bad >= first_guard && bad - first_guard < guards.size() ? guards[bad - first_guard]
                                                                   : nullptr;
  }
};

// `drops`: events that agents lost, to be counted with this commit. `told`: what the lane wrote of
// workers and queues before.
[[nodiscard]] BatchCommit make_commit(const EventRefs& events,
                                      const std::map<base::Uuid, std::uint64_t>& drops,
                                      unsigned lane, std::vector<const Fence*> guards,
                                      const FleetMemory& told = {});

// For one event that the store refuses, and why.
[[nodiscard]] Commit make_dead_letter(const Event& event, std::string_view reason, base::TimeUs now,
                                      const Redactor& redactor);

// Those that the store does not have yet.
[[nodiscard]] base::Result<EventRefs> not_stored_yet(Store& store, const EventRefs& events);

// Drops events that were read back after an outage and tell what the store knows already; the
// others get the attempt of the stored run when they know none. `events` is changed only on
// success.
[[nodiscard]] base::Status drop_known_rebuilds(Store& store, std::vector<Event>& events,
                                               std::vector<Event>& dropped);

// Those whose task was read back after an outage and then told the same: by another id, since its
// time was not known exactly.
[[nodiscard]] base::Result<EventRefs> told_by_rebuilds(Store& store, const EventRefs& events);

}  // namespace z4j::core
