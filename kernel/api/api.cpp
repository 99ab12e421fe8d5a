#include "api/api.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "base/json.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::Value;

constexpr int kReadyTimeoutMs = 2000;

net::Response json_answer(int status, const Value& value) {
  net::Response r;
  r.status = status;
  r.body = base::json::write(value);
  return r;
}

net::Response plain_detail(int status, const char* text) { return json_answer(status, Object{{"detail", text}}); }

// The port is ignored; only names of this machine are answered, so that a page elsewhere can't reach
// the API through a name of its own.
bool loopback_host(std::string_view host) {
  if (host.empty()) return true;
  if (host.front() == '[') return host.substr(0, host.find(']') + 1) == "[::1]";
  const std::string_view name = host.substr(0, host.rfind(':'));
  return name == "localhost" || name == "127.0.0.1";
}

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

void add_security_headers(net::Response& r) {
  constexpr std::array<std::pair<const char*, const char*>, 6> kHeaders{{
      {"X-Content-Type-Options", "nosniff"},
      {"X-Frame-Options", "DENY"},
      {"Permissions-Policy", "geolocation=(), microphone=(), camera=(), payment=(), usb=(), accelerometer=(), gyroscope=(), magnetometer=()"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
      {"Referrer-Policy", "strict-origin-when-cross-origin"},
  }};
  for (const auto& [name, value] : kHeaders) r.headers.emplace_back(name, value);
}

}  // namespace

net::Response Api::handle(const net::Request& request) {
  ++requests_;
  net::Response r;
  if (!loopback_host(request.host)) {
    r = json_answer(400, Object{{"error", "invalid_host"}, {"message", "this Host is not answered"}, {"request_id", request.request_id}, {"details", Object{}}});
  } else {
    r = route(request);
  }
  add_security_headers(r);
  return r;
}

net::Response Api::route(const net::Request& request) {
  struct Route {
    std::string_view path;
    net::Response (Api::*answer)();
  };
  static constexpr std::array<Route, 4> kRoutes{{{"/api/v1/health/ready", &Api::ready}, {"/api/v1/health/system", &Api::system},
                                                 {"/api/v1/plugins", &Api::plugin_list}, {"/metrics", &Api::metrics}}};
  const bool health = request.path == "/api/v1/health";
  for (const Route& candidate : kRoutes) {
    if (candidate.path != request.path) continue;
    return request.method == "GET" ? (this->*candidate.answer)() : plain_detail(405, "Method Not Allowed");
  }
  if (!health) return plain_detail(404, "Not Found");
  return request.method == "GET" ? json_answer(200, Object{{"status", "ok"}}) : plain_detail(405, "Method Not Allowed");
}

net::Response Api::ready() {
  if (auto answered = parts_.store.ping(kReadyTimeoutMs); !answered) return json_answer(503, Object{{"status", "unready"}, {"reason", "database"}});
  return json_answer(200, Object{{"status", "ready"}});
}

net::Response Api::system() {
  utsname name{};
  ::uname(&name);
  Object out{{"z4j_version", parts_.version}, {"python_version", nullptr}, {"python_implementation", nullptr}, {"runtime", "C++ " __VERSION__},
             {"abi_version", std::to_string(Z4J_ABI_MAJOR) + "." + std::to_string(Z4J_ABI_MINOR)},
             {"os", std::string(name.sysname) + " " + name.release}, {"architecture", name.machine}, {"pid", ::getpid()},
             {"uptime_seconds", (parts_.clock.now() - started_at_) / base::kSecondUs}, {"database_type", "unknown"}, {"database_version", nullptr},
             {"database_size_mb", nullptr}, {"database_connections", nullptr}, {"packages", Object{}}};
  if (auto stats = parts_.store.stats()) {
    if (auto parsed = base::json::parse(*stats); parsed && parsed->is_object()) {
      const Object& o = parsed->get_object();
      out["database_type"] = base::json::text_or_null(base::json::text(o, "product"));
      out["database_version"] = base::json::text_or_null(base::json::text(o, "version"));
      out["database_size_mb"] = base::json::number(o, "bytes") / 1048576.0;
    }
  }
  return json_answer(200, out);
}

net::Response Api::plugin_list() {
  Array items;
  for (const plugin::Report& r : parts_.plugins.reports()) {
    Array problems;
    for (const config::Problem& p : r.problems) problems.emplace_back(p.text());
    items.push_back(Object{{"instance", r.name}, {"plugin", r.plugin}, {"plugin_id", base::json::text_or_null(r.plugin_id)},
                           {"version", base::json::text_or_null(r.version)}, {"kinds", base::json::text_or_null(r.kinds)}, {"project", r.project},
                           {"state", plugin::to_string(r.state)}, {"health", plugin::to_string(r.health)}, {"why", base::json::text_or_null(r.why)},
                           {"step", base::json::text_or_null(r.step)}, {"what_to_do", base::json::text_or_null(r.what_to_do)}, {"problems", std::move(problems)},
                           {"required", r.required}, {"started_at", r.started_at > 0 ? Value(base::format_time(r.started_at)) : Value(nullptr)},
                           {"calls", r.calls}, {"errors", r.errors}, {"faults", r.faults}, {"late_answers", r.late_answers},
                           {"operations_open", r.ops_open}, {"operations_expired", r.ops_expired}, {"log_lines_suppressed", r.log_lines_suppressed}});
  }
  return json_answer(200, Object{{"items", std::move(items)}, {"next_cursor", nullptr}});
}

net::Response Api::metrics() {
  net::Response r;
  r.content_type = "text/plain; version=0.0.4; charset=utf-8";
  r.body = "# TYPE z4j_brain_rss_bytes gauge\nz4j_brain_rss_bytes " + std::to_string(resident_bytes()) +
           "\n# TYPE z4j_brain_uptime_seconds gauge\nz4j_brain_uptime_seconds " + std::to_string((parts_.clock.now() - started_at_) / base::kSecondUs) +
           "\n# TYPE z4j_brain_requests_total counter\nz4j_brain_requests_total " + std::to_string(requests_) + "\n# TYPE z4j_plugin_up gauge\n";
  for (const plugin::Report& p : parts_.plugins.reports()) {
    r.body += "z4j_plugin_up{instance=\"" + p.name + "\"} " + (p.state == plugin::State::started ? "1" : "0") + "\n";
  }
  return r;
}

}  // namespace z4j::api
