// What commands say: the arguments that engines get, the answers they give, and the filters of bulk
// retry. Pure functions, no I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "core/store.hpp"

namespace z4j::core {

inline constexpr std::size_t kOverrideBytes = 64u << 10;
inline constexpr std::int64_t kEtaMaxSeconds = 86'400;
inline constexpr std::int64_t kBulkMax = 10'000;

struct RetryTask {
  std::string engine, task_id;
  std::optional<base::json::Array> override_args;
  std::optional<base::json::Object> override_kwargs;
  std::optional<std::int64_t> eta_seconds;
};

struct CancelTask {
  std::string engine, task_id;
};

struct PurgeQueue {
  std::string queue;
  std::optional<std::string> engine;  // none: the one that has this queue
  std::optional<std::string> confirm_token;
  bool force = false;
  std::optional<bool> copy;  // keep what is taken; none: where the engine can
};

// Verbs for workers. `engine` none: the one that has such a worker.
struct RestartWorker {
  std::string worker;
  std::optional<std::string> engine;
};

struct ResizePool {
  std::string worker;
  std::optional<std::string> engine;
  std::int64_t delta = 0;  // -kMostPoolDelta to kMostPoolDelta
};
inline constexpr std::int64_t kMostPoolDelta = 100;

struct ChangeConsumer {
  enum class Change { add, cancel } change = Change::add;
  std::string worker;
  std::optional<std::string> engine;
  std::string queue;
};

struct LimitRate {
  std::string task_name, rate;                // "0": no limit; "10", "10/s", "10/m", "10/h"
  std::optional<std::string> worker, engine;  // worker none: all of them
};

inline constexpr std::int64_t kMostTimeLimitSeconds = 7 * 86'400;
struct LimitTime {
  std::string task_name;
  std::optional<std::int64_t> soft, hard;     // seconds, 1 to kMostTimeLimitSeconds; none: no limit
  std::optional<std::string> worker, engine;  // worker none: all of them
};

inline constexpr std::int64_t kMostPoolProcesses = 10'000;
struct Autoscale {
  std::string worker;
  std::optional<std::string> engine;
  std::int64_t min = 0, max = 0;  // processes, at most kMostPoolProcesses
};

inline constexpr std::int64_t kMostPauseSeconds = 30 * 86'400;
struct PauseQueue {
  std::optional<std::string> queue;  // none: all that the engine takes from
  std::optional<std::string> engine;
  bool pause = true;                    // false: go on
  std::optional<std::int64_t> seconds;  // then it goes on by itself, where the engine can
};

struct SubmitTask {
  std::string engine, task_name;
  base::json::Array args;
  base::json::Object kwargs;
  std::optional<std::string> queue, priority;
  std::optional<std::int64_t> eta_seconds;
  std::optional<std::string> task_id;  // none: the engine makes one
  base::json::Object headers;          // of the message, for engines that have some
  std::string periodic_task_name;      // the schedule that it comes from; "": none
};

struct RequeueDeadLetter {
  std::string engine, task_id, queue;
  std::optional<std::string> to;  // none: the queue it came from
};

struct DeleteTask {
  std::string engine, task_id;
  std::optional<std::string> queue;
};

[[nodiscard]] base::Status check(const LimitTime& asked);
[[nodiscard]] base::Status check(const Autoscale& asked);
[[nodiscard]] base::Status check(const PauseQueue& asked);
[[nodiscard]] base::Status check(const SubmitTask& asked);
[[nodiscard]] base::Status check(const RequeueDeadLetter& asked);
[[nodiscard]] base::Status check(const DeleteTask& asked);

[[nodiscard]] base::Status check(const RestartWorker& asked);
[[nodiscard]] base::Status check(const ResizePool& asked);
[[nodiscard]] base::Status check(const ChangeConsumer& asked);
[[nodiscard]] base::Status check(const LimitRate& asked);

[[nodiscard]] base::Status check(const RetryTask& asked);
[[nodiscard]] base::Status check_task_name(std::string_view engine, std::string_view task_id);

// What the store knows of a task that is to run again.
struct StoredTask {
  std::string name, queue, worker, priority, state;
  base::json::Value args, kwargs;  // null: not known
  std::int64_t args_flags = 0;
  std::optional<std::string> retried_as;
  std::optional<base::Uuid> agent_id;  // who reported it
};
[[nodiscard]] StoredTask stored_task_of(
    const Row& row);  // of a Query on tasks with kStoredTaskColumns
inline constexpr std::initializer_list<std::uint16_t> kStoredTaskColumns = {
    model::tasks::name,     model::tasks::queue,      model::tasks::worker_name,
    model::tasks::priority, model::tasks::state,      model::tasks::args,
    model::tasks::kwargs,   model::tasks::args_flags, model::tasks::retried_as,
    model::tasks::agent_id};

// Both arguments are known as values, not as texts that a program printed, and are not cut.
[[nodiscard]] bool has_argument_values(const StoredTask& task) noexcept;

// Arguments of RETRY. Recorded arguments go along only when neither redaction nor cutting touched
// them, so an engine never sends a marker in place of a value.
[[nodiscard]] base::json::Object retry_arguments(const RetryTask& asked,
                                                 const std::optional<StoredTask>& task);
[[nodiscard]] std::string retry_args(const RetryTask& asked, const std::optional<StoredTask>& task);
// Python source of a JSON value.
[[nodiscard]] std::string python_literal(const base::json::Value& value);

// What came of a command.
struct CommandOutcome {
  enum class Kind { done, sent, refused, unknown } kind = Kind::unknown;
  std::string reason;
  std::string new_task_id;    // of RETRY
  base::json::Object result;  // always has "outcome"
  [[nodiscard]] bool worked() const noexcept { return kind == Kind::done || kind == Kind::sent; }
  [[nodiscard]] std::string error() const;  // "" when it worked; at most 1024 bytes
  // Of a cancel: a worker that comes later could still run the task.
  [[nodiscard]] bool may_need_repetition() const;
  // Of a cancel: said to be remembered. One that only failed for want of a worker to hear it counts
  // as sent.
  void remembered();
};
[[nodiscard]] std::string_view to_string(CommandOutcome::Kind kind) noexcept;
// An answer that is not understood, and an error after which it may have happened, are unknown.
[[nodiscard]] CommandOutcome outcome_of(const base::Result<std::string>& answer);
// The same of an answer that is JSON already.
[[nodiscard]] CommandOutcome outcome_in(base::json::Object answer);
[[nodiscard]] CommandOutcome refused_outcome(std::string reason);
[[nodiscard]] CommandOutcome unknown_outcome(std::string reason);

// One argument of a task: "user_id:42", "order.lines.0.sku:A-17", "0:4711" (a place among the
// positional ones). The value matches a number, true or false, and a text of the same look; in
// double quotes, the text only. Arguments that an engine tells as source code instead of data don't
// match.
struct ArgFilter {
  bool is_positional = false;
  std::string pointer;  // JSON pointer into args or kwargs
  std::vector<Cell> values;

  static constexpr std::size_t kMaxTerms = 4;
  static constexpr std::string_view kExpected =
      "KEY:VALUE such as user_id:42 or order.lines.0.sku:A-17";
  [[nodiscard]] static std::optional<ArgFilter> parse(std::string_view term);
};

// Which tasks a bulk retry means. Every member of the filter object takes part or is an error: a
// filter that is dropped would retry tasks nobody asked for.
struct BulkFilter {
  std::optional<std::string> state;  // none: any
  std::optional<std::string> name, queue, worker, search, engine;
  std::optional<std::string> fingerprint;  // of its latest failure
  std::vector<std::string> priorities;
  std::vector<ArgFilter> args;
  std::optional<base::TimeUs> since, until;          // of the time that lists order by, inclusive
  std::optional<std::vector<std::string>> task_ids;  // the engines' ids
  // Members that only the server may set; left out and reported.
  std::vector<std::string> rejected_keys;

  // `state` is failure when neither a state nor ids are given.
  [[nodiscard]] static base::Result<BulkFilter> parse(const base::json::Object& filter,
                                                      std::size_t max);
  [[nodiscard]] Where where(const base::Uuid& project) const;
  // Does it ask for more than the order and the state, which any store has an index for?
  [[nodiscard]] bool has_text() const noexcept {
    return name || queue || worker || search || engine || !priorities.empty();
  }
  [[nodiscard]] bool fits_state(const StoredTask& task) const;
};

}  // namespace z4j::core
