#include "lib/schedule/trigger.hpp"

#include <z4j/scheduler.hpp>

#include "lib/text/text.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace z4j::schedule {

void submit(Op& op, const Host& host, const Schedule& s) {
  const Submit service(host);
  const std::int64_t left = op.remaining_ms();
  if (left <= 0) throw Error(Z4J_TIMEOUT, "its time ran out before it was begun");
  Submission what;
  what.engine = s.engine;
  what.task = s.task;
  what.queue = s.queue;
  what.priority = s.priority.value_or(std::string());
  what.args_json = json::write(s.args);
  what.kwargs_json = json::write(s.kwargs);
  json::Object more{{"periodic_task_name", s.name}};
  if (const json::Object* headers = json::object(s.options, "headers")) more["headers"] = *headers;
  what.more_json = json::write(more);
  what.idempotency_key = text::new_uuid();
  what.deadline_ms = static_cast<std::uint32_t>(std::min<std::int64_t>(left, 300'000));
  const auto held = std::make_shared<Op>(std::move(op));
  try {
    service.send(what, [held](z4j_status status, std::string_view answer) {
      if (status == Z4J_OK) return held->ok(answer);
      held->fail(status, "the engine did not take the task");
    });
  } catch (const Error&) {
    op = std::move(*held);
    throw;
  }
}

void refuse_trigger(Op& op, const std::string& reason) {
  op.ok(json::write(json::Object{{"outcome", "refused"}, {"reason", reason}}));
}

}  // namespace z4j::schedule
