#include "src/poller.hpp"

#include "lib/json/json.hpp"
#include "src/job_events.hpp"
#include "src/lookup.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace z4j::engine_rq {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kActivePauseMs = 250;  // while things change
constexpr int kLeastPauseMs = 50;    // also when notices pour in
constexpr int kActiveRounds = 20;    // after the last change
constexpr auto kWorkersEvery = std::chrono::seconds(2);

double unix_seconds(std::int64_t us) { return static_cast<double>(us) / 1e6; }

}  // namespace

Poller::Poller(const Settings& settings, Host host, Shared& shared)
    : settings_(settings),
      host_(host),
      shared_(shared),
      redis_(settings.redis),
      emitter_(host, shared.gate),
      survey_(settings.keys, seen_),
      last_good_us_(now_us()),
      watched_since_us_(last_good_us_) {}

void Poller::run() {
  redis::Backoff backoff;
  int active_rounds = 0;
  while (!shared_.gate.stopping()) {
    int pause_ms = 0;
    try {
      const Activity activity = look();
      backoff.reset();
      if (activity == Activity::more) continue;
      active_rounds = activity == Activity::active ? kActiveRounds : std::max(0, active_rounds - 1);
      pause_ms =
          active_rounds > 0 ? std::min(kActivePauseMs, settings_.poll_ms) : settings_.poll_ms;
    } catch (const Error& e) {
      if (e.code == Z4J_CANCELLED || shared_.gate.stopping()) break;
      lost(e.what());
      shared_.gate.pause_ms(backoff.next_ms());
      continue;
    } catch (const std::exception& e) {
      lost(std::string("looking at RQ failed: ") + e.what());
      shared_.gate.pause_ms(backoff.next_ms());
      continue;
    }
    if (!shared_.gate.pause_ms(std::min(pause_ms, kLeastPauseMs))) break;
    shared_.gate.pause_or_wake_ms(std::max(0, pause_ms - kLeastPauseMs));
  }
}

Poller::Activity Poller::look() {
  Survey::Round round = survey_.look(redis_);
  if (!is_up_) found_again();
  if (round.queues_left_out > 0 && !std::exchange(told_queues_left_out_, true)) {
    host_.warn("more queues than are watched",
               json::write(json::Object{{"left_out", round.queues_left_out}}));
  }
  const std::uint64_t before = emitter_.added();
  std::vector<Sighting> sightings = read_jobs(redis_, settings_.keys, round.moved, shared_.gate);
  const std::int64_t now = now_us();
  for (Sighting& s : sightings) {
    s.watched_since_us = watched_since_us_;
    const Seen* known = seen_.find(s.job.id);
    if (!s.job.exists()) {
      // Listed without a hash, or gone since: remembered so that it is not read again and again.
      Seen next = known != nullptr ? *known : Seen{};
      next.place = s.place;
      next.mark = s.mark;
      seen_.put(s.job.id, next);
      continue;
    }
    const std::uint64_t added = emitter_.added();
    seen_.put(s.job.id, report_job(s, known, now, shared_.observed, emitter_));
    if (gap_open_ && emitter_.added() != added) ++gap_rebuilt_;
  }
  tell_purged();
  if (Clock::now() - workers_looked_at_ >= kWorkersEvery) {
    workers_looked_at_ = Clock::now();
    workers_.look(redis_, settings_.keys, now_us(), emitter_);
  }
  tell_gap_when_rebuilt(round.complete && !round.more);
  last_good_us_ = now_us();
  const bool changed = emitter_.added() != before || !round.moved.empty();
  emitter_.flush();
  return round.more ? Activity::more : changed ? Activity::active : Activity::quiet;
}

void Poller::tell_purged() {
  for (const PurgedJobs::Purged& p : shared_.purged.take()) {
    Event e;
    e.kind = Z4J_EV_REVOKED;
    e.time_us = p.at_us;
    e.task_id = p.id;
    e.queue = p.queue;
    Seen next;
    if (const Seen* known = seen_.find(p.id)) next = *known;
    e.attempt = next.attempt;
    e.time_us = std::max(e.time_us, next.sent_us + 1);
    e.attrs_json = json::write(json::Object{{"reason", p.why}});
    // A job that comes back under this id is its next attempt.
    next.place = Place::none;
    next.status = Status::canceled;
    next.mark = 0;
    seen_.put(p.id, next);
    emitter_.add(e);
  }
}

void Poller::lost(const std::string& why) {
  survey_.restart();
  if (is_up_) {
    is_up_ = false;
    host_.warn("Redis is out of sight",
               json::write(json::Object{{"redis", settings_.redis.hint()}, {"why", why}}));
  }
  if (!gap_open_) {
    gap_open_ = true;
    gap_from_us_ = last_good_us_;
    gap_rebuilt_ = 0;
  }
  gap_why_ = why;
  std::string text = "no sight of Redis at " + settings_.redis.hint() + ": " + why;
  if (text != health_) {
    health_ = std::move(text);
    host_.health(Z4J_HEALTH_DEGRADED, health_);
  }
}

void Poller::found_again() {
  is_up_ = true;
  if (gap_open_) {
    gap_to_us_ = now_us();
    watched_since_us_ = gap_to_us_;
    host_.info("Redis is in sight", json::write(json::Object{{"redis", settings_.redis.hint()}}));
  }
  health_.clear();
  host_.health(Z4J_HEALTH_OK, "");
}

void Poller::tell_gap_when_rebuilt(bool complete) {
  if (!gap_open_ || !complete) return;
  gap_open_ = false;
  Event e;
  e.kind = Z4J_EV_UNKNOWN;
  e.time_us = gap_to_us_;
  e.attrs_json = json::write(json::Object{{"gap", json::Object{{"from", unix_seconds(gap_from_us_)},
                                                               {"to", unix_seconds(gap_to_us_)},
                                                               {"why", gap_why_},
                                                               {"rebuilt", gap_rebuilt_},
                                                               {"lost", nullptr}}}});
  emitter_.add(e);
}

}  // namespace z4j::engine_rq
