// The one place that decides who may do what.
//
// Whoever is no member of a project must not learn that it exists: `hidden` is told as "not found".
#pragma once

#include <map>
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
  base::TimeUs last_login_at = 0;  // 0: never
  // What to show: display name, else first and last, else the part before "@".
  [[nodiscard]] std::string shown_name() const;
};

struct Session {
  base::Uuid id, user_id;
  std::string csrf_token, ip_at_issue, user_agent_at_issue;
  base::TimeUs issued_at = 0, expires_at = 0, last_seen_at = 0;
  bool remember_me = false;
};

// Who is asking, proven.
struct Principal {
  User user;
  Session session;
  std::map<base::Uuid, Role> roles;  // by project; an admin of the installation needs none
  [[nodiscard]] Role role_in(const base::Uuid& project) const;
};

enum class Action {
  read_project,  // project, tasks, workers, agents, queues, commands, stats, channels
  retry_task,
  cancel_task,
  bulk_retry,
  restart_worker,
  run_schedules,  // enable, disable, trigger now
  purge_queue,
  delete_tasks,
  read_audit,
  read_members,
  manage_members,
  manage_agents,
  manage_notifications,  // channels, defaults, deliveries
  manage_schedules,
  manage_projects,  // from here on: admins of the installation only
  manage_users,
  manage_plugins,
  manage_audit,  // verify, acknowledge breaks
  read_system,
};

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
