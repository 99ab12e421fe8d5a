#include "src/arguments.hpp"

#include "src/live_tasks.hpp"

#include "lib/celery/literal.hpp"
#include "lib/celery/raw_json.hpp"
#include "lib/celery/result.hpp"

#include <utility>

namespace z4j::engine_celery {
namespace {

constexpr char kNoContinuation[] =
    "chain, callbacks and chord of the original are not known here and will not run";

bool whole(const std::string& args, const std::string& kwargs) {
  return celery::is_array(args) && celery::is_object(kwargs);
}

std::optional<Source> from_message(Lines& lines, const Settings& settings, const Shared& shared,
                                   const RetryWish& wish) {
  const std::string& hint = wish.queue.empty() ? wish.recorded_queue : wish.queue;
  std::optional<FoundMessage> found =
      find_message(lines, settings, shared, wish.task_id, hint, LookIn::queues_and_unacked);
  if (!found) return std::nullopt;
  Source s;
  s.name = "message";
  s.body = celery::parse_body(found->message);
  s.task = found->message.task;
  s.queue = found->queue;
  s.root_id = found->message.root_id;
  s.priority = found->message.priority;
  s.warnings.push_back(found->waiting ? "the original still waits in its queue and will run too"
                                      : "the original is held by a worker and may run too");
  if (s.body.has_chord || !found->message.group.empty())
    s.warnings.push_back("the new run is no part of the original's group or chord");
  s.found = std::move(found);
  return s;
}

std::optional<Source> from_worker(Lines& lines, Shared& shared, const RetryWish& wish) {
  const LiveTasks live = ask_live_tasks(lines, shared, Arguments::values, kAskMs);
  const LiveTask* t = live.find(wish.task_id);
  if (t == nullptr || !whole(t->args, t->kwargs)) return std::nullopt;
  Source s;
  s.name = "active";
  s.task = t->task;
  s.queue = t->queue;
  s.args = t->args;
  s.kwargs = t->kwargs;
  s.priority = t->priority;
  s.warnings = {"the original is held by worker " + t->worker + " and may run too",
                kNoContinuation};
  return s;
}

std::optional<Source> from_result(Lines& lines, Shared& shared, const RetryWish& wish) {
  if (!lines.results) return std::nullopt;
  try {
    const std::vector<std::string> bytes = lines.results->get({wish.task_id});
    const std::optional<celery::ResultMeta> meta = celery::read_result(bytes.front());
    if (!meta || meta->task_id != wish.task_id || !whole(meta->args, meta->kwargs))
      return std::nullopt;
    Source s;
    s.name = "result_backend";
    s.task = meta->task;
    s.queue = meta->queue;
    s.args = meta->args;
    s.kwargs = meta->kwargs;
    if (meta->has_children || !meta->group.empty() || !meta->parent_id.empty())
      s.warnings.emplace_back(kNoContinuation);
    return s;
  } catch (const Error& e) {
    if (e.code == Z4J_CANCELLED) throw;
    shared.health.complain("results", std::string("the result store: ") + e.what());
    return std::nullopt;
  }
}

std::optional<Source> from_repr(const RetryWish& wish) {
  const std::optional<std::string> args = celery::json_from_literal(wish.args_repr);
  const std::optional<std::string> kwargs = celery::json_from_literal(wish.kwargs_repr);
  if (!args || !kwargs || !whole(*args, *kwargs)) return std::nullopt;
  Source s;
  s.name = "repr";
  s.args = *args;
  s.kwargs = *kwargs;
  s.warnings.emplace_back(kNoContinuation);
  return s;
}

}  // namespace

std::optional<Source> find_arguments(Lines& lines, const Settings& settings, Shared& shared,
                                     const RetryWish& wish, std::string& why) {
  // A stored result before the workers: what it holds is as whole, and it answers at once.
  std::optional<Source> s = from_message(lines, settings, shared, wish);
  if (!s) s = from_result(lines, shared, wish);
  if (!s) s = from_worker(lines, shared, wish);
  if (!s) s = from_repr(wish);
  const bool all_given = !wish.override_args.empty() && !wish.override_kwargs.empty();
  if (!s && all_given) {
    s.emplace();
    s->warnings.emplace_back(kNoContinuation);
  }
  if (!s) {
    const bool half = !wish.override_args.empty() || !wish.override_kwargs.empty();
    why = half ? "arguments not recoverable; give both override_args and override_kwargs"
               : "arguments not recoverable";
    return std::nullopt;
  }
  if (!wish.override_args.empty() || !wish.override_kwargs.empty()) {
    s->name = "operator";
    if (!wish.override_args.empty()) s->args = wish.override_args;
    if (!wish.override_kwargs.empty()) s->kwargs = wish.override_kwargs;
    // A body that cannot be edited is replaced when nothing of it is needed.
    if (s->found && s->body.form != celery::BodyForm::json && all_given) {
      s->found.reset();
      s->warnings.emplace_back(kNoContinuation);
    }
  }
  if (s->task.empty()) s->task = wish.task;
  if (!wish.queue.empty()) s->queue = wish.queue;
  if (s->queue.empty()) s->queue = wish.recorded_queue;
  if (s->queue.empty()) {
    s->queue = settings.default_queue;
    s->warnings.push_back("the original's queue is not known; sent to " + settings.default_queue);
  }
  if (wish.priority) s->priority = *wish.priority;
  if (s->task.empty()) {
    why = "the name of the task is not known";
    return std::nullopt;
  }
  return s;
}

}  // namespace z4j::engine_celery
