// Asks agents elsewhere what became of tasks that have been silent for long, as reconcile.hpp does
// for engines that are attached here.
//
// Only agents with such tasks are asked, a few at a time, from the brain that has the right to.
// What an agent proves becomes events of its own; tasks of which it had no trace twice are noted as
// lost.
//
// Threads: thread-safe. start() runs one thread; tests may call work() instead.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/event_source.hpp"
#include "core/leases.hpp"
#include "core/reconcile.hpp"
#include "core/relay.hpp"
#include "core/store.hpp"

namespace z4j::core {

class RemoteReconcile {
 public:
  struct Options {
    std::int64_t every_ms = 60'000;
    base::TimeUs silence = 900 * base::kSecondUs;  // a task is asked about after that
    // The right to ask; none: another brain has it. Empty: nobody else is there.
    std::function<std::optional<Fence>()> may_ask;
    std::function<base::Status(const EventSource&, const z4j_event_batch&)> push;  // required
    std::function<base::Status(const base::Uuid& project, const std::string& engine,
                               const std::vector<LostTask>&, const std::optional<Fence>&)>
        on_lost;  // required
    std::function<void(const base::Status&)> on_pass;
  };

  RemoteReconcile(Store& store, Relay& relay, const base::Clock& clock, base::Log& log,
                  Options options);
  ~RemoteReconcile();  // stop()
  RemoteReconcile(const RemoteReconcile&) = delete;
  RemoteReconcile& operator=(const RemoteReconcile&) = delete;

  void start();
  void stop();
  // One pass. How many tasks were asked about.
  [[nodiscard]] base::Result<std::size_t> work();

 private:
  struct Agent {
    base::Uuid project_id, agent_id;
    std::string name, engine;
  };
  using Key = std::pair<base::Uuid, std::string>;  // agent and engine

  [[nodiscard]] base::Result<std::vector<Agent>> agents_with_silent_tasks();
  [[nodiscard]] std::size_t ask(const Agent& agent, Reconcile& reconcile,
                                const std::optional<Fence>& fence);
  void run();

  Store& store_;
  Relay& relay_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;

  std::mutex work_mutex_;                            // one pass at a time
  std::map<Key, std::unique_ptr<Reconcile>> asked_;  // guarded by work_mutex_
  std::size_t next_ = 0;                             // likewise: where the next pass begins

  std::mutex mutex_;
  std::condition_variable wake_;
  bool is_stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace z4j::core
