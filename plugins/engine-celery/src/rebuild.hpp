// After a start or an outage: what broker, workers and result store still know, as events marked
// "rebuilt". The kernel leaves out those whose task already stands where the event says.
#pragma once

#include "src/emitter.hpp"
#include "src/lines.hpp"
#include "src/shared.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace z4j::engine_celery {

struct Rebuilt {
  std::size_t tasks = 0;  // distinct
  bool complete = true;   // false: a ceiling was met, or a source did not answer
  std::string why_incomplete;
};

// `since_us`: results older than that were seen before; 0 for all. Throws what the broker's
// connection throws; a result store that cannot be reached only makes it incomplete.
[[nodiscard]] Rebuilt rebuild(Lines& lines, Shared& shared, Emitter& emitter,
                              const std::vector<std::string>& queues, std::int64_t since_us);

// Facts of a message as an event: also used for messages that are taken out of a queue.
[[nodiscard]] celery::Event event_of_message(const std::string& message, std::uint16_t kind,
                                             std::int64_t time_us, json::Object attrs);

}  // namespace z4j::engine_celery
