#include "api/router.hpp"

#include <algorithm>

#include "api/reply.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::api {
namespace {

constexpr std::size_t kMaxPath = 2048;

}  // namespace

bool fits_path(std::string_view pattern, std::string_view path,
               std::vector<std::pair<std::string_view, std::string>>& params) {
  params.clear();
  while (true) {
    const std::size_t pattern_end = std::min(pattern.find('/', 1), pattern.size());
    const std::size_t path_end = std::min(path.find('/', 1), path.size());
    const std::string_view want = pattern.substr(0, pattern_end);
    const std::string_view have = path.substr(0, path_end);
    if (want.size() > 2 && want[1] == '{') {
      bool is_good = true;
      std::string value =
          net::percent_decode(have.substr(std::min<std::size_t>(1, have.size())), false, is_good);
      if (!is_good || value.empty() || value.find('\0') != std::string::npos ||
          !core::is_utf8(value))
        return false;
      params.emplace_back(want.substr(2, want.size() - 3), std::move(value));
    } else if (want != have) {
      return false;
    }
    pattern.remove_prefix(pattern_end);
    path.remove_prefix(path_end);
    if (pattern.empty() || path.empty()) return pattern.empty() && path.empty();
  }
}

const std::string& Call::param(std::string_view name) const {
  for (const auto& [key, value] : params) {
    if (key == name) return value;
  }
  throw base::Bug("path has no parameter " + std::string(name));
}

core::Actor Call::actor() const {
  core::Actor actor{std::nullopt, std::nullopt, request.client_ip,
                    std::string(request.header("user-agent"))};
  if (principal) actor.user_id = principal->user.id;
  if (principal && principal->key) actor.api_key_id = principal->key->id;
  return actor;
}

net::Response refuse(const Call& call, const base::Error& error) {
  net::Response response = refusal(call.request, error);
  if (error.where == core::refuse::kAgentOffline) {
    call.log.info(
        "request refused",
        {{"method", call.request.method}, {"path", call.request.path}, {"error", error.text()}});
  } else if (response.status >= 500) {
    call.log.error("request failed", {{"method", call.request.method},
                                      {"path", call.request.path},
                                      {"code", base::to_string(error.code)},
                                      {"error", error.text()}});
  }
  return response;
}

Describe Router::add(std::string_view method, std::string_view path, Policy policy, Answer answer) {
  routes_.push_back({method, path, policy, answer});
  return Describe(routes_.back().description);
}

Describe Router::add_beside(std::string_view method, std::string_view path, Policy policy) {
  beside_.push_back({method, path, policy, nullptr});
  return Describe(beside_.back().description);
}

Router::Match Router::find(std::string_view method, std::string_view path) const {
  Match match;
  if (path.size() > kMaxPath) return match;
  std::vector<std::pair<std::string_view, std::string>> params;
  for (const Route& route : routes_) {
    if (!fits_path(route.path, path, params)) continue;
    if (match.path.empty()) match.path = route.path;
    if (route.method == method) {
      match.route = &route;
      match.path = route.path;
      match.params = std::move(params);
      return match;
    }
    if (match.allowed.find(route.method) == std::string::npos)
      match.allowed += (match.allowed.empty() ? "" : ", ") + std::string(route.method);
  }
  return match;
}

std::string to_text(const Policy& policy) {
  if (policy.action) {
    if (core::needs_global_admin(*policy.action)) return "administrator";
    switch (core::needed_role(*policy.action)) {
      case core::Role::viewer:
        return "viewer";
      case core::Role::op:
        return "operator";
      default:
        return "project admin";
    }
  }
  switch (policy.gate) {
    case Gate::open:
      return "open";
    case Gate::signed_in:
      return "signed in";
    case Gate::first_boot:
      return "open until set up, then signed in";
    case Gate::agent:
      return "agent token";
    case Gate::metrics:
      break;
  }
  return "metrics token";
}

}  // namespace z4j::api
