// Engine plugins of this brain as agents of their projects: instance NAME is agent "local:NAME".
//
// Keeps their rows (state, sign of life, capabilities), carries events, commands and snapshots
// between engines and the rest of the kernel, shows when they were out of sight, and asks them what
// became of tasks that are not over. Such an agent has no token and goes when its config entry
// goes.
//
// Life of an instance: prepare() before it is started, since engines may emit from their start();
// add() once it runs; remove() before it is stopped. Events are taken from prepare() on, and after
// remove() until the next prepare(), so that nothing is lost when an engine empties its buffers.
//
// Threads: thread-safe. start() runs one thread that asks engines and writes rows; tests may call
// work() instead. emit(), health() and metric() do not block. The host must outlive this object, or
// be stopped.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "core/event_source.hpp"
#include "core/held_agents.hpp"
#include "core/leases.hpp"
#include "core/lost_tasks.hpp"
#include "core/snapshots.hpp"
#include "core/store.hpp"
#include "plugin/host.hpp"

namespace z4j::core {

// The lease of an engine instance: whoever has it runs the instance.
[[nodiscard]] std::string engine_lease(const config::PluginEntry& entry);

// What is known of a local agent's engine now, beyond its row.
struct LocalEngine {
  std::string instance, engine, version, state, health, reason;  // state: the plugin's
  std::uint64_t capabilities = 0;                                // Z4J_ENGINE_* bits
  std::size_t registry_size = 0, lost_candidates = 0;
};

class LocalAgents final : public HeldAgents {
 public:
  struct Options {
    // Events on their way to the store; required. busy: the engine keeps them and tries again.
    std::function<base::Status(const EventSource&, const z4j_event_batch&)> push;
    // Events that an engine had to drop.
    std::function<void(const EventSource&, std::uint64_t n, std::string_view why)> dropped;
    std::function<void(const base::Uuid& project, std::string_view topic)> on_changed;
    // Makes workers' metadata fit to store (secrets out). None: metadata is not stored.
    Redact redact;
    // Hears of tasks that no source knows any more, again later when it fails.
    std::function<base::Status(const base::Uuid& project, const std::string& engine,
                               const std::vector<LostTask>&, const std::optional<Fence>&)>
        on_lost;
    std::string host_name;  // where this brain runs
    int offline_timeout_s = 30;
    std::int64_t max_open_commands = 256;  // per instance
    base::Uuid brain;                      // who holds these agents; nil: nobody else asks
    // The right to sweep up after brains that are gone; none: another brain has it. Empty: nobody
    // else is there to do it.
    std::function<std::optional<Fence>()> may_sweep;
    std::function<std::vector<base::Uuid>()> held_besides;  // other agents here, not to be swept
    std::function<void(const std::optional<Fence>&)> on_sweep;  // more to do under that right
    // What may be believed of a source's fence. Empty: it is held.
    std::function<Leases::Belief(const Fence&)> belief;
    std::function<void()> on_held;  // agents came that other brains may have asked something
  };

  LocalAgents(plugin::Host& host, Store& store, const base::Clock& clock, base::Log& log,
              Options options);
  ~LocalAgents() override;  // stop()
  LocalAgents(const LocalAgents&) = delete;
  LocalAgents& operator=(const LocalAgents&) = delete;

  // Finds the instance's project and makes its agent. Errors: bad_config for an unknown or archived
  // project, conflict for a taken agent name; else the plugin's or the store's.
  // What is written of it begins with `fence`, if there is one.
  [[nodiscard]] base::Status prepare(const config::PluginEntry& entry,
                                     const std::optional<Fence>& fence = {});
  [[nodiscard]] base::Status add(const config::PluginEntry& entry);
  // The agent is offline from now on. Nothing for a name that is not there.
  void remove(const std::string& instance);

  void start();
  void stop();
  // One round: answers, questions, rows. True when there was something to do.
  bool work();

  // For the host's callbacks.
  [[nodiscard]] base::Status emit(const std::string& instance, const z4j_event_batch& batch);
  void health(const std::string& instance);
  void metric(const std::string& instance, std::string_view name, std::string_view labels_json,
              double value, int kind);

  [[nodiscard]] std::vector<EngineRoute> routes(const base::Uuid& project) override;
  void command(const base::Uuid& agent_id, const std::string& engine, std::uint64_t verb,
               std::string target, std::string args_json, int deadline_ms,
               plugin::Answer answer) override;

  // Agents whose engines run here.
  [[nodiscard]] std::vector<base::Uuid> held() const override;
  [[nodiscard]] bool holds(const base::Uuid& agent_id) const override;
  [[nodiscard]] std::optional<Fence> fence(const base::Uuid& agent_id) const override;
  void read(const base::Uuid& agent_id, std::string_view what, std::string page_json,
            int deadline_ms, plugin::Answer answer) override;

  // None when the agent is no engine instance of this brain.
  [[nodiscard]] std::optional<LocalEngine> engine(const base::Uuid& agent_id) const;
  // Task names that the agent's workers know, sorted; null like engine().
  [[nodiscard]] std::shared_ptr<const Snapshots::Registry> registry(
      const base::Uuid& agent_id) const;
  // Over all instances: see reconcile.hpp.
  [[nodiscard]] std::size_t lost_candidates() const;
  // How often an engine was asked what became of its tasks.
  [[nodiscard]] std::uint64_t reconcile_questions() const noexcept { return questions_; }

 private:
  struct Source;  // one instance; agents_inside.hpp
  struct Inbox;   // answers; outlives this object while engines still owe some
  using SourcePtr = std::shared_ptr<Source>;

  [[nodiscard]] SourcePtr find(const std::string& instance) const;
  [[nodiscard]] SourcePtr find(const base::Uuid& agent_id) const;
  [[nodiscard]] std::vector<SourcePtr> sources() const;
  [[nodiscard]] base::Result<base::Uuid> project_of(const config::PluginEntry& entry);
  bool take_answers();
  bool ask(const SourcePtr& source);
  void put(const SourcePtr& source, const SnapshotQuestion& question);
  bool push_proven(Source& source);
  void sample(Source& source);
  [[nodiscard]] base::Status write_presence(const std::vector<SourcePtr>& sources, bool with_times,
                                            const SourcePtr& regained = {});
  void sweep();
  void changed(const base::Uuid& project, std::string_view topic) const;
  void run();

  plugin::Host& host_;
  Store& store_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;
  const std::shared_ptr<Inbox> inbox_;

  mutable std::shared_mutex sources_mutex_;
  std::map<std::string, SourcePtr> sources_;  // by instance; guarded by sources_mutex_

  std::atomic<std::uint64_t> questions_{0};
  std::mutex work_mutex_;                               // one round at a time
  std::int64_t next_times_ms_ = 0, next_sweep_ms_ = 0;  // guarded by work_mutex_
  std::mutex presence_mutex_;                           // one writer of presence at a time
  std::thread thread_;
};

}  // namespace z4j::core
