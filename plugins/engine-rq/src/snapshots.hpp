// What RQ looks like now, page by page; docs/abi/engine.md has the shapes. Nothing is changed.
#pragma once

#include "lib/json/json.hpp"
#include "src/actions.hpp"
#include "src/job_events.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::engine_rq {

// {"items": [...], "next": cursor or null}. Throws Z4J_UNSUPPORTED for a `what` it does not know,
// Z4J_INVALID for a page that makes no sense, and what Connection throws.
[[nodiscard]] json::Object take_snapshot(Bench& bench, std::string_view what,
                                         const json::Object& page);

// Where a page of jobs ends early, so that its answer is not too large.
inline constexpr std::size_t kPageBytes = 4u << 20;

struct PageAsked {
  std::size_t limit = 0;
  std::string cursor;
};
[[nodiscard]] json::Object answer_of(json::Array items, const std::string& next);
// A job as `waiting` shows it, without its position.
[[nodiscard]] json::Object job_item(const Sighting& sighting, const std::string& queue,
                                    Shared& shared);

// dead_letters.cpp
[[nodiscard]] json::Object dead_letters_page(Bench& bench, const PageAsked& asked,
                                             const std::vector<std::string>& queues);
// copies.cpp
[[nodiscard]] json::Object copy_page(Bench& bench, const json::Object& page,
                                     const PageAsked& asked);
// abilities.cpp
[[nodiscard]] json::Object abilities(Bench& bench);

}  // namespace z4j::engine_rq
