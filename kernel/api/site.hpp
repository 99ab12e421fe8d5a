// What the handlers share: the kernel's parts, and what is decided once per process.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/api.hpp"
#include "api/router.hpp"
#include "core/fleet.hpp"
#include "core/metrics.hpp"
#include "core/rate_limit.hpp"
#include "core/stats.hpp"
#include "core/tasks.hpp"

namespace z4j::api {

struct Site {
  explicit Site(Parts given);

  Parts parts;
  core::Tasks tasks;
  core::Fleet fleet;
  core::Stats stats;
  core::RateLimit limits;
  core::HttpMetrics http_metrics;
  const base::TimeUs started_at;

  const bool is_dev;
  const std::string session_cookie, csrf_cookie;  // names

  // Is this host (with or without port) one of ours? An empty one passes: HTTP/1.0.
  [[nodiscard]] bool answers_host(std::string_view host) const;
  // May a page from `origin` use the session's cookies here? "own": the page is ours.
  enum class From { own, allowed, stranger };
  [[nodiscard]] From from(std::string_view origin, const net::Request& request) const;

  void set_session(net::Response& response, const core::SignedIn& signed_in) const;
  void clear_session(net::Response& response) const;

 private:
  [[nodiscard]] std::string cookie(std::string_view name, std::string_view value,
                                   std::int64_t max_age_s, bool for_scripts) const;
  std::vector<std::string> hosts_;  // lower case, without port
  std::string public_origin_;       // scheme://host[:port], "" when no public URL is set
};

void add_health_routes(Router& router);
void add_setup_routes(Router& router);
void add_auth_routes(Router& router);
void add_project_routes(Router& router);
void add_agent_routes(Router& router);
void add_fleet_routes(Router& router);
void add_task_routes(Router& router);
void add_command_routes(Router& router);
void add_stats_routes(Router& router);
void add_plugin_routes(Router& router);
void add_metrics_route(Router& router);

}  // namespace z4j::api
