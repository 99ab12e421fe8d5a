// Where a task's message lies now: in a queue, or with a worker that has not acknowledged it.
#pragma once

#include "src/lines.hpp"
#include "src/settings.hpp"
#include "src/shared.hpp"

#include "lib/celery/message.hpp"

#include <optional>
#include <string>

namespace z4j::engine_celery {

struct FoundMessage {
  std::string text;  // byte for byte
  std::string queue;
  bool waiting = false;  // in the queue; otherwise delivered and not acknowledged
  celery::Message message;
};

enum class LookIn { queues, queues_and_unacked };

// `hint`: the queue to look in first. Looks at the first 10000 messages of each priority of each
// known queue and at 10000 unacknowledged ones; what lies behind them is not found.
[[nodiscard]] std::optional<FoundMessage> find_message(Lines& lines, const Settings& settings,
                                                       const Shared& shared,
                                                       const std::string& task_id,
                                                       const std::string& hint, LookIn where);

}  // namespace z4j::engine_celery
