// Sign-in, sessions, the user's own account.
#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;

net::Response signed_in_answer(const Site& site, const core::SignedIn& signed_in) {
  net::Response r =
      json_answer(200, Object{{"user", to_json(signed_in.user)}, {"mfa_required", false}});
  site.set_session(r, signed_in);
  return r;
}

net::Response log_in(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const auto email = in.text("email", {3, 320}, Need::required);
  const auto password = in.text("password", {1, 256}, Need::required);
  const bool remember_me = in.boolean("remember_me", false);
  if (!in.ok()) return in.refused(call.request);
  auto signed_in = site.parts.auth.login(*email, *password, remember_me, call.client());
  if (!signed_in) return refuse(call, signed_in.error());
  return signed_in_answer(site, *signed_in);
}

net::Response log_out(Site& site, Call& call) {
  if (auto done = site.parts.auth.logout(*call.principal, call.client()); !done)
    return refuse(call, done.error());
  net::Response r = no_content();
  site.clear_session(r);
  return r;
}

net::Response get_password_policy(Site& site, Call&) {
  return json_answer(
      200, Object{{"min_length", site.parts.settings.password_min_length},
                  {"required_character_classes", 3},
                  {"character_class_names", Array{"lowercase", "uppercase", "digit", "symbol"}}});
}

// For clients that keep no cookie jar of their own.
net::Response get_csrf(Site&, Call& call) {
  return json_answer(200, Object{{"csrf_token", call.principal->session.csrf_token}});
}

net::Response get_me(Site& site, Call& call) {
  auto me = site.parts.auth.me(*call.principal);
  return me ? json_answer(200, to_json(*me)) : refuse(call, me.error());
}

net::Response patch_me(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  core::MePatch patch;
  patch.first_name = in.text("first_name", {0, 100});
  patch.last_name = in.text("last_name", {0, 100});
  patch.display_name = in.text("display_name", {0, 200});
  patch.timezone = in.text("timezone", {1, 64});
  if (!in.ok()) return in.refused(call.request);
  auto me = site.parts.auth.update_me(*call.principal, patch, call.client());
  return me ? json_answer(200, to_json(*me)) : refuse(call, me.error());
}

net::Response change_password(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const auto current = in.text("current_password", {1, 256}, Need::required);
  const auto next = in.text("new_password", {8, 256}, Need::required);
  if (!in.ok()) return in.refused(call.request);
  auto signed_in = site.parts.auth.change_password(*call.principal, *current, *next, call.client());
  return signed_in ? signed_in_answer(site, *signed_in) : refuse(call, signed_in.error());
}

net::Response list_sessions(Site& site, Call& call) {
  auto sessions = site.parts.auth.sessions(*call.principal);
  if (!sessions) return refuse(call, sessions.error());
  Array out;
  for (const core::Session& s : *sessions) {
    out.push_back(Object{{"id", s.id.text()},
                         {"issued_at", base::format_time(s.issued_at)},
                         {"last_seen_at", base::format_time(s.last_seen_at)},
                         {"ip_at_issue", s.ip_at_issue},
                         {"user_agent_at_issue", base::json::text_or_null(s.user_agent_at_issue)},
                         {"is_current", s.id == call.principal->session.id}});
  }
  return json_answer(200, std::move(out));
}

net::Response revoke_session(Site& site, Call& call) {
  const auto id = base::Uuid::parse(call.param("session_id"));
  if (!id) return error_answer(call.request, 404, "not_found", "session not found");
  if (auto done = site.parts.auth.revoke_session(*call.principal, *id, call.client()); !done)
    return refuse(call, done.error());
  return json_answer(200, Object{{"revoked", true}});
}

}  // namespace

void add_auth_routes(Router& router) {
  router.add("POST", "/api/v1/auth/login", {Gate::open, std::nullopt, &core::kLoginBucket}, log_in);
  router.add("POST", "/api/v1/auth/logout", {Gate::signed_in}, log_out);
  router.add("GET", "/api/v1/auth/policy", {Gate::open}, get_password_policy);
  router.add("GET", "/api/v1/auth/csrf", {Gate::signed_in}, get_csrf);
  router.add("GET", "/api/v1/auth/me", {Gate::signed_in}, get_me);
  router.add("PATCH", "/api/v1/auth/me", {Gate::signed_in}, patch_me);
  router.add("POST", "/api/v1/auth/change-password", {Gate::signed_in}, change_password);
  router.add("GET", "/api/v1/auth/sessions", {Gate::signed_in}, list_sessions);
  router.add("POST", "/api/v1/auth/sessions/{session_id}/revoke", {Gate::signed_in},
             revoke_session);
}

}  // namespace z4j::api
