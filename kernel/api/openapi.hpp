// The API's description as an OpenAPI 3.1 document and as a page, made from the routes that serve.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "api/router.hpp"
#include "base/json.hpp"

namespace z4j::api {

// The statuses that a route may refuse with: what its gate, path, fields and bucket can do, and
// what it says itself.
[[nodiscard]] std::set<int> refusals_of(const Route& route);

// Routes without a description are left out.
[[nodiscard]] base::json::Object openapi_document(const Router& router, std::string_view version);

// HTML without scripts; `nonce` is its style's.
[[nodiscard]] std::string openapi_page(const Router& router, std::string_view version,
                                       std::string_view nonce);

}  // namespace z4j::api
