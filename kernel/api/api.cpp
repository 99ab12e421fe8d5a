#include "api/api.hpp"

#include <array>
#include <exception>
#include <utility>

#include "api/admit.hpp"
#include "api/dashboards.hpp"
#include "api/plugin_pages.hpp"
#include "api/reply.hpp"
#include "api/router.hpp"
#include "api/site.hpp"
#include "base/log_scope.hpp"

namespace z4j::api {
namespace {

constexpr std::string_view kPagePolicy =
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; style-src-elem "
    "'self'; style-src-attr "
    "'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; "
    "frame-src 'none'; "
    "base-uri 'none'; object-src 'none'";

// Of answers that are no page, should a browser show one all the same.
constexpr std::string_view kDataPolicy =
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'";

bool has_header(const net::Response& response, std::string_view name) {
  for (const auto& header : response.headers) {
    if (header.first == name) return true;
  }
  return false;
}

}  // namespace

Api::Api(Parts parts)
    : site_(std::make_unique<Site>(std::move(parts))),
      router_(std::make_unique<Router>()),
      dashboards_(std::make_unique<Dashboards>(*site_)) {
  add_health_routes(*router_);
  add_setup_routes(*router_);
  add_auth_routes(*router_);
  add_audit_routes(*router_);
  add_notification_routes(*router_);
  add_user_notification_routes(*router_);
  add_mfa_routes(*router_);
  add_api_key_routes(*router_);
  add_oidc_routes(*router_);
  add_user_routes(*router_);
  add_project_routes(*router_);
  add_member_routes(*router_);
  add_invitation_routes(*router_);
  add_agent_routes(*router_);
  add_fleet_routes(*router_);
  add_trial_routes(*router_);
  add_loss_routes(*router_);
  add_task_routes(*router_);
  add_error_routes(*router_);
  add_figure_routes(*router_);
  add_command_routes(*router_);
  add_bulk_routes(*router_);
  add_schedule_routes(*router_);
  add_simulation_routes(*router_);
  add_stats_routes(*router_);
  add_plugin_routes(*router_);
  add_metrics_route(*router_);
  add_home_routes(*router_);
  add_finding_routes(*router_);
  add_view_routes(*router_);
  add_deploy_routes(*router_);
  add_report_routes(*router_);
  add_admin_routes(*router_);
  add_openapi_routes(*router_, site_->parts.settings);
  site_->router = router_.get();
  pages_ = std::make_unique<PluginPages>(*site_);
}

Api::~Api() { stop(); }

std::vector<net::SocketEndpoint> Api::sockets() { return {dashboards_->endpoint()}; }

void Api::start(net::SocketSender& sender) { dashboards_->start(sender); }

void Api::stop() { dashboards_->stop(); }

void Api::observe(std::string_view method, std::string_view route, int status, double seconds) {
  site_->http_metrics.observe(method, route.empty() ? "unmatched" : route, status, seconds);
}

net::Response Api::handle(const net::Request& request) {
  base::LogScope scope;
  scope.add("request_id", request.request_id);
  const std::int64_t began_ms = site_->parts.clock.steady_ms();
  net::Response response;
  try {
    response = answer(request, scope);
  } catch (const std::exception& error) {
    site_->parts.log.error(
        "request handler failed",
        {{"method", request.method}, {"path", request.path}, {"error", error.what()}});
    response =
        error_answer(request, 500, "internal_error",
                     "something went wrong on our side; the log has it under this request id");
  }
  add_headers(request, response);
  if (site_->parts.log.keeps(base::Level::debug)) {
    site_->parts.log.debug("request", {{"method", request.method},
                                       {"route", response.route},
                                       {"status", response.status},
                                       {"client_ip", request.client_ip},
                                       {"ms", site_->parts.clock.steady_ms() - began_ms}});
  }
  return response;
}

net::Response Api::answer(const net::Request& request, base::LogScope& scope) {
  if (!site_->answers_host(request.host))
    return error_answer(request, 400, "invalid_host",
                        "this Host is not answered; see server.allowed_hosts");
  if (request.method == "OPTIONS") return preflight(request);
  if (auto page = pages_->answer(request, scope)) return std::move(*page);
  Router::Match match = router_->find(request.method, request.path);
  if (match.route == nullptr) {
    if (match.allowed.empty()) {
      // Where the console answers, any path can be read; that there is nothing comes later.
      const bool is_read = request.method == "GET" || request.method == "HEAD";
      if (is_read || !pages_->has_console()) return detail_answer(404, "Not Found");
      match.allowed = "GET, HEAD";
    }
    net::Response r = detail_answer(405, "Method Not Allowed");
    r.headers.emplace_back("Allow", match.allowed);
    r.route = match.path;
    return r;
  }
  if (auto packed = refuse_packed(request)) {
    packed->route = match.route->path;
    return std::move(*packed);
  }
  Call call{request, site_->parts.log, std::move(match.params), std::nullopt, std::nullopt};
  auto refused = admit(*site_, *match.route, call);
  if (call.principal) scope.add("user_id", call.principal->user.id.text());
  if (call.project) scope.add("project_id", call.project->id.text());
  net::Response r = refused ? std::move(*refused) : match.route->answer(*site_, call);
  r.route = match.route->path;
  if (!refused && changes_schedules(request, r.route))
    note_refusal(*site_, call, r.route, r.status);
  return r;
}

// Only pages that may use the API learn what they may send.
net::Response Api::preflight(const net::Request& request) const {
  const std::string_view origin = request.header("origin");
  if (origin.empty() || site_->from(origin, request) != Site::From::allowed)
    return detail_answer(405, "Method Not Allowed");
  net::Response r = no_content();
  r.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE");
  r.headers.emplace_back("Access-Control-Allow-Headers",
                         "Authorization, Content-Type, X-CSRF-Token");
  r.headers.emplace_back("Access-Control-Max-Age", "600");
  return r;
}

void Api::add_headers(const net::Request& request, net::Response& response) const {
  const config::Settings& settings = site_->parts.settings;
  const std::string_view path = request.path;
  const bool is_setup = path.starts_with("/setup") || path.starts_with("/api/v1/setup");
  auto& headers = response.headers;
  for (const auto& [name, value] : std::array<std::pair<const char*, const char*>, 5>{
           {{"X-Content-Type-Options", "nosniff"},
            {"X-Frame-Options", "DENY"},
            {"Permissions-Policy",
             "geolocation=(), microphone=(), camera=(), payment=(), usb=(), accelerometer=(), "
             "gyroscope=(), "
             "magnetometer=()"},
            {"Cross-Origin-Opener-Policy", "same-origin"},
            {"Cross-Origin-Resource-Policy", "same-origin"}}}) {
    headers.emplace_back(name, value);
  }
  if (!has_header(response, "Referrer-Policy"))
    headers.emplace_back("Referrer-Policy",
                         is_setup ? "no-referrer" : "strict-origin-when-cross-origin");
  if ((is_setup || path.starts_with("/api/v1/")) && !has_header(response, "Cache-Control"))
    headers.emplace_back("Cache-Control", "no-store");
  if (!has_header(response, "Content-Security-Policy")) {
    headers.emplace_back("Content-Security-Policy", response.content_type.starts_with("text/html")
                                                        ? kPagePolicy
                                                        : kDataPolicy);
  }
  if (!site_->is_dev && settings.hsts && settings.public_url.starts_with("https://")) {
    headers.emplace_back("Strict-Transport-Security",
                         "max-age=" + std::to_string(settings.hsts_max_age_s) +
                             (settings.hsts_include_subdomains ? "; includeSubDomains" : ""));
  }
  if (!settings.cors_origins.empty()) {
    headers.emplace_back("Vary", "Origin");
    const std::string_view origin = request.header("origin");
    if (!origin.empty() && site_->from(origin, request) == Site::From::allowed) {
      headers.emplace_back("Access-Control-Allow-Origin", origin);
      headers.emplace_back("Access-Control-Allow-Credentials", "true");
    }
  }
}

}  // namespace z4j::api
