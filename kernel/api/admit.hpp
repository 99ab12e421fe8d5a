// The one place that decides whether a request reaches its handler.
#pragma once

#include <optional>

#include "api/router.hpp"
#include "net/http.hpp"

namespace z4j::api {

// Fills the call's principal and project, or gives the answer that refuses it.
[[nodiscard]] std::optional<net::Response> admit(Site& site, const Policy& policy, Call& call);

}  // namespace z4j::api
