#include "api/roles.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "api/dashboards.hpp"
#include "core/live.hpp"

namespace z4j::api {
namespace {

constexpr std::string_view kHead = R"(# Who may do what

Made from the routes that serve: `Z4J_UPDATE_DOCS=1 api_access_test` writes it, and without that the same test fails when a
route and its row differ. A second test asks every route as every kind of caller below, in its own project and in
another one, and compares what happens with this table.

**Role** is the least that is needed. A viewer reads, an operator acts on tasks and workers, a project admin changes the
project; an administrator of the installation is admin of every project. Whoever is no member of a project is told 404,
as if it were not there; a member whose role is too low is told 403 with `have` and `need`.

**API key** is the scope a key needs on top of its owner's role. `none`: no key opens it. A key that is bound to a project
opens paths of that project, and lists of `home` and `projects`, which then show that project alone.

**Second factor** matters to users who have one. `given`: the session must have given it. `fresh`: within the last hour
(`mfa.verification_ttl_seconds`), and an API key alone is told 401. `not asked`: open to a session that still owes it.
A session that owes a new password, or the enrolment that the installation demands, may use only what is
`not asked`, the rest of `/api/v1/auth/mfa/`, and change its password.

| Route | Role | API key | Second factor |
|---|---|---|---|
)";

constexpr std::string_view kSockets = R"(
## Sockets

| Topic of `/ws/dashboard` | Role | API key | Second factor |
|---|---|---|---|
)";

constexpr std::string_view kSocketsEnd = R"(
Who may subscribe to a project may watch its tasks; topics that need more are left out for others. A subscription names one project. Who does not sign in with a session, or owes something, is closed with 4401; who has no
role there with 4403. It is looked at again every 3 seconds: a session that ended closes the socket with
4401, a role that was taken away with 4403. `agent token`: no user and no API key opens it, only an agent of the project that the
token was minted for.
)";

bool has_no_user(Gate gate) {
  return gate == Gate::open || gate == Gate::metrics || gate == Gate::agent;
}

std::string row_of(std::string_view what, const Policy& policy, std::string_view key) {
  return "| `" + std::string(what) + "` | " + to_text(policy) + " | " + std::string(key) + " | " +
         second_factor(policy) + " |\n";
}

}  // namespace

std::string key_scope(const Route& route) {
  const Policy& policy = route.policy;
  if (has_no_user(policy.gate)) return "-";
  if (policy.scope.empty() || policy.fresh_mfa) return "none";
  if (policy.scope == core::kAnyKey) return "any";
  const bool is_write = route.method != "GET" && route.method != "HEAD";
  return std::string(policy.scope) + (is_write ? ":write" : ":read");
}

std::string second_factor(const Policy& policy) {
  if (has_no_user(policy.gate)) return "-";
  if (policy.fresh_mfa) return "fresh";
  return policy.settled == Settled::nothing ? "not asked" : "given";
}

std::string roles_document(const Router& router) {
  std::vector<std::string> rows;
  for (const auto* routes : {&router.routes(), &router.beside()}) {
    for (const Route& route : *routes) {
      const std::string name = std::string(route.method) + " " + std::string(route.path);
      rows.push_back(row_of(name, route.policy, key_scope(route)));
    }
  }
  // By path, then by method.
  const auto place = [](const std::string& row) {
    const std::size_t blank = row.find(' ', 3);
    return std::pair(row.substr(blank, row.find('`', blank) - blank), row.substr(0, blank));
  };
  std::sort(rows.begin(), rows.end(),
            [&](const std::string& a, const std::string& b) { return place(a) < place(b); });
  std::string out(kHead);
  for (const std::string& row : rows) out += row;
  out += kSockets;
  for (const std::string_view topic : core::kLiveTopics)
    out += row_of(topic, {Gate::signed_in, core::needed_to_hear(topic)}, "none");
  return out += kSocketsEnd;
}

}  // namespace z4j::api
