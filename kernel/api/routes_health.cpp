// Liveness, readiness, what runs here; and the page at the root.
#include <sys/utsname.h>
#include <unistd.h>

#include "api/reply.hpp"
#include "api/site.hpp"

namespace z4j::api {
namespace {

using base::json::Object;
using base::json::text_or_null;

constexpr int kReadyTimeoutMs = 2000;

net::Response get_health(Site&, Call&) { return json_answer(200, Object{{"status", "ok"}}); }

net::Response get_ready(Site& site, Call&) {
  if (auto answered = site.parts.store.ping(kReadyTimeoutMs); !answered) {
    return json_answer(503, Object{{"status", "unready"}, {"reason", "database"}});
  }
  return json_answer(200, Object{{"status", "ready"}});
}

net::Response get_system(Site& site, Call&) {
  utsname name{};
  ::uname(&name);
  Object out{{"z4j_version", site.parts.version},
             {"python_version", nullptr},
             {"python_implementation", nullptr},
             {"os", std::string(name.sysname) + " " + name.release},
             {"architecture", name.machine},
             {"pid", ::getpid()},
             {"database_type", "unknown"},
             {"database_version", nullptr},
             {"database_size_mb", nullptr},
             {"database_connections", nullptr},
             {"packages", Object{}},
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

}  // namespace

void add_health_routes(Router& router) {
  router.add("GET", "/", {Gate::open}, get_root);
  router.add("GET", "/api/v1/health", {Gate::open}, get_health);
  router.add("GET", "/api/v1/health/ready", {Gate::open}, get_ready);
  router.add("GET", "/api/v1/health/system", {Gate::signed_in}, get_system);
}

}  // namespace z4j::api
