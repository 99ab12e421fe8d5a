// The people of the installation, for its administrators.
#include <algorithm>

#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"

namespace z4j::api {
namespace {

using base::json::Array;

constexpr std::int64_t kUsualUsers = 100;

// The id of the path; none: the answer is in `refused`.
std::optional<base::Uuid> path_user(const Call& call, net::Response& refused) {
  const auto id = base::Uuid::parse(call.param("user_id"));
  if (!id) refused = error_answer(call.request, 404, "not_found", "user not found");
  return id;
}

net::Response user_answer(const Call& call, int status, const base::Result<core::User>& user) {
  return user ? json_answer(status, to_admin_json(*user)) : refuse(call, user.error());
}

net::Response list_users(Site& site, Call& call) {
  Input in = Input::of_query(call.request);
  constexpr std::int64_t kAny = std::int64_t{1} << 40;
  std::int64_t limit = in.integer("limit", -kAny, kAny).value_or(kUsualUsers);
  const std::int64_t offset = in.integer("offset", -kAny, core::Users::kFarthestOffset).value_or(0);
  if (!in.ok()) return in.refused(call.request);
  if (limit < 1 || limit > core::Users::kMostListed) limit = kUsualUsers;
  auto users = site.parts.users.list(static_cast<std::uint32_t>(limit),
                                     static_cast<std::uint32_t>(std::max<std::int64_t>(offset, 0)));
  if (!users) return refuse(call, users.error());
  Array out;
  for (const core::User& user : *users) out.push_back(to_admin_json(user));
  return json_answer(200, std::move(out));
}

net::Response create_user(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  core::UserDraft draft;
  draft.email = in.text("email", {3, 320}, Need::required).value_or("");
  draft.password = in.text("password", {8, 256}, Need::required).value_or("");
  draft.first_name = in.text("first_name", {0, 100}).value_or("");
  draft.last_name = in.text("last_name", {0, 100}).value_or("");
  draft.display_name = in.text("display_name", {0, 200}).value_or("");
  draft.timezone = in.text("timezone", {1, 64}).value_or(draft.timezone);
  draft.is_admin = in.boolean("is_admin", false);
  draft.must_change_password = in.boolean("password_change_required", false);
  if (!in.ok()) return in.refused(call.request);
  auto user = site.parts.users.create(draft, call.actor());
  if (!user && user.error().code == base::Code::conflict && user.error().where == "email") {
    return error_answer(call.request, 409, "conflict", user.error().message,
                        {{"reason", "email"}, {"email", draft.email}});
  }
  return user_answer(call, 201, user);
}

net::Response get_user(Site& site, Call& call) {
  net::Response refused;
  const auto id = path_user(call, refused);
  return id ? user_answer(call, 200, site.parts.users.get(*id)) : refused;
}

net::Response patch_user(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  core::UserPatch patch;
  patch.first_name = in.text("first_name", {0, 100});
  patch.last_name = in.text("last_name", {0, 100});
  patch.display_name = in.text("display_name", {0, 200});
  patch.timezone = in.text("timezone", {1, 64});
  if (in.has("is_admin") && !in.is_null("is_admin")) patch.is_admin = in.boolean("is_admin", false);
  if (in.has("is_active") && !in.is_null("is_active"))
    patch.is_active = in.boolean("is_active", true);
  if (!in.ok()) return in.refused(call.request);
  net::Response refused;
  const auto id = path_user(call, refused);
  return id ? user_answer(call, 200, site.parts.users.patch(*id, patch, call.actor())) : refused;
}

net::Response set_user_password(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const auto next = in.text("new_password", {8, 256}, Need::required);
  if (!in.ok()) return in.refused(call.request);
  net::Response refused;
  const auto id = path_user(call, refused);
  if (!id) return refused;
  const auto chosen = call.principal->user.id == *id ? core::Users::Chosen::by_owner
                                                     : core::Users::Chosen::by_other;
  auto done = site.parts.users.set_password(*id, *next, chosen, call.actor());
  return done ? no_content() : refuse(call, done.error());
}

net::Response delete_user(Site& site, Call& call) {
  Input in = Input::of_query(call.request);
  const auto trace =
      in.boolean("erase", false) ? core::Users::Trace::erased : core::Users::Trace::kept;
  if (!in.ok()) return in.refused(call.request);
  net::Response refused;
  const auto id = path_user(call, refused);
  if (!id) return refused;
  auto done = site.parts.users.remove(*id, trace, call.actor());
  return done ? no_content() : refuse(call, done.error());
}

}  // namespace

void add_user_routes(Router& router) {
  using core::Action;
  const Policy looks{Gate::signed_in, Action::manage_users, nullptr, "users"};
  const Policy changes{Gate::signed_in, Action::manage_users, nullptr, "users", true};
  router.shape("UserAdmin",
               "{id: uuid, email: text, first_name: text?, last_name: text?, display_name: text?, "
               "is_admin: bool, is_active: bool, timezone: text, last_login_at: time?, "
               "created_at: time, updated_at: time, has_second_factor: bool, "
               "password_change_required: bool}");
  router.add("GET", "/api/v1/users", looks, list_users)
      .does("List users, newest first")
      .query("{limit?: int, offset?: int}")
      .gives(200, "[UserAdmin]");
  router.add("POST", "/api/v1/users", changes, create_user)
      .does("Make a user")
      .body(
          "{email: text(3..320), password: text(8..256), first_name?: text(0..100), "
          "last_name?: text(0..100), display_name?: text(0..200), is_admin?: bool, "
          "timezone?: text(1..64), password_change_required?: bool}")
      .gives(201, "UserAdmin")
      .refuses(409);
  router.add("GET", "/api/v1/users/{user_id}", looks, get_user)
      .does("Show a user")
      .gives(200, "UserAdmin");
  router.add("PATCH", "/api/v1/users/{user_id}", changes, patch_user)
      .does("Change a user; null leaves, an empty name clears")
      .body(
          "{first_name?: text(0..100), last_name?: text(0..100), display_name?: text(0..200), "
          "timezone?: text(1..64), is_admin?: bool, is_active?: bool}")
      .gives(200, "UserAdmin")
      .refuses(409);
  router.add("POST", "/api/v1/users/{user_id}/password", changes, set_user_password)
      .does("Give a user a password, to be changed after the next sign-in")
      .body("{new_password: text(8..256)}")
      .gives_nothing();
  router.add("DELETE", "/api/v1/users/{user_id}", changes, delete_user)
      .does("Delete a user; erase: and what all else tells of the person, the audit log too")
      .query("{erase?: bool}")
      .gives_nothing()
      .refuses(409);
}

}  // namespace z4j::api
