// First boot: the page that the one-time link opens, and what it sends.
#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"
#include "base/crypto.hpp"

namespace z4j::api {
namespace {

using base::json::Object;

// The token stays in the address bar and travels in the body; nothing of the request is written
// into the page.
constexpr std::string_view kSetupPage =
    R"(<!doctype html><html lang="en"><meta charset="utf-8"><title>z4j setup</title>
<meta name="viewport" content="width=device-width"><style nonce="NONCE">
body{font:16px system-ui;max-width:26rem;margin:3rem auto;padding:0 1rem}
label{display:block;margin:.8rem 0}.rule{font-size:.85rem;margin-top:-.4rem}input{width:100%;box-sizing:border-box;font:inherit;padding:.4rem}</style>
<h1>Welcome to z4j</h1><p>Make the first administrator.</p><form>
<label>E-mail <input name="email" type="email" required autocomplete="username"></label>
<label>Name <input name="display_name" autocomplete="name"></label>
<label>Password <input name="password" type="password" required minlength="FEWEST" maxlength="256" autocomplete="new-password"></label>
<p class="rule">FEWEST characters or more; under 16, three kinds of: lower case, upper case, digit, sign.</p>
<button>Create</button><p role="alert"></p></form>
<script nonce="NONCE">
const form = document.querySelector("form"), told = document.querySelector("[role=alert]");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const sent = Object.fromEntries(new FormData(form));
  sent.token = new URLSearchParams(location.search).get("token") || "";
  if (!sent.display_name) sent.display_name = null;
  const headers = {"Content-Type": "application/json"};
  const answer = await fetch("/api/v1/setup/complete", {method: "POST", headers, body: JSON.stringify(sent)});
  if (answer.ok) { location.replace("/"); return; }
  const why = await answer.json().catch(() => ({}));
  told.textContent = Array.isArray(why.detail)
    ? why.detail.map((d) => d.loc.slice(1).join(".") + ": " + d.msg).join("; ")
    : (why.detail && why.detail.message) || why.message || why.detail || "setup failed";
});
</script></html>)";

void fill(std::string& page, std::string_view mark, const std::string& text) {
  for (std::size_t at = page.find(mark); at != std::string::npos;
       at = page.find(mark, at + text.size()))
    page.replace(at, mark.size(), text);
}

net::Response get_setup_page(Site& site, Call& call) {
  auto active = site.parts.setup.has_active_token();
  if (!active) return refuse(call, active.error());
  if (!*active)
    return html_answer(
        404,
        "<!doctype html><title>z4j</title><p>Setup is done, or its link has expired: restart the "
        "brain to get a new one.</p>");
  const std::string nonce = base::random_token();
  std::string page(kSetupPage);
  fill(page, "NONCE", nonce);
  fill(page, "FEWEST", std::to_string(site.parts.settings.password_min_length));
  net::Response r = html_answer(200, std::move(page));
  r.headers.emplace_back(
      "Content-Security-Policy",
      "default-src 'none'; script-src 'self' 'nonce-" + nonce + "'; style-src 'self' 'nonce-" +
          nonce +
          "'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
  return r;
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
  router.add("GET", "/setup", {Gate::open}, get_setup_page);
  router.add("GET", "/api/v1/setup/status", {Gate::first_boot}, get_setup_status);
  router.add("POST", "/api/v1/setup/complete",
             {Gate::open, std::nullopt, &core::kSetupCompleteBucket}, complete_setup);
}

}  // namespace z4j::api
