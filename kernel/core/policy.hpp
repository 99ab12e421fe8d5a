// The one place that decides who may do what: roles, scopes of API keys, and what a session still
// owes.
//
// Whoever is no member of a project must not learn that it exists: `hidden` is told as "not found".
// A key opens what its scopes name, and never more than its owner's own roles do.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"

namespace z4j::core {

enum class Role { none, viewer, op, admin };  // op: "operator"
[[nodiscard]] std::string_view to_string(Role role) noexcept;
[[nodiscard]] Role parse_role(std::string_view text) noexcept;  // none when unknown

struct User {
  base::Uuid id;
  std::string email, display_name, first_name, last_name, timezone;
  bool is_admin = false, is_active = true;
  base::TimeUs created_at = 0, updated_at = 0;
  base::TimeUs last_login_at = 0;    // 0: never
  base::TimeUs mfa_enrolled_at = 0;  // 0: no second factor
  base::TimeUs mfa_demanded_at = 0;  // when it was first seen to need one; 0: not yet
  bool force_password_change = false;
  // What to show: display name, else first and last, else the part before "@".
  [[nodiscard]] std::string shown_name() const;
};

struct Session {
  base::Uuid id, user_id;
  std::string csrf_token, ip_at_issue, user_agent_at_issue;
  base::TimeUs issued_at = 0, expires_at = 0, last_seen_at = 0;
  base::TimeUs mfa_verified_at = 0;  // latest second factor; 0: none yet
  bool remember_me = false;
};

// An API key that came along.
struct ApiKeyUse {
  base::Uuid id;
  std::vector<std::string> scopes;
  std::optional<base::Uuid> project_id;  // the only one that it opens
  // `resource` as routes name it: "tasks". Writing implies reading, "admin:*" everything.
  [[nodiscard]] bool opens(std::string_view resource, bool is_write) const;
};

// What must be done before anything else is possible.
enum class Owed { nothing, second_factor, enrolment, new_password };

// Who is asking, proven.
struct Principal {
  User user;
  Session session;                   // a nil id: none, the key alone speaks
  std::map<base::Uuid, Role> roles;  // by project; an admin of the installation needs none
  std::optional<ApiKeyUse> key = std::nullopt;
  bool must_enrol = false;  // the installation demands a second factor, and the grace is over
  [[nodiscard]] Role role_in(const base::Uuid& project) const;
  [[nodiscard]] bool has_session() const noexcept { return session.id != base::Uuid(); }
  // Nothing for keys: whoever minted one had paid.
  [[nodiscard]] Owed owes() const noexcept;
  // Has no second factor, or gave it at most `ttl_s` ago. Never true of a key alone.
  [[nodiscard]] bool is_fresh(base::TimeUs now, std::int64_t ttl_s) const noexcept;
};

enum class Action {
  read_project,  // project, tasks, workers, agents, queues, commands, stats, channels
  retry_task,
  cancel_task,
  bulk_retry,
  restart_worker,
  submit_task,
  pause_queue,
  run_schedules,  // enable, disable, trigger now
  share_views,    // one's own, with the project
  mark_deploys,
  purge_queue,
  shutdown_worker,
  delete_tasks,
  read_audit,
  read_members,
  manage_members,
  manage_agents,
  manage_notifications,  // channels, defaults, deliveries
  manage_schedules,
  manage_views,     // those that others share
  manage_projects,  // from here on: admins of the installation only
  manage_users,
  manage_plugins,
  manage_audit,  // verify, acknowledge breaks
  read_system,
};

// Scopes that a key may have, in the order in which they are shown; some only that of an
// administrator.
[[nodiscard]] std::span<const std::string_view> all_scopes() noexcept;
[[nodiscard]] bool is_admin_scope(std::string_view scope) noexcept;
// Scopes of routes that any key opens.
inline constexpr std::string_view kAnyKey = "*";

enum class Verdict { allowed, hidden, forbidden };
struct Decision {
  Verdict verdict = Verdict::forbidden;
  Role have = Role::none, need = Role::admin;
  bool needs_global_admin = false;
  [[nodiscard]] bool allowed() const noexcept { return verdict == Verdict::allowed; }
  // not_found for hidden, denied (reason "forbidden") else.
  [[nodiscard]] base::Status status(std::string_view what = "project") const;
};

[[nodiscard]] Role needed_role(Action action) noexcept;
[[nodiscard]] bool needs_global_admin(Action action) noexcept;
// `project` is null for actions that stand outside projects.
[[nodiscard]] Decision decide(const Principal& principal, Action action, const base::Uuid* project);

}  // namespace z4j::core
