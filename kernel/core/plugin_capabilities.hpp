// What was seen of plugins' capabilities: how often an instance was asked for each, what came of
// it, when last and how it ended then. Kept over restarts, by instance, plugin and version: a new
// version begins anew.
//
// Gathered in memory and added to the store every ten seconds and at stop(), so that several brains
// on one store add up; a crash loses the last seconds. Bounded: what the instances of the
// configuration can be asked for; texts are redacted and cut. Thread-safe.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/leases.hpp"
#include "core/snapshots_read.hpp"
#include "core/store.hpp"
#include "plugin/capabilities.hpp"

namespace z4j::core {

struct SeenCapability {
  std::string kind, name;
  std::array<std::int64_t, plugin::kOutcomes> times{};  // by plugin::CallOutcome
  std::int64_t undeclared = 0;                          // calls that served it while not declared
  base::TimeUs first_at = 0, last_at = 0;
  std::string last_outcome, last_code, last_text;

  [[nodiscard]] std::int64_t asked() const;
  [[nodiscard]] std::int64_t times_of(plugin::CallOutcome outcome) const {
    return times[static_cast<std::size_t>(outcome)];
  }
};

class PluginCapabilities {
 public:
  static constexpr std::size_t kMostGathered = 4000;  // what is beyond is not counted

  struct Options {
    std::int64_t flush_ms = 10'000;
    Redact redact = {};  // of texts
    std::function<void(const base::Status&)> on_flushed = {};
  };
  PluginCapabilities(Store& store, const base::Clock& clock, base::Log& log, Options options);
  PluginCapabilities(const PluginCapabilities&) = delete;
  PluginCapabilities& operator=(const PluginCapabilities&) = delete;
  ~PluginCapabilities();  // stop()

  void start();
  // Ends the thread and stores what was gathered.
  void stop();

  // Quick: no store, no wait for one.
  void seen(const plugin::Seen& seen);
  // Adds what was gathered to the store. When that fails it is kept for the next time, unless it
  // may have happened.
  [[nodiscard]] base::Status flush();
  // All that was seen of that version of an instance, what is not stored yet included; by kind and
  // name.
  [[nodiscard]] base::Result<std::vector<SeenCapability>> of(std::string_view instance,
                                                             std::string_view plugin_id,
                                                             std::string_view version);

 private:
  using Key = std::tuple<std::string, std::string, std::string, std::string, std::string>;
  using Gathered = std::map<Key, SeenCapability>;
  void run();

  Store& store_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;

  std::mutex storing_;  // held from taking what was gathered to the end of its commit
  std::mutex mutex_;
  std::condition_variable wake_;
  Gathered gathered_;  // guarded by mutex_, as are the next
  bool is_stopping_ = false;
  bool is_failing_ = false;  // the latest flush failed: told once
  std::thread thread_;
};

// Deletes what nothing was seen of for that long. How many rows.
[[nodiscard]] base::Result<std::uint64_t> forget_plugin_capabilities(
    Store& store, base::TimeUs before, const std::optional<Fence>& fence);

}  // namespace z4j::core
