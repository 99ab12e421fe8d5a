// What goes on behind the audit log: the tree grows, checkpoints are signed and co-signed, old
// entries go, and the whole is checked now and then. One brain does it for all, by its lease.
//
// start() runs two threads, one for the check, which may take minutes; tests call work() instead.
// Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/audit.hpp"
#include "core/audit_checkpoints.hpp"
#include "core/audit_eraser.hpp"
#include "core/audit_retention.hpp"
#include "core/audit_tree.hpp"
#include "core/leases.hpp"
#include "core/metrics.hpp"
#include "core/store.hpp"

namespace z4j::core {

class AuditKeeper {
 public:
  struct Options {
    int checkpoint_interval_s = 60;
    int checkpoint_entries = 1000;   // or sooner, when the log has grown by so many
    int verify_interval_s = 21'600;  // 0: only when somebody asks
    int retention_interval_s = 3600;
    int keep_checkpoints_days = 90;
    // The right to work; none: another brain does. Without the function nobody else is there.
    std::function<std::optional<Fence>()> may_run = {};
    // Called now and then, by whoever may work: what waits outside for its entry.
    std::function<void()> take_in = {};
    // A check found a break that nobody knew of. Quick.
    std::function<void(const AuditReport&)> on_broken = {};
  };

  // What people are shown.
  struct State {
    bool is_checking = false;
    std::uint64_t rows_done = 0, rows_all = 0;
    base::TimeUs check_began_at = 0;
    std::optional<AuditReport> report;  // of the latest check that ended
    std::string check_trouble;          // why the latest one did not
    std::string tree_trouble, witness_trouble, retention_trouble, erasure_trouble;  // "": well
    std::uint64_t pruned = 0, pruned_last = 0;
    base::TimeUs pruned_at = 0;
  };

  AuditKeeper(Store& store, Audit& audit, AuditTree& tree, AuditCheckpoints& checkpoints,
              AuditRetention& retention, AuditEraser& eraser, const base::Clock& clock,
              base::Log& log, Options options);
  ~AuditKeeper();  // stop()
  AuditKeeper(const AuditKeeper&) = delete;
  AuditKeeper& operator=(const AuditKeeper&) = delete;

  void start();
  // The last entries get into the tree and a checkpoint first.
  void stop();
  // One round of everything that is due, the check apart.
  void work();
  // Has a check run soon. False: one is running already.
  bool ask_for_check();
  // Runs it here and now.
  void check(std::stop_token stop = {});
  [[nodiscard]] State state() const;
  [[nodiscard]] base::json::Object to_json() const;
  void write_metrics(MetricText& out) const;

 private:
  [[nodiscard]] bool may_run(std::optional<Fence>& fence) const;
  void grow(const std::optional<Fence>& fence);
  void sign(const std::optional<Fence>& fence, bool now);
  void take_old(const std::optional<Fence>& fence);
  void erase(const std::optional<Fence>& fence);
  [[nodiscard]] bool may_go_on();
  void note(std::string State::*where, const base::Status& what, const char* event);
  void run();
  void run_checks(std::stop_token stop);

  Store& store_;
  Audit& audit_;
  AuditTree& tree_;
  AuditCheckpoints& checkpoints_;
  AuditRetention& retention_;
  AuditEraser& eraser_;
  const base::Clock& clock_;
  base::Log& log_;
  const Options options_;
  // Of work().
  std::int64_t next_look_ms_ = 0, next_sign_ms_ = 0, next_witness_ms_ = 0, next_retention_ms_,
               next_slow_ms_ = 0;
  std::int64_t looked_at_ = -1, grown_through_ = -1;
  std::uint64_t unsigned_ = 0;  // entries taken in since the latest checkpoint
  bool is_unwitnessed_ = false;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  State state_;  // guarded by mutex_, as are those below
  bool wants_check_ = false, is_stopping_ = false;
  std::int64_t next_check_ms_ = 0;
  std::stop_source stop_;
  std::thread worker_, checker_;
};

}  // namespace z4j::core
