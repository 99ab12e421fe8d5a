// Everything behind the audit log of a brain, made from its settings: tree, checkpoints, retention,
// forwarding. For the brain itself, and for commands on a store without one.
#pragma once

#include <functional>
#include <memory>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "core/audit.hpp"
#include "core/audit_checkpoints.hpp"
#include "core/audit_eraser.hpp"
#include "core/audit_forward.hpp"
#include "core/audit_keeper.hpp"
#include "core/audit_retention.hpp"
#include "core/audit_tree.hpp"

namespace z4j::app {

// The lease that it works by.
inline constexpr const char* kAuditLease = "audit";

inline constexpr std::size_t kMostPreviousAuditKeys = 31;
// Keys and name of the log as the settings tell. Errors: bad_config.
[[nodiscard]] base::Result<core::AuditCheckpoints::Options> audit_signing(
    const config::Settings& settings);

class AuditUpkeep {
 public:
  struct Hooks {
    std::function<std::optional<core::Fence>()> may_run = {};
    std::function<void(const core::AuditReport&)> on_broken = {};
    std::function<void()> take_in = {};
  };

  // `store` and `audit` outlive it. Errors: bad_config, naming the setting.
  [[nodiscard]] static base::Result<std::unique_ptr<AuditUpkeep>> open(
      core::Store& store, core::Audit& audit, const config::Settings& settings,
      const base::Clock& clock, base::Log& log, Hooks hooks);

  void start();
  void stop();
  [[nodiscard]] core::AuditTree& tree() noexcept { return tree_; }
  [[nodiscard]] core::AuditCheckpoints& checkpoints() noexcept { return *checkpoints_; }
  [[nodiscard]] core::AuditKeeper& keeper() noexcept { return *keeper_; }
  [[nodiscard]] core::AuditForwarder& forwarder() noexcept { return *forwarder_; }
  void write_metrics(core::MetricText& out) const;

 private:
  AuditUpkeep(core::Store& store, base::Log& log) : tree_(store, log) {}

  core::AuditTree tree_;
  std::unique_ptr<core::AuditCheckpoints> checkpoints_;
  std::unique_ptr<core::AuditForwarder> forwarder_;
  std::unique_ptr<core::AuditRetention> retention_;
  std::unique_ptr<core::AuditEraser> eraser_;
  std::unique_ptr<core::AuditKeeper> keeper_;
};

}  // namespace z4j::app
