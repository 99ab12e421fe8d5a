#include "src/worker_control.hpp"

#include "src/command_args.hpp"

#include "lib/celery/message.hpp"
#include "lib/text/text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

namespace z4j::engine_celery {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::int64_t kConfirmMs = 8000;
constexpr int kSlowAskMs = 4000;  // what makes a worker start or stop processes takes a moment
constexpr int kFreshMs = 3000;
constexpr char kSilent[] = "it was told and did not answer in time";
constexpr char kNotSeen[] = "it agreed, and does not show it yet";
// Celery hands a task's limits to the pool as they were when it built its way of running that task,
// whatever it answers: nothing less has an effect.
constexpr char kLater[] =
    "it has the new limits, and gives them to tasks once its pool was restarted or it has "
    "connected "
    "to the broker anew";

json::Object no_answer(const std::string& worker) {
  return refused("worker " + worker + " does not answer");
}

json::Object unseen(const std::string& worker, const char* outcome, std::string reason) {
  return {{"outcome", outcome}, {"reason", "worker " + worker + ": " + std::move(reason)}};
}

bool agreed(const std::string& word) { return word.empty() || word == kNotSeen || word == kLater; }

// The answer for several workers: done when all are as wished, refused when none was changed.
json::Object summed_up(const std::map<std::string, std::string>& words) {
  json::Object workers;
  std::string first;
  bool some_agreed = false, some_silent = false;
  for (const auto& [name, why] : words) {
    workers[name] = why.empty() ? "done" : why;
    if (!why.empty() && first.empty()) first = name + ": " + why;
    some_agreed = some_agreed || agreed(why);
    some_silent = some_silent || why == kSilent;
  }
  json::Object out = {{"workers", std::move(workers)}};
  out["outcome"] = first.empty() ? "done"
                   : some_agreed ? "sent"
                   : some_silent ? "unknown"
                                 : "refused";
  if (!first.empty()) out["reason"] = first;
  return out;
}

bool is_rate(std::string_view rate) {
  double n = 0;
  const char* end = rate.data() + rate.size();
  const auto [at, error] = std::from_chars(rate.data(), end, n, std::chars_format::fixed);
  const std::string_view unit(at, static_cast<std::size_t>(end - at));
  return error == std::errc() && n >= 0 && rate.size() <= 20 &&
         (unit.empty() || unit == "/s" || unit == "/m" || unit == "/h");
}

// A limit as a worker tells it: absent, or a number.
std::optional<double> limit_of(const std::map<std::string, std::string>& attributes,
                               const char* name) {
  const auto it = attributes.find(name);
  if (it == attributes.end()) return std::nullopt;
  double n = 0;
  const char* end = it->second.data() + it->second.size();
  return std::from_chars(it->second.data(), end, n).ptr == end ? std::optional(n) : std::nullopt;
}

json::Value number_or_null(const std::optional<double>& n) {
  if (!n) return nullptr;
  if (*n == std::floor(*n)) return static_cast<std::int64_t>(*n);
  return *n;
}

// Nothing: not said. A limit that is null or 0 is none.
struct WishedLimit {
  bool said = false;
  std::optional<double> seconds;
};
WishedLimit limit_in(const json::Object& args, const char* member) {
  if (!args.contains(member)) return {};
  if (!given(args, member)) return {true, std::nullopt};
  constexpr double kYear = 31'536'000;
  const double n = json::number(args, member, -1);
  if (!(n >= 0 && n <= kYear))
    throw Error(Z4J_INVALID, std::string(member) + " must be seconds from 0 to 31536000");
  return {true, n == 0 ? std::nullopt : std::optional(n)};
}

std::set<std::int64_t> processes_in(const json::Object& stats) {
  std::set<std::int64_t> out;
  const json::Object* pool = json::object(stats, "pool");
  const json::Array* listed = pool == nullptr ? nullptr : json::array(*pool, "processes");
  if (listed == nullptr) return out;
  for (const json::Value& v : *listed) {
    if (v.is_int64()) out.insert(v.get_int64());
  }
  return out;
}

}  // namespace

bool WorkerControl::has(std::uint64_t verb) {
  constexpr std::uint64_t kVerbs = Z4J_ENGINE_POOL | Z4J_ENGINE_RATE | Z4J_ENGINE_TIME_LIMIT |
                                   Z4J_ENGINE_AUTOSCALE | Z4J_ENGINE_RESTART | Z4J_ENGINE_SHUTDOWN |
                                   Z4J_ENGINE_PAUSE;
  return (verb & kVerbs) != 0;
}

json::Object WorkerControl::run(std::uint64_t verb, std::string_view target,
                                const json::Object& args, std::int64_t remaining_ms) {
  end_ = Steady::now() +
         std::chrono::milliseconds(std::clamp<std::int64_t>(remaining_ms - 500, 0, kConfirmMs));
  switch (verb) {
    case Z4J_ENGINE_RATE:
      return limit_rate(checked_name(target, "the task name"), args);
    case Z4J_ENGINE_TIME_LIMIT:
      if (json::boolean(args, "task_id"))
        return refused("Celery changes the limits of all runs of a task, not those of one");
      return limit_time(checked_name(target, "the task name"), args);
    case Z4J_ENGINE_PAUSE: {
      const std::string queue = target.empty() ? std::string() : checked_queue(target);
      return json::boolean(args, "pause") ? pause(queue, args) : resume(queue, args);
    }
    case Z4J_ENGINE_POOL:
      return pool(checked_name(target, "the worker"), args);
    case Z4J_ENGINE_AUTOSCALE:
      return set_autoscale(checked_name(target, "the worker"), args);
    case Z4J_ENGINE_RESTART:
      return restart(checked_name(target, "the worker"));
    case Z4J_ENGINE_SHUTDOWN:
      return shut_down(checked_name(target, "the worker"));
    default:
      throw Error(Z4J_UNSUPPORTED, "this engine has no such command");
  }
}

celery::Control::Asked WorkerControl::ask(const celery::Control::Call& call, const Names& workers,
                                          int timeout_ms) {
  celery::Control::Asked asked =
      lines_.control.ask({call}, workers, {}, timeout_ms, [&] { return !shared_.gate.stopping(); });
  for (const celery::Reply& reply : asked.replies.front()) shared_.fleet.answered(reply.worker);
  return asked;
}

std::optional<json::Object> WorkerControl::stats(const std::string& worker) {
  const celery::Control::Asked asked = ask({"stats", {}}, {worker}, kAskMs);
  for (const celery::Reply& reply : asked.replies.front()) {
    json::Value value = json::parse(reply.value, celery::kMaxMessageBytes);
    if (json::Object* o = value.if_object()) return std::move(*o);
  }
  return std::nullopt;
}

WorkerControl::QueuesOf WorkerControl::queues_read(const Names& workers) {
  QueuesOf out;
  const celery::Control::Asked asked =
      workers.empty() ? lines_.control.ask({{"active_queues", {}}}, {}, shared_.fleet.live(),
                                           kAskMs, [&] { return !shared_.gate.stopping(); })
                      : ask({"active_queues", {}}, workers, kAskMs);
  for (const celery::Reply& reply : asked.replies.front()) {
    const json::Value value = json::parse(reply.value, celery::kMaxMessageBytes);
    const json::Array* list = value.if_array();
    if (list == nullptr) continue;
    const std::vector<std::string> names = queue_names_in(*list);
    out[reply.worker] = {names.begin(), names.end()};
  }
  return out;
}

std::map<std::string, std::map<std::string, std::string>> WorkerControl::attributes(
    const std::string& task, const json::Array& wanted, const Names& workers) {
  std::map<std::string, std::map<std::string, std::string>> out;
  const celery::Control::Asked asked =
      ask({"registered", {{"taskinfoitems", wanted}}}, workers, kAskMs);
  for (const celery::Reply& reply : asked.replies.front()) {
    const json::Value value = json::parse(reply.value, celery::kMaxMessageBytes);
    const json::Array* list = value.if_array();
    if (list == nullptr) continue;
    for (const json::Value& v : *list) {
      const json::String* s = v.if_string();
      if (s == nullptr) continue;
      std::string_view rest(s->data(), s->size());
      if (rest != task && !rest.starts_with(task + " [")) continue;
      std::map<std::string, std::string>& here = out[reply.worker];
      // "name [a=1 b=2]"
      rest.remove_prefix(std::min(rest.size(), task.size() + 2));
      while (!rest.empty()) {
        const std::string_view item = rest.substr(0, rest.find_first_of(" ]"));
        if (const std::size_t is = item.find('='); is != std::string_view::npos)
          here[std::string(item.substr(0, is))] = item.substr(is + 1);
        rest.remove_prefix(std::min(rest.size(), item.size() + 1));
      }
    }
  }
  return out;
}

std::map<std::string, WorkerControl::Said> WorkerControl::tell(const std::string& method,
                                                               const json::Object& arguments,
                                                               const Names& workers,
                                                               int timeout_ms) {
  std::map<std::string, Said> out;
  if (workers.empty()) return out;
  for (const std::string& worker : workers) out[worker];
  const celery::Control::Asked asked = ask({method, arguments}, workers, timeout_ms);
  for (const celery::Reply& reply : asked.replies.front()) {
    const auto said = out.find(reply.worker);
    if (said == out.end()) continue;
    said->second.answered = true;
    if (celery::is_ok(reply)) continue;
    const std::string error = celery::error_in(reply);
    said->second.error = "it answered: " + (error.empty() ? std::string("no") : error);
  }
  facts_.forget();
  return out;
}

WorkerControl::Words WorkerControl::words(const std::map<std::string, Said>& said) {
  Words out;
  for (const auto& [worker, s] : said) out[worker] = s.answered ? s.error : kSilent;
  return out;
}

bool WorkerControl::see(const std::function<bool()>& holds) {
  for (;;) {
    if (holds()) return true;
    if (Steady::now() >= end_ || !shared_.gate.pause_ms(100)) return false;
  }
}

WorkerControl::Names WorkerControl::workers_with(const std::string& task, const std::string& only,
                                                 std::string& why_none) {
  const auto& workers = facts_.get(lines_, shared_, kFreshMs);
  Names out;
  for (const auto& [name, answer] : workers) {
    if ((only.empty() || name == only) && answer.can_run(task)) out.push_back(name);
  }
  if (!out.empty()) return out;
  if (!only.empty() && workers.count(only) == 0) {
    why_none = "worker " + only + " does not answer";
  } else if (workers.empty()) {
    why_none = "no worker answers";
  } else {
    why_none = (only.empty() ? "no worker" : "worker " + only + " does not know") +
               std::string(only.empty() ? " knows the task " : " the task ") + task;
  }
  return out;
}

json::Object WorkerControl::pool(const std::string& worker, const json::Object& args) {
  if (given(args, "add_consumer"))
    return add_consumer(worker, checked_queue(json::text(args, "add_consumer")));
  if (given(args, "cancel_consumer"))
    return cancel_consumer(worker, checked_queue(json::text(args, "cancel_consumer")));
  const std::int64_t delta = number_in(args, "delta", -1000, 1000);
  if (delta == 0) throw Error(Z4J_INVALID, "delta must not be 0");
  return resize(worker, delta);
}

json::Object WorkerControl::resize(const std::string& worker, std::int64_t delta) {
  const std::optional<json::Object> before = stats(worker);
  if (!before) return no_answer(worker);
  if (const std::string why = cannot_resize(*before); !why.empty())
    return refused("worker " + worker + ": " + why);
  const std::int64_t size = pool_size(*before);
  if (size > 0 && size + delta < 1) {
    return refused("worker " + worker + " has " + std::to_string(size) +
                   "; that would leave nothing to run tasks");
  }
  const Said said = tell(delta > 0 ? "pool_grow" : "pool_shrink",
                         {{"n", delta > 0 ? delta : -delta}}, {worker}, kSlowAskMs)[worker];
  if (!said.answered) return unseen(worker, "unknown", kSilent);
  std::int64_t now = 0;
  const auto is_now = [&](std::int64_t wanted) {
    const std::optional<json::Object> after = stats(worker);
    if (after) now = pool_size(*after);
    return after && now == wanted;
  };
  if (!said.error.empty()) {
    // It may have gone half of the way.
    return is_now(size) ? refused("worker " + worker + ": " + said.error)
                        : unseen(worker, "sent", said.error);
  }
  const bool done = see([&] { return is_now(size + delta); });
  if (!done) return unseen(worker, "sent", kNotSeen);
  return {{"outcome", "done"}, {"size", now}};
}

WorkerControl::Words WorkerControl::change_reading(const QueuesOf& queues_of, Reading reading) {
  std::map<std::string, Names> workers_of;
  for (const auto& [worker, queues] : queues_of) {
    for (const std::string& queue : queues) workers_of[queue].push_back(worker);
  }
  Words out;
  for (const auto& [worker, queues] : queues_of) out[worker];
  for (const auto& [queue, workers] : workers_of) {
    const char* method = reading == Reading::begins ? "add_consumer" : "cancel_consumer";
    for (const auto& [worker, word] : words(tell(method, {{"queue", queue}}, workers))) {
      if (out[worker].empty()) out[worker] = word;
    }
  }
  Names told;
  for (const auto& [worker, word] : out) {
    if (word.empty()) told.push_back(worker);
  }
  std::set<std::string> right;
  const auto as_wished = [&] {
    for (const auto& [worker, reads] : queues_read(told)) {
      const std::set<std::string>& asked = queues_of.at(worker);
      if (std::all_of(asked.begin(), asked.end(), [&reads = reads, reading](const auto& queue) {
            return (reads.count(queue) != 0) == (reading == Reading::begins);
          })) {
        right.insert(worker);
      }
    }
    return right.size() == told.size();
  };
  if (!told.empty()) static_cast<void>(see(as_wished));
  for (const std::string& worker : told) {
    if (right.count(worker) == 0) out[worker] = kNotSeen;
  }
  return out;
}

json::Object WorkerControl::add_consumer(const std::string& worker, const std::string& queue) {
  const QueuesOf read = queues_read({worker});
  if (read.count(worker) == 0) return no_answer(worker);
  if (read.at(worker).count(queue) != 0)
    return {{"outcome", "done"}, {"reason", "it read that queue already"}};
  shared_.observed.add_queue(queue);
  return summed_up(change_reading({{worker, {queue}}}, Reading::begins));
}

json::Object WorkerControl::cancel_consumer(const std::string& worker, const std::string& queue) {
  const QueuesOf read = queues_read({worker});
  if (read.count(worker) == 0) return no_answer(worker);
  if (read.at(worker).count(queue) == 0)
    return {{"outcome", "done"}, {"reason", "it did not read that queue"}};
  return summed_up(change_reading({{worker, {queue}}}, Reading::stops));
}

json::Object WorkerControl::limit_rate(const std::string& task, const json::Object& args) {
  const std::string rate(json::text(args, "rate"));
  if (!is_rate(rate))
    throw Error(Z4J_INVALID, "rate must be a number, followed by /s, /m, /h or nothing");
  std::string why;
  const Names workers = workers_with(task, worker_in(args), why);
  if (workers.empty()) return refused(why);
  Words out = words(tell("rate_limit", {{"task_name", task}, {"rate_limit", rate}}, workers));
  Names told;
  for (const auto& [worker, word] : out) {
    if (word.empty()) told.push_back(worker);
  }
  std::set<std::string> right;
  const auto as_wished = [&] {
    for (const auto& [worker, here] : attributes(task, {"rate_limit"}, told)) {
      const auto limit = here.find("rate_limit");
      if (limit != here.end() && limit->second == rate) right.insert(worker);
    }
    return right.size() == told.size();
  };
  if (!told.empty()) static_cast<void>(see(as_wished));
  for (const std::string& worker : told) {
    if (right.count(worker) == 0) out[worker] = kNotSeen;
  }
  return summed_up(out);
}

json::Object WorkerControl::limit_time(const std::string& task, const json::Object& args) {
  const WishedLimit soft = limit_in(args, "soft"), hard = limit_in(args, "hard");
  if (!soft.said && !hard.said) throw Error(Z4J_INVALID, "give soft, hard or both");
  std::string why;
  const Names workers = workers_with(task, worker_in(args), why);
  if (workers.empty()) return refused(why);
  // Celery sets both at once: what was not said stays as it is, and may differ between workers.
  const json::Array names = {"soft_time_limit", "time_limit"};
  const auto before = attributes(task, names, workers);
  using Limits = std::pair<std::optional<double>, std::optional<double>>;
  std::map<Limits, Names> groups;
  std::map<std::string, Limits> wished;
  Words out;
  for (const std::string& worker : workers) {
    const auto here = before.find(worker);
    if (here == before.end()) {
      out[worker] = "it does not answer";
      continue;
    }
    const Limits limits = {soft.said ? soft.seconds : limit_of(here->second, "soft_time_limit"),
                           hard.said ? hard.seconds : limit_of(here->second, "time_limit")};
    if (limits.first && limits.second && *limits.first > *limits.second) {
      out[worker] = "the soft limit would lie above the hard one";
      continue;
    }
    groups[limits].push_back(worker);
    wished[worker] = limits;
  }
  Names told;
  for (const auto& [limits, group] : groups) {
    const json::Object arguments = {{"task_name", task},
                                    {"soft", number_or_null(limits.first)},
                                    {"hard", number_or_null(limits.second)}};
    for (const auto& [worker, word] : words(tell("time_limit", arguments, group))) {
      out[worker] = word;
      if (word.empty()) told.push_back(worker);
    }
  }
  std::set<std::string> right;
  const auto as_wished = [&] {
    for (const auto& [worker, here] : attributes(task, names, told)) {
      if (Limits(limit_of(here, "soft_time_limit"), limit_of(here, "time_limit")) == wished[worker])
        right.insert(worker);
    }
    return right.size() == told.size();
  };
  if (!told.empty()) static_cast<void>(see(as_wished));
  for (const std::string& worker : told) out[worker] = right.count(worker) != 0 ? kLater : kNotSeen;
  return summed_up(out);
}

json::Object WorkerControl::set_autoscale(const std::string& worker, const json::Object& args) {
  const std::int64_t min = number_in(args, "min", 0, 10'000),
                     max = number_in(args, "max", 1, 10'000);
  if (min > max) throw Error(Z4J_INVALID, "min must not be above max");
  const std::optional<json::Object> before = stats(worker);
  if (!before) return no_answer(worker);
  if (!autoscales(*before)) return refused("worker " + worker + " was not started with autoscale");
  const Said said = tell("autoscale", {{"max", max}, {"min", min}}, {worker}, kSlowAskMs)[worker];
  if (!said.answered) return unseen(worker, "unknown", kSilent);
  if (!said.error.empty()) return refused("worker " + worker + ": " + said.error);
  const bool done = see([&] {
    const std::optional<json::Object> after = stats(worker);
    const json::Object* range = after ? json::object(*after, "autoscaler") : nullptr;
    return range != nullptr && json::integer(*range, "max", -1) == max &&
           json::integer(*range, "min", -1) == min;
  });
  return done ? json::Object{{"outcome", "done"}} : unseen(worker, "sent", kNotSeen);
}

json::Object WorkerControl::restart(const std::string& worker) {
  const std::optional<json::Object> before = stats(worker);
  if (!before) return no_answer(worker);
  const PoolKind kind = pool_kind(*before);
  if (kind != PoolKind::prefork)
    return refused("worker " + worker + ": its pool is " + std::string(pool_name(kind)) +
                   ", which cannot be restarted");
  const auto& settings = facts_.settings(lines_, shared_, kFreshMs);
  if (const auto s = settings.find(worker); s != settings.end() && !s->second.pool_restarts) {
    return refused("worker " + worker +
                   " has worker_pool_restarts switched off; shutting it down lets whoever "
                   "supervises it start it again");
  }
  const std::set<std::int64_t> old = processes_in(*before);
  const Said said = tell("pool_restart", {{"reload", false}}, {worker}, kSlowAskMs)[worker];
  if (!said.answered) return unseen(worker, "unknown", kSilent);
  if (!said.error.empty()) return refused("worker " + worker + ": " + said.error);
  // A process ends when it has something to do next; the worker sees to it that one has.
  std::size_t fresh = 0, all = 0;
  const auto count = [&] {
    const std::optional<json::Object> after = stats(worker);
    if (!after) return;
    const std::set<std::int64_t> now = processes_in(*after);
    all = now.size();
    fresh = static_cast<std::size_t>(std::count_if(
        now.begin(), now.end(), [&](std::int64_t pid) { return old.count(pid) == 0; }));
  };
  static_cast<void>(see([&] {
    count();
    return fresh > 0;
  }));
  if (fresh == 0) return unseen(worker, "sent", kNotSeen);
  if (fresh == all) return {{"outcome", "done"}};
  return unseen(worker, "sent",
                std::to_string(fresh) + " of " + std::to_string(all) +
                    " processes are new; the others are replaced as they take up their next task");
}

json::Object WorkerControl::shut_down(const std::string& worker) {
  if (!stats(worker)) return no_answer(worker);
  const auto heard = [&] {
    const std::map<std::string, Fleet::Worker> all = shared_.fleet.all();
    const auto it = all.find(worker);
    return it == all.end() ? Fleet::Worker() : it->second;
  };
  const std::int64_t active = heard().beat.active;
  // A worker that shuts down answers nothing; it says goodbye to everybody.
  if (lines_.broker->broadcast({"shutdown", {}, {worker}, {}, {}}) == 0) return no_answer(worker);
  facts_.forget();
  if (active > 0) end_ = std::min(end_, Steady::now() + std::chrono::seconds(2));
  if (see([&] { return heard().offline; })) return {{"outcome", "done"}};
  return unseen(worker, "sent",
                active > 0 ? "it stops once its " + std::to_string(active) + " running tasks end"
                           : std::string("it was told, and has not said goodbye yet"));
}

json::Object WorkerControl::pause(const std::string& queue, const json::Object& args) {
  if (given(args, "seconds"))
    return refused("a worker cannot end a pause by itself; resume the queue when it is time");
  const std::string only = worker_in(args);
  const QueuesOf read = queues_read(only.empty() ? Names() : Names{only});
  if (read.empty()) {
    json::Object answer = only.empty() ? refused("no worker answers") : no_answer(only);
    answer["nobody_listens"] = true;
    return answer;
  }
  QueuesOf to_stop;
  for (const auto& [worker, queues] : read) {
    if (queue.empty() && !queues.empty()) to_stop[worker] = queues;
    if (queues.count(queue) != 0) to_stop[worker] = {queue};
  }
  Words out = change_reading(to_stop, Reading::stops);
  for (const auto& [worker, word] : out) {
    if (!agreed(word) && word != kSilent) continue;
    for (const std::string& q : to_stop.at(worker)) shared_.paused.add(q, worker);
  }
  // Live, and silent: it may go on reading.
  if (only.empty()) {
    for (const std::string& worker : shared_.fleet.live()) {
      if (read.count(worker) == 0) out[worker] = "it does not answer, and may go on reading";
    }
  }
  json::Object answer = summed_up(out);
  answer["paused"] = answer.at("outcome") == "done";
  if (out.empty()) answer["reason"] = "no worker reads it";
  return answer;
}

json::Object WorkerControl::resume(const std::string& queue, const json::Object& args) {
  std::map<std::string, std::set<std::string>> paused = shared_.paused.all();
  QueuesOf to_begin;
  if (const json::Array* named = json::array(args, "workers"); named != nullptr && !queue.empty()) {
    if (named->size() > 2000) throw Error(Z4J_INVALID, "at most 2000 workers");
    paused = {{queue, {}}};
    for (const json::Value& v : *named) {
      const json::String* name = v.if_string();
      if (name == nullptr) throw Error(Z4J_INVALID, "workers must hold names");
      paused[queue].insert(checked_name({name->data(), name->size()}, "a worker"));
    }
  }
  const std::set<std::string> live = shared_.fleet.live();
  const std::string only = worker_in(args);
  Words gone;
  for (const auto& [name, workers] : paused) {
    if (!queue.empty() && name != queue) continue;
    for (const std::string& worker : workers) {
      if (!only.empty() && worker != only) continue;
      if (live.count(worker) == 0) {
        gone[worker] = "it is not there; when it starts it reads what it is set to read";
      } else {
        to_begin[worker].insert(name);
      }
    }
  }
  if (to_begin.empty() && gone.empty()) {
    return refused(
        "which workers read it is not known here; give it back to them with add_consumer");
  }
  json::Object answer = summed_up(change_reading(to_begin, Reading::begins));
  for (const auto& [worker, why] : gone) answer.at("workers").get_object()[worker] = why;
  const bool done = answer.at("outcome") == "done";
  answer["paused"] = !done;
  if (done && only.empty()) {
    for (const auto& [name, workers] : paused) {
      if (queue.empty() || name == queue) shared_.paused.clear(name);
    }
  }
  return answer;
}

}  // namespace z4j::engine_celery
