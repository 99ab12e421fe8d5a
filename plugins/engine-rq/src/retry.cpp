#include "lib/rq/codec.hpp"
#include "src/actions.hpp"
#include "src/answers.hpp"
#include "src/lookup.hpp"
#include "src/scripts.hpp"
#include "src/steps.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace z4j::engine_rq {
namespace {

constexpr double kMaxEtaSeconds = 366.0 * 86400;
constexpr const char* kIdTaken = "there is a job with this id already";

// RQ 2.x takes no other characters.
bool good_new_id(std::string_view id) {
  return !id.empty() && id.size() <= 200 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

// Of the repetition, when it is a job of its own: the caller may have named it beforehand.
std::string id_for_new(const json::Object& args) {
  std::string id(json::text(args, "new_task_id"));
  if (id.empty()) return text::new_uuid();
  if (!good_new_id(id))
    throw Error(Z4J_INVALID, "a job id has letters, digits, _ and - only, at most 200",
                "/new_task_id");
  return id;
}

// Where and when a job is to run.
struct Plan {
  std::string queue;
  std::string due;  // Unix seconds; empty: at once
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

void add_places(redis::Args& names, const rq::Keys& keys, const std::string& queue) {
  names.push_back(keys.queues());
  names.push_back(keys.queue(queue));
  names.push_back(keys.registry("scheduled", queue));
}

json::Object done_retry(const std::string& id, const char* source, const Plan& plan) {
  json::Object o = outcome("done");
  o["new_task_id"] = id;
  o["source"] = source;
  o["queue"] = plan.queue;
  o["warnings"] = plan.warnings;
  return o;
}

// The same job again under its id, as RQ's own requeue does.
Step requeue(Bench& bench, const rq::Job& job, Plan plan) {
  const rq::Keys& keys = bench.settings.keys;
  Step step;
  step.script = scripts::kRequeue;
  step.keys = {keys.job(job.id), keys.registry("failed", job.origin),
               keys.registry("canceled", job.origin), keys.registry("finished", job.origin)};
  add_places(step.keys, keys, plan.queue);
  step.args = {job.id,  job.status, rq::format_time(now_us()), plan.queue, plan.front ? "1" : "",
               plan.due};
  step.finish = [id = job.id, plan = std::move(plan)](const redis::Reply& r) {
    return word_of(r) == "done" ? done_retry(id, "job", plan) : changed_meanwhile(r);
  };
  return step;
}

// A new job made from the old; `data` "" takes the call over byte by byte.
Step copy_job(Bench& bench, const rq::Job& job, const std::string& id, Plan plan,
              const std::string& data, const std::string& description, const char* source) {
  const rq::Keys& keys = bench.settings.keys;
  Step step;
  step.script = scripts::kCopy;
  step.keys = {keys.job(job.id), keys.job(id)};
  add_places(step.keys, keys, plan.queue);
  step.args = {
      id,   job.status, rq::format_time(now_us()), plan.queue, plan.front ? "1" : "", plan.due,
      data, description};
  step.finish = [id, source, plan = std::move(plan)](const redis::Reply& r) {
    if (word_of(r) == "done") return done_retry(id, source, plan);
    if (word_of(r) == "empty")
      return refused("arguments not recoverable: the job has lost its data");
    if (word_of(r) == "taken") return refused(kIdTaken);
    return changed_meanwhile(r);
  };
  return step;
}

Step submit(Bench& bench, const std::string& id, const std::string& function,
            const json::Array& args, const json::Object& kwargs, Plan plan) {
  const rq::Keys& keys = bench.settings.keys;
  rq::Form form = bench.settings.serializer;
  if (form == rq::Form::unknown) form = bench.shared.observed.form(plan.queue);
  if (form == rq::Form::unknown) form = rq::Form::pickle;
  Step step;
  step.script = scripts::kSubmit;
  step.keys = {keys.job(id)};
  add_places(step.keys, keys, plan.queue);
  step.args = {id,
               rq::format_time(now_us()),
               plan.queue,
               plan.front ? "1" : "",
               plan.due,
               rq::encode_call(form, function, &args, &kwargs),
               rq::describe_call(function, args, kwargs)};
  step.finish = [id, plan = std::move(plan)](const redis::Reply& r) {
    if (word_of(r) == "taken") return refused(kIdTaken);
    return done_retry(id, "operator", plan);
  };
  return step;
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

Prepared retry_vanished(Bench& bench, const json::Object& args, const json::Array* new_args,
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
  return submit(bench, id_for_new(args), function, *new_args, *new_kwargs,
                plan_of(bench, args, queue));
}

Prepared prepare_retry(Bench& bench, const rq::Job& job, const json::Object& args) {
  const json::Array* new_args = array_given(args, "override_args");
  const json::Object* new_kwargs = object_given(args, "override_kwargs");
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
    if (status == Status::finished)
      return copy_job(bench, job, id_for_new(args), std::move(plan), "", "", "job");
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
  return copy_job(bench, job, id_for_new(args), std::move(plan), data, description, "operator");
}

std::vector<json::Object> retry_some(Bench& bench, const std::vector<Asked>& asked) {
  std::vector<Wanted> wanted;
  for (const Asked& one : asked) wanted.push_back({one.id, Place::none, 0, 0});
  const std::vector<Sighting> jobs = reading(
      [&] { return read_jobs(bench.redis, bench.settings.keys, wanted, bench.shared.gate); });
  std::vector<Prepared> prepared;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (i >= jobs.size() || !usable_id(asked[i].id)) {
      prepared.emplace_back(refused(i >= jobs.size() ? "not tried: the instance is stopping"
                                                     : "the job's id is not usable"));
      continue;
    }
    try {
      prepared.push_back(prepare_retry(bench, jobs[i].job, asked[i].args));
    } catch (const Error& e) {
      if (e.code != Z4J_INVALID) throw;
      prepared.emplace_back(refused(e.what()));
    }
  }
  return run_steps(bench, std::move(prepared));
}

json::Object only(std::vector<json::Object> answers) { return std::move(answers.front()); }

}  // namespace

json::Object retry_job(Bench& bench, const Asked& asked) {
  const rq::Job job =
      reading([&] { return read_job(bench.redis, bench.settings.keys, asked.id).job; });
  return only(run_steps(bench, {prepare_retry(bench, job, asked.args)}));
}

std::vector<json::Object> retry_jobs(Bench& bench, const std::vector<Asked>& asked) {
  return in_parts(asked, [&](const std::vector<Asked>& some) { return retry_some(bench, some); });
}

json::Object enqueue_job(Bench& bench, const std::string& function, const json::Object& args) {
  if (function.empty() || function.size() > 512)
    throw Error(Z4J_INVALID, "the name of the function must have 1 to 512 characters");
  const json::Array no_args;
  const json::Object no_kwargs;
  const json::Array* positional = array_given(args, "args");
  const json::Object* named = object_given(args, "kwargs");
  std::string id(json::text(args, "task_id"));
  if (id.empty()) id = text::new_uuid();
  if (!good_new_id(id))
    throw Error(Z4J_INVALID, "a job id has letters, digits, _ and - only, at most 200", "/task_id");
  return only(run_steps(
      bench, {submit(bench, id, function, positional != nullptr ? *positional : no_args,
                     named != nullptr ? *named : no_kwargs, plan_of(bench, args, "default"))}));
}

json::Object requeue_dead_letter(Bench& bench, const std::string& id, const json::Object& args) {
  const rq::Job job = reading([&] { return read_job(bench.redis, bench.settings.keys, id).job; });
  if (!job.exists()) return refused("RQ has no such job");
  const std::string_view queue = json::text(args, "queue");
  if (!queue.empty() && queue != job.origin)
    return refused("the job belongs to another queue: " + job.origin);
  const rq::Keys& keys = bench.settings.keys;
  const redis::Reply listed = reading([&] {
    return bench.redis.command({"ZSCORE", keys.registry("failed", job.origin), id});
  });
  if (listed.is_nil()) return refused("the job is " + job.status + " and no dead letter");
  json::Object where;
  if (const std::string_view to = json::text(args, "to"); !to.empty())
    where["queue"] = json::String(to);
  return only(run_steps(bench, {requeue(bench, job, plan_of(bench, where, job.origin))}));
}

}  // namespace z4j::engine_rq
