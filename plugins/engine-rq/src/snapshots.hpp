// What RQ looks like now, page by page; docs/abi/engine.md has the shapes. Nothing is changed.
#pragma once

#include "lib/json/json.hpp"
#include "src/actions.hpp"

#include <string_view>

namespace z4j::engine_rq {

// {"items": [...], "next": cursor or null}. Throws Z4J_UNSUPPORTED for a `what` it does not know,
// Z4J_INVALID for a page that makes no sense, and what Connection throws.
[[nodiscard]] json::Object take_snapshot(Bench& bench, std::string_view what,
                                         const json::Object& page);

}  // namespace z4j::engine_rq
