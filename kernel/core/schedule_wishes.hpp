// Wishes: edits of schedules elsewhere on their way through the row. Who asks writes one, who runs
// the backend claims it, carries it out and writes what became of it. Free functions over commits.
//
// The revision is the guard: it grows with the wish, with the claim and with the outcome, so a wish
// is claimed once, and an outcome never lands on another wish.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "core/audit_entry.hpp"
#include "core/schedule.hpp"
#include "core/snapshots_read.hpp"
#include "core/store.hpp"

namespace z4j::core {

// How long a backend may take; a wish that was sent and is older has an unknown outcome.
inline constexpr std::int64_t kWishTimeoutS = 60;

[[nodiscard]] ScheduleEdit edit_for(std::string_view change, const Actor& actor, base::TimeUs now);
// To make the schedule that the row describes.
[[nodiscard]] ScheduleEdit creation(const Schedule& schedule, const Actor& actor, base::TimeUs now);
// Of a failed one.
[[nodiscard]] base::Error error_of(const ScheduleEdit& edit);

// One step each; a conflict when the row is not as `before` has it any more.
void edit_row(Commit& commit, const Schedule& before, const Schedule& after);  // every member
void put_wish(Commit& commit, const Schedule& before, const Schedule& after);  // edit, drift

// A schedule that the backend did not take has no row.
void forget_creation(Store& store, const Schedule& schedule);

// --- what backends show ---

// Takes secrets out of arguments and options.
void scrub_schedule(const Redact& redact, Schedule& schedule);
// What the schedule's edit has become, and whether there is drift, now that the backend shows it
// like this.
void confirm_edit(Schedule& schedule, const Redact& redact, base::TimeUs now);
// More than times of runs differ.
[[nodiscard]] bool tells_other_things(const Schedule& a, const Schedule& b);
// One step each, and none when the row has another revision by now. The first writes all that a
// backend tells, and what became of the edit.
void update_shown(Commit& commit, const Schedule& before, const Schedule& after);
void erase_shown(Commit& commit, const Schedule& before);

}  // namespace z4j::core
