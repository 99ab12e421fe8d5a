// Hands every entry of the audit log to receivers outside, each at its own pace: from a cursor in
// the store, in order, at least once, never dropping. What a receiver has not, retention keeps.
//
// While all receivers are further behind than is allowed, changes are refused: an act that nobody
// outside hears of does not happen.
//
// start() runs a thread for each sink; one brain hands on for all, by its lease, and the others
// watch the cursors. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/audit.hpp"
#include "core/leases.hpp"
#include "core/metrics.hpp"
#include "core/store.hpp"

namespace z4j::core {

// A receiver. One thread at a time, but for cancel().
class AuditSink {
 public:
  virtual ~AuditSink() = default;
  [[nodiscard]] virtual std::string name() const = 0;  // of its cursor
  // How many of them are safely there; fewer than all: why the rest is not. Has deadlines of its
  // own; the error holds no secret.
  struct Outcome {
    std::size_t taken = 0;
    base::Status rest;
  };
  [[nodiscard]] virtual Outcome send(std::span<const AuditRow> entries) = 0;
  // What is under way, and all that comes, fails at once.
  virtual void cancel() = 0;
};

// The body that webhooks get and syslog messages hold: the entry's canonical text with its MAC.
[[nodiscard]] std::string forwarded_text(const AuditRow& row);

class AuditForwarder {
 public:
  struct Options {
    std::function<std::optional<Fence>()> may_run = {};  // as AuditKeeper's
    std::int64_t max_behind = 10'000;                    // entries; 0: no limit
    std::int64_t max_behind_s = 0;                       // 0: no limit
  };

  AuditForwarder(Store& store, Audit& audit, const base::Clock& clock, base::Log& log,
                 std::vector<std::unique_ptr<AuditSink>> sinks, Options options);
  ~AuditForwarder();  // stop()
  AuditForwarder(const AuditForwarder&) = delete;
  AuditForwarder& operator=(const AuditForwarder&) = delete;

  void start();
  void stop();
  // May something be changed now?
  [[nodiscard]] base::Status may_change() const;
  // The newest place that every sink has; none: there are no sinks.
  [[nodiscard]] base::Result<std::optional<std::int64_t>> forwarded();
  // An array of {"name","seq","behind","blocked_since","last_error"}.
  [[nodiscard]] base::json::Array to_json() const;
  void write_metrics(MetricText& out) const;

 private:
  struct Channel {
    std::unique_ptr<AuditSink> sink;
    std::string name;
    std::thread thread;
    // Guarded by mutex_; as the store has it.
    std::int64_t seq = 0;
    std::optional<base::TimeUs> blocked_since;
    std::string last_error;
    std::uint64_t sent = 0;
  };

  [[nodiscard]] base::Status look(Channel& channel);
  // Hands on what is there; false: nothing was, or it could not be.
  [[nodiscard]] bool hand_on(Channel& channel, const std::optional<Fence>& fence);
  [[nodiscard]] base::Status move(Channel& channel, const std::optional<Fence>& fence,
                                  std::int64_t seq, const base::Status& trouble);
  [[nodiscard]] bool is_blocked(const Channel& channel) const;  // under mutex_
  void run(Channel& channel);

  Store& store_;
  Audit& audit_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool is_stopping_ = false;  // guarded by mutex_
  std::vector<std::unique_ptr<Channel>> channels_;
};

}  // namespace z4j::core
