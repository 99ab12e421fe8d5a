// Who belongs to a project.
#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"

namespace z4j::api {
namespace {

using base::json::Object;

constexpr std::size_t kRoleCharacters = 40;

net::Response unknown_role(const Call& call, const std::string& role) {
  return error_answer(call.request, 409, "conflict", "a role is viewer, operator or admin",
                      Object{{"reason", "unknown_role"}, {"value", role}});
}

net::Response member_answer(const Call& call, int status,
                            const base::Result<core::Member>& member) {
  return member ? json_answer(status, to_json(*member)) : refuse(call, member.error());
}

net::Response list_members(Site& site, Call& call) {
  auto members = site.parts.memberships.list(call.project->id);
  return members ? json_answer(200, to_json_array(*members)) : refuse(call, members.error());
}

net::Response add_member(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const auto user = in.uuid("user_id", Need::required);
  const auto role = in.text("role", {1, kRoleCharacters}, Need::required);
  if (!in.ok()) return in.refused(call.request);
  const core::Role parsed = core::parse_role(*role);
  if (parsed == core::Role::none) return unknown_role(call, *role);
  return member_answer(call, 201,
                       site.parts.memberships.add(call.project->id, *user, parsed, call.actor()));
}

net::Response change_member(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const auto role = in.text("role", {1, kRoleCharacters}, Need::required);
  if (!in.ok()) return in.refused(call.request);
  const auto id = base::Uuid::parse(call.param("membership_id"));
  if (!id) return error_answer(call.request, 404, "not_found", "membership not found");
  const core::Role parsed = core::parse_role(*role);
  if (parsed == core::Role::none) return unknown_role(call, *role);
  return member_answer(call, 200,
                       site.parts.memberships.change(call.project->id, *id, parsed, call.actor()));
}

net::Response remove_member(Site& site, Call& call) {
  const auto id = base::Uuid::parse(call.param("membership_id"));
  if (!id) return error_answer(call.request, 404, "not_found", "membership not found");
  auto done = site.parts.memberships.remove(call.project->id, *id, call.actor());
  return done ? no_content() : refuse(call, done.error());
}

}  // namespace

void add_member_routes(Router& router) {
  using core::Action;
  const Policy changes{Gate::signed_in, Action::manage_members, nullptr, "memberships", true};
  router.shape("Membership",
               "{id: uuid, user_id: uuid, project_id: uuid, user_email: text, "
               "user_display_name: text?, role: \"viewer\"|\"operator\"|\"admin\", "
               "created_at: time}");
  router
      .add("GET", "/api/v1/projects/{slug}/memberships",
           {Gate::signed_in, Action::read_members, nullptr, "memberships"}, list_members)
      .does("List a project's members, oldest first")
      .gives(200, "[Membership]");
  router.add("POST", "/api/v1/projects/{slug}/memberships", changes, add_member)
      .does("Let a user into a project")
      .body("{user_id: uuid, role: text(1..40)}")
      .gives(201, "Membership")
      .refuses(409);
  router.add("PATCH", "/api/v1/projects/{slug}/memberships/{membership_id}", changes, change_member)
      .does("Change a member's role")
      .body("{role: text(1..40)}")
      .gives(200, "Membership")
      .refuses(409);
  router
      .add("DELETE", "/api/v1/projects/{slug}/memberships/{membership_id}", changes, remove_member)
      .does("Take a member out of a project")
      .gives_nothing()
      .refuses(409);
}

}  // namespace z4j::api
