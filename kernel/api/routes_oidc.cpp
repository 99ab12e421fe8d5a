// Sign-in through an identity provider: two redirects of the browser.
#include <map>

#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"
#include "core/refusal.hpp"

namespace z4j::api {
namespace {

using base::json::Object;

constexpr std::string_view kCallbackPath = "/api/v1/auth/oidc/callback";

net::Response redirect_to(const std::string& to) {
  net::Response r;
  r.status = 303;
  r.content_type.clear();
  r.headers.emplace_back("Location", to);
  return r;
}

net::Response no_provider(const Call& call) {
  return refuse(call, core::refuse::not_found("identity provider"));
}

// Where the provider sends the browser back to.
std::string callback_url(const Site& site, const net::Request& request) {
  std::string url = site.parts.settings.public_url;
  if (url.empty()) url = request.scheme + "://" + request.host;
  while (url.ends_with('/')) url.pop_back();
  return url + std::string(kCallbackPath);
}

// People are shown the sign-in page, programs the error.
net::Response refused_sign_in(const Call& call, const base::Error& error) {
  if (call.request.header("accept").find("text/html") == std::string_view::npos)
    return refuse(call, error);
  return redirect_to(error.code == base::Code::denied ? "/login?sso=refused"
                                                      : "/login?sso=unavailable");
}

net::Response get_provider(Site& site, Call&) {
  const core::Oidc* oidc = site.parts.oidc;
  return json_answer(
      200, Object{{"enabled", oidc != nullptr},
                  {"name", base::json::text_or_null(oidc == nullptr ? "" : oidc->options().name)}});
}

net::Response begin_oidc(Site& site, Call& call) {
  if (site.parts.oidc == nullptr) return no_provider(call);
  Input in = Input::of_query(call.request);
  const auto next = in.text("next", {0, 512});
  if (!in.ok()) return in.refused(call.request);
  auto begun = site.parts.oidc->begin(callback_url(site, call.request), next.value_or("/"));
  if (!begun) return refused_sign_in(call, begun.error());
  net::Response r = redirect_to(begun->url);
  site.set_oidc(r, begun->cookie);
  return r;
}

net::Response finish_oidc(Site& site, Call& call) {
  if (site.parts.oidc == nullptr) return no_provider(call);
  std::map<std::string, std::string> query;
  for (auto& [name, value] : net::parse_query(call.request.query))
    query.emplace(std::move(name), std::move(value));
  auto done = site.parts.oidc->finish(query, call.request.cookie(site.oidc_cookie), call.client());
  if (!done) {
    net::Response r = refused_sign_in(call, done.error());
    site.set_oidc(r, {});
    return r;
  }
  const std::string_view device = call.request.cookie(site.device_cookie);
  if (auto good = site.parts.mfa.trust(done->signed_in, device, call.client()); !good)
    return refused_sign_in(call, good.error());
  net::Response r = redirect_to(done->next);
  site.set_session(r, done->signed_in);
  site.set_oidc(r, {});
  return r;
}

}  // namespace

void add_oidc_routes(Router& router) {
  const Policy open{Gate::open, std::nullopt, &core::kLoginBucket};
  router.add("GET", "/api/v1/auth/oidc", {Gate::open}, get_provider)
      .does("Show whether people may sign in through an identity provider")
      .gives(200, "{enabled: bool, name: text?}");
  router.add("GET", "/api/v1/auth/oidc/start", open, begin_oidc)
      .does("Go to the identity provider")
      .query("{next?: text(0..512)}")
      .gives_nothing(303)
      .refuses(404)
      .refuses(503);
  router.add("GET", kCallbackPath, open, finish_oidc)
      .does("Come back from the identity provider")
      .query("{state?: text, code?: text, iss?: text, error?: text}")
      .gives_nothing(303)
      .refuses(401)
      .refuses(404)
      .refuses(503);
}

}  // namespace z4j::api
