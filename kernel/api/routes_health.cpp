// Liveness, readiness, what runs here; and the page at the root.
#include <sys/utsname.h>
#include <unistd.h>

#include "api/reply.hpp"
#include "api/site.hpp"
#include "core/audit_forward.hpp"
#include "core/audit_keeper.hpp"

namespace z4j::api {
namespace {

using base::json::Object;
using base::json::text_or_null;

constexpr int kReadyTimeoutMs = 2000;
constexpr std::int64_t kSecurityContactDays = 365;

// What works only in part, for anybody: changes are refused while the audit log cannot be handed
// on. Reading goes on, so the answer stays 200 and proxies keep sending requests here.
std::optional<std::string_view> trouble_of(const Site& site) {
  const core::AuditForwarder* forwarder = site.parts.audit_desk.forwarder;
  if (forwarder == nullptr || forwarder->may_change()) return std::nullopt;
  return "audit_blocked";
}

net::Response status_answer(const Site& site, std::string_view good) {
  const auto trouble = trouble_of(site);
  if (!trouble) return json_answer(200, Object{{"status", good}});
  return json_answer(200, Object{{"status", "degraded"}, {"reason", *trouble}});
}

net::Response get_health(Site& site, Call&) { return status_answer(site, "ok"); }

net::Response get_ready(Site& site, Call&) {
  if (auto answered = site.parts.store.ping(kReadyTimeoutMs); !answered) {
    return json_answer(503, Object{{"status", "unready"}, {"reason", "database"}});
  }
  return status_answer(site, "ready");
}

net::Response get_system(Site& site, Call& call) {
  utsname name{};
  ::uname(&name);
  Object out{{"z4j_version", site.parts.version},
             {"python_version", __VERSION__},
             {"python_implementation", "none: C++"},
             {"os", std::string(name.sysname) + " " + name.release},
             {"architecture", name.machine},
             {"pid", ::getpid()},
             {"database_type", "unknown"},
             {"database_version", nullptr},
             {"database_size_mb", nullptr},
             {"database_connections", nullptr},
             {"packages", site.package_versions()},
             {"runtime", "C++ " __VERSION__},
             {"abi_version", std::to_string(Z4J_ABI_MAJOR) + "." + std::to_string(Z4J_ABI_MINOR)},
             {"uptime_seconds", (site.parts.clock.now() - site.started_at) / base::kSecondUs}};
  const auto stats = site.parts.store.stats();
  const auto parsed =
      stats ? base::json::parse(*stats) : base::Result<base::json::Value>(stats.error());
  if (parsed && parsed->is_object()) {
    const Object& o = parsed->get_object();
    out["database_type"] = text_or_null(base::json::text(o, "product"));
    out["database_version"] = text_or_null(base::json::text(o, "version"));
    out["database_size_mb"] = base::json::number(o, "bytes") / 1048576.0;
  } else {
    out["database_error"] = "the database does not answer";
  }
  const auto trouble = trouble_of(site);
  out["status"] = trouble ? "degraded" : "ok";
  if (trouble) out["reason"] = *trouble;
  // Which receivers lack what and why: for administrators.
  if (const AuditDesk& desk = site.parts.audit_desk; call.principal->user.is_admin) {
    if (desk.keeper != nullptr) out["audit"] = desk.keeper->to_json();
    if (desk.forwarder != nullptr) out["audit_forwarding"] = desk.forwarder->to_json();
  }
  if (site.parts.brains) {
    for (auto& member : site.parts.brains()) out[member.key()] = std::move(member.value());
  }
  return json_answer(200, out);
}

net::Response get_root(Site&, Call&) {
  return html_answer(200,
                     "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>z4j</title>"
                     "<h1>z4j</h1><p>The brain is running. Its API is at <a "
                     "href=\"/api/v1/health\">/api/v1</a>; no "
                     "dashboard is installed.</p></html>");
}

// Where to report a weakness (RFC 9116).
net::Response get_security_contact(Site& site, Call& call) {
  const config::Settings& settings = site.parts.settings;
  std::string own = settings.public_url;
  if (own.empty()) own = call.request.scheme + "://" + call.request.host;
  const std::string contact = settings.security_contact.empty() ? own : settings.security_contact;
  // Midnight, so that the file is the same all day.
  base::TimeUs expires = site.parts.clock.now() + kSecurityContactDays * base::kDayUs;
  expires -= expires % base::kDayUs;
  net::Response r;
  r.content_type = "text/plain; charset=utf-8";
  r.body = "Contact: " + contact + "\nExpires: " + base::format_time(expires) +
           "\nPreferred-Languages: en\nCanonical: " + own + "/.well-known/security.txt\n";
  return r;
}

}  // namespace

void add_health_routes(Router& router) {
  router.add("GET", "/", {Gate::open}, get_root)
      .does("Show that the brain runs")
      .gives_file(200, "text/html; charset=utf-8");
  for (const std::string_view path : {"/.well-known/security.txt", "/security.txt"}) {
    router.add("GET", path, {Gate::open}, get_security_contact)
        .does("Say where to report a weakness")
        .gives_file(200, "text/plain; charset=utf-8");
  }
  router.add("GET", "/api/v1/health", {Gate::open}, get_health)
      .does("Say that the process answers, and what works only in part")
      .gives(200, "{status: text, reason?: text}");
  router.add("GET", "/api/v1/health/ready", {Gate::open}, get_ready)
      .does("Say whether the database answers")
      .gives(200, "{status: text, reason?: text}")
      .gives(503, "{status: text, reason: text}");
  router
      .add("GET", "/api/v1/health/system", {Gate::signed_in, std::nullopt, nullptr, core::kAnyKey},
           get_system)
      .does("Show versions, the database, and the brains that share it")
      .gives(200,
             "{status: text, reason?: text, z4j_version: text, python_version: text, "
             "python_implementation: text, os: text, "
             "architecture: text, pid: int, database_type: text?, database_version: text?, "
             "database_size_mb: number?, database_connections: int?, packages: {*: text}, runtime: "
             "text, abi_version: text, uptime_seconds: int, database_error?: text, *: any}");
}

}  // namespace z4j::api
