// Which actions can be done here and now: what Celery offers, what the broker allows, and what the
// workers say of themselves.
#pragma once

#include "src/lines.hpp"
#include "src/shared.hpp"
#include "src/worker_facts.hpp"

namespace z4j::engine_celery {

// One item for each action of docs/abi/engine.md. Out of answers of the last half minute; with none
// it asks, for two seconds at most.
[[nodiscard]] json::Array abilities(Lines& lines, Shared& shared, WorkerFacts& facts);

}  // namespace z4j::engine_celery
