// Where a task's message lies now: in a queue, with a worker that has not acknowledged it, or among
// the dead letters.
#pragma once

#include "src/lines.hpp"
#include "src/settings.hpp"
#include "src/shared.hpp"

#include "lib/celery/message.hpp"

#include <map>
#include <string>
#include <vector>

namespace z4j::engine_celery {

struct FoundMessage {
  std::string text;      // byte for byte
  std::string queue;     // of a dead letter: where it came from, "" when not known
  bool waiting = false;  // in the queue; otherwise delivered and not acknowledged, or dead
  std::string dead_in;   // the queue where it lies among the dead letters; "" when it does not
  celery::Message message;
};

struct Wanted {
  std::string task_id;
  std::string hint;  // the queue to look in first; "" when not known
};

enum class LookIn { queues, everywhere };

// By task id; one pass over each queue, however many are wanted. Looks at the first 10000 messages
// of each priority of each known queue, at 10000 unacknowledged ones and at the first 1000 of each
// queue of dead letters; what lies behind them is not found.
[[nodiscard]] std::map<std::string, FoundMessage> find_messages(Lines& lines,
                                                                const Settings& settings,
                                                                const Shared& shared,
                                                                const std::vector<Wanted>& wanted,
                                                                LookIn where);

}  // namespace z4j::engine_celery
