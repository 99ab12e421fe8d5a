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
// Whose session a socket came with, when it owes nothing. Keys open no sockets.
[[nodiscard]] base::Result<core::Principal> admit_socket(Site& site,
                                                         std::string_view session_cookie);

}  // namespace z4j::api
