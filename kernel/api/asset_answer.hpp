// A plugin's file as an answer: encoded as the browser likes it, kept as long as its name allows.
#pragma once

#include <optional>
#include <string_view>

#include "net/http.hpp"
#include "plugin/http.hpp"

namespace z4j::api {

// The policy of pages that plugins serve: no script, style or frame but those of this site, and no
// HTML that scripts make from text. What breaks it is reported.
inline constexpr std::string_view kOwnPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src "
    "'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'; report-uri "
    "/api/v1/csp-reports";

// Nothing: there is no such file. "a.js.br" and "a.js.gz" are "a.js" in another encoding, and no
// files of their own.
[[nodiscard]] std::optional<net::Response> asset_answer(const plugin::HttpTable& table,
                                                        std::string_view path,
                                                        const net::Request& request);

// Whether browsers may take that encoding: "gzip", "br". RFC 9110, 12.5.3.
[[nodiscard]] bool accepts_encoding(std::string_view header, std::string_view encoding);
// Whether If-None-Match names that tag. RFC 9110, 13.1.2.
[[nodiscard]] bool has_tag(std::string_view header, std::string_view tag);
// Whether its name changes when its content does: "assets/index-BkR3x9aQ.js".
[[nodiscard]] bool has_hashed_name(std::string_view path);

}  // namespace z4j::api
