#include "src/actions.hpp"

#include "src/live_tasks.hpp"
#include "src/queue_names.hpp"
#include "src/rebuild.hpp"
#include "src/search.hpp"

#include "lib/celery/raw_json.hpp"
#include "lib/celery/result.hpp"
#include "lib/text/text.hpp"

#include <algorithm>
#include <utility>

namespace z4j::engine_celery {
namespace {

constexpr std::size_t kMaxToldOfPurge = 50'000;
constexpr int kKnownTasksAgeMs = 30'000;

json::Object refused(std::string reason) {
  return {{"outcome", "refused"}, {"reason", std::move(reason)}};
}

std::string checked_name(std::string_view name, const char* what) {
  if (name.empty() || name.size() > celery::kMaxNameBytes ||
      text::clean(name, name.size() * 3) != name) {
    throw Error(Z4J_INVALID, std::string(what) + " must be a text of 1 to 500 bytes");
  }
  return std::string(name);
}

// Redis serves 0 first.
std::optional<int> priority_in(const json::Object& args) {
  const json::Value* v = args.if_contains("priority");
  if (v == nullptr || v->is_null()) return std::nullopt;
  if (v->is_int64() && v->get_int64() >= 0 && v->get_int64() <= 255)
    return static_cast<int>(v->get_int64());
  const std::string_view name = json::text(args, "priority");
  constexpr std::pair<const char*, int> kNames[] = {
      {"critical", 0}, {"high", 3}, {"normal", 6}, {"low", 9}};
  for (const auto& [known, n] : kNames) {
    if (name == known) return n;
  }
  throw Error(Z4J_INVALID,
              "priority must be critical, high, normal, low or a number from 0 to 255");
}

std::optional<std::int64_t> eta_in(const json::Object& args) {
  const json::Value* v = args.if_contains("eta_seconds");
  if (v == nullptr || v->is_null()) return std::nullopt;
  const double wait = json::number(args, "eta_seconds", -1);
  constexpr double kTenYears = 315'360'000;
  if (!(wait >= 0 && wait <= kTenYears))
    throw Error(Z4J_INVALID, "eta_seconds must be from 0 to 315360000");
  return now_us() + static_cast<std::int64_t>(wait * 1e6);
}

// A member that holds arguments, as text; "" when it is not there.
std::string arguments_in(std::string_view args, const char* name, bool array) {
  const auto raw = celery::raw_member(args, name);
  if (!raw || *raw == "null") return {};
  if (array ? !celery::is_array(*raw) : !celery::is_object(*raw)) {
    throw Error(Z4J_INVALID,
                std::string(name) + (array ? " must be an array" : " must be an object"));
  }
  return std::string(*raw);
}

std::string queue_in(const json::Object& args) {
  const std::string_view queue = json::text(args, "queue");
  if (queue.empty()) return {};
  if (internal_key(queue)) throw Error(Z4J_INVALID, "that is not the name of a queue of tasks");
  return checked_name(queue, "queue");
}

std::string signal_in(const json::Object& args) {
  const std::string_view name = json::text(args, "signal", "SIGTERM");
  for (const char* known :
       {"SIGTERM", "SIGKILL", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGABRT"}) {
    if (name == known || "SIG" + std::string(name) == known) return known;
  }
  throw Error(Z4J_INVALID,
              "signal must be the name of a signal that ends a process, like SIGTERM or SIGKILL");
}

}  // namespace

std::string Actions::run(std::uint64_t verb, std::string_view target, std::string_view args_text,
                         std::int64_t remaining_ms) {
  if (args_text.empty()) args_text = "{}";
  const json::Value args = json::parse(args_text, celery::kMaxMessageBytes);
  const json::Object* o = args.if_object();
  if (o == nullptr) throw Error(Z4J_INVALID, "the arguments of a command must be an object");
  switch (verb) {
    case Z4J_ENGINE_RETRY:
      return json::write(retry(checked_name(target, "the task id"), args_text));
    case Z4J_ENGINE_ENQUEUE:
      return json::write(enqueue(checked_name(target, "the task name"), args_text));
    case Z4J_ENGINE_REVOKE:
      return json::write(revoke(checked_name(target, "the task id"), *o, remaining_ms));
    case Z4J_ENGINE_PURGE:
      return json::write(purge(checked_name(target, "the queue"), *o));
    default:
      throw Error(Z4J_UNSUPPORTED, "this engine has no such command");
  }
}

json::Object Actions::publish(const std::string& queue, int priority, const std::string& message,
                              json::Object answer) {
  try {
    lines_.broker->publish(queue, priority, message);
    answer["outcome"] = "done";
  } catch (const Error& e) {
    if (e.code != Z4J_UNKNOWN) throw;
    answer["outcome"] = "unknown";
    answer["reason"] = e.what();
  }
  return answer;
}

bool Actions::can_run(const std::string& task, json::Array& warnings) {
  bool answered = false;
  for (const auto& [name, answer] : facts_.get(lines_, shared_, kKnownTasksAgeMs)) {
    const std::vector<std::string> tasks = answer.tasks();
    answered = answered || !tasks.empty();
    if (std::find(tasks.begin(), tasks.end(), task) != tasks.end()) return true;
  }
  if (!answered)
    warnings.emplace_back("no worker answered: whether one can run this task is not known");
  return !answered;
}

json::Object Actions::retry(const std::string& task_id, std::string_view args_text) {
  const json::Value parsed = json::parse(args_text, celery::kMaxMessageBytes);
  const json::Object& args = parsed.get_object();
  RetryWish wish;
  wish.task_id = task_id;
  wish.task = json::text(args, "task_name");
  wish.queue = queue_in(args);
  wish.override_args = arguments_in(args_text, "override_args", true);
  wish.override_kwargs = arguments_in(args_text, "override_kwargs", false);
  wish.priority = priority_in(args);
  wish.eta_us = eta_in(args);
  if (const json::Object* recorded = json::object(args, "recorded")) {
    wish.args_repr = json::text(*recorded, "args_repr");
    wish.kwargs_repr = json::text(*recorded, "kwargs_repr");
    wish.recorded_queue = json::text(*recorded, "queue");
    if (internal_key(wish.recorded_queue)) wish.recorded_queue.clear();
    if (wish.task.empty()) wish.task = json::text(*recorded, "task_name");
  }
  std::string why;
  const std::optional<Source> source = find_arguments(lines_, settings_, shared_, wish, why);
  if (!source) return refused(why);

  json::Array warnings = texts(source->warnings);
  if (!can_run(source->task, warnings)) return refused("no worker knows the task " + source->task);
  const std::string new_id = text::new_uuid();
  std::string message;
  if (source->found) {
    try {
      message = celery::write_again(source->found->message, source->body,
                                    {.id = new_id,
                                     .queue = source->queue,
                                     .priority = source->priority,
                                     .eta_us = wish.eta_us,
                                     .args = source->args,
                                     .kwargs = source->kwargs});
    } catch (const Error& e) {
      if (e.code != Z4J_UNSUPPORTED) throw;
      return refused(std::string("arguments not recoverable: ") + e.what());
    }
  } else {
    message = celery::write_message({.id = new_id,
                                     .task = source->task,
                                     .queue = source->queue,
                                     .args = source->args,
                                     .kwargs = source->kwargs,
                                     .root_id = source->root_id,
                                     .priority = source->priority,
                                     .eta_us = wish.eta_us});
  }
  return publish(
      source->queue, source->priority, message,
      {{"new_task_id", new_id}, {"source", source->name}, {"warnings", std::move(warnings)}});
}

json::Object Actions::enqueue(const std::string& task, std::string_view args_text) {
  const json::Value parsed = json::parse(args_text, celery::kMaxMessageBytes);
  const json::Object& args = parsed.get_object();
  celery::NewTask t;
  t.task = task;
  t.queue = queue_in(args);
  if (t.queue.empty()) t.queue = settings_.default_queue;
  if (std::string a = arguments_in(args_text, "args", true); !a.empty()) t.args = std::move(a);
  if (std::string k = arguments_in(args_text, "kwargs", false); !k.empty()) t.kwargs = std::move(k);
  t.priority = priority_in(args).value_or(0);
  t.eta_us = eta_in(args);
  const std::string_view id = json::text(args, "task_id");
  t.id = id.empty() ? text::new_uuid() : checked_name(id, "task_id");
  json::Array warnings;
  if (!can_run(task, warnings)) return refused("no worker knows the task " + task);
  return publish(t.queue, t.priority, celery::write_message(t),
                 {{"new_task_id", t.id}, {"warnings", std::move(warnings)}});
}

void Actions::tell_removed(const std::string& message, const std::string& queue,
                           const char* reason) {
  try {
    celery::Event e = event_of_message(message, Z4J_EV_REVOKED, now_us(), {{"reason", reason}});
    e.queue = queue;
    emitter_.emit({e});
  } catch (const Error&) {
    // Not a task message: nobody waits for its end.
  }
}

json::Object Actions::revoke(const std::string& task_id, const json::Object& args,
                             std::int64_t remaining_ms) {
  const std::optional<FoundMessage> found =
      find_message(lines_, settings_, shared_, task_id, queue_in(args), LookIn::queues);
  // Between looking and taking out a worker may have been quicker.
  if (found && lines_.broker->remove(found->queue, found->text)) {
    tell_removed(found->text, found->queue, "removed from the queue");
    return {{"outcome", "done"}, {"was", "waiting"}, {"removed_from_queue", 1}};
  }
  return revoke_at_workers(task_id, args, remaining_ms);
}

json::Object Actions::revoke_at_workers(const std::string& task_id, const json::Object& args,
                                        std::int64_t remaining_ms) {
  const bool terminate = json::boolean(args, "terminate");
  const std::string signal = signal_in(args);
  const LiveTasks live = ask_live_tasks(lines_, shared_, Arguments::reprs, kAskMs);
  const LiveTask* held = live.find(task_id);
  const bool running = held != nullptr && held->where == LiveTask::Where::active;
  json::Object answer = {{"was", "unknown"}, {"removed_from_queue", 0}};
  if (held != nullptr) {
    answer["was"] = running                                     ? "running"
                    : held->where == LiveTask::Where::scheduled ? "scheduled"
                                                                : "reserved";
  }
  const auto refuse = [&](const char* reason) {
    answer["outcome"] = "refused";
    answer["reason"] = reason;
    return answer;
  };
  const auto nobody_listens = [&](const char* reason) {
    answer["nobody_listens"] = true;
    return refuse(reason);
  };
  if (live.listeners == 0)
    return nobody_listens("the task waits in no queue that is known, and no worker listens");
  if (running && !terminate) return refuse("the task runs already; only terminate ends it");
  if (held == nullptr && lines_.results) {
    const std::optional<celery::ResultMeta> meta =
        celery::read_result(lines_.results->get({task_id}).front());
    if (meta && celery::is_final(meta->status))
      return refuse(("the task has ended: " + meta->status).c_str());
  }

  json::Object arguments = {{"task_id", task_id}, {"terminate", terminate}};
  if (terminate) arguments["signal"] = signal;
  // A running task is ended by its worker alone; anything else every worker must remember.
  std::vector<std::string> destination;
  if (running) destination.push_back(held->worker);
  const celery::Control::Asked asked =
      lines_.control.ask({{"revoke", arguments}}, destination, shared_.fleet.live(), kAskMs,
                         [&] { return !shared_.gate.stopping(); });
  std::size_t ok = 0;
  bool holder_ok = false;
  for (const celery::Reply& reply : asked.replies.front()) {
    if (!celery::is_ok(reply)) continue;
    ++ok;
    holder_ok = holder_ok || (held != nullptr && reply.worker == held->worker);
  }
  if (asked.listeners == 0) return nobody_listens("no worker listens");
  if (running) {
    const std::int64_t wait_ms = std::clamp<std::int64_t>(remaining_ms - 500, 0, 3000);
    const bool ended = holder_ok && saw_revoked(task_id, wait_ms);
    answer["outcome"] = ended ? "done" : "sent";
    if (!ended) answer["reason"] = "the worker was told; the end of the task was not seen yet";
  } else if (holder_ok) {
    answer["outcome"] = "done";
    answer["reason"] = "its worker will drop it when its turn comes";
  } else {
    answer["outcome"] = "sent";
    answer["reason"] = std::to_string(ok) + " workers will drop it should it reach them";
  }
  return answer;
}

bool Actions::saw_revoked(const std::string& task_id, std::int64_t wait_ms) {
  const std::int64_t end = now_us() + wait_ms * 1000;
  for (;;) {
    if (shared_.revoked.time(task_id)) return true;
    if (lines_.results) {
      const std::optional<celery::ResultMeta> meta =
          celery::read_result(lines_.results->get({task_id}).front());
      if (meta && meta->status == "REVOKED") return true;
    }
    if (now_us() >= end || !shared_.gate.pause_ms(50)) return false;
  }
}

json::Object Actions::purge(const std::string& queue, const json::Object& args) {
  if (internal_key(queue)) throw Error(Z4J_INVALID, "that is not the name of a queue of tasks");
  const std::vector<std::string> known = queue_names(settings_, shared_);
  const bool force = json::boolean(args, "force");
  if (!force && std::find(known.begin(), known.end(), queue) == known.end()) {
    return refused("no worker, binding or setting names the queue " + queue +
                   "; force purges it all the same");
  }
  json::Object answer;
  try {
    const std::uint64_t removed = lines_.broker->purge(
        queue, kMaxToldOfPurge,
        [&](const std::string& message) { tell_removed(message, queue, "purged from the queue"); });
    answer = {{"outcome", "done"}, {"removed", removed}};
  } catch (const Error& e) {
    if (e.code == Z4J_INVALID) return refused(e.what());
    if (e.code != Z4J_UNKNOWN) throw;
    return {{"outcome", "unknown"}, {"reason", e.what()}};
  }
  // The purge is done; what is left over is told as far as it can be.
  json::Object left = {{"unacked", nullptr}, {"reserved", nullptr}};
  try {
    bool truncated = false;
    std::uint64_t unacked = 0, reserved = 0;
    for (const celery::Unacked& u : lines_.broker->unacked(kMaxUnacked, truncated))
      unacked += u.routing_key == queue ? 1 : 0;
    left["unacked"] = unacked;
    const LiveTasks live = ask_live_tasks(lines_, shared_, Arguments::reprs, kAskMs);
    for (const LiveTask& t : live.tasks)
      reserved += t.queue == queue && t.where != LiveTask::Where::active ? 1 : 0;
    left["reserved"] = reserved;
  } catch (const Error& e) {
    answer["reason"] = std::string("what workers hold could not be counted: ") + e.what();
  }
  answer["not_removed"] = std::move(left);
  return answer;
}

}  // namespace z4j::engine_celery
