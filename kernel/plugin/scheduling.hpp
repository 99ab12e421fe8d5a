// What scheduler plugins ask the kernel: to send a task, and for the schedules that it keeps. Who
// wires the host says how it is done. Rows cross as the ABI has them: valid during the call.
#pragma once

#include <z4j/abi.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/uuid.hpp"

namespace z4j::plugin {

struct Submission {
  std::string project;  // slug
  std::string engine, task, queue, priority, args_json, kwargs_json, more_json, idempotency_key;
  int deadline_ms = 0;
  std::int64_t eta_us = 0;  // 0: at once
};

// The kernel's schedules of one scheduler, by the name that it goes by. Thread-safe; everything but
// now_us() blocks on the store. What each call means: abi.h, z4j_schedule_store.
class ScheduleStore {
 public:
  virtual ~ScheduleStore() = default;

  struct Place {
    std::int64_t us = 0;
    std::optional<base::Uuid> id;  // none: from `us` on
  };
  // False ends it.
  using Put = std::function<bool(const z4j_stored_schedule&)>;

  [[nodiscard]] virtual std::int64_t now_us() = 0;
  // The fence. conflict: somebody else leads.
  [[nodiscard]] virtual base::Result<std::uint64_t> lead(const std::string& scheduler,
                                                         int ttl_ms) = 0;
  virtual void resign(const std::string& scheduler, std::uint64_t fence) = 0;
  [[nodiscard]] virtual base::Status due(const std::string& scheduler, std::int64_t until_us,
                                         const Place& after, std::uint32_t limit,
                                         const Put& put) = 0;
  [[nodiscard]] virtual base::Status changed(const std::string& scheduler, const Place& since,
                                             std::uint32_t limit, const Put& put) = 0;
  [[nodiscard]] virtual base::Status read(const std::string& scheduler,
                                          std::span<const base::Uuid> ids, const Put& put) = 0;
  // One outcome each. conflict: the fence is over, nothing happened.
  [[nodiscard]] virtual base::Status plan(const std::string& scheduler, std::uint64_t fence,
                                          std::span<const z4j_plan> plans,
                                          std::span<std::uint8_t> outcomes) = 0;
  [[nodiscard]] virtual base::Status fire(const std::string& scheduler, std::uint64_t fence,
                                          std::span<const z4j_fire> fires,
                                          std::span<std::uint8_t> outcomes) = 0;
};

// Empty functions: this host has no such service.
struct Scheduling {
  // `done` gets the JSON of the answer, exactly once, on any thread, unless this fails.
  std::function<base::Status(const std::string& instance, Submission,
                             std::function<void(base::Result<std::string>)> done)>
      submit;
  // None: not there yet, or not any more.
  std::function<std::shared_ptr<ScheduleStore>()> schedules;
};

}  // namespace z4j::plugin
