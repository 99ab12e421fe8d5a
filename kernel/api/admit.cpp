#include "api/admit.hpp"

#include <algorithm>

#include "api/reply.hpp"
#include "api/site.hpp"
#include "base/crypto.hpp"
#include "core/refusal.hpp"

namespace z4j::api {
namespace {

using base::json::Object;

constexpr core::RateBucket kRefusalsOfOne{"access-denied-route", 1, 60};
constexpr core::RateBucket kRefusalsOfUser{"access-denied-user", 20, 60};
constexpr core::RateBucket kRefusalsOfStrangers{"access-denied-strangers", 60, 60};  // of all

bool changes_something(const net::Request& request) {
  return request.method != "GET" && request.method != "HEAD";
}

// A page elsewhere must not act for the signed-in user, nor sign anybody in.
bool comes_from_elsewhere(const Site& site, const net::Request& request) {
  const std::string_view origin = request.header("origin");
  return !origin.empty() && site.from(origin, request) == Site::From::stranger;
}

net::Response csrf_refusal(const net::Request& request, std::string_view message) {
  return error_answer(request, 403, "forbidden", message,
                      Object{{"reason", core::refuse::kCsrfMismatch}});
}

net::Response metrics_refusal() {
  net::Response r = detail_answer(401, "the metrics token is missing or wrong");
  r.headers.emplace_back("WWW-Authenticate", "Bearer");
  return r;
}

bool has_metrics_token(const Site& site, const net::Request& request) {
  const config::Settings& settings = site.parts.settings;
  if (settings.metrics_public) return true;
  constexpr std::string_view kBearer = "Bearer ";
  const std::string_view given = request.header("authorization");
  return !settings.metrics_auth_token.empty() && given.starts_with(kBearer) &&
         base::equal_constant_time(given.substr(kBearer.size()), settings.metrics_auth_token);
}

// What the log calls it; "": nothing is recorded.
std::string_view refusal_action(const Call& call, std::string_view route, int status) {
  if (!changes_schedules(call.request, route))
    return call.principal && (status == 403 || status == 404) ? "access.denied" : "";
  switch (status) {
    case 401:
      return "schedules.access.unauth";
    case 403:
      return "schedules.access.denied";
    case 404:
      return "schedules.access.not_found";
    case 422:
      return "schedules.access.invalid";
    default:
      return "";
  }
}

net::Response forbidden(const net::Request& request, std::string_view message, Object details) {
  return error_answer(request, 403, "forbidden", message, std::move(details));
}

// Dashboards go to the page that asks for a code.
net::Response wants_code(const Site& site, const net::Request& request, std::string_view message,
                         std::string_view reason) {
  return error_answer(
      request, 403, "mfa_reverify_required", message,
      Object{{"ttl_seconds", site.parts.mfa.options().fresh_s}, {"reason", reason}});
}

// The one project of a bound key.
std::optional<net::Response> check_bound(Site& site, const Policy& policy, const Call& call,
                                         const core::Principal& by_key) {
  const net::Request& request = call.request;
  const auto slug = std::find_if(call.params.begin(), call.params.end(),
                                 [](const auto& param) { return param.first == "slug"; });
  if (slug == call.params.end()) {
    // Lists that show the key's project alone.
    const bool is_narrowed =
        policy.scope == "home" || policy.scope == "projects" || policy.scope == core::kAnyKey;
    if (is_narrowed) return std::nullopt;
    return forbidden(request, "this API key opens one project, and this path names none",
                     Object{{"reason", "project_scope_nonslug_denied"}});
  }
  const auto visible = site.parts.projects.list(by_key);
  if (!visible) return refuse(call, visible.error());
  if (visible->empty()) {
    return forbidden(request, "the project of this API key is not there any more",
                     Object{{"reason", "project_missing"}});
  }
  const std::string& own = visible->front().slug;
  if (own == slug->second) return std::nullopt;
  return forbidden(
      request, "this API key opens another project",
      Object{{"reason", "project_scope_mismatch"}, {"expected", own}, {"got", slug->second}});
}

std::optional<net::Response> check_key(Site& site, const Policy& policy, const Call& call,
                                       const core::Principal& by_key) {
  const net::Request& request = call.request;
  const bool is_write = changes_something(request);
  if (policy.scope.empty()) {
    if (request.path.starts_with("/api/v1/auth/"))
      return forbidden(request, "API keys can't use this",
                       Object{{"reason", "bearer_denied_for_tag"}});
    return forbidden(request, "API keys can't use this",
                     Object{{"reason", "scope_missing"}, {"required_scope", "__unreachable__"}});
  }
  if (!by_key.key->opens(policy.scope, is_write)) {
    const std::string needed = std::string(policy.scope) + (is_write ? ":write" : ":read");
    return forbidden(request, "this API key has no scope " + needed,
                     Object{{"reason", "scope_missing"}, {"required_scope", needed}});
  }
  if (by_key.key->project_id) return check_bound(site, policy, call, by_key);
  return std::nullopt;
}

std::optional<net::Response> check_owed(const Site& site, const Policy& policy, const Call& call) {
  const net::Request& request = call.request;
  switch (call.principal->owes()) {
    case core::Owed::nothing:
      return std::nullopt;
    case core::Owed::second_factor:
      if (policy.settled == Settled::nothing) return std::nullopt;
      return wants_code(site, request, "the second factor is still to be given", "mfa_required");
    case core::Owed::new_password:
      if (policy.settled != Settled::all) return std::nullopt;
      return forbidden(request, "a new password must be chosen first",
                       Object{{"reason", "password_change_required"}});
    case core::Owed::enrolment:
      if (policy.settled != Settled::all) return std::nullopt;
      return forbidden(request, "a second factor must be set up first",
                       Object{{"reason", "mfa_enrollment_required"}});
  }
  return std::nullopt;
}

// Finds out who asks. A session outranks a key that comes along, but the key must be good as well.
std::optional<net::Response> sign_in(Site& site, const Policy& policy, Call& call) {
  const net::Request& request = call.request;
  std::optional<core::Principal> by_key;
  if (const auto token = core::ApiKeys::token_of(request.header("authorization"))) {
    auto found = site.parts.keys.authenticate(*token, call.client());
    if (!found) return refuse(call, found.error());
    by_key = std::move(*found);
  }
  const std::string_view cookie = request.cookie(site.session_cookie);
  if (!cookie.empty() || !by_key) {
    auto principal = site.parts.auth.authenticate(cookie);
    if (principal)
      call.principal = std::move(*principal);
    else if (!by_key || principal.error().code != base::Code::denied)
      return refuse(call, principal.error());
  }
  if (!call.principal && policy.fresh_mfa) return refuse(call, core::refuse::unauthenticated());
  const bool is_session = call.principal.has_value();
  if (!is_session) call.principal = by_key;
  if (by_key) {
    if (auto refused = check_key(site, policy, call, *by_key)) return refused;
  }
  if (changes_something(request) && !cookie.empty()) {
    if (!is_session) return csrf_refusal(request, "the session that came along is over");
    if (auto good = site.parts.auth.check_csrf(*call.principal, request.header("x-csrf-token"));
        !good)
      return refuse(call, good.error());
  }
  site.parts.mfa.look(*call.principal);
  if (auto refused = check_owed(site, policy, call)) return refused;
  if (policy.fresh_mfa && !site.parts.mfa.is_fresh(*call.principal))
    return wants_code(site, request, "this needs a fresh second factor", "mfa_reverify_required");
  return std::nullopt;
}

std::optional<net::Response> check_action(Site& site, core::Action action, Call& call) {
  const bool in_project = !core::needs_global_admin(action);
  const base::Uuid* where = nullptr;
  if (in_project) {
    auto project = site.parts.projects.by_slug(call.param("slug"));
    if (!project) return refuse(call, project.error());
    call.project = std::move(*project);
    where = &call.project->id;
  }
  const core::Decision decision = core::decide(*call.principal, action, where);
  if (decision.allowed()) return std::nullopt;
  call.project.reset();
  return refuse(call, decision);
}

}  // namespace

net::Response refuse(const Call& call, const core::Decision& decision) {
  const auto status = decision.status();
  if (decision.verdict != core::Verdict::forbidden || decision.needs_global_admin)
    return refuse(call, status.error());
  return forbidden(
      call.request, status.error().message,
      Object{{"have", core::to_string(decision.have)}, {"need", core::to_string(decision.need)}});
}

std::optional<net::Response> admit(Site& site, const Route& route, Call& call) {
  const net::Request& request = call.request;
  const Policy& policy = route.policy;
  if (policy.bucket != nullptr) {
    core::RateBucket bucket = *policy.bucket;
    if (policy.bucket == &core::kMfaVerifyBucket)
      bucket.limit = static_cast<unsigned>(site.parts.settings.mfa_verification_rate_per_min);
    const auto taken = site.limits.take(bucket, core::client_key(request.client_ip));
    if (!taken.allowed)
      return too_many(request, "too many requests of kind " + std::string(bucket.name),
                      taken.retry_after_s);
  }
  if (policy.gate == Gate::metrics) {
    if (!site.parts.settings.metrics_enabled) return detail_answer(404, "Not Found");
    if (!has_metrics_token(site, request)) return metrics_refusal();
    return std::nullopt;
  }
  if (changes_something(request) && comes_from_elsewhere(site, request))
    return csrf_refusal(request, "this page may not act here");
  bool needs_session = policy.gate == Gate::signed_in;
  if (policy.gate == Gate::first_boot) {
    auto first = site.parts.setup.is_first_boot();
    if (!first) return refuse(call, first.error());
    needs_session = !*first;
  }
  if (!needs_session) return std::nullopt;
  auto refused = sign_in(site, policy, call);
  if (!refused && policy.action) refused = check_action(site, *policy.action, call);
  if (refused) note_refusal(site, call, route.path, refused->status);
  return refused;
}

bool changes_schedules(const net::Request& request, std::string_view route) {
  return changes_something(request) && route.starts_with("/api/v1/projects/{slug}/schedules");
}

void note_refusal(Site& site, const Call& call, std::string_view route, int status) {
  const std::string_view action = refusal_action(call, route, status);
  if (action.empty()) return;
  const std::string target = call.request.method + " " + std::string(route);
  const std::string who = call.principal ? call.principal->user.id.text()
                                         : "from " + core::client_key(call.request.client_ip);
  if (!site.limits.take(kRefusalsOfOne, who + std::string(action) + target).allowed ||
      !site.limits.take(kRefusalsOfUser, who).allowed ||
      (!call.principal && !site.limits.take(kRefusalsOfStrangers, "").allowed))
    return;
  core::AuditEntry entry =
      core::AuditEntry::of(call.actor(), action, "route", target,
                           call.project ? std::optional(call.project->id) : std::nullopt);
  entry.result = status == 422 ? "failed" : "denied";
  if (action == "access.denied") entry.metadata["reason"] = status == 404 ? "hidden" : "forbidden";
  site.parts.audit.record(std::move(entry));
}

base::Result<core::Principal> admit_socket(Site& site, std::string_view session_cookie) {
  auto principal = site.parts.auth.authenticate(session_cookie);
  if (!principal) return principal;
  site.parts.mfa.look(*principal);
  if (principal->owes() != core::Owed::nothing) return core::refuse::unauthenticated();
  return principal;
}

}  // namespace z4j::api
