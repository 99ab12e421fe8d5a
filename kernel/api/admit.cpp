#include "api/admit.hpp"

#include <algorithm>

#include "api/reply.hpp"
#include "api/site.hpp"
#include "base/crypto.hpp"
#include "core/refusal.hpp"

namespace z4j::api {
namespace {

using base::json::Object;

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

std::optional<net::Response> sign_in(Site& site, Call& call) {
  const net::Request& request = call.request;
  auto principal = site.parts.auth.authenticate(request.cookie(site.session_cookie));
  if (!principal) return refuse(call, principal.error());
  if (changes_something(request)) {
    if (auto good = site.parts.auth.check_csrf(*principal, request.header("x-csrf-token")); !good)
      return refuse(call, good.error());
  }
  call.principal = std::move(*principal);
  return std::nullopt;
}

std::optional<net::Response> check_action(Site& site, core::Action action, Call& call) {
  const net::Request& request = call.request;
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
  const auto status = decision.status();
  if (decision.verdict != core::Verdict::forbidden || decision.needs_global_admin)
    return refuse(call, status.error());
  return error_answer(
      request, 403, "forbidden", status.error().message,
      Object{{"have", core::to_string(decision.have)}, {"need", core::to_string(decision.need)}});
}

}  // namespace

std::optional<net::Response> admit(Site& site, const Policy& policy, Call& call) {
  const net::Request& request = call.request;
  if (policy.bucket != nullptr) {
    const auto taken = site.limits.take(*policy.bucket, core::client_key(request.client_ip));
    if (!taken.allowed)
      return too_many(request, "too many requests of kind " + std::string(policy.bucket->name),
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
  if (auto refused = sign_in(site, call)) return refused;
  return policy.action ? check_action(site, *policy.action, call) : std::nullopt;
}

}  // namespace z4j::api
