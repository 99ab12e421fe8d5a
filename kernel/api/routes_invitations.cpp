// People asked into a project: minting on one side, the link and what it sends on the other.
#include "api/admit.hpp"
#include "api/form_page.hpp"
#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"

namespace z4j::api {
namespace {

using base::json::Object;

constexpr Length kInvitationToken{10, 256};
constexpr std::size_t kInvitedPassword = 12;

constexpr FormPage kInvitePage{
    .title = "An invitation to z4j",
    .intro = "One moment ...",
    .fields =
        R"(<label>Name <input name="display_name" required maxlength="200" autocomplete="name"></label>
NEW_PASSWORD)",
    .button = "Accept",
    .submit =
        R"(const made = await post("/api/v1/invitations/accept", signedIn ? {token} : {...sent, token});
  if (made) done("You are in. Sign in to go on.");)",
    .begin = R"(const token = new URLSearchParams(location.hash.slice(1)).get("token") || "";
let signedIn = false;
(async () => {
  const found = await fetch("/api/v1/invitations/preview?token=" + encodeURIComponent(token));
  if (!found.ok) { done("This invitation is not valid any more. Ask who invited you for a new one."); return; }
  const invited = await found.json();
  const me = await fetch("/api/v1/auth/me");
  signedIn = me.ok && (await me.json()).email === invited.email;
  if (signedIn) for (const part of form.querySelectorAll("label, .rule")) part.remove();
  intro.textContent = "You, " + invited.email + ", are invited to " + invited.project_name + " as " + invited.role + ".";
})();)"};

net::Response get_invite_page(Site& site, Call&) {
  return form_page(kInvitePage, site.parts.settings.password_min_length);
}

net::Response list_invitations(Site& site, Call& call) {
  auto pending = site.parts.invitations.pending(call.project->id);
  return pending ? json_answer(200, to_json_array(*pending)) : refuse(call, pending.error());
}

net::Response mint_invitation(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const auto email = in.text("email", {3, 320}, Need::required);
  const auto role = in.text("role", {1, 40});
  const auto days = in.integer("ttl_days", 1, core::Invitations::kMostDays);
  const core::Role parsed = role ? core::parse_role(*role) : core::Role::viewer;
  if (parsed == core::Role::none)
    in.problem("role", "literal_error", "must be viewer, operator or admin");
  if (!in.ok()) return in.refused(call.request);
  auto minted = site.parts.invitations.mint(*call.project, *email, parsed,
                                            days.value_or(core::Invitations::kUsualDays),
                                            call.principal->user, call.actor());
  if (!minted) return refuse(call, minted.error());
  return json_answer(201, Object{{"invitation", to_json(minted->invitation)},
                                 {"token", minted->token},
                                 {"accept_url_path", core::invitation_path(minted->token)},
                                 {"email_sent", minted->is_mailed}});
}

net::Response revoke_invitation(Site& site, Call& call) {
  const auto id = base::Uuid::parse(call.param("invitation_id"));
  if (!id) return error_answer(call.request, 404, "not_found", "invitation not found");
  auto done = site.parts.invitations.revoke(call.project->id, *id, call.actor());
  return done ? no_content() : refuse(call, done.error());
}

net::Response preview_invitation(Site& site, Call& call) {
  Input in = Input::of_query(call.request);
  const auto token = in.text("token", kInvitationToken, Need::required);
  if (!in.ok()) return in.refused(call.request);
  auto found = site.parts.invitations.preview(*token);
  if (!found) return refuse(call, found.error());
  return json_answer(200, Object{{"email", found->invitation.email},
                                 {"role", core::to_string(found->invitation.role)},
                                 {"project_slug", found->project_slug},
                                 {"project_name", found->project_name},
                                 {"expires_at", base::format_time(found->invitation.expires_at)}});
}

net::Response accepted_answer(const Call& call,
                              const base::Result<core::Invitations::Accepted>& accepted) {
  if (!accepted) return refuse(call, accepted.error());
  return json_answer(201, Object{{"user_id", accepted->user_id.text()},
                                 {"project_slug", accepted->project_slug},
                                 {"role", core::to_string(accepted->role)}});
}

// Without a password: as the user who is signed in.
net::Response accept_invitation(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const auto token = in.text("token", kInvitationToken, Need::required);
  const bool as_user = !in.has("password") && !in.has("display_name") &&
                       !call.request.cookie(site.session_cookie).empty();
  const Need need = as_user ? Need::optional : Need::required;
  const auto display_name = in.text("display_name", {1, 200}, need);
  const auto password = in.text("password", {kInvitedPassword, 200}, need);
  if (!in.ok()) return in.refused(call.request);
  auto& invitations = site.parts.invitations;
  if (!as_user)
    return accepted_answer(call,
                           invitations.accept(*token, *display_name, *password, call.client()));
  const Route signed_in{"POST", "/api/v1/invitations/accept", {Gate::signed_in}, nullptr};
  if (auto refused = admit(site, signed_in, call)) return std::move(*refused);
  return accepted_answer(call, invitations.accept(*token, call.principal->user, call.actor()));
}

}  // namespace

void add_invitation_routes(Router& router) {
  using core::Action;
  const Policy changes{Gate::signed_in, Action::manage_members, nullptr, {}, true};
  const Policy guests{Gate::open, std::nullopt, &core::kInvitationBucket};
  router.shape("Invitation",
               "{id: uuid, project_id: uuid, email: text, "
               "role: \"viewer\"|\"operator\"|\"admin\", invited_by: uuid?, expires_at: time, "
               "accepted_at: time?, revoked_at: time?, created_at: time}");
  router.add("GET", "/invite", {Gate::open}, get_invite_page)
      .does("The page of an invitation's link")
      .gives_file(200, "text/html");
  router
      .add("GET", "/api/v1/projects/{slug}/invitations", {Gate::signed_in, Action::manage_members},
           list_invitations)
      .does("List a project's open invitations, newest first")
      .gives(200, "[Invitation]");
  router.add("POST", "/api/v1/projects/{slug}/invitations", changes, mint_invitation)
      .does("Invite somebody")
      .body(
          "{email: text(3..320), role?: \"viewer\"|\"operator\"|\"admin\", "
          "ttl_days?: int(1..30)}")
      .gives(201, "{invitation: Invitation, token: text, accept_url_path: text, email_sent: bool}")
      .refuses(409);
  router
      .add("DELETE", "/api/v1/projects/{slug}/invitations/{invitation_id}", changes,
           revoke_invitation)
      .does("Take an invitation back")
      .gives_nothing()
      .refuses(409);
  router.add("GET", "/api/v1/invitations/preview", guests, preview_invitation)
      .does("What an invitation is for")
      .query("{token: text(10..256)}")
      .gives(200,
             "{email: text, role: \"viewer\"|\"operator\"|\"admin\", project_slug: text, "
             "project_name: text, expires_at: time}")
      .refuses(404);
  router.add("POST", "/api/v1/invitations/accept", guests, accept_invitation)
      .does("Accept an invitation, as a new user or as who is signed in")
      .body("{token: text(10..256), display_name?: text(1..200), password?: text(12..200)}")
      .gives(201, "{user_id: uuid, project_slug: text, role: \"viewer\"|\"operator\"|\"admin\"}")
      .refuses(401)
      .refuses(403)
      .refuses(404)
      .refuses(409);
}

}  // namespace z4j::api
