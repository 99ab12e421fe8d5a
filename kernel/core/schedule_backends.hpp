// What keeps schedules elsewhere and can be reached from this brain: scheduler plugins that it
// runs, and agents that are connected to it. The JSON is that of docs/abi/scheduler.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/uuid.hpp"
#include "core/leases.hpp"
#include "core/schedule.hpp"
#include "plugin/host.hpp"

namespace z4j::core {

struct ScheduleBackend {
  std::string owner;  // the instance's name, or the agent's id
  std::string scheduler;
  base::Uuid project_id;
  std::optional<base::Uuid> agent_id = {};  // it tells its schedules by itself
  std::optional<Fence> fence = {};          // of an instance: the right to run it
  int list_every_ms = 5'000;                // of an instance: between its listings
};

// Thread-safe. Answers come exactly once, on any thread, possibly before the call returns, at the
// latest a little after the deadline.
class ScheduleBackends {
 public:
  virtual ~ScheduleBackends() = default;

  [[nodiscard]] virtual std::vector<ScheduleBackend> here() = 0;
  // Of instances.
  virtual void list(const std::string& owner, std::string page_json, int deadline_ms,
                    plugin::Answer answer) = 0;
  virtual void put(const std::string& owner, std::string schedule_json, std::string etag,
                   int deadline_ms, plugin::Answer answer) = 0;
  virtual void remove(const std::string& owner, std::string id, std::string etag, int deadline_ms,
                      plugin::Answer answer) = 0;
  virtual void trigger(const std::string& owner, std::string id, int deadline_ms,
                       plugin::Answer answer) = 0;
  // Of agents: enable, disable, trigger, delete. With success the change was made.
  virtual void order(const ScheduleBackend& backend, const Schedule& schedule,
                     const std::string& change, int deadline_ms, plugin::Answer answer) = 0;
};

}  // namespace z4j::core
