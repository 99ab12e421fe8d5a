// What is wrong in a project, worst first: what the first screen says, in sentences with what they
// are about. A finding is there while its cause is; nothing is kept of it.
//
// Everything is read when somebody asks: each kind is one or two queries that the driver bounds. A
// kind that could not be read in time is named as unknown, and the others are told. Answers are
// shared for a moment (recent.hpp). Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/home.hpp"
#include "core/recent.hpp"
#include "core/store.hpp"

namespace z4j::plugin {
struct Report;
}

namespace z4j::core {

class AuditForwarder;
class AuditKeeper;

enum class FindingSeverity { critical, warning };
[[nodiscard]] std::string_view to_string(FindingSeverity severity) noexcept;

// What to look at; `engine` is "" where it says nothing.
struct FindingSubject {
  std::string type, engine, id;  // type: agent, worker, queue, schedule, task, plugin, audit
};

struct Finding {
  std::string_view kind;
  FindingSeverity severity = FindingSeverity::warning;
  std::string title, evidence = {};  // sentences; evidence may be ""
  std::optional<base::TimeUs> since = std::nullopt;
  std::optional<FindingSubject> subject = std::nullopt;
  std::optional<std::int64_t> count = std::nullopt;
};

// In the order in which they stand below each other when they are equally grave.
inline constexpr std::string_view kAuditBlocked = "audit_blocked";  // changes are refused
inline constexpr std::string_view kAuditBroken = "audit_broken";
inline constexpr std::string_view kNoConsumer = "queue_without_consumer";
inline constexpr std::string_view kWorkerLost = "worker_lost";
inline constexpr std::string_view kAgentAway = "agent_offline";
inline constexpr std::string_view kFailuresUp = "failures_up";  // of a name, against its day
inline constexpr std::string_view kFailuresHigh = "high_failure_rate";    // of the project
inline constexpr std::string_view kScheduleStopped = "schedule_stopped";  // by its failures
inline constexpr std::string_view kScheduleFailing = "schedule_failing";
inline constexpr std::string_view kScheduleLate = "schedule_late";  // was due and has not fired
inline constexpr std::string_view kQueueGrowing = "queue_growing";
inline constexpr std::string_view kCommandsStuck = "stuck_commands";
inline constexpr std::string_view kPluginUnhealthy = "plugin_unhealthy";

struct FindingList {
  base::TimeUs at = 0;
  // Nothing was found since then, each time that this brain looked; none: something is found.
  std::optional<base::TimeUs> clear_since;
  std::vector<Finding> items;                      // worst first
  std::vector<std::string_view> checked, unknown;  // kinds that were looked at, and could not be

  // Adds what was found of one kind, or that nobody knows; the order stays.
  void add(std::string_view kind, base::Result<std::vector<Finding>> found);
};

// Of the figures alone; home's summary says the same.
[[nodiscard]] std::vector<Finding> findings_of(const HomeFigures& figures);
// Of instances of engines and schedulers that work for the project of that slug, and of all others
// for who may know.
[[nodiscard]] std::vector<Finding> findings_of(std::span<const plugin::Report> reports,
                                               std::string_view slug, bool with_others);
// Of the audit log, as this brain knows it; null: it does not look after it.
void add_audit_findings(FindingList& list, const AuditKeeper* keeper,
                        const AuditForwarder* forwarder);

class Findings {
 public:
  static constexpr base::TimeUs kLossesUs = base::kDayUs;         // older losses are history
  static constexpr base::TimeUs kLateUs = 600 * base::kSecondUs;  // a schedule that did not fire
  static constexpr base::TimeUs kLongWaitUs = 600 * base::kSecondUs;  // in a queue
  static constexpr std::int64_t kDeepQueue = 1'000;
  static constexpr std::int64_t kFailedInARow = 2;  // runs of a schedule
  static constexpr std::int64_t kFewFailures = 5;   // of a name say little
  static constexpr double kTimesUsual = 3;          // that ratio of failures is up
  static constexpr std::size_t kMostOfKind = 10;

  Findings(Store& store, const base::Clock& clock, Home& home, std::int64_t keep_ms)
      : store_(store), clock_(clock), home_(home), kept_(clock, keep_ms) {}

  // What the store tells: all kinds but those of plugins and the audit log.
  [[nodiscard]] base::Result<FindingList> of(const base::Uuid& project);

 private:
  using Found = base::Result<std::vector<Finding>>;
  [[nodiscard]] FindingList compute(const base::Uuid& project);
  void look_at_figures(const base::Uuid& project, FindingList& out, bool& is_blind);
  [[nodiscard]] Found agents_away(const base::Uuid& project, std::vector<Finding> found);
  [[nodiscard]] Found lost_workers(const base::Uuid& project);
  void look_at_queues(const base::Uuid& project, bool is_blind, FindingList& out);
  void look_at_schedules(const base::Uuid& project, FindingList& out);
  [[nodiscard]] Found failing_names(const base::Uuid& project);
  void note_clear(const base::Uuid& project, FindingList& list);

  Store& store_;
  const base::Clock& clock_;
  Home& home_;
  Recent<base::Uuid, FindingList> kept_;
  std::mutex mutex_;
  std::map<base::Uuid, base::TimeUs> clear_since_;  // guarded by mutex_
};

}  // namespace z4j::core
