#include "api/site.hpp"

#include <algorithm>
#include <map>

#include "core/text.hpp"
#include "wire/version.hpp"

namespace z4j::api {
namespace {

constexpr std::string_view kLoopbackNames[] = {"localhost", "127.0.0.1", "[::1]"};

// Lower case, without the port; brackets of an IPv6 address stay.
std::string host_name(std::string_view host) {
  if (!host.empty() && host.front() == '[')
    return core::ascii_lower(host.substr(0, std::min(host.find(']'), host.size() - 1) + 1));
  return core::ascii_lower(host.substr(0, host.find(':')));
}

// scheme://host[:port] of a URL, lower case, the scheme's own port left out; "" when it is none.
std::string origin_of(std::string_view url) {
  const std::size_t scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return {};
  const std::string scheme = core::ascii_lower(url.substr(0, scheme_end));
  std::string_view authority = url.substr(scheme_end + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  if (authority.empty() || authority.find('@') != std::string_view::npos) return {};
  std::string host = core::ascii_lower(authority);
  const std::string_view own_port = scheme == "https" ? ":443" : scheme == "http" ? ":80" : "";
  if (!own_port.empty() && host.ends_with(own_port)) host.resize(host.size() - own_port.size());
  return scheme + "://" + host;
}

}  // namespace

Site::Site(Parts given)
    : parts(std::move(given)),
      tasks(parts.store, parts.clock),
      facets(parts.store, parts.clock, core::TaskFacets::Options{.keep_ms = parts.stats_keep_ms}),
      errors(parts.store, parts.clock, parts.stats_keep_ms),
      figures(parts.store, parts.clock, parts.stats_keep_ms),
      fleet(parts.store, parts.clock, parts.stats_keep_ms),
      stats(parts.store, parts.clock, core::Stats::Options{.keep_ms = parts.stats_keep_ms}),
      home(parts.store, parts.clock, parts.stats_keep_ms),
      findings(parts.store, parts.clock, home, parts.stats_keep_ms),
      task_removal(parts.store, parts.audit),
      simulator(
          parts.store, parts.clock,
          parts.schedules != nullptr ? parts.schedules->preview() : core::Schedules::Preview()),
      limits(parts.clock),
      started_at(parts.clock.now()),
      is_dev(parts.settings.is_dev()),
      session_cookie(is_dev ? "z4j_session" : "__Host-z4j_session"),
      csrf_cookie(is_dev ? "z4j_csrf" : "__Host-z4j_csrf"),
      device_cookie(is_dev ? "z4j_mfa_trust" : "__Host-z4j_mfa_trust"),
      oidc_cookie(is_dev ? "z4j_oidc" : "__Host-z4j_oidc"),
      public_origin_(origin_of(parts.settings.public_url)) {
  for (const std::string& host : parts.settings.allowed_hosts) hosts_.push_back(host_name(host));
  if (!public_origin_.empty())
    hosts_.push_back(
        host_name(std::string_view(public_origin_).substr(public_origin_.find("://") + 3)));
  if (is_dev || parts.settings.binds_loopback())
    hosts_.insert(hosts_.end(), std::begin(kLoopbackNames), std::end(kLoopbackNames));
}

bool Site::answers_host(std::string_view host) const {
  return host.empty() || std::find(hosts_.begin(), hosts_.end(), host_name(host)) != hosts_.end();
}

Site::From Site::from(std::string_view origin, const net::Request& request) const {
  const std::string asking = origin_of(origin);
  if (asking.empty()) return From::stranger;
  if (asking == public_origin_) return From::own;
  if (!request.host.empty() && answers_host(request.host) &&
      asking == origin_of(request.scheme + "://" + request.host))
    return From::own;
  const auto& allowed = parts.settings.cors_origins;
  const bool is_allowed = std::any_of(allowed.begin(), allowed.end(),
                                      [&](const std::string& o) { return origin_of(o) == asking; });
  return is_allowed ? From::allowed : From::stranger;
}

base::json::Object Site::package_versions() const {
  base::json::Object packages{{"z4j-core", wire::kUpstreamLevel},
                              {"z4j-brain", parts.version},
                              {"z4j-agent", parts.version}};
  std::map<std::string, std::string> plugins;
  for (const plugin::Report& report : parts.plugins.reports()) {
    if (!report.version.empty()) plugins.emplace(report.plugin, report.version);
  }
  for (const auto& [name, version] : plugins) packages[name] = version;
  return packages;
}

std::string Site::cookie(std::string_view name, std::string_view value, std::int64_t max_age_s,
                         CookieKind kind) const {
  std::string out(name);
  out += '=';
  out += value;
  out += "; Path=/; Max-Age=" + std::to_string(max_age_s);
  if (kind != CookieKind::for_scripts) out += "; HttpOnly";
  if (!is_dev) out += "; Secure";
  const bool is_lax = kind == CookieKind::lax || (kind == CookieKind::session &&
                                                  parts.settings.session_cookie_samesite == "lax");
  out += is_lax ? "; SameSite=Lax" : "; SameSite=Strict";
  return out;
}

void Site::set_session(net::Response& response, const core::SignedIn& signed_in) const {
  response.headers.emplace_back("Set-Cookie", cookie(session_cookie, signed_in.cookie,
                                                     signed_in.max_age_s, CookieKind::session));
  response.headers.emplace_back("Set-Cookie", cookie(csrf_cookie, signed_in.session.csrf_token,
                                                     signed_in.max_age_s, CookieKind::for_scripts));
}

void Site::clear_session(net::Response& response) const {
  response.headers.emplace_back("Set-Cookie", cookie(session_cookie, {}, 0, CookieKind::session));
  response.headers.emplace_back("Set-Cookie", cookie(csrf_cookie, {}, 0, CookieKind::for_scripts));
}

void Site::set_device(net::Response& response, std::string_view value) const {
  const std::int64_t age_s =
      value.empty() ? 0 : parts.settings.mfa_remember_device_days * base::kDayUs / base::kSecondUs;
  response.headers.emplace_back("Set-Cookie",
                                cookie(device_cookie, value, age_s, CookieKind::strict));
}

// Lax: it must come along when the provider sends the browser back.
void Site::set_oidc(net::Response& response, std::string_view value) const {
  response.headers.emplace_back(
      "Set-Cookie",
      cookie(oidc_cookie, value, value.empty() ? 0 : core::Oidc::kFlowS, CookieKind::lax));
}

}  // namespace z4j::api
