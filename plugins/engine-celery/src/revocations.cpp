#include "src/revocations.hpp"

#include "src/command_args.hpp"
#include "src/rebuild.hpp"
#include "src/search.hpp"

#include "lib/celery/message.hpp"
#include "lib/celery/result.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace z4j::engine_celery {

struct Revocations::Wish {
  std::size_t place = 0;  // whose answer it is
  std::string task_id, queue, signal;
  bool terminate = false;
  const LiveTask* held = nullptr;
  bool settled = false, holder_ok = false, ended = false;
  std::size_t heard_by = 0;  // workers that said ok
  json::Object answer;

  void settle(const char* outcome, std::string reason) {
    settled = true;
    answer["outcome"] = outcome;
    answer["reason"] = std::move(reason);
  }
  [[nodiscard]] bool running() const {
    return held != nullptr && held->where == LiveTask::Where::active;
  }
};

void tell_removed(Emitter& emitter, const std::string& message, const std::string& queue,
                  const char* reason) {
  try {
    celery::Event e = event_of_message(message, Z4J_EV_REVOKED, now_us(), {{"reason", reason}});
    e.queue = queue;
    emitter.emit({e});
  } catch (const Error&) {
    // Not a task message: nobody waits for its end.
  }
}

std::vector<json::Object> Revocations::revoke(const std::vector<OneOfMany>& tasks,
                                              std::int64_t remaining_ms) {
  std::vector<json::Object> answers(tasks.size());
  std::vector<Wish> wishes;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    try {
      const json::Value parsed = json::parse(tasks[i].args);
      const json::Object* args = parsed.if_object();
      if (args == nullptr) throw Error(Z4J_INVALID, "the arguments of a command must be an object");
      Wish w;
      w.place = i;
      w.task_id = checked_name(tasks[i].target, "the task id");
      w.queue = queue_in(*args);
      w.signal = signal_in(*args);
      w.terminate = json::boolean(*args, "terminate");
      wishes.push_back(std::move(w));
    } catch (const Error& e) {
      if (tasks.size() == 1) throw;
      answers[i] = refused(e.what());
    }
  }
  take_from_queues(wishes);
  ask_workers(wishes, remaining_ms);
  for (Wish& w : wishes) answers[w.place] = std::move(w.answer);
  return answers;
}

void Revocations::take_from_queues(std::vector<Wish>& wishes) {
  std::vector<Wanted> wanted;
  for (const Wish& w : wishes) wanted.push_back({w.task_id, w.queue});
  const std::map<std::string, FoundMessage> found =
      find_messages(lines_, settings_, shared_, wanted, LookIn::queues);
  std::map<std::string, std::vector<const FoundMessage*>> by_queue;
  for (const auto& [id, m] : found) by_queue[m.queue].push_back(&m);
  std::set<std::string> removed;
  for (const auto& [queue, messages] : by_queue) {
    std::vector<std::string> bytes;
    for (const FoundMessage* m : messages) bytes.push_back(m->text);
    // Between looking and taking out a worker may have been quicker.
    const std::vector<bool> gone = lines_.broker->remove_many(queue, bytes);
    for (std::size_t i = 0; i < messages.size(); ++i) {
      if (!gone[i]) continue;
      removed.insert(messages[i]->message.id);
      tell_removed(emitter_, messages[i]->text, queue, "removed from the queue");
    }
  }
  if (removed.empty()) return;
  for (Wish& w : wishes) {
    if (removed.count(w.task_id) == 0) continue;
    w.settled = true;
    w.answer = {{"outcome", "done"}, {"was", "waiting"}, {"removed_from_queue", 1}};
  }
  // Should the same task come once more, as a delivery that was lost, workers know it. Nobody is
  // waited for: the message is gone whatever they say.
  lines_.broker->broadcast(
      {"revoke",
       {{"task_id", texts({removed.begin(), removed.end()})}, {"terminate", false}},
       {},
       {},
       {}});
}

void Revocations::ask_workers(std::vector<Wish>& wishes, std::int64_t remaining_ms) {
  std::vector<Wish*> open;
  std::vector<std::string> ids;
  for (Wish& w : wishes) {
    if (w.settled) continue;
    open.push_back(&w);
    ids.push_back(w.task_id);
  }
  if (open.empty()) return;
  const LiveTasks live = ask_live_tasks(lines_, shared_, Arguments::reprs, kAskMs);
  const std::vector<std::string> results =
      lines_.results ? lines_.results->get(ids) : std::vector<std::string>(ids.size());
  for (std::size_t i = 0; i < open.size(); ++i) {
    open[i]->held = live.find(open[i]->task_id);
    decide(*open[i], live, results[i]);
  }
  // A running task is ended by its worker alone; anything else every worker must remember.
  std::map<std::tuple<std::string, std::string>, std::vector<Wish*>> groups;  // worker, signal
  for (Wish* w : open) {
    if (w->settled) continue;
    groups[{w->running() ? w->held->worker : std::string(), w->terminate ? w->signal : ""}]
        .push_back(w);
  }
  std::vector<Wish*> running;
  for (auto& [key, group] : groups) {
    tell(group, std::get<0>(key), std::get<1>(key));
    for (Wish* w : group) {
      if (w->settled) continue;
      if (w->running()) {
        running.push_back(w);
      } else if (w->holder_ok) {
        w->settle("done", "its worker will drop it when its turn comes");
      } else {
        w->settle("sent",
                  std::to_string(w->heard_by) + " workers will drop it should it reach them");
      }
    }
  }
  wait_for_ends(running, std::clamp<std::int64_t>(remaining_ms - 500, 0, 3000));
  for (Wish* w : running) {
    if (w->ended) {
      w->settled = true;
      w->answer["outcome"] = "done";
    } else {
      w->settle("sent", "the worker was told; the end of the task was not seen yet");
    }
  }
}

// What can be said before any worker is told.
void Revocations::decide(Wish& w, const LiveTasks& live, const std::string& result) {
  w.answer = {{"was", "unknown"}, {"removed_from_queue", 0}};
  if (w.held != nullptr) {
    w.answer["was"] = w.running()                                   ? "running"
                      : w.held->where == LiveTask::Where::scheduled ? "scheduled"
                                                                    : "reserved";
  }
  if (live.listeners == 0) {
    w.answer["nobody_listens"] = true;
    w.settle("refused", lines_.broker->cannot(celery::Ability::look_at_waiting).empty()
                            ? "the task waits in no queue that is known, and no worker listens"
                            : "no worker listens");
    return;
  }
  if (w.running()) {
    if (!w.terminate) {
      w.settle("refused", "the task runs already; only terminate ends it");
      return;
    }
    const auto& workers = facts_.get(lines_, shared_, 30'000);
    const auto worker = workers.find(w.held->worker);
    const std::string why =
        worker == workers.end() ? "" : cannot_terminate(pool_kind(worker->second.stats));
    if (!why.empty()) w.settle("refused", "worker " + w.held->worker + ": " + why);
    return;
  }
  if (w.held != nullptr) return;
  const std::optional<celery::ResultMeta> meta = celery::read_result(result);
  if (meta && meta->task_id == w.task_id && celery::is_final(meta->status))
    w.settle("refused", "the task has ended: " + meta->status);
}

void Revocations::tell(std::vector<Wish*>& group, const std::string& worker,
                       const std::string& signal) {
  std::vector<std::string> ids;
  for (const Wish* w : group) ids.push_back(w->task_id);
  json::Object arguments = {{"task_id", texts(ids)}, {"terminate", !signal.empty()}};
  if (!signal.empty()) arguments["signal"] = signal;
  const celery::Control::Asked asked = lines_.control.ask(
      {{"revoke", arguments}},
      worker.empty() ? std::vector<std::string>() : std::vector<std::string>{worker},
      shared_.fleet.live(), kAskMs, [&] { return !shared_.gate.stopping(); });
  std::map<std::string, std::string> errors;
  std::set<std::string> ok;
  for (const celery::Reply& reply : asked.replies.front()) {
    if (celery::is_ok(reply)) {
      ok.insert(reply.worker);
    } else {
      errors[reply.worker] = celery::error_in(reply);
    }
  }
  for (Wish* w : group) {
    if (asked.listeners == 0) {
      w->answer["nobody_listens"] = true;
      w->settle("refused", "no worker listens");
      continue;
    }
    w->heard_by = ok.size();
    w->holder_ok = w->held != nullptr && ok.count(w->held->worker) != 0;
    if (w->running() && errors.count(w->held->worker) != 0)
      w->settle("refused", "worker " + w->held->worker + " answered: " + errors[w->held->worker]);
  }
}

void Revocations::wait_for_ends(const std::vector<Wish*>& running, std::int64_t wait_ms) {
  const std::int64_t end = now_us() + wait_ms * 1000;
  std::vector<Wish*> open;
  for (Wish* w : running) {
    if (w->holder_ok) open.push_back(w);
  }
  while (!open.empty()) {
    std::vector<std::string> ids;
    for (const Wish* w : open) ids.push_back(w->task_id);
    const std::vector<std::string> results =
        lines_.results ? lines_.results->get(ids) : std::vector<std::string>(ids.size());
    for (std::size_t i = 0; i < open.size(); ++i) {
      const std::optional<celery::ResultMeta> meta = celery::read_result(results[i]);
      open[i]->ended =
          (meta && meta->status == "REVOKED") || shared_.revoked.time(open[i]->task_id).has_value();
    }
    open.erase(std::remove_if(open.begin(), open.end(), [](const Wish* w) { return w->ended; }),
               open.end());
    if (open.empty() || now_us() >= end || !shared_.gate.pause_ms(50)) return;
  }
}

}  // namespace z4j::engine_celery
