// Sign-in, sessions, the user's own account.
#include "api/form_page.hpp"
#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;

constexpr Length kResetToken{10, 256};

constexpr FormPage kResetPage{
    .title = "A new password for z4j",
    .intro = "Choose a new password. You will be signed out everywhere.",
    .fields = "NEW_PASSWORD",
    .button = "Save",
    .submit = R"(const token = new URLSearchParams(location.hash.slice(1)).get("token") || "";
  const answer = await post("/api/v1/auth/password-reset/confirm", {token, new_password: sent.password});
  if (answer) done("Your password is changed. Sign in with it.");)"};

net::Response signed_in_answer(const Site& site, const core::SignedIn& signed_in) {
  const bool owes_factor =
      signed_in.user.mfa_enrolled_at != 0 && signed_in.session.mfa_verified_at == 0;
  net::Response r =
      json_answer(200, Object{{"user", to_json(signed_in.user)},
                              {"mfa_required", owes_factor},
                              {"password_change_required", signed_in.user.force_password_change}});
  site.set_session(r, signed_in);
  return r;
}

net::Response log_in(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const auto email = in.text("email", {3, 320}, Need::required);
  const auto password = in.text("password", {1, 256}, Need::required);
  const bool remember_me = in.boolean("remember_me", false);
  if (!in.ok()) return in.refused(call.request);
  auto signed_in = site.parts.auth.login(*email, *password, remember_me, call.client(),
                                         call.request.cookie(site.session_cookie));
  if (!signed_in) return refuse(call, signed_in.error());
  auto trusted =
      site.parts.mfa.trust(*signed_in, call.request.cookie(site.device_cookie), call.client());
  if (!trusted) return refuse(call, trusted.error());
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
  if (!signed_in) return refuse(call, signed_in.error());
  net::Response r = signed_in_answer(site, *signed_in);
  site.set_device(r, {});
  return r;
}

net::Response get_reset_page(Site& site, Call&) {
  return form_page(kResetPage, site.parts.settings.password_min_length);
}

net::Response request_reset(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const auto email = in.text("email", {3, 320}, Need::required);
  if (!in.ok()) return in.refused(call.request);
  if (auto done = site.parts.resets.request(*email, call.client()); !done)
    return refuse(call, done.error());
  return json_answer(200, Object{{"accepted", true}});
}

net::Response confirm_reset(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const auto token = in.text("token", kResetToken, Need::required);
  const auto next = in.text("new_password", {8, 256}, Need::required);
  if (!in.ok()) return in.refused(call.request);
  if (auto done = site.parts.resets.confirm(*token, *next, call.client()); !done)
    return refuse(call, done.error());
  return json_answer(200, Object{{"success", true}});
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

net::Response revoke_other_sessions(Site& site, Call& call) {
  auto ended = site.parts.auth.revoke_other_sessions(*call.principal, call.client());
  if (!ended) return refuse(call, ended.error());
  return json_answer(200, Object{{"revoked", *ended}});
}

}  // namespace

void add_auth_routes(Router& router) {
  const auto settled = [](Settled what, bool fresh_mfa = false) {
    return Policy{Gate::signed_in, std::nullopt, nullptr, {}, fresh_mfa, what};
  };
  const Policy resets{Gate::open, std::nullopt, &core::kPasswordResetBucket};
  router.shape("User",
               "{id: uuid, email: text, first_name: text?, last_name: text?, display_name: text?, "
               "is_admin: bool, timezone: text, created_at: time}");
  router.shape("Me",
               "{..User, memberships: [{project_id: uuid, project_slug: text, "
               "role: \"viewer\"|\"operator\"|\"admin\"}], password_change_required: bool}");
  router.shape("SignedIn", "{user: User, mfa_required: bool, password_change_required: bool}");
  router.shape("Session",
               "{id: uuid, issued_at: time, last_seen_at: time, ip_at_issue: text, "
               "user_agent_at_issue: text?, is_current: bool}");

  router.add("POST", "/api/v1/auth/login", {Gate::open, std::nullopt, &core::kLoginBucket}, log_in)
      .does("Sign in")
      .body("{email: text(3..320), password: text(1..256), remember_me?: bool}")
      .gives(200, "SignedIn")
      .refuses(401);
  router.add("POST", "/api/v1/auth/logout", settled(Settled::nothing), log_out)
      .does("Sign out")
      .gives_nothing();
  router.add("GET", "/api/v1/auth/policy", {Gate::open}, get_password_policy)
      .does("The rules for passwords")
      .gives(200,
             "{min_length: int, required_character_classes: int, character_class_names: [text]}");
  router.add("GET", "/api/v1/auth/csrf", settled(Settled::nothing), get_csrf)
      .does("The session's CSRF token")
      .gives(200, "{csrf_token: text}");
  router.add("GET", "/api/v1/auth/me", settled(Settled::nothing), get_me)
      .does("Who is signed in")
      .gives(200, "Me");
  router.add("PATCH", "/api/v1/auth/me", {Gate::signed_in}, patch_me)
      .does("Change one's own names and time zone; null leaves")
      .body(
          "{first_name?: text(0..100), last_name?: text(0..100), display_name?: text(0..200), "
          "timezone?: text(1..64)}")
      .gives(200, "Me");
  router
      .add("POST", "/api/v1/auth/change-password", settled(Settled::second_factor, true),
           change_password)
      .does("Change one's password: all sessions end, a new one begins")
      .body("{current_password: text(1..256), new_password: text(8..256)}")
      .gives(200, "SignedIn");
  router.add("GET", "/api/v1/auth/sessions", {Gate::signed_in}, list_sessions)
      .does("List one's own sessions, newest first")
      .gives(200, "[Session]");
  router.add("POST", "/api/v1/auth/sessions/{session_id}/revoke", {Gate::signed_in}, revoke_session)
      .does("End one of one's own sessions")
      .gives(200, "{revoked: bool}");
  router
      .add("POST", "/api/v1/auth/sessions/revoke-others", {Gate::signed_in}, revoke_other_sessions)
      .does("End all of one's own sessions but this one")
      .gives(200, "{revoked: int}");
  router.add("GET", "/reset", {Gate::open}, get_reset_page)
      .does("The page of a password-reset link")
      .gives_file(200, "text/html");
  router.add("POST", "/api/v1/auth/password-reset/request", resets, request_reset)
      .does("Ask for a link by mail")
      .body("{email: text(3..320)}")
      .gives(200, "{accepted: bool}");
  router.add("POST", "/api/v1/auth/password-reset/confirm", resets, confirm_reset)
      .does("Choose a new password with the link's token")
      .body("{token: text(10..256), new_password: text(8..256)}")
      .gives(200, "{success: bool}")
      .refuses(404);
}

}  // namespace z4j::api
