#include "core/policy.hpp"

#include <algorithm>

#include "core/refusal.hpp"

namespace z4j::core {
namespace {

constexpr std::string_view kScopes[] = {
    "auth:read",      "home:read",         "projects:read",       "tasks:read",
    "workers:read",   "queues:read",       "agents:read",         "commands:read",
    "schedules:read", "audit:read",        "memberships:read",    "notifications:read",
    "tasks:write",    "commands:write",    "agents:write",        "schedules:write",
    "projects:write", "memberships:write", "notifications:write", "users:read",
    "users:write",    "admin:read",        "admin:write",         "admin:*"};
// Sorted.
constexpr std::string_view kAdminScopes[] = {"admin:*",        "admin:read", "admin:write",
                                             "projects:write", "users:read", "users:write"};

}  // namespace

std::string_view to_string(Role role) noexcept {
  switch (role) {
    case Role::none:
      return "none";
    case Role::viewer:
      return "viewer";
    case Role::op:
      return "operator";
    case Role::admin:
      return "admin";
  }
  return "none";
}

Role parse_role(std::string_view text) noexcept {
  if (text == "viewer") return Role::viewer;
  if (text == "operator") return Role::op;
  if (text == "admin") return Role::admin;
  return Role::none;
}

std::string User::shown_name() const {
  if (!display_name.empty()) return display_name;
  std::string name = first_name;
  if (!first_name.empty() && !last_name.empty()) name += ' ';
  name += last_name;
  return name.empty() ? email.substr(0, email.find('@')) : name;
}

Role Principal::role_in(const base::Uuid& project) const {
  if (user.is_admin) return Role::admin;
  const auto found = roles.find(project);
  return found == roles.end() ? Role::none : found->second;
}

Owed Principal::owes() const noexcept {
  if (!has_session()) return Owed::nothing;
  if (user.mfa_enrolled_at != 0 && session.mfa_verified_at == 0) return Owed::second_factor;
  if (user.force_password_change) return Owed::new_password;
  return must_enrol ? Owed::enrolment : Owed::nothing;
}

bool Principal::is_fresh(base::TimeUs now, std::int64_t ttl_s) const noexcept {
  if (!has_session()) return false;
  return user.mfa_enrolled_at == 0 ||
         (session.mfa_verified_at != 0 && now - session.mfa_verified_at <= ttl_s * base::kSecondUs);
}

bool ApiKeyUse::opens(std::string_view resource, bool is_write) const {
  if (resource.empty()) return false;
  if (resource == kAnyKey) return true;
  const std::string name(resource);
  return std::any_of(scopes.begin(), scopes.end(), [&](const std::string& scope) {
    return scope == "admin:*" || scope == name + ":write" || (!is_write && scope == name + ":read");
  });
}

std::span<const std::string_view> all_scopes() noexcept { return kScopes; }

bool is_admin_scope(std::string_view scope) noexcept {
  return std::find(std::begin(kAdminScopes), std::end(kAdminScopes), scope) !=
         std::end(kAdminScopes);
}

Role needed_role(Action action) noexcept {
  switch (action) {
    case Action::read_project:
      return Role::viewer;
    case Action::retry_task:
    case Action::cancel_task:
    case Action::bulk_retry:
    case Action::restart_worker:
    case Action::submit_task:
    case Action::pause_queue:
    case Action::run_schedules:
    case Action::share_views:
    case Action::mark_deploys:
      return Role::op;
    default:
      return Role::admin;
  }
}

bool needs_global_admin(Action action) noexcept { return action >= Action::manage_projects; }

base::Status Decision::status(std::string_view what) const {
  switch (verdict) {
    case Verdict::allowed:
      return {};
    case Verdict::hidden:
      return refuse::not_found(what);
    case Verdict::forbidden:
      break;
  }
  if (needs_global_admin) {
    return refuse::error(base::Code::denied, refuse::kForbidden,
                         "only an administrator of the installation may do this");
  }
  return refuse::error(base::Code::denied, refuse::kForbidden,
                       "role " + std::string(to_string(have)) + " is too low here; needed is " +
                           std::string(to_string(need)));
}

Decision decide(const Principal& principal, Action action, const base::Uuid* project) {
  Decision decision;
  decision.need = needed_role(action);
  decision.needs_global_admin = needs_global_admin(action);
  if (!principal.user.is_active) return decision;
  if (decision.needs_global_admin || project == nullptr) {
    decision.have = principal.user.is_admin ? Role::admin : Role::none;
    decision.verdict = principal.user.is_admin ? Verdict::allowed : Verdict::forbidden;
    return decision;
  }
  decision.have = principal.role_in(*project);
  decision.verdict = decision.have == Role::none     ? Verdict::hidden
                     : decision.have < decision.need ? Verdict::forbidden
                                                     : Verdict::allowed;
  return decision;
}

}  // namespace z4j::core
