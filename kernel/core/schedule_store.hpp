// The kernel's schedules as scheduler plugins see them: the host service z4j.schedule-store/1.
//
// One scheduler on one brain leads; its lease (leases.hpp) gives it the fence that plans and fires
// are checked against in their own commits. Who does not renew its lead in time gives it up.
//
// Threads: thread-safe; every call but now_us() waits for the store.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/leases.hpp"
#include "core/metrics.hpp"
#include "core/schedule_fires.hpp"
#include "core/store.hpp"
#include "plugin/scheduling.hpp"

namespace z4j::core {

// The lease of whoever fires the schedules of that scheduler.
[[nodiscard]] std::string schedule_lease(const std::string& scheduler);

class ScheduleStore final : public plugin::ScheduleStore {
 public:
  ScheduleStore(Store& store, Leases& leases, ScheduleFires& fires, const base::Clock& clock,
                base::Log& log)
      : store_(store), leases_(leases), fires_(fires), clock_(clock), log_(log) {}

  [[nodiscard]] std::int64_t now_us() override { return clock_.now(); }
  [[nodiscard]] base::Result<std::uint64_t> lead(const std::string& scheduler, int ttl_ms) override;
  void resign(const std::string& scheduler, std::uint64_t fence) override;
  [[nodiscard]] base::Status due(const std::string& scheduler, std::int64_t until_us,
                                 const Place& after, std::uint32_t limit, const Put& put) override;
  [[nodiscard]] base::Status changed(const std::string& scheduler, const Place& since,
                                     std::uint32_t limit, const Put& put) override;
  [[nodiscard]] base::Status read(const std::string& scheduler, std::span<const base::Uuid> ids,
                                  const Put& put) override;
  [[nodiscard]] base::Status plan(const std::string& scheduler, std::uint64_t fence,
                                  std::span<const z4j_plan> plans,
                                  std::span<std::uint8_t> outcomes) override;
  [[nodiscard]] base::Status fire(const std::string& scheduler, std::uint64_t fence,
                                  std::span<const z4j_fire> fires,
                                  std::span<std::uint8_t> outcomes) override;

  // Takes the lead from those who did not renew it. To be called every second or so.
  void end_leads();
  void write_metrics(MetricText& out) const;

 private:
  [[nodiscard]] Fence fence_of(const std::string& scheduler, std::uint64_t number) const;

  Store& store_;
  Leases& leases_;
  ScheduleFires& fires_;
  const base::Clock& clock_;
  base::Log& log_;

  mutable std::mutex mutex_;
  std::map<std::string, std::int64_t> leads_until_ms_;  // by scheduler; guarded by mutex_
};

}  // namespace z4j::core
