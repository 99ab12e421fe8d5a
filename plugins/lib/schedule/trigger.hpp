// "Run it now" for schedulers whose backend has no way of its own: the task is sent by an engine of
// the host.
#pragma once

#include "lib/schedule/schedule.hpp"

#include <z4j/plugin.hpp>

namespace z4j::schedule {

// Any thread; returns at once, the operation is answered when the engine is. Throws when this host
// has no such service or does not take it.
void submit(Op& op, const Host& host, const Schedule& schedule);
// An answer that nothing was sent.
void refuse_trigger(Op& op, const std::string& reason);

}  // namespace z4j::schedule
