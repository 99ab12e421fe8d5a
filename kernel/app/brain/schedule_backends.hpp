// The scheduler plugins of this installation, as the kernel asks for them: which there are, on
// whichever brain; those that run here, to be listed and edited; and when a schedule runs next.
//
// Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"
#include "core/leases.hpp"
#include "core/projects.hpp"
#include "core/schedule_backends.hpp"
#include "core/schedule_streams.hpp"
#include "core/schedules.hpp"
#include "gateway/gateway.hpp"
#include "plugin/host.hpp"

namespace z4j::app {

class PluginSchedulers final : public core::ScheduleBackends {
 public:
  PluginSchedulers(plugin::Host& host, core::Leases& leases, core::Projects& projects,
                   const std::vector<config::PluginEntry>& entries)
      : host_(host), leases_(leases), projects_(projects), entries_(entries) {}

  // Agents that are connected here; set before others use this, or never.
  void with_agents(gateway::Gateway& gateway) { gateway_ = &gateway; }

  [[nodiscard]] std::vector<core::SchedulerPlace> places();
  [[nodiscard]] base::Result<std::vector<base::TimeUs>> preview(const std::string& scheduler,
                                                                const base::Uuid& project,
                                                                const base::json::Object& schedule,
                                                                base::TimeUs from,
                                                                std::uint32_t most);
  // unavailable when the instance does not run on this brain: the message names the one that runs
  // it.
  [[nodiscard]] base::Status reach(const std::string& instance);
  // Writes a schedule where the instance keeps them; waits for it.
  [[nodiscard]] base::Status put_now(const std::string& instance,
                                     const base::json::Object& schedule, const std::string& etag,
                                     int deadline_ms);
  // All schedules of an instance in its backend's own form. Waits for it.
  [[nodiscard]] base::Result<base::json::Array> own_form(const std::string& instance);

  // Schedulers that agents watch which are connected here.
  [[nodiscard]] std::vector<core::WatchedScheduler> watched() const;

  [[nodiscard]] std::vector<core::ScheduleBackend> here() override;
  void list(const std::string& owner, std::string page_json, int deadline_ms,
            plugin::Answer answer) override;
  void put(const std::string& owner, std::string schedule_json, std::string etag, int deadline_ms,
           plugin::Answer answer) override;
  void remove(const std::string& owner, std::string id, std::string etag, int deadline_ms,
              plugin::Answer answer) override;
  void trigger(const std::string& owner, std::string id, int deadline_ms,
               plugin::Answer answer) override;
  void order(const core::ScheduleBackend& backend, const core::Schedule& schedule,
             const std::string& change, int deadline_ms, plugin::Answer answer) override;

 private:
  struct Described {
    std::string scheduler;  // empty: it is none
    bool serves_the_store = false;
    base::Uuid project_id;
  };
  [[nodiscard]] std::optional<Described> described(const config::PluginEntry& entry);
  [[nodiscard]] std::set<std::string> running_elsewhere();

  plugin::Host& host_;
  core::Leases& leases_;
  core::Projects& projects_;
  const std::vector<config::PluginEntry>& entries_;
  gateway::Gateway* gateway_ = nullptr;
  std::mutex mutex_;
  std::map<std::string, Described> described_;  // by instance; guarded by mutex_, as are the next
  std::set<std::string> elsewhere_;
  std::optional<std::int64_t> elsewhere_at_ms_;
  base::SystemClock clock_;
};

}  // namespace z4j::app
