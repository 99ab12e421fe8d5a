// The one place that decides whether a request reaches its handler.
#pragma once

#include <optional>
#include <string_view>

#include "api/router.hpp"
#include "base/result.hpp"
#include "core/policy.hpp"
#include "net/http.hpp"

namespace z4j::api {

// Fills the call's principal and project, or gives the answer that refuses it.
[[nodiscard]] std::optional<net::Response> admit(Site& site, const Route& route, Call& call);
// The answer to whom a policy does not allow it.
[[nodiscard]] net::Response refuse(const Call& call, const core::Decision& decision);
// A refusal that the audit log is to know of: of somebody known, or of a change of schedules. At
// most one a minute for each caller, route and kind.
void note_refusal(Site& site, const Call& call, std::string_view route, int status);
// A request that would change schedules; all refusals of such are noted.
[[nodiscard]] bool changes_schedules(const net::Request& request, std::string_view route);
// Whose session a socket came with, when it owes nothing. Keys open no sockets.
[[nodiscard]] base::Result<core::Principal> admit_socket(Site& site,
                                                         std::string_view session_cookie);

}  // namespace z4j::api
