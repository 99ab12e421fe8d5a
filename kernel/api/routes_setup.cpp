// First boot: the page that the one-time link opens, and what it sends.
#include "api/form_page.hpp"
#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"

namespace z4j::api {
namespace {

using base::json::Object;

constexpr FormPage kSetupPage{
    .title = "Welcome to z4j",
    .intro = "Make the first administrator.",
    .fields =
        R"(<label>E-mail <input name="email" type="email" required autocomplete="username"></label>
<label>Name <input name="display_name" autocomplete="name"></label>
NEW_PASSWORD)",
    .button = "Create",
    .submit = R"(sent.token = new URLSearchParams(location.search).get("token") || "";
  if (!sent.display_name) sent.display_name = null;
  if (await post("/api/v1/setup/complete", sent)) location.replace("/");)"};

net::Response get_setup_page(Site& site, Call& call) {
  auto active = site.parts.setup.has_active_token();
  if (!active) return refuse(call, active.error());
  if (!*active)
    return html_answer(
        404,
        "<!doctype html><title>z4j</title><p>Setup is done, or its link has expired: restart the "
        "brain to get a new one.</p>");
  return form_page(kSetupPage, site.parts.settings.password_min_length);
}

net::Response get_setup_status(Site& site, Call& call) {
  auto first = site.parts.setup.is_first_boot();
  if (!first) return refuse(call, first.error());
  return json_answer(200, Object{{"first_boot", *first}});
}

net::Response complete_setup(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const auto token = in.text("token", {10, 200}, Need::required);
  const auto email = in.text("email", {3, 320}, Need::required);
  const auto display_name = in.text("display_name", {0, 200});
  const auto password = in.text("password", {8, 256}, Need::required);
  if (!in.ok()) return in.refused(call.request);
  auto done = site.parts.setup.complete(*token, *email, display_name.value_or(""), *password,
                                        call.client());
  if (!done) return refuse(call, done.error());
  net::Response r = json_answer(200, Object{{"user", to_json(done->signed_in.user)},
                                            {"project_id", done->project_id.text()}});
  site.set_session(r, done->signed_in);
  return r;
}

}  // namespace

void add_setup_routes(Router& router) {
  router.add("GET", "/setup", {Gate::open}, get_setup_page)
      .does("The page of the one-time setup link")
      .query("{token?: text}")
      .gives_file(200, "text/html")
      .gives_file(404, "text/html");
  router.add("GET", "/api/v1/setup/status", {Gate::first_boot}, get_setup_status)
      .does("Whether the first administrator is still to be made")
      .gives(200, "{first_boot: bool}");
  router
      .add("POST", "/api/v1/setup/complete",
           {Gate::open, std::nullopt, &core::kSetupCompleteBucket}, complete_setup)
      .does("Make the first administrator")
      .body(
          "{token: text(10..200), email: text(3..320), display_name?: text(0..200), "
          "password: text(8..256)}")
      .gives(200, "{user: User, project_id: uuid}")
      .refuses(404)
      .refuses(409);
}

}  // namespace z4j::api
