// Who may use which route, as a table that people read: docs/security/roles.md.
#pragma once

#include <string>

#include "api/router.hpp"

namespace z4j::api {

// The scope that opens a route to API keys: "tasks:read", "any", or "none".
[[nodiscard]] std::string key_scope(const Route& route);
// "fresh"; "not asked" for what may be used while it is still to be given; else "given".
[[nodiscard]] std::string second_factor(const Policy& policy);
// The document, made of the routes.
[[nodiscard]] std::string roles_document(const Router& router);

}  // namespace z4j::api
