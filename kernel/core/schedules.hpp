// Schedules as people work with them: lists, edits, switching, firing by hand, imports.
//
// A schedule of the store is its row: an edit raises the revision, and whoever plans it hears of
// it. One that a backend elsewhere keeps is only shown here: an edit is written into its row as a
// wish (core/schedule.hpp, ScheduleEdit) and carried out by the brain that runs the plugin or holds
// the agent (core/schedule_sync.hpp), so that it does not matter which brain was asked, and nothing
// is asked of a backend twice.
//
// Every edit is audited in its commit; refused ones are recorded.
//
// Threads: thread-safe; every function waits for the store, preview() for a plugin too. Errors: see
// refusal.hpp; else the store's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/audit.hpp"
#include "core/policy.hpp"
#include "core/projects.hpp"
#include "core/schedule.hpp"
#include "core/schedule_draft.hpp"
#include "core/snapshots_read.hpp"
#include "core/store.hpp"

namespace z4j::core {

// A scheduler plugin's instance, on whichever brain.
struct SchedulerPlace {
  std::string instance, scheduler;  // "beat", "celery-beat"
  base::Uuid project_id;
  bool is_of_store = false;
  bool is_running = false;         // somewhere
  std::uint64_t capabilities = 0;  // Z4J_SCHED_*; 0: not known here
  std::string why_not;             // of one that does not run here
};

struct ScheduleFilter {
  std::optional<std::string> scheduler = {}, engine = {}, search = {}, source = {}, owner = {};
  std::optional<bool> is_enabled = {};
};
struct SchedulePlace {
  std::string name;
  base::Uuid id;
};
struct SchedulePage {
  std::vector<Schedule> items;
  std::optional<SchedulePlace> next;
};

// What an import is to do with a project's schedules.
struct ScheduleImport {
  enum class Mode { upsert, replace_for_source };
  std::vector<base::Result<ScheduleDraft>> items;  // an error: that item can't be read
  Mode mode = Mode::upsert;
  std::optional<std::string> source_filter = {};
};
struct ScheduleChange {
  std::string name, scheduler;
  base::json::Object proposed, current;
};
struct ScheduleDiff {
  std::vector<ScheduleChange> inserted, updated, unchanged, deleted;
  std::map<std::size_t, std::string> errors;  // by index of the item
};
struct ImportReport {
  std::size_t inserted = 0, updated = 0, unchanged = 0, failed = 0, deleted = 0;
  std::map<std::size_t, std::string> errors;  // by index of the item
};

// A schedule in a backend's own form.
struct OwnSchedule {
  std::string name;  // of the one that it replaces, if there is one; "": it is new
  base::json::Value own;
};

// Who was asked to tell its schedules anew.
struct ScheduleResync {
  std::size_t agents = 0, instances = 0;
  std::vector<std::string> schedulers;  // sorted, each once
};

class Schedules {
 public:
  static constexpr std::size_t kMostImported = 2'000;

  using Preview = std::function<base::Result<std::vector<base::TimeUs>>(
      const std::string& scheduler, const base::Uuid& project, const base::json::Object& schedule,
      base::TimeUs from, std::uint32_t most)>;
  // Fires a schedule of the store by hand: {"outcome","fire_id","command_id"?,"reason"?,...}.
  using FireNow = std::function<base::Result<base::json::Object>(
      const base::Uuid& project, const base::Uuid& schedule, const Actor& actor,
      const std::optional<std::string>& idempotency_key)>;

  struct Options {
    // Checks an expression, and says when it runs next. None: nothing is checked.
    Preview preview = {};
    FireNow fire_now = {};  // none: unsupported
    // The scheduler plugins there are.
    std::function<std::vector<SchedulerPlace>()> places = {};
    // Whether an instance runs on this brain, and writing a schedule where it keeps them; waits.
    std::function<base::Status(const std::string& instance)> reach = {};
    std::function<base::Status(const std::string& instance, const base::json::Object& schedule,
                               const std::string& etag, int deadline_ms)>
        put_there = {};  // none: unsupported
    // An edit was committed (nil: many): to whoever plans or carries out, on this brain ...
    std::function<void(const base::Uuid& schedule)> on_edited = {};
    // ... and to the others.
    std::function<void(Commit&, const base::Uuid& schedule)> tell_others = {};
    std::function<void(const base::Uuid& project, std::string_view topic)> on_changed = {};
    Redact redact = {};   // for eyes that may not see arguments
    int wait_ms = 4'000;  // for a backend to carry out an edit
  };

  Schedules(Store& store, Audit& audit, const base::Clock& clock, Options options)
      : store_(store), audit_(audit), clock_(clock), options_(std::move(options)) {}

  // By name and id, behind `after`.
  [[nodiscard]] base::Result<SchedulePage> list(const base::Uuid& project,
                                                const ScheduleFilter& filter,
                                                const std::optional<SchedulePlace>& after,
                                                std::uint32_t limit);
  [[nodiscard]] base::Result<Schedule> find(const base::Uuid& project, const base::Uuid& id);
  // Newest first.
  [[nodiscard]] base::Result<std::vector<ScheduleFire>> fires(const base::Uuid& project,
                                                              const base::Uuid& schedule,
                                                              std::uint32_t limit);
  // Takes secrets out of what a viewer is shown.
  void redact(Schedule& schedule) const;
  [[nodiscard]] std::vector<SchedulerPlace> places() const;
  // When schedules run, for simulations; empty: nobody can say.
  [[nodiscard]] const Preview& preview() const noexcept { return options_.preview; }

  // conflict ("conflict_duplicate_name") when its scheduler has one of that name; invalid
  // ("scheduler") when the project does not allow it or nobody serves it.
  [[nodiscard]] base::Result<Schedule> create(const Project& project, const ScheduleDraft& draft,
                                              const Actor& actor);
  [[nodiscard]] base::Result<Schedule> patch(const Project& project, const base::Uuid& id,
                                             const SchedulePatch& patch, const Actor& actor);
  [[nodiscard]] base::Status remove(const Project& project, const base::Uuid& id,
                                    const Actor& actor);
  // No edit when it is so already.
  [[nodiscard]] base::Result<Schedule> enable(const Project& project, const base::Uuid& id,
                                              bool is_enabled, const Actor& actor);
  struct Triggered {
    Schedule schedule;
    base::json::Object outcome;  // {"outcome": "done|sent|refused|unknown", ...}
  };
  [[nodiscard]] base::Result<Triggered> trigger(const Project& project, const base::Uuid& id,
                                                const Actor& actor,
                                                const std::optional<std::string>& key);

  // What an import would do; writes nothing.
  [[nodiscard]] base::Result<ScheduleDiff> diff(const Project& project,
                                                const ScheduleImport& import);
  // Each item by itself: one that fails leaves the others alone.
  [[nodiscard]] base::Result<ImportReport> import_all(const Project& project,
                                                      const ScheduleImport& import,
                                                      const Actor& actor);
  // Gives what its own tools wrote to the backend of that instance, one by one, and waits. An error
  // of the whole wrote nothing: unavailable when the instance runs on another brain.
  [[nodiscard]] base::Result<ImportReport> import_own(
      const Project& project, const std::string& instance,
      const std::vector<base::Result<OwnSchedule>>& items, const Actor& actor);

 private:
  struct Target {  // whose a new schedule is
    std::string scheduler, owner;
    [[nodiscard]] bool is_of_store() const noexcept { return owner.empty(); }
  };
  struct Step;  // what an import does with one schedule

  [[nodiscard]] base::Result<Target> target_of(const Project& project,
                                               const std::optional<std::string>& scheduler) const;
  // A new row for the draft, checked.
  [[nodiscard]] base::Result<Schedule> drafted(const Project& project, const ScheduleDraft& draft,
                                               const Target& target) const;
  // Checks when it runs and says when that is next; the error is about the expression.
  [[nodiscard]] base::Status plan(Schedule& schedule) const;
  [[nodiscard]] base::Result<Schedule> edit(const Schedule& before, Schedule after,
                                            std::string_view change, const Actor& actor);
  [[nodiscard]] base::Status may(const Schedule& schedule, std::string_view capability);
  // Writes a wish into the row, and waits a little for what becomes of it.
  [[nodiscard]] base::Result<Schedule> wish(const Schedule& before, ScheduleEdit edit,
                                            AuditEntry entry);
  [[nodiscard]] base::Result<Schedule> settled(const Schedule& asked);
  [[nodiscard]] base::Result<std::optional<Schedule>> row_of(const base::Uuid& project,
                                                             const base::Uuid& id);
  [[nodiscard]] base::Error refused(const Actor& actor, std::string_view action,
                                    const Schedule& schedule, base::Error why);
  // One step for each item that is good, and those of the rows that go; the others into `errors`.
  [[nodiscard]] base::Result<std::vector<Step>> steps_of(
      const Project& project, const ScheduleImport& import,
      std::map<std::size_t, std::string>& errors);
  [[nodiscard]] base::Status add_left_out(const Project& project, const ScheduleImport& import,
                                          std::vector<Step>& steps);
  [[nodiscard]] base::Status take(const std::vector<const Step*>& steps, AuditEntry entry,
                                  const Actor& actor);
  void told(const base::Uuid& project, const base::Uuid& schedule) const;

  Store& store_;
  Audit& audit_;
  const base::Clock& clock_;
  const Options options_;
};

}  // namespace z4j::core
