// Which handler answers a method and path, and who may ask: one row per endpoint, checked in one
// place.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/describe.hpp"
#include "api/shape.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/auth.hpp"
#include "core/policy.hpp"
#include "core/projects.hpp"
#include "core/rate_limit.hpp"
#include "net/http.hpp"

namespace z4j::api {

struct Site;

// Who may come in at all.
enum class Gate {
  open,        // anybody
  signed_in,   // a live session; methods other than GET prove it with X-CSRF-Token
  first_boot,  // anybody while there is no user, then as signed_in
  metrics,     // whoever has the metrics token
  agent,       // whoever has an agent's token
};

// What a session must have settled to be let in.
enum class Settled {
  all,            // whatever it owed: see core::Owed
  second_factor,  // its second factor; it may owe a new password or the enrolment
  nothing,
};

struct Policy {
  Gate gate = Gate::signed_in;
  // What must be allowed besides: in the project of {slug}, or in the installation.
  std::optional<core::Action> action = std::nullopt;
  const core::RateBucket* bucket = nullptr;  // per client address
  // The resource whose read or write scope (by method) opens this route to API keys; empty: none
  // does.
  std::string_view scope = {};
  bool fresh_mfa = false;  // a second factor of the last hour, for users who have one
  Settled settled = Settled::all;
};

// One request on its way to its handler, with what the policy point found out.
struct Call {
  const net::Request& request;
  base::Log& log;
  std::vector<std::pair<std::string_view, std::string>> params;  // of the path, decoded
  std::optional<core::Principal> principal;                      // signed_in
  std::optional<core::Project> project;  // when the path has {slug} and the policy an action

  [[nodiscard]] const std::string& param(std::string_view name) const;
  [[nodiscard]] core::Client client() const {
    return {request.client_ip, std::string(request.header("user-agent"))};
  }
  [[nodiscard]] core::Actor actor() const;
};

// refusal() of reply.hpp; what the client is not told goes to the log, under the request's id.
[[nodiscard]] net::Response refuse(const Call& call, const base::Error& error);

// The parameters, when `path` is one of the pattern's: "/items/{id}". `params` borrows from it.
[[nodiscard]] bool fits_path(std::string_view pattern, std::string_view path,
                             std::vector<std::pair<std::string_view, std::string>>& params);

using Answer = net::Response (*)(Site& site, Call& call);

struct Route {
  std::string_view method, path;  // path: "/api/v1/projects/{slug}"
  Policy policy;
  Answer answer;
  Description description = {};
};

class Router {
 public:
  // The description is to be written at once: it moves when the next route is added.
  Describe add(std::string_view method, std::string_view path, Policy policy, Answer answer);
  // What others serve at the same address: documents tell of it, find() does not.
  Describe add_beside(std::string_view method, std::string_view path, Policy policy);
  // A shape that descriptions speak of by its name.
  void shape(std::string_view name, std::string_view notation) { shapes_.add(name, notation); }

  struct Match {
    const Route* route = nullptr;  // none: see allowed
    std::vector<std::pair<std::string_view, std::string>> params;
    std::string allowed;    // methods that this path has; empty: no such path
    std::string_view path;  // the template, when the path is known
  };
  [[nodiscard]] Match find(std::string_view method, std::string_view path) const;
  [[nodiscard]] const std::vector<Route>& routes() const noexcept { return routes_; }
  [[nodiscard]] const std::vector<Route>& beside() const noexcept { return beside_; }
  [[nodiscard]] const Shapes& shapes() const noexcept { return shapes_; }

 private:
  std::vector<Route> routes_, beside_;
  Shapes shapes_;
};

// As docs/reference/api.md writes it: "open", "signed in", "viewer", "project admin",
// "administrator", ...
[[nodiscard]] std::string to_text(const Policy& policy);

}  // namespace z4j::api
