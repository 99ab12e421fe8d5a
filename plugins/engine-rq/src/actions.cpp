#include "src/actions.hpp"

#include "lib/rq/codec.hpp"
#include "lib/text/text.hpp"
#include "src/lookup.hpp"
#include "src/scripts.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <random>
#include <utility>

namespace z4j::engine_rq {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kMaxEtaSeconds = 366.0 * 86400;
constexpr std::int64_t kPurgeChunk = 1000;
constexpr auto kStopConfirmation = std::chrono::seconds(5);
constexpr int kLookAgainMs = 50;

json::Object outcome(const char* word, std::string reason = {}) {
  json::Object o{{"outcome", word}};
  if (!reason.empty()) o["reason"] = std::move(reason);
  return o;
}
json::Object refused(std::string reason) { return outcome("refused", std::move(reason)); }

// A read that broke off may be called anything but "may have happened".
template <class F>
auto reading(F&& f) {
  try {
    return f();
  } catch (const Error& e) {
    if (e.code == Z4J_UNKNOWN) throw Error(Z4J_UNAVAILABLE, e.what());
    throw;
  }
}

bool may_have_run(const Error& e) { return e.code == Z4J_UNKNOWN || e.code == Z4J_CANCELLED; }

// The script's answer, or the outcome "unknown" when the line broke after it was sent.
template <class F>
json::Object changing(F&& f) {
  try {
    return f();
  } catch (const Error& e) {
    if (!may_have_run(e)) throw;
    return outcome("unknown", e.what());
  }
}

std::string new_id() {
  std::random_device random;
  unsigned char b[16];
  for (unsigned char& c : b) c = static_cast<unsigned char>(random());
  b[6] = static_cast<unsigned char>((b[6] & 0x0f) | 0x40);
  b[8] = static_cast<unsigned char>((b[8] & 0x3f) | 0x80);
  std::string out;
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += "0123456789abcdef"[b[i] >> 4];
    out += "0123456789abcdef"[b[i] & 15];
  }
  return out;
}

// RQ 2.x takes no other characters.
bool good_new_id(std::string_view id) {
  return !id.empty() && id.size() <= 200 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

// Where and when a job is to run.
struct Plan {
  std::string queue;
  std::string due;  // Unix seconds, "" for now
  bool front = false;
  json::Array warnings;
};

Plan plan_of(Bench& bench, const json::Object& args, const std::string& queue) {
  Plan plan;
  plan.queue = json::text(args, "queue", queue);
  if (plan.queue.empty()) plan.queue = queue;
  if (!usable_id(plan.queue)) throw Error(Z4J_INVALID, "the name of the queue is not usable");
  const double eta = json::number(args, "eta_seconds");
  if (!std::isfinite(eta) || eta < 0 || eta > kMaxEtaSeconds)
    throw Error(Z4J_INVALID, "eta_seconds must be from 0 to a year");
  if (eta > 0) {
    plan.due = std::to_string(now_us() / 1'000'000 + std::llround(std::ceil(eta)));
    const redis::Reply lock = reading([&] {
      return bench.redis.command({"EXISTS", bench.settings.keys.scheduler_lock(plan.queue)});
    });
    if (lock.integer == 0)
      plan.warnings.emplace_back(
          "no worker with a scheduler serves this queue now; the job waits until one does");
  }
  const std::string_view priority = json::text(args, "priority");
  plan.front = plan.due.empty() && (priority == "critical" || priority == "high");
  if (plan.front)
    plan.warnings.emplace_back("RQ has no priorities; the job goes to the front of its queue");
  return plan;
}

redis::Args places_for(const rq::Keys& keys, const std::string& queue) {
  return {keys.queues(), keys.queue(queue), keys.registry("scheduled", queue)};
}

std::string_view word_of(const redis::Reply& reply) {
  return reply.items.empty() ? std::string_view() : std::string_view(reply.items[0].text);
}

json::Object changed_meanwhile(const redis::Reply& reply) {
  const std::string now =
      reply.items.size() > 1 ? text::clean(reply.items[1].text, 40) : std::string();
  return refused(now.empty() ? "the job is gone"
                             : "the job changed meanwhile and is " + now + " now");
}

json::Object done_retry(const std::string& id, const char* source, Plan& plan) {
  json::Object o = outcome("done");
  o["new_task_id"] = id;
  o["source"] = source;
  o["queue"] = plan.queue;
  o["warnings"] = std::move(plan.warnings);
  return o;
}

// The same job again under its id, as RQ's own requeue does.
json::Object requeue(Bench& bench, const rq::Job& job, Plan plan) {
  const rq::Keys& keys = bench.settings.keys;
  redis::Args names = {keys.job(job.id), keys.registry("failed", job.origin),
                       keys.registry("canceled", job.origin),
                       keys.registry("finished", job.origin)};
  const redis::Args places = places_for(keys, plan.queue);
  names.insert(names.end(), places.begin(), places.end());
  return changing([&] {
    const redis::Reply r = bench.redis.eval(scripts::kRequeue, names,
                                            {job.id, job.status, rq::format_time(now_us()),
                                             plan.queue, plan.front ? "1" : "", plan.due});
    if (word_of(r) != "done") return changed_meanwhile(r);
    return done_retry(job.id, "job", plan);
  });
}

// A new job made from the old; `data` "" takes the call over byte by byte.
json::Object copy_job(Bench& bench, const rq::Job& job, Plan plan, const std::string& data,
                      const std::string& description, const char* source) {
  const rq::Keys& keys = bench.settings.keys;
  const std::string id = new_id();
  redis::Args names = {keys.job(job.id), keys.job(id)};
  const redis::Args places = places_for(keys, plan.queue);
  names.insert(names.end(), places.begin(), places.end());
  return changing([&] {
    const redis::Reply r = bench.redis.eval(scripts::kCopy, names,
                                            {id, job.status, rq::format_time(now_us()), plan.queue,
                                             plan.front ? "1" : "", plan.due, data, description});
    if (word_of(r) == "done") return done_retry(id, source, plan);
    if (word_of(r) == "empty")
      return refused("arguments not recoverable: the job has lost its data");
    return changed_meanwhile(r);
  });
}

json::Object submit(Bench& bench, const std::string& id, const std::string& function,
                    const json::Array& args, const json::Object& kwargs, Plan plan,
                    const char* source) {
  const rq::Keys& keys = bench.settings.keys;
  rq::Form form = bench.settings.serializer;
  if (form == rq::Form::unknown) form = bench.shared.observed.form(plan.queue);
  if (form == rq::Form::unknown) form = rq::Form::pickle;
  const std::string data = rq::encode_call(form, function, &args, &kwargs);
  redis::Args names = {keys.job(id)};
  const redis::Args places = places_for(keys, plan.queue);
  names.insert(names.end(), places.begin(), places.end());
  return changing([&] {
    const redis::Reply r =
        bench.redis.eval(scripts::kSubmit, names,
                         {id, rq::format_time(now_us()), plan.queue, plan.front ? "1" : "",
                          plan.due, data, rq::describe_call(function, args, kwargs)});
    if (word_of(r) == "taken") return refused("there is a job with this id already");
    return done_retry(id, source, plan);
  });
}

// Null when it is not given; something else than expected is never taken for nothing.
const json::Array* array_given(const json::Object& args, const char* key) {
  const json::Value* v = args.if_contains(key);
  if (v == nullptr || v->is_null()) return nullptr;
  if (!v->is_array())
    throw Error(Z4J_INVALID, std::string(key) + " must be an array", std::string("/") + key);
  return &v->get_array();
}
const json::Object* object_given(const json::Object& args, const char* key) {
  const json::Value* v = args.if_contains(key);
  if (v == nullptr || v->is_null()) return nullptr;
  if (!v->is_object())
    throw Error(Z4J_INVALID, std::string(key) + " must be an object", std::string("/") + key);
  return &v->get_object();
}

json::Object retry_vanished(Bench& bench, const json::Object& args, const json::Array* new_args,
                            const json::Object* new_kwargs) {
  const json::Object none;
  const json::Object* recorded = json::object(args, "recorded");
  if (recorded == nullptr) recorded = &none;
  std::string function(json::text(args, "task_name"));
  if (function.empty()) function = json::text(*recorded, "task_name");
  std::string queue(json::text(*recorded, "queue"));
  if (queue.empty()) queue = "default";
  if (new_args == nullptr || new_kwargs == nullptr || function.empty()) {
    return refused(
        "arguments not recoverable: RQ has no such job any more; give both override_args and "
        "override_kwargs");
  }
  return submit(bench, new_id(), function, *new_args, *new_kwargs, plan_of(bench, args, queue),
                "operator");
}

// What became of a run that was told to stop.
json::Object stop_outcome(Bench& bench, const rq::Job& job) {
  const auto until = std::min(bench.deadline, Clock::now() + kStopConfirmation);
  rq::Job now = job;
  const auto runs_still = [&] {
    return now.exists() && status_of(now.status) == Status::started &&
           now.started_at == job.started_at;
  };
  while (runs_still() && Clock::now() < until && bench.shared.gate.pause_ms(kLookAgainMs)) {
    now = read_job(bench.redis, bench.settings.keys, job.id).job;
  }
  if (runs_still())
    return outcome("sent",
                   "worker " + job.worker_name + " got the command, but the job still runs");
  switch (status_of(now.status)) {
    case Status::stopped:
      return outcome("done");
    case Status::finished:
      return refused("the job finished before it could be stopped");
    case Status::queued:
    case Status::scheduled:
      return outcome("done", "the run was stopped; the job waits for its next try");
    default:
      return outcome("sent",
                     now.exists() ? "the job is " + now.status + " now" : "the job is gone");
  }
}

// Asks the worker that runs it to stop, and looks whether it did.
json::Object stop_running(Bench& bench, const rq::Job& job) {
  if (job.worker_name.empty())
    return refused("the job is running, but RQ does not say on which worker");
  const std::string message =
      json::write(json::Object{{"command", "stop-job"}, {"job_id", job.id}});
  json::Object o = changing([&] {
    const redis::Reply heard =
        bench.redis.command({"PUBLISH", bench.settings.keys.commands_to(job.worker_name), message});
    if (heard.integer == 0) {
      return refused("worker " + job.worker_name +
                     " does not listen to commands; it may be dead or older than RQ 1.6");
    }
    try {
      return stop_outcome(bench, job);
    } catch (const Error& e) {
      return outcome(
          "sent",
          std::string("the command was sent; what came of it could not be seen: ") + e.what());
    }
  });
  o["was"] = "running";
  o["removed_from_queue"] = 0;
  return o;
}

json::Object cancel_waiting(Bench& bench, const rq::Job& job) {
  const rq::Keys& keys = bench.settings.keys;
  redis::Args names = {
      keys.job(job.id), keys.queue(job.origin), keys.registry("scheduled", job.origin),
      keys.registry("deferred", job.origin), keys.registry("canceled", job.origin)};
  const redis::Reply awaited = reading([&] {
    return bench.redis.command({"SMEMBERS", keys.dependencies(job.id)});
  });
  for (const redis::Reply& other : awaited.items) {
    if (usable_id(other.text)) names.push_back(keys.dependents(other.text));
  }
  return changing([&] {
    const redis::Reply r = bench.redis.eval(
        scripts::kCancel, names, {job.id, job.origin, std::to_string(now_us() / 1'000'000)});
    if (word_of(r) == "taken") return refused("a worker has just taken the job");
    if (word_of(r) != "done" || r.items.size() != 3) return changed_meanwhile(r);
    json::Object o = outcome("done");
    o["was"] = status_of(r.items[1].text) == Status::scheduled ? "scheduled" : "waiting";
    o["removed_from_queue"] = r.items[2].integer;
    return o;
  });
}

}  // namespace

json::Object retry_job(Bench& bench, const std::string& id, const json::Object& args) {
  const json::Array* new_args = array_given(args, "override_args");
  const json::Object* new_kwargs = object_given(args, "override_kwargs");
  const rq::Job job = reading([&] { return read_job(bench.redis, bench.settings.keys, id).job; });
  if (!job.exists()) return retry_vanished(bench, args, new_args, new_kwargs);
  const Status status = status_of(job.status);
  if (!is_final(status)) {
    return refused("the job is " +
                   (job.status.empty() ? std::string("in an unknown state") : job.status) +
                   "; only a job that has ended can be tried again");
  }
  if (job.origin.empty()) return refused("the job does not say which queue it belongs to");
  Plan plan = plan_of(bench, args, job.origin);
  if (new_args == nullptr && new_kwargs == nullptr) {
    // What finished keeps its result: its repetition is a job of its own.
    if (status == Status::finished) return copy_job(bench, job, std::move(plan), "", "", "job");
    return requeue(bench, job, std::move(plan));
  }
  const rq::Call call = rq::decode_call(job.data);
  if (call.form == rq::Form::unknown && (new_args == nullptr || new_kwargs == nullptr)) {
    return refused("arguments not recoverable: " + call.why);
  }
  std::string function = call.func_name;
  if (function.empty()) function = json::text(args, "task_name");
  if (function.empty()) return refused("the name of the function is not known");
  std::string data;
  try {
    const rq::Form form = call.form == rq::Form::unknown ? rq::Form::pickle : call.form;
    data = rq::encode_call(form, function, new_args, new_kwargs,
                           call.form == rq::Form::unknown ? nullptr : &call);
  } catch (const Error& e) {
    if (e.code != Z4J_INVALID) throw;
    return refused(std::string("arguments not recoverable: ") + e.what());
  }
  const rq::Call written = rq::decode_call(data);
  const json::Array* shown_args = written.args.value.if_array();
  const json::Object* shown_kwargs = written.kwargs.value.if_object();
  const std::string description = shown_args != nullptr && shown_kwargs != nullptr
                                      ? rq::describe_call(function, *shown_args, *shown_kwargs)
                                      : function + "(...)";
  return copy_job(bench, job, std::move(plan), data, description, "operator");
}

json::Object revoke_job(Bench& bench, const std::string& id, const json::Object& args) {
  const bool terminate = json::boolean(args, "terminate");
  // A worker may take the job between the look and the step: look again, a few times at most.
  for (int tries = 0; tries < 5; ++tries) {
    const rq::Job job = reading([&] { return read_job(bench.redis, bench.settings.keys, id).job; });
    if (!job.exists()) return refused("RQ has no such job");
    const Status status = status_of(job.status);
    if (is_final(status)) return refused("the job is " + job.status + " already");
    if (status == Status::started) {
      if (!terminate) return refused("the job is running; only terminate can stop it");
      return stop_running(bench, job);
    }
    if (status == Status::unknown)
      return refused("the job is in a state this plugin does not know");
    json::Object answer = cancel_waiting(bench, job);
    if (json::text(answer, "outcome") != "refused") return answer;
    if (tries == 4 || !bench.shared.gate.pause_ms(kLookAgainMs)) return answer;
  }
  return refused("the job changes too quickly");
}

json::Object purge_queue(Bench& bench, const std::string& queue) {
  if (!usable_id(queue)) throw Error(Z4J_INVALID, "the name of the queue is not usable");
  const rq::Keys& keys = bench.settings.keys;
  const redis::Args names = {keys.queue(queue), keys.registry("wip", queue),
                             keys.registry("scheduled", queue), keys.registry("deferred", queue)};
  const redis::Reply length = reading([&] {
    return bench.redis.command({"LLEN", keys.queue(queue)});
  });
  std::int64_t removed = 0, kept = 0, awaited = 0, left = length.integer;
  redis::Reply last;
  json::Object o = outcome("done");
  try {
    do {
      last = bench.redis.eval(scripts::kPurge, names,
                              {keys.prefix, queue, std::to_string(kept),
                               std::to_string(std::clamp<std::int64_t>(left, 0, kPurgeChunk))});
      if (last.items.size() != 7)
        throw Error(Z4J_CORRUPT, "Redis answered a script in an unexpected form");
      std::vector<PurgedJobs::Purged> gone;
      for (const redis::Reply& id : last.items[0].items) {
        if (usable_id(id.text)) gone.push_back({id.text, queue, now_us()});
      }
      bench.shared.purged.add(std::move(gone));
      const auto in_this =
          static_cast<std::int64_t>(last.items[0].items.size()) + last.items[1].integer;
      removed += in_this;
      kept += last.items[2].integer;
      awaited += last.items[3].integer;
      left -= std::max<std::int64_t>(in_this + last.items[2].integer, kPurgeChunk);
      if (left > 0 && (Clock::now() >= bench.deadline || bench.shared.gate.stopping())) {
        o["reason"] = "time ran out before all jobs were looked at";
        break;
      }
    } while (left > 0);
  } catch (const Error& e) {
    if (removed == 0 && !may_have_run(e)) throw;
    o = outcome("unknown", std::string("interrupted while removing: ") + e.what());
  }
  bench.shared.gate.wake();
  o["removed"] = removed;
  json::Object not_removed;
  if (last.items.size() == 7) {
    not_removed["unacked"] = last.items[4].integer;
    not_removed["scheduled"] = last.items[5].integer;
    not_removed["deferred"] = last.items[6].integer;
  }
  not_removed["other_state"] = kept;
  o["not_removed"] = std::move(not_removed);
  if (awaited > 0)
    o["warnings"] =
        json::Array{std::to_string(awaited) +
                    " of the removed jobs had others waiting for them, which stay deferred"};
  return o;
}

json::Object pause_workers(Bench& bench, const std::string& queue, const json::Object& args) {
  if (!queue.empty())
    return refused("RQ can only pause all queues of a database together; leave the queue out");
  const json::Value* pause = args.if_contains("pause");
  if (pause == nullptr || !pause->is_bool())
    throw Error(Z4J_INVALID, "pause must be true or false", "/pause");
  const std::string& key = bench.settings.keys.suspended();
  const double seconds = json::number(args, "seconds");
  if (!std::isfinite(seconds) || seconds < 0 || seconds > kMaxEtaSeconds)
    throw Error(Z4J_INVALID, "seconds must be from 0 to a year", "/seconds");
  return changing([&] {
    if (!pause->get_bool()) {
      bench.redis.command({"DEL", key});
    } else if (seconds > 0) {
      bench.redis.command(
          {"SET", key, "1", "EX", std::to_string(std::llround(std::ceil(seconds)))});
    } else {
      bench.redis.command({"SET", key, "1"});
    }
    json::Object o = outcome("done");
    o["paused"] = pause->get_bool();
    return o;
  });
}

json::Object enqueue_job(Bench& bench, const std::string& function, const json::Object& args) {
  if (function.empty() || function.size() > 512)
    throw Error(Z4J_INVALID, "the name of the function must have 1 to 512 characters");
  const json::Array no_args;
  const json::Object no_kwargs;
  const json::Array* positional = array_given(args, "args");
  const json::Object* named = object_given(args, "kwargs");
  std::string id(json::text(args, "task_id"));
  if (id.empty()) id = new_id();
  if (!good_new_id(id))
    throw Error(Z4J_INVALID, "a job id has letters, digits, _ and - only, at most 200", "/task_id");
  return submit(bench, id, function, positional != nullptr ? *positional : no_args,
                named != nullptr ? *named : no_kwargs, plan_of(bench, args, "default"), "operator");
}

}  // namespace z4j::engine_rq
