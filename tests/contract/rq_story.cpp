// RQ: jobs as a poller sees them, look by look, recorded ones and others in their shape.
#include "lib/rq/testing/vectors.hpp"
#include "src/emitter.hpp"
#include "src/job_events.hpp"
#include "src/shared.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine_story.hpp"
#include "story_host.hpp"

namespace z4j::story {
namespace {

using engine_rq::Place;
using engine_rq::Seen;
using engine_rq::Sighting;

// Every job of one capture, in the order of its situations.
std::vector<Sighting> recorded_looks(const std::string& version) {
  const json::Value states = rq::testing::vector_of(version, "states");
  std::vector<Sighting> looks;
  for (const char* state : {"queued", "after_run", "running", "after_stop", "after_kill_horse",
                            "after_die", "after_worker_kill9", "final"}) {
    const json::Object& keys = *json::object(states.get_object(), state);
    for (const auto& [name, id] : *json::object(states.get_object(), "ids")) {
      if (!keys.contains("rq:job:" + std::string(id.get_string().c_str()))) continue;
      Sighting look;
      look.job = rq::testing::job_in(states, state, name);
      const std::vector<rq::Result> results = rq::testing::results_in(states, state, name);
      look.results = static_cast<std::int64_t>(results.size());
      if (!results.empty()) look.last_result = results.back();
      looks.push_back(std::move(look));
    }
  }
  return looks;
}

// One job from its sending on. What RQ keeps of it is overwritten with each step.
class Life {
 public:
  Life(Dice& dice, std::string id) : dice_(dice) {
    look_.job.id = std::move(id);
    look_.job.origin = "q" + std::to_string(dice.below(2));
    look_.job.description = "shop.charge(1)";
    look_.job.created_at = at_;
    queue();
  }

  std::vector<Sighting> looks() {
    for (int run = 0; run < 4; ++run) {
      if (dice_.one_in(8)) {
        look_.score_us = pass() / 1'000'000 * 1'000'000;  // its registry keeps whole seconds
        see("canceled", Place::canceled);
      } else {
        look_.job.worker_name = "w" + std::to_string(dice_.below(3));
        look_.job.started_at = pass();
        see("started", Place::wip);
        if (dice_.one_in(6)) break;  // still at it
        look_.job.ended_at = pass();
        if (run < 3 && dice_.one_in(3)) {
          result(rq::ResultType::retried);
          const std::int64_t due = pass();
          if (dice_.one_in(2)) {
            look_.score_us = due + 5'000'000;
            see("scheduled", Place::scheduled);
          }
          look_.job.enqueued_at = pass();
          see("queued", Place::queue);
          continue;
        }
        end();
      }
      if (run == 3 || dice_.one_in(2)) break;
      // A person puts it back.
      look_.job.started_at.reset();
      look_.job.ended_at.reset();
      look_.score_us = 0;
      queue();
    }
    if (!last_kept_) kept_.push_back(look_);
    return std::move(kept_);
  }

 private:
  std::int64_t pass() { return at_ += 600'000 + dice_.below(2'000'000); }
  void queue() {
    look_.job.enqueued_at = pass();
    see("queued", Place::queue);
  }
  void end() {
    if (dice_.one_in(3)) {
      result(rq::ResultType::failed);
      look_.last_result.exc_string = "Traceback\nValueError: x";
      see("failed", Place::failed);
    } else if (dice_.one_in(4)) {
      result(rq::ResultType::stopped);
      see("stopped", Place::failed);
    } else {
      result(rq::ResultType::success);
      see("finished", Place::finished);
    }
  }
  void result(rq::ResultType type) {
    ++look_.results;
    look_.last_result = {};
    look_.last_result.type = type;
    look_.last_result.written_at = look_.job.ended_at;
  }
  // The poller comes by now and then.
  void see(const char* status, Place place) {
    look_.job.status = status;
    look_.place = place;
    last_kept_ = !dice_.one_in(3);
    if (last_kept_) kept_.push_back(look_);
  }

  Dice& dice_;
  Sighting look_;
  std::vector<Sighting> kept_;
  bool last_kept_ = false;
  std::int64_t at_ = kBegin;
};

void tell(const std::vector<Sighting>& looks, TakeBatch take, void* to) {
  const StoryHost host(take, to);
  wait::Gate gate;
  engine_rq::Emitter emitter(host.host(), gate);
  engine_rq::Observed observed;
  std::map<std::string, Seen> seen;
  const std::int64_t now = kBegin + 3'600'000'000;
  for (const Sighting& look : looks) {
    const auto known = seen.find(look.job.id);
    const Seen* before = known == seen.end() ? nullptr : &known->second;
    seen[look.job.id] = engine_rq::report_job(look, before, now, observed, emitter);
    emitter.flush();
  }
}

}  // namespace
}  // namespace z4j::story

void z4j_tell_rq(std::uint32_t seed, TakeBatch take, void* to) noexcept {
  using namespace z4j::story;
  if (seed == 0) {
    for (const char* version : {"1.13", "2.10"}) tell(recorded_looks(version), take, to);
    return;
  }
  Dice dice(seed);
  for (int n = 1 + dice.below(3); n > 0; --n)
    tell(Life(dice, "job-" + std::to_string(n)).looks(), take, to);
}
