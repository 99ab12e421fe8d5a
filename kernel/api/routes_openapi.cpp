// The API's description, for programs and for people. Who reads it is recorded.
#include "api/dashboards.hpp"
#include "api/openapi.hpp"
#include "api/reply.hpp"
#include "api/site.hpp"
#include "base/crypto.hpp"

namespace z4j::api {
namespace {

constexpr std::size_t kTagDigits = 32;

bool is_public(const Site& site) { return site.parts.settings.openapi_visibility == "public"; }

void record_access(Site& site, const Call& call, std::string_view what) {
  site.parts.audit.record(
      core::AuditEntry::of(call.actor(), "openapi.schema_accessed", "openapi", what));
}

net::Response get_openapi(Site& site, Call& call) {
  record_access(site, call, "openapi.json");
  const std::string body =
      base::json::write_canonical(openapi_document(*site.router, site.parts.version));
  const std::string tag = "\"" + base::hex(base::sha256(body)).substr(0, kTagDigits) + "\"";
  net::Response r;
  if (call.request.header("if-none-match") == tag) {
    r.status = 304;
    r.content_type.clear();
  } else {
    r.body = body;
  }
  r.headers.emplace_back("ETag", tag);
  r.headers.emplace_back("Cache-Control", is_public(site) ? "public, max-age=86400, immutable"
                                                          : "private, max-age=3600");
  return r;
}

net::Response get_docs(Site& site, Call& call) {
  record_access(site, call, "docs");
  const std::string nonce = base::random_token();
  net::Response r = html_answer(200, openapi_page(*site.router, site.parts.version, nonce));
  r.headers.emplace_back("Content-Security-Policy",
                         "default-src 'none'; style-src 'nonce-" + nonce +
                             "'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'");
  return r;
}

// Files and routes of plugins (plugin_pages), the sockets, and the doors of agents that poll
// (kernel/gateway).
void add_neighbours(Router& router) {
  router.add_beside("GET", "/ws/dashboard", {Gate::signed_in, Dashboards::kAction})
      .does("Hear what changes in a project: a WebSocket; refusals are its close codes")
      .gives_nothing(101)
      .refuses(426);
  router.add_beside("GET", "/ext/{instance}/{path}", {Gate::open})
      .does("Read a file of a plugin; its routes, of any method, say themselves who may")
      .gives_file(200, "*/*")
      .gives_nothing(304);
  const Policy agents{Gate::agent};
  router.add_beside("GET", "/ws/agent", agents)
      .does("Connect an agent: a WebSocket")
      .gives_nothing(101)
      .refuses(426)
      .refuses(429);
  router.add_beside("POST", "/api/v1/agent/events", agents)
      .does("Take frames of an agent that polls")
      .body("{frames: [text]}")
      .gives(200, "{accepted: int, rejected: int, errors: [text], error_code?: text}")
      .refuses(429);
  router.add_beside("GET", "/api/v1/agent/commands", agents)
      .does("Give frames to an agent that polls")
      .query("{wait?: int(0..60), max_frames?: int(0..500)}")
      .gives(200, "{frames: [text]}")
      .refuses(429);
}

}  // namespace

void add_openapi_routes(Router& router, const config::Settings& settings) {
  add_neighbours(router);
  if (settings.openapi_visibility == "disabled") return;
  const Policy who{settings.openapi_visibility == "public" ? Gate::open : Gate::signed_in,
                   std::nullopt, &core::kOpenapiBucket};
  router.add("GET", "/api/v1/openapi.json", who, get_openapi)
      .does("Get this description")
      .gives(200, "object")
      .gives_nothing(304);
  router.add("GET", "/api/v1/docs", who, get_docs)
      .does("Read this description")
      .gives_file(200, "text/html; charset=utf-8");
}

}  // namespace z4j::api
