// What the handlers share: the kernel's parts, and what is decided once per process.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/api.hpp"
#include "api/router.hpp"
#include "core/error_groups.hpp"
#include "core/findings.hpp"
#include "core/fleet.hpp"
#include "core/home.hpp"
#include "core/metrics.hpp"
#include "core/rate_limit.hpp"
#include "core/simulation.hpp"
#include "core/stats.hpp"
#include "core/task_facets.hpp"
#include "core/task_figures.hpp"
#include "core/task_removal.hpp"
#include "core/tasks.hpp"

namespace z4j::api {

struct Site {
  explicit Site(Parts given);

  Parts parts;
  const Router* router = nullptr;  // all routes; set before the first request
  core::Tasks tasks;
  core::TaskFacets facets;
  core::Errors errors;
  core::Figures figures;
  core::Fleet fleet;
  core::Stats stats;
  core::Home home;
  core::Findings findings;
  core::TaskRemoval task_removal;
  core::Simulator simulator;
  core::RateLimit limits;
  core::HttpMetrics http_metrics;
  core::CounterFamily swallowed{
      "z4j_swallowed_exceptions_total", "handlers that ended by an exception", {"module", "site"}};
  core::CounterFamily policy_reports{
      "z4j_csp_reports_total", "reports of browsers that a page broke its policy", {"directive"}};
  const base::TimeUs started_at;

  // The version list that was fetched last: null while none was.
  std::mutex versions_mutex;
  base::json::Value versions;  // guarded by versions_mutex, as is the next
  std::optional<base::TimeUs> versions_fetched_at;

  const bool is_dev;
  // Names of cookies. device: a browser that is trusted without a second factor; oidc: a sign-in
  // elsewhere that is under way.
  const std::string session_cookie, csrf_cookie, device_cookie, oidc_cookie;

  // Is this host (with or without port) one of ours? An empty one passes: HTTP/1.0.
  [[nodiscard]] bool answers_host(std::string_view host) const;
  // May a page from `origin` use the session's cookies here? "own": the page is ours.
  enum class From { own, allowed, stranger };
  [[nodiscard]] From from(std::string_view origin, const net::Request& request) const;

  // Of this program and its plugins, by name.
  [[nodiscard]] base::json::Object package_versions() const;

  void set_session(net::Response& response, const core::SignedIn& signed_in) const;
  void clear_session(net::Response& response) const;
  void set_device(net::Response& response, std::string_view value) const;  // "": clears it
  void set_oidc(net::Response& response, std::string_view value) const;    // "": clears it

 private:
  enum class CookieKind { session, for_scripts, strict, lax };
  [[nodiscard]] std::string cookie(std::string_view name, std::string_view value,
                                   std::int64_t max_age_s, CookieKind kind) const;
  std::vector<std::string> hosts_;  // lower case, without port
  std::string public_origin_;       // scheme://host[:port], "" when no public URL is set
};

void add_health_routes(Router& router);
void add_setup_routes(Router& router);
void add_audit_routes(Router& router);
void add_notification_routes(Router& router);
void add_user_notification_routes(Router& router);
void add_auth_routes(Router& router);
void add_user_routes(Router& router);
void add_member_routes(Router& router);
void add_invitation_routes(Router& router);
void add_mfa_routes(Router& router);
void add_api_key_routes(Router& router);
void add_oidc_routes(Router& router);
void add_project_routes(Router& router);
void add_agent_routes(Router& router);
void add_fleet_routes(Router& router);
void add_trial_routes(Router& router);
void add_loss_routes(Router& router);
void add_task_routes(Router& router);
void add_error_routes(Router& router);
void add_figure_routes(Router& router);
void add_command_routes(Router& router);
void add_bulk_routes(Router& router);
void add_schedule_routes(Router& router);
void add_simulation_routes(Router& router);
void add_stats_routes(Router& router);
void add_plugin_routes(Router& router);
void add_metrics_route(Router& router);
void add_home_routes(Router& router);
void add_finding_routes(Router& router);
void add_view_routes(Router& router);
void add_deploy_routes(Router& router);
void add_report_routes(Router& router);
void add_admin_routes(Router& router);
void add_openapi_routes(Router& router, const config::Settings& settings);

}  // namespace z4j::api
