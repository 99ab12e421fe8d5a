// What commands on the machine did with whole databases, in the audit log.
//
// A command that only reads may run beside a brain that has SQLite's file for itself, and a copy
// that was cut short goes on only from a source that is as it was. Such an entry is left as a file
// under audit/deeds of the home folder, which that folder's brain takes into its log within
// seconds.
#pragma once

#include <string_view>

#include "app/brain/storage_place.hpp"
#include "base/log.hpp"
#include "core/audit.hpp"

namespace z4j::app {

// Of the user of this machine who runs the program; `more` says what was done.
[[nodiscard]] core::AuditEntry deed_of_user(std::string_view action, base::json::Object more);
// On the disk, for the brain of the home folder.
[[nodiscard]] base::Status leave_deed(const config::Settings& settings,
                                      const core::AuditEntry& entry);
// Into the log of the configured database, or left for the brain that has it.
[[nodiscard]] base::Status record_deed(const config::Settings& settings, const base::Clock& clock,
                                       core::AuditEntry entry);
// Files that wait, into the log; those that are no deeds are told of and removed.
void take_deeds(const std::string& home, core::Audit& audit, base::Log& log);

}  // namespace z4j::app
