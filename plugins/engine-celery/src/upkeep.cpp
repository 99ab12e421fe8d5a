#include "src/upkeep.hpp"

#include "src/queue_names.hpp"
#include "src/rebuild.hpp"

#include "lib/celery/raw_json.hpp"
#include "lib/redis/redis.hpp"

#include <algorithm>

namespace z4j::engine_celery {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kAskEveryone = 60 * kSecond, kFindQueues = 15 * kSecond,
                       kLookAgainEvery = 10 * kSecond;

}  // namespace

void Upkeep::start() {
  everyone_asked_us_ = queues_found_us_ = looked_us_ = look_again_us_ = 0;
  ending_.begin();
  thread_ = std::thread([this] {
    run();
    lines_.close();
    ending_.end();
  });
}

void Upkeep::stop() {
  shared_.upkeep.stop();
  if (!ending_.wait_ms(kPoliteMs)) lines_.interrupt();
  if (thread_.joinable()) thread_.join();
}

void Upkeep::run() {
  redis::Backoff backoff;
  while (!shared_.gate.stopping()) {
    try {
      lines_.broker->tend();
      if (!lines_.broker->connected()) lines_.control.lost();
      lines_.broker->connect();
      round();
      shared_.health.fine("control");
      backoff.reset();
      shared_.upkeep.pause_or_wake_ms(500);
    } catch (const std::exception& e) {
      if (shared_.gate.stopping()) return;
      lines_.control.lost();
      shared_.health.complain("control", e.what());
      shared_.upkeep.pause_ms(backoff.next_ms());
    }
  }
}

void Upkeep::round() {
  const std::int64_t now = now_us();
  if (settings_.enable_events) {
    if (now - everyone_asked_us_ >= kAskEveryone) {
      switch_events_on({});
      everyone_asked_us_ = now;
    }
    if (const std::vector<std::string> due = shared_.fleet.to_ask(); !due.empty())
      switch_events_on(due);
  }
  if (now - queues_found_us_ >= kFindQueues) {
    find_queues();
    queues_found_us_ = now;
  }
  std::vector<RebuildWish::Gap> gaps;
  bool wanted = shared_.rebuild.take(gaps);
  if (look_again_us_ != 0 && now >= look_again_us_) wanted = true;
  if (!wanted) return;
  look_again_us_ = 0;
  try {
    look_again(gaps);
  } catch (...) {
    if (gaps.empty()) shared_.rebuild.add(std::nullopt);
    for (RebuildWish::Gap& gap : gaps) shared_.rebuild.add(gap);
    throw;
  }
}

void Upkeep::switch_events_on(const std::vector<std::string>& workers) {
  const celery::Control::Asked asked =
      lines_.control.ask({{"enable_events", {}}}, workers, shared_.fleet.live(), kAskMs,
                         [&] { return !shared_.gate.stopping(); });
  for (const celery::Reply& reply : asked.replies.front()) {
    shared_.fleet.answered(reply.worker);
    if (!celery::is_ok(reply)) continue;
    shared_.fleet.events_on(reply.worker);
    // Until now its tasks went unseen.
    const bool were_on = reply.value.find("already") != std::string::npos;
    if (!were_on && look_again_us_ == 0)
      look_again_us_ = std::max(now_us(), looked_us_ + kLookAgainEvery);
  }
}

void Upkeep::find_queues() {
  for (const std::string& name : lines_.broker->bound_queues()) shared_.observed.add_queue(name);
  try {
    for (const std::string& name : lines_.broker->listed_queues()) shared_.listed.add_queue(name);
    shared_.health.fine("management");
  } catch (const Error& e) {
    if (e.code == Z4J_CANCELLED) throw;
    shared_.health.complain("management", e.what());
  }
  const celery::Control::Asked asked =
      lines_.control.ask({{"active_queues", {}}}, {}, shared_.fleet.live(), kAskMs,
                         [&] { return !shared_.gate.stopping(); });
  for (const celery::Reply& reply : asked.replies.front()) {
    shared_.fleet.answered(reply.worker);
    const json::Value queues = json::parse(reply.value);
    if (const json::Array* list = queues.if_array()) {
      for (const json::Value& q : *list) {
        if (const json::Object* o = q.if_object())
          shared_.observed.add_queue(std::string(json::text(*o, "name")));
      }
    }
  }
}

void Upkeep::look_again(const std::vector<RebuildWish::Gap>& gaps) {
  constexpr std::int64_t kOverlap = 60 * kSecond;
  const std::int64_t began = now_us();
  std::int64_t since = looked_us_ == 0 ? 0 : looked_us_ - kOverlap;
  for (const RebuildWish::Gap& gap : gaps) since = std::min(since, gap.from_us - kOverlap);
  const Rebuilt rebuilt = rebuild(lines_, shared_, emitter_, queue_names(settings_, shared_),
                                  std::max<std::int64_t>(0, since));
  looked_us_ = began;
  for (const RebuildWish::Gap& gap : gaps) {
    celery::Event e;
    e.kind = Z4J_EV_UNKNOWN;
    e.time_us = gap.to_us;
    e.attrs_json = json::write(json::Object{{"gap",
                                             {{"from", seconds(gap.from_us)},
                                              {"to", seconds(gap.to_us)},
                                              {"why", gap.why},
                                              {"rebuilt", rebuilt.tasks},
                                              {"lost", nullptr}}}});
    emitter_.emit({e});
  }
  host_.info("state was read back from broker and result store",
             json::write(json::Object{{"tasks", rebuilt.tasks},
                                      {"complete", rebuilt.complete},
                                      {"why", rebuilt.why_incomplete}}));
}

}  // namespace z4j::engine_celery
