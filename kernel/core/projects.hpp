// Projects. Every change is audited in its commit.
//
// Threads: thread-safe. Errors: see refusal.hpp; else the store's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "core/audit.hpp"
#include "core/policy.hpp"
#include "core/store.hpp"

namespace z4j::core {

struct Project {
  base::Uuid id;
  std::string slug, name, description, environment, timezone, default_scheduler_owner;
  std::int64_t retention_days = 30;
  bool is_active = true;
  std::optional<std::vector<std::string>> allowed_schedulers;  // none: no limit
  base::TimeUs created_at = 0, updated_at = 0;
};
[[nodiscard]] Project project_of(const Row& row);  // of a Query on projects with all()

struct ProjectDraft {
  std::string slug, name;
  std::optional<std::string> description;
  std::string environment = "production", timezone = "UTC",
              default_scheduler_owner = "z4j-scheduler";
  std::int64_t retention_days = 30;
  std::optional<std::vector<std::string>> allowed_schedulers;
};

// Nothing: leave as it is.
struct ProjectPatch {
  std::optional<std::string> slug, name, description, environment, timezone,
      default_scheduler_owner;
  std::optional<std::int64_t> retention_days;
  bool sets_allowed_schedulers = false;
  std::optional<std::vector<std::string>> allowed_schedulers;  // none: no limit
};

class Projects {
 public:
  Projects(Store& store, Audit& audit, const base::Clock& clock)
      : store_(store), audit_(audit), clock_(clock) {}

  // Active ones the principal may see, by slug; at most 500.
  [[nodiscard]] base::Result<std::vector<Project>> list(const Principal& principal);
  // The project if it is active and the principal may do `action` there.
  [[nodiscard]] base::Result<Project> open(const Principal& principal, std::string_view slug,
                                           Action action);
  // Without asking who: for the kernel's own use. Archived ones are not found.
  [[nodiscard]] base::Result<Project> by_slug(std::string_view slug);

  [[nodiscard]] base::Result<Project> create(const Principal& principal, const ProjectDraft& draft,
                                             const Actor& actor);
  // Works on archived projects too.
  [[nodiscard]] base::Result<Project> patch(const Principal& principal, std::string_view slug,
                                            const ProjectPatch& patch, const Actor& actor);
  // Idempotent; its schedules are switched off in the same commit. conflict for the last active
  // project.
  [[nodiscard]] base::Status archive(const Principal& principal, std::string_view slug,
                                     const Actor& actor);

  // The project "default", created (audited) when there is none: engines need a home before anybody
  // signs in.
  [[nodiscard]] base::Result<Project> ensure_default();

 private:
  [[nodiscard]] base::Result<std::optional<Project>> find(std::string_view slug);
  [[nodiscard]] base::Result<Project> insert(const ProjectDraft& draft, AuditEntry entry);

  Store& store_;
  Audit& audit_;
  const base::Clock& clock_;
};

[[nodiscard]] bool is_project_slug(std::string_view text) noexcept;

// A step: nothing is done in a project that was archived in between.
void check_project_is_active(Commit& commit, const base::Uuid& project);

}  // namespace z4j::core
