// Commands: what people ask of engines, from the asking to what came of it.
//
// Who carries it out is found by engine and liveness, unless an agent is named: the one that told
// of the task, worker or queue if it is online and can, else any that is.
//
// A command's row and its audit entry are stored before anything is sent: as `dispatched` when this
// brain holds the agent and sends it, else as `pending`, which the brain that holds the agent makes
// `dispatched` when it takes it. Who made it `dispatched` sends it, once. A crash in between leaves
// the row to its time-out: a command runs at most once. It ends as completed (done or sent), failed
// (refused or outcome unknown: see result.outcome), timeout, or cancelled when no agent was there
// to take it. Later answers are dropped and counted. One who would rather wait gets a `pending`
// command that is sent, at most once, when such an agent comes before its time is over.
//
// A cancel that may have to be said again is remembered: see revocations.hpp.
//
// An idempotency key belongs to what was asked: the same key with the same request gives back the
// first command and does nothing else, with another request it is a conflict. Cancelled commands
// give their key back.
//
// A bulk retry, and a purge that keeps a copy, are worked off by others: see bulk_jobs.hpp and
// queue_copies.hpp.
//
// Threads: thread-safe. start() runs one thread that stores answers and sweeps time-outs; tests may
// call work() instead. Errors: see
// refusal.hpp (agent_offline: unavailable; capability missing: unsupported); else the store's.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/argument_diff.hpp"
#include "core/audit.hpp"
#include "core/command_plan.hpp"
#include "core/engine_routes.hpp"
#include "core/leases.hpp"
#include "core/metrics.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct Command {
  base::Uuid id, project_id;
  std::optional<base::Uuid> agent_id, issued_by;
  std::string action, target_type, status, error;
  std::optional<std::string> target_id;
  base::json::Value payload, result;
  base::TimeUs issued_at = 0, timeout_at = 0;
  std::optional<base::TimeUs> dispatched_at, completed_at;
};
[[nodiscard]] Command command_of(const Row& row);  // of a Query on commands with all()

// Who asks, and what every command has.
struct CommandRequest {
  base::Uuid project_id;
  std::optional<base::Uuid> agent_id;          // none: any agent that is online and can
  std::optional<std::string> idempotency_key;  // 1 to 200 characters
  Actor actor;
  bool queue_if_offline = false;  // wait for an agent instead of being cancelled
};

struct BulkRetry {
  base::json::Object filter;
  std::int64_t max = 1000;
};

class Commands {
 public:
  struct Options {
    int timeout_s = 60;
    double bulk_rate_per_s = 50;     // of bulk retries; 0: no limit
    std::size_t max_open = 1000;     // sent and not answered
    std::size_t max_bulk_jobs = 16;  // waiting
    std::function<void(const base::Uuid& project, std::string_view topic)> on_changed;
    // Makes a payload fit to store (secrets out). None: overrides are not stored.
    std::function<base::json::Value(base::json::Value)> redact;
    // The right to end commands whose time is over; none: another brain has it. Empty: nobody else
    // is there to do it.
    std::function<std::optional<Fence>()> may_sweep;
    // Hears of every sweep that start() began.
    std::function<void(const base::Status&)> on_swept;
    // A bulk retry or a purge with a copy waits to be worked off, here or by another brain.
    std::function<void()> on_bulk;
    std::int64_t max_copied_messages = 200'000, copies_kept_s = 7 * 86'400;
    std::function<void(Commit&)> tell_bulk;
  };

  Commands(Store& store, Audit& audit, EngineRoutes& routes, const base::Clock& clock,
           base::Log& log, Options options);
  ~Commands();  // stop()
  Commands(const Commands&) = delete;
  Commands& operator=(const Commands&) = delete;

  [[nodiscard]] base::Result<Command> retry_task(const CommandRequest& request,
                                                 const RetryTask& asked);
  // What a retry would send, as far as the store knows it (redacted), and how it differs from what
  // the task had. not_found: no such task is stored.
  struct RetryPreview {
    StoredTask task;
    bool is_known = false;  // the arguments that the task had
    bool is_edited = false;
    std::vector<ArgumentChange> changes;  // when both are known
  };
  [[nodiscard]] base::Result<RetryPreview> preview_retry(const base::Uuid& project,
                                                         const RetryTask& asked);
  [[nodiscard]] base::Result<Command> cancel_task(const CommandRequest& request,
                                                  const CancelTask& asked);
  // A selection and a job behind one command; result.items tells of each task.
  [[nodiscard]] base::Result<Command> bulk_retry(const CommandRequest& request,
                                                 const BulkRetry& asked);
  [[nodiscard]] base::Result<Command> purge_queue(const CommandRequest& request,
                                                  const PurgeQueue& asked);

  [[nodiscard]] base::Result<Command> submit_task(const CommandRequest& request,
                                                  const SubmitTask& asked);
  [[nodiscard]] base::Result<Command> requeue_dead_letter(const CommandRequest& request,
                                                          const RequeueDeadLetter& asked);
  [[nodiscard]] base::Result<Command> delete_task(const CommandRequest& request,
                                                  const DeleteTask& asked);
  [[nodiscard]] base::Result<Command> pause_queue(const CommandRequest& request,
                                                  const PauseQueue& asked);

  [[nodiscard]] base::Result<Command> restart_worker(const CommandRequest& request,
                                                     const RestartWorker& asked);
  [[nodiscard]] base::Result<Command> shutdown_worker(const CommandRequest& request,
                                                      const RestartWorker& asked);
  [[nodiscard]] base::Result<Command> autoscale(const CommandRequest& request,
                                                const Autoscale& asked);
  [[nodiscard]] base::Result<Command> limit_time(const CommandRequest& request,
                                                 const LimitTime& asked);
  [[nodiscard]] base::Result<Command> resize_pool(const CommandRequest& request,
                                                  const ResizePool& asked);
  [[nodiscard]] base::Result<Command> change_consumer(const CommandRequest& request,
                                                      const ChangeConsumer& asked);
  [[nodiscard]] base::Result<Command> limit_rate(const CommandRequest& request,
                                                 const LimitRate& asked);

  // Who would carry out a purge of the queue now. Errors as purge_queue()'s.
  [[nodiscard]] base::Result<EngineRoute> route_to_queue(const CommandRequest& request,
                                                         const std::string& queue,
                                                         const std::optional<std::string>& engine);

  [[nodiscard]] base::Result<Command> find(const base::Uuid& project, const base::Uuid& id);
  struct Place {
    base::TimeUs issued_at;
    base::Uuid id;
  };
  // Newest first, behind `after`.
  [[nodiscard]] base::Result<std::vector<Command>> list(const base::Uuid& project,
                                                        std::optional<std::string_view> status,
                                                        std::optional<Place> after,
                                                        std::uint32_t limit);

  void start();
  void stop();

  // Takes a command that another brain stored and sends it. `claim` holds the steps that give this
  // brain the right to; when they are refused, or somebody ended the command, nothing is sent.
  [[nodiscard]] base::Status take(const HandedCommand& command, Commit claim);

  // An agent has come that commands may wait for.
  void look_for_waiting();
  // Sends what waited for agents that are here now. True when there was any.
  bool deliver_waiting();

  // Stores the answers that have come. True when there were any.
  bool work();
  // Rows past their time become `timeout`; how many.
  [[nodiscard]] base::Result<std::size_t> sweep();
  // One that somebody else worked off has ended.
  void count_ended(std::string_view action, std::string_view status);

  // Metric families of commands since the start.
  void write_metrics(MetricText& out) const;

 private:
  struct Plan;   // a command about to be stored
  struct Sent;   // what must be known when the answer comes
  struct Inbox;  // answers; outlives this object while engines still owe some

  [[nodiscard]] base::Result<std::optional<Command>> earlier(const CommandRequest& request,
                                                             const std::string& hash);
  [[nodiscard]] base::Result<EngineRoute> choose(
      const CommandRequest& request, std::string_view engine, std::uint64_t verb,
      const std::optional<base::Uuid>& prefers = {}) const;
  [[nodiscard]] base::Result<Command> without_route(const CommandRequest& request, const Plan& plan,
                                                    const std::string& hash,
                                                    const base::Error& why);
  [[nodiscard]] bool is_agent(const base::Uuid& project, const base::Uuid& agent) const;
  [[nodiscard]] base::Result<Command> issue(const CommandRequest& request, Plan plan,
                                            bool* is_new = nullptr);
  [[nodiscard]] base::Result<Command> insert(const CommandRequest& request, const Plan& plan,
                                             const std::string& hash, std::string_view status,
                                             const std::optional<base::Uuid>& agent,
                                             const HandedCommand* handed = nullptr);
  void send(const base::Uuid& agent, const std::string& engine, std::uint64_t verb,
            const std::string& target, const std::string& args_json, int deadline_ms, Sent sent);
  [[nodiscard]] bool open_one();
  void refuse_and_record(const CommandRequest& request, const Plan& plan, const base::Error& why);
  [[nodiscard]] base::Result<std::optional<StoredTask>> stored_task(const base::Uuid& project,
                                                                    std::string_view engine,
                                                                    std::string_view task_id);
  // The engine, and the agent, that told of a queue or worker of that name. No engine: nobody can
  // say.
  struct Owner {
    std::string engine;
    std::optional<base::Uuid> agent_id;
  };
  [[nodiscard]] base::Result<Owner> owner_of(const CommandRequest& request, Table table,
                                             std::string_view name,
                                             const std::optional<std::string>& engine,
                                             std::uint64_t verb);
  [[nodiscard]] base::Result<Command> order_task(const CommandRequest& request, Plan plan,
                                                 const std::string& engine,
                                                 const std::string& task_id);
  [[nodiscard]] base::Result<Command> order_task_name(const CommandRequest& request, Plan plan,
                                                      const std::string& task_name,
                                                      const std::optional<std::string>& worker,
                                                      const std::optional<std::string>& engine);
  // Makes the purge one that keeps a copy, if it is to be: queue_copies.hpp works it off. Whether
  // it is. The error says why it can't be, though it is asked for.
  [[nodiscard]] base::Result<bool> plan_copy(const CommandRequest& request, const PurgeQueue& asked,
                                             Plan& plan);
  [[nodiscard]] base::Result<Command> order_worker(const CommandRequest& request, Plan plan,
                                                   const std::string& worker,
                                                   const std::optional<std::string>& engine);
  void link(Commit& commit, const base::Uuid& project, std::string_view engine,
            std::string_view old_id, const std::string& new_id, const std::string& name) const;
  [[nodiscard]] base::Status finish(const Sent& sent, CommandOutcome outcome);
  void changed(const base::Uuid& project) const;
  [[nodiscard]] base::json::Value override_of(const base::json::Value& value) const;
  void answer_loop();

  Store& store_;
  Audit& audit_;
  EngineRoutes& routes_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;
  std::shared_ptr<Inbox> inbox_;
  std::atomic<std::uint64_t> late_results_{0};
  CounterFamily issued_{
      "z4j_commands_total", "commands issued since the start", {"project", "action", "status"}};
  CounterFamily ended_{
      "z4j_actions_total", "what became of commands since the start", {"verb", "engine", "status"}};
  DurationFamily took_{"z4j_action_duration_seconds",
                       "from sending an action to the stored answer of its engine", "verb"};
  std::atomic<bool> may_have_waiting_{true};

  std::atomic<bool> stopping_{false};
  std::thread answers_thread_;
};

}  // namespace z4j::core
