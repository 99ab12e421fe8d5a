#include "src/arguments.hpp"

#include "lib/celery/literal.hpp"
#include "lib/celery/raw_json.hpp"
#include "lib/celery/result.hpp"

#include <map>
#include <utility>

namespace z4j::engine_celery {
namespace {

constexpr char kNoContinuation[] =
    "chain, callbacks and chord of the original are not known here and will not run";

bool whole(const std::string& args, const std::string& kwargs) {
  return celery::is_array(args) && celery::is_object(kwargs);
}

// Whether a run in place of the dead letter is what the task's chord waits for: nobody has run it
// to its end, and nobody will.
bool fills_its_place(const FoundMessage& found, const celery::Body& body, Lines& lines,
                     Shared& shared, const std::function<const LiveTasks&()>& live) {
  const celery::Message& m = found.message;
  if (found.dead_in.empty() || !body.has_chord || m.protocol != 2 || m.group.empty()) return false;
  if (!lines.results || live().find(m.id) != nullptr) return false;
  try {
    return lines.results->chord_waits_for(m.group, m.id);
  } catch (const Error& e) {
    if (e.code == Z4J_CANCELLED) throw;
    shared.health.complain("results", std::string("the result store: ") + e.what());
    return false;
  }
}

Source from_message(FoundMessage found, Lines& lines, Shared& shared,
                    const std::function<const LiveTasks&()>& live) {
  Source s;
  s.name = "message";
  s.body = celery::parse_body(found.message);
  s.task = found.message.task;
  s.queue = found.queue;
  s.root_id = found.message.root_id;
  s.priority = found.message.priority;
  s.takes_its_place = fills_its_place(found, s.body, lines, shared, live);
  if (s.takes_its_place) {
    s.warnings.push_back("the task keeps its id and its place in the chord; its dead letter in " +
                         found.dead_in + " is gone");
  } else {
    s.warnings.push_back(found.waiting ? "the original still waits in its queue and will run too"
                         : found.dead_in.empty()
                             ? "the original is held by a worker and may run too"
                             : "the original still lies among the dead letters in " +
                                   found.dead_in + " and runs too when it is requeued");
    if (s.body.has_chord || !found.message.group.empty())
      s.warnings.emplace_back("the new run is no part of the original's group or chord");
  }
  s.found = std::move(found);
  return s;
}

std::optional<Source> from_worker(const LiveTask* t) {
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

std::optional<Source> from_result(const std::string& bytes, const std::string& task_id) {
  const std::optional<celery::ResultMeta> meta = celery::read_result(bytes);
  if (!meta || meta->task_id != task_id || !whole(meta->args, meta->kwargs)) return std::nullopt;
  Source s;
  s.name = "result_backend";
  s.task = meta->task;
  s.queue = meta->queue;
  s.args = meta->args;
  s.kwargs = meta->kwargs;
  if (meta->has_children || !meta->group.empty() || !meta->parent_id.empty())
    s.warnings.emplace_back(kNoContinuation);
  return s;
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

std::vector<std::string> results_of(Lines& lines, Shared& shared,
                                    const std::vector<std::string>& ids) {
  if (!lines.results || ids.empty()) return std::vector<std::string>(ids.size());
  try {
    return lines.results->get(ids);
  } catch (const Error& e) {
    if (e.code == Z4J_CANCELLED) throw;
    shared.health.complain("results", std::string("the result store: ") + e.what());
    return std::vector<std::string>(ids.size());
  }
}

Source nothing(std::string why) {
  Source s;
  s.why = std::move(why);
  return s;
}

// The wish on top of what was found.
Source as_wished(std::optional<Source> s, const RetryWish& wish, const Settings& settings) {
  const bool edited = !wish.override_args.empty() || !wish.override_kwargs.empty();
  if (!s && !wish.override_args.empty() && !wish.override_kwargs.empty()) {
    s.emplace();
    s->warnings.emplace_back(kNoContinuation);
  }
  if (!s) {
    return nothing(edited ? "arguments not recoverable; give both override_args and override_kwargs"
                          : "arguments not recoverable");
  }
  if (edited) {
    s->name = "operator";
    if (!wish.override_args.empty()) s->args = wish.override_args;
    if (!wish.override_kwargs.empty()) s->kwargs = wish.override_kwargs;
  }
  if (s->task.empty()) s->task = wish.task;
  if (!wish.queue.empty()) s->queue = wish.queue;
  if (s->queue.empty()) s->queue = wish.recorded_queue;
  if (s->queue.empty()) {
    s->queue = settings.default_queue;
    s->warnings.push_back("the original's queue is not known; sent to " + settings.default_queue);
  }
  if (wish.priority) s->priority = wish.priority;
  if (!s->priority) s->priority = wish.recorded_priority;
  if (s->task.empty()) return nothing("the name of the task is not known");
  return *std::move(s);
}

}  // namespace

std::vector<Source> find_arguments(Lines& lines, const Settings& settings, Shared& shared,
                                   const std::vector<RetryWish>& wishes,
                                   const std::function<const LiveTasks&()>& live) {
  std::vector<Wanted> wanted;
  for (const RetryWish& w : wishes)
    wanted.push_back({w.task_id, w.queue.empty() ? w.recorded_queue : w.queue});
  const std::map<std::string, FoundMessage> messages =
      find_messages(lines, settings, shared, wanted, LookIn::everywhere);
  std::vector<std::optional<Source>> found(wishes.size());
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    if (const auto m = messages.find(wishes[i].task_id); m != messages.end()) {
      found[i] = from_message(m->second, lines, shared, live);
    } else {
      open.push_back(i);
    }
  }
  // A stored result before the workers: what it holds is as whole, and it answers at once.
  std::vector<std::string> ids;
  for (const std::size_t i : open) ids.push_back(wishes[i].task_id);
  const std::vector<std::string> results = results_of(lines, shared, ids);
  for (std::size_t k = 0; k < open.size(); ++k) found[open[k]] = from_result(results[k], ids[k]);
  for (const std::size_t i : open) {
    if (!found[i]) found[i] = from_worker(live().find(wishes[i].task_id));
    if (!found[i]) found[i] = from_repr(wishes[i]);
  }
  std::vector<Source> out;
  for (std::size_t i = 0; i < wishes.size(); ++i)
    out.push_back(as_wished(std::move(found[i]), wishes[i], settings));
  return out;
}

}  // namespace z4j::engine_celery
