#include "src/actions.hpp"
#include "src/answers.hpp"
#include "src/lookup.hpp"
#include "src/scripts.hpp"
#include "src/steps.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace z4j::engine_rq {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kStopConfirmation = std::chrono::seconds(5);
constexpr int kLookAgainMs = 50;
// A worker may take a job between the look and the step.
constexpr int kMostTries = 5;

bool same_run(const rq::Job& now, const rq::Job& then) {
  return now.exists() && status_of(now.status) == Status::started &&
         now.started_at == then.started_at;
}

// What became of a run that was told to stop.
json::Object stop_answer(const rq::Job& then, const rq::Job& now) {
  if (same_run(now, then))
    return outcome("sent",
                   "worker " + then.worker_name + " got the command, but the job still runs");
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

class Revocations {
 public:
  Revocations(Bench& bench, const std::vector<Asked>& asked)
      : bench_(bench), asked_(asked), answers_(asked.size()) {}

  std::vector<json::Object> run() {
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < asked_.size(); ++i) {
      if (usable_id(asked_[i].id))
        left.push_back(i);
      else
        answers_[i] = refused("the job's id is not usable");
    }
    left = cancel(left);
    try {
      for (int tries = 1; tries < kMostTries && !left.empty(); ++tries) {
        if (!bench_.shared.gate.pause_ms(kLookAgainMs)) break;
        left = cancel(left);
      }
    } catch (const Error&) {
      // What was found so far stands.
    }
    stop_running();
    return std::move(answers_);
  }

 private:
  struct Running {
    std::size_t at;
    rq::Job job;
  };

  std::vector<Sighting> read(const std::vector<std::string>& ids) {
    std::vector<Wanted> wanted;
    for (const std::string& id : ids) wanted.push_back({id, Place::none, 0, 0});
    std::vector<Sighting> jobs = reading(
        [&] { return read_jobs(bench_.redis, bench_.settings.keys, wanted, bench_.shared.gate); });
    if (jobs.size() != ids.size()) throw Error(Z4J_CANCELLED, "the instance is stopping");
    return jobs;
  }

  // Cancels what waits, sets aside what runs; answers those that changed under its hands.
  std::vector<std::size_t> cancel(const std::vector<std::size_t>& left) {
    std::vector<std::string> ids;
    for (const std::size_t i : left) ids.push_back(asked_[i].id);
    const std::vector<Sighting> jobs = read(ids);
    std::vector<std::size_t> waiting;
    std::vector<rq::Job> waiting_jobs;
    for (std::size_t k = 0; k < left.size(); ++k) {
      const rq::Job& job = jobs[k].job;
      if (std::optional<json::Object> answer = cannot_cancel(left[k], job)) {
        answers_[left[k]] = std::move(*answer);
      } else if (status_of(job.status) == Status::started) {
        running_.push_back({left[k], job});
      } else {
        waiting.push_back(left[k]);
        waiting_jobs.push_back(job);
      }
    }
    std::vector<std::size_t> again;
    std::vector<json::Object> answers = run_steps(bench_, cancel_steps(waiting_jobs));
    for (std::size_t k = 0; k < waiting.size(); ++k) {
      answers_[waiting[k]] = std::move(answers[k]);
      if (is_refused(answers_[waiting[k]])) again.push_back(waiting[k]);
    }
    return again;
  }

  std::optional<json::Object> cannot_cancel(std::size_t at, const rq::Job& job) const {
    if (!job.exists()) return refused("RQ has no such job");
    const Status status = status_of(job.status);
    if (is_final(status)) return refused("the job is " + job.status + " already");
    if (status == Status::unknown)
      return refused("the job is in a state this plugin does not know");
    if (status != Status::started) return std::nullopt;
    if (!json::boolean(asked_[at].args, "terminate"))
      return refused("the job is running; only terminate can stop it");
    if (job.worker_name.empty())
      return refused("the job is running, but RQ does not say on which worker");
    return std::nullopt;
  }

  std::vector<Prepared> cancel_steps(const std::vector<rq::Job>& jobs) {
    const rq::Keys& keys = bench_.settings.keys;
    std::vector<redis::Args> commands;
    for (const rq::Job& job : jobs) commands.push_back({"SMEMBERS", keys.dependencies(job.id)});
    const std::vector<redis::Reply> awaited =
        reading([&] { return bench_.redis.pipeline(commands); });
    std::vector<Prepared> steps;
    for (std::size_t k = 0; k < jobs.size(); ++k) {
      const rq::Job& job = jobs[k];
      Step step;
      step.script = scripts::kCancel;
      step.keys = {keys.job(job.id), keys.queue(job.origin), keys.registry("scheduled", job.origin),
                   keys.registry("deferred", job.origin), keys.registry("canceled", job.origin)};
      for (const redis::Reply& other : awaited[k].items) {
        if (usable_id(other.text)) step.keys.push_back(keys.dependents(other.text));
      }
      step.args = {job.id, job.origin, std::to_string(now_us() / 1'000'000)};
      step.finish = [](const redis::Reply& r) {
        if (word_of(r) == "taken") return refused("a worker has just taken the job");
        if (word_of(r) != "done" || r.items.size() != 3) return changed_meanwhile(r);
        json::Object o = outcome("done");
        o["was"] = status_of(r.items[1].text) == Status::scheduled ? "scheduled" : "waiting";
        o["removed_from_queue"] = r.items[2].integer;
        return o;
      };
      steps.emplace_back(std::move(step));
    }
    return steps;
  }

  // Asks the workers to stop what they run, and looks for all of them whether they did.
  void stop_running() {
    if (running_.empty()) return;
    std::vector<redis::Args> commands;
    for (const Running& r : running_) {
      commands.push_back(
          {"PUBLISH", bench_.settings.keys.commands_to(r.job.worker_name),
           json::write(json::Object{{"command", "stop-job"}, {"job_id", r.job.id}})});
    }
    std::vector<Running> told;
    try {
      const std::vector<redis::Reply> heard = bench_.redis.pipeline(commands);
      for (std::size_t k = 0; k < running_.size(); ++k) {
        if (heard[k].is_error()) {
          answer(running_[k], refused("Redis refused it: " + text::clean(heard[k].text, 200)));
        } else if (heard[k].integer == 0) {
          answer(running_[k],
                 refused("worker " + running_[k].job.worker_name +
                         " does not listen to commands; it may be dead or older than RQ 1.7"));
        } else {
          told.push_back(running_[k]);
        }
      }
    } catch (const Error& e) {
      if (!may_have_run(e) && asked_.size() == 1) throw;
      for (const Running& r : running_)
        answer(r, may_have_run(e) ? outcome("unknown", e.what())
                                  : refused(std::string("not tried: ") + e.what()));
      return;
    }
    confirm(told);
  }

  void confirm(const std::vector<Running>& told) {
    const auto until = std::min(bench_.deadline, Clock::now() + kStopConfirmation);
    std::vector<std::string> ids;
    for (const Running& r : told) ids.push_back(r.job.id);
    try {
      for (;;) {
        const std::vector<Sighting> now = read(ids);
        bool some_run = false;
        for (std::size_t k = 0; k < told.size(); ++k) {
          answer(told[k], stop_answer(told[k].job, now[k].job));
          some_run = some_run || same_run(now[k].job, told[k].job);
        }
        if (!some_run || Clock::now() >= until || !bench_.shared.gate.pause_ms(kLookAgainMs)) break;
      }
    } catch (const Error& e) {
      for (const Running& r : told)
        answer(r, outcome("sent", std::string("the command was sent; what came of it could not be "
                                              "seen: ") +
                                      e.what()));
    }
  }

  void answer(const Running& running, json::Object o) {
    if (!is_refused(o)) {
      o["was"] = "running";
      o["removed_from_queue"] = 0;
    }
    answers_[running.at] = std::move(o);
  }

  Bench& bench_;
  const std::vector<Asked>& asked_;
  std::vector<json::Object> answers_;
  std::vector<Running> running_;
};

}  // namespace

std::vector<json::Object> revoke_jobs(Bench& bench, const std::vector<Asked>& asked) {
  return in_parts(asked,
                  [&](const std::vector<Asked>& some) { return Revocations(bench, some).run(); });
}

json::Object revoke_job(Bench& bench, const Asked& asked) {
  return std::move(revoke_jobs(bench, {asked}).front());
}

}  // namespace z4j::engine_rq
